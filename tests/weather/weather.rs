//! Weather that lasts: an endpoint that cannot be reached, a clock that is wrong.

use crate::world::{BUCKET, ID, SECRET, World};
use ossftp::devstore::{Fault, FaultRule};
use ossftp::server::Runtime;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

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
        world.put("f", b"1");
        let mut client = world.login();
        client.ask("TYPE I", 200);
        world.stop_store();
        for line in ["SIZE f", "DELE f", "CWD d", "MKD d", "RNFR f"] {
            let reply = client.ask(line, 451);
            assert!(reply.contains("OSS"), "{line}: {reply}");
        }
        for line in ["RETR f", "MLSD"] {
            let _data = client.passive();
            client.ask(line, 451);
        }
        client.ask("NOOP", 200);
    }
}
