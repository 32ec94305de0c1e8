//! What the store writes, the client reads: any key comes back as it was, in every answer that names it.

use ossftp::devstore::Server;
use ossftp_oss::{encode, xml};
use proptest::prelude::*;

use crate::client::{BUCKET, Call, Connection, config};

/// Whether XML 1.0 can carry this key as it is (section 2.2).
fn carried(key: &str) -> bool {
    key.chars()
        .all(|c| matches!(c, '\t' | '\n' | ' '..='\u{fffd}' | '\u{10000}'..))
}

/// Keys that OSS takes: UTF-8 that does not begin with a slash or a backslash. Without the noncharacters that no body
/// of XML can carry, and those that the store reads control characters from.
fn key() -> impl Strategy<Value = String> {
    let refused = ['\u{fffe}', '\u{ffff}'];
    "\\PC{1,10}|(?s:.){1,6}|[a-z/%+ &<>'\"\n\t]{1,12}".prop_filter("no key", move |key| {
        !key.starts_with(['/', '\\'])
            && !key.contains(refused)
            && !key.contains(|c| ('\u{fdd0}'..='\u{fdef}').contains(&c))
    })
}

fn store() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    (dir, server)
}

/// The answers that name objects: listings of both versions, with and without encoded names, a copy, a deletion.
fn objects(connection: &mut Connection, key: &str) {
    let put = connection
        .call(Call::new("PUT", key).body(b"body"))
        .expect(200);
    let etag = put.header("etag").unwrap().to_owned();
    for (version, encoded) in [("1", true), ("2", true), ("1", false), ("2", false)] {
        if !encoded && !carried(key) {
            continue;
        }
        let mut list = Call::new("GET", "")
            .query("list-type", version)
            .query("prefix", key)
            .query("fetch-owner", "true");
        if encoded {
            list = list.query("encoding-type", "url");
        }
        let answer = connection.call(list).expect(200);
        let page = xml::object_page(&answer.body).unwrap();
        assert_eq!(page.name, BUCKET);
        assert_eq!(page.prefix, key);
        assert!(!page.is_truncated && page.common_prefixes.is_empty());
        let [object] = page.objects.as_slice() else {
            panic!("{key:?}: {page:?}");
        };
        assert_eq!((object.key.as_str(), object.size), (key, 4));
        assert_eq!(object.etag, etag);
        assert!(object.owner.is_some() && object.last_modified > 0);
    }

    let source = format!("/{BUCKET}/{}", encode::path(key));
    let copy = Call::new("PUT", "copy").header("x-oss-copy-source", &source);
    let copied = xml::copy_result(&connection.call(copy).expect(200).body).unwrap();
    assert_eq!(copied.etag, etag);

    let keys = [key, "copy"];
    let body = xml::delete_objects(&keys, false);
    let delete = Call::new("POST", "")
        .query("delete", "")
        .query("encoding-type", "url")
        .header("content-md5", &md5(body.as_bytes()))
        .body(body.as_bytes());
    let deleted = xml::delete_result(&connection.call(delete).expect(200).body).unwrap();
    let deleted: Vec<&str> = deleted.iter().map(|deleted| deleted.key.as_str()).collect();
    assert_eq!(deleted, keys);

    let answer = connection
        .call(Call::new("GET", key))
        .fails(404, "NoSuchKey");
    let error = xml::error_document(&answer.body);
    // The error names the key, and its names are never encoded.
    if carried(key) {
        let error = error.unwrap();
        assert_eq!(error.code, "NoSuchKey");
        let named = error.fields.iter().find(|(name, _)| name == "Key");
        assert_eq!(named.map(|(_, key)| key.as_str()), Some(key.trim()));
    }
}

/// The answers that name uploads and their parts.
fn uploads(connection: &mut Connection, key: &str) {
    let start = Call::new("POST", key)
        .query("uploads", "")
        .query("encoding-type", "url");
    let upload = xml::initiate_result(&connection.call(start).expect(200).body).unwrap();
    assert_eq!((upload.bucket.as_str(), upload.key.as_str()), (BUCKET, key));

    let part = Call::new("PUT", key)
        .query("partNumber", "7")
        .query("uploadId", &upload.upload_id)
        .body(b"part");
    let etag = connection
        .call(part)
        .expect(200)
        .header("etag")
        .unwrap()
        .to_owned();
    let parts = Call::new("GET", key)
        .query("uploadId", &upload.upload_id)
        .query("encoding-type", "url");
    let page = xml::part_page(&connection.call(parts).expect(200).body).unwrap();
    assert_eq!(
        (page.key.as_str(), &page.upload_id),
        (key, &upload.upload_id)
    );
    let [part] = page.parts.as_slice() else {
        panic!("{key:?}: {page:?}");
    };
    assert_eq!((part.number, part.size, &part.etag), (7, 4, &etag));

    let list = Call::new("GET", "")
        .query("uploads", "")
        .query("encoding-type", "url");
    let page = xml::upload_page(&connection.call(list).expect(200).body).unwrap();
    let [listed] = page.uploads.as_slice() else {
        panic!("{key:?}: {page:?}");
    };
    assert_eq!(
        (listed.key.as_str(), &listed.upload_id),
        (key, &upload.upload_id)
    );

    let body = xml::complete_multipart_upload([(7, etag.as_str())]);
    let complete = Call::new("POST", key)
        .query("uploadId", &upload.upload_id)
        .query("encoding-type", "url")
        .body(body.as_bytes());
    let done = xml::complete_result(&connection.call(complete).expect(200).body).unwrap();
    assert_eq!((done.bucket.as_str(), done.key.as_str()), (BUCKET, key));
    connection.call(Call::new("DELETE", key)).expect(204);
}

/// The value of a Content-MD5 header.
fn md5(body: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(md5::compute(body).0)
}

#[test]
fn the_client_reads_what_the_store_writes() {
    let (_dir, server) = store();
    let connection = std::cell::RefCell::new(Connection::open(server.local_addr()));
    let settings = ProptestConfig {
        failure_persistence: None,
        cases: 64,
        ..ProptestConfig::default()
    };
    proptest!(settings, |(key in key())| {
        let connection = &mut connection.borrow_mut();
        objects(connection, &key);
        uploads(connection, &key);
    });
}
