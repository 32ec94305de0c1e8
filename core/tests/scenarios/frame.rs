//! The frame around the commands: HTTP, what is logged of a line, half-closed connections,
//! deadlines, and what was prepared for a command.

use super::*;
use ossftp_core::driver::{Cancel, Job, LoginRequest, Storage as _};
use ossftp_core::sim::{DataPlan, Record, Step};
use ossftp_core::{
    Admin, Answer, Event, Id, Input, LoginInfo, Now, Operation, Output, Peer, Secret, Session,
    TransferFailure,
};
use std::sync::Arc;
use std::time::Duration;

fn commands(run: &Simulator) -> Vec<&str> {
    let commands = run.transcript().events().filter_map(|event| match event {
        Event::Command(text) => Some(text.as_str()),
        _ => None,
    });
    commands.collect()
}

#[test]
fn a_browser_is_shown_the_door() {
    for line in [
        "GET / HTTP/1.1",
        "POST /?x=1 HTTP/1.0",
        "PUT /a HTTP/2",
        "HEAD / HTTP/1.1",
        "DELETE / http/1.1",
        "CONNECT host:21 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "PATCH / HTTP/1.1",
        "TRACE / HTTP/1.1",
        "Host: example.com",
        "host: example.com",
    ] {
        for begin in [Script::new().expect(220), demo()] {
            let script = begin.raw(format!("{line}\r\nDELE a.txt\r\n"));
            let run = play(&script.expect_text(421, "HTTP").expect_closed());
            let why = |event: &Event| matches!(event, Event::Closing(why) if why.contains("HTTP"));
            assert!(run.transcript().events().any(why), "{line}");
        }
    }
    play(&each(demo(), &[("GET a.txt", 500), ("PUT", 500)]));
}

#[test]
fn what_a_line_that_is_no_command_shows_in_a_log() {
    let long = "x".repeat(5000);
    let run = play(&each(
        demo(),
        &[
            ("PSAS s3cr3t", 500),
            ("pasword s3cr3t", 500),
            ("s3cr3t-word", 500),
            ("ACCT \u{1}s3cr3t", 501),
            ("SITE PSWD s3cr3t new", 504),
            ("ADAT s3cr3t", 502),
            ("TYPE \u{1b}[0m", 501),
            ("PORT 1,2,3", 501),
            ("RETR", 501),
            (&long, 500),
        ],
    ));
    let log = commands(&run).split_off(3);
    assert_eq!(
        log,
        [
            "PSAS (6 bytes)",
            "PASWORD (6 bytes)",
            "? (11 bytes)",
            "ACCT (7 bytes)",
            "SITE (15 bytes)",
            "ADAT (6 bytes)",
            "TYPE ?[0m",
            "PORT 1,2,3",
            "RETR",
            "a line that is too long",
        ]
    );
    let run = play(&each(
        Script::new().expect(220),
        &[
            ("PASSword", 500),
            ("sesame", 500),
            ("PSAS sesame", 500),
            ("USER", 501),
            ("LPSV", 502),
        ],
    ));
    let shown = [
        "? (8 bytes)",
        "? (6 bytes)",
        "PSAS (6 bytes)",
        "USER",
        "LPSV (0 bytes)",
    ];
    assert_eq!(commands(&run), shown);
}

#[test]
fn what_was_said_whole_before_the_end_is_done() {
    let said = b"USER demo\r\nPASS secret\r\nMKD new\r\nCWD new\r\nPWD\r\nDELE a.t";
    let store = store();
    let run = play_on(
        &store,
        &Script::new()
            .raw(said)
            .finish()
            .expect(220)
            .expect(331)
            .expect(230)
            .expect(257)
            .expect(250)
            .expect_text(257, "\"/new\"")
            .expect_closed(),
    );
    assert_eq!(run.now().mono, Duration::ZERO);
    assert!(store.file("/a.txt").is_some());
    // The same without anybody who listens, and byte by byte.
    let store = super::store();
    let mut run = Simulator::new(SessionConfig::default(), store.clone())
        .with_pieces(1)
        .lenient();
    let script = Script::new()
        .expect(220)
        .raw([&said[..], b"xt\r\nQUIT\r\nMKD never\r\n"].concat())
        .close()
        .expect_closed();
    run.play(&script).unwrap();
    assert!(store.directories().contains(&b"/new"[..]));
    assert!(!store.directories().contains(&b"/new/never"[..]));
}

