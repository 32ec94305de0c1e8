//! Rename in buckets with a hierarchical namespace.

use ossftp::devstore::Server;
use ossftp_oss::encode;

use crate::client::{BUCKET, Call, call, config, get, put};

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.hierarchical = vec![BUCKET.into()];
    let server = Server::start(config).unwrap();
    (dir, server)
}

fn rename(server: &Server, from: &str, to: &str) -> crate::client::Answer {
    let source = encode::path(from);
    let request = Call::new("POST", to)
        .query("x-oss-rename", "")
        .header("x-oss-rename-source", &source);
    call(server, request)
}

fn keys(server: &Server) -> Vec<String> {
    call(server, Call::new("GET", "")).elements("Key")
}

#[test]
fn files_and_directories_move_whole() {
    let (_dir, server) = server();
    for key in ["a/", "a/x", "a/sub/y", "a/sub/z", "ab", "b/"] {
        put(&server, key, key.as_bytes());
    }
    rename(&server, "a/x", "b/new +中").expect(200);
    let moved = get(&server, "b/new +中").expect(200);
    assert_eq!(moved.body, b"a/x");
    get(&server, "a/x").fails(404, "NoSuchKey");

    rename(&server, "a", "b/a").expect(200);
    assert_eq!(
        keys(&server),
        ["ab", "b/", "b/a/", "b/a/sub/y", "b/a/sub/z", "b/new +中"]
    );
    assert_eq!(get(&server, "b/a/sub/z").expect(200).body, b"a/sub/z");
    // With slashes at the end it is the same.
    rename(&server, "b/a/sub/", "c/").expect(200);
    assert_eq!(get(&server, "c/y").expect(200).body, b"a/sub/y");
}

#[test]
fn what_a_rename_refuses() {
    let (_dir, server) = server();
    for key in ["file", "dir/x", "other/y"] {
        put(&server, key, key.as_bytes());
    }
    let before = keys(&server);
    rename(&server, "none", "new").fails(404, "NoSuchKey");
    for target in ["other/y", "dir", "other", "file"] {
        rename(&server, "file", target).fails(409, "FileAlreadyExists");
    }
    rename(&server, "dir", "other").fails(409, "FileAlreadyExists");
    let parent = rename(&server, "file", "not/there").fails(404, "NoSuchKey");
    assert_eq!(parent.element("Key").as_deref(), Some("not"));
    rename(&server, "dir", "dir/inner").fails(400, "InvalidArgument");
    let without = Call::new("POST", "new").query("x-oss-rename", "");
    call(&server, without).fails(400, "InvalidArgument");
    assert_eq!(keys(&server), before);
}

#[test]
fn only_such_a_bucket_can_rename_and_says_so() {
    let (_dir, server) = server();
    let info = |bucket: &str| {
        let request = Call {
            bucket: Some(bucket.into()),
            ..Call::new("GET", "").query("bucketInfo", "")
        };
        let answer = call(&server, request).expect(200);
        answer.element("HierarchicalNamespace")
    };
    assert_eq!(info(BUCKET).as_deref(), Some("Enabled"));
    for (bucket, status) in [("flat-bucket", "disabled"), ("deep-bucket", "enabled")] {
        let make = Call {
            bucket: Some(bucket.into()),
            ..Call::new("PUT", "").header("x-oss-hns-status", status)
        };
        call(&server, make).expect(200);
        let put = Call {
            bucket: Some(bucket.into()),
            ..Call::new("PUT", "k")
        };
        call(&server, put).expect(200);
    }
    assert_eq!(info("flat-bucket"), None);
    assert_eq!(info("deep-bucket").as_deref(), Some("Enabled"));
    let request = |bucket: &str| Call {
        bucket: Some(bucket.into()),
        ..Call::new("POST", "new")
            .query("x-oss-rename", "")
            .header("x-oss-rename-source", "k")
    };
    call(&server, request("flat-bucket")).fails(400, "OperationNotSupported");
    call(&server, request("deep-bucket")).expect(200);
}
