//! STOU: its names, its replies, and who comes first.

use super::*;
use ossftp_core::ErrorKind;
use ossftp_core::sim::{Fault, Step};

#[test]
fn who_may() {
    need_login(&["STOU", "STOU x"]);
    need_writing(&["STOU", "STOU x"]);
    play(&each(demo(), &[("STOU", 425), ("STOU x", 425)]));
}

/// EPSV, and STOU with these bytes, which gets this name.
fn stou(script: Script, command: &str, bytes: &str, name: &str) -> Script {
    script
        .send("EPSV")
        .expect(229)
        .data(DataPlan::upload(bytes))
        .send(command)
        .expect_text(150, format!("150 FILE: {name}\r\n"))
        .expect(226)
}

#[test]
fn names() {
    let store = store();
    let mut script = demo();
    script = stou(script, "STOU new", "1", "new");
    script = stou(script, "STOU new", "2", "new.1");
    script = stou(script, "STOU new", "3", "new.2");
    script = stou(script, "STOU dir", "4", "dir.1");
    script = stou(script, "STOU dir/b.txt", "5", "dir/b.txt.1");
    script = stou(script, "STOU", "6", "ossftp-20231114-221320-50000-22");
    script = stou(script, "STOU", "7", "ossftp-20231114-221320-50000-25");
    play_on(
        &store,
        &script.retrieves("new", "1").retrieves("dir.1", "4"),
    );
    assert_eq!(store.files().len(), 2 + 7);
}

#[test]
fn names_that_cannot_be() {
    let long = "x".repeat(2000);
    let (dir, whole) = (format!("STOU {long}"), "STOU /");
    for (command, code) in [
        (dir.as_str(), 553),
        (whole, 553),
        ("STOU dir/", 553),
        ("STOU dir/..", 553),
        ("STOU .", 553),
    ] {
        play(&each(
            demo(),
            &[("EPSV", 229), (command, code), ("STOU x", 425)],
        ));
    }
    let mut crowded = store().with_file("/n", "");
    for number in 1..100 {
        crowded = crowded.with_file(format!("/n.{number}"), "");
    }
    play_on(
        &crowded,
        &each(demo(), &[("EPSV", 229), ("STOU n", 553), ("STOU x", 425)]),
    );
    let nearly = "n".repeat(1022);
    let store = store().with_file(format!("/{nearly}"), "");
    play_on(
        &store,
        &each(
            demo(),
            &[
                ("EPSV", 229),
                (&format!("STOU {nearly}"), 553),
                ("STOU x", 425),
            ],
        ),
    );
}

#[test]
fn what_comes_before_it_is_used_up() {
    let store = store();
    play_on(
        &store,
        &stou(demo().send("REST 3").expect(350), "STOU r", "whole", "r")
            .retrieves("a.txt", "hello")
            .send("EPSV")
            .expect(229)
            .send("RANG 0 1")
            .expect(350)
            .send("STOU r")
            .expect(551)
            .retrieves("a.txt", "hello"),
    );
    assert_eq!(store.file("/r").as_deref(), Some(&b"whole"[..]));
}

#[test]
fn text_is_converted() {
    let store = store();
    let script = demo().send("TYPE A").expect(200);
    play_on(&store, &stou(script, "STOU t", "a\r\nb", "t"));
    assert_eq!(store.file("/t").as_deref(), Some(&b"a\nb"[..]));
}

#[test]
fn the_storage_fails() {
    for (kind, code) in [
        (ErrorKind::Busy, 450),
        (ErrorKind::Unavailable, 451),
        (ErrorKind::Denied, 550),
        (ErrorKind::NoSpace, 552),
        (ErrorKind::BadName, 553),
        (ErrorKind::Unsupported, 504),
    ] {
        for at in [Fault::Perform, Fault::Open] {
            let store = store();
            store.fail_next(at, kind);
            let script = each(demo(), &[("EPSV", 229), ("STOU x", code), ("STOU x", 425)]);
            play_on(&store, &script);
            assert_eq!(store.files().len(), 2);
        }
        let store = store();
        store.fail_next(Fault::Commit, kind);
        let script = demo().send("EPSV").expect(229).data(DataPlan::upload("x"));
        play_on(&store, &script.send("STOU x").expect(150).expect(code));
        assert_eq!(store.files().len(), 2);
    }
    let store = store();
    store.fail_next(Fault::Open, ErrorKind::Exists);
    play_on(&store, &each(demo(), &[("EPSV", 229), ("STOU x", 553)]));
}

#[test]
fn a_name_that_is_taken_meanwhile() {
    let store = store();
    let mut run = Simulator::new(SessionConfig::default(), store.clone()).without_model();
    let script = demo()
        .send("EPSV")
        .expect(229)
        .data(DataPlan::upload("mine"))
        .send("STOU x")
        .expect(150)
        .step(Step::HoldStorage);
    run.play(&script).unwrap();
    store.put("/x", "theirs");
    let script = Script::new().step(Step::ReleaseStorage).expect(553);
    run.play(&script).unwrap();
    assert_eq!(store.file("/x").as_deref(), Some(&b"theirs"[..]));
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn abort() {
    let store = store();
    let hold = || {
        demo()
            .send("EPSV")
            .expect(229)
            .step(Step::HoldStorage)
            .send("STOU x")
    };
    // While the name is looked for: the transfer ends before its 150.
    play_on(
        &store,
        &hold()
            .send("ABOR")
            .send("NOOP")
            .step(Step::AnswerOne)
            .expect(426)
            .expect(226)
            .expect(200)
            .step(Step::ReleaseStorage)
            .send("STOU x")
            .expect(425),
    );
    // While it is opened.
    play_on(
        &store,
        &hold()
            .step(Step::AnswerOne)
            .quiet()
            .send("ABOR")
            .expect(426)
            .expect(226)
            .step(Step::ReleaseStorage),
    );
    // While it runs.
    play_on(
        &store,
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("half").holds())
            .send("STOU x")
            .expect(150)
            .quiet()
            .send("ABOR")
            .expect(426)
            .expect(226),
    );
    assert_eq!(store.files().len(), 2);
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn the_client_goes_away_while_the_name_is_looked_for() {
    let store = store();
    play_on(
        &store,
        &demo()
            .send("EPSV")
            .expect(229)
            .step(Step::HoldStorage)
            .send("STOU x")
            .close()
            .expect_closed(),
    );
    assert_eq!(store.files().len(), 2);
}

/// And had said something else before that, which is not QUIT: what it sends is truncated.
#[test]
fn an_upload_that_its_client_has_left_before_it_begins() {
    let run = |last: &str| {
        let store = store();
        let script = demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("half"))
            .step(Step::HoldStorage)
            .raw(format!("STOU x\r\n{last}\r\n"))
            .quiet()
            .step(Step::Finish)
            .quiet()
            .step(Step::ReleaseStorage)
            .expect_closed();
        let mut run = Simulator::new(SessionConfig::default(), store.clone()).lenient();
        run.play(&script).unwrap();
        assert_eq!(store.open_uploads(), 0);
        store.file("/x")
    };
    assert_eq!(run("NOOP"), None);
    assert_eq!(run("QUIT").as_deref(), Some(&b"half"[..]));
}
