//! Who is there, and what a server is set to.

use ossftp_core::Admin;
use ossftp_core::driver::{Roll, ServerConfig};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

#[test]
#[allow(clippy::disallowed_methods, reason = "a stop waits for another thread")]
fn who_drains_is_not_kicked() {
    let roll = Roll::new(2);
    let (mail, told) = channel();
    let seat = roll.enter(mail).unwrap();
    let session = thread::spawn(move || {
        let first = told.recv();
        drop(seat);
        (first, told.try_recv().is_ok())
    });
    let stopped = roll.stop(Duration::from_secs(3600), |mail, what| {
        mail.send(what).unwrap();
    });
    assert!(stopped);
    assert_eq!(roll.sessions(), 0);
    assert_eq!(session.join().unwrap(), (Ok(Admin::Drain), false));
}

#[test]
fn without_grace_everybody_is_told_both_at_once() {
    let roll = Roll::new(1);
    let _seat = roll.enter(7);
    let told = RefCell::new(Vec::new());
    assert!(!roll.stop(Duration::ZERO, |who, what| {
        told.borrow_mut().push((*who, what));
    }));
    assert_eq!(told.take(), [(7, Admin::Drain), (7, Admin::Kick)]);
}

#[test]
fn a_server_as_it_comes() {
    let config = ServerConfig::new(Arc::new(crate::store()));
    assert_eq!(config.passive_ports, 0..=0);
    assert_eq!(config.write_timeout, Duration::from_secs(30));
    let limits = (
        config.max_connections,
        config.operation_threads,
        config.transfer_threads,
    );
    assert_eq!(limits, (512, 32, 256));
    // A connection that is turned away reads one whole reply.
    let text = ServerConfig::TOO_MANY_CONNECTIONS;
    assert!(text.starts_with(b"421 ") && text.ends_with(b"\r\n"));
    assert_eq!(text.iter().filter(|b| **b == b'\n').count(), 1);
}
