//! Time-outs, deadlines, cancelling, and servers that are not there.

use super::*;

#[test]
fn no_progress_times_out() {
    let server = Server::start([Step::Stall]);
    let mut config = config(&server);
    config.retry.attempts = 1;
    config.timeouts = Timeouts {
        read: Duration::from_millis(50),
        ..Timeouts::default()
    };
    let failed = put(&Client::new(config).unwrap().bucket("examplebucket"), b"x").unwrap_err();
    assert!(
        matches!(
            failed,
            Error::Transport {
                kind: TransportKind::Timeout,
                ..
            }
        ),
        "{failed:?}"
    );
}

#[test]
fn a_deadline_covers_all_tries() {
    let server = Server::start([Step::Stall, Step::Stall]);
    let bucket = bucket(&server).with_deadline(Some(Duration::from_millis(100)));
    let started = Instant::now();
    assert_eq!(
        bucket.head_object("k").unwrap_err(),
        Error::DeadlineExceeded
    );
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(bucket.get_object("k", &get(None)).is_err());
}

#[test]
fn a_cancel_ends_a_blocked_call_at_once() {
    let server = Server::start([Step::Stall]);
    let cancel = Cancel::new();
    let bucket = bucket(&server).with_cancel(cancel.clone());
    let worker = std::thread::spawn(move || bucket.head_object("k"));
    server.wait_for_requests(1);
    cancel.cancel();
    assert_eq!(worker.join().unwrap().unwrap_err(), Error::Cancelled);
    server.wait_for_closed(1);
}

#[test]
fn a_cancel_ends_a_blocked_read_at_once() {
    // The rest of the body never comes.
    let part = answer("200 OK", &[("Content-Length", "10")], b"hello");
    let server = Server::start([Step::Answer(part)]);
    let cancel = Cancel::new();
    let mut body = bucket(&server)
        .with_cancel(cancel.clone())
        .get_object("k", &get(None))
        .unwrap();
    body.read_exact(&mut [0; 5]).unwrap();
    let worker = std::thread::spawn(move || {
        body.read(&mut [0; 5])
            .map_err(|e| Error::of_io(&e).cloned())
    });
    cancel.cancel();
    assert_eq!(worker.join().unwrap(), Err(Some(Error::Cancelled)));
    let bucket = bucket(&server).with_cancel(cancel);
    assert_eq!(bucket.head_object("k").unwrap_err(), Error::Cancelled);
}

#[test]
fn a_cancel_ends_a_pause() {
    let server = Server::start([Step::Answer(error(
        "503 Service Unavailable",
        "ServiceUnavailable",
    ))]);
    let mut config = config(&server);
    config.retry = RetryPolicy {
        base: Duration::from_secs(1000),
        longest: Duration::from_secs(1000),
        ..RetryPolicy::default()
    };
    let cancel = Cancel::new();
    let client = Client::new(config).unwrap().with_cancel(cancel.clone());
    let worker = std::thread::spawn(move || client.bucket("examplebucket").head_object("k"));
    server.wait_for_requests(1);
    cancel.cancel();
    let failed = worker.join().unwrap().unwrap_err();
    assert_eq!(failed, Error::Cancelled);
}

#[test]
fn https_to_a_server_without_tls_is_a_tls_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        // Until the client hangs up, so that nothing is reset under its nose.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let endpoint = Endpoint::parse(&format!("https://{address}")).unwrap();
    let mut config = ClientConfig::new(endpoint, Credentials::new("id", SECRET));
    config.region = Some("cn-hangzhou".to_owned());
    let bucket = Client::new(config).unwrap().bucket("examplebucket");
    let failed = bucket.head_object("k").unwrap_err();
    assert!(
        matches!(
            failed,
            Error::Transport {
                kind: TransportKind::Tls,
                ..
            }
        ),
        "{failed:?}"
    );
    peer.join().unwrap();
}

/// The kernel takes the connections, and nobody answers: the TLS handshake, which counts as connecting, hangs. Gives
/// the error and how many tries there were.
fn connecting_to_nobody(connect: u64, connecting: u64) -> (Error, usize) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::parse(&format!("https://{}", listener.local_addr().unwrap())).unwrap();
    let mut config = ClientConfig::new(endpoint, Credentials::new("id", SECRET));
    config.region = Some("cn-hangzhou".to_owned());
    config.timeouts.connect = Duration::from_millis(connect);
    config.retry.base = Duration::from_millis(1);
    config.retry.connecting = Duration::from_millis(connecting);
    let client = Client::new(config).unwrap();
    let failed = client.bucket("examplebucket").head_object("k").unwrap_err();
    listener.set_nonblocking(true).unwrap();
    (failed, listener.incoming().map_while(Result::ok).count())
}

