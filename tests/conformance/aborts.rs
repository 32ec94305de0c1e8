//! Transfers that are broken off: by ABOR, by a timer, by a client that dies.
//!
//! What every one of them shows: an upload that was not whole is never seen, the old file
//! stays, and the session goes on at once.

use super::client::{Client, connect_narrow, finish, read_all, reset};
use super::gate::{Gated, Gates};
use super::{AT_ONCE, DEADLINE, Setup, Start, eventually, pattern, store};
use ossftp_core::sim::MemoryStore;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

/// More than all socket buffers between server and client hold.
const MORE_THAN_BUFFERS: usize = 24 << 20;
/// A worker that hangs is replaced within a second; the rest is for a slow machine.
const REPLACED: Duration = Duration::from_secs(4);

/// ABOR is answered with 426 and 226, at once.
#[track_caller]
fn abort(client: &mut Client) {
    let asked = Instant::now();
    client.ask("ABOR", 426);
    client.expect(226);
    assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
}

/// A store behind gates.
fn gated() -> (MemoryStore, Gates, Setup) {
    let (storage, gates) = (store(), Gates::default());
    let setup = Setup::new(Gated {
        storage: storage.clone(),
        gates: gates.clone(),
    });
    (storage, gates, setup)
}

pub(crate) fn abort_of_a_stalled_download(start: Start) {
    let store = store().with_file("/big", vec![7; MORE_THAN_BUFFERS]);
    let server = start(Setup::new(store));
    let mut client = Client::login(server.addr());
    let data = connect_narrow(client.epsv());
    client.ask("RETR big", 150);
    // The first byte shows that the pump runs; nothing more is read.
    assert_eq!((&data).read(&mut [0]).expect("it begins"), 1);
    abort(&mut client);
    assert_eq!(client.fetch("RETR old.txt"), b"the old file");
}

pub(crate) fn abort_of_a_stalled_upload(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    let mut data = client.passive();
    client.ask("STOR old.txt", 150);
    data.write_all(&pattern(1000)).expect("the server reads");
    abort(&mut client);
    assert!(!matches!(data.read(&mut [0]), Ok(1..)), "it is closed");
    eventually("the upload is discarded", || store.open_uploads() == 0);
    assert_eq!(client.fetch("RETR old.txt"), b"the old file");
}

pub(crate) fn abort_before_the_data_connection(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    for _ in 0..3 {
        client.epsv();
        client.ask("STOR new", 150);
        abort(&mut client);
    }
    client.store("STOR new", b"whole");
    assert_eq!(store.file("/new").as_deref(), Some(&b"whole"[..]));
    eventually("the uploads are discarded", || store.open_uploads() == 0);
}

/// Python's ftplib sends ABOR as urgent data; its last byte would be lost without inlining.
pub(crate) fn abort_with_urgent_data(start: Start) {
    let server = start(Setup::new(store()));
    let mut client = Client::login(server.addr());
    let _data = client.passive();
    client.ask("STOR new", 150);
    let asked = Instant::now();
    client.send_urgent("ABOR");
    client.expect(426);
    client.expect(226);
    assert!(asked.elapsed() < AT_ONCE);
    client.send_urgent("NOOP");
    client.expect(200);
}

pub(crate) fn abort_while_the_storage_opens(start: Start) {
    let (store, gates, setup) = gated();
    let server = start(setup);
    let mut client = Client::login(server.addr());
    gates.open.close();
    let _data = client.passive();
    client.send("STOR new");
    eventually("the storage is asked", || gates.open.waiting() == 1);
    abort(&mut client);
    let asked = Instant::now();
    client.ask("SIZE old.txt", 213);
    assert!(asked.elapsed() < REPLACED);
    gates.open.open();
    client.store("STOR new", b"whole");
    eventually("the upload is discarded", || store.open_uploads() == 0);
}

pub(crate) fn abort_while_the_storage_hangs(start: Start) {
    let (_store, gates, setup) = gated();
    let server = start(setup);
    let mut client = Client::login(server.addr());
    gates.fill.close();
    for hanging in 1..=2 {
        let _data = client.passive();
        client.ask("RETR old.txt", 150);
        eventually("the storage is asked", || gates.fill.waiting() == hanging);
        abort(&mut client);
        let asked = Instant::now();
        client.ask("SIZE old.txt", 213);
        assert!(asked.elapsed() < REPLACED);
    }
    gates.fill.open();
    assert_eq!(client.fetch("RETR old.txt"), b"the old file");
}

pub(crate) fn abort_when_idle(start: Start) {
    let server = start(Setup::new(store()));
    let mut client = Client::login(server.addr());
    client.ask("ABOR", 225);
    client.epsv();
    client.ask("ABOR", 225);
    client.ask("NOOP", 200);
}

pub(crate) fn abort_of_an_operation(start: Start) {
    let (store, _, setup) = gated();
    let server = start(setup);
    let mut client = Client::login(server.addr());
    client.send("MKD held");
    client.send("PWD");
    client.ask("ABOR", 451);
    client.expect(226);
    client.expect(257);
    client.ask("MKD other", 257);
    assert_eq!(store.directories().len(), 1);
    // A client that is gone does not leave the storage at work for ever.
    client.send("MKD held");
    client.send("ABOR");
    drop(client);
    eventually("the session is over", || server.sessions() == 0);
    assert!(server.stop(DEADLINE));
}

