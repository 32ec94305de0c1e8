//! PBSZ, PROT and CCC, and what the policies for logins and data refuse.

use super::secure::*;
use super::*;
use ossftp_core::sim::{DataPlan, Step, fuzz};
use ossftp_core::{DataError, Event, Input, LoginInfo, Output, TransferFailure, TransferReport};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::time::Duration;

#[test]
fn in_clear_there_is_nothing_to_protect() {
    let commands = [
        ("PBSZ 0", 503),
        ("PBSZ 4294967295", 503),
        ("PBSZ 4294967296", 501),
        ("PBSZ", 501),
        ("PROT P", 503),
        ("PROT C", 503),
        ("PROT S", 503),
        ("PROT E", 503),
        ("PROT X", 504),
        ("PROT", 501),
        ("ADAT x", 502),
        ("MIC x", 502),
        ("CONF x", 502),
        ("ENC x", 502),
    ];
    play_tls(&each(each(greeted(), &commands), &[("CCC", 530)]));
    play_tls(&each(
        each(demo(), &commands),
        &[("CCC", 533), ("CCC x", 501)],
    ));
}

#[test]
fn levels_of_protection() {
    let commands = [
        ("PROT P", 503),
        ("PROT C", 503),
        ("PROT S", 503),
        ("PBSZ x", 501),
        ("PROT P", 503),
        ("PBSZ 0", 200),
        ("PROT S", 536),
        ("PROT E", 536),
        ("PROT X", 504),
        ("PROT", 501),
        ("PROT P", 200),
        ("PROT c", 200),
        ("prot p", 200),
    ];
    play_tls(&each(each(protected(), &commands), &[("CCC", 530)]));
    play_tls(&login(each(protected(), &commands)).retrieves("a.txt", "hello"));
    play_tls(&each(secure_demo(), &commands).retrieves("a.txt", "hello"));
    play_tls(
        &protected()
            .send("PBSZ 4294967295")
            .expect_text(200, "PBSZ=0"),
    );
}

/// Both orders are common: python's ftplib protects data after the login, basic-ftp before it.
#[test]
fn pbsz_and_prot_stay_through_a_login() {
    let mut config = offered();
    config.tls.required_for_data = true;
    let before = each(protected(), &[("PBSZ 0", 200), ("PROT P", 200)]);
    play_with(
        config.clone(),
        &store(),
        &login(before).retrieves("a.txt", "hello"),
    );
    let after = each(secure_demo(), &[("PBSZ 0", 200), ("PROT P", 200)]);
    let again = login(after.retrieves("a.txt", "hello"));
    play_with(config, &store(), &again.stores("x", "new"));
}

/// Every command that moves data, and what it finds missing: first a data connection, then its
/// protection.
#[test]
fn data_in_clear_is_refused_where_it_has_to_be_protected() {
    let mut config = offered();
    config.tls.required_for_data = true;
    let commands = [
        "RETR a.txt",
        "RETR nothing",
        "STOR x",
        "STOR a.txt",
        "APPE a.txt",
        "LIST",
        "LIST nothing",
        "NLST dir",
        "MLSD",
        "MLSD a.txt",
    ];
    let prepare = [
        ("PASV", 227),
        ("EPSV", 229),
        ("PORT 192,0,2,7,195,80", 200),
        ("EPRT |1|192.0.2.7|50000|", 200),
    ];
    let protection = [("PBSZ 0", 200), ("PROT P", 200), ("PROT C", 534)];
    for start in [demo(), secure_demo()] {
        let mut script = start;
        for command in commands {
            script = script.send(command).expect(425);
            for (route, code) in prepare {
                let used_up = [(route, code), (command, 521), (command, 425)];
                script = each(script, &used_up);
            }
        }
        play_with(config.clone(), &store(), &script);
    }
    let script = each(secure_demo(), &protection);
    play_with(
        config.clone(),
        &store(),
        &script
            .retrieves("a.txt", "hello")
            .stores("x", "new")
            .transfers("APPE x", DataPlan::upload("er"))
            .transfers("LIST", DataPlan::download())
            .transfers("NLST", DataPlan::download())
            .transfers("MLSD", DataPlan::download())
            .send("STOR y")
            .expect(425),
    );
    for mechanism in ["SSL", "TLS-P"] {
        let auth = greeted().send(format!("AUTH {mechanism}")).expect(234);
        let script = login(auth).retrieves("a.txt", "hello");
        play_with(config.clone(), &store(), &script);
    }
}

