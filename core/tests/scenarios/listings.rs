//! LIST, NLST, MLSD, and STAT with a path.

use super::*;
use ossftp_core::ErrorKind;
use ossftp_core::sim::{DataPlan, Fault, Record};

fn listed(command: &str) -> String {
    let run = play(&demo().transfers(command, DataPlan::download()));
    let bytes: Vec<u8> = run.transcript().downloads().next().unwrap().to_vec();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn names() {
    assert_eq!(listed("NLST"), "a.txt\r\ndir\r\nempty\r\n");
    assert_eq!(listed("NLST dir"), "b.txt\r\n");
    assert_eq!(listed("NLST -a"), "a.txt\r\ndir\r\nempty\r\n");
    assert_eq!(listed("NLST empty"), "");
}

#[test]
fn long() {
    let file = "-rw-r--r--   1 oss      oss                 5 Nov 14 22:13 a.txt\r\n";
    let directory = "drwxr-xr-x   1 oss      oss                 0 Nov 14 22:13 empty\r\n";
    for command in ["LIST", "LIST -a", "LIST -la .", "LIST /"] {
        let text = listed(command);
        assert!(text.starts_with(file), "{text}");
        assert!(text.ends_with(directory), "{text}");
        assert_eq!(text.lines().count(), 3);
    }
    assert_eq!(listed("LIST a.txt"), file);
    assert_eq!(listed("LIST empty"), "");
}

#[test]
fn facts() {
    assert_eq!(
        listed("MLSD"),
        "type=file;size=5;modify=20231114221320;perm=adfrw; a.txt\r\n\
         type=dir;perm=cdeflmp; dir\r\n\
         type=dir;modify=20231114221320;perm=cdeflmp; empty\r\n"
    );
    assert_eq!(listed("MLSD empty"), "");
}

#[test]
fn listings_that_cannot_be() {
    for (command, code) in [
        ("LIST missing", 550),
        ("NLST missing", 550),
        ("MLSD missing", 550),
        ("MLSD a.txt", 501),
    ] {
        play(&demo().send("EPSV").expect(229).send(command).expect(code));
    }
}

#[test]
fn a_listing_is_not_changed_by_the_type() {
    play(
        &Script::new()
            .login("demo", "secret")
            .transfers("NLST", DataPlan::download())
            .expect_download("a.txt\r\ndir\r\nempty\r\n"),
    );
}

#[test]
fn a_listing_that_the_store_does_not_end_is_no_226() {
    let store = store().with_page_size(1);
    store.fail_next(Fault::Chunk(1), ErrorKind::Unavailable);
    play_on(
        &store,
        &demo()
            .send("EPSV")
            .expect(229)
            .send("LIST")
            .expect(150)
            .expect(451)
            .transfers("NLST", DataPlan::download())
            .expect_download("a.txt\r\ndir\r\nempty\r\n"),
    );
}

#[test]
fn long_listings_come_in_pages() {
    let store = (0..250).fold(store().with_page_size(10), |store, n| {
        store.with_file(format!("/many/{n:03}"), "x")
    });
    let expected: String = (0..250).map(|n| format!("{n:03}\r\n")).collect();
    play_on(
        &store,
        &demo()
            .transfers(
                "NLST many",
                DataPlan::download().in_pieces(11, std::time::Duration::ZERO),
            )
            .expect_download(expected),
    );
}

#[test]
fn over_the_control_connection() {
    let run = play(
        &demo()
            .send("STAT dir")
            .expect_text(212, " b.txt\r\n212 End\r\n")
            .send("STAT -l dir")
            .expect_text(212, " b.txt\r\n")
            .send("STAT -la")
            .expect_text(212, " a.txt\r\n")
            .send("CWD dir")
            .expect(250)
            .send("STAT -l")
            .expect_text(
                212,
                "oss                 5 Nov 14 22:13 b.txt\r\n212 End\r\n",
            )
            .send("CDUP")
            .expect(250)
            .send("STAT a.txt")
            .expect_text(213, " a.txt\r\n213 End\r\n")
            .send("STAT empty")
            .expect_text(212, "212-Status:\r\n212 End\r\n")
            .send("STAT missing")
            .expect(550),
    );
    let opened = |r: &Record| matches!(r, Record::Opened(_));
    assert!(!run.transcript().records().iter().any(opened));
}

#[test]
fn over_the_control_connection_there_is_a_limit() {
    let store = (0..250).fold(store(), |store, n| {
        store.with_file(format!("/many/{n:03}"), "x")
    });
    let run = play_on(
        &store,
        &demo()
            .send("STAT many")
            .expect_text(212, "212 There are more"),
    );
    let reply = run.transcript().replies().last().unwrap();
    assert_eq!(reply.split(|b| *b == b'\n').count(), 200 + 3);
}

#[test]
fn a_long_listing_over_the_control_connection_is_cut() {
    let long = "x".repeat(1000);
    let store = (0..200).fold(MemoryStore::new(), |store, n| {
        store.with_file(format!("/{n:03}{long}"), "")
    });
    let store = store.with_user("demo", "secret", true);
    let run = play_on(
        &store,
        &demo().send("STAT /").expect(212).send("NOOP").expect(200),
    );
    let replies: Vec<_> = run.transcript().replies().collect();
    let listing = replies[replies.len() - 2];
    assert!(listing.len() < 64 * 1024, "{} bytes", listing.len());
    assert!(listing.ends_with(b"212 There are more; LIST shows them all.\r\n"));
}

/// A name that the client's charset cannot hold is left out, and the client is told.
#[test]
fn what_a_charset_cannot_say_is_counted() {
    let store = store()
        .with_file("/odd/caf\u{e9}\u{1f980}", "x")
        .with_file("/odd/plain", "x");
    let mut config = ossftp_core::SessionConfig::default();
    config.charset = Some(ossftp_core::Charset::Gbk);
    let script = demo()
        .send("OPTS UTF8 OFF")
        .expect(200)
        .send("EPSV")
        .expect(229)
        .data(DataPlan::download())
        .send("LIST odd")
        .expect(150)
        .expect_text(226, "; 1 name cannot be shown.")
        .send("STAT")
        .expect_text(211, "Last listing, of /odd: 1 name cannot be shown")
        .send("STAT odd")
        .expect_text(212, "End; 1 name cannot be shown.");
    play_with(config, &store, &script);
}
