//! What goes over the wire, and what never does.

use super::*;

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
fn an_empty_object_has_a_length() {
    let server = Server::start([uploaded(b"")]);
    put(&bucket(&server), b"").unwrap();
    assert_eq!(server.requests()[0].header("content-length"), Some("0"));
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
fn additional_headers_are_signed_as_they_are_sent() {
    let part = answer(
        "206 Partial Content",
        &[("Content-Range", "bytes 0-1/2")],
        b"hi",
    );
    let server = Server::start([uploaded(b"x"), Step::Answer(part), ok(&[], b"<x/>")]);
    let mut config = config(&server);
    config.additional_headers = [
        "Host",
        "range",
        "if-match",
        "content-length",
        "user-agent",
        "x-oss-date",
    ]
    .map(str::to_owned)
    .to_vec();
    let bucket = Client::new(config).unwrap().bucket("examplebucket");
    put(&bucket, b"x").unwrap();
    let request = GetObject {
        range: Some((0, None)),
        if_match: Some("\"E\"".to_owned()),
    };
    bucket.get_object("k", &request).unwrap();
    let _ = bucket.acl();
    let requests = server.requests();
    let signed = ["content-length;host", "host;if-match;range", "host"];
    assert_eq!(requests.len(), signed.len());
    for (request, names) in requests.iter().zip(signed) {
        // `verify` takes the values that came over the wire.
        verify(request);
        let header = request.header("authorization").unwrap();
        assert!(
            header.contains(&format!(",AdditionalHeaders={names},")),
            "{header}"
        );
        let hosts = request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("host"));
        assert_eq!(hosts.count(), 1);
        assert_eq!(request.header("host").unwrap(), server.address.to_string());
    }
}
