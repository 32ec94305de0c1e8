//! HTTP: framing, keep-alive, `Expect`, limits.

use ossftp::devstore::Server;

use crate::client::{Call, Connection, call, config, data, expect_segments, get, put};

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    (dir, server)
}

#[test]
fn one_connection_serves_many_requests() {
    let (_dir, server) = server();
    let mut connection = Connection::open(server.local_addr());
    for round in 0..5 {
        let body = data(10_000 * round, round as u64);
        connection
            .call(Call::new("PUT", "k").body(&body))
            .expect(200);
        assert_eq!(
            connection.call(Call::new("GET", "k")).expect(200).body,
            body
        );
        let head = connection.call(Call::new("HEAD", "k")).expect(200);
        assert_eq!(
            head.header("content-length").unwrap(),
            body.len().to_string()
        );
        connection.call(Call::new("DELETE", "k")).expect(204);
        connection
            .call(Call::new("GET", "k"))
            .fails(404, "NoSuchKey");
    }
    // Refused with a body: it is read away, and the next request is understood.
    let wrong = Call {
        secret: "other".into(),
        ..Call::new("PUT", "k").body(&data(5000, 1))
    };
    connection.call(wrong).fails(403, "SignatureDoesNotMatch");
    connection
        .call(Call::new("PUT", "k").body(b"v"))
        .expect(200);
    connection
        .call(Call::new("GET", "k").header("Connection", "close"))
        .expect(200);
    assert!(connection.at_end());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (_dir, server) = server();
    put(&server, "a", b"first");
    put(&server, "b", b"second");
    let mut connection = Connection::open(server.local_addr());
    let heads = ["a", "b"].map(|key| {
        let request = Call::new("GET", key).sign();
        request.head(&request.path(), "localhost")
    });
    connection.write(heads.concat().as_bytes());
    assert_eq!(connection.answer("GET").body, b"first");
    assert_eq!(connection.answer("GET").body, b"second");
}

#[test]
fn continue_is_sent_only_for_a_body_that_is_wanted() {
    let (_dir, server) = server();
    let send_head = |request: &Call| {
        let mut connection = Connection::open(server.local_addr());
        connection.write(request.head(&request.path(), "localhost").as_bytes());
        let answer = connection.answer_head().unwrap();
        (connection, answer)
    };
    let request = Call::new("PUT", "k")
        .header("Expect", "100-continue")
        .body(b"later");
    let (mut connection, answer) = send_head(&request.clone().sign());
    assert_eq!(answer.status, 100);
    connection.write(b"later");
    connection.answer("PUT").expect(200);
    assert_eq!(get(&server, "k").body, b"later");

    let refused = Call {
        secret: "other".into(),
        ..request
    };
    let (_, answer) = send_head(&refused.sign());
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("connection"), Some("close"));
}

#[test]
fn a_large_body_that_is_refused_does_not_hide_the_answer() {
    let (_dir, server) = server();
    let wrong = Call {
        secret: "other".into(),
        ..Call::new("PUT", "k").body(&data(8 << 20, 1))
    };
    call(&server, wrong).fails(403, "SignatureDoesNotMatch");
}

#[test]
fn lengths_are_asked_for_where_oss_asks() {
    let (_dir, server) = server();
    let without_length = |method: &str, query: &str| {
        let request = Call::new(method, "k").query(query, "").sign();
        let head = request
            .head(&request.path(), "localhost")
            .replace("Content-Length: 0\r\n", "");
        let mut connection = Connection::open(server.local_addr());
        connection.write(head.as_bytes());
        connection.answer(method)
    };
    without_length("PUT", "x").fails(411, "MissingContentLength");
    // A POST without a length has an empty body.
    let answer = without_length("POST", "uploads").expect(200);
    assert!(answer.element("UploadId").is_some());
}

#[test]
fn chunked_bodies_are_taken_and_mixed_framing_is_not() {
    let (_dir, server) = server();
    let request = Call::new("PUT", "k")
        .header("Transfer-Encoding", "chunked")
        .sign();
    let head = request.head(&request.path(), "localhost");
    let mut connection = Connection::open(server.local_addr());
    connection.write(head.as_bytes());
    connection.answer("PUT").fails(400, "BadRequest");
    assert!(connection.at_end());

    let mut connection = Connection::open(server.local_addr());
    connection.write(head.replace("Content-Length: 0\r\n", "").as_bytes());
    // The size line comes in pieces.
    for piece in ["5\r", "\nhel", "lo\r\n", "6\r\n world\r\n0\r\n", "\r\n"] {
        connection.write(piece.as_bytes());
    }
    connection.answer("PUT").expect(200);
    assert_eq!(connection.call(Call::new("GET", "k")).body, b"hello world");
}

#[test]
fn a_body_cut_short_changes_nothing() {
    let (dir, server) = server();
    put(&server, "k", b"old");
    let mut request = Call::new("PUT", "k").body(&data(200_000, 1)).sign();
    let mut connection = Connection::open(server.local_addr());
    connection.write(request.head(&request.path(), "localhost").as_bytes());
    request.body.truncate(100_000);
    connection.write(&request.body);
    connection
        .reader
        .get_ref()
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    connection.answer("PUT").fails(400, "RequestTimeout");
    assert_eq!(get(&server, "k").body, b"old");
    expect_segments(dir.path(), 1);
}

#[test]
fn nonsense_is_answered_and_the_connection_closed() {
    let (_dir, server) = server();
    for bytes in [
        "not http at all\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\n", "x".repeat(40_000)),
        format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200)),
        "GET /?x=%FF HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
        "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: many\r\n\r\n".to_owned(),
    ] {
        let mut connection = Connection::open(server.local_addr());
        connection.write(bytes.as_bytes());
        let answer = connection.answer("GET");
        assert!((400..500).contains(&answer.status), "{answer:?}");
        assert!(connection.at_end());
    }
}

#[test]
fn one_connection_too_many_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.max_connections = 2;
    let server = Server::start(config).unwrap();
    let mut first = Connection::open(server.local_addr());
    let mut second = Connection::open(server.local_addr());
    first.call(Call::new("PUT", "k")).expect(200);
    second.call(Call::new("PUT", "k")).expect(200);
    let mut third = Connection::open(server.local_addr());
    third.answer("GET").fails(503, "ServiceUnavailable");
    first
        .call(Call::new("GET", "k").header("Connection", "close"))
        .expect(200);
    assert!(first.at_end());
    // Its place is free as soon as its thread has ended.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let mut fourth = Connection::open(server.local_addr());
        let request = Call::new("GET", "k").sign();
        fourth.write(request.head(&request.path(), "localhost").as_bytes());
        if fourth
            .try_answer("GET")
            .is_ok_and(|answer| answer.status == 200)
        {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "no place became free");
    }
}
