//! The client against a scripted server: what goes over the wire, what is tried again, what is found out.

#[path = "support/server.rs"]
mod server;

use std::io::Read;
use std::time::{Duration, Instant};

use ossftp_oss::crc64::checksum;
use ossftp_oss::sign::{self, v1, v4};
use ossftp_oss::{
    Bucket, Cancel, Client, ClientConfig, CompleteUpload, CompletedPart, CopyObject, Credentials,
    Endpoint, Error, GetObject, ListObjects, ProtocolError, PutObject, RetryPolicy,
    SignatureVersion, SliceBody, StreamBody, Timeouts, TransportKind, encode,
};
use server::{Request, Server, Step, answer, error};

const SECRET: &str = "the-very-secret-key";

fn config(server: &Server) -> ClientConfig {
    let endpoint = Endpoint::parse(&format!("http://{}", server.address)).unwrap();
    let mut config = ClientConfig::new(
        endpoint,
        Credentials::new("testid", SECRET).with_token("the-secret-token"),
    );
    config.region = Some("cn-hangzhou".to_owned());
    config.retry = RetryPolicy {
        base: Duration::from_millis(1),
        ..RetryPolicy::default()
    };
    config
}

fn bucket(server: &Server) -> Bucket {
    Client::new(config(server)).unwrap().bucket("examplebucket")
}

fn ok(headers: &[(&str, &str)], body: &[u8]) -> Step {
    Step::Answer(answer("200 OK", headers, body))
}

fn uploaded(body: &[u8]) -> Step {
    ok(
        &[
            ("ETag", "\"E\""),
            ("x-oss-hash-crc64ecma", &checksum(body).to_string()),
        ],
        b"",
    )
}

fn put(bucket: &Bucket, body: &[u8]) -> ossftp_oss::Result<ossftp_oss::PutResult> {
    bucket.put_object("k", &mut SliceBody::new(body), &PutObject::default())
}

/// Path and query of a request line, the query decoded.
fn target(request: &Request) -> (String, Vec<(String, Option<String>)>) {
    let target = request.line.split(' ').nth(1).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => (
                encode::decode(name).unwrap(),
                Some(encode::decode(value).unwrap()),
            ),
            None => (encode::decode(pair).unwrap(), None),
        })
        .collect();
    (path.to_owned(), query)
}

/// Verifies the signature of a request the way a server does, from what came over the wire.
fn verify(request: &Request) {
    let (path, query) = target(request);
    let decoded = encode::decode(&path).unwrap();
    let (bucket, key) = decoded.strip_prefix('/').unwrap().split_once('/').unwrap();
    let described = sign::Request {
        method: request.line.split(' ').next().unwrap(),
        bucket: Some(bucket),
        key: Some(key),
        query: &query,
        headers: &request.headers,
    };
    let header = request.header("authorization").unwrap();
    if let Some((id, signature)) = v1::parse_authorization(header) {
        let date = request.header("date").unwrap();
        assert_eq!(id, "testid");
        assert_eq!(
            signature,
            v1::signature(SECRET, &v1::string_to_sign(&described, date))
        );
        return;
    }
    let parsed = v4::Authorization::parse(header).unwrap();
    let scope = v4::Scope {
        timestamp: request.header("x-oss-date").unwrap(),
        region: &parsed.region,
        product: &parsed.product,
    };
    let canonical = v4::canonical_request(&described, &parsed.additional_headers);
    let expected = v4::signature(SECRET, &scope, &v4::string_to_sign(&scope, &canonical));
    assert!(
        sign::matches(&expected, &parsed.signature),
        "{}",
        request.line
    );
}

