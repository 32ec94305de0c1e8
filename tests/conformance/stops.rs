//! The end of a server: who may finish, who is cut off, and what is said about it.

use super::client::{Client, connect_narrow};
use super::gate::{Gated, Gates};
use super::{DEADLINE, Setup, Start, eventually, store};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

pub(crate) fn stop_with_nobody_there(start: Start) {
    let server = start(Setup::new(store()));
    let addr = server.addr();
    let began = Instant::now();
    assert!(server.stop(DEADLINE));
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "there was nothing to wait for"
    );
    assert!(TcpStream::connect(addr).is_err(), "nobody listens any more");
}

pub(crate) fn stop_drains(start: Start) {
    const SIZE: usize = 24 << 20;
    let server = start(Setup::new(store().with_file("/big", vec![7; SIZE])));
    let addr = server.addr();
    let mut idle = Client::login(addr);
    let mut busy = Client::login(addr);
    let data = connect_narrow(busy.epsv());
    data.set_read_timeout(Some(DEADLINE)).expect("timeout");
    busy.ask("RETR big", 150);
    std::thread::scope(|scope| {
        let stopped = scope.spawn(|| server.stop(DEADLINE));
        // The idle one ends at once, and by then the stopping has begun.
        idle.expect(421);
        idle.expect_end();
        drop(idle);
        let mut bytes = Vec::new();
        (&data)
            .read_to_end(&mut bytes)
            .expect("the transfer goes on");
        assert_eq!(bytes.len(), SIZE);
        drop(data);
        busy.expect(226);
        busy.expect(421);
        busy.expect_end();
        drop(busy);
        assert!(stopped.join().expect("no panic"));
    });
    assert!(TcpStream::connect(addr).is_err(), "nobody listens any more");
}

pub(crate) fn stop_ends_a_stalled_upload(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    let mut data = client.passive();
    client.ask("STOR old.txt", 150);
    data.write_all(b"half").expect("the server reads");
    std::thread::scope(|scope| {
        let stopped = scope.spawn(|| server.stop(Duration::from_secs(3)));
        client.expect(421);
        client.expect_end();
        drop(client);
        assert!(stopped.join().expect("no panic"));
    });
    assert_eq!(store.open_uploads(), 0);
    assert_eq!(
        store.file("/old.txt").as_deref(),
        Some(&b"the old file"[..])
    );
}

pub(crate) fn stop_ends_a_wait_for_a_data_connection(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    client.epsv();
    client.ask("STOR new", 150);
    std::thread::scope(|scope| {
        let stopped = scope.spawn(|| server.stop(Duration::from_secs(3)));
        client.expect(421);
        drop(client);
        assert!(stopped.join().expect("no panic"));
    });
    assert_eq!(store.open_uploads(), 0);
}

pub(crate) fn stop_says_when_a_storage_hangs(start: Start) {
    let gates = Gates::default();
    let server = start(Setup::new(Gated {
        storage: store(),
        gates: gates.clone(),
    }));
    let mut client = Client::login(server.addr());
    gates.fill.close();
    let _data = client.passive();
    client.ask("RETR old.txt", 150);
    eventually("the storage is asked", || gates.fill.waiting() == 1);
    let began = Instant::now();
    assert!(!server.stop(Duration::from_millis(500)));
    assert!(began.elapsed() < Duration::from_secs(5));
    gates.fill.open();
}
