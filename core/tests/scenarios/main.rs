//! Conversations: every command, in order and out of order, on the simulator.
//!
//! Each test reads as the client sees it. What the simulator checks by itself (the form and the
//! number of replies, the order of requests, the store against what the client was told) is
//! checked here too, in every single one.

mod abort;
mod data;
mod facts;
mod files;
mod frame;
mod globs;
mod hashes;
mod hosts;
mod info;
mod limits;
mod listings;
mod login;
mod modes;
mod names;
mod protection;
mod secure;
mod site;
mod storages;
mod transfers;
mod unique;

use ossftp_core::sim::{DataPlan, MemoryStore, Script, Simulator};
use ossftp_core::{Capabilities, SessionConfig};

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

/// A script that has logged in without the right to write, and chosen TYPE I.
fn guest() -> Script {
    let script = Script::new().login("guest", "secret");
    each(script, &[("TYPE I", 200)])
}

/// Sends each command before any login and expects 530.
#[track_caller]
fn need_login(commands: &[&str]) {
    let hello = Script::new().expect(220);
    play(&commands.iter().fold(hello, |script, command| {
        script.send(command).expect_text(530, "Log in")
    }));
}

/// Sends each command as a user who may not write and expects 550; the store stays as it was.
#[track_caller]
fn need_writing(commands: &[&str]) {
    let store = store();
    let before = (store.files(), store.directories());
    play_on(
        &store,
        &commands.iter().fold(guest(), |script, command| {
            script.send(command).expect_text(550, "read-only")
        }),
    );
    assert_eq!((store.files(), store.directories()), before);
}

/// Sends each command to a storage that can do nothing special and expects 502; neither FEAT nor
/// HELP names it.
#[track_caller]
fn need_ability(commands: &[&str]) {
    let store = store().with_capabilities(Capabilities::default());
    let script = commands
        .iter()
        .fold(demo(), |script, command| script.send(command).expect(502));
    let script = each(script, &[("FEAT", 211), ("HELP", 214), ("SITE HELP", 214)]);
    let run = play_on(&store, &script);
    let shown: Vec<_> = run.transcript().replies().collect();
    for command in commands {
        let words: Vec<_> = command.split(' ').collect();
        let name = match words.as_slice() {
            ["SITE", name, ..] => name,
            [name, ..] => name,
            [] => panic!("no command"),
        };
        let named = |reply: &&[u8]| {
            let text = String::from_utf8_lossy(reply);
            text.lines()
                .any(|line| line.split(' ').any(|word| word == *name))
        };
        let last: Vec<_> = shown.iter().rev().take(3).copied().collect();
        assert!(!last.iter().any(named), "{name}");
    }
}

/// A login with a listener, in which nothing is left of what was chosen and prepared before.
fn as_at_first(script: Script) -> Script {
    script
        .send("PWD")
        .expect_text(257, "\"/\"")
        .send("STAT")
        .expect_text(211, "TYPE A")
        .send("MLST a.txt")
        .expect_text(250, "type=file;")
        .send("TYPE I")
        .expect(200)
        .retrieves("a.txt", "hello")
}

/// Sends each command and expects the code that stands beside it.
fn each(script: Script, exchanges: &[(&str, u16)]) -> Script {
    exchanges.iter().fold(script, |script, (command, code)| {
        script.send(command).expect(*code)
    })
}
