//! Transfers that go well, and those that fail by the storage or for want of a connection.

use super::client::{Client, connect_from, data, finish, read_all};
use super::{AT_ONCE, Setup, Start, eventually, pattern, store};
use ossftp_core::ErrorKind;
use ossftp_core::sim::Fault;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

pub(crate) fn passive_both_ways(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    let bytes = pattern(100_001);
    client.store("STOR a/b.bin", &bytes);
    assert_eq!(store.file("/a/b.bin"), Some(bytes.clone()));
    assert_eq!(client.fetch("RETR a/b.bin"), bytes);
    assert_eq!(store.open_uploads(), 0);
}

pub(crate) fn active_both_ways(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    let bytes = pattern(70_000);
    let listener = client.active();
    client.ask("STOR up.bin", 150);
    let (mut up, from) = listener.accept().expect("the server connects");
    assert_eq!(from.ip(), server.addr().ip());
    up.write_all(&bytes).expect("the server reads");
    drop(up);
    client.expect(226);
    assert_eq!(store.file("/up.bin"), Some(bytes.clone()));

    let listener = client.active();
    client.ask("RETR up.bin", 150);
    let (down, _) = listener.accept().expect("the server connects");
    assert_eq!(read_all(data(down)), bytes);
    client.expect(226);
}

pub(crate) fn pasv_and_port(start: Start) {
    let server = start(Setup::new(store()));
    let mut client = Client::login(server.addr());
    let text = client.ask("PASV", 227);
    let numbers = text.split(['(', ')']).nth(1).expect("numbers in brackets");
    let n: Vec<u8> = numbers
        .split(',')
        .map(|n| n.parse().expect("a byte"))
        .collect();
    let [a, b, c, d, high, low] = n[..] else {
        panic!("{text}");
    };
    assert_eq!([a, b, c, d], [127, 0, 0, 1]);
    let port = u16::from_be_bytes([high, low]);
    let socket = TcpStream::connect((Ipv4Addr::new(a, b, c, d), port)).expect("it listens");
    client.ask("RETR old.txt", 150);
    assert_eq!(read_all(data(socket)), b"the old file");
    client.expect(226);

    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let [high, low] = listener.local_addr().expect("bound").port().to_be_bytes();
    client.ask(&format!("PORT 127,0,0,1,{high},{low}"), 200);
    client.ask("RETR old.txt", 150);
    let (socket, _) = listener.accept().expect("the server connects");
    assert_eq!(read_all(data(socket)), b"the old file");
    client.expect(226);
}

pub(crate) fn large_files(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    let bytes = pattern(9 << 20);
    client.store("STOR large.bin", &bytes);
    assert!(
        store
            .file("/large.bin")
            .is_some_and(|stored| stored == bytes)
    );
    assert!(client.fetch("RETR large.bin") == bytes);
}

pub(crate) fn listings(start: Start) {
    let store = store().with_directory("/d").with_page_size(7);
    for number in 0..50 {
        store.put(format!("/many/{number:02}"), "x");
    }
    let server = start(Setup::new(store));
    let mut client = Client::login(server.addr());
    let names = String::from_utf8(client.fetch("NLST many")).expect("UTF-8");
    let expected: Vec<_> = (0..50).map(|n| format!("{n:02}")).collect();
    let found: Vec<_> = names
        .lines()
        .map(|l| l.rsplit('/').next().unwrap_or(l))
        .collect();
    assert_eq!(found, expected);
    let long = String::from_utf8(client.fetch("LIST")).expect("UTF-8");
    assert!(
        long.lines()
            .any(|l| l.starts_with("d") && l.ends_with(" d")),
        "{long}"
    );
    assert!(
        long.lines()
            .any(|l| l.starts_with("-") && l.ends_with(" old.txt")),
        "{long}"
    );
    let facts = String::from_utf8(client.fetch("MLSD")).expect("UTF-8");
    assert!(
        facts
            .lines()
            .any(|l| l.contains("size=12;") && l.ends_with("; old.txt")),
        "{facts}"
    );
    client.passive();
    client.ask("LIST nowhere", 550);
}

pub(crate) fn ascii_both_ways(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    client.ask("TYPE A", 200);
    client.store("STOR t.txt", b"one\r\ntwo\r\n");
    assert_eq!(store.file("/t.txt").as_deref(), Some(&b"one\ntwo\n"[..]));
    assert_eq!(client.fetch("RETR t.txt"), b"one\r\ntwo\r\n");
}

pub(crate) fn resume_and_append(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    client.ask("REST 4", 350);
    assert_eq!(client.fetch("RETR old.txt"), b"old file");
    client.ask("REST 4", 350);
    client.store("STOR old.txt", b"new file");
    client.store("APPE old.txt", b"s");
    assert_eq!(
        store.file("/old.txt").as_deref(),
        Some(&b"the new files"[..])
    );
    let _data = client.passive();
    client.ask("REST 99", 350);
    client.ask("RETR old.txt", 554);
}

pub(crate) fn an_empty_file(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    client.store("STOR empty", b"");
    assert_eq!(store.file("/empty"), Some(Vec::new()));
    assert_eq!(client.fetch("RETR empty"), b"");
}

pub(crate) fn data_connection_after_the_150(start: Start) {
    let server = start(Setup::new(store()));
    let mut client = Client::login(server.addr());
    let addr = client.epsv();
    client.ask("RETR old.txt", 150);
    let late = TcpStream::connect(addr).expect("it still listens");
    assert_eq!(read_all(data(late)), b"the old file");
    client.expect(226);
}