/// Somebody may still read, so what runs is answered; a hash may take too long for that.
#[test]
fn the_last_command_of_a_client_that_is_gone() {
    let store = store();
    let gone = |command: &str| {
        let script = demo().step(Step::HoldStorage).send(command).quiet();
        script.close()
    };
    play_on(&store, &gone("HASH a.txt").expect_closed());
    let release = |script: Script| script.quiet().step(Step::ReleaseStorage).expect_closed();
    play_on(&store, &release(gone("DELE a.txt")));
    assert!(store.file("/a.txt").is_none());
    play_on(&store, &release(gone("CWD dir\r\nDELE b.txt")));
    assert!(store.file("/dir/b.txt").is_none());
}

/// Which uploads are whole does not depend on when the end of the control connection was read.
#[test]
fn an_upload_that_begins_after_the_end_counts_only_with_quit() {
    let upload = |last: &str| {
        demo()
            .data(DataPlan::upload("new"))
            .raw(format!("EPSV\r\nSTOR a.txt\r\nMKD d\r\n{last}"))
            .finish()
            .expect(229)
    };
    let store = store();
    play_on(&store, &upload("").expect_closed());
    assert_eq!(store.file("/a.txt").unwrap(), b"hello");
    assert_eq!(store.open_uploads(), 0);
    let whole = upload("QUIT\r\n").expect(150).expect(226);
    play_on(&store, &whole.expect(257).expect(221).expect_closed());
    assert_eq!(store.file("/a.txt").unwrap(), b"new");
    let mut config = SessionConfig::default();
    config.commit_on_disconnect = true;
    let store = super::store();
    let whole = upload("").expect(150).expect(226).expect(257);
    play_with(config, &store, &whole.expect_closed());
    assert_eq!(store.file("/a.txt").unwrap(), b"new");
    // A download needs its client.
    let download = demo().raw("EPSV\r\nRETR a.txt\r\nQUIT\r\n").finish();
    let run = play_on(&store, &download.expect(229).expect_closed());
    assert_eq!(run.transcript().downloads().count(), 0);
}

#[test]
fn a_storage_that_hangs_is_given_up_in_the_end() {
    let mut config = SessionConfig::default();
    config.operation_timeout = Duration::from_secs(600);
    let hangs = |script: Script, command: &str| {
        let script = script.step(Step::HoldStorage).send(command);
        play_with(
            config.clone(),
            &store(),
            &script.expect(451).expect(421).expect_closed(),
        )
    };
    let run = hangs(demo(), "CWD dir");
    assert_eq!(run.now().mono, Duration::from_secs(600));
    let closing = |event: &Event| matches!(event, Event::Closing(why) if why.contains("hangs"));
    assert!(run.transcript().events().any(closing));
    hangs(
        Script::new().expect(220).send("USER demo").expect(331),
        "PASS secret",
    );
    // A transfer that is not opened ends alone.
    let opening = demo()
        .send("EPSV")
        .expect(229)
        .step(Step::HoldStorage)
        .send("RETR a.txt")
        .expect(451)
        .step(Step::ReleaseStorage)
        .retrieves("a.txt", "hello");
    play_with(config, &store(), &opening);
}

/// The session alone, for what a simulated storage cannot do.
struct Alone(Session, Now, Peer);

impl Alone {
    fn new() -> Self {
        let now = Now {
            mono: Duration::ZERO,
            unix: 0,
        };
        let peer = Peer::new(
            "192.0.2.7:50000".parse().unwrap(),
            "192.0.2.1:21".parse().unwrap(),
        );
        let mut alone = Self(Session::new(Arc::default(), peer, now), now, peer);
        alone.says("");
        alone.say("USER demo\r\nPASS secret\r\n");
        let Some(Output::Login { id, .. }) = alone.request() else {
            panic!("no login");
        };
        let result = Ok(LoginInfo::new("Hi."));
        alone.0.handle(now, Input::Login { id, result });
        alone.says("230");
        alone
    }

