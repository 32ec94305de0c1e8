//! Conversations: every command, in order and out of order, on the simulator.
//!
//! Each test reads as the client sees it. What the simulator checks by itself (the form and the
//! number of replies, the order of requests, the store against what the client was told) is
//! checked here too, in every single one.

mod abort;
mod data;
mod files;
mod hosts;
mod info;
mod limits;
mod listings;
mod login;
mod names;
mod protection;
mod secure;
mod transfers;

use ossftp_core::SessionConfig;
use ossftp_core::sim::{MemoryStore, Script, Simulator};

/// A store with two accounts and a few files.
fn store() -> MemoryStore {
    MemoryStore::new()
        .with_user("demo", "secret", true)
        .with_user("guest", "secret", false)
        .with_file("/a.txt", "hello")
        .with_file("/dir/b.txt", "world")
        .with_directory("/empty")
}

/// A script that has logged in and chosen TYPE I.
fn demo() -> Script {
    Script::new()
        .login("demo", "secret")
        .send("TYPE I")
        .expect(200)
}

/// Plays `script` on `store`; a failure shows the whole conversation.
#[track_caller]
fn play_on(store: &MemoryStore, script: &Script) -> Simulator {
    play_with(SessionConfig::default(), store, script)
}

#[track_caller]
fn play_with(config: SessionConfig, store: &MemoryStore, script: &Script) -> Simulator {
    let mut simulator = Simulator::new(config, store.clone());
    if let Err(failure) = simulator.play(script) {
        panic!("{failure}");
    }
    simulator
}

#[track_caller]
fn play(script: &Script) -> Simulator {
    play_on(&store(), script)
}

/// Sends each command and expects the code that stands beside it.
fn each(script: Script, exchanges: &[(&str, u16)]) -> Script {
    exchanges.iter().fold(script, |script, (command, code)| {
        script.send(command).expect(*code)
    })
}
