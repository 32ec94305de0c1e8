//! Directories and files: CWD, CDUP, PWD, MKD, RMD, DELE, RNFR, RNTO, SIZE, MDTM, MLST.

use super::*;
use ossftp_core::ErrorKind;
use ossftp_core::sim::Fault;

#[test]
fn moving_about() {
    play(
        &each(demo(), &[("CWD dir", 250)])
            .send("PWD")
            .expect_text(257, "\"/dir\" ")
            .send("CWD missing")
            .expect(550)
            .send("CWD b.txt")
            .expect(550)
            .send("XPWD")
            .expect_text(257, "\"/dir\" ")
            .send("CDUP")
            .expect(250)
            .send("XCUP")
            .expect(250)
            .send("PWD")
            .expect_text(257, "\"/\" ")
            .send("XCWD //dir/.//../dir/")
            .expect(250)
            .send("PWD")
            .expect_text(257, "\"/dir\" ")
            .send("CWD ../../../..")
            .expect(250)
            .send("PWD")
            .expect_text(257, "\"/\" ")
            .send("CWD")
            .expect(501)
            .send("CDUP x")
            .expect(501)
            .send("PWD x")
            .expect(501),
    );
}

#[test]
fn pwd_doubles_quotes_and_keeps_bytes() {
    play(
        &demo()
            .send("MKD say \"hi\"")
            .expect_text(257, "\"/say \"\"hi\"\"\" ")
            .send("CWD say \"hi\"")
            .expect(250)
            .send(b"MKD \xc4\xe3\xba\xc3")
            .expect_text(257, b"\"/say \"\"hi\"\"/\xc4\xe3\xba\xc3\" ")
            .send("CWD /")
            .expect(250)
            .send(b"MKD a\xff\xffb")
            .expect_text(257, b"\"/a\xff\xffb\" "),
    );
}

#[test]
fn making_and_removing_directories() {
    let store = store();
    play_on(
        &store,
        &each(
            demo(),
            &[
                ("MKD new", 257),
                ("MKD new", 550),
                ("MKD new/", 550),
                ("XMKD new/sub", 257),
                ("MKD /x/y/z", 257),
                ("CWD /x/y", 250),
                ("CWD /", 250),
                ("RMD new", 550),
                ("XRMD new/sub", 250),
                ("RMD new", 250),
                ("RMD new", 550),
                ("CWD new", 550),
                ("RMD dir", 550),
                ("RMD a.txt", 550),
                ("RMD /", 550),
                ("MKD /", 550),
                ("MKD", 501),
                ("RMD", 501),
            ],
        ),
    );
    assert!(store.directories().contains(&b"/x/y/z"[..]));
}

#[test]
fn deleting() {
    let store = store();
    play_on(
        &store,
        &each(
            demo(),
            &[
                ("DELE a.txt", 250),
                ("DELE a.txt", 550),
                ("DELE dir", 550),
                ("DELE /", 550),
                ("DELE", 501),
                ("DELE dir/b.txt", 250),
                ("CWD dir", 250),
            ],
        ),
    );
    assert!(store.files().is_empty());
}

#[test]
fn renaming() {
    let store = store().with_file("/c.txt", "old");
    play_on(
        &store,
        &each(
            demo(),
            &[
                ("RNFR a.txt", 350),
                ("RNTO new.txt", 250),
                ("RNTO again.txt", 503),
                ("RNFR new.txt", 350),
                ("RNTO c.txt", 250),
                ("RNFR dir", 350),
                ("RNTO moved", 250),
                ("RNFR missing", 550),
                ("RNTO x", 503),
                ("RNFR c.txt", 350),
                ("RNFR missing", 550),
                ("RNTO x", 503),
                ("RNFR c.txt", 350),
                ("RNTO moved", 550),
                ("RNFR moved", 350),
                ("RNTO moved/inside", 553),
                ("RNFR moved", 350),
                ("RNTO empty", 550),
                ("RNFR moved", 350),
                ("RNTO moved", 250),
                ("RNFR", 501),
                ("RNTO", 501),
            ],
        ),
    );
    assert_eq!(store.file("/c.txt").as_deref(), Some(&b"hello"[..]));
    assert_eq!(store.file("/moved/b.txt").as_deref(), Some(&b"world"[..]));
}

#[test]
fn rename_cannot_leave_the_root() {
    let store = store();
    play_on(
        &store,
        &each(
            demo(),
            &[("RNFR ../../a.txt", 350), ("RNTO ../../../b/../c", 250)],
        ),
    );
    assert_eq!(store.file("/c").as_deref(), Some(&b"hello"[..]));
}

#[test]
fn size_and_time() {
    play(
        &demo()
            .send("SIZE a.txt")
            .expect_text(213, "213 5\r\n")
            .send("MDTM a.txt")
            .expect_text(213, "213 20231114221320\r\n")
            .send("SIZE dir")
            .expect(550)
            .send("MDTM dir")
            .expect(550)
            .send("SIZE missing")
            .expect(550)
            .send("MDTM missing")
            .expect(550)
            .send("SIZE")
            .expect(501)
            .send("MDTM")
            .expect(501)
            .send("TYPE A")
            .expect(200)
            .send("SIZE a.txt")
            .expect(550),
    );
}

