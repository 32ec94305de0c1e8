//! The smaller calls: symlinks, tags, metadata, and what of copies and deletes is special.

use super::*;

fn no_content() -> Step {
    Step::Answer(answer("204 No Content", &[], b""))
}

#[test]
fn symlinks_carry_any_target() {
    let target = "目录/100%/a+b c";
    let encoded = "%E7%9B%AE%E5%BD%95%2F100%25%2Fa%2Bb%20c";
    let server = Server::start([
        ok(&[("ETag", "\"L\"")], b""),
        ok(&[("ETag", "\"L\""), ("x-oss-symlink-target", encoded)], b""),
        ok(&[("x-oss-symlink-target", "%ff")], b""),
        ok(&[], b""),
        Step::Answer(error("400 Bad Request", "NotSymlink")),
    ]);
    let bucket = bucket(&server);
    let put = PutObject {
        meta: vec![("a".to_owned(), "b".to_owned())],
        ..PutObject::default()
    };
    bucket.put_symlink("link", target, &put).unwrap();
    let link = bucket.get_symlink("link").unwrap();
    assert_eq!(
        (link.target.as_str(), link.etag.as_str()),
        (target, "\"L\"")
    );
    for _ in 0..2 {
        let failed = bucket.get_symlink("link").unwrap_err();
        let bad = ProtocolError::BadHeader("x-oss-symlink-target");
        assert_eq!(failed, Error::Protocol(bad));
    }
    assert_eq!(bucket.get_symlink("k").unwrap_err().code(), "NotSymlink");
    assert!(matches!(
        bucket.put_symlink("link", "", &put),
        Err(Error::Invalid(_))
    ));
    let requests = server.requests();
    requests.iter().for_each(verify);
    assert_eq!(requests[0].line, "PUT /examplebucket/link?symlink HTTP/1.1");
    assert_eq!(requests[0].header("x-oss-symlink-target"), Some(encoded));
    assert_eq!(requests[0].header("x-oss-meta-a"), Some("b"));
    assert_eq!(requests[1].line, "GET /examplebucket/link?symlink HTTP/1.1");
}

