//! SITE and its commands, COMB and AVBL.

use super::*;
use ossftp_core::ErrorKind;
use ossftp_core::sim::Fault;
use std::time::Duration;

const WRITES: [&str; 6] = [
    "SITE MKDIR new",
    "SITE RMDIR dir",
    "SITE COPY a.txt b.txt",
    "SITE CPTO b.txt",
    "SITE SYMLINK a.txt b.txt",
    "COMB whole a.txt",
];

#[test]
fn who_may() {
    need_login(&WRITES);
    need_login(&[
        "SITE HELP",
        "SITE IDLE",
        "SITE CPFR a.txt",
        "SITE RESTORE a.txt",
    ]);
    need_login(&["SITE XYZZY", "SITE", "AVBL", "COMB"]);
    need_writing(&WRITES);
    need_ability(&[
        "SITE RMDIR dir",
        "SITE COPY a.txt b.txt",
        "SITE CPFR a.txt",
        "SITE CPTO b.txt",
        "SITE SYMLINK a.txt b.txt",
        "SITE RESTORE a.txt",
        "COMB whole a.txt",
        "AVBL",
    ]);
    play(&each(
        guest(),
        &[
            ("SITE CPFR a.txt", 350),
            ("SITE RESTORE a.txt", 250),
            ("SITE IDLE", 200),
            ("AVBL", 213),
        ],
    ));
}

#[test]
fn help() {
    play(
        &demo()
            .send("SITE HELP")
            .expect_text(214, "\r\n SITE CHMOD mode path\r\n")
            .send("SITE HELP utime")
            .expect_text(214, "214 SITE UTIME time path")
            .send("SITE HELP XYZZY")
            .expect(502)
            .send("HELP SITE")
            .expect_text(214, "SITE HELP lists it")
            .send("SITE XYZZY")
            .expect_text(504, "SITE HELP lists what there is")
            .send("SITE")
            .expect(501)
            .send("FEAT")
            .expect_text(211, "\r\n SITE COPY\r\n"),
    );
    let plain = store().with_capabilities(Capabilities::default());
    play_on(
        &plain,
        &demo().send("SITE HELP COPY").expect(502).send("SITE HELP").expect_text(
            214,
            "214-Commands:\r\n SITE HELP [command]\r\n SITE MKDIR path\r\n SITE IDLE [seconds]\r\n214 ",
        ),
    );
}

#[test]
fn directories() {
    let store = store().with_file("/dir/deep/er/c", "c");
    play_on(
        &store,
        &each(
            demo(),
            &[
                ("SITE MKDIR x/y/z", 250),
                ("CWD x/y/z", 250),
                ("CWD /", 250),
                ("SITE MKDIR x", 550),
                ("SITE MKDIR /", 550),
                ("SITE MKDIR", 501),
                ("SITE RMDIR dir", 250),
                ("SITE RMDIR dir", 550),
                ("SITE RMDIR a.txt", 550),
                ("SITE RMDIR missing", 550),
                ("SITE RMDIR /", 550),
                ("SITE RMDIR x/..", 550),
                ("SITE RMDIR x/y", 250),
                ("CWD x", 250),
                ("SITE RMDIR", 501),
            ],
        ),
    );
    assert_eq!(store.files().len(), 1);
    assert_eq!(
        store.directories(),
        [b"/empty".to_vec(), b"/x".to_vec()].into()
    );
    let long = "x".repeat(2000);
    play(&demo().send(format!("SITE MKDIR {long}")).expect(553));
}

