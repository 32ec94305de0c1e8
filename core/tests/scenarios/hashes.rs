//! Checksums: HASH, OPTS HASH, XCRC and its like; and RANG, for them and for downloads.

use super::*;
use ossftp_core::sim::Fault;
use ossftp_core::{Capabilities, ErrorKind, HashAlgorithm, HashAlgorithms};

const SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const MD5: &str = "5d41402abc4b2a76b9719d911017c592";
const SHA1: &str = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
const CRC32: &str = "3610a686";

#[test]
fn who_may_hash() {
    let commands = [
        "HASH a.txt",
        "XCRC a.txt",
        "XMD5 a.txt",
        "XSHA a.txt",
        "XSHA1 a.txt",
        "XSHA256 a.txt",
        "XSHA512 a.txt",
        "MD5 a.txt",
    ];
    need_login(&commands);
    need_login(&["RANG 0 1"]);
    need_ability(&commands);
    // Reading is enough.
    let allowed = commands.map(|command| {
        let code = match command {
            "HASH a.txt" => 213,
            "MD5 a.txt" => 251,
            _ => 250,
        };
        (command, code)
    });
    play(&each(guest(), &allowed));
}

#[test]
fn hash() {
    play(
        &demo()
            .send("HASH a.txt")
            .expect_text(213, format!("213 SHA-256 0-4 {SHA256} a.txt\r\n"))
            .send("OPTS HASH")
            .expect_text(200, "200 SHA-256\r\n")
            .send("OPTS HASH sha-1")
            .expect_text(200, "200 SHA-1\r\n")
            .send("HASH /dir/../a.txt")
            .expect_text(213, format!("213 SHA-1 0-4 {SHA1} /dir/../a.txt\r\n"))
            .send("FEAT")
            .expect_text(211, " HASH SHA-256;SHA-512;SHA-1*;MD5;CRC64;CRC32;\r\n")
            // By the name that clients look for.
            .send("FEAT")
            .expect_text(211, "\r\n XSHA\r\n XSHA1\r\n XSHA256\r\n")
            .send("OPTS HASH WHIRLPOOL")
            .expect(504)
            .send(b"OPTS HASH \xc3(")
            .expect(504)
            .send("OPTS HASH")
            .expect_text(200, "200 SHA-1\r\n")
            .send("OPTS HASH CRC32")
            .expect(200)
            .send("HASH a.txt")
            .expect_text(213, format!("213 CRC32 0-4 {CRC32} a.txt\r\n"))
            .send("OPTS HASH crc64")
            .expect(200)
            .send("HASH a.txt")
            .expect(213)
            .send("OPTS HASH SHA512")
            .expect_text(200, "200 SHA-512\r\n")
            .send("HASH a.txt")
            .expect(213)
            .stores("nothing", "")
            .send("OPTS HASH MD5")
            .expect(200)
            .send("HASH nothing")
            .expect_text(
                213,
                "213 MD5 0-0 d41d8cd98f00b204e9800998ecf8427e nothing\r\n",
            )
            // The file as it is stored, in TYPE A too.
            .send("TYPE A")
            .expect(200)
            .send("HASH a.txt")
            .expect_text(213, format!("213 MD5 0-4 {MD5} a.txt\r\n"))
            .send("HASH missing")
            .expect(550)
            .send("HASH dir")
            .expect(550)
            .send("HASH")
            .expect(501),
    );
}

#[test]
fn only_what_the_storage_can_compute() {
    let mut able = Capabilities::default();
    able.hashes = HashAlgorithms::NONE
        .with(HashAlgorithm::Md5)
        .with(HashAlgorithm::Crc64);
    let store = store().with_capabilities(able);
    play_on(
        &store,
        &demo()
            .send("FEAT")
            .expect_text(211, "\r\n HASH MD5*;CRC64;\r\n")
            .send("HASH a.txt")
            .expect_text(213, "213 MD5 0-4 ")
            .send("OPTS HASH SHA-256")
            .expect(504)
            .send("OPTS HASH CRC64")
            .expect(200)
            .send("HASH a.txt")
            .expect_text(213, "213 CRC64 0-4 ")
            .send("MD5 a.txt")
            .expect(251)
            .send("XCRC a.txt")
            .expect(502)
            .send("XSHA256 a.txt")
            .expect(502),
    );
    let none = self::store().with_capabilities(Capabilities::default());
    play_on(&none, &each(demo(), &[("OPTS HASH MD5", 501)]));
}

#[test]
fn checksums() {
    let upper = |hex: &str| format!("250 {}\r\n", hex.to_ascii_uppercase());
    play(
        &demo()
            .send("XCRC a.txt")
            .expect_text(250, upper(CRC32))
            .send("XMD5 a.txt")
            .expect_text(250, upper(MD5))
            .send("XSHA a.txt")
            .expect_text(250, upper(SHA1))
            .send("XSHA1 a.txt")
            .expect_text(250, upper(SHA1))
            .send("XSHA256 \"a.txt\"")
            .expect_text(250, upper(SHA256))
            .send("XSHA512 a.txt")
            .expect(250)
            .send("MD5 a.txt")
            .expect_text(251, format!("251 a.txt {MD5}\r\n"))
            .send("XMD5 a.txt 0 5")
            .expect_text(250, upper(MD5))
            // `l`, which is the third byte.
            .send("XMD5 \"a.txt\" 2 3")
            .expect_text(250, upper("2db95e8e1a9267b7a1188556b2013b33"))
            .send("XMD5 a.txt 5 5")
            .expect_text(250, upper("d41d8cd98f00b204e9800998ecf8427e")),
    );
    for verb in ["XCRC", "XMD5", "XSHA", "XSHA1", "XSHA256", "XSHA512", "MD5"] {
        play(&each(
            demo(),
            &[
                (&format!("{verb} missing"), 550),
                (&format!("{verb} dir"), 550),
                (&format!("{verb} a.txt 0 6"), 501),
                (&format!("{verb} a.txt 9 10"), 501),
                (&format!("{verb} a.txt 3 2"), 501),
                (verb, 501),
                ("RANG 0 1", 350),
                (
                    &format!("{verb} a.txt 0 2"),
                    if verb == "MD5" { 251 } else { 250 },
                ),
            ],
        ));
    }
}