#[test]
fn a_link_that_must_not_replace_is_made_once() {
    let busy = error("503 Service Unavailable", "ServiceUnavailable");
    let server = Server::start([Step::Answer(busy)]);
    let put = PutObject {
        forbid_overwrite: true,
        ..PutObject::default()
    };
    assert!(bucket(&server).put_symlink("l", "t", &put).is_err());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn tags_are_read_replaced_and_taken_away() {
    let tags =
        b"<?xml version=\"1.0\"?><Tagging><TagSet><Tag><Key>a&amp;b</Key><Value> c </Value></Tag>\
        <Tag><Key>empty</Key><Value/></Tag></TagSet></Tagging>";
    let server = Server::start([
        ok(&[], tags),
        ok(&[], b"<Tagging><TagSet/></Tagging>"),
        ok(&[], b""),
        no_content(),
    ]);
    let bucket = bucket(&server);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let read = bucket.get_object_tagging("k").unwrap();
    assert_eq!(read, [pair("a&b", " c "), pair("empty", "")]);
    assert_eq!(bucket.get_object_tagging("k").unwrap(), []);
    bucket.put_object_tagging("k", &read).unwrap();
    bucket.delete_object_tagging("k").unwrap();
    let refused = bucket.put_object_tagging("k", &[pair("a", "\u{1}")]);
    assert!(matches!(refused, Err(Error::Invalid(_))));
    let requests = server.requests();
    requests.iter().for_each(verify);
    let lines: Vec<&str> = requests
        .iter()
        .map(|request| request.line.as_str())
        .collect();
    assert_eq!(
        lines,
        [
            "GET /examplebucket/k?tagging HTTP/1.1",
            "GET /examplebucket/k?tagging HTTP/1.1",
            "PUT /examplebucket/k?tagging HTTP/1.1",
            "DELETE /examplebucket/k?tagging HTTP/1.1",
        ]
    );
    assert!(requests[2].header("content-md5").is_some());
    let body = String::from_utf8(requests[2].body.clone()).unwrap();
    assert!(
        body.contains("<Key>a&amp;b</Key><Value> c </Value>"),
        "{body}"
    );
}

#[test]
fn metadata_comes_cheaper_than_by_head() {
    let server = Server::start([
        head("5", b"hello"),
        ok(
            &[],
            b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
        ),
        ok(&[], b"<VersioningConfiguration/>"),
    ]);
    let bucket = bucket(&server);
    let meta = bucket.object_meta("k").unwrap();
    assert_eq!((meta.size, meta.crc64), (5, Some(checksum(b"hello"))));
    assert_eq!(bucket.versioning().unwrap().as_deref(), Some("Suspended"));
    assert_eq!(bucket.versioning().unwrap(), None);
    let requests = server.requests();
    requests.iter().for_each(verify);
    assert_eq!(
        requests[0].line,
        "HEAD /examplebucket/k?objectMeta HTTP/1.1"
    );
    assert_eq!(requests[1].line, "GET /examplebucket/?versioning HTTP/1.1");
}

#[test]
fn listings_tell_type_class_and_restore() {
    let page = b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>l</Key><Size>3</Size>\
        <Type>Symlink</Type><StorageClass>Archive</StorageClass><RestoreInfo>ongoing-request=\"true\"</RestoreInfo>\
        </Contents></ListBucketResult>";
    let server = Server::start([ok(&[], page)]);
    let page = bucket(&server)
        .list_objects_v2(&ListObjects::default())
        .unwrap();
    let object = &page.objects[0];
    let of = |text: &Option<String>| text.clone().unwrap_or_default();
    let told = [&object.kind, &object.storage_class, &object.restore].map(of);
    assert_eq!(told, ["Symlink", "Archive", "ongoing-request=\"true\""]);
}

#[test]
fn copies_say_what_becomes_of_class_and_tags() {
    let copied = b"<CopyObjectResult><ETag>\"C\"</ETag></CopyObjectResult>";
    let tags = vec![("a b".to_owned(), "c&d".to_owned())];
    let replace = PutObject {
        storage_class: Some("IA".to_owned()),
        tagging: tags.clone(),
        content_type: Some("text/plain".to_owned()),
        ..PutObject::default()
    };
    let plain = CopyObject {
        source_key: "s".to_owned(),
        ..CopyObject::default()
    };
    let copies = [
        plain.clone(),
        CopyObject {
            storage_class: Some("Archive".to_owned()),
            tagging: Some(tags),
            ..plain.clone()
        },
        CopyObject {
            tagging: Some(Vec::new()),
            ..plain.clone()
        },
        CopyObject {
            replace: Some(replace.clone()),
            ..plain.clone()
        },
        CopyObject {
            replace: Some(replace),
            storage_class: Some("Archive".to_owned()),
            ..plain
        },
    ];
    let server = Server::start(copies.iter().map(|_| ok(&[], copied)));
    let bucket = bucket(&server);
    for copy in &copies {
        bucket.copy_object("k", copy).unwrap();
    }
    let requests = server.requests();
    requests.iter().for_each(verify);
    let names = [
        "x-oss-storage-class",
        "x-oss-tagging-directive",
        "x-oss-tagging",
        "x-oss-metadata-directive",
    ];
    let told: Vec<_> = requests
        .iter()
        .map(|request| names.map(|name| request.header(name).unwrap_or("-")))
        .collect();
    let tags = "a%20b=c%26d";
    assert_eq!(
        told,
        [
            ["-", "-", "-", "-"],
            ["Archive", "Replace", tags, "-"],
            ["-", "Replace", "-", "-"],
            ["IA", "Replace", tags, "REPLACE"],
            ["IA", "Replace", tags, "REPLACE"],
        ]
    );
}

#[test]
fn keys_that_xml_can_not_carry_are_deleted_one_by_one() {
    let deleted = b"<DeleteResult><EncodingType>url</EncodingType><Deleted><Key>a%0D%0A%09</Key></Deleted></DeleteResult>";
    let server = Server::start([ok(&[], deleted), no_content(), no_content(), no_content()]);
    let keys = ["odd\u{1}", "a\r\n\t", "\u{fffe}", "x\u{ffff}"];
    let deleted = bucket(&server).delete_objects(&keys).unwrap();
    let deleted: Vec<&str> = deleted.iter().map(|deleted| deleted.key.as_str()).collect();
    assert_eq!(deleted, ["a\r\n\t", "odd\u{1}", "\u{fffe}", "x\u{ffff}"]);
    let requests = server.requests();
    requests.iter().for_each(verify);
    let body = String::from_utf8(requests[0].body.clone()).unwrap();
    assert!(
        body.contains("<Object><Key>a&#x0D;&#x0A;&#x09;</Key></Object></Delete>"),
        "{body}"
    );
    assert_eq!(body.matches("<Key>").count(), 1, "{body}");
    let lines: Vec<&str> = requests[1..]
        .iter()
        .map(|request| request.line.as_str())
        .collect();
    assert_eq!(
        lines,
        [
            "DELETE /examplebucket/odd%01 HTTP/1.1",
            "DELETE /examplebucket/%EF%BF%BE HTTP/1.1",
            "DELETE /examplebucket/x%EF%BF%BF HTTP/1.1",
        ]
    );
}

#[test]
fn only_such_keys_need_no_batch_and_one_failure_is_told() {
    let server = Server::start([
        no_content(),
        Step::Answer(error("403 Forbidden", "AccessDenied")),
    ]);
    let failed = bucket(&server)
        .delete_objects(&["\u{1}", "\u{2}", "\u{3}"])
        .unwrap_err();
    assert!(failed.is_denied());
    assert_eq!(server.requests().len(), 2);
}