/// PROT is looked at when the transfer begins, so it may come after PASV.
#[test]
fn protection_may_come_after_the_data_connection() {
    let mut config = offered();
    config.tls.required_for_data = true;
    play_with(
        config,
        &store(),
        &each(
            secure_demo(),
            &[("EPSV", 229), ("PBSZ 0", 200), ("PROT P", 200)],
        )
        .send("RETR a.txt")
        .expect(150)
        .expect(226)
        .expect_download("hello"),
    );
}

#[test]
fn a_refusal_uses_up_what_was_prepared() {
    let mut config = offered();
    config.tls.required_for_data = true;
    play_with(
        config,
        &store(),
        &each(
            secure_demo(),
            &[
                ("REST 2", 350),
                ("EPSV", 229),
                ("RETR a.txt", 521),
                ("PBSZ 0", 200),
                ("PROT P", 200),
            ],
        )
        .retrieves("a.txt", "hello"),
    );
}

#[test]
fn ccc_makes_the_control_connection_clear() {
    let script = each(
        secure_demo(),
        &[
            ("PBSZ 0", 200),
            ("PROT P", 200),
            ("CWD dir", 250),
            ("CCC x", 501),
            ("CCC", 200),
            ("CCC", 533),
            ("PBSZ 0", 503),
            ("PROT C", 503),
            ("PROT P", 503),
        ],
    );
    let mut config = offered();
    config.tls.required_for_data = true;
    // Everything else is as it was, and the data as protected as it was.
    let run = play_with(
        config,
        &store(),
        &script
            .send("PWD")
            .expect_text(257, "\"/dir\"")
            .retrieves("b.txt", "world")
            .send("AUTH TLS")
            .expect(234)
            .send("PWD")
            .expect(530)
            .send("PROT P")
            .expect(503),
    );
    let seen: Vec<_> = run
        .transcript()
        .events()
        .filter(|event| matches!(event, Event::TlsUp | Event::TlsDown))
        .collect();
    assert_eq!(seen, [&Event::TlsUp, &Event::TlsDown, &Event::TlsUp]);
}

#[test]
fn what_stands_behind_ccc_is_lost() {
    for piece in [usize::MAX, 1, 5] {
        let mut run = Simulator::new(offered(), store()).with_pieces(piece);
        let script = secure_demo()
            .raw("CCC\r\nDELE a.txt\r\nQUIT\r\nMK")
            .expect(200)
            .quiet()
            .send("PWD")
            .expect(257);
        run.play(&script).unwrap();
    }
    play_tls(
        &secure_demo()
            .step(Step::HoldTls)
            .send("CCC")
            .expect(200)
            .send("DELE a.txt")
            .quiet()
            .step(Step::ReleaseTls)
            .quiet()
            .send("PWD")
            .expect(257),
    );
    let run = play_tls(
        &secure_demo()
            .step(Step::HoldTls)
            .send("CCC")
            .expect(200)
            .sleep(Duration::from_secs(31))
            .expect_closed(),
    );
    assert_eq!(closings(&run), ["TLS did not come up or go down in time"]);
}

#[test]
fn ccc_that_the_policy_forbids() {
    let mut config = offered();
    config.tls.allow_ccc = false;
    let play = |script: Script| play_with(config.clone(), &store(), &script);
    play(each(greeted(), &[("CCC", 530), ("HELP CCC", 502)]));
    play(each(demo(), &[("CCC", 533)]));
    play(each(protected(), &[("CCC", 530)]));
    play(each(
        secure_demo(),
        &[("CCC", 534), ("PWD", 257), ("PBSZ 0", 200)],
    ));
}

