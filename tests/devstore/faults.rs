//! Faults on request: each kind does what it says, to the requests that it is told to.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use ossftp::devstore::{Fault, FaultRule, Place, Server};
use ossftp_oss::crc64::checksum;

use crate::client::{Call, Connection, call, config, data, get, put};

/// Long enough for any machine; nothing waits for it to end.
const PLENTY: Duration = Duration::from_secs(20);

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    (dir, server)
}

fn fault(server: &Server, rule: &str) -> u64 {
    server.faults().add(rule.parse().unwrap())
}

/// Signs and sends, without reading the answer.
fn send(server: &Server, request: Call) -> Connection {
    try_send(server, request).unwrap()
}

fn try_send(server: &Server, request: Call) -> std::io::Result<Connection> {
    let mut connection = Connection::open(server.local_addr());
    let request = request.sign();
    let head = request.head(&request.path(), "localhost");
    connection.write(head.as_bytes());
    connection.reader.get_mut().write_all(&request.body)?;
    Ok(connection)
}

/// How the connection ends that this request is sent over: while it is sent, or without an answer.
fn end(server: &Server, request: Call) -> ErrorKind {
    let ended = try_send(server, request).and_then(|mut connection| connection.answer_head());
    match ended.unwrap_err().kind() {
        ErrorKind::BrokenPipe => ErrorKind::ConnectionReset,
        kind => kind,
    }
}

#[test]
fn errors_are_given_instead_of_carrying_out() {
    let (_dir, server) = server();
    put(&server, "k", b"old");
    for (rule, status, code) in [
        ("PutObject:500", 500, "InternalError"),
        ("PutObject:503", 503, "ServiceUnavailable"),
        ("PutObject:denied", 403, "AccessDenied"),
        ("PutObject:403:code=UserDisable", 403, "UserDisable"),
        ("PutObject:slow-down:delay-ms=300", 503, "SlowDown"),
    ] {
        server.faults().clear();
        let id = fault(&server, rule);
        let answer = call(&server, Call::new("PUT", "k").body(b"new")).fails(status, code);
        assert_eq!(
            answer.header("x-oss-qos-delay-time"),
            (code == "SlowDown").then_some("300")
        );
        assert_eq!(
            answer.header("x-oss-request-id"),
            answer.element("RequestId").as_deref()
        );
        assert_eq!(server.faults().hits(id), 1);
    }
    server.faults().set(["*:502".parse().unwrap()]);
    let answer = get(&server, "k").expect(502);
    assert!(answer.text().contains("<html>"), "{}", answer.text());
    assert_eq!(answer.header("x-oss-request-id"), None);
    server.faults().set(["HeadObject:500".parse().unwrap()]);
    let head = call(&server, Call::new("HEAD", "k")).expect(500);
    assert!(head.header("x-oss-err").is_some());
    assert_eq!(get(&server, "k").expect(200).body, b"old");
}

#[test]
fn a_refused_request_leaves_its_connection_usable() {
    let (_dir, server) = server();
    fault(&server, "PutObject:503:times=1");
    let mut connection = Connection::open(server.local_addr());
    let request = || Call::new("PUT", "k").body(&data(200_000, 1));
    connection.call(request()).fails(503, "ServiceUnavailable");
    connection.call(request()).expect(200);
}

#[test]
fn conditions_choose_the_requests() {
    let (_dir, server) = server();
    let id = fault(&server, "PutObject,Delete*:500:prefix=a/:skip=1:times=2");
    let statuses: Vec<u16> = ["a/1", "a/2", "b", "a/3", "a/4"]
        .iter()
        .map(|key| call(&server, Call::new("PUT", key).body(b"x")).status)
        .collect();
    assert_eq!(statuses, [200, 500, 200, 500, 200]);
    let counts = &server.faults().list()[0];
    assert_eq!((counts.id, counts.seen, counts.hits), (id, 4, 2));
    // The prefix of a listing counts as its key.
    fault(&server, "ListObjectsV2:500:prefix=a/");
    let list = |prefix| {
        Call::new("GET", "")
            .query("list-type", "2")
            .query("prefix", prefix)
    };
    call(&server, list("a/")).expect(500);
    call(&server, list("b/")).expect(200);
    assert!(server.faults().remove(id));
    assert!(!server.faults().remove(id));
}

