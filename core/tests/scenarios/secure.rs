//! AUTH and implicit TLS: how TLS comes up, what is forgotten then, and what is never heard.

use super::*;
use ossftp_core::sim::{DataPlan, Step};
use ossftp_core::{ActivePolicy, Admin, Event, Input, Now, Output, Peer, Session};
use std::sync::Arc;
use std::time::Duration;

/// TLS is offered and nothing demanded; CCC is allowed.
pub(crate) fn offered() -> SessionConfig {
    let mut config = SessionConfig::default();
    config.tls.offered = true;
    config.tls.allow_ccc = true;
    config
}

pub(crate) fn implicit() -> SessionConfig {
    let mut config = offered();
    config.tls.implicit = true;
    config
}

pub(crate) fn greeted() -> Script {
    Script::new().expect(220)
}

/// TLS is up, nobody is logged in.
pub(crate) fn protected() -> Script {
    greeted().send("AUTH TLS").expect(234)
}

pub(crate) fn login(script: Script) -> Script {
    each(
        script,
        &[("USER demo", 331), ("PASS secret", 230), ("TYPE I", 200)],
    )
}

/// TLS is up, and demo is logged in.
pub(crate) fn secure_demo() -> Script {
    login(protected())
}

#[track_caller]
pub(crate) fn play_tls(script: &Script) -> Simulator {
    play_with(offered(), &store(), script)
}

pub(crate) fn closings(run: &Simulator) -> Vec<&'static str> {
    let events = run.transcript().events();
    let reason = |event: &Event| match event {
        Event::Closing(reason) => Some(*reason),
        _ => None,
    };
    events.filter_map(reason).collect()
}

#[test]
fn the_mechanisms_of_auth() {
    for mechanism in ["TLS", "tls", "TLS-C", "TLS-P", "SSL", "ssl"] {
        let auth = format!("AUTH {mechanism}");
        let run = play_tls(
            &each(greeted(), &[(&auth, 234), ("NOOP", 200)])
                .send(&auth)
                .expect(503),
        );
        let up = run.transcript().events().filter(|e| **e == Event::TlsUp);
        assert_eq!(up.count(), 1, "{mechanism}");
    }
    play_tls(&each(
        greeted(),
        &[
            ("AUTH", 501),
            ("AUTH GSSAPI", 504),
            ("AUTH TLS-X", 504),
            ("AUTH TLS", 234),
            ("AUTH TLS-P", 503),
            ("AUTH GSSAPI", 504),
        ],
    ));
}

#[test]
fn without_a_certificate_there_is_no_tls() {
    let commands = [
        ("AUTH TLS", 502),
        ("AUTH", 502),
        ("AUTH GSSAPI", 502),
        ("PBSZ 0", 502),
        ("PBSZ x", 502),
        ("PROT P", 502),
        ("PROT X", 502),
        ("HELP AUTH", 502),
    ];
    play(&each(greeted().send("CCC").expect(530), &commands));
    let run = play(
        &each(demo(), &commands)
            .send("CCC")
            .expect(502)
            .send("FEAT")
            .expect(211),
    );
    let features = run.transcript().replies().last().unwrap().to_vec();
    let features = String::from_utf8(features).unwrap();
    for word in ["AUTH", "PBSZ", "PROT", "CCC"] {
        assert!(!features.contains(word), "{features}");
    }
}

#[test]
fn feat_names_what_there_is() {
    let all = [
        "AUTH TLS\r\n",
        " PBSZ\r\n",
        " PROT\r\n",
        " CCC\r\n",
        " HOST\r\n",
        " EPRT\r\n",
    ];
    let script = all.iter().fold(greeted(), |script, line| {
        script.send("FEAT").expect_text(211, line)
    });
    play_tls(&script);
    let mut config = offered();
    config.tls.allow_ccc = false;
    config.active = ActivePolicy::Closed;
    let run = play_with(
        config,
        &store(),
        &greeted().send("FEAT").expect_text(211, "AUTH TLS"),
    );
    let said = run.transcript().replies().collect::<Vec<_>>().concat();
    let said = String::from_utf8(said).unwrap();
    assert!(!said.contains("CCC") && !said.contains("EPRT"), "{said}");
}

