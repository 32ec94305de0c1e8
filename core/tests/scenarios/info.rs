//! FEAT, OPTS, HELP, SYST, NOOP, STAT, and verbs that there are not.

use super::*;
use ossftp_core::Event;
use ossftp_core::sim::{DataPlan, Step};
use std::time::Duration;

#[test]
fn features() {
    let run = play(&Script::new().expect(220).send("FEAT").expect(211));
    let reply = run.transcript().replies().nth(1).unwrap();
    let text = String::from_utf8(reply.to_vec()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.first(), Some(&"211-Extensions:"));
    assert_eq!(lines.last(), Some(&"211 End"));
    for feature in [
        " EPRT",
        " EPSV",
        " MDTM",
        " MLST type*;size*;modify*;perm*;",
        " REST STREAM",
        " SIZE",
        " TVFS",
        " UTF8",
    ] {
        assert!(lines.contains(&feature), "{feature} in {text}");
    }
}

#[test]
fn options() {
    play(&each(
        Script::new().expect(220),
        &[
            ("OPTS UTF8 ON", 200),
            ("opts utf8 on", 200),
            ("OPTS UTF-8 ON", 200),
            ("OPTS UTF8", 200),
            ("OPTS UTF8 OFF", 504),
            ("OPTS MLST type;", 200),
            ("OPTS HASH SHA-1", 501),
            ("OPTS", 501),
            ("FEAT x", 501),
        ],
    ));
}

#[test]
fn help() {
    play(
        &Script::new()
            .expect(220)
            .send("HELP")
            .expect_text(214, "RETR")
            .send("HELP retr")
            .expect_text(214, "RETR path: ")
            .send("HELP xpwd")
            .expect_text(214, "PWD: ")
            .send("HELP nothing")
            .expect(502),
    );
}

#[test]
fn small_things() {
    play(
        &each(
            demo(),
            &[
                ("NOOP", 200),
                ("noop", 200),
                ("NOOP x", 200),
                ("NoOp ", 200),
            ],
        )
        .send("SYST")
        .expect_text(215, "UNIX Type: L8")
        .send("SYST x")
        .expect(501),
    );
}

#[test]
fn status() {
    play(
        &demo().send("CWD dir").expect(250).send("STAT").expect_text(
            211,
            " Logged in as demo\r\n Working directory /dir\r\n TYPE I;",
        ),
    );
}

#[test]
fn status_and_keep_alives_during_a_transfer() {
    let plan = DataPlan::upload("12345678").in_pieces(2, Duration::from_secs(10));
    let run = play(
        &demo()
            .send("EPSV")
            .expect(229)
            .data(plan)
            .send("STOR slow")
            .expect(150)
            .send("NOOP")
            .expect(200)
            .sleep(Duration::from_secs(25))
            .send("STAT")
            .expect_text(211, "STOR of /slow: 4 bytes so far")
            .send("NOOP")
            .expect(200)
            .expect(226)
            .send("STAT")
            .expect(211),
    );
    assert!(run.session().snapshot().transfer.is_none());
}

#[test]
fn what_the_console_sees() {
    let mut run = play(
        &demo()
            .send("CWD dir")
            .expect(250)
            .send("EPSV")
            .expect(229)
            .step(Step::HoldStorage)
            .send("RETR b.txt"),
    );
    let snapshot = run.session().snapshot();
    assert_eq!(snapshot.user.as_deref(), Some("demo"));
    assert_eq!(snapshot.cwd.display(), "/dir");
    let transfer = snapshot.transfer.unwrap();
    assert_eq!((transfer.verb, transfer.bytes), ("RETR", 0));
    assert_eq!(transfer.path.display(), "/dir/b.txt");
    let script = Script::new()
        .step(Step::ReleaseStorage)
        .expect(150)
        .expect(226);
    run.play(&script).unwrap();
}

#[test]
fn unknown_verbs() {
    play(&each(
        demo(),
        &[
            ("XYZZY", 500),
            ("AUTH TLS", 502),
            (" NOOP", 500),
            ("\tNOOP", 500),
            ("N\u{f6}\u{f6}P", 500),
            ("R3TR x", 500),
            ("RETRRETRR x", 500),
            ("NOOP", 200),
        ],
    ));
}

#[test]
fn too_many_unknown_verbs_close_the_connection() {
    let mut script = Script::new().expect(220);
    for _ in 1..20 {
        script = script.send("XYZZY / 1.1").expect(500);
    }
    play(&script.send("XYZZY").expect(421).expect_closed());
}

#[test]
fn names_in_events_have_no_control_characters() {
    let run = play(
        &Script::new()
            .expect(220)
            .send("USER a\u{85}b\u{9b}c")
            .expect(331)
            .send("PASS x")
            .expect(530),
    );
    let shown = |event: &Event| matches!(event, Event::LoginFailed { user, .. } if user == "a?b?c");
    assert!(run.transcript().events().any(shown));
}

/// Some clients try a command of their own after each file, whatever it is answered.
#[test]
fn unknown_verbs_here_and_there_do_not_end_a_login() {
    let mut script = demo();
    for _ in 0..30 {
        script = each(script, &[("XYZZY a.txt", 500), ("NOOP", 200)]);
    }
    for _ in 1..20 {
        script = script.send("Accept: text").expect(500);
    }
    play(&script.send("Accept: text").expect(421).expect_closed());
    let mut stranger = Script::new().expect(220);
    for _ in 1..20 {
        stranger = each(stranger, &[("Accept: text", 500), ("NOOP", 200)]);
    }
    let last = stranger.send("Accept: text").expect(421);
    play(&last.expect_closed());
}

#[test]
fn courtesies() {
    let script = each(
        demo(),
        &[
            ("CLNT a client of yours", 200),
            ("LANG", 200),
            ("LANG en", 200),
            ("LANG EN-gb", 200),
            ("LANG english", 504),
            ("LANG fr", 504),
        ],
    );
    play(
        &script
            .send("CSID name=a client of yours;")
            .expect_text(200, "name=OSS-FTP;version="),
    );
}
