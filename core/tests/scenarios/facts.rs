//! Times and modes: MDTM with a time, MFMT, MFCT, MFF, SITE UTIME, SITE CHMOD, and the facts of
//! listings.

use super::*;
use ossftp_core::sim::Fault;
use ossftp_core::{Capabilities, ErrorKind, Modes};

#[test]
fn who_may_change_facts() {
    let commands = [
        "MFMT 20200101000000 a.txt",
        "MFCT 20200101000000 a.txt",
        "MFF modify=20200101000000; a.txt",
        "SITE CHMOD 600 a.txt",
        "SITE UTIME 202001010000 a.txt",
    ];
    need_login(&commands);
    need_writing(&commands);
    need_ability(&commands);
    need_login(&["MDTM a.txt", "MDTM 20200101000000 a.txt"]);
    need_writing(&["MDTM 20200101000000 a.txt"]);
}

#[test]
fn times_of_change() {
    play(
        &demo()
            .send("MFMT 20200102030405 a.txt")
            .expect_text(213, "213 Modify=20200102030405; a.txt\r\n")
            .send("MDTM a.txt")
            .expect_text(213, "213 20200102030405\r\n")
            .send("MFMT 20200102030406.789 /dir/../a.txt")
            .expect_text(213, "213 Modify=20200102030406; /dir/../a.txt\r\n")
            .send("MDTM a.txt")
            .expect_text(213, "213 20200102030406\r\n")
            .send("SITE UTIME 202101020304 a.txt")
            .expect(200)
            .send("MDTM a.txt")
            .expect_text(213, "213 20210102030400\r\n")
            .send("SITE UTIME a.txt 20200101000000 20220102030405 20210101000000 UTC")
            .expect(200)
            .send("MDTM a.txt")
            .expect_text(213, "213 20220102030405\r\n")
            .send("MFMT 20200102030405 dir")
            .expect(213)
            .send("MLST dir")
            .expect_text(250, "modify=20200102030405;")
            .send("MDTM dir")
            .expect(550),
    );
    play(&each(
        demo(),
        &[
            ("MFMT", 501),
            ("MFMT 20200102030405", 501),
            ("MFMT 20201302030405 a.txt", 501),
            ("MFMT 2020 a.txt", 501),
            ("MFMT 20200102030405 missing", 550),
            ("MFMT 20200102030405 /", 550),
            ("MFCT 20200102030405 missing", 550),
            ("MFCT x a.txt", 501),
            ("SITE UTIME 202101020304 missing", 550),
            ("SITE UTIME 2021 a.txt", 501),
            ("SITE UTIME", 501),
        ],
    ));
}

#[test]
fn mdtm_with_a_time() {
    let store = store().with_file("/20200102030405 b", "a name that looks like a time");
    play_on(
        &store,
        &demo()
            .send("MDTM 20200102030405 a.txt")
            .expect(213)
            .send("MDTM a.txt")
            .expect_text(213, "213 20200102030405\r\n")
            // The whole argument is a path first.
            .send("MDTM 20200102030405 b")
            .expect_text(213, "213 20231114221320\r\n")
            .send("MDTM 20200102030405 missing")
            .expect(550)
            .send("MDTM 20201302030405 a.txt")
            .expect(550)
            .send("MDTM 2020 a.txt")
            .expect(550)
            .send("MDTM 20200102030405")
            .expect(550),
    );
    let plain = self::store().with_capabilities(Capabilities::default());
    play_on(
        &plain,
        &each(
            demo(),
            &[("MDTM 20200102030405 a.txt", 550), ("MDTM a.txt", 213)],
        ),
    );
    // A storage that fails is no storage without that file.
    let store = self::store();
    store.fail_next(Fault::Perform, ErrorKind::Unavailable);
    play_on(
        &store,
        &demo()
            .send("MDTM 20200102030405 a.txt")
            .expect(451)
            .send("MDTM a.txt")
            .expect_text(213, "213 20231114221320\r\n"),
    );
}

