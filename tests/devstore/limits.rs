//! Limits, lowered so that small objects meet them.

use ossftp::devstore::Server;

use crate::client::{BUCKET, Call, call, config, data, get, put};

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.limits.max_put = 100;
    config.limits.max_copy = 50;
    config.limits.min_part = 10;
    config.limits.max_part = 40;
    config.limits.max_page = 3;
    let server = Server::start(config).unwrap();
    (dir, server)
}

#[test]
fn what_is_too_large_is_refused_and_parts_help() {
    let (_dir, server) = server();
    let body = data(100, 1);
    put(&server, "k", &body);
    call(&server, Call::new("PUT", "l").body(&data(101, 1))).fails(400, "EntityTooLarge");
    let append = |position: &str, size: usize| {
        let request = Call::new("POST", "log")
            .query("append", "")
            .query("position", position);
        call(&server, request.body(&data(size, 2)))
    };
    append("0", 60).expect(200);
    append("60", 41).fails(400, "EntityTooLarge");
    append("60", 40).expect(200);

    let source = format!("/{BUCKET}/k");
    let copy = Call::new("PUT", "copy").header("x-oss-copy-source", &source);
    call(&server, copy).fails(400, "EntityTooLarge");
    put(&server, "small", &data(50, 3));
    let copy = Call::new("PUT", "copy").header("x-oss-copy-source", &format!("/{BUCKET}/small"));
    call(&server, copy).expect(200);

    // The way around: copied part by part.
    let begun = call(&server, Call::new("POST", "copy").query("uploads", "")).expect(200);
    let id = begun.element("UploadId").unwrap();
    let part = |number: u32, range: &str| {
        Call::new("PUT", "copy")
            .query("uploadId", &id)
            .query("partNumber", &number.to_string())
            .header("x-oss-copy-source", &source)
            .header("x-oss-copy-source-range", range)
    };
    call(&server, part(1, "bytes=0-40")).fails(400, "EntityTooLarge");
    for (number, range) in [(1, "bytes=0-39"), (2, "bytes=40-79"), (3, "bytes=80-99")] {
        call(&server, part(number, range)).expect(200);
    }
    let all = Call::new("POST", "copy")
        .query("uploadId", &id)
        .header("x-oss-complete-all", "yes");
    call(&server, all).expect(200);
    assert!(get(&server, "copy").expect(200).body == body);
}

#[test]
fn the_smallest_part_and_the_longest_page() {
    let (_dir, server) = server();
    let begun = call(&server, Call::new("POST", "mp").query("uploads", "")).expect(200);
    let id = begun.element("UploadId").unwrap();
    let part = |number: u32, size: usize| {
        let request = Call::new("PUT", "mp")
            .query("uploadId", &id)
            .query("partNumber", &number.to_string());
        call(&server, request.body(&data(size, 4)))
    };
    part(1, 9).expect(200);
    part(2, 1).expect(200);
    part(3, 41).fails(400, "EntityTooLarge");
    let all = Call::new("POST", "mp")
        .query("uploadId", &id)
        .header("x-oss-complete-all", "yes");
    let small = call(&server, all.clone()).fails(400, "EntityTooSmall");
    assert_eq!(small.element("MinSizeAllowed").as_deref(), Some("10"));
    assert_eq!(small.element("PartNumber").as_deref(), Some("1"));
    part(1, 10).expect(200);
    call(&server, all).expect(200);

    for key in ["a", "b", "c", "d"] {
        put(&server, key, b"");
    }
    let page = call(&server, Call::new("GET", "").query("max-keys", "1000")).expect(200);
    assert_eq!(page.elements("Key"), ["a", "b", "c"]);
    assert_eq!(page.element("IsTruncated").as_deref(), Some("true"));
    assert_eq!(page.element("MaxKeys").as_deref(), Some("3"));
    call(&server, Call::new("GET", "").query("max-keys", "1001")).fails(400, "InvalidArgument");
}