pub(crate) fn errors_before_the_150(start: Start) {
    let server = start(Setup::new(store()));
    let mut client = Client::login(server.addr());
    client.ask("RETR old.txt", 425);
    // A failed command uses up its data connection, and the next one starts afresh.
    let mut data = client.passive();
    client.ask("RETR nothing", 550);
    // Closed in order, or reset because nobody had taken it.
    assert!(!matches!(data.read(&mut [0]), Ok(1..)));
    client.ask("RETR old.txt", 425);
    assert_eq!(client.fetch("RETR old.txt"), b"the old file");
}

pub(crate) fn a_storage_error_in_the_middle(start: Start) {
    let store = store().with_chunk_size(1000);
    store.put("/big", pattern(100_000));
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    store.fail_next(Fault::Chunk(3), ErrorKind::Unavailable);
    let data = client.passive();
    client.ask("RETR big", 150);
    assert!(read_all(data).len() < 100_000);
    client.expect(451);

    store.fail_next(Fault::Chunk(3), ErrorKind::NoSpace);
    let mut data = client.passive();
    client.ask("STOR new", 150);
    // It may find the connection closed at any point.
    let _ = data.write_all(&pattern(100_000));
    client.expect(552);
    drop(data);
    store.fail_next(Fault::Commit, ErrorKind::Unavailable);
    let mut data = client.passive();
    client.ask("STOR new", 150);
    data.write_all(b"all of it").expect("the server reads");
    drop(data);
    client.expect(451);
    assert_eq!(store.file("/new"), None);
    assert_eq!(store.open_uploads(), 0);
}

pub(crate) fn no_data_connection(start: Start) {
    let store = store();
    let setup =
        Setup::new(store.clone()).session(|s| s.data_connect_timeout = Duration::from_millis(150));
    let server = start(setup);
    let mut client = Client::login(server.addr());
    client.epsv();
    client.ask("STOR never", 150);
    client.expect(425);
    // Nothing of it is left: the next one goes well.
    client.store("STOR next", b"next");
    assert_eq!(store.file("/never"), None);
    eventually("the upload is discarded", || store.open_uploads() == 0);
}

pub(crate) fn active_to_a_closed_port(start: Start) {
    let server = start(Setup::new(store()));
    let mut client = Client::login(server.addr());
    drop(client.active());
    client.ask("RETR old.txt", 150);
    client.expect(425);
    assert_eq!(client.fetch("RETR old.txt"), b"the old file");
}

/// A port that is used again and again, and none for a second session meanwhile.
pub(crate) fn one_passive_port(start: Start) {
    // Not from the range that other tests are given ports from.
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let port = (20_000..30_000).find(free).expect("a free port");
    let mut setup = Setup::new(store());
    setup.passive_ports = port..=port;
    let server = start(setup);
    let mut client = Client::login(server.addr());
    let mut other = Client::login(server.addr());
    for _ in 0..5 {
        assert_eq!(client.fetch("RETR old.txt"), b"the old file");
    }
    let addr = client.epsv();
    assert_eq!(addr.port(), port);
    other.ask("EPSV", 425);
    // A connection that came although its command failed makes the port free at once.
    let data = TcpStream::connect(addr).expect("it listens");
    client.ask("RETR nothing", 550);
    drop(data);
    assert_eq!(other.fetch("RETR old.txt"), b"the old file");
    // One that may still come does not: it must not land in another transfer.
    client.epsv();
    client.ask("RETR nothing", 550);
    other.ask("EPSV", 425);
}

pub(crate) fn many_transfers_in_a_row(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    for number in 0..100 {
        let bytes = pattern(number * 7);
        client.store("STOR again", &bytes);
        assert_eq!(client.fetch("RETR again"), bytes);
    }
    assert_eq!(store.open_uploads(), 0);
}

/// Only the client's own address gets the data, and strangers do not keep it away.
pub(crate) fn a_foreign_peer_is_refused(start: Start) {
    // Only there all of 127.0.0.0/8 is at hand.
    if !cfg!(target_os = "linux") {
        return;
    }
    let server = start(Setup::new(store()));
    let mut client = Client::login(server.addr());
    let stranger = Ipv4Addr::new(127, 0, 0, 2).into();
    let addr: SocketAddr = client.epsv();
    let mut before = connect_from(stranger, addr).expect("the queue takes it");
    client.ask("RETR old.txt", 150);
    let mut after = connect_from(stranger, addr).expect("the queue takes it");
    for foreign in [&mut before, &mut after] {
        assert!(
            !matches!(foreign.read(&mut [0]), Ok(1..)),
            "a stranger was served"
        );
    }
    let right = TcpStream::connect(addr).expect("it still listens");
    assert_eq!(read_all(data(right)), b"the old file");
    client.expect(226);
}

pub(crate) fn status_during_a_transfer(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    let mut upload = client.passive();
    client.ask("STOR slow", 150);
    upload
        .write_all(&pattern(54_321))
        .expect("the server reads");
    eventually("STAT counts the bytes", || {
        client.ask("STAT", 211).contains("54321")
    });
    // Others wait for the end of the transfer, in order.
    client.send_raw(b"PWD\r\nNOOP\r\n");
    client.expect(200);
    let asked = Instant::now();
    client.ask("NOOP", 200);
    assert!(asked.elapsed() < AT_ONCE);
    finish(&upload);
    client.expect(226);
    client.expect(257);
    assert_eq!(store.file("/slow").map(|f| f.len()), Some(54_321));
}
