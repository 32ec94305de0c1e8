//! USER, PASS, QUIT, and what is allowed before them.

use super::*;
use ossftp_core::sim::Fault;
use ossftp_core::{ErrorKind, Event};

#[test]
fn login_and_goodbye() {
    let run = play(
        &Script::new()
            .login("demo", "secret")
            .send("PWD")
            .expect_text(257, "\"/\"")
            .send("QUIT")
            .expect(221)
            .expect_closed(),
    );
    let logged_in = |event: &Event| matches!(event, Event::LoggedIn { user } if user == "demo");
    assert!(run.transcript().events().any(logged_in));
    assert_eq!(run.session().snapshot().user.as_deref(), Some("demo"));
}

#[test]
fn a_wrong_secret_is_530_and_may_be_mended() {
    play(
        &Script::new()
            .expect(220)
            .send("USER demo")
            .expect(331)
            .send("PASS wrong")
            .expect_text(530, "Login incorrect.")
            .send("PWD")
            .expect(530)
            .send("USER demo")
            .expect(331)
            .send("PASS secret")
            .expect(230)
            .send("PWD")
            .expect(257),
    );
}

#[test]
fn an_unknown_user_looks_like_a_wrong_secret() {
    let said = |user: &str| {
        let run = play(
            &Script::new()
                .expect(220)
                .send(format!("USER {user}"))
                .expect(331)
                .send("PASS wrong")
                .expect(530),
        );
        run.transcript().replies().collect::<Vec<_>>().concat()
    };
    assert_eq!(said("demo"), said("nobody"));
}

#[test]
fn after_three_wrong_secrets_the_connection_is_closed() {
    let wrong = Script::new()
        .send("USER demo")
        .expect(331)
        .send("PASS wrong")
        .expect(530);
    play(
        &Script::new()
            .expect(220)
            .then(&wrong)
            .then(&wrong)
            .then(&wrong)
            .expect_closed(),
    );
}

#[test]
fn a_storage_that_is_down_is_not_a_wrong_secret() {
    let store = store();
    for _ in 0..5 {
        store.fail_next(Fault::Login, ErrorKind::Unavailable);
    }
    let attempt = |code| {
        Script::new()
            .send("USER demo")
            .expect(331)
            .send("PASS secret")
            .expect(code)
    };
    let mut script = Script::new().expect(220);
    for _ in 0..5 {
        script = script.then(&attempt(451));
    }
    play_on(&store, &script.then(&attempt(230)));
}

#[test]
fn order_of_user_and_pass() {
    play(&each(
        Script::new().expect(220),
        &[
            ("PASS secret", 503),
            ("USER", 501),
            ("PASS secret", 503),
            ("USER demo", 331),
            ("USER demo", 331),
            ("PASS secret", 230),
            ("PASS secret", 503),
            ("PWD", 257),
        ],
    ));
}

#[test]
fn user_flushes_the_login_that_was() {
    play(
        &each(demo(), &[("CWD dir", 250), ("RNFR b.txt", 350)])
            .send("USER guest")
            .expect(331)
            .send("PWD")
            .expect(530)
            .send("PASS secret")
            .expect(230)
            .send("PWD")
            .expect_text(257, "\"/\"")
            .send("DELE a.txt")
            .expect(550)
            .send("RNTO c.txt")
            .expect(550),
    );
}

#[test]
fn what_is_allowed_before_login() {
    let script = each(
        Script::new().expect(220),
        &[
            ("SYST", 215),
            ("FEAT", 211),
            ("NOOP", 200),
            ("HELP", 214),
            ("OPTS UTF8 ON", 200),
            ("XYZZY", 500),
        ],
    );
    let refused = [
        "CWD dir",
        "XCWD dir",
        "CDUP",
        "XCUP",
        "PWD",
        "XPWD",
        "TYPE I",
        "TYPE E",
        "STRU F",
        "MODE S",
        "PASV",
        "EPSV",
        "EPSV 9",
        "PORT 192,0,2,7,195,80",
        "EPRT |1|192.0.2.7|50000|",
        "RETR a.txt",
        "STOR a.txt",
        "STOR",
        "APPE a.txt",
        "REST 0",
        "ALLO 1",
        "RNFR a.txt",
        "RNTO b.txt",
        "DELE a.txt",
        "RMD empty",
        "XRMD empty",
        "MKD x",
        "XMKD x",
        "SIZE a.txt",
        "MDTM a.txt",
        "LIST",
        "NLST",
        "MLSD",
        "MLST",
        "STAT a.txt",
    ];
    let refused: Vec<_> = refused.iter().map(|command| (*command, 530)).collect();
    play(&each(script, &refused).send("QUIT").expect(221));
}

