//! Many generated objects: listed page by page, from any place.

use ossftp::devstore::{GenerateError, Server};

use crate::client::{BUCKET, Call, Connection, call, config, expect_segments, get, put};

#[test]
fn generated_objects_are_objects() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    put(&server, "deep/a/b/0000001", b"here before");
    server.generate(BUCKET, "deep/a/b/", 2500).unwrap();
    server.generate(BUCKET, "deep/a/c/", 2500).unwrap();
    server.generate(BUCKET, "deep/a/c/", 0).unwrap();
    assert_eq!(
        server.generate("no-bucket", "x", 1),
        Err(GenerateError::NoBucket)
    );
    assert_eq!(server.generate(BUCKET, "/x", 1), Err(GenerateError::Prefix));
    expect_segments(dir.path(), 2);

    let mut connection = Connection::open(server.local_addr());
    let mut list = |prefix: &str, delimiter: &str, after: &str| {
        let request = Call::new("GET", "")
            .query("list-type", "2")
            .query("prefix", prefix)
            .query("delimiter", delimiter)
            .query("start-after", after)
            .query("max-keys", "1000");
        connection.call(request).expect(200)
    };
    let folders = list("deep/a/", "/", "");
    assert_eq!(folders.element("KeyCount").as_deref(), Some("2"));
    assert_eq!(folders.element("IsTruncated").as_deref(), Some("false"));
    assert!(folders.elements("Key").is_empty());
    let mut after = "deep/a/b/0000999".to_owned();
    let mut counts = Vec::new();
    loop {
        let keys = list("deep/a/b/", "/", &after).elements("Key");
        let Some(last) = keys.last() else { break };
        after.clone_from(last);
        counts.push(keys.len());
    }
    assert_eq!(counts, [1000, 500]);
    assert_eq!(after, "deep/a/b/0002499");

    let one = get(&server, "deep/a/b/0000001").expect(200);
    assert_eq!(one.body, b"generated\n");
    // They share a file, and the last takes it along.
    call(&server, Call::new("DELETE", "deep/a/b/0000001")).expect(204);
    assert_eq!(
        get(&server, "deep/a/b/0000002").expect(200).body,
        b"generated\n"
    );
    server.generate(BUCKET, "deep/a/c/", 2500).unwrap();
    expect_segments(dir.path(), 2);
}