#[test]
fn keys_go_on_the_wire_as_signed() {
    let keys = [
        ("a b/c", "a%20b/c"),
        ("100%/50%25", "100%25/50%2525"),
        ("a+b", "a%2Bb"),
        ("a//b///c", "a//b///c"),
        ("a/./b/../c", "a/./b/../c"),
        ("../x", "../x"),
        (".", "."),
        ("目录/中 文", "%E7%9B%AE%E5%BD%95/%E4%B8%AD%20%E6%96%87"),
        ("q?x#y&z=1;:@", "q%3Fx%23y%26z%3D1%3B%3A%40"),
        ("tab\tnl\n", "tab%09nl%0A"),
        ("dir/", "dir/"),
    ];
    for version in [SignatureVersion::V4, SignatureVersion::V1] {
        let server = Server::start(keys.iter().map(|_| uploaded(b"x")));
        let mut config = config(&server);
        config.signature = version;
        let bucket = Client::new(config).unwrap().bucket("examplebucket");
        for (key, _) in keys {
            bucket
                .put_object(key, &mut SliceBody::new(b"x"), &PutObject::default())
                .unwrap();
        }
        let requests = server.requests();
        assert_eq!(requests.len(), keys.len());
        for (request, (_, wire)) in requests.iter().zip(keys) {
            assert_eq!(request.line, format!("PUT /examplebucket/{wire} HTTP/1.1"));
            assert_eq!(request.header("host").unwrap(), server.address.to_string());
            assert_eq!(
                request.header("x-oss-security-token"),
                Some("the-secret-token")
            );
            verify(request);
        }
    }
}

#[test]
fn listings_are_encoded_signed_and_paged() {
    let page = b"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
        <NextContinuationToken>t%2B1</NextContinuationToken><Contents><Key>a%20b</Key><Size>3</Size></Contents>\
        <CommonPrefixes><Prefix>d%2F</Prefix></CommonPrefixes></ListBucketResult>";
    let server = Server::start([ok(&[], page)]);
    let list = ListObjects {
        prefix: "目录 +/".to_owned(),
        delimiter: "/".to_owned(),
        continuation_token: Some("a/+==".to_owned()),
        max_keys: Some(2),
        ..ListObjects::default()
    };
    let got = bucket(&server).list_objects_v2(&list).unwrap();
    assert_eq!(got.next.as_deref(), Some("t+1"));
    assert_eq!(got.objects[0].key, "a b");
    assert_eq!(got.common_prefixes, ["d/"]);
    let request = &server.requests()[0];
    verify(request);
    assert!(
        request.line.contains("encoding-type=url"),
        "{}",
        request.line
    );
    assert!(
        request.line.contains("prefix=%E7%9B%AE%E5%BD%95%20%2B%2F"),
        "{}",
        request.line
    );
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.header("content-length"), None);
}

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
fn an_empty_object_has_a_length() {
    let server = Server::start([uploaded(b"")]);
    put(&bucket(&server), b"").unwrap();
    assert_eq!(server.requests()[0].header("content-length"), Some("0"));
}

#[test]
fn head_errors_come_from_x_oss_err() {
    // <Error><Code>NoSuchKey</Code><EC>0026-00000001</EC></Error>
    let xml = "PEVycm9yPjxDb2RlPk5vU3VjaEtleTwvQ29kZT48RUM+MDAyNi0wMDAwMDAwMTwvRUM+PC9FcnJvcj4=";
    let server = Server::start([
        Step::Answer(answer("404 Not Found", &[("x-oss-err", xml)], b"")),
        Step::Answer(answer("404 Not Found", &[("Content-Length", "321")], b"")),
    ]);
    let bucket = bucket(&server);
    let failed = bucket.head_object("k").unwrap_err();
    assert_eq!(failed.code(), "NoSuchKey");
    assert_eq!(failed.service().unwrap().ec, "0026-00000001");
    let failed = bucket.head_object("k").unwrap_err();
    assert!(failed.is_not_found() && failed.code().is_empty());
}

#[test]
fn head_reads_the_headers() {
    let server = Server::start([ok(
        &[
            ("Content-Length", "344606"),
            ("ETag", "\"A\""),
            ("Last-Modified", "Fri, 24 Feb 2012 06:07:48 GMT"),
            ("x-oss-object-type", "Appendable"),
            ("x-oss-next-append-position", "344606"),
            ("x-oss-hash-crc64ecma", "18446744073709551615"),
            ("x-oss-meta-MTime", "1330063668.5"),
            ("x-oss-storage-class", "Archive"),
            ("x-oss-restore", "ongoing-request=\"true\""),
        ],
        b"",
    )]);
    let meta = bucket(&server).head_object("k").unwrap();
    assert_eq!((meta.size, meta.last_modified), (344_606, 1_330_063_668));
    assert_eq!(meta.crc64, Some(u64::MAX));
    assert_eq!(meta.user("mtime"), Some("1330063668.5"));
    assert_eq!(meta.next_append_position, Some(344_606));
    assert_eq!(meta.storage_class.as_deref(), Some("Archive"));
    assert_eq!(meta.restore.as_deref(), Some("ongoing-request=\"true\""));
}

