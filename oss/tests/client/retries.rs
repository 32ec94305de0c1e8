//! What is tried again, and what is not.

use super::*;

#[test]
fn a_busy_service_is_asked_again() {
    let server = Server::start([
        Step::Answer(error("503 Service Unavailable", "ServiceUnavailable")),
        Step::Answer(error("500 Internal Server Error", "InternalError")),
        uploaded(b"hello"),
    ]);
    let result = put(&bucket(&server), b"hello").unwrap();
    assert_eq!(
        (result.etag.as_str(), result.crc64),
        ("\"E\"", checksum(b"hello"))
    );
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(request.body, b"hello");
        assert_eq!(
            request.header("content-md5"),
            Some("XUFAKrxLKna5cZ2REBfFkg==")
        );
        verify(request);
    }
    assert_eq!(requests[2].connection, 0, "the connection was kept");
}

#[test]
fn three_tries_and_no_more() {
    let busy = || Step::Answer(error("503 Service Unavailable", "ServiceUnavailable"));
    let server = Server::start([busy(), busy(), busy(), uploaded(b"x")]);
    let failed = put(&bucket(&server), b"x").unwrap_err();
    assert!(failed.is_throttled());
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_refusal_is_not_repeated() {
    let server = Server::start([Step::Answer(error("403 Forbidden", "AccessDenied"))]);
    let failed = put(&bucket(&server), b"x").unwrap_err();
    assert!(failed.is_denied() && !failed.retryable());
    assert_eq!(
        failed.to_string(),
        "OSS answered 403 AccessDenied (request id ID)"
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_wrong_crc_is_sent_again_and_then_an_error() {
    let server = Server::start([uploaded(b"hellp"), uploaded(b"hello")]);
    put(&bucket(&server), b"hello").unwrap();
    assert_eq!(server.requests().len(), 2);

    let server = Server::start([uploaded(b"1"), uploaded(b"1"), uploaded(b"1")]);
    let failed = put(&bucket(&server), b"hello").unwrap_err();
    assert_eq!(
        failed,
        Error::Protocol(ProtocolError::BadCrc {
            computed: checksum(b"hello"),
            stated: checksum(b"1")
        })
    );
}

#[test]
fn a_stream_is_sent_once() {
    let server = Server::start([Step::Answer(error(
        "503 Service Unavailable",
        "ServiceUnavailable",
    ))]);
    let mut body = StreamBody::new(&b"stream"[..], 6);
    let failed = bucket(&server)
        .upload_part("k", "U", 1, &mut body)
        .unwrap_err();
    assert_eq!(failed.status(), 503);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].body, b"stream");
    assert_eq!(requests[0].header("content-md5"), None);
    assert!(
        requests[0]
            .line
            .starts_with("PUT /examplebucket/k?partNumber=1&uploadId=U ")
    );
}

#[test]
fn a_stream_of_unknown_length_goes_out_in_chunks() {
    let data: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
    for signature in [SignatureVersion::V4, SignatureVersion::V1] {
        for size in [0, 1, data.len()] {
            let server = Server::start([uploaded(&data[..size])]);
            let mut config = config(&server);
            config.signature = signature;
            // Signed if it is there: here it is not.
            config.additional_headers = vec!["content-length".to_owned()];
            let bucket = Client::new(config).unwrap().bucket("examplebucket");
            let mut body = StreamBody::to_end(&data[..size]);
            let sent = bucket.upload_part("k", "U", 1, &mut body).unwrap();
            assert_eq!(sent.crc64, checksum(&data[..size]));
            let request = &server.requests()[0];
            verify(request);
            assert_eq!(request.header("transfer-encoding"), Some("chunked"));
            assert_eq!(request.header("content-length"), None);
            assert_eq!(request.header("content-md5"), None);
            assert!(request.body == data[..size]);
        }
    }
    // Nothing of it is sent again, and damage does not go unseen.
    let refused = error("503 Service Unavailable", "ServiceUnavailable");
    for (step, is_crc) in [(Step::Answer(refused), false), (uploaded(b"other"), true)] {
        let server = Server::start([step]);
        let mut body = StreamBody::to_end(&b"stream"[..]);
        let failed = bucket(&server).upload_part("k", "U", 1, &mut body);
        let failed = failed.unwrap_err();
        let seen = matches!(failed, Error::Protocol(ProtocolError::BadCrc { .. }));
        assert_eq!(seen, is_crc, "{failed:?}");
        assert_eq!(server.requests().len(), 1);
    }
    let server = Server::start([]);
    let mut body = StreamBody::to_end(&b"stream"[..]);
    let put = PutObject::default();
    let appended = bucket(&server).append_object("k", 0, None, &mut body, &put);
    assert!(matches!(appended, Err(Error::Invalid(_))));
}

/// Gives some bytes, and then fails.
struct Broken(usize);

impl std::io::Read for Broken {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.min(out.len());
        if count == 0 {
            return Err(std::io::Error::other("gone"));
        }
        out[..count].fill(7);
        self.0 -= count;
        Ok(count)
    }
}

#[test]
fn a_stream_that_breaks_is_never_whole() {
    for size in [0, 1, 100_000] {
        let server = Server::start([uploaded(b"")]);
        let mut body = StreamBody::to_end(Broken(size));
        let failed = bucket(&server).upload_part("k", "U", 1, &mut body);
        assert!(matches!(failed, Err(Error::Body { .. })), "{failed:?}");
        assert!(server.requests().is_empty(), "no whole request came");
    }
}