#[test]
fn mlst() {
    let facts = "\r\n type=file;size=5;modify=20231114221320;perm=adfrw; /a.txt\r\n";
    play(
        &demo()
            .send("MLST a.txt")
            .expect_text(250, facts)
            .send("MLST")
            .expect_text(250, "type=dir;perm=celmp; /\r\n")
            .send("CWD dir")
            .expect(250)
            .send("MLST b.txt")
            .expect_text(250, " /dir/b.txt\r\n")
            .send("MLST missing")
            .expect(550)
            .send("OPTS MLST Size;nonsense;TYPE;")
            .expect_text(200, "MLST OPTS type;size;\r\n")
            .send("MLST /a.txt")
            .expect_text(250, "\r\n type=file;size=5; /a.txt\r\n")
            .send("FEAT")
            .expect_text(211, "MLST type*;size*;modify;perm;")
            .send("OPTS MLST")
            .expect_text(200, "200 MLST OPTS\r\n")
            .send("MLST /a.txt")
            .expect_text(250, "\r\n  /a.txt\r\n"),
    );
}

#[test]
fn names_that_cannot_be() {
    let long = "x".repeat(2000);
    let longest = "y".repeat(4000);
    play(
        &demo()
            .send("DELE a\x01b")
            .expect(501)
            .send(b"CWD a\r\0b")
            .expect(501)
            .send("CWD a\0b")
            .expect(501)
            .send(format!("MKD {long}"))
            .expect(553)
            .send(format!("MKD {long}/{longest}"))
            .expect(500)
            .send("PWD")
            .expect(257),
    );
}

#[test]
fn the_joined_path_has_a_limit() {
    let deep = "d/".repeat(500);
    let name = "n".repeat(3500);
    play(
        &demo()
            .send(format!("MKD {deep}"))
            .expect(257)
            .send(format!("CWD {deep}"))
            .expect(250)
            .send(format!("SIZE {name}"))
            .expect(550)
            .send(format!("MKD {name}"))
            .expect(553)
            .send(format!("RNFR {name}"))
            .expect(550),
    );
}

#[test]
fn what_the_storage_says_becomes_a_code() {
    for (kind, code) in [
        (ErrorKind::NotFound, 550),
        (ErrorKind::Exists, 550),
        (ErrorKind::NotEmpty, 550),
        (ErrorKind::NotADirectory, 550),
        (ErrorKind::IsADirectory, 550),
        (ErrorKind::Denied, 550),
        (ErrorKind::BadName, 553),
        (ErrorKind::BadOffset, 554),
        (ErrorKind::Busy, 450),
        (ErrorKind::Unavailable, 451),
        (ErrorKind::NoSpace, 552),
        (ErrorKind::Unsupported, 504),
    ] {
        let store = store();
        let mut script = demo();
        for command in [
            "CWD dir",
            "MKD x",
            "RMD empty",
            "DELE a.txt",
            "RNFR a.txt",
            "SIZE a.txt",
            "MDTM a.txt",
            "MLST a.txt",
            "STAT dir",
        ] {
            script = script.send(command).expect(code);
        }
        for _ in 0..9 {
            store.fail_next(Fault::Perform, kind);
        }
        play_on(&store, &script.send("PWD").expect_text(257, "\"/\""));
    }
}

#[test]
fn a_rename_that_fails_forgets_its_source() {
    let store = store();
    let mut run = play_on(&store, &each(demo(), &[("RNFR a.txt", 350)]));
    store.fail_next(Fault::Perform, ErrorKind::Unavailable);
    let script = each(Script::new(), &[("RNTO b.txt", 451), ("RNTO b.txt", 503)]);
    run.play(&script).unwrap();
    assert!(store.file("/a.txt").is_some());
}

#[test]
fn commands_in_one_segment_are_done_in_order() {
    play(
        &demo()
            .raw("MKD p\r\nCWD p\r\nMKD q\r\nCWD q\r\nPWD\r\nCDUP\r\nRMD q\r\nPWD\r\n")
            .expect(257)
            .expect(250)
            .expect(257)
            .expect(250)
            .expect_text(257, "\"/p/q\"")
            .expect(250)
            .expect(250)
            .expect_text(257, "\"/p\""),
    );
}

/// A name with a `/` at its end means a directory: no file of that name is deleted for it.
#[test]
fn a_file_is_not_deleted_as_a_directory() {
    for name in ["a.txt/", "a.txt/.", "dir/", "dir/..", "/", "."] {
        let run = play(
            &demo()
                .send(format!("DELE {name}"))
                .expect_text(550, "RMD")
                .send("SIZE a.txt")
                .expect_text(213, "5"),
        );
        drop(run);
    }
}