#[test]
fn copying() {
    let store = store().with_file("/say \"hi\"", "quotes");
    play_on(
        &store,
        &each(
            demo(),
            &[
                ("SITE COPY a.txt b.txt", 200),
                ("SITE COPY \"say \"\"hi\"\"\" \"with space\"", 200),
                ("SITE COPY a.txt dir/b.txt", 200),
                ("SITE COPY a.txt a.txt", 200),
                ("SITE COPY missing x", 550),
                ("SITE COPY dir x", 550),
                ("SITE COPY a.txt dir", 550),
                ("SITE COPY a.txt /", 550),
                ("SITE COPY a.txt", 501),
                ("SITE COPY a b c", 501),
                ("SITE COPY", 501),
                ("SITE CPTO x", 503),
                ("SITE CPFR a.txt", 350),
                ("SITE CPTO copy one", 250),
                ("SITE CPTO again", 503),
                ("SITE CPFR missing", 550),
                ("SITE CPTO x", 503),
                ("SITE CPFR a.txt", 350),
                ("SITE CPFR missing", 550),
                ("SITE CPTO x", 503),
                ("SITE CPFR dir", 350),
                ("SITE CPTO x", 550),
                ("SITE CPTO x", 503),
                ("SITE CPFR a.txt", 350),
                ("NOOP", 200),
                ("SITE CPTO ../../c", 250),
                ("SITE CPFR", 501),
                ("SITE CPTO", 501),
                ("SITE CPFR a.txt", 350),
                ("USER demo", 331),
                ("PASS secret", 230),
                ("SITE CPTO x", 503),
            ],
        ),
    );
    for copy in ["/b.txt", "/dir/b.txt", "/copy one", "/c"] {
        assert_eq!(store.file(copy).as_deref(), Some(&b"hello"[..]), "{copy}");
    }
    assert_eq!(store.file("/with space").as_deref(), Some(&b"quotes"[..]));
    assert!(store.file("/x").is_none());
    let long = "x".repeat(2000);
    play(
        &demo()
            .send(format!("SITE COPY a.txt {long}"))
            .expect(553)
            .send("SITE CPFR a.txt")
            .expect(350)
            .send(format!("SITE CPTO {long}"))
            .expect(553),
    );
}

#[test]
fn joining() {
    let store = store().with_file("/p1", "one ").with_file("/p 2", "two ");
    play_on(
        &store,
        &each(
            demo(),
            &[
                ("COMB whole p1 missing", 550),
                ("COMB whole p1 dir", 550),
                ("COMB dir p1", 550),
                ("COMB whole", 501),
                ("COMB", 501),
                ("COMB whole p1 \"p 2\" dir/b.txt", 250),
                ("SIZE p1", 550),
                ("COMB whole whole a.txt", 250),
                ("CWD dir", 250),
            ],
        ),
    );
    assert_eq!(store.files().len(), 1);
    assert_eq!(
        store.file("/whole").as_deref(),
        Some(&b"one two worldhello"[..])
    );
    let long = "x".repeat(2000);
    play(&demo().send(format!("COMB {long} a.txt")).expect(553));
}

#[test]
fn symbolic_links() {
    let store = store();
    play_on(
        &store,
        &each(
            demo(),
            &[
                ("SITE SYMLINK a.txt link", 200),
                ("SITE SYMLINK a.txt link", 550),
                ("SITE SYMLINK a.txt dir", 550),
                ("SITE SYMLINK dir dirlink", 550),
                ("SITE SYMLINK link twice", 200),
                ("SITE SYMLINK loop loop", 200),
                ("SITE SYMLINK nowhere dangling", 200),
                ("SITE SYMLINK a", 501),
                ("SITE SYMLINK", 501),
                ("SIZE loop", 550),
                ("SIZE dangling", 550),
                ("HASH dangling", 550),
                ("CWD link", 550),
            ],
        )
        .send("SIZE twice")
        .expect_text(213, "213 5\r\n")
        .send("MLST twice")
        .expect_text(
            250,
            " type=file;size=5;modify=20231114221320;perm=adfrw; /twice\r\n",
        )
        .retrieves("twice", "hello")
        .transfers("LIST link", DataPlan::download())
        .expect_download(
            "lrwxrwxrwx   1 oss      oss                 5 Nov 14 22:13 link -> /a.txt\r\n",
        )
        .transfers("NLST", DataPlan::download())
        .expect_download("a.txt\r\ndangling\r\ndir\r\nempty\r\nlink\r\nloop\r\ntwice\r\n")
        // A time is the file's; a new file takes the place of the link.
        .send("MFMT 20200102030405 twice")
        .expect(213)
        .send("MDTM a.txt")
        .expect_text(213, "213 20200102030405\r\n")
        .send("SITE COPY twice copy")
        .expect(200)
        .send("DELE twice")
        .expect(250)
        .stores("link", "new")
        .retrieves("a.txt", "hello")
        .send("DELE dangling")
        .expect(250)
        .send("RNFR loop")
        .expect(550),
    );
    assert_eq!(store.file("/copy").as_deref(), Some(&b"hello"[..]));
    assert_eq!(store.file("/link").as_deref(), Some(&b"new"[..]));
    assert_eq!(store.links().len(), 1);
    let long = "x".repeat(2000);
    play(
        &demo()
            .send(format!("SITE SYMLINK a.txt {long}"))
            .expect(553),
    );
}