#[test]
fn a_body_that_ends_early_is_the_callers_fault() {
    let server = Server::start([uploaded(b"x")]);
    let mut body = StreamBody::new(&b"short"[..], 100);
    let failed = bucket(&server)
        .upload_part("k", "U", 1, &mut body)
        .unwrap_err();
    assert!(matches!(failed, Error::Body { .. }), "{failed:?}");
    assert!(server.requests().is_empty(), "no whole request came");
}

#[test]
fn the_clock_is_corrected() {
    let skewed = answer(
        "403 Forbidden",
        &[("Date", "Fri, 24 Feb 2012 06:07:48 GMT")],
        b"<Error><Code>RequestTimeTooSkewed</Code></Error>",
    );
    let server = Server::start([Step::Answer(skewed), uploaded(b"x"), uploaded(b"x")]);
    let bucket = bucket(&server);
    put(&bucket, b"x").unwrap();
    put(&bucket, b"x").unwrap();
    let requests = server.requests();
    assert!(
        !requests[0]
            .header("x-oss-date")
            .unwrap()
            .starts_with("20120224")
    );
    for request in &requests[1..] {
        let date = request.header("x-oss-date").unwrap();
        assert!(
            date.starts_with("20120224T0607") || date.starts_with("20120224T0608"),
            "{date}"
        );
        verify(request);
    }
}

#[test]
fn a_reused_connection_that_was_closed_costs_no_try() {
    let server = Server::start([uploaded(b"x"), Step::Close, uploaded(b"x")]);
    let mut config = config(&server);
    config.retry.attempts = 1;
    let bucket = Client::new(config).unwrap().bucket("examplebucket");
    put(&bucket, b"x").unwrap();
    put(&bucket, b"x").unwrap();
    let connections: Vec<usize> = server
        .requests()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[test]
fn a_fresh_connection_that_is_closed_costs_a_try() {
    let server = Server::start([Step::Close, uploaded(b"x")]);
    let mut config = config(&server);
    config.retry.attempts = 1;
    let client = Client::new(config).unwrap();
    let failed = put(&client.bucket("examplebucket"), b"x").unwrap_err();
    assert!(matches!(
        failed,
        Error::Transport {
            kind: TransportKind::Closed,
            ..
        }
    ));
    let client = client.with_retry(RetryPolicy {
        base: Duration::from_millis(1),
        ..RetryPolicy::default()
    });
    put(&client.bucket("examplebucket"), b"x").unwrap();
}

fn skewed(date: &str) -> Step {
    Step::Answer(answer(
        "403 Forbidden",
        &[("Date", date)],
        b"<Error><Code>RequestTimeTooSkewed</Code></Error>",
    ))
}

#[test]
fn the_clock_is_corrected_once_a_call_and_without_a_try() {
    let date = "Fri, 24 Feb 2012 06:07:48 GMT";
    let server = Server::start([skewed(date), skewed(date), uploaded(b"x")]);
    let failed = put(&bucket(&server), b"x").unwrap_err();
    assert_eq!(failed.code(), "RequestTimeTooSkewed");
    assert_eq!(server.requests().len(), 2);

    let server = Server::start([skewed(date), uploaded(b"x")]);
    let mut config = config(&server);
    config.retry.attempts = 1;
    put(&Client::new(config).unwrap().bucket("examplebucket"), b"x").unwrap();

    // Without a time in the answer there is nothing to correct.
    let server = Server::start([skewed("yesterday"), uploaded(b"x")]);
    let failed = put(&bucket(&server), b"x").unwrap_err();
    assert_eq!(failed.code(), "RequestTimeTooSkewed");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn an_append_refused_for_its_time_is_sent_again() {
    let server = Server::start([
        skewed("Fri, 24 Feb 2012 06:07:48 GMT"),
        ok(&[("x-oss-next-append-position", "3")], b""),
    ]);
    let mut body = SliceBody::new(b"abc");
    let appended = bucket(&server)
        .append_object("k", 0, None, &mut body, &PutObject::default())
        .unwrap();
    assert_eq!(appended.next_position, 3);
    assert_eq!(server.requests()[1].body, b"abc");
}

#[test]
fn a_pause_that_oss_asks_for_is_kept() {
    let busy = |delay: &str| {
        let headers = [("x-oss-qos-delay-time", delay)];
        Step::Answer(answer("503 Service Unavailable", &headers, b""))
    };
    // Without the delay the pause would be a millisecond or two. One that would outlast the deadline is not begun.
    let server = Server::start([busy("3600000"), uploaded(b"x")]);
    let bucket = bucket(&server).with_deadline(Some(Duration::from_secs(10)));
    let failed = put(&bucket, b"x").unwrap_err();
    let asked = failed.service().unwrap().delay;
    assert_eq!(asked, Some(Duration::from_secs(3600)));
    assert_eq!(server.requests().len(), 1);
    // And none is longer than the longest.
    let server = Server::start([busy("3600000"), uploaded(b"x")]);
    let mut config = config(&server);
    config.retry.longest = Duration::from_millis(20);
    put(&Client::new(config).unwrap().bucket("examplebucket"), b"x").unwrap();
}
