//! Control connections: login, order of replies, limits, floods.

use super::client::{Client, connect_narrow};
use super::gate::{Gated, Gates};
use super::{DEADLINE, Setup, Start, eventually, pattern, store};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

pub(crate) fn login_and_quit(start: Start) {
    let server = start(Setup::new(store()));
    let mut client = Client::connect(server.addr());
    client.ask("PWD", 530);
    client.ask("USER demo", 331);
    client.ask("PASS secret", 230);
    assert!(client.ask("PWD", 257).contains("\"/\""));
    client.ask("MKD d", 257);
    client.ask("CWD d", 250);
    client.ask("CWD nowhere", 550);
    client.ask("SIZE ../old.txt", 550);
    client.ask("TYPE I", 200);
    assert_eq!(client.ask("SIZE ../old.txt", 213), "213 12\r\n");
    client.ask("QUIT", 221);
    client.expect_end();
    eventually("the session is over", || server.sessions() == 0);
    assert!(server.stop(DEADLINE));
}

pub(crate) fn wrong_password(start: Start) {
    let server = start(Setup::new(store()));
    let mut client = Client::connect(server.addr());
    client.ask("USER demo", 331);
    client.ask("PASS wrong", 530);
    client.ask("USER demo", 331);
    client.ask("PASS secret", 230);
    // A later login replaces this one, also when it fails.
    client.ask("USER demo", 331);
    client.ask("PASS wrong", 530);
    client.ask("SIZE old.txt", 530);
}

pub(crate) fn pipelined_commands(start: Start) {
    let server = start(Setup::new(store()));
    let mut client = Client::connect(server.addr());
    client.send_raw(b"USER demo\r\nPASS secret\r\nNOOP\r\nMKD a\r\nCWD a\r\nPW");
    for code in [331, 230, 200, 257, 250] {
        client.expect(code);
    }
    client.send_raw(b"D\r\nFEAT\r\nQUIT\r\n");
    assert!(client.expect(257).contains("\"/a\""));
    for code in [211, 221] {
        client.expect(code);
    }
    client.expect_end();
}

pub(crate) fn sixty_four_sessions(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let addr = server.addr();
    // All log in first, so that all are there at once.
    let clients: Vec<_> = (0..64).map(|_| Client::login(addr)).collect();
    assert_eq!(server.sessions(), 64);
    std::thread::scope(|scope| {
        for (number, mut client) in clients.into_iter().enumerate() {
            scope.spawn(move || {
                let bytes = pattern(40_000 + number);
                client.store(&format!("STOR f{number}"), &bytes);
                assert_eq!(client.fetch(&format!("RETR f{number}")), bytes);
                client.ask("QUIT", 221);
                client.expect_end();
            });
        }
    });
    assert_eq!(store.files().len(), 65);
    eventually("all sessions are over", || server.sessions() == 0);
    assert!(server.stop(DEADLINE));
}

pub(crate) fn too_many_connections(start: Start) {
    let mut setup = Setup::new(store());
    setup.max_connections = 2;
    let server = start(setup);
    let first = Client::connect(server.addr());
    let mut second = Client::connect(server.addr());
    let mut third = Client::connect_silently(server.addr());
    let why = third.expect(421);
    assert_eq!(why, "421 Too many connections, try again later.\r\n");
    third.expect_end();
    second.ask("NOOP", 200);
    drop(first);
    let end = Instant::now() + DEADLINE;
    let got_in = || {
        let mut next = Client::connect_silently(server.addr());
        next.reply().is_some_and(|(code, _)| code == 220)
    };
    while !got_in() {
        assert!(Instant::now() < end, "the place is never free again");
    }
}

pub(crate) fn no_login_in_time(start: Start) {
    let setup = Setup::new(store()).session(|s| s.login_timeout = Duration::from_millis(150));
    let server = start(setup);
    let began = Instant::now();
    let mut client = Client::connect(server.addr());
    client.ask("NOOP", 200);
    client.expect(421);
    client.expect_end();
    assert!(began.elapsed() >= Duration::from_millis(140));
}

pub(crate) fn a_client_that_hangs_up_frees_its_place(start: Start) {
    let server = start(Setup::new(store()));
    let client = Client::login(server.addr());
    assert_eq!(server.sessions(), 1);
    drop(client);
    eventually("the session is over", || server.sessions() == 0);
    // One that never said anything, too.
    let client = Client::connect(server.addr());
    eventually("the session is there", || server.sessions() == 1);
    drop(client);
    eventually("the session is over", || server.sessions() == 0);
}

