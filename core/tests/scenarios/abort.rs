//! ABOR, in every state that a session can be in.

use super::*;
use ossftp_core::sim::{DataPlan, Step};

fn started(command: &str, plan: DataPlan) -> Script {
    demo().send("EPSV").expect(229).data(plan).send(command)
}

#[test]
fn when_nothing_runs() {
    play(
        &demo()
            .send("ABOR")
            .expect(225)
            .send("EPSV")
            .expect(229)
            .send("ABOR")
            .expect(225)
            .send("RETR a.txt")
            .expect(150)
            .expect(226),
    );
}

#[test]
fn while_the_store_opens_the_file() {
    play(
        &demo()
            .send("EPSV")
            .expect(229)
            .step(Step::HoldStorage)
            .send("RETR a.txt")
            .send("ABOR")
            .expect(426)
            .expect(226)
            .step(Step::ReleaseStorage)
            .retrieves("a.txt", "hello"),
    );
}

#[test]
fn while_the_data_connection_is_awaited() {
    play(
        &started("RETR a.txt", DataPlan::never())
            .expect(150)
            .send("ABOR")
            .expect(426)
            .expect(226)
            .retrieves("a.txt", "hello"),
    );
}

#[test]
fn during_a_download() {
    play(
        &started("RETR a.txt", DataPlan::download().after(2).holds())
            .expect(150)
            .quiet()
            .send("ABOR")
            .expect(426)
            .expect(226)
            .expect_download("he")
            .retrieves("a.txt", "hello"),
    );
}

#[test]
fn during_an_upload() {
    let store = store();
    play_on(
        &store,
        &started("STOR a.txt", DataPlan::upload("half").holds())
            .expect(150)
            .quiet()
            .send("ABOR")
            .expect_text(426, "send the whole file")
            .expect(226)
            .send("ABOR")
            .expect(225)
            .retrieves("a.txt", "hello"),
    );
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn during_a_listing() {
    play(
        &started("LIST", DataPlan::download().after(0).holds())
            .expect(150)
            .quiet()
            .send("ABOR")
            .expect(426)
            .expect(226),
    );
}

#[test]
fn while_the_client_lingers_after_a_download() {
    play(
        &started("RETR a.txt", DataPlan::download().holds())
            .expect(150)
            .quiet()
            .send("ABOR")
            .expect(426)
            .expect(226),
    );
}

#[test]
fn while_the_store_commits_it_comes_too_late() {
    let store = store();
    play_on(
        &store,
        &started("STOR a.txt", DataPlan::upload("whole").holds())
            .expect(150)
            .step(Step::HoldStorage)
            .step(Step::DataClose)
            .quiet()
            .send("ABOR")
            .quiet()
            .step(Step::ReleaseStorage)
            .expect(226)
            .expect(226)
            .send("NOOP")
            .expect(200),
    );
    assert_eq!(store.file("/a.txt").unwrap(), b"whole");
}

#[test]
fn with_telnet_synch() {
    play(
        &started("STOR x", DataPlan::upload("half").holds())
            .expect(150)
            .raw(b"\xff\xf4\xff\xf2ABOR\r\n")
            .expect(426)
            .expect(226),
    );
}

#[test]
fn it_overtakes_what_was_queued() {
    play(
        &started("STOR x", DataPlan::upload("half").holds())
            .expect(150)
            .send("PWD")
            .send("SIZE a.txt")
            .send("ABOR")
            .expect(426)
            .expect(226)
            .expect(257)
            .expect(213),
    );
}

#[test]
fn while_an_operation_waits_for_the_store() {
    let store = store();
    play_on(
        &store,
        &each(demo(), &[("RNFR a.txt", 350)])
            .step(Step::HoldStorage)
            .send("RNTO b.txt")
            .quiet()
            .send("PWD")
            .send("ABOR")
            .send("ABOR")
            .expect_text(451, "Aborted")
            .expect_text(226, "Aborted")
            .expect(257)
            .expect(225)
            .step(Step::ReleaseStorage)
            .retrieves("a.txt", "hello"),
    );
    assert!(store.file("/b.txt").is_none());
    let pipelined = demo().raw("DELE a.txt\r\nABOR\r\nNOOP\r\n").expect(451);
    play_on(&store, &pipelined.expect(226).expect(200));
    assert!(store.file("/a.txt").is_some());
}

#[test]
fn twice() {
    let twice = started("RETR a.txt", DataPlan::never())
        .expect(150)
        .raw("ABOR\r\nABOR\r\n")
        .expect(426)
        .expect(226)
        .expect(225);
    play(&twice.retrieves("a.txt", "hello"));
}

#[test]
fn without_a_login() {
    play(&Script::new().expect(220).send("ABOR").expect(225));
}

fn while_committing(store: &MemoryStore, config: SessionConfig, script: Script) {
    let ended = demo()
        .send("ALLO 10")
        .expect(200)
        .send("EPSV")
        .expect(229)
        .data(DataPlan::upload("whole").holds())
        .send("STOR a.txt")
        .expect(150)
        .step(Step::HoldStorage)
        .step(Step::DataClose)
        .quiet();
    play_with(config, store, &ended.then(&script));
}

#[test]
fn twice_while_the_store_commits_is_answered_in_order() {
    let script = Script::new()
        .raw("ABOR\r\nABOR\r\nPWD\r\n")
        .quiet()
        .step(Step::ReleaseStorage)
        .expect_text(226, "Transfer complete")
        .expect_text(226, "Too late")
        .expect(225)
        .expect(257);
    while_committing(&store(), SessionConfig::default(), script);
}

#[test]
fn what_was_dropped_anyway_is_not_called_done() {
    let script = Script::new()
        .send("ABOR")
        .quiet()
        .step(Step::ReleaseStorage)
        .expect(426)
        .expect_text(226, "Nothing was left to abort");
    let mut config = SessionConfig::default();
    config.strict_allo = true;
    let store = store();
    while_committing(&store, config, script);
    assert_eq!(store.file("/a.txt").unwrap(), b"hello");
}

/// Of the Synch only its last byte has come through: see [`with_telnet_synch`].
#[test]
fn with_what_is_left_of_a_synch_during_an_operation() {
    play(
        &each(demo(), &[("RNFR a.txt", 350)])
            .step(Step::HoldStorage)
            .send("RNTO b.txt")
            .quiet()
            .raw(b"\xf2ABOR\r\n")
            .expect_text(451, "Aborted")
            .expect_text(226, "Aborted")
            .step(Step::ReleaseStorage),
    );
}