#[test]
fn archives_and_space() {
    let store = store();
    play_on(
        &store,
        &each(
            demo(),
            &[
                ("SITE RESTORE a.txt", 250),
                ("SITE RESTORE missing", 550),
                ("SITE RESTORE dir", 550),
                ("SITE RESTORE", 501),
                ("AVBL dir", 213),
                ("AVBL missing", 550),
                ("AVBL a.txt", 550),
            ],
        ),
    );
    let small = MemoryStore::new()
        .with_user("demo", "secret", true)
        .with_capacity(100)
        .with_file("/1234", "123456");
    let script = demo()
        .send("AVBL")
        .expect_text(213, "213 90\r\n")
        .send("SITE COPY 1234 a")
        .expect(200)
        .send("AVBL /")
        .expect_text(213, "213 83\r\n");
    play_on(&small, &script);
    let full = MemoryStore::new()
        .with_user("demo", "secret", true)
        .with_capacity(18)
        .with_file("/1234", "123456");
    play_on(
        &full,
        &each(
            demo(),
            &[
                ("SITE COPY 1234 abc", 552),
                ("SITE SYMLINK 1234 123456789", 552),
                ("COMB w 1234 1234 1234 1234", 552),
            ],
        ),
    );
}

#[test]
fn what_the_storage_says() {
    for (kind, code) in [
        (ErrorKind::Busy, 450),
        (ErrorKind::Unavailable, 451),
        (ErrorKind::Denied, 550),
        (ErrorKind::NoSpace, 552),
        (ErrorKind::BadName, 553),
        (ErrorKind::Unsupported, 504),
    ] {
        let store = store();
        let mut script = demo();
        for command in WRITES {
            if command.starts_with("SITE CPTO") {
                continue;
            }
            script = script.send(command).expect(code);
            store.fail_next(Fault::Perform, kind);
        }
        for command in ["SITE CPFR a.txt", "SITE RESTORE a.txt", "AVBL"] {
            script = script.send(command).expect(code);
            store.fail_next(Fault::Perform, kind);
        }
        let mut run = play_on(&store, &each(script, &[("SITE CPFR a.txt", 350)]));
        store.fail_next(Fault::Perform, kind);
        let script = each(
            Script::new(),
            &[("SITE CPTO x", code), ("SITE CPTO x", 503)],
        );
        run.play(&script).unwrap();
    }
}

#[test]
fn the_idle_timeout() {
    play(
        &demo()
            .send("SITE IDLE")
            .expect_text(200, "is 300 seconds; it can be up to 7200.")
            .send("SITE IDLE 9")
            .expect(501)
            .send("SITE IDLE 7201")
            .expect(501)
            .send("SITE IDLE x")
            .expect(501)
            .send("SITE IDLE 18446744073709551615")
            .expect(501)
            .send("SITE IDLE 7200")
            .expect_text(200, "is 7200 seconds")
            .sleep(Duration::from_secs(7199))
            .send("SITE IDLE 10")
            .expect(200)
            .sleep(Duration::from_secs(9))
            .send("NOOP")
            .expect(200)
            .sleep(Duration::from_secs(11))
            .expect(421)
            .expect_closed(),
    );
}

#[test]
fn a_copy_that_was_asked_for_wrongly_is_not_made_from_an_older_source() {
    play(&each(
        demo(),
        &[
            ("SITE CPFR a.txt", 350),
            ("SITE CPFR", 501),
            ("SITE CPTO copy", 503),
        ],
    ));
}

/// A line names two thousand files, and each of them may be as long as a path can be.
#[test]
fn what_is_joined_at_once_has_a_bound() {
    let deep = "d".repeat(1000);
    let store = store().with_directory(format!("/{deep}"));
    let many = " x".repeat(1000);
    play_on(
        &store,
        &each(
            demo(),
            &[
                (&format!("COMB whole{many}"), 550),
                (&format!("CWD {deep}"), 250),
                (&format!("COMB whole{many}"), 501),
            ],
        ),
    );
}