#[test]
fn logins_in_clear_that_the_policy_forbids() {
    let mut config = offered();
    config.tls.required_for_login = true;
    let run = play_with(
        config.clone(),
        &store(),
        &each(
            greeted(),
            &[
                ("PASS secret", 534),
                ("USER demo", 534),
                ("PASS secret", 534),
                ("P@SW secret", 534),
                ("USER", 501),
                ("PWD", 530),
                ("HOST ftp.example", 220),
                ("NOOP", 200),
                ("FEAT", 211),
                ("REIN", 220),
                ("AUTH TLS", 234),
                ("PASS secret", 503),
                ("USER demo", 331),
                ("PASS secret", 230),
                // Data is another matter.
                ("TYPE I", 200),
            ],
        )
        .retrieves("a.txt", "hello"),
    );
    let failed = |event: &Event| matches!(event, Event::LoginFailed { .. });
    assert!(!run.transcript().events().any(failed));
    // Clear again: who is logged in stays so, and nobody else comes in.
    play_with(
        config,
        &store(),
        &each(
            secure_demo(),
            &[
                ("RNFR a.txt", 350),
                ("CCC", 200),
                ("USER guest", 534),
                ("PASS secret", 534),
                ("RNTO c.txt", 250),
                ("REIN", 220),
                ("USER demo", 534),
                ("AUTH TLS", 234),
                ("USER demo", 331),
                ("PASS secret", 230),
            ],
        ),
    );
}

#[test]
fn a_handshake_on_the_data_connection_that_fails_is_522() {
    let mut config = offered();
    config.tls.required_for_data = true;
    let (mut session, now) = session(config);
    let hear = |session: &mut ossftp_core::Session, text: &str| {
        session.handle(now, Input::Control(text.as_bytes()));
        drain(session)
    };
    drain(&mut session);
    hear(&mut session, "AUTH SSL\r\n");
    session.handle(now, Input::TlsUp);
    let outputs = hear(&mut session, "USER demo\r\nPASS secret\r\n");
    let Some(Output::Login { id, .. }) = outputs.into_iter().find(is_login) else {
        panic!("no login");
    };
    let result = Ok(LoginInfo::new("Hi"));
    session.handle(now, Input::Login { id, result });
    let outputs = hear(&mut session, "PORT 192,0,2,7,195,80\r\nRETR a\r\n");
    let opened = outputs.into_iter().find_map(|output| match output {
        Output::Open(transfer) => Some(transfer),
        _ => None,
    });
    let transfer = opened.unwrap();
    assert!(transfer.secure);
    let id = transfer.id;
    session.handle(
        now,
        Input::TransferReady {
            id,
            result: Ok(None),
        },
    );
    let failure = TransferFailure::Data(DataError::Tls);
    let report = TransferReport::new(0, Err(failure));
    session.handle(now, Input::TransferDone { id, report });
    let ended =
        |output: &Output| matches!(output, Output::Event(Event::Transfer { code: 522, .. }));
    let said = drain(&mut session);
    assert!(said.iter().any(ended), "{said:?}");
}

fn is_login(output: &Output) -> bool {
    matches!(output, Output::Login { .. })
}

const WORDS: &[&str] = &[
    "AUTH TLS",
    "AUTH SSL",
    "PBSZ 0",
    "PROT P",
    "PROT C",
    "PROT E",
    "CCC",
    "REIN",
    "HOST x",
    "USER demo",
    "USER guest",
    "PASS s3cr3t-pw",
    "PASS wrong",
    "TYPE I",
    "CWD dir",
    "PWD",
    "REST 2",
    "RNFR a.txt",
    "RNTO b.txt",
    "EPSV",
    "PASV",
    "PORT 192,0,2,7,195,80",
    "RETR a.txt",
    "RETR dir/b.bin",
    "STOR x",
    "APPE a.txt",
    "NLST",
    "NOOP",
    "ABOR",
    "QUIT",
    "@data holds up=x",
    "@end",
    "@fast",
    "@slow",
    "@quiet",
    "@tls hold",
    "@tls release",
    "@tls fails",
    "@hold",
    "@release",
    "@sleep 25",
    "@drain",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// In whatever order: the judge has no objection, and pieces make no difference.
    #[test]
    fn any_order(
        policy in subsequence(
            vec!["tls", "implicit", "tls-login", "tls-data", "ccc"], 0..=5),
        logs_in in any::<bool>(),
        lines in vec(select(WORDS), 0..40),
    ) {
        let mut script = format!("@config {}\n", policy.join(" "));
        if logs_in {
            script += "AUTH TLS\nUSER demo\nPASS s3cr3t-pw\n";
        }
        for line in lines {
            script += line;
            script += "\n";
        }
        fuzz::session_any_way(script.as_bytes());
    }
}
