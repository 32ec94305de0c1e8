//! Long lines, floods, timers, and the operator.

use super::*;
use ossftp_core::sim::{DataPlan, Step};
use ossftp_core::{Admin, Event};
use std::time::Duration;

#[test]
fn a_line_that_is_too_long_is_one_500() {
    let long = "x".repeat(100_000);
    play(
        &demo()
            .send(&long)
            .expect(500)
            .send("PWD")
            .expect(257)
            .raw(format!("CWD {long}\r\nPWD\r\n"))
            .expect(500)
            .expect(257)
            .send(format!("CWD {}", "x".repeat(4092)))
            .expect(550)
            .send(format!("CWD {}", "x".repeat(4093)))
            .expect(500),
    );
}

#[test]
fn line_ends_of_all_kinds() {
    play(
        &demo()
            .raw("NOOP\nNOOP\r\n\r\n\n\r\nPWD\r\n")
            .expect(200)
            .expect(200)
            .expect(257)
            .raw("NO")
            .raw("OP")
            .quiet()
            .raw("\r")
            .raw("\n")
            .expect(200),
    );
}

#[test]
fn any_split_gives_the_same() {
    let script = Script::new()
        .raw("USER demo\r\nPASS secret\r\nTYPE I\r\nEPSV\r\nRETR a.txt\r\nPWD\r\nMKD n\r\n")
        .quiet()
        .raw("EPSV\r\nSTOR n/x\r\n\r\nCWD n\r\nMLST x\r\nQUIT\r\n");
    let seen = |piece| {
        let mut run = Simulator::new(SessionConfig::default(), store())
            .with_pieces(piece)
            .lenient();
        run.play(&script).unwrap();
        let transcript = run.transcript();
        assert_eq!(transcript.codes().len(), 15);
        (
            transcript.seen().cloned().collect::<Vec<_>>(),
            transcript.events().cloned().collect::<Vec<_>>(),
        )
    };
    let whole = seen(usize::MAX);
    for piece in 1..40 {
        assert_eq!(seen(piece), whole, "pieces of {piece}");
    }
}

#[test]
fn a_flood_of_commands_is_answered_in_order() {
    let mut script = demo();
    script = script.raw("CWD dir\r\nCDUP\r\nPWD\r\n".repeat(500));
    for _ in 0..500 {
        script = script.expect(250).expect(250).expect(257);
    }
    play(&script);
}

#[test]
fn a_flood_during_a_transfer_is_421() {
    let store = store();
    play_on(
        &store,
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("half").holds())
            .send("STOR x")
            .expect(150)
            .raw("PWD\r\n".repeat(16))
            .quiet()
            .raw("PWD\r\n")
            .expect_text(421, "Too many")
            .expect_closed(),
    );
    assert!(store.file("/x").is_none());
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn what_was_queued_during_a_transfer_comes_before_what_came_later() {
    play(
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("x").holds())
            .send("STOR x")
            .expect(150)
            .raw("CWD dir\r\nPWD\r\n")
            .quiet()
            .step(Step::HoldStorage)
            .step(Step::DataClose)
            .quiet()
            .step(Step::AnswerOne)
            .expect(226)
            .send("SYST")
            .quiet()
            .step(Step::ReleaseStorage)
            .expect(250)
            .expect_text(257, "\"/dir\"")
            .expect(215),
    );
}

#[test]
fn keep_alives_during_a_transfer_are_no_flood() {
    let mut script = demo()
        .send("EPSV")
        .expect(229)
        .data(DataPlan::upload("x").holds())
        .send("STOR x")
        .expect(150);
    for _ in 0..100 {
        script = script.send("NOOP").expect(200);
    }
    play(&script.step(Step::DataClose).expect(226));
}

/// The judge bounds what is written at once.
#[test]
fn replies_do_not_pile_up_during_a_transfer_either() {
    let name = "n".repeat(4000);
    let store = store().with_user(name.as_str(), "secret", true);
    let mut script = Script::new()
        .login(&name, "secret")
        .send("EPSV")
        .expect(229)
        .data(DataPlan::upload("x").holds())
        .send("STOR x")
        .expect(150)
        .raw("STAT\r\n".repeat(500));
    for _ in 0..500 {
        script = script.expect_text(211, &name);
    }
    play_on(&store, &script.step(Step::DataClose).expect(226));
}