pub(crate) fn stalled_upload_times_out(start: Start) {
    let store = store();
    let setup = Setup::new(store.clone()).session(|s| s.stall_timeout = Duration::from_millis(150));
    let server = start(setup);
    let mut client = Client::login(server.addr());
    let mut data = client.passive();
    client.ask("STOR new", 150);
    data.write_all(b"some").expect("the server reads");
    client.expect(426);
    assert!(!matches!(data.read(&mut [0]), Ok(1..)), "it is closed");
    assert_eq!((store.file("/new"), store.open_uploads()), (None, 0));
    client.ask("NOOP", 200);
}

pub(crate) fn client_closes_a_download_early(start: Start) {
    let store = store().with_file("/big", vec![7; MORE_THAN_BUFFERS]);
    let server = start(Setup::new(store));
    let mut client = Client::login(server.addr());
    let data = client.passive();
    client.ask("RETR big", 150);
    assert_eq!((&data).read(&mut [0]).expect("it begins"), 1);
    drop(data);
    client.expect(426);
    assert_eq!(client.fetch("RETR old.txt"), b"the old file");
}

/// A killed client shows as an orderly end of both connections, control first.
fn kill_during(start: Start, command: &str, store: &MemoryStore) {
    let server = start(Setup::new(store.clone()));
    for round in 0..25 {
        let mut client = Client::login(server.addr());
        let mut data = client.passive();
        client.ask(command, 150);
        data.write_all(&pattern(round * 1000))
            .expect("the server reads");
        drop(client);
        drop(data);
    }
    eventually("all sessions are over", || server.sessions() == 0);
    eventually("all uploads are discarded", || store.open_uploads() == 0);
    assert!(server.stop(DEADLINE));
}

pub(crate) fn killed_client_stores_nothing(start: Start) {
    let store = store();
    kill_during(start, "STOR new", &store);
    assert_eq!(store.file("/new"), None);
}

pub(crate) fn killed_client_keeps_the_old_file(start: Start) {
    let store = store();
    kill_during(start, "STOR old.txt", &store);
    kill_during(start, "APPE old.txt", &store);
    assert_eq!(
        store.file("/old.txt").as_deref(),
        Some(&b"the old file"[..])
    );
}

pub(crate) fn reset_upload_stores_nothing(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    for name in ["new", "old.txt"] {
        let mut data = client.passive();
        client.ask(&format!("STOR {name}"), 150);
        data.write_all(&pattern(10_000)).expect("the server reads");
        reset(data);
        client.expect(426);
    }
    assert_eq!((store.file("/new"), store.open_uploads()), (None, 0));
    assert_eq!(client.fetch("RETR old.txt"), b"the old file");
    // Both connections at once, as when the client's machine says it knows none of them.
    let data = client.passive();
    client.ask("STOR new", 150);
    reset(client.socket().try_clone().expect("open"));
    reset(data);
    drop(client);
    eventually("the session is over", || server.sessions() == 0);
    eventually("the upload is discarded", || store.open_uploads() == 0);
    assert_eq!(store.file("/new"), None);
}

/// Who said QUIT may go before the upload ends.
pub(crate) fn quit_during_an_upload_stores_it(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    let mut data = client.passive();
    client.ask("STOR new", 150);
    client.send("QUIT");
    drop(client);
    data.write_all(b"whole").expect("the server reads");
    finish(&data);
    eventually("it is there", || store.file("/new").is_some());
    assert_eq!(store.file("/new").as_deref(), Some(&b"whole"[..]));
    eventually("the session is over", || server.sessions() == 0);
}

pub(crate) fn commit_on_disconnect_stores_it(start: Start) {
    let store = store();
    let setup = Setup::new(store.clone()).session(|s| s.commit_on_disconnect = true);
    let server = start(setup);
    let mut client = Client::login(server.addr());
    let mut data = client.passive();
    client.ask("STOR new", 150);
    data.write_all(b"whole").expect("the server reads");
    drop(client);
    drop(data);
    eventually("it is there", || store.file("/new").is_some());
    assert_eq!(store.file("/new").as_deref(), Some(&b"whole"[..]));
}

pub(crate) fn a_commit_outlives_its_client(start: Start) {
    let (store, gates, setup) = gated();
    let server = start(setup);
    let mut client = Client::login(server.addr());
    gates.commit.close();
    let mut data = client.passive();
    client.ask("STOR new", 150);
    data.write_all(b"whole").expect("the server reads");
    drop(data);
    eventually("it is committed", || gates.commit.waiting() == 1);
    drop(client);
    gates.commit.open();
    eventually("it is there", || store.file("/new").is_some());
    eventually("the session is over", || server.sessions() == 0);
}

pub(crate) fn quit_waits_for_the_transfer(start: Start) {
    let server = start(Setup::new(store()));
    let mut client = Client::login(server.addr());
    let addr = client.epsv();
    client.ask("RETR old.txt", 150);
    client.send("QUIT");
    let data = super::client::data(std::net::TcpStream::connect(addr).expect("it listens"));
    assert_eq!(read_all(data), b"the old file");
    client.expect(226);
    client.expect(221);
    client.expect_end();
}