#[test]
fn resets_and_closes_come_where_they_are_asked_for() {
    let (_dir, server) = server();
    let body = data(100_000, 2);
    for (place, carried_out) in [
        ("request", false),
        ("request-body", false),
        ("request-body:after=0", false),
        ("received", false),
        ("answer", true),
    ] {
        for (how, kind) in [
            ("reset", ErrorKind::ConnectionReset),
            ("close", ErrorKind::UnexpectedEof),
        ] {
            put(&server, "k", b"old");
            server.clear_requests();
            let id = fault(&server, &format!("PutObject:{how}:at={place}"));
            assert_eq!(
                end(&server, Call::new("PUT", "k").body(&body)),
                kind,
                "{how} {place}"
            );
            assert_eq!(server.faults().hits(id), 1);
            server.faults().clear();
            let stored = get(&server, "k").expect(200).body;
            assert_eq!(stored == body, carried_out, "{how} {place}");
            assert!(carried_out || stored == b"old");
            let record = &server.requests()[0];
            assert_eq!(record.status, carried_out.then_some(200), "{record:?}");
            assert!(!record.answered && record.api == "PutObject", "{record:?}");
            assert_eq!(record.key.as_deref(), Some("k"));
        }
    }
}

#[test]
fn requests_without_a_body_are_broken_too() {
    let (_dir, server) = server();
    put(&server, "k", b"x");
    for place in ["request", "received"] {
        server
            .faults()
            .set([format!("DeleteObject:reset:at={place}").parse().unwrap()]);
        assert_eq!(
            end(&server, Call::new("DELETE", "k")),
            ErrorKind::ConnectionReset
        );
        get(&server, "k").expect(200);
    }
    server
        .faults()
        .set(["DeleteObject:lose-answer".parse().unwrap()]);
    assert_eq!(
        end(&server, Call::new("DELETE", "k")),
        ErrorKind::UnexpectedEof
    );
    get(&server, "k").fails(404, "NoSuchKey");
}

#[test]
fn an_upload_can_be_completed_without_an_answer() {
    let (_dir, server) = server();
    let id = call(&server, Call::new("POST", "k").query("uploads", ""))
        .expect(200)
        .element("UploadId")
        .unwrap();
    let part = Call::new("PUT", "k")
        .query("partNumber", "1")
        .query("uploadId", &id)
        .body(b"part");
    let etag = call(&server, part)
        .expect(200)
        .header("etag")
        .unwrap()
        .to_owned();
    fault(&server, "CompleteMultipartUpload:lose-answer:times=1");
    let xml = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    let complete = || {
        Call::new("POST", "k")
            .query("uploadId", &id)
            .body(xml.as_bytes())
    };
    assert_eq!(end(&server, complete()), ErrorKind::UnexpectedEof);
    assert_eq!(get(&server, "k").expect(200).body, b"part");
    call(&server, complete()).fails(404, "NoSuchUpload");
}

#[test]
fn answers_end_early() {
    let (_dir, server) = server();
    let body = data(300_000, 3);
    put(&server, "k", &body);
    for (rule, expected) in [
        ("GetObject:truncate:after=70000", 70_000),
        ("GetObject:truncate", 150_000),
        ("GetObject:truncate:after=0", 0),
        ("GetObject:truncate:after=300000", 300_000),
    ] {
        server.faults().set([rule.parse().unwrap()]);
        let mut connection = send(&server, Call::new("GET", "k"));
        let head = connection.answer_head().unwrap();
        assert_eq!(head.header("content-length"), Some("300000"));
        let mut got = vec![0; expected];
        connection.reader.read_exact(&mut got).unwrap();
        assert_eq!(got, body[..expected], "{rule}");
        if expected < body.len() {
            assert_eq!(connection.reader.read(&mut [0; 1]).unwrap(), 0, "{rule}");
        }
        let record = server.requests().pop().unwrap();
        assert_eq!((record.bytes_out, record.answered), (expected as u64, true));
    }
    // The half of a range is the half of what the range names.
    server
        .faults()
        .set(["GetObject:reset:at=answer-body".parse().unwrap()]);
    let mut connection = send(
        &server,
        Call::new("GET", "k").header("Range", "bytes=100-199"),
    );
    connection.answer_head().unwrap();
    let mut got = Vec::new();
    let error = connection.reader.read_to_end(&mut got).unwrap_err();
    assert_eq!(
        (error.kind(), &got[..]),
        (ErrorKind::ConnectionReset, &body[100..150])
    );
    // Nothing to cut in an answer without a body.
    fault(&server, "PutObject:truncate");
    put(&server, "l", b"x");
}