    fn say(&mut self, line: &str) {
        self.0.handle(self.1, Input::Control(line.as_bytes()));
    }

    /// The next request; replies before it are dropped.
    fn request(&mut self) -> Option<Output> {
        loop {
            match self.0.poll_output() {
                Output::Wait(_) => return None,
                Output::Send(_) | Output::Event(_) => {}
                output => return Some(output),
            }
        }
    }

    fn performs(&mut self, line: &str) -> (Id, Operation) {
        self.say(line);
        match self.request() {
            Some(Output::Perform { id, operation }) => (id, operation),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn says(&mut self, expected: &str) {
        let mut text = Vec::new();
        loop {
            match self.0.poll_output() {
                Output::Wait(_) => break,
                Output::Send(bytes) => text.extend(bytes),
                _ => {}
            }
        }
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(expected), "{expected} in {text}");
    }
}

/// Only the storage knows whether an ABOR was in time.
#[test]
fn an_operation_that_was_past_aborting_is_done() {
    let mut alone = Alone::new();
    let (id, _) = alone.performs("RNFR a\r\n");
    let result = Ok(Answer::Done);
    alone.0.handle(alone.1, Input::Performed { id, result });
    alone.says("350");
    let (id, operation) = alone.performs("RNTO b\r\n");
    assert!(matches!(operation, Operation::Rename { .. }));
    alone.say("ABOR\r\n");
    let cancel = alone.request();
    assert!(matches!(cancel, Some(Output::Cancel { id: at }) if at == id));
    // It is told once, and still waited for.
    alone.say("ABOR\r\nNOOP\r\n");
    assert!(alone.request().is_none());
    let result = Ok(Answer::Done);
    alone.0.handle(alone.1, Input::Performed { id, result });
    alone.says("250 Renamed.\r\n226 Too late to abort: it was done.\r\n225 ");
}

/// A driver that takes the steps out of order cannot store half a file.
#[test]
fn a_job_that_was_not_pumped_commits_nothing() {
    let mut alone = Alone::new();
    alone.say("PORT 192,0,2,7,195,80\r\nSTOR a.txt\r\n");
    let Some(Output::Open(transfer)) = alone.request() else {
        panic!("STOR opens nothing");
    };
    let store = store();
    let peer = alone.2.addr.ip();
    let request = LoginRequest::new("demo", Secret::new("secret"), peer);
    let (volume, _) = store.login(&request, &Cancel::new()).unwrap();
    let (job, _) = Job::open(volume.as_ref(), *transfer, Cancel::new()).unwrap();
    assert_eq!(job.commit().outcome, Err(TransferFailure::Truncated));
    assert_eq!(store.file("/a.txt").unwrap(), b"hello");
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn what_waits_behind_an_operation_is_bounded_and_in_order() {
    let mut script = demo().step(Step::HoldStorage).send("CWD dir");
    script = script.raw("PWD\r\nMKD x\r\nRMD x\r\n".repeat(200)).quiet();
    script = script.step(Step::ReleaseStorage).expect(250);
    for _ in 0..200 {
        script = script.expect(257).expect(257).expect(250);
    }
    let store = store();
    let mut run = Simulator::new(SessionConfig::default(), store).with_pieces(100);
    run.play(&script).unwrap();
    let seen = |record: &&Record| matches!(record, Record::Reply(_));
    assert!(run.transcript().records().iter().filter(seen).count() > 600);
}

#[test]
fn the_log_of_transfers_has_those_too_that_nobody_was_told_the_end_of() {
    let stuck = || {
        let plan = DataPlan::upload("half").holds();
        let script = demo().send("EPSV").expect(229).data(plan);
        script.send("STOR x").expect(150).quiet()
    };
    for script in [
        stuck().close().expect_closed(),
        stuck().step(Step::Admin(Admin::Kick)).expect(421),
        stuck().raw("PWD\r\n".repeat(17)).expect(421),
    ] {
        let run = play(&script.expect_closed());
        let logged = |event: &&Event| matches!(event, Event::Transfer { .. });
        let lines: Vec<_> = run.transcript().events().filter(logged).collect();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].to_string().ends_with(", 426"), "{}", lines[0]);
    }
}

