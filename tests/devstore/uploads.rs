//! ListMultipartUploads and ListParts, page by page.

use ossftp::devstore::Server;
use ossftp_oss::encode;

use crate::client::{Call, Connection, call, config, data};

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    (dir, server)
}

fn begin(server: &Server, key: &str) -> String {
    let answer = call(server, Call::new("POST", key).query("uploads", "")).expect(200);
    answer.element("UploadId").unwrap()
}

/// All pages of a listing of uploads: keys and common prefixes, decoded, and the ids.
fn uploads(
    server: &Server,
    prefix: &str,
    delimiter: &str,
    max: usize,
) -> (Vec<String>, Vec<String>) {
    let (mut names, mut ids) = (Vec::new(), Vec::new());
    let (mut key, mut id) = (String::new(), String::new());
    loop {
        let request = Call::new("GET", "")
            .query("uploads", "")
            .query("encoding-type", "url")
            .query("prefix", prefix)
            .query("delimiter", delimiter)
            .query("key-marker", &key)
            .query("upload-id-marker", &id)
            .query("max-uploads", &max.to_string());
        let page = call(server, request).expect(200);
        let decode = |text: String| encode::decode(&text).unwrap();
        let text = page.text();
        let prefixes = text.split("<CommonPrefixes><Prefix>").skip(1);
        let mut here: Vec<String> = prefixes
            .map(|rest| decode(rest.split('<').next().unwrap().to_owned()))
            .collect();
        here.extend(page.elements("Key").into_iter().map(decode));
        assert!(here.len() <= max, "{text}");
        here.sort();
        names.extend(here);
        ids.extend(page.elements("UploadId"));
        if page.element("IsTruncated").as_deref() == Some("false") {
            return (names, ids);
        }
        key = decode(page.element("NextKeyMarker").unwrap());
        id = page.element("NextUploadIdMarker").unwrap();
    }
}

#[test]
fn uploads_come_page_by_page() {
    let (_dir, server) = server();
    let keys = ["a", "d/1", "d/1", "d/2 +中", "d/e/x", "d/e/y", "z"];
    let mut begun: Vec<String> = keys.iter().map(|key| begin(&server, key)).collect();
    begun.sort();
    for max in [1, 2, 3, 1000] {
        let (names, mut ids) = uploads(&server, "", "", max);
        assert_eq!(names, keys, "{max}");
        ids.sort();
        assert_eq!(ids, begun, "{max}");
        let (names, ids) = uploads(&server, "d/", "/", max);
        assert_eq!(names, ["d/1", "d/1", "d/2 +中", "d/e/"], "{max}");
        assert_eq!(ids.len(), 3, "{max}");
        assert_eq!(uploads(&server, "", "/", max).0, ["a", "d/", "z"], "{max}");
        assert!(uploads(&server, "none", "", max).0.is_empty());
    }
    let wrong = Call::new("GET", "")
        .query("uploads", "")
        .query("max-uploads", "0");
    call(&server, wrong).fails(400, "InvalidArgument");
}

#[test]
fn parts_come_page_by_page() {
    let (_dir, server) = server();
    let id = begin(&server, "k");
    for number in [1, 2, 7, 9, 10_000] {
        let part = Call::new("PUT", "k")
            .query("uploadId", &id)
            .query("partNumber", &number.to_string());
        call(&server, part.body(&data(number, 1))).expect(200);
    }
    let list = |marker: &str, max: &str| {
        let request = Call::new("GET", "k")
            .query("uploadId", &id)
            .query("part-number-marker", marker)
            .query("max-parts", max);
        call(&server, request)
    };
    let page = list("", "1000").expect(200);
    assert_eq!(page.elements("PartNumber"), ["1", "2", "7", "9", "10000"]);
    assert_eq!(page.elements("Size"), ["1", "2", "7", "9", "10000"]);
    assert_eq!(page.element("IsTruncated").as_deref(), Some("false"));
    let page = list("2", "2").expect(200);
    assert_eq!(page.elements("PartNumber"), ["7", "9"]);
    assert_eq!(page.element("NextPartNumberMarker").as_deref(), Some("9"));
    assert_eq!(page.element("IsTruncated").as_deref(), Some("true"));
    assert!(
        list("10000", "2")
            .expect(200)
            .elements("PartNumber")
            .is_empty()
    );
    list("x", "2").fails(400, "InvalidArgument");
}

#[test]
fn a_part_may_come_in_chunks_and_must_come_whole() {
    let (_dir, server) = server();
    let id = begin(&server, "k");
    let bytes = data(300_000, 1);
    let part = || {
        Call::new("PUT", "k")
            .query("partNumber", "1")
            .query("uploadId", &id)
            .header("Transfer-Encoding", "chunked")
            .sign()
    };
    let send = |ending: &[u8]| {
        let request = part();
        let head = request.head(&request.path(), "localhost");
        let mut connection = Connection::open(server.local_addr());
        connection.write(head.replace("Content-Length: 0\r\n", "").as_bytes());
        for chunk in bytes.chunks(70_000) {
            connection.write(format!("{:x}\r\n", chunk.len()).as_bytes());
            connection.write(chunk);
            connection.write(b"\r\n");
        }
        connection.write(ending);
        connection
    };
    // One that breaks off is none.
    drop(send(b""));
    let list = || {
        let list = Call::new("GET", "k").query("uploadId", &id);
        call(&server, list).expect(200).elements("Size")
    };
    assert!(list().is_empty());
    let answer = send(b"0\r\n\r\n").answer("PUT").expect(200);
    let crc = ossftp_oss::crc64::checksum(&bytes).to_string();
    assert_eq!(answer.header("x-oss-hash-crc64ecma"), Some(crc.as_str()));
    assert_eq!(list(), ["300000"]);
}
