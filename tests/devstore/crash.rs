//! What survives: a restart, and a process killed in the middle of writes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ossftp::devstore::Server;
use ossftp_oss::crc64;

use crate::client::{Call, Connection, call, config, data, expect_segments, get, put};

/// Says to a copy of this test binary: be the store in this folder.
const CHILD: &str = "OSSFTP_DEVSTORE_CHILD";

/// What was acknowledged, by key, and the one write per key that was under way.
type Ledger = Mutex<BTreeMap<String, (Option<u64>, Option<u64>)>>;

#[test]
fn everything_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    let body = data(250_000, 1);
    put(&server, "k", &body);
    let id = call(&server, Call::new("POST", "mp").query("uploads", ""))
        .element("UploadId")
        .unwrap();
    let part = Call::new("PUT", "mp")
        .query("uploadId", &id)
        .query("partNumber", "1")
        .body(&body);
    call(&server, part).expect(200);
    call(
        &server,
        Call::new("POST", "log")
            .query("append", "")
            .query("position", "0")
            .body(b"one"),
    )
    .expect(200);
    server.stop();
    std::fs::write(dir.path().join("data/00/00000000000ffff0"), b"left behind").unwrap();

    let server = Server::start(config(dir.path())).unwrap();
    expect_segments(dir.path(), 3);
    assert!(get(&server, "k").expect(200).body == body);
    let all = Call::new("POST", "mp")
        .query("uploadId", &id)
        .header("x-oss-complete-all", "yes");
    call(&server, all).expect(200);
    assert!(get(&server, "mp").expect(200).body == body);
    call(
        &server,
        Call::new("POST", "log")
            .query("append", "")
            .query("position", "3")
            .body(b"two"),
    )
    .expect(200);
    assert_eq!(get(&server, "log").body, b"onetwo");
    let keys = call(&server, Call::new("GET", "")).elements("Key");
    assert_eq!(keys, ["k", "log", "mp"]);
}

/// A process that ends with its owner.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs this binary again, as a store, and returns where it listens.
fn start_child(dir: &std::path::Path) -> (Killed, SocketAddr) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "crash::a_killed_process_loses_no_acknowledged_write",
            "--nocapture",
        ])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let child = Killed(child);
    for line in lines {
        if let Some((_, address)) = line.unwrap().split_once("listening ") {
            return (child, address.parse().unwrap());
        }
    }
    panic!("the store did not start");
}

fn be_the_store(dir: &str) {
    let server = Server::start(config(dir.as_ref())).unwrap();
    println!("listening {}", server.local_addr());
    std::io::stdout().flush().unwrap();
    server.wait();
}

/// Writes objects, over and over the same keys, until the store is gone. Every fourth is a multipart upload.
fn write_until_killed(address: SocketAddr, writer: usize, ledger: &Ledger, done: &AtomicUsize) {
    let mut connection = Connection::open(address);
    for round in 0.. {
        let key = format!("{writer}/{}", round % 40);
        let body = data(
            100 * 1024 + round * 7 % 5000,
            (writer * 1_000_000 + round) as u64,
        );
        let crc = crc64::checksum(&body);
        ledger.lock().unwrap().entry(key.clone()).or_default().1 = Some(crc);
        let written = if round % 4 == 3 {
            multipart(&mut connection, &key, &body)
        } else {
            exchange(&mut connection, Call::new("PUT", &key).body(&body)).map(drop)
        };
        if written.is_none() {
            return;
        }
        ledger.lock().unwrap().insert(key, (Some(crc), None));
        done.fetch_add(1, Ordering::SeqCst);
    }
}

fn multipart(connection: &mut Connection, key: &str, body: &[u8]) -> Option<()> {
    let begun = exchange(connection, Call::new("POST", key).query("uploads", ""))?;
    let id = begun.element("UploadId").unwrap();
    let (first, second) = body.split_at(100 * 1024);
    for (number, part) in [("1", first), ("2", second)] {
        let request = Call::new("PUT", key)
            .query("uploadId", &id)
            .query("partNumber", number)
            .body(part);
        exchange(connection, request)?;
    }
    let all = Call::new("POST", key)
        .query("uploadId", &id)
        .header("x-oss-complete-all", "yes");
    exchange(connection, all).map(drop)
}

/// One exchange; nothing if the connection broke.
fn exchange(connection: &mut Connection, request: Call) -> Option<crate::client::Answer> {
    let request = request.sign();
    let head = request.head(&request.path(), "localhost");
    connection
        .reader
        .get_mut()
        .write_all(head.as_bytes())
        .ok()?;
    connection.reader.get_mut().write_all(&request.body).ok()?;
    let answer = connection.try_answer(&request.method).ok()?;
    Some(answer.expect(200))
}

/// Every key has what was acknowledged last, or what was under way when the process died; and nothing is half.
fn verify(server: &Server, ledger: &Ledger) {
    for (key, (acknowledged, under_way)) in ledger.lock().unwrap().iter() {
        let answer = get(server, key);
        let found = match answer.status {
            200 => {
                let crc = crc64::checksum(&answer.body);
                assert_eq!(
                    answer.header("x-oss-hash-crc64ecma").unwrap(),
                    crc.to_string(),
                    "{key}"
                );
                Some(crc)
            }
            status => {
                assert_eq!(status, 404, "{key}");
                None
            }
        };
        assert!(
            found == *acknowledged || (found.is_some() && found == *under_way),
            "{key} is neither old nor new"
        );
    }
}

#[test]
fn a_killed_process_loses_no_acknowledged_write() {
    if let Ok(dir) = std::env::var(CHILD) {
        return be_the_store(&dir);
    }
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let ledger = Ledger::default();
        let done = AtomicUsize::new(0);
        let (mut child, address) = start_child(dir.path());
        std::thread::scope(|scope| {
            for writer in 0..3 {
                let (ledger, done) = (&ledger, &done);
                scope.spawn(move || write_until_killed(address, writer, ledger, done));
            }
            let deadline = Instant::now() + Duration::from_secs(60);
            while done.load(Ordering::SeqCst) < 60 + round * 41 {
                assert!(Instant::now() < deadline, "the store is too slow");
                std::thread::sleep(Duration::from_millis(1));
            }
            // On Unix this is SIGKILL.
            child.0.kill().unwrap();
            child.0.wait().unwrap();
        });
        let server = Server::start(config(dir.path())).unwrap();
        verify(&server, &ledger);
        // Objects gone, nothing but parts of unfinished uploads is left on the disk; those gone, nothing at all.
        for key in call(&server, Call::new("GET", "").query("max-keys", "1000")).elements("Key") {
            call(&server, Call::new("DELETE", &key)).expect(204);
        }
        let uploads = call(&server, Call::new("GET", "").query("uploads", ""));
        for (key, id) in uploads
            .elements("Key")
            .iter()
            .zip(uploads.elements("UploadId"))
        {
            call(&server, Call::new("DELETE", key).query("uploadId", &id)).expect(204);
        }
        expect_segments(dir.path(), 0);
        server.stop();
    }
}