pub(crate) fn half_a_line_and_gone(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::login(server.addr());
    client.send_raw(b"DELE old.txt");
    client.socket().shutdown(Shutdown::Write).expect("open");
    client.expect_end();
    assert!(
        store.file("/old.txt").is_some(),
        "half a line is no command"
    );
}

/// `printf '…' | nc -N`: everything is said, and the client's side ended, before the first reply.
pub(crate) fn all_said_at_once_and_gone(start: Start) {
    let store = store();
    let server = start(Setup::new(store.clone()));
    let mut client = Client::connect(server.addr());
    client.send_raw(b"USER demo\r\nPASS secret\r\nMKD d\r\nQUIT\r\n");
    client.socket().shutdown(Shutdown::Write).expect("open");
    for code in [331, 230, 257, 221] {
        client.expect(code);
    }
    client.expect_end();
    assert_eq!(store.directories().len(), 1);
    let mut client = Client::connect(server.addr());
    client.send_raw(b"USER demo\r\nPASS secret\r\nMKD e\r\nDELE old.txt\r\n");
    drop(client);
    eventually("what was said is done", || {
        store.file("/old.txt").is_none() && server.sessions() == 0
    });
    assert_eq!(store.directories().len(), 2);
}

/// A client that sends and never reads is held back by TCP, not by memory; when it reads at
/// last, every command has its reply.
pub(crate) fn a_flood_is_held_back(start: Start) {
    const MOST: usize = 16 << 20;
    let server = start(Setup::new(store()));
    let socket = connect_narrow(server.addr());
    let pause = Duration::from_millis(500);
    socket.set_write_timeout(Some(pause)).expect("timeout");
    socket.set_read_timeout(Some(DEADLINE)).expect("timeout");
    let noops = b"NOOP\r\n".repeat(1000);
    let mut sent = 0;
    let held_back = loop {
        let from = sent % 6;
        match (&socket).write(noops.get(from..).expect("shorter than all")) {
            Ok(count) => sent += count,
            Err(e) => break e.kind(),
        }
        assert!(sent < MOST, "{sent} bytes were taken unanswered");
    };
    assert!(matches!(
        held_back,
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    let whole = sent.div_ceil(6);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            socket.set_write_timeout(Some(DEADLINE)).expect("timeout");
            let rest = noops.get(sent % 6..6).filter(|_| sent % 6 > 0);
            (&socket)
                .write_all(rest.unwrap_or_default())
                .expect("the server reads again");
            (&socket)
                .write_all(b"QUIT\r\n")
                .expect("the server reads again");
        });
        let mut lines = BufReader::new(&socket)
            .lines()
            .map(|l| l.expect("a reply in time"));
        assert!(lines.next().is_some_and(|l| l.starts_with("220 ")));
        for _ in 0..whole {
            assert!(lines.next().is_some_and(|l| l.starts_with("200 ")));
        }
        assert!(lines.next().is_some_and(|l| l.starts_with("221 ")));
        assert!(lines.next().is_none());
    });
}

/// The session of a storage that panics may end; the others may not notice.
pub(crate) fn a_storage_that_panics(start: Start) {
    let gates = Gates::default();
    let storage = Gated {
        storage: store(),
        gates,
    };
    let server = start(Setup::new(storage));
    let mut other = Client::login(server.addr());
    let mut client = Client::login(server.addr());
    client.send("MKD panic");
    match client.reply() {
        Some((421 | 451, _)) | None => {}
        other => panic!("{other:?}"),
    }
    other.ask("MKD fine", 257);
    assert_eq!(other.fetch("RETR old.txt"), b"the old file");
    drop((client, other));
    assert!(server.stop(DEADLINE));
}

/// No runtime has TLS yet: a session that wants it ends at once, and is not left waiting.
pub(crate) fn tls_that_cannot_be_had(start: Start) {
    let server = start(Setup::new(store()).session(|config| config.tls.offered = true));
    let mut client = Client::connect(server.addr());
    client.send_raw(b"AUTH TLS\r\nUSER demo\r\nPASS secret\r\n");
    client.expect(234);
    client.expect_end();
    eventually("the session is over", || server.sessions() == 0);

    let server = start(Setup::new(store()).session(|config| config.tls.implicit = true));
    let mut client = TcpStream::connect(server.addr()).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut said = Vec::new();
    client.read_to_end(&mut said).unwrap();
    assert!(said.is_empty(), "{said:?}");
    eventually("the session is over", || server.sessions() == 0);
}