#[test]
fn several_facts_at_once() {
    play(
        &demo()
            .send("MFCT 20190102030405 a.txt")
            .expect_text(213, "213 Create=20190102030405; a.txt\r\n")
            .send("MLST a.txt")
            .expect_text(250, "create=20190102030405; /a.txt\r\n")
            .send("MFF modify=20200102030405;UNIX.mode=640; a.txt")
            .expect_text(213, "213 modify=20200102030405;UNIX.mode=0640; a.txt\r\n")
            .send("MLST a.txt")
            .expect_text(
                250,
                "modify=20200102030405;perm=adfrw;create=20190102030405;UNIX.mode=0640; /a.txt\r\n",
            )
            .send("MFF Create=20210102030405; a.txt")
            .expect(213)
            .send("MFF size=3; a.txt")
            .expect(504)
            .send("MFF modify=2020; a.txt")
            .expect(501)
            .send("MFF UNIX.mode=888; a.txt")
            .expect(501)
            .send("MFF modify=20200102030405; missing")
            .expect(550)
            .send("MFF modify=20200102030405;")
            .expect(501)
            .send("MFF")
            .expect(501)
            .send("FEAT")
            .expect_text(211, "\r\n MFF modify;create;UNIX.mode;\r\n")
            .send("SITE CHMOD 755 a.txt")
            .expect(200)
            .send("MLST a.txt")
            .expect_text(250, "UNIX.mode=0755; /a.txt\r\n"),
    );
}

#[test]
fn what_a_storage_cannot_change_it_does_not_change_in_part() {
    let mut able = Capabilities::default();
    able.modify_times = true;
    let store = store().with_capabilities(able);
    play_on(
        &store,
        &demo()
            .send("MFF modify=20200102030405;create=20200102030405; a.txt")
            .expect_text(504, "MFF modify;\r\n")
            .send("MFF UNIX.mode=644; a.txt")
            .expect(504)
            .send("MDTM a.txt")
            .expect_text(213, "213 20231114221320\r\n")
            .send("MFF modify=20200102030405; a.txt")
            .expect(213)
            .send("FEAT")
            .expect_text(211, "\r\n MFF modify;\r\n")
            .send("FEAT")
            .expect_text(211, "\r\n MLST type*;size*;modify*;perm*;\r\n")
            .send("OPTS MLST type;create;UNIX.mode;")
            .expect_text(200, "200 MLST OPTS type;\r\n")
            .send("MLST a.txt")
            .expect_text(250, "\r\n type=file; /a.txt\r\n")
            .send("MFCT 20200102030405 a.txt")
            .expect(502)
            .send("SITE CHMOD 644 a.txt")
            .expect(502),
    );
}

#[test]
fn modes_that_are_ignored() {
    let mut able = Capabilities::default();
    able.modes = Modes::Ignored;
    let store = store().with_capabilities(able);
    play_on(
        &store,
        &demo()
            .send("SITE CHMOD 600 a.txt")
            .expect_text(200, "nothing was changed")
            .send("SITE CHMOD 600 missing")
            .expect(550)
            .send("SITE CHMOD 999 a.txt")
            .expect(501)
            .send("MFF UNIX.mode=644; a.txt")
            .expect(502)
            .transfers("LIST a.txt", DataPlan::download())
            .expect_download(
                "-rw-r--r--   1 oss      oss                 5 Nov 14 22:13 a.txt\r\n",
            ),
    );
}

#[test]
fn modes_in_listings() {
    play(
        &demo()
            .send("SITE CHMOD 4711 a.txt")
            .expect(200)
            .send("SITE CHMOD 700 dir")
            .expect(200)
            .transfers("LIST a.txt", DataPlan::download())
            .expect_download("-rws--x--x   1 oss      oss                 5 Nov 14 22:13 a.txt\r\n")
            .send("MLST dir")
            .expect_text(250, "UNIX.mode=0700; /dir\r\n")
            .send("FEAT")
            .expect_text(
                211,
                " MLST type*;size*;modify*;perm*;create*;UNIX.mode*;\r\n",
            )
            .send("OPTS MLST unix.MODE;size;")
            .expect_text(200, "200 MLST OPTS size;UNIX.mode;\r\n")
            .transfers("MLSD empty", DataPlan::download())
            .expect_download("")
            .send("MLST a.txt")
            .expect_text(250, "\r\n size=5;UNIX.mode=4711; /a.txt\r\n")
            .send("SITE CHMOD 600 missing")
            .expect(550)
            .send("SITE CHMOD 600")
            .expect(501)
            .send("SITE CHMOD 10000 a.txt")
            .expect(501),
    );
}

#[test]
fn what_the_storage_says_of_facts() {
    for (kind, code) in [
        (ErrorKind::Denied, 550),
        (ErrorKind::Busy, 450),
        (ErrorKind::Unavailable, 451),
        (ErrorKind::Unsupported, 504),
    ] {
        let store = store();
        let mut script = demo();
        for command in [
            "MFMT 20200102030405 a.txt",
            "MFCT 20200102030405 a.txt",
            "MFF modify=20200102030405; a.txt",
            "SITE CHMOD 644 a.txt",
            "SITE UTIME 20200102030405 a.txt",
            "MDTM 20200102030405 a.txt",
        ] {
            script = script.send(command).expect(code);
            store.fail_next(Fault::Perform, kind);
        }
        play_on(&store, &script);
    }
}
