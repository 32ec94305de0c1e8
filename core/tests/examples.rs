//! The example server is what it claims to be: short, and a server.

// A client has sockets and starts processes; the rule is for the core.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

// Its `main` is run as a program.
#[allow(dead_code)]
#[path = "../examples/stdio.rs"]
mod stdio;

use ossftp_core::sim::MemoryStore;
use std::io::{self, BufRead, BufReader, PipeReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// One end of a control connection.
struct Client<W, R> {
    to: W,
    from: R,
}

impl<W: Write, R: BufRead> Client<W, R> {
    /// The next reply, all its lines; it must have this code.
    fn expect(&mut self, code: u16) -> String {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            let count = self.from.read_line(&mut reply).unwrap();
            assert!(count > 0, "the server is gone after {reply:?}");
            if reply[start..].starts_with(&format!("{code} ")) {
                return reply;
            }
            assert!(reply.starts_with(&format!("{code}-")), "{code}: {reply:?}");
        }
    }

    fn send(&mut self, line: &str) {
        self.to.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }

    fn ask(&mut self, line: &str, code: u16) -> String {
        self.send(line);
        self.expect(code)
    }

    fn login(&mut self, password: &str) {
        self.expect(220);
        self.ask("USER demo", 331);
        self.ask(&format!("PASS {password}"), 230);
        self.ask("TYPE I", 200);
    }

    /// A data connection to where the server listens.
    fn passive(&mut self) -> TcpStream {
        let reply = self.ask("PASV", 227);
        let (_, numbers) = reply.split_once('(').unwrap();
        let (numbers, _) = numbers.split_once(')').unwrap();
        let numbers: Vec<u16> = numbers.split(',').map(|n| n.parse().unwrap()).collect();
        let [127, 0, 0, 1, high, low] = numbers[..] else {
            panic!("{reply:?}");
        };
        TcpStream::connect((Ipv4Addr::LOCALHOST, high * 256 + low)).unwrap()
    }
}

fn read_all(mut from: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn the_program_serves_a_client() {
    // As a reader of the documentation would start it; the target directory is that of the tests.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut server = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "ossftp-core", "--target-dir"])
        .arg(target)
        .args([
            "--features",
            "sim",
            "--example",
            "stdio",
            "--",
            "tell-nobody",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = server.stderr.take().unwrap();
    let log = thread::spawn(move || read_all(log));
    let mut client = Client {
        to: server.stdin.take().unwrap(),
        from: BufReader::new(server.stdout.take().unwrap()),
    };
    client.login("tell-nobody");

    let file: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let mut data = client.passive();
    client.ask("STOR /pictures/one.jpg", 150);
    data.write_all(&file).unwrap();
    drop(data);
    client.expect(226);

    let data = client.passive();
    let opening = client.ask("RETR /pictures/one.jpg", 150);
    assert!(opening.contains("(300000 bytes)"), "{opening:?}");
    assert!(read_all(data) == file);
    client.expect(226);

    let data = client.passive();
    client.ask("LIST /", 150);
    let listing = String::from_utf8(read_all(data)).unwrap();
    assert!(listing.starts_with('d') && listing.ends_with(" pictures\r\n"));
    client.expect(226);

    // The other way round: the server connects.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let [high, low] = listener.local_addr().unwrap().port().to_be_bytes();
    client.ask(&format!("PORT 127,0,0,1,{high},{low}"), 200);
    client.ask("NLST pictures", 150);
    let (data, _) = listener.accept().unwrap();
    assert_eq!(read_all(data), b"one.jpg\r\n");
    client.expect(226);

    client.ask("RETR /pictures", 425);
    client.ask("QUIT", 221);
    assert_eq!(read_all(client.from), b"");
    assert!(server.wait().unwrap().success());
    let log = String::from_utf8(log.join().unwrap()).unwrap();
    assert!(log.contains("demo logged in"), "{log}");
    assert!(!log.contains("tell-nobody"), "{log}");
}

/// A control connection whose reader tells when it has come to its end: its sender is dropped.
struct Control {
    pipe: PipeReader,
    _reading: Sender<()>,
}

impl Read for Control {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.pipe.read(buffer)
    }
}

#[test]
fn what_a_killed_client_leaves_is_no_file() {
    let store = MemoryStore::new().with_user("demo", "demo", true);
    let (pipe, to) = io::pipe().unwrap();
    let (from, replies) = io::pipe().unwrap();
    let (_reading, ended) = channel();
    let (served, control) = (store.clone(), BufReader::new(Control { pipe, _reading }));
    let server = thread::spawn(move || stdio::run(served, control, replies));
    let mut client = Client {
        to,
        from: BufReader::new(from),
    };
    client.login("demo");

    let mut data = client.passive();
    client.ask("STOR whole", 150);
    data.write_all(b"all of it").unwrap();
    drop(data);
    client.expect(226);

    let mut data = client.passive();
    client.ask("STOR half", 150);
    data.write_all(b"some of").unwrap();
    drop(client.to);
    assert!(ended.recv().is_err());
    drop(data);
    server.join().unwrap();
    assert_eq!(store.file("whole").as_deref(), Some(&b"all of it"[..]));
    assert_eq!(store.file("half"), None);
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn the_example_is_read_in_a_minute() {
    let lines = include_str!("../examples/stdio.rs").lines().count();
    assert!(lines < 150, "{lines} lines");
}