#[test]
fn auth_begins_anew() {
    let everything = [
        ("HOST ftp.example", 220),
        ("USER demo", 331),
        ("PASS secret", 230),
        ("TYPE I", 200),
        ("CWD dir", 250),
        ("OPTS MLST size;", 200),
        ("REST 3", 350),
        ("ALLO 100", 200),
        ("RNFR b.txt", 350),
        ("EPSV", 229),
        ("EPSV ALL", 200),
        ("PASV", 501),
        ("AUTH TLS", 234),
        ("PWD", 530),
        ("RETR a.txt", 530),
        ("PASS secret", 503),
        ("HOST ftp.example", 220),
        ("USER demo", 331),
        ("PASS secret", 230),
        ("RNTO c.txt", 503),
        ("RETR a.txt", 425),
        ("PASV", 227),
    ];
    play_tls(&as_at_first(each(greeted(), &everything)));
}

/// What stands behind AUTH came in clear, from anybody.
#[test]
fn what_came_in_clear_is_not_taken_for_protected() {
    let injected = b"AUTH TLS\r\nUSER demo\r\nPASS secret\r\nPBSZ 0\r\nPROT C\r\nDELE a.txt\r\nNO";
    for piece in [usize::MAX, 1, 2, 3, 7, 11] {
        let mut run = Simulator::new(offered(), store()).with_pieces(piece);
        let script = greeted()
            .raw(injected)
            .expect(234)
            .quiet()
            .send("PWD")
            .expect(530)
            .send("PASS secret")
            .expect(503)
            .send("PROT C")
            .expect(503);
        if let Err(failure) = run.play(&script) {
            panic!("pieces of {piece}: {failure}");
        }
        assert_eq!(run.transcript().codes(), [220, 234, 530, 503, 503]);
    }
}

#[test]
fn what_comes_during_the_handshake_is_lost() {
    play_tls(
        &greeted()
            .step(Step::HoldTls)
            .send("AUTH TLS")
            .expect(234)
            .send("USER demo")
            .raw(b"PASS secret\r\nQUIT\r\n\xff\xfa")
            .quiet()
            .step(Step::ReleaseTls)
            .quiet()
            .send("PWD")
            .expect(530)
            .send("QUIT")
            .expect(221),
    );
}

/// Half a line, a line that is too long and a Telnet command that were begun in clear do not end
/// under TLS.
#[test]
fn nothing_begun_in_clear_ends_under_tls() {
    for tail in [
        b"USER ".to_vec(),
        b"\xff\xfa".to_vec(),
        b"\xff".to_vec(),
        b"x".repeat(6000),
    ] {
        let bytes = [b"AUTH TLS\r\n".as_slice(), &tail].concat();
        play_tls(
            &greeted()
                .raw(bytes)
                .expect(234)
                .quiet()
                .send("NOOP")
                .expect(200),
        );
    }
}

#[test]
fn auth_queued_behind_a_transfer_drops_what_follows_it() {
    play_tls(
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("he").holds())
            .send("STOR x")
            .expect(150)
            .quiet()
            .raw("PWD\r\nAUTH TLS\r\nDELE a.txt\r\nNOOP\r\nMKD y\r\n")
            // In clear, and before AUTH.
            .expect(200)
            .quiet()
            .step(Step::DataClose)
            .expect(226)
            .expect(257)
            .expect(234)
            .quiet()
            .send("PWD")
            .expect(530),
    );
}

/// QUIT marks an upload as whole although the control connection goes. One that came in clear and
/// was dropped marks nothing.
#[test]
fn a_quit_that_was_dropped_makes_no_upload_whole() {
    let store = store();
    let script = demo()
        .send("EPSV")
        .expect(229)
        .data(DataPlan::upload("1").holds())
        .send("STOR x")
        .expect(150)
        .raw("AUTH TLS\r\nQUIT\r\n")
        .quiet()
        .step(Step::DataClose)
        .expect(226)
        .expect(234);
    let script = login(script)
        .send("EPSV")
        .expect(229)
        .data(DataPlan::upload("half").in_pieces(1, Duration::from_secs(1)))
        .send("STOR y")
        .expect(150)
        .sleep(Duration::from_secs(2))
        .close()
        .sleep(Duration::from_secs(5));
    play_with(offered(), &store, &script);
    assert_eq!(store.file("/x").as_deref(), Some(&b"1"[..]));
    assert_eq!(store.file("/y"), None);
}