fn get(range: Option<(u64, Option<u64>)>) -> GetObject {
    GetObject {
        range,
        ..GetObject::default()
    }
}

#[test]
fn a_whole_object_is_checked() {
    let crc = checksum(b"hello").to_string();
    let good = ok(&[("x-oss-hash-crc64ecma", &crc)], b"hello");
    let bad = ok(&[("x-oss-hash-crc64ecma", &crc)], b"jello");
    let server = Server::start([good, bad]);
    let bucket = bucket(&server);
    let mut text = String::new();
    let mut body = bucket.get_object("k", &get(None)).unwrap();
    assert_eq!((body.offset, body.length, body.meta.size), (0, 5, 5));
    body.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    let mut body = bucket.get_object("k", &get(None)).unwrap();
    let failed = body.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(matches!(
        Error::of_io(&failed),
        Some(Error::Protocol(ProtocolError::BadCrc { .. }))
    ));
    assert!(
        body.read(&mut [0; 8]).is_err(),
        "no end of file after an error"
    );
    assert_eq!(
        server.requests()[1].connection,
        0,
        "the connection was kept"
    );
}

#[test]
fn ranges_are_verified() {
    let range = |content_range: &str, body: &[u8]| {
        Step::Answer(answer(
            "206 Partial Content",
            &[
                ("Content-Range", content_range),
                ("x-oss-hash-crc64ecma", "1"),
            ],
            body,
        ))
    };
    let server = Server::start([
        range("bytes 2-4/10", b"cde"),
        range("bytes 8-9/10", b"ij"),
        range("bytes 3-5/10", b"def"),
        range("bytes 2-3/10", b"cd"),
        ok(&[], b"abcdefghij"),
        Step::Answer(error("416 Requested Range Not Satisfiable", "InvalidRange")),
    ]);
    let bucket = bucket(&server);
    let mut data = Vec::new();
    let mut body = bucket.get_object("k", &get(Some((2, Some(4))))).unwrap();
    assert_eq!((body.offset, body.length, body.meta.size), (2, 3, 10));
    body.read_to_end(&mut data).unwrap();
    assert_eq!(data, b"cde");
    // The end is clipped to the object.
    let body = bucket.get_object("k", &get(Some((8, Some(100))))).unwrap();
    assert_eq!(body.length, 2);
    for _ in 0..3 {
        let failed = bucket
            .get_object("k", &get(Some((2, Some(4)))))
            .unwrap_err();
        assert_eq!(failed, Error::Protocol(ProtocolError::BadRange));
    }
    let failed = bucket.get_object("k", &get(Some((10, None)))).unwrap_err();
    assert!(failed.is_range_unsatisfiable());
    let requests = server.requests();
    assert_eq!(requests[0].header("range"), Some("bytes=2-4"));
    assert_eq!(requests[0].header("x-oss-range-behavior"), Some("standard"));
    assert_eq!(requests[5].header("range"), Some("bytes=10-"));
}

