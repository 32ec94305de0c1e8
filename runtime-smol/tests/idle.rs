//! An idle session costs a task and no thread. In a file of its own, since it counts the
//! process's threads.
#![cfg(target_os = "linux")]

use ossftp_core::sim::MemoryStore;
use ossftp_runtime_smol::{Server, ServerConfig};
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn idle_sessions_cost_no_threads() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = ServerConfig::new(Arc::new(MemoryStore::new()));
    let server = Server::start(listener, config).unwrap();
    let connect = || {
        let mut reader = BufReader::new(TcpStream::connect(server.local_addr()).unwrap());
        let mut greeting = String::new();
        reader.read_line(&mut greeting).unwrap();
        assert!(greeting.starts_with("220 "), "{greeting}");
        reader
    };
    let first = connect();
    let before = threads();
    let others: Vec<_> = (0..200).map(|_| connect()).collect();
    assert_eq!(server.sessions(), 201);
    assert_eq!(threads(), before);
    drop((first, others));
    assert!(server.stop(Duration::from_secs(10)));
}
