//! What is peculiar to this runtime: its threads, how many there are, and what becomes of one
//! that panics or hangs.

#[path = "../../tests/conformance/client.rs"]
#[allow(dead_code)]
mod client;
#[path = "../../tests/conformance/gate.rs"]
#[allow(dead_code)]
mod gate;

use client::{Client, connect_narrow};
use gate::{Gated, Gates};
use ossftp_core::driver::Storage;
use ossftp_core::sim::MemoryStore;
use ossftp_runtime_threads::{Server, ServerConfig};
use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(20);

/// One test at a time: they count the threads of the process.
fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

fn store() -> MemoryStore {
    MemoryStore::new()
        .with_user("demo", "secret", true)
        .with_file("/old.txt", "the old file")
}

fn start(storage: impl Storage, change: impl FnOnce(&mut ServerConfig)) -> Server {
    let mut config = ServerConfig::new(Arc::new(storage));
    change(&mut config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    Server::start(listener, config).expect("it starts")
}

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// How many threads of this name the process has.
#[cfg(target_os = "linux")]
fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux has it");
    tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
        .filter(|comm| comm.trim_end() == name)
        .count()
}

/// A session has two threads until it works, then three, and none when it is over.
#[test]
#[cfg(target_os = "linux")]
fn threads_come_when_needed_and_go() {
    let _alone = alone();
    let counts = || ["ftp-session", "ftp-reader", "ftp-worker"].map(threads);
    eventually("nothing is left of others", || counts() == [0, 0, 0]);
    let server = start(store(), |_| {});
    let mut clients = [(); 3].map(|()| Client::connect(server.local_addr()));
    // A thread has its name a little after it begins.
    eventually("two for each", || counts() == [3, 3, 0]);
    let [client, ..] = &mut clients;
    client.ask("USER demo", 331);
    client.ask("NOOP", 200);
    assert_eq!(counts(), [3, 3, 0]);
    client.ask("PASS secret", 230);
    client.ask("TYPE I", 200);
    client.store("STOR new", b"new");
    eventually("one more for who works", || counts() == [3, 3, 1]);
    client.ask("QUIT", 221);
    client.expect_end();
    drop(clients);
    eventually("all threads have ended", || counts() == [0, 0, 0]);
    assert!(server.stop(DEADLINE));
}

/// A dropped server takes its sessions with it.
#[test]
fn dropped_without_a_stop() {
    let _alone = alone();
    let server = start(store(), |_| {});
    let addr = server.local_addr();
    let mut client = Client::login(addr);
    drop(server);
    client.expect(421);
    client.expect_end();
    // The acceptor was woken; it closes its listener in its own time.
    eventually("nobody listens", || {
        std::net::TcpStream::connect(addr).is_err()
    });
}

#[test]
fn a_client_that_never_reads_is_disconnected() {
    let _alone = alone();
    let server = start(store(), |c| c.write_timeout = Duration::from_millis(200));
    let socket = connect_narrow(server.local_addr());
    socket.set_write_timeout(Some(DEADLINE)).expect("timeout");
    let noops = b"NOOP\r\n".repeat(1000);
    let error = loop {
        if let Err(error) = (&socket).write_all(&noops) {
            break error.kind();
        }
    };
    assert!(
        matches!(error, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        "{error}"
    );
    eventually("the session is over", || server.sessions() == 0);
}

/// Two workers of a session may hang; a third is waited for.
#[test]
fn hanging_workers_are_bounded() {
    let _alone = alone();
    let (store, gates) = (store(), Gates::default());
    let storage = Gated {
        storage: store,
        gates: gates.clone(),
    };
    let server = start(storage, |_| {});
    let mut client = Client::login(server.local_addr());
    gates.fill.close();
    for hanging in 1..=3 {
        let _data = client.passive();
        client.ask("RETR old.txt", 150);
        eventually("it hangs", || gates.fill.waiting() == hanging);
        client.ask("ABOR", 426);
        client.expect(226);
    }
    client.send("SIZE old.txt");
    let pause = Duration::from_millis(2500);
    client.socket().set_read_timeout(Some(pause)).expect("open");
    let silence = client
        .socket()
        .peek(&mut [0])
        .expect_err("no worker is free");
    assert!(matches!(
        silence.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    client
        .socket()
        .set_read_timeout(Some(DEADLINE))
        .expect("open");
    gates.fill.open();
    client.expect(213);
    assert_eq!(client.fetch("RETR old.txt"), b"the old file");
    drop(client);
    assert!(server.stop(DEADLINE));
}

/// Panics in the thread of the session that says `HELP NOOP`.
struct Saboteur;

impl log::Log for Saboteur {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = record.args().to_string();
        assert!(!text.ends_with("> HELP NOOP"), "as the test asked for");
    }

    fn flush(&self) {}
}

/// A session that panics ends, and the others notice nothing.
#[test]
fn a_panic_ends_one_session() {
    let _alone = alone();
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Saboteur).expect("the first");
        log::set_max_level(log::LevelFilter::Debug);
    });
    let store = store();
    let server = start(store.clone(), |_| {});
    let mut other = Client::login(server.local_addr());
    let mut client = Client::login(server.local_addr());
    client.send("HELP NOOP");
    client.expect_end();
    eventually("the session is over", || server.sessions() == 1);
    assert_eq!(other.fetch("RETR old.txt"), b"the old file");
    drop((client, other));
    assert!(server.stop(DEADLINE));
    log::set_max_level(log::LevelFilter::Off);
}