#[test]
fn a_stalled_request_goes_on_when_its_rule_goes() {
    let (_dir, server) = server();
    let body = data(100_000, 4);
    put(&server, "get", &body);
    let requests = [
        ("PutObject:stall:at=request", false),
        ("PutObject:stall:at=request-body", false),
        ("PutObject:stall:at=received", false),
        ("PutObject:stall", true),
    ];
    for (round, (rule, carried_out)) in requests.into_iter().enumerate() {
        let key = format!("put{round}");
        let id = fault(&server, rule);
        let mut connection = send(&server, Call::new("PUT", &key).body(&body));
        assert!(server.faults().wait_held(id, 1, PLENTY), "{rule}");
        let status = if carried_out { 200 } else { 404 };
        assert_eq!(get(&server, &key).status, status, "{rule}");
        server.faults().clear();
        connection.answer("PUT").expect(200);
        assert_eq!(get(&server, &key).expect(200).body, body, "{rule}");
    }
    for (rule, early) in [
        ("GetObject:stall:at=answer-body:after=1000", 1000),
        ("GetObject:stall:at=answer-body", 50_000),
    ] {
        let id = fault(&server, rule);
        let mut connection = send(&server, Call::new("GET", "get"));
        assert!(server.faults().wait_held(id, 1, PLENTY), "{rule}");
        connection.answer_head().unwrap();
        let mut got = vec![0; early];
        connection.reader.read_exact(&mut got).unwrap();
        server.faults().clear();
        got.resize(body.len(), 0);
        connection.reader.read_exact(&mut got[early..]).unwrap();
        assert_eq!(got, body);
    }
}

#[test]
fn a_stall_ends_with_its_client_its_time_or_the_server() {
    let (_dir, server) = server();
    put(&server, "k", b"x");
    for rule in ["GetObject:stall", "GetObject:stall:at=request"] {
        server.clear_requests();
        let id = fault(&server, rule);
        let connection = send(&server, Call::new("GET", "k"));
        assert!(server.faults().wait_held(id, 1, PLENTY));
        drop(connection);
        // It has no record before it has ended.
        while server.requests().is_empty() {
            std::thread::yield_now();
        }
        assert!(!server.requests()[0].answered);
        assert_eq!(server.faults().list()[0].held, 0);
        server.faults().clear();
    }
    let id = server
        .faults()
        .add(FaultRule::new(Fault::latency(Duration::from_millis(5))).api("GetObject"));
    assert_eq!(get(&server, "k").expect(200).body, b"x");
    let label = server.requests().pop().unwrap().fault;
    assert_eq!(label.as_deref(), Some("latency:ms=5:at=answer"));
    assert_eq!(server.faults().hits(id), 1);
    // A server that stops waits for none of them.
    let id = server.faults().add(FaultRule::new(Fault::Stall {
        at: Place::Received,
        time: Some(Duration::from_secs(3600)),
    }));
    let mut connection = send(&server, Call::new("GET", "k"));
    assert!(server.faults().wait_held(id, 1, PLENTY));
    server.stop();
    assert!(connection.at_end());
}

#[test]
fn checksums_and_bytes_are_wrong_where_they_are_asked_to_be() {
    let (_dir, server) = server();
    let body = data(10_001, 5);
    let right = checksum(&body).to_string();
    put(&server, "k", &body);
    fault(&server, "PutObject,GetObject:wrong-crc");
    let answer = get(&server, "k").expect(200);
    assert_ne!(answer.header("x-oss-hash-crc64ecma").unwrap(), right);
    assert_eq!(answer.body, body);
    let answer = call(&server, Call::new("PUT", "k").body(&body)).expect(200);
    assert_ne!(answer.header("x-oss-hash-crc64ecma").unwrap(), right);
    let head = call(&server, Call::new("HEAD", "k")).expect(200);
    assert_eq!(head.header("x-oss-hash-crc64ecma").unwrap(), right);

    for (rule, byte) in [
        ("GetObject:damage-answer", 5000),
        ("GetObject:damage-answer:byte=10000", 10_000),
    ] {
        server.faults().set([rule.parse().unwrap()]);
        let answer = get(&server, "k").expect(200);
        let wrong: Vec<usize> = (0..body.len())
            .filter(|at| answer.body[*at] != body[*at])
            .collect();
        assert_eq!(wrong, [byte], "{rule}");
        assert_eq!(answer.header("x-oss-hash-crc64ecma").unwrap(), right);
    }

    server
        .faults()
        .set(["PutObject:damage-request:byte=7".parse().unwrap()]);
    let answer = call(&server, Call::new("PUT", "d").body(&body)).expect(200);
    let mut damaged = body.clone();
    damaged[7] ^= 1;
    assert_eq!(
        answer.header("x-oss-hash-crc64ecma").unwrap(),
        checksum(&damaged).to_string()
    );
    let md5 = {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        STANDARD.encode(md5::compute(&body).0)
    };
    let checked = Call::new("PUT", "e")
        .header("Content-MD5", &md5)
        .body(&body);
    call(&server, checked).fails(400, "InvalidDigest");
    server.faults().clear();
    assert_eq!(get(&server, "d").expect(200).body, damaged);
    get(&server, "e").fails(404, "NoSuchKey");
}