#[test]
fn a_cut_body_is_no_silent_end() {
    let cut = answer("200 OK", &[("Content-Length", "10")], b"hello");
    let server = Server::start([Step::Last(cut)]);
    let mut body = bucket(&server).get_object("k", &get(None)).unwrap();
    let mut data = Vec::new();
    let failed = body.read_to_end(&mut data).unwrap_err();
    assert_eq!(data, b"hello");
    assert_eq!(body.received(), 5);
    assert_eq!(
        Error::of_io(&failed),
        Some(&Error::Protocol(ProtocolError::ShortBody {
            expected: 10,
            received: 5
        }))
    );
    assert!(body.read(&mut data).is_err());
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

fn complete(bucket: &Bucket) -> ossftp_oss::Result<ossftp_oss::CompleteResult> {
    let parts = [CompletedPart {
        number: 2,
        etag: "\"P\"".to_owned(),
    }];
    let expect = CompleteUpload {
        size: 5,
        crc64: Some(checksum(b"hello")),
        forbid_overwrite: false,
    };
    bucket.complete_multipart("k", "U", &parts, &expect)
}

fn head(size: &str, data: &[u8]) -> Step {
    let crc = checksum(data).to_string();
    ok(
        &[
            ("Content-Length", size),
            ("ETag", "\"H\""),
            ("x-oss-hash-crc64ecma", &crc),
        ],
        b"",
    )
}

#[test]
fn a_lost_complete_is_settled_by_head() {
    let server = Server::start([Step::Close, head("5", b"hello")]);
    let result = complete(&bucket(&server)).unwrap();
    assert_eq!(
        (result.etag.as_str(), result.crc64),
        ("\"H\"", Some(checksum(b"hello")))
    );
    let lines: Vec<String> = server
        .requests()
        .into_iter()
        .map(|request| request.line)
        .collect();
    assert_eq!(
        lines,
        [
            "POST /examplebucket/k?uploadId=U&encoding-type=url HTTP/1.1",
            "HEAD /examplebucket/k HTTP/1.1"
        ]
    );
}

#[test]
fn an_upload_gone_on_the_second_try_is_settled_by_head() {
    let gone = || Step::Answer(error("404 Not Found", "NoSuchUpload"));
    // The first HEAD comes too early and shows the old object.
    let server = Server::start([Step::Close, head("3", b"old"), gone(), head("5", b"hello")]);
    complete(&bucket(&server)).unwrap();
    // The second HEAD shows another object: this upload is lost.
    let server = Server::start([Step::Close, head("3", b"old"), gone(), head("3", b"old")]);
    assert_eq!(
        complete(&bucket(&server)).unwrap_err().code(),
        "NoSuchUpload"
    );
    // Gone on the first try: nothing to settle.
    let server = Server::start([gone()]);
    assert_eq!(
        complete(&bucket(&server)).unwrap_err().code(),
        "NoSuchUpload"
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_completed_object_is_checked() {
    let body =
        b"<CompleteMultipartUploadResult><ETag>\"X-1\"</ETag></CompleteMultipartUploadResult>";
    let good = checksum(b"hello").to_string();
    let server = Server::start([
        ok(&[("x-oss-hash-crc64ecma", &good)], body),
        ok(&[("x-oss-hash-crc64ecma", "7")], body),
    ]);
    let bucket = bucket(&server);
    assert_eq!(complete(&bucket).unwrap().etag, "\"X-1\"");
    assert!(matches!(
        complete(&bucket).unwrap_err(),
        Error::Protocol(ProtocolError::BadCrc { stated: 7, .. })
    ));
    let request = &server.requests()[0];
    verify(request);
    assert_eq!(
        request.body,
        b"<CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>&quot;P&quot;</ETag></Part></CompleteMultipartUpload>"
    );
    assert!(request.header("content-md5").is_some());
}

#[test]
fn uploads_copies_and_deletes_go_out_right() {
    let copied = b"<CopyObjectResult><ETag>\"C\"</ETag></CopyObjectResult>";
    let initiated =
        b"<InitiateMultipartUploadResult><UploadId>U1</UploadId></InitiateMultipartUploadResult>";
    let deleted = b"<DeleteResult><EncodingType>url</EncodingType><Deleted><Key>a%26b</Key></Deleted></DeleteResult>";
    let server = Server::start([
        ok(&[], initiated),
        ok(&[("x-oss-hash-crc64ecma", "9")], copied),
        ok(&[], deleted),
        Step::Answer(answer("204 No Content", &[], b"")),
        ok(
            &[("ETag", "\"A\""), ("x-oss-next-append-position", "8")],
            b"",
        ),
    ]);
    let bucket = bucket(&server);
    assert_eq!(
        bucket
            .initiate_multipart("k", &PutObject::default())
            .unwrap(),
        "U1"
    );
    let copy = CopyObject {
        source_key: "中 +".to_owned(),
        if_match: Some("\"E\"".to_owned()),
        ..CopyObject::default()
    };
    assert_eq!(bucket.copy_object("k", &copy).unwrap().crc64, Some(9));
    assert_eq!(bucket.delete_objects(&["a&b", "c"]).unwrap().len(), 1);
    bucket.delete_object("k").unwrap();
    let mut body = SliceBody::new(b"abc");
    let appended = bucket
        .append_object("k", 5, None, &mut body, &PutObject::default())
        .unwrap();
    assert_eq!(appended.next_position, 8);
    let requests = server.requests();
    requests.iter().for_each(verify);
    assert_eq!(requests[0].header("content-length"), Some("0"));
    assert_eq!(
        requests[1].header("x-oss-copy-source"),
        Some("/examplebucket/%E4%B8%AD%20%2B")
    );
    assert!(requests[2].header("content-md5").is_some());
    assert_eq!(
        requests[4].line,
        "POST /examplebucket/k?append&position=5 HTTP/1.1"
    );
}

#[test]
fn nothing_is_sent_that_can_hit_the_wrong_target() {
    let server = Server::start([]);
    let client = Client::new(config(&server)).unwrap();
    for name in [
        "",
        "ab",
        "a.evil.com/x",
        "evil.com#",
        "Big",
        "-ab",
        "a@b",
        "a/b",
        "aé1",
    ] {
        let failed = client.bucket(name).delete_object("k").unwrap_err();
        assert!(matches!(failed, Error::Invalid(_)), "{name}: {failed:?}");
    }
    let bucket = client.bucket("examplebucket");
    for key in ["", "/x", "\\x", &"k".repeat(1024)] {
        assert!(
            matches!(bucket.delete_object(key), Err(Error::Invalid(_))),
            "{key}"
        );
    }
    let put = PutObject {
        meta: vec![("name".to_owned(), "a\r\nx-evil: 1".to_owned())],
        ..PutObject::default()
    };
    let failed = bucket
        .put_object("k", &mut SliceBody::new(b""), &put)
        .unwrap_err();
    assert!(matches!(failed, Error::Invalid(_)));
    let no_region = client
        .with_endpoint(client.endpoint().clone(), None)
        .unwrap();
    assert!(matches!(
        no_region.list_buckets("", None, 1),
        Err(Error::Invalid(_))
    ));
    assert!(server.requests().is_empty());
}

#[test]
fn no_secret_is_shown() {
    let refused = "<Error><Code>SignatureDoesNotMatch</Code><Message>Not the signature</Message>\
        <StringToSign>the string</StringToSign></Error>";
    let server = Server::start([Step::Answer(answer(
        "403 Forbidden",
        &[],
        refused.as_bytes(),
    ))]);
    let client = Client::new(config(&server)).unwrap();
    let bucket = client.bucket("examplebucket");
    let failed = bucket.head_object("k").map(|_| ()).unwrap_err();
    let failed_put = {
        let server = Server::start([Step::Answer(answer(
            "403 Forbidden",
            &[],
            refused.as_bytes(),
        ))]);
        put(&self::bucket(&server), b"x").unwrap_err()
    };
    assert!(failed_put.is_bad_credentials());
    assert_eq!(
        failed_put.to_string(),
        "OSS answered 403 SignatureDoesNotMatch (request id ID)"
    );
    let shown = format!("{client:?} {bucket:?} {failed:?} {failed} {failed_put:?}");
    for secret in [SECRET, "the-secret-token", "the string"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn redirects_are_not_followed() {
    let server = Server::start([Step::Answer(answer(
        "302 Found",
        &[("Location", "http://127.0.0.1:1/")],
        b"",
    ))]);
    let failed = bucket(&server).get_object("k", &get(None)).unwrap_err();
    assert_eq!(failed.status(), 302);
}

#[test]
fn large_bodies_pass_both_ways() {
    let data: Vec<u8> = (0..3_000_000u32).map(|i| ((i * 31) >> 3) as u8).collect();
    let crc = checksum(&data).to_string();
    let server = Server::start([
        uploaded(&data),
        ok(&[("x-oss-hash-crc64ecma", &crc)], &data),
    ]);
    let bucket = bucket(&server);
    put(&bucket, &data).unwrap();
    assert!(server.requests()[0].body == data);
    let mut back = Vec::new();
    bucket
        .get_object("k", &get(None))
        .unwrap()
        .read_to_end(&mut back)
        .unwrap();
    assert!(back == data);
}

#[test]
fn clients_and_bodies_cross_threads() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Client>();
    shared::<Bucket>();
    shared::<Cancel>();
    sent::<ossftp_oss::ObjectBody>();
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
