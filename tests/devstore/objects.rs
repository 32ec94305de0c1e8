//! Objects: names as they are, readers undisturbed, multipart rules, copies, checksums.

use std::io::Read;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ossftp::devstore::Server;
use ossftp_oss::crc64;

use crate::client::{BUCKET, Call, Connection, call, config, data, expect_segments, get, put};

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    (dir, server)
}

/// Begins an upload of `key` and returns its id.
fn begin(server: &Server, key: &str) -> String {
    let answer = call(server, Call::new("POST", key).query("uploads", "")).expect(200);
    answer.element("UploadId").unwrap()
}

fn part(key: &str, id: &str, number: u32, body: &[u8]) -> Call {
    Call::new("PUT", key)
        .query("uploadId", id)
        .query("partNumber", &number.to_string())
        .body(body)
}

/// Uploads a part and returns its ETag.
fn upload(server: &Server, key: &str, id: &str, number: u32, body: &[u8]) -> String {
    let answer = call(server, part(key, id, number, body)).expect(200);
    assert_eq!(
        answer.header("x-oss-hash-crc64ecma").unwrap(),
        crc64::checksum(body).to_string()
    );
    answer.header("etag").unwrap().to_owned()
}

fn complete(key: &str, id: &str, parts: &[(u32, &str)]) -> Call {
    let list: String = parts
        .iter()
        .map(|(number, etag)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        })
        .collect();
    let body = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
    Call::new("POST", key)
        .query("uploadId", id)
        .body(body.as_bytes())
}

#[test]
fn keys_are_their_bytes() {
    let (_dir, server) = server();
    let keys = [
        "a//b", "a/../b", "./a", "a/.", "a/", "a b", "a+b", "a%2Fb", "%", "\u{1}\n", "中", "a\\b",
    ];
    for key in keys {
        put(&server, key, key.as_bytes());
    }
    for key in keys {
        assert_eq!(
            get(&server, key).expect(200).body,
            key.as_bytes(),
            "{key:?}"
        );
    }
    // `%2F` on the wire and `/` are the same key.
    for path in ["/a%2F%2Fb", "/a/%2Fb", "/a%2F/b"] {
        let request = Call::new("GET", "a//b").sign();
        let mut connection = Connection::open(server.local_addr());
        connection.write(
            request
                .head(&format!("/{BUCKET}{path}"), "localhost")
                .as_bytes(),
        );
        assert_eq!(connection.answer("GET").expect(200).body, b"a//b", "{path}");
    }
    for key in ["/a", "\\a", &"x".repeat(1024)] {
        call(&server, Call::new("PUT", key).body(b"x")).fails(400, "InvalidObjectName");
    }
    put(&server, &"x".repeat(1023), b"x");
    call(&server, Call::new("GET", "").query("lifecycle", "")).fails(400, "NotImplemented");
}

#[test]
fn a_reader_keeps_what_it_opened() {
    let (dir, server) = server();
    let old = data(64 << 20, 1);
    put(&server, "k", &old);
    let mut connection = Connection::open(server.local_addr());
    let request = Call::new("GET", "k").sign();
    connection.write(request.head(&request.path(), "localhost").as_bytes());
    let head = connection.answer_head().unwrap();
    assert_eq!(
        head.header("content-length").unwrap(),
        old.len().to_string()
    );
    put(&server, "k", b"new");
    call(&server, Call::new("DELETE", "k")).expect(204);
    put(&server, "k", b"newer");
    let mut body = vec![0; old.len()];
    connection.reader.read_exact(&mut body).unwrap();
    assert!(body == old, "the reader saw something else");
    assert_eq!(connection.call(Call::new("GET", "k")).body, b"newer");
    // The old bytes went with their last reader.
    expect_segments(dir.path(), 1);
}

#[test]
fn writers_at_once_leave_one_whole_object() {
    let (dir, server) = server();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let server = &server;
            scope.spawn(move || {
                let mut connection = Connection::open(server.local_addr());
                for round in 0..20 {
                    let body = data(50_000 + writer * 1000, round * 4 + writer as u64);
                    connection
                        .call(Call::new("PUT", "k").body(&body))
                        .expect(200);
                    let answer = connection.call(Call::new("GET", "k")).expect(200);
                    let crc = answer.header("x-oss-hash-crc64ecma").unwrap();
                    assert_eq!(crc, crc64::checksum(&answer.body).to_string());
                }
            });
        }
    });
    expect_segments(dir.path(), 1);
}

