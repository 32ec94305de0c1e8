//! HeadObject and GetObject: what is read, and what is checked on the way.

use super::*;

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
        ok(&[], b"abcdefghij"),
        ok(&[], b""),
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
    // A server may send the whole object with 200 where that is all that was asked for.
    for length in [10, 0] {
        let body = bucket.get_object("k", &get(Some((0, Some(10))))).unwrap();
        assert_eq!(
            (body.offset, body.length, body.meta.size),
            (0, length, length)
        );
    }
    let failed = bucket.get_object("k", &get(Some((10, None)))).unwrap_err();
    assert!(failed.is_range_unsatisfiable());
    let requests = server.requests();
    assert_eq!(requests[0].header("range"), Some("bytes=2-4"));
    assert_eq!(requests[0].header("x-oss-range-behavior"), Some("standard"));
    assert_eq!(requests[7].header("range"), Some("bytes=10-"));
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