#[test]
fn what_the_storage_says_of_hashes() {
    for (kind, code) in [
        (ErrorKind::Busy, 450),
        (ErrorKind::Unavailable, 451),
        (ErrorKind::Denied, 550),
        (ErrorKind::Unsupported, 504),
    ] {
        let store = store();
        store.fail_next(Fault::Perform, kind);
        store.fail_next(Fault::Open, kind);
        store.fail_next(Fault::Chunk(0), kind);
        play_on(
            &store,
            &each(
                demo(),
                &[
                    ("HASH a.txt", code),
                    ("XMD5 a.txt", code),
                    ("MD5 a.txt", code),
                    ("HASH a.txt", 213),
                ],
            ),
        );
    }
}

#[test]
fn a_range_of_a_hash() {
    play(
        &demo()
            .send("OPTS HASH MD5")
            .expect(200)
            .send("RANG 2 2")
            .expect(350)
            .send("HASH a.txt")
            .expect_text(
                213,
                "213 MD5 2-2 2db95e8e1a9267b7a1188556b2013b33 a.txt\r\n",
            )
            // Used up.
            .send("HASH a.txt")
            .expect_text(213, "213 MD5 0-4 ")
            .send("RANG 0 5")
            .expect(350)
            .send("HASH a.txt")
            .expect(551)
            .send("RANG 9 18446744073709551615")
            .expect(350)
            .send("HASH a.txt")
            .expect(551)
            .send("RANG 0 1")
            .expect(350)
            .send("HASH missing")
            .expect(550)
            .send("HASH a.txt")
            .expect_text(213, "213 MD5 0-4 ")
            .send("RANG 0 1")
            .expect(350)
            .send("HASH")
            .expect(501)
            .send("HASH a.txt")
            .expect_text(213, "213 MD5 0-4 "),
    );
}

#[test]
fn what_a_range_looks_like() {
    play(&each(
        demo(),
        &[
            ("RANG 0 0", 350),
            ("RANG 1 0", 350),
            ("RANG 2 1", 501),
            ("RANG 5 0", 501),
            ("RANG", 501),
            ("RANG 1", 501),
            ("RANG a b", 501),
            ("RANG -1 1", 501),
            ("RANG 0 18446744073709551616", 501),
            ("TYPE A", 200),
            ("RANG 0 1", 501),
            ("RANG 1 0", 350),
        ],
    ));
}

#[test]
fn a_range_of_a_download() {
    play(
        &demo()
            .send("RANG 1 3")
            .expect(350)
            .retrieves("a.txt", "ell")
            .retrieves("a.txt", "hello")
            .send("RANG 0 4")
            .expect(350)
            .send("EPSV")
            .expect(229)
            .send("RETR a.txt")
            .expect_text(150, "(5 bytes)")
            .expect(226)
            .expect_download("hello")
            // REST and RANG take each other back.
            .send("REST 4")
            .expect(350)
            .send("RANG 0 1")
            .expect(350)
            .retrieves("a.txt", "he")
            .send("RANG 0 1")
            .expect(350)
            .send("REST 4")
            .expect(350)
            .retrieves("a.txt", "o")
            .send("RANG 0 1")
            .expect(350)
            .send("RANG 1 0")
            .expect(350)
            .retrieves("a.txt", "hello")
            .send("REST 4")
            .expect(350)
            .send("RANG 1 0")
            .expect(350)
            .retrieves("a.txt", "hello"),
    );
}

#[test]
fn ranges_that_no_download_has() {
    let after = |range: &str, command: &str, code: u16| {
        demo()
            .send("EPSV")
            .expect(229)
            .send(range)
            .expect(350)
            .send(command)
            .expect(code)
            // Both are used up.
            .send("RETR a.txt")
            .expect(425)
            .retrieves("a.txt", "hello")
    };
    play(&after("RANG 0 5", "RETR a.txt", 551));
    play(&after("RANG 5 5", "RETR a.txt", 551));
    play(&after("RANG 6 9", "RETR a.txt", 551));
    play(&after("RANG 0 1", "RETR missing", 550));
    play(&after("RANG 0 1", "RETR /", 550));
    play(&after("RANG 0 1", "STOR x", 551));
    play(&after("RANG 0 1", "APPE a.txt", 551));
    play(&after("RANG 0 1", "STOU x", 551));
    play(
        &demo()
            .send("RANG 0 1")
            .expect(350)
            .send("RETR a.txt")
            .expect(425)
            .retrieves("a.txt", "hello")
            .send("RANG 0 1")
            .expect(350)
            .send("TYPE A")
            .expect(200)
            .send("EPSV")
            .expect(229)
            .send("RETR a.txt")
            .expect(551),
    );
}

/// A range ends with its login, as REST does.
#[test]
fn a_range_is_not_the_next_users() {
    play(
        &demo()
            .send("RANG 0 1")
            .expect(350)
            .send("USER demo")
            .expect(331)
            .send("PASS secret")
            .expect(230)
            .retrieves("a.txt", "hello"),
    );
}