#[test]
fn a_wrong_clock_shows_in_both_signatures_and_in_the_date() {
    let (_dir, server) = server();
    for seconds in [3600, -3600] {
        server
            .faults()
            .set([FaultRule::new(Fault::ClockSkew { seconds })]);
        for v1 in [false, true] {
            let request = || Call {
                v1,
                ..Call::new("PUT", "k").body(b"x")
            };
            let answer = call(&server, request()).fails(403, "RequestTimeTooSkewed");
            let date = ossftp_oss::time::parse_http(answer.header("date").unwrap()).unwrap();
            let mut right = request();
            assert!((date - right.at - seconds).abs() < 600, "{date}");
            // Who takes the server's word for the time gets in.
            right.at = date;
            call(&server, right).expect(200);
        }
        let refused = call(&server, Call::new("GET", "k"));
        assert_eq!(refused.code().as_deref(), Some("RequestTimeTooSkewed"));
    }
}

#[test]
fn archived_objects_are_not_read() {
    let (_dir, server) = server();
    put(&server, "cold/a", b"x");
    put(&server, "warm", b"y");
    fault(&server, "*:archived:prefix=cold/");
    get(&server, "cold/a").fails(403, "InvalidObjectState");
    get(&server, "warm").expect(200);
    let head = call(&server, Call::new("HEAD", "cold/a")).expect(200);
    assert_eq!(head.header("x-oss-storage-class"), Some("Archive"));
    let copy = |to: &str, from: &str| {
        Call::new("PUT", to).header("x-oss-copy-source", &format!("/test-bucket/{from}"))
    };
    call(&server, copy("copy", "cold/a")).fails(403, "InvalidObjectState");
    call(&server, copy("cold/b", "warm")).expect(200);
    let restore = Call::new("POST", "cold/a").query("restore", "");
    call(&server, restore).expect(202);
    call(&server, Call::new("DELETE", "cold/a")).expect(204);
}

#[test]
fn a_low_bandwidth_changes_no_byte() {
    let (_dir, server) = server();
    let body = data(100_000, 6);
    let id = fault(&server, "*:bandwidth:both=2M");
    let mut connection = Connection::open(server.local_addr());
    connection
        .call(Call::new("PUT", "k").body(&body))
        .expect(200);
    assert_eq!(
        connection.call(Call::new("GET", "k")).expect(200).body,
        body
    );
    // Together with other faults of the same answer.
    fault(&server, "GetObject:damage-answer:byte=0");
    fault(&server, "GetObject:truncate:after=60000");
    let head = Call::new("GET", "k").sign();
    connection.write(head.head(&head.path(), "localhost").as_bytes());
    connection.answer_head().unwrap();
    let mut got = Vec::new();
    connection.reader.read_to_end(&mut got).unwrap();
    assert_eq!((got.len(), got[0]), (60_000, body[0] ^ 1));
    assert_eq!(&got[1..], &body[1..60_000]);
    assert_eq!(server.faults().hits(id), 3);
}

#[test]
fn what_was_asked_can_be_read_back() {
    let (_dir, server) = server();
    let mut connection = Connection::open(server.local_addr());
    connection
        .call(Call::new("PUT", "a b").body(b"hello"))
        .expect(200);
    connection
        .call(Call::new("GET", "a b").header("Range", "bytes=1-2"))
        .expect(206);
    connection.call(Call::new("GET", "missing")).expect(404);
    call(&server, Call::new("HEAD", "a b")).expect(200);
    let records = server.requests();
    let told: Vec<_> = records
        .iter()
        .map(|r| {
            (
                r.api.as_str(),
                r.key.as_deref().unwrap(),
                r.status,
                r.bytes_in,
                r.bytes_out,
            )
        })
        .collect();
    assert_eq!(told[0], ("PutObject", "a b", Some(200), 5, 0));
    assert_eq!(told[1], ("GetObject", "a b", Some(206), 0, 2));
    assert_eq!(told[2].2, Some(404));
    assert_eq!(records[1].range.as_deref(), Some("bytes=1-2"));
    assert_eq!(records[2].error.as_deref(), Some("NoSuchKey"));
    assert_eq!(records[0].crc64, Some(checksum(b"hello")));
    let connections: Vec<u64> = records.iter().map(|r| r.connection).collect();
    assert_eq!(connections, [0, 0, 0, 1]);
    let counts = server.request_counts();
    assert_eq!(
        (counts["GetObject"].requests, counts["GetObject"].failed),
        (2, 1)
    );
    server.clear_requests();
    assert!(server.requests().is_empty() && server.request_counts().is_empty());
}