#[test]
fn no_login_in_time() {
    let run = play(&Script::new().expect(220).expect(421).expect_closed());
    assert_eq!(run.now().mono, Duration::from_secs(60));
}

#[test]
fn the_login_timer_is_not_put_off_by_talking() {
    let minute = Duration::from_secs(59);
    let script = each(
        Script::new().expect(220).sleep(minute),
        &[("NOOP", 200), ("USER demo", 331)],
    );
    let run = play(&script.expect_text(421, "login").expect_closed());
    assert_eq!(run.now().mono, Duration::from_secs(60));
}

#[test]
fn a_new_login_gets_its_own_time() {
    let run = play(
        &demo()
            .sleep(Duration::from_secs(200))
            .send("USER guest")
            .expect(331)
            .sleep(Duration::from_secs(59))
            .send("PASS secret")
            .expect(230),
    );
    assert_eq!(run.now().mono, Duration::from_secs(259));
}

#[test]
fn idle() {
    let run = play(
        &demo()
            .sleep(Duration::from_secs(299))
            .send("NOOP")
            .expect(200)
            .expect_text(421, "No command")
            .expect_closed(),
    );
    assert_eq!(run.now().mono, Duration::from_secs(599));
    let why = |event: &Event| matches!(event, Event::Closing(_));
    assert!(run.transcript().events().any(why));
}

#[test]
fn half_a_line_is_idle_too() {
    let mut script = demo();
    for _ in 0..40 {
        script = script.raw("x").sleep(Duration::from_secs(7));
    }
    let run = play(
        &script
            .sleep(Duration::from_secs(20))
            .expect(421)
            .expect_closed(),
    );
    assert_eq!(run.now().mono, Duration::from_secs(300));
}

#[test]
fn the_idle_time_begins_after_a_transfer() {
    let plan = DataPlan::upload("x".repeat(10)).in_pieces(1, Duration::from_secs(50));
    let run = play(
        &demo()
            .transfers("STOR x", plan)
            .sleep(Duration::from_secs(299))
            .send("NOOP")
            .expect(200),
    );
    assert!(run.now().mono > Duration::from_secs(299 + 500));
}

#[test]
fn kicked() {
    play(
        &demo()
            .step(Step::Admin(Admin::Kick))
            .expect(421)
            .expect_closed(),
    );
    let store = store();
    play_on(
        &store,
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("half").holds())
            .send("STOR x")
            .expect(150)
            .step(Step::Admin(Admin::Kick))
            .expect(421)
            .expect_closed(),
    );
    assert_eq!((store.file("/x"), store.open_uploads()), (None, 0));
}

#[test]
fn drained() {
    play(
        &demo()
            .step(Step::Admin(Admin::Drain))
            .expect(421)
            .expect_closed(),
    );
    let store = store();
    play_on(
        &store,
        &demo()
            .send("EPSV")
            .expect(229)
            .data(DataPlan::upload("whole").holds())
            .send("STOR x")
            .expect(150)
            .step(Step::Admin(Admin::Drain))
            .step(Step::DataClose)
            .expect(226)
            .expect(421)
            .expect_closed(),
    );
    assert_eq!(store.file("/x").unwrap(), b"whole");
}

#[test]
fn a_client_that_hangs_up_is_let_go() {
    let run = play(&Script::new().expect(220).close().expect_closed());
    assert_eq!(run.transcript().codes(), [220]);
    play(&demo().send("EPSV").expect(229).close().expect_closed());
    play(
        &demo()
            .step(Step::HoldStorage)
            .send("CWD dir")
            .quiet()
            .close()
            .expect_closed(),
    );
}

#[test]
fn a_timeout_that_means_never_is_a_moment_that_clocks_have() {
    let mut config = SessionConfig::default();
    config.login_timeout = Duration::MAX;
    config.idle_timeout = Duration::MAX;
    for script in [Script::new().expect(220), demo()] {
        let run = play_with(config.clone(), &store(), &script.expect(421));
        // Clocks count the seconds in 63 bits at the least.
        let seconds = run.now().mono.as_secs();
        assert!((1 << 30..1 << 62).contains(&seconds), "{seconds}");
    }
}