#[test]
fn of_many_creators_one_succeeds() {
    let (_dir, server) = server();
    let outcomes: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|writer| {
                let request = Call::new("PUT", "k")
                    .header("x-oss-forbid-overwrite", "true")
                    .body(&data(200_000, writer));
                let server = &server;
                scope.spawn(move || call(server, request).status)
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(
        outcomes.iter().filter(|status| **status == 200).count(),
        1,
        "{outcomes:?}"
    );
    assert_eq!(
        outcomes.iter().filter(|status| **status == 409).count(),
        5,
        "{outcomes:?}"
    );
}

#[test]
fn headers_and_checksums_of_an_object() {
    let (_dir, server) = server();
    let md5 = STANDARD.encode(md5::compute(b"hello").0);
    let request = Call::new("PUT", "k")
        .header("Content-Type", "text/plain")
        .header("Content-MD5", &md5)
        .header("Content-Disposition", "attachment")
        .header("x-oss-meta-Mtime", "12.5")
        .body(b"hello");
    let answer = call(&server, request).expect(200);
    assert_eq!(
        answer.header("etag"),
        Some("\"5D41402ABC4B2A76B9719D911017C592\"")
    );
    let crc = crc64::checksum(b"hello").to_string();
    assert_eq!(answer.header("x-oss-hash-crc64ecma"), Some(crc.as_str()));
    for method in ["HEAD", "GET"] {
        let answer = call(&server, Call::new(method, "k")).expect(200);
        for (name, value) in [
            ("content-length", "5"),
            ("content-type", "text/plain"),
            ("content-md5", md5.as_str()),
            ("content-disposition", "attachment"),
            ("x-oss-meta-mtime", "12.5"),
            ("x-oss-object-type", "Normal"),
            ("x-oss-storage-class", "Standard"),
            ("x-oss-hash-crc64ecma", crc.as_str()),
            ("etag", "\"5D41402ABC4B2A76B9719D911017C592\""),
        ] {
            assert_eq!(answer.header(name), Some(value), "{method} {name}");
        }
        let modified =
            ossftp_oss::time::parse_http(answer.header("last-modified").unwrap()).unwrap();
        assert!((crate::client::now() - modified).abs() < 60);
        assert!(answer.header("date").is_some() && answer.header("x-oss-server-time").is_some());
    }
    let wrong = Call::new("PUT", "k")
        .header("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")
        .body(b"other");
    call(&server, wrong).fails(400, "InvalidDigest");
    assert_eq!(get(&server, "k").body, b"hello");
}

#[test]
fn conditions_decide() {
    let (_dir, server) = server();
    let etag = put(&server, "k", b"v").header("etag").unwrap().to_owned();
    let hour = |offset: i64| ossftp_oss::time::format_http(crate::client::now() + offset * 3600);
    for (name, value, status) in [
        ("If-Match", etag.clone(), 200),
        ("If-Match", "*".into(), 200),
        ("If-Match", format!("\"x\", {etag}"), 200),
        ("If-Match", "\"x\"".into(), 412),
        ("If-None-Match", etag, 304),
        ("If-None-Match", "\"x\"".into(), 200),
        ("If-Modified-Since", hour(-1), 200),
        ("If-Modified-Since", hour(1), 304),
        ("If-Unmodified-Since", hour(-1), 412),
        ("If-Unmodified-Since", hour(1), 200),
        ("If-Unmodified-Since", "nonsense".into(), 200),
    ] {
        for method in ["GET", "HEAD"] {
            let mut connection = Connection::open(server.local_addr());
            connection
                .call(Call::new(method, "k").header(name, &value))
                .expect(status);
            // 304 has no body: what follows is understood.
            connection.call(Call::new("GET", "k")).expect(200);
        }
    }
}

#[test]
fn uploads_follow_oss_rules() {
    let (dir, server) = server();
    let (big, other) = (data(100 * 1024, 1), data(100 * 1024, 2));
    let id = begin(&server, "k");
    upload(&server, "k", &id, 7, b"replaced");
    let first = upload(&server, "k", &id, 2, &big);
    let last = upload(&server, "k", &id, 7, b"end");
    let unused = upload(&server, "k", &id, 9, &other);
    expect_segments(dir.path(), 3);

    let fails = |parts: &[(u32, &str)], code: &str| {
        call(&server, complete("k", &id, parts)).fails(400, code);
    };
    fails(&[(7, &last), (2, &first)], "InvalidPartOrder");
    fails(&[(2, &first), (2, &first)], "InvalidPartOrder");
    fails(&[(2, &last)], "InvalidPart");
    fails(&[(1, &first)], "InvalidPart");
    fails(&[(7, &last), (9, &unused)], "EntityTooSmall");
    fails(&[], "MalformedXML");
    call(
        &server,
        Call::new("POST", "k").query("uploadId", &id).body(b"<x"),
    )
    .fails(400, "MalformedXML");
    call(&server, part("k", &id, 10_001, b"x")).fails(400, "InvalidArgument");
    call(&server, part("other", &id, 1, b"x")).fails(404, "NoSuchUpload");
    get(&server, "k").fails(404, "NoSuchKey");

    let answer = call(&server, complete("k", &id, &[(2, &first), (7, &last)])).expect(200);
    let whole = [big.as_slice(), b"end"].concat();
    assert_eq!(
        answer.header("x-oss-hash-crc64ecma").unwrap(),
        crc64::checksum(&whole).to_string()
    );
    let answer = get(&server, "k").expect(200);
    assert!(answer.body == whole);
    assert_eq!(answer.header("x-oss-object-type"), Some("Multipart"));
    assert!(answer.header("etag").unwrap().ends_with("-2\""));
    expect_segments(dir.path(), 2);
    call(&server, complete("k", &id, &[(2, &first)])).fails(404, "NoSuchUpload");
}

#[test]
fn complete_all_and_abort() {
    let (dir, server) = server();
    let id = begin(&server, "all");
    let (a, b) = (data(150_000, 1), data(10, 2));
    upload(&server, "all", &id, 3, &a);
    upload(&server, "all", &id, 5, &b);
    let listed = call(
        &server,
        Call::new("GET", "all")
            .query("uploadId", &id)
            .query("max-parts", "1"),
    )
    .expect(200);
    assert_eq!(listed.elements("PartNumber"), ["3"]);
    assert_eq!(listed.element("NextPartNumberMarker").as_deref(), Some("3"));
    let request = Call::new("POST", "all")
        .query("uploadId", &id)
        .header("x-oss-complete-all", "yes");
    call(&server, request.clone().body(b"<CompleteMultipartUpload/>"))
        .fails(400, "InvalidArgument");
    call(&server, request).expect(200);
    assert!(get(&server, "all").body == [a, b].concat());

    let id = begin(&server, "gone");
    upload(&server, "gone", &id, 1, b"x");
    let abort = Call::new("DELETE", "gone").query("uploadId", &id);
    call(&server, abort.clone()).expect(204);
    call(&server, abort).fails(404, "NoSuchUpload");
    expect_segments(dir.path(), 2);
}

#[test]
fn uploads_are_listed_page_by_page() {
    let (_dir, server) = server();
    let mut expected: Vec<(String, String)> = Vec::new();
    for key in ["a/1", "a/1", "a/2", "b", "c/1"] {
        expected.push((key.into(), begin(&server, key)));
    }
    expected.sort();
    let mut found = Vec::new();
    let (mut key, mut id) = (String::new(), String::new());
    loop {
        let request = Call::new("GET", "")
            .query("uploads", "")
            .query("max-uploads", "2")
            .query("key-marker", &key)
            .query("upload-id-marker", &id);
        let answer = call(&server, request).expect(200);
        found.extend(
            answer
                .elements("Key")
                .into_iter()
                .zip(answer.elements("UploadId")),
        );
        if answer.element("IsTruncated").as_deref() != Some("true") {
            break;
        }
        key = answer.element("NextKeyMarker").unwrap();
        id = answer.element("NextUploadIdMarker").unwrap();
    }
    assert_eq!(found, expected);
    let request = |marker: &str| {
        let request = Call::new("GET", "")
            .query("uploads", "")
            .query("delimiter", "/")
            .query("max-uploads", "1");
        call(&server, request.query("key-marker", marker)).expect(200)
    };
    let answer = request("");
    assert_eq!(
        (
            answer.elements("Key").len(),
            answer.element("NextKeyMarker").as_deref()
        ),
        (0, Some("a/"))
    );
    assert_eq!(request("a/").elements("Key"), ["b"]);
}

#[test]
fn copies_share_bytes_and_outlive_their_source() {
    let (dir, server) = server();
    let body = data(300_000, 1);
    put(&server, "src", &body);
    let source = format!("/{BUCKET}/src");
    let copy = |key: &str| Call::new("PUT", key).header("x-oss-copy-source", &source);
    let answer = call(&server, copy("dst")).expect(200);
    assert_eq!(
        answer.header("x-oss-hash-crc64ecma").unwrap(),
        crc64::checksum(&body).to_string()
    );
    expect_segments(dir.path(), 1);

    let id = begin(&server, "parts");
    let ranged = |number: &str, range: &str| {
        copy("parts")
            .query("uploadId", &id)
            .query("partNumber", number)
            .header("x-oss-copy-source-range", range)
    };
    let first = call(&server, ranged("1", "bytes=1-150000"))
        .expect(200)
        .element("ETag")
        .unwrap();
    let second = call(&server, ranged("2", "bytes=299999-"))
        .expect(200)
        .element("ETag")
        .unwrap();
    call(&server, ranged("3", "bytes=0-300000")).fails(416, "InvalidRange");
    call(&server, ranged("3", "bytes=x")).fails(400, "InvalidArgument");
    let etags = [first, second].map(|etag| etag.replace("&quot;", ""));
    assert_eq!(etags[0], format!("{:X}", md5::compute(&body[1..=150_000])));
    call(&server, Call::new("DELETE", "src")).expect(204);
    assert!(get(&server, "dst").body == body);
    call(
        &server,
        complete("parts", &id, &[(1, &etags[0]), (2, &etags[1])]),
    )
    .expect(200);
    let joined = [&body[1..=150_000], &body[299_999..]].concat();
    let answer = get(&server, "parts");
    assert!(answer.body == joined);
    assert_eq!(
        answer.header("x-oss-hash-crc64ecma").unwrap(),
        crc64::checksum(&joined).to_string()
    );

    // A copy of a multipart object is a normal one, with the MD5 of its bytes.
    let request =
        Call::new("PUT", "normal").header("x-oss-copy-source", &format!("/{BUCKET}/parts"));
    call(&server, request).expect(200);
    let answer = call(&server, Call::new("HEAD", "normal")).expect(200);
    assert_eq!(
        answer.header("etag").unwrap(),
        format!("\"{:X}\"", md5::compute(&joined))
    );
    assert_eq!(answer.header("x-oss-object-type"), Some("Normal"));
    for key in ["dst", "parts", "normal"] {
        call(&server, Call::new("DELETE", key)).expect(204);
    }
    expect_segments(dir.path(), 0);
    call(&server, copy("dst")).fails(404, "NoSuchKey");
}

#[test]
fn a_copy_of_a_vanishing_source_is_whole_or_refused() {
    let (dir, server) = server();
    std::thread::scope(|scope| {
        let server = &server;
        scope.spawn(move || {
            let mut connection = Connection::open(server.local_addr());
            for round in 0..100 {
                connection
                    .call(Call::new("PUT", "src").body(&data(20_000, round)))
                    .expect(200);
                connection.call(Call::new("DELETE", "src")).expect(204);
            }
        });
        scope.spawn(move || {
            let mut connection = Connection::open(server.local_addr());
            for _ in 0..100 {
                let source = format!("/{BUCKET}/src");
                let copied =
                    connection.call(Call::new("PUT", "dst").header("x-oss-copy-source", &source));
                assert!(matches!(copied.status, 200 | 404), "{}", copied.text());
                if copied.status == 200 {
                    let answer = connection.call(Call::new("GET", "dst")).expect(200);
                    let crc = answer.header("x-oss-hash-crc64ecma").unwrap();
                    assert_eq!(crc, crc64::checksum(&answer.body).to_string());
                }
            }
        });
    });
    call(&server, Call::new("DELETE", "dst")).expect(204);
    expect_segments(dir.path(), 0);
}

#[test]
fn a_batch_delete_needs_its_digest() {
    let (_dir, server) = server();
    for key in ["a&b", "c"] {
        put(&server, key, b"x");
    }
    let body =
        b"<Delete><Object><Key>a&amp;b</Key></Object><Object><Key>none</Key></Object></Delete>";
    let md5 = STANDARD.encode(md5::compute(body).0);
    let request = Call::new("POST", "").query("delete", "").body(body);
    call(&server, request.clone()).fails(400, "MissingArgument");
    call(
        &server,
        request
            .clone()
            .header("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
    )
    .fails(400, "InvalidDigest");
    let answer = call(&server, request.header("Content-MD5", &md5)).expect(200);
    assert_eq!(answer.elements("Key"), ["a&amp;b", "none"]);
    get(&server, "a&b").fails(404, "NoSuchKey");
    let body = b"<Delete><Quiet>true</Quiet><Object><Key>c</Key></Object></Delete>";
    let md5 = STANDARD.encode(md5::compute(body).0);
    let request = Call::new("POST", "")
        .query("delete", "")
        .body(body)
        .header("Content-MD5", &md5);
    assert_eq!(call(&server, request).expect(200).body, b"");
    get(&server, "c").fails(404, "NoSuchKey");
}
