//! RETR, STOR and APPE: what is moved, what can break, and what is kept.

use super::*;
use ossftp_core::sim::{DataPlan, Fault, Record, Step};
use ossftp_core::{ErrorKind, Event};
use std::time::Duration;

#[test]
fn download() {
    play(
        &demo()
            .send("EPSV")
            .expect(229)
            .send("RETR a.txt")
            .expect_text(150, "(5 bytes)")
            .expect_text(226, "5 bytes")
            .expect_download("hello")
            .retrieves("/dir/b.txt", "world")
            .send("CWD dir")
            .expect(250)
            .retrieves("../a.txt", "hello"),
    );
}

#[test]
fn refused_before_the_150() {
    for (command, code) in [
        ("RETR missing", 550),
        ("RETR dir", 550),
        ("RETR /", 550),
        ("RETR", 501),
        ("STOR", 501),
        ("STOR dir", 550),
        ("STOR /", 553),
        ("STOR new/", 553),
        ("STOR new/.", 553),
        ("STOR new/x/..", 553),
        ("APPE", 501),
        ("APPE dir", 550),
        ("APPE x/", 553),
        ("APPE x/.", 553),
    ] {
        play(&demo().send("EPSV").expect(229).send(command).expect(code));
    }
}

#[test]
fn upload() {
    let store = store();
    play_on(
        &store,
        &demo()
            .stores("new.txt", "one")
            .stores("new.txt", "two")
            .stores("no/such/parent/x", "three")
            .stores("empty/file", "")
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("+"))
            .send("APPE new.txt")
            .expect(150)
            .expect_text(226, "complete, 1 byte.")
            .transfers("APPE appended", DataPlan::upload("first"))
            .send("SIZE new.txt")
            .expect_text(213, "213 4\r\n")
            .send("CWD no/such/parent")
            .expect(250),
    );
    assert_eq!(store.file("/new.txt").as_deref(), Some(&b"two+"[..]));
    assert_eq!(store.file("/appended").as_deref(), Some(&b"first"[..]));
    assert_eq!(store.file("/empty/file").as_deref(), Some(&b""[..]));
}

#[test]
fn text() {
    let store = store().with_file("/unix", "a\nb\r\nc");
    play_on(
        &store,
        &Script::new()
            .login("demo", "secret")
            .retrieves("unix", "a\r\nb\r\nc")
            .stores("text", "x\r\ny\rz\r\n\r")
            .retrieves("text", "x\r\ny\rz\r\n\r")
            .send("TYPE I")
            .expect(200)
            .retrieves("text", "x\ny\rz\n\r"),
    );
}

#[test]
fn many_small_pieces() {
    let store = store().with_chunk_size(3);
    let long: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let pieces = |bytes: &[u8]| DataPlan::upload(bytes).in_pieces(7, Duration::ZERO);
    play_on(
        &store,
        &demo()
            .transfers("STOR long", pieces(&long))
            .retrieves("long", &long)
            .send("TYPE A")
            .expect(200)
            .transfers("STOR lines", pieces(b"one\r\ntwo\r\n\rthree\r\n"))
            .retrieves("lines", "one\r\ntwo\r\n\rthree\r\n"),
    );
    assert_eq!(store.file("/lines").unwrap(), b"one\ntwo\n\rthree\n");
}

#[test]
fn a_broken_upload_leaves_the_old_file() {
    let store = store();
    play_on(
        &store,
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("half").breaks())
            .send("STOR a.txt")
            .expect(150)
            .expect_text(426, "send the whole file")
            .retrieves("a.txt", "hello"),
    );
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn a_download_that_the_client_breaks_off_is_426() {
    play(
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::download().after(2))
            .send("RETR a.txt")
            .expect(150)
            .expect(426)
            .send("EPSV")
            .expect(229)
            .data(DataPlan::download().after(2).breaks())
            .send("RETR a.txt")
            .expect(150)
            .expect(426)
            .send("EPSV")
            .expect(229)
            .data(DataPlan::download().breaks())
            .send("RETR a.txt")
            .expect(150)
            .expect(426)
            .retrieves("a.txt", "hello"),
    );
}

#[test]
fn a_peer_that_stalls_is_426() {
    let store = store();
    let run = play_on(
        &store,
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("half").holds())
            .send("STOR x")
            .expect(150)
            .expect_text(426, "too long")
            .send("EPSV")
            .expect(229)
            .data(DataPlan::download().after(1).holds())
            .send("RETR a.txt")
            .expect(150)
            .expect(426),
    );
    assert_eq!(run.now().mono, Duration::from_secs(120));
    assert!(store.file("/x").is_none());
}