#[test]
fn a_handshake_that_fails_closes_without_a_word() {
    let run = play_tls(
        &greeted()
            .step(Step::TlsFails)
            .send("AUTH TLS")
            .expect(234)
            .expect_closed(),
    );
    assert_eq!(run.transcript().codes(), [220, 234]);
    assert_eq!(
        closings(&run),
        ["TLS could not be had on the control connection"]
    );
}

#[test]
fn a_handshake_has_its_time() {
    let begun = greeted().step(Step::HoldTls).send("AUTH TLS").expect(234);
    let run = play_tls(&begun.clone().sleep(Duration::from_secs(31)).expect_closed());
    assert_eq!(run.transcript().codes(), [220, 234]);
    assert_eq!(closings(&run), ["TLS did not come up or go down in time"]);
    play_tls(
        &begun
            .sleep(Duration::from_secs(29))
            .step(Step::ReleaseTls)
            .send("NOOP")
            .expect(200),
    );
}

/// During the handshake nothing can be said, not even goodbye.
#[test]
fn the_operator_and_the_client_end_a_handshake() {
    let begun = greeted().step(Step::HoldTls).send("AUTH TLS").expect(234);
    let kicked = begun.clone().step(Step::Admin(Admin::Kick)).expect_closed();
    assert_eq!(play_tls(&kicked).transcript().codes(), [220, 234]);
    let gone = begun.clone().close().quiet().step(Step::ReleaseTls);
    assert_eq!(
        closings(&play_tls(&gone)),
        ["the client closed the connection"]
    );
    play_tls(
        &begun
            .step(Step::Admin(Admin::Drain))
            .quiet()
            .step(Step::ReleaseTls)
            .expect(421)
            .expect_closed(),
    );
}

/// The working directory too, which no command shows before the next login.
#[test]
fn nobody_is_anywhere_after_auth() {
    let run = play_tls(&each(demo(), &[("CWD dir", 250), ("AUTH TLS", 234)]).quiet());
    let snapshot = run.session().snapshot();
    assert_eq!(
        (snapshot.user, snapshot.cwd.display().as_str()),
        (None, "/")
    );
}

#[test]
fn the_time_for_the_login_goes_on_under_tls() {
    play_tls(
        &greeted()
            .sleep(Duration::from_secs(40))
            .send("AUTH TLS")
            .expect(234)
            .sleep(Duration::from_secs(19))
            .send("NOOP")
            .expect(200)
            .sleep(Duration::from_secs(2))
            .expect(421)
            .expect_closed(),
    );
    // Who was logged in is a stranger from then on, with a stranger's time.
    play_tls(
        &demo()
            .sleep(Duration::from_secs(100))
            .send("AUTH TLS")
            .expect(234)
            .sleep(Duration::from_secs(59))
            .send("NOOP")
            .expect(200)
            .sleep(Duration::from_secs(2))
            .expect(421)
            .expect_closed(),
    );
}

#[test]
fn implicit_tls() {
    let store = store();
    let run = play_with(
        implicit(),
        &store,
        &login(greeted())
            .retrieves("a.txt", "hello")
            .send("AUTH TLS")
            .expect(503)
            .send("PROT C")
            .expect(503)
            .send("PBSZ 0")
            .expect(200)
            .send("PROT C")
            .expect(200)
            .stores("x", "in clear"),
    );
    assert_eq!(run.transcript().events().next(), Some(&Event::TlsUp));
    // From the start data is protected, so that the strictest policy is content.
    let mut config = implicit();
    config.tls.offered = false;
    config.tls.required_for_login = true;
    config.tls.required_for_data = true;
    let script = login(greeted()).retrieves("a.txt", "hello");
    play_with(
        config,
        &store,
        &each(script, &[("PBSZ 0", 200), ("PROT C", 534)]).retrieves("a.txt", "hello"),
    );
}