#[test]
fn a_read_only_login_reads() {
    play(
        &each(
            Script::new()
                .login("guest", "secret")
                .send("TYPE I")
                .expect(200),
            &[
                ("SIZE a.txt", 213),
                ("CWD dir", 250),
                ("CDUP", 250),
                ("DELE a.txt", 550),
                ("MKD x", 550),
                ("RMD empty", 550),
                ("RNFR a.txt", 550),
                ("RNTO b.txt", 550),
                ("EPSV", 229),
                ("STOR x", 550),
                ("APPE a.txt", 550),
            ],
        )
        .retrieves("a.txt", "hello")
        .send("MLST a.txt")
        .expect_text(250, "perm=r;"),
    );
}

#[test]
fn passwords_stay_out_of_the_log() {
    let run = play(
        &Script::new()
            .expect(220)
            .send("USER demo")
            .expect(331)
            .send("PASS  two words ")
            .expect(530),
    );
    let log = format!("{:?}", run.transcript().events().collect::<Vec<_>>());
    assert!(log.contains("PASS ***"), "{log}");
    assert!(!log.contains("two"), "{log}");
}

#[test]
fn an_empty_password_is_a_password() {
    let store = MemoryStore::new().with_user("anonymous", "", true);
    for pass in ["PASS", "PASS "] {
        play_on(
            &store,
            &Script::new()
                .expect(220)
                .send("USER anonymous")
                .expect(331)
                .send(pass)
                .expect(230),
        );
    }
}

#[test]
fn quit_waits_for_its_turn() {
    let run = play(
        &Script::new()
            .expect(220)
            .raw("USER demo\r\nPASS secret\r\nCWD dir\r\nPWD\r\nQUIT\r\nPWD\r\n")
            .expect(331)
            .expect(230)
            .expect(250)
            .expect_text(257, "\"/dir\"")
            .expect(221)
            .expect_closed(),
    );
    let closing = |event: &Event| matches!(event, Event::Closing(_));
    assert_eq!(run.transcript().events().filter(|e| closing(e)).count(), 1);
}

/// Wherever it is: in the socket's bytes, in half a line, or in a line that waits for its turn.
#[test]
fn passwords_stay_out_of_debug_output() {
    use ossftp_core::Input;
    use ossftp_core::line::{Line, LineReader};
    use ossftp_core::sim::{DataPlan, Step};
    let secret = format!("{:?}", b"hunter2");
    let secret = secret.trim_matches(['[', ']']);
    let show = |what: &dyn std::fmt::Debug| {
        let shown = format!("{what:?}");
        assert!(
            !shown.contains(secret) && !shown.contains("hunter2"),
            "{shown}"
        );
    };
    show(&Input::Control(b"PASS hunter2\r\n"));
    show(&Line::Text(b"PASS hunter2".to_vec()));
    let mut reader = LineReader::default();
    for _ in 0..2 {
        reader.push(b"PASS hunter2");
        show(&reader);
        assert_eq!(reader.next_line(), None);
    }
    show(&reader);

    let waiting = demo()
        .step(Step::HoldStorage)
        .send("CWD dir")
        .raw("PASS hunter2\r\nUS");
    show(play(&waiting.quiet()).session());
    let ahead = demo()
        .send("EPSV")
        .expect(229)
        .data(DataPlan::upload("x").holds())
        .send("STOR x")
        .expect(150)
        .step(Step::HoldStorage)
        .step(Step::DataClose)
        .raw("PASS hunter2\r\nPASS hunter2");
    show(play(&ahead.quiet()).session());
}