#[test]
fn a_client_that_does_not_close_its_side_is_waited_for_a_little() {
    let run = play(
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::download().holds())
            .send("RETR a.txt")
            .expect(150)
            .expect(226)
            .expect_download("hello"),
    );
    assert_eq!(run.now().mono, Duration::from_secs(2));
}

#[test]
fn a_slow_transfer_is_not_idle() {
    let store = store();
    let plan = DataPlan::upload("x".repeat(20)).in_pieces(1, Duration::from_secs(50));
    let run = play_on(
        &store,
        &demo().transfers("STOR slow", plan).send("NOOP").expect(200),
    );
    assert!(run.now().mono >= Duration::from_secs(1000));
    assert_eq!(store.file("/slow").unwrap().len(), 20);
}

#[test]
fn the_store_goes_away_in_the_middle() {
    for (at, kind, code) in [
        (Fault::Chunk(0), ErrorKind::Unavailable, 451),
        (Fault::Chunk(1), ErrorKind::NoSpace, 552),
        (Fault::Commit, ErrorKind::Unavailable, 451),
        (Fault::Commit, ErrorKind::Denied, 550),
    ] {
        let store = store().with_chunk_size(2);
        store.fail_next(at, kind);
        play_on(
            &store,
            &demo()
                .send("EPSV")
                .expect(229)
                .data(DataPlan::upload("goodbye"))
                .send("STOR a.txt")
                .expect(150)
                .expect(code)
                .send("NOOP")
                .expect(200)
                .retrieves("a.txt", "hello"),
        );
    }
    let store = store().with_chunk_size(2);
    store.fail_next(Fault::Chunk(1), ErrorKind::Unavailable);
    play_on(
        &store,
        &demo()
            .send("EPSV")
            .expect(229)
            .send("RETR a.txt")
            .expect(150)
            .expect(451)
            .expect_download("he")
            .retrieves("a.txt", "hello"),
    );
}

#[test]
fn an_upload_whose_client_vanished_is_not_committed() {
    let store = store();
    let run = play_on(
        &store,
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("half").holds())
            .send("STOR a.txt")
            .expect(150)
            .step(Step::DataClose)
            .close()
            .expect_closed(),
    );
    assert_eq!(store.file("/a.txt").unwrap(), b"hello");
    assert_eq!(store.open_uploads(), 0);
    assert_eq!(run.transcript().codes().last(), Some(&150));
}

#[test]
fn devices_that_hang_up_may_be_trusted() {
    let store = store();
    let mut config = SessionConfig::default();
    config.commit_on_disconnect = true;
    play_with(
        config,
        &store,
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("whole").holds())
            .send("STOR a.txt")
            .expect(150)
            .close()
            .step(Step::DataClose)
            .expect_closed(),
    );
    assert_eq!(store.file("/a.txt").unwrap(), b"whole");
}

#[test]
fn quit_during_an_upload_lets_it_end() {
    let store = store();
    let upload = demo()
        .send("EPSV")
        .expect(229)
        .data(DataPlan::upload("whole").holds())
        .send("STOR a.txt")
        .expect(150)
        .send("QUIT");
    play_on(
        &store,
        &upload
            .clone()
            .step(Step::DataClose)
            .expect(226)
            .expect(221)
            .expect_closed(),
    );
    assert_eq!(store.file("/a.txt").unwrap(), b"whole");
    store.put("/a.txt", "old");
    let hung_up = upload.close().step(Step::DataClose).expect_closed();
    play_on(&store, &hung_up);
    assert_eq!(store.file("/a.txt").unwrap(), b"whole");
}

#[test]
fn a_download_whose_client_vanished_is_given_up() {
    let run = play(
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::download().after(1).holds())
            .send("RETR a.txt")
            .expect(150)
            .close()
            .expect_closed(),
    );
    assert_eq!(run.now().mono, Duration::ZERO);
}

/// An upload that has ended, its commit under way; the client hangs up `after` that.
fn hangs_up(store: &MemoryStore, after: Duration) {
    play_on(
        store,
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("whole").holds())
            .send("STOR a.txt")
            .expect(150)
            .step(Step::HoldStorage)
            .step(Step::DataClose)
            .quiet()
            .sleep(after)
            .close()
            .quiet()
            .step(Step::ReleaseStorage)
            .expect_closed(),
    );
}

#[test]
fn the_control_connection_closes_while_the_store_commits() {
    let window = SessionConfig::default().hang_up_window;
    let store = store();
    let old = store.file("/a.txt").unwrap();
    hangs_up(&store, Duration::ZERO);
    assert_eq!(store.file("/a.txt").unwrap(), old);
    hangs_up(&store, window - Duration::from_millis(1));
    assert_eq!(store.file("/a.txt").unwrap(), old);
    hangs_up(&store, window);
    assert_eq!(store.file("/a.txt").unwrap(), b"whole");
}