#[test]
fn before_implicit_tls_nothing_is_said_or_heard() {
    let held = Script::new()
        .step(Step::HoldTls)
        .raw("USER demo\r\nPASS secret\r\n")
        .quiet();
    let run = play_with(implicit(), &store(), &held);
    assert_eq!(run.transcript().replies().count(), 0);
    assert!(!run.session().wants_input());
    let run = play_with(
        implicit(),
        &store(),
        &held
            .clone()
            .step(Step::ReleaseTls)
            .expect(220)
            .send("PWD")
            .expect(530),
    );
    assert_eq!(run.transcript().codes(), [220, 530]);
    let failed = Script::new().step(Step::TlsFails).expect_closed();
    let run = play_with(implicit(), &store(), &failed);
    assert_eq!(run.transcript().replies().count(), 0);
    let late = held.clone().sleep(Duration::from_secs(31)).expect_closed();
    play_with(implicit(), &store(), &late);
    let kicked = held.step(Step::Admin(Admin::Kick)).expect_closed();
    play_with(implicit(), &store(), &kicked);
    // The login's time has begun with the connection.
    play_with(
        implicit(),
        &store(),
        &Script::new()
            .step(Step::HoldTls)
            .sleep(Duration::from_secs(20))
            .step(Step::ReleaseTls)
            .expect(220)
            .sleep(Duration::from_secs(41))
            .expect(421)
            .expect_closed(),
    );
}

pub(crate) fn session(config: SessionConfig) -> (Session, Now) {
    let now = Now {
        mono: Duration::ZERO,
        unix: 0,
    };
    let peer = Peer {
        addr: "192.0.2.7:50000".parse().unwrap(),
        local: "192.0.2.1:21".parse().unwrap(),
    };
    (Session::new(Arc::new(config), peer, now), now)
}

/// All outputs up to the next `Wait`.
pub(crate) fn drain(session: &mut Session) -> Vec<Output> {
    let next = || match session.poll_output() {
        Output::Wait(_) => None,
        output => Some(output),
    };
    std::iter::from_fn(next).take(100).collect()
}

/// A driver that tells what it was not asked for changes nothing.
#[test]
fn tls_that_nobody_asked_for() {
    let (mut session, now) = session(offered());
    drain(&mut session);
    for input in [Input::TlsUp, Input::TlsDown, Input::TlsFailed] {
        session.handle(now, input);
        assert!(drain(&mut session).is_empty());
    }
    session.handle(now, Input::Control(b"AUTH TLS\r\n"));
    let outputs = drain(&mut session);
    assert!(
        matches!(outputs.last(), Some(Output::StartTls)),
        "{outputs:?}"
    );
    session.handle(now, Input::TlsDown);
    session.handle(now, Input::Tick);
    assert!(!session.wants_input() && drain(&mut session).is_empty());
    session.handle(now, Input::TlsUp);
    assert!(session.wants_input());
    drain(&mut session);
    session.handle(now, Input::TlsUp);
    session.handle(now, Input::TlsDown);
    session.handle(now, Input::Control(b"AUTH TLS\r\n"));
    let outputs = drain(&mut session);
    let again = |output: &Output| matches!(output, Output::StartTls);
    assert!(
        !outputs.is_empty() && !outputs.iter().any(again),
        "{outputs:?}"
    );
}

/// The 234 goes out before TLS begins, in a write of its own order, and nothing after it.
#[test]
fn the_order_of_auth() {
    let (mut session, now) = session(offered());
    session.handle(now, Input::Control(b"NOOP\r\nAUTH TLS\r\nNOOP\r\n"));
    let outputs = drain(&mut session);
    let mut outputs = outputs.iter().filter(|o| !matches!(o, Output::Event(_)));
    let Some(Output::Send(bytes)) = outputs.next() else {
        panic!("nothing said");
    };
    let said = String::from_utf8(bytes.clone()).unwrap();
    let codes: Vec<_> = said.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["220", "200", "234"]);
    assert!(matches!(outputs.next(), Some(Output::StartTls)));
    assert!(outputs.next().is_none());
}