/// Slowloris: bytes are no login, and no command.
#[test]
fn a_trickle_of_bytes_holds_no_timer_off() {
    let mut script = Script::new().expect(220);
    for _ in 0..19 {
        script = script.raw("U").sleep(Duration::from_secs(3));
    }
    let run = play(&script.expect(421).expect_closed());
    assert_eq!(run.now().mono, Duration::from_secs(60));
}

#[test]
fn a_later_preparation_takes_the_place_of_an_earlier_one() {
    let pasv = ("PASV", 227);
    let port = ("PORT 192,0,2,7,195,80", 200);
    let epsv = ("EPSV", 229);
    let eprt = ("EPRT |1|192.0.2.7|50001|", 200);
    for (first, second, passive) in [
        (pasv, port, false),
        (epsv, eprt, false),
        (port, pasv, true),
        (eprt, epsv, true),
        (port, eprt, false),
    ] {
        let script = each(demo(), &[first, second])
            .send("STAT")
            .expect(211)
            .send("RETR a.txt")
            .expect(150)
            .expect(226)
            .expect_download("hello");
        play(&script);
        let mut alone = Alone::new();
        for (line, _) in [first, second] {
            alone.say(&format!("{line}\r\n"));
            if let Some(Output::Listen { id }) = alone.request() {
                let address = Some("192.0.2.1:50500".parse().unwrap());
                alone.0.handle(alone.1, Input::Listening { id, address });
            }
        }
        alone.say("RETR a\r\n");
        let Some(Output::Open(transfer)) = alone.request() else {
            panic!("{second:?} does not serve RETR");
        };
        let (id, result) = (transfer.id, Ok(None));
        alone.0.handle(alone.1, Input::TransferReady { id, result });
        let Some(Output::Run { route, .. }) = alone.request() else {
            panic!("{second:?} does not serve RETR");
        };
        assert_eq!(route == ossftp_core::DataRoute::Passive, passive);
    }
}

#[test]
fn rest_and_the_data_connection_in_either_order() {
    play(
        &each(demo(), &[("REST 2", 350), ("PASV", 227)])
            .send("RETR a.txt")
            .expect(150)
            .expect(226)
            .expect_download("llo")
            .then(&each(Script::new(), &[("PASV", 227), ("REST 3", 350)]))
            .send("RETR a.txt")
            .expect(150)
            .expect(226)
            .expect_download("lo")
            .send("REST 2")
            .expect(350)
            .send("REST 0")
            .expect(350)
            .transfers("NLST dir", DataPlan::download())
            .expect_download("b.txt\r\n")
            .retrieves("a.txt", "hello")
            .send("REST 4")
            .expect(350)
            .transfers("NLST *.txt", DataPlan::download())
            .expect_download("a.txt\r\n")
            .retrieves("a.txt", "o"),
    );
}

/// RFC 959 section 4.1.3 wants RNTO right behind RNFR. Keep-alives between them are borne; a
/// RNTO that fails, for whatever reason, ends it.
#[test]
fn what_stands_between_rnfr_and_rnto() {
    let store = store();
    play_on(
        &store,
        &each(
            demo(),
            &[
                ("RNFR a.txt", 350),
                ("NOOP", 200),
                ("PWD", 257),
                ("RNTO b.txt", 250),
                ("RNTO c.txt", 503),
                ("RNFR b.txt", 350),
                ("RNTO", 501),
                ("RNTO c.txt", 503),
                ("RNFR b.txt", 350),
                ("RNFR missing", 550),
                ("RNTO c.txt", 503),
            ],
        ),
    );
    assert!(store.file("/b.txt").is_some());
}

#[test]
fn a_client_that_has_ended_its_side_gets_its_last_answer() {
    for (command, code) in [("SIZE a.txt", 213), ("PWD", 257), ("MKD new", 257)] {
        let script = demo().step(Step::HoldStorage).send(command).quiet();
        let script = script.finish().quiet().step(Step::ReleaseStorage);
        play(&script.expect(code).expect_closed());
    }
}