#[test]
fn an_upload_that_ends_after_a_pause_is_waited_for() {
    let SessionConfig {
        pause_before_end,
        hang_up_window,
        ..
    } = SessionConfig::default();
    let store = store();
    let old = store.file("/a.txt").unwrap();
    let patience = pause_before_end * 10;
    assert!(patience < hang_up_window);
    let paused = demo()
        .send("EPSV")
        .expect(229)
        .data(DataPlan::upload("whole").holds())
        .send("STOR a.txt")
        .expect(150)
        .sleep(pause_before_end)
        .step(Step::DataClose);
    // It was killed: the control connection follows.
    let killed = paused
        .clone()
        .sleep(patience - Duration::from_micros(1))
        .close()
        .expect_closed();
    play_on(&store, &killed);
    assert_eq!(store.file("/a.txt").unwrap(), old);
    // An abort is in time as well.
    let aborted = paused.clone().send("ABOR").expect(426).expect(226);
    play_on(&store, &aborted);
    assert_eq!(store.file("/a.txt").unwrap(), old);
    // It was only slow.
    let run = play_on(&store, &paused.expect(226));
    assert_eq!(run.now().mono, pause_before_end + patience);
    assert_eq!(store.file("/a.txt").unwrap(), b"whole");
}

#[test]
fn allo_is_a_promise_only_where_it_is_meant_to_be() {
    let store = store();
    let script = demo()
        .send("ALLO 10")
        .expect(200)
        .send("EPSV")
        .expect(229)
        .data(DataPlan::upload("short"))
        .send("STOR x")
        .expect(150);
    let mut config = SessionConfig::default();
    config.strict_allo = true;
    play_with(
        config.clone(),
        &store,
        &script.clone().expect_text(426, "announced"),
    );
    assert!(store.file("/x").is_none());
    // ALLO is for one upload.
    play_with(
        config.clone(),
        &store,
        &script.clone().expect(426).stores("x", "y"),
    );
    let kept = demo()
        .send("ALLO 4")
        .expect(200)
        .stores("x", "longer than that");
    play_with(config.clone(), &store, &kept);
    play_on(&store, &script.expect(226));
    assert_eq!(store.file("/x").unwrap(), b"short");
    // A resumed upload, with an ALLO for the whole file.
    let resumed = |size: u32| {
        each(demo(), &[("REST 5", 350), ("EPSV", 229)])
            .send(format!("ALLO {size}"))
            .expect(200)
            .data(DataPlan::upload("ened"))
            .send("STOR x")
            .expect(150)
    };
    play_with(config.clone(), &store, &resumed(10).expect(426));
    play_with(config, &store, &resumed(9).expect(226));
    assert_eq!(store.file("/x").unwrap(), b"shortened");
}

#[test]
fn the_log_has_one_line_for_each_transfer() {
    let run = play(
        &demo()
            .retrieves("a.txt", "hello")
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("xyz").breaks())
            .send("STOR up")
            .expect(150)
            .expect(426),
    );
    let lines: Vec<_> = run
        .transcript()
        .events()
        .filter_map(|event| match event {
            Event::Transfer {
                verb,
                path,
                bytes,
                code,
            } => Some((*verb, path.display(), *bytes, *code)),
            _ => None,
        })
        .collect();
    assert_eq!(
        lines,
        [
            ("RETR", "/a.txt".into(), 5, 226),
            ("STOR", "/up".into(), 3, 426)
        ]
    );
}

#[test]
fn the_data_connection_is_closed_before_the_226() {
    let run = play(&demo().retrieves("a.txt", "hello").stores("b", "x"));
    let records = run.transcript().records();
    let moved = |r: &Record| matches!(r, Record::Downloaded(_) | Record::Uploaded(_));
    let done = |r: &Record| matches!(r, Record::Reply(reply) if reply.starts_with(b"226"));
    let order: Vec<bool> = records
        .iter()
        .filter(|r| moved(r) || done(r))
        .map(done)
        .collect();
    assert_eq!(order, [false, true, false, true]);
}

/// REST and RANG that are refused leave no earlier one in force.
#[test]
fn a_refused_offset_forgets_the_one_before() {
    for (first, refused, code) in [
        ("REST 2", "REST x", 501),
        ("REST 2", "RANG 3 1", 501),
        ("RANG 1 2", "REST x", 501),
    ] {
        play(
            &demo()
                .send(first)
                .expect(350)
                .send(refused)
                .expect(code)
                .retrieves("a.txt", "hello"),
        );
    }
    play(
        &demo()
            .send("REST 2")
            .expect(350)
            .send("TYPE A")
            .expect(200)
            .send("REST 3")
            .expect(501)
            .retrieves("a.txt", "hello"),
    );
}
