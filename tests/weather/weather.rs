//! Weather that lasts: an endpoint that cannot be reached, a clock that is wrong.

use crate::world::{BUCKET, ID, PART, SECRET, World, noise};
use ossftp::devstore::{Fault, FaultRule};
use ossftp::server::Runtime;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

/// What was logged by this process.
static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn logged() -> MutexGuard<'static, Vec<String>> {
    LOGGED.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Collector;

impl log::Log for Collector {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        // The HTTP library traces whole requests, and the program never logs so much of it.
        if record.level() == log::Level::Trace {
            return;
        }
        let line = format!("{} {}", record.level(), record.args());
        logged().push(line);
    }

    fn flush(&self) {}
}

fn collect() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Collector).unwrap();
        log::set_max_level(log::LevelFilter::Debug);
    });
}

#[test]
fn a_wrong_clock_is_corrected_and_logged_once() {
    collect();
    let world = World::new(Runtime::Threads);
    world.put("f", b"1");
    // Nobody else in this process is so far off.
    let rule = FaultRule::new(Fault::ClockSkew { seconds: -5000 });
    let rule = world.store().faults().add(rule);
    for _ in 0..3 {
        let mut client = world.login();
        client.ask("TYPE I", 200);
        client.ask("SIZE f", 213);
        assert_eq!(client.fetch("RETR f"), b"1");
        client.store("STOR g", b"2");
    }
    assert!(world.store().faults().hits(rule) >= 9);
    let logged = logged().clone();
    let told = logged.iter().filter(|line| {
        (line.starts_with("WARN") || line.starts_with("INFO"))
            && line.contains("clock")
            && ["5000", "4999", "5001"]
                .iter()
                .any(|off| line.contains(off))
    });
    assert_eq!(
        told.count(),
        1,
        "{:?}",
        logged
            .iter()
            .filter(|l| l.contains("clock"))
            .collect::<Vec<_>>()
    );
}

#[test]
fn no_secret_is_logged() {
    collect();
    let world = World::new(Runtime::Smol);
    world.put("f", b"1");
    let mut client = world.login();
    client.ask("TYPE I", 200);
    client.fetch("RETR f");
    client.store("STOR g", b"2");
    let mut other = world.connect();
    other.ask(&format!("USER {ID}/{BUCKET}"), 331);
    other.ask("PASS test-secret-but-wrong", 530);
    let logged = logged().clone();
    assert!(
        logged
            .iter()
            .any(|line| line.contains("PutObject") || line.contains("PUT"))
    );
    for line in logged.iter() {
        assert!(!line.contains(SECRET), "{line}");
        assert!(!line.contains("Signature="), "{line}");
    }
}

#[test]
fn an_endpoint_that_is_gone_is_said_and_the_session_lives() {
    for runtime in [Runtime::Smol, Runtime::Threads] {
        let mut world = World::new(runtime);
        unreachable(&mut world, |_| ());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_endpoint_that_swallows_packets_is_said_and_the_session_lives() {
    for runtime in [Runtime::Smol, Runtime::Threads] {
        let mut world = World::with(
            runtime,
            |_| {},
            |config| {
                // As 5 s and 15 s are.
                config.timeouts.connect = Duration::from_millis(100);
                config.retry.connecting = Duration::from_millis(300);
            },
        );
        unreachable(&mut world, black_hole);
    }
}

/// Says all commands after the store is gone, and `then` was done to its address.
fn unreachable<T>(world: &mut World, then: impl FnOnce(SocketAddr) -> T) {
    let large = noise(PART * 4, 1);
    world.put("f", &large);
    world.put("d/g", b"1");
    let mut clients = [world.login(), world.login(), world.login()];
    for client in &mut clients {
        client.ask("TYPE I", 200);
    }
    let [mut client, mut renaming, mut moving] = clients;
    renaming.ask("RNFR f", 350);
    moving.ask("RNFR d", 350);
    // An upload and a download that are under way.
    let mut upload = world.login();
    upload.ask("TYPE I", 200);
    let mut data = upload.passive();
    upload.ask("STOR g", 150);
    data.write_all(&large[..10]).unwrap();
    let address = world.store().local_addr();
    world.stop_store();
    let _kept = then(address);

    // The gateway may end it before all is sent.
    let _ = data.write_all(&large);
    drop(data);
    upload.expect(451);
    upload.ask("NOOP", 200);
    for (client, line) in [(&mut renaming, "RNTO h"), (&mut moving, "RNTO e")] {
        let reply = client.ask(line, 451);
        assert!(reply.contains("OSS"), "{line}: {reply}");
        client.ask("NOOP", 200);
    }
    for line in [
        "SIZE f", "MDTM f", "MLST f", "DELE f", "CWD d", "MKD d", "RMD d", "RNFR f", "HASH f",
    ] {
        let reply = client.ask(line, 451);
        assert!(reply.contains("OSS"), "{line}: {reply}");
    }
    for line in ["RETR f", "MLSD", "APPE f", "STOU"] {
        let _data = client.passive();
        client.ask(line, 451);
    }
    for bytes in [&large[..5], &large] {
        let mut data = client.passive();
        client.ask("STOR f", 150);
        let _ = data.write_all(bytes);
        drop(data);
        client.expect(451);
    }
    client.ask("NOOP", 200);
}

/// Has the address take no more connections, and refuse none, for as long as what it gives is kept.
#[cfg(target_os = "linux")]
fn black_hole(address: SocketAddr) -> (socket2::Socket, Vec<TcpStream>) {
    let kind = socket2::Type::STREAM;
    let socket = socket2::Socket::new(socket2::Domain::IPV4, kind, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(1).unwrap();
    let mut full = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        full.push(stream);
    }
    (socket, full)
}