#[test]
fn no_try_to_connect_ends_after_its_time() {
    let is_connect = |error: &Error| {
        matches!(
            error,
            Error::Transport {
                kind: TransportKind::Connect,
                ..
            }
        )
    };
    // Where there is time, all tries are made.
    let (failed, tries) = connecting_to_nobody(20, 60_000);
    assert!(is_connect(&failed) && tries == 3, "{failed:?} {tries}");
    // A second one would end after 400 ms at the earliest, and it has 300.
    let (failed, tries) = connecting_to_nobody(200, 300);
    assert!(is_connect(&failed) && tries == 1, "{failed:?} {tries}");
}

#[test]
fn nobody_there_is_no_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let mut config = ClientConfig::new(endpoint, Credentials::new("id", SECRET));
    config.region = Some("cn-hangzhou".to_owned());
    config.retry.base = Duration::from_millis(1);
    let failed = Client::new(config)
        .unwrap()
        .list_buckets("", None, 100)
        .unwrap_err();
    assert!(
        matches!(
            failed,
            Error::Transport {
                kind: TransportKind::Connect,
                ..
            }
        ),
        "{failed:?}"
    );
    assert!(!failed.outcome_unknown());
}

#[test]
fn a_deadline_covers_an_answer_that_is_to_be_read() {
    let server = Server::start([Step::Stall]);
    let bucket = bucket(&server).with_deadline(Some(Duration::from_millis(50)));
    let failed = bucket.get_object("k", &get(None)).unwrap_err();
    assert_eq!(failed, Error::DeadlineExceeded);
    // But not its body.
    let data = vec![7; 100_000];
    let crc = checksum(&data).to_string();
    let server = Server::start([ok(&[("x-oss-hash-crc64ecma", &crc)], &data)]);
    let bucket = self::bucket(&server).with_deadline(Some(Duration::from_secs(5)));
    let mut body = bucket.get_object("k", &get(None)).unwrap();
    let mut read = Vec::new();
    body.read_to_end(&mut read).unwrap();
    assert!(read == data);
}

#[test]
fn a_deadline_covers_all_requests_of_a_complete() {
    let busy = || Step::Answer(error("500 Internal Server Error", "InternalError"));
    // Complete, HEAD, and Complete again, which hangs.
    let missing = || Step::Answer(error("404 Not Found", "NoSuchKey"));
    let server = Server::start([busy(), missing(), Step::Stall, Step::Stall]);
    let bucket = bucket(&server).with_deadline(Some(Duration::from_millis(300)));
    assert_eq!(complete(&bucket).unwrap_err(), Error::DeadlineExceeded);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_body_without_progress_times_out() {
    // The rest of the body never comes.
    let part = answer("200 OK", &[("Content-Length", "10")], b"hello");
    let server = Server::start([Step::Answer(part)]);
    let mut config = config(&server);
    config.timeouts.read = Duration::from_millis(50);
    let client = Client::new(config).unwrap();
    let mut body = client
        .bucket("examplebucket")
        .get_object("k", &get(None))
        .unwrap();
    let mut read = Vec::new();
    let failed = body.read_to_end(&mut read).unwrap_err();
    assert_eq!(
        (read.as_slice(), failed.kind()),
        (&b"hello"[..], std::io::ErrorKind::TimedOut)
    );
}

#[test]
fn an_upload_without_progress_times_out() {
    // Takes the connection and reads nothing of it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let endpoint = Endpoint::parse(&format!("http://{address}")).unwrap();
    let mut config = ClientConfig::new(endpoint, Credentials::new("testid", SECRET));
    config.region = Some("cn-hangzhou".to_owned());
    config.timeouts.write = Duration::from_millis(50);
    let bucket = Client::new(config).unwrap().bucket("examplebucket");
    let mut body = StreamBody::new(std::io::repeat(7), 1 << 30);
    let failed = bucket.upload_part("k", "U", 1, &mut body).unwrap_err();
    let timeout = matches!(
        failed,
        Error::Transport {
            kind: TransportKind::Timeout,
            ..
        }
    );
    assert!(timeout, "{failed:?}");
}

/// Gives one byte after a pause, and then no more.
struct Pausing(Duration, bool);

impl Read for Pausing {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if std::mem::replace(&mut self.1, true) {
            return Ok(0);
        }
        std::thread::sleep(self.0);
        out[0] = 7;
        Ok(1)
    }
}

#[test]
fn a_body_that_pauses_is_waited_for() {
    // Only what the network takes counts, not what the caller takes.
    let server = Server::start([uploaded(&[7])]);
    let mut config = config(&server);
    config.timeouts.write = Duration::from_millis(200);
    let bucket = Client::new(config).unwrap().bucket("examplebucket");
    let mut body = StreamBody::to_end(Pausing(Duration::from_millis(500), false));
    bucket.upload_part("k", "U", 1, &mut body).unwrap();
    assert_eq!(server.requests()[0].body, [7]);
}
