//! Storage classes, and objects that must be restored before they can be read.

use std::time::{Duration, Instant};

use ossftp::devstore::{Config, Server, StorageClass};

use crate::client::{BUCKET, Call, call, config, get, put};

fn server(change: impl FnOnce(&mut Config)) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    change(&mut config);
    let server = Server::start(config).unwrap();
    (dir, server)
}

fn put_as(server: &Server, key: &str, class: &str) {
    let put = Call::new("PUT", key).header("x-oss-storage-class", class);
    call(server, put.body(b"cold")).expect(200);
}

fn restore(key: &str, body: &str) -> Call {
    Call::new("POST", key)
        .query("restore", "")
        .body(body.as_bytes())
}

fn days(days: u32, tier: &str) -> String {
    format!(
        "<RestoreRequest><Days>{days}</Days><JobParameters><Tier>{tier}</Tier></JobParameters></RestoreRequest>"
    )
}

#[test]
fn frozen_objects_are_seen_and_not_read() {
    let (_dir, server) = server(|_| {});
    for class in ["Archive", "ColdArchive", "DeepColdArchive"] {
        put_as(&server, class, class);
        let head = call(&server, Call::new("HEAD", class)).expect(200);
        assert_eq!(head.header("x-oss-storage-class"), Some(class));
        assert_eq!(head.header("x-oss-restore"), None);
        get(&server, class).fails(403, "InvalidObjectState");
        let source = format!("/{BUCKET}/{class}");
        let copy = Call::new("PUT", "copy").header("x-oss-copy-source", &source);
        call(&server, copy).fails(403, "InvalidObjectState");
        let link = Call::new("PUT", "link").query("symlink", "");
        call(&server, link.header("x-oss-symlink-target", class)).expect(200);
        get(&server, "link").fails(403, "InvalidObjectState");
    }
    let page = call(&server, Call::new("GET", "").query("prefix", "A")).expect(200);
    assert_eq!(page.elements("StorageClass"), ["Archive"]);
    assert_eq!(page.element("RestoreInfo"), None);
    // Deleting and overwriting need no bytes.
    put(&server, "Archive", b"warm");
    assert_eq!(get(&server, "Archive").expect(200).body, b"warm");
    call(&server, Call::new("DELETE", "ColdArchive")).expect(204);

    let append = |position: &str| {
        Call::new("POST", "log")
            .query("append", "")
            .query("position", position)
    };
    let archive = append("0").header("x-oss-storage-class", "Archive");
    call(&server, archive.body(b"one")).expect(200);
    call(&server, append("3").body(b"two")).fails(403, "InvalidObjectState");
    let cold = append("0").header("x-oss-storage-class", "ColdArchive");
    let cold = Call {
        key: Some("cold-log".into()),
        ..cold
    };
    call(&server, cold).fails(400, "OperationNotSupported");

    put_as(&server, "ia", "IA");
    assert_eq!(get(&server, "ia").expect(200).body, b"cold");
    let wrong = Call::new("PUT", "k").header("x-oss-storage-class", "Lukewarm");
    call(&server, wrong).fails(400, "InvalidArgument");
}

#[test]
fn a_restore_under_way_and_another_that_is_done() {
    let (_dir, slow) = server(|config| config.restore_time = Duration::from_secs(3600));
    put_as(&slow, "k", "ColdArchive");
    call(&slow, restore("k", &days(2, "Bulk"))).expect(202);
    call(&slow, restore("k", &days(2, "Bulk"))).fails(409, "RestoreAlreadyInProgress");
    let head = call(&slow, Call::new("HEAD", "k")).expect(200);
    assert_eq!(
        head.header("x-oss-restore"),
        Some("ongoing-request=\"true\"")
    );
    get(&slow, "k").fails(403, "InvalidObjectState");
    let page = call(&slow, Call::new("GET", "")).expect(200);
    assert_eq!(
        page.element("RestoreInfo").as_deref(),
        Some("ongoing-request=&quot;true&quot;")
    );

    let (_dir, fast) = server(|_| {});
    put_as(&fast, "k", "Archive");
    call(&fast, restore("k", "")).expect(202);
    let read = get(&fast, "k").expect(200);
    assert_eq!(read.body, b"cold");
    let state = read.header("x-oss-restore").unwrap();
    assert!(
        state.starts_with("ongoing-request=\"false\", expiry-date=\"") && state.ends_with(" GMT\""),
        "{state}"
    );
    // Asked again, it stays readable for longer.
    call(&fast, restore("k", &days(7, "Standard"))).expect(200);
    let longer = get(&fast, "k").header("x-oss-restore").unwrap().to_owned();
    assert_ne!(longer, state);
    // A copy is an object of its own, of the bucket's class.
    let copy = Call::new("PUT", "copy").header("x-oss-copy-source", &format!("/{BUCKET}/k"));
    call(&fast, copy).expect(200);
    let copied = get(&fast, "copy").expect(200);
    assert_eq!(copied.header("x-oss-storage-class"), Some("Standard"));
}

#[test]
fn a_restore_ends_by_itself() {
    let (_dir, server) = server(|config| config.restore_time = Duration::from_millis(200));
    put_as(&server, "k", "Archive");
    call(&server, restore("k", "")).expect(202);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = get(&server, "k");
        if answer.status == 200 {
            assert_eq!(answer.body, b"cold");
            break;
        }
        answer.fails(403, "InvalidObjectState");
        assert!(Instant::now() < deadline, "it never thawed");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_cannot_be_restored() {
    let (_dir, server) = server(|_| {});
    put(&server, "k", b"1");
    let refused = call(&server, restore("k", "")).fails(400, "OperationNotSupported");
    assert_eq!(refused.header("x-oss-ec"), Some("0016-00000702"));
    call(&server, restore("none", "")).fails(404, "NoSuchKey");
    put_as(&server, "a", "Archive");
    call(&server, restore("a", "<RestoreRequest>")).fails(400, "MalformedXML");
    call(&server, restore("a", &days(8, "Standard"))).fails(400, "InvalidArgument");
    put_as(&server, "d", "DeepColdArchive");
    call(&server, restore("d", &days(1, "Bulk"))).fails(400, "InvalidArgument");
    get(&server, "d").fails(403, "InvalidObjectState");
}

#[test]
fn a_bucket_has_a_class() {
    let (_dir, server) = server(|config| {
        config.storage_classes = vec![(BUCKET.into(), StorageClass::InfrequentAccess)];
    });
    put(&server, "k", b"1");
    let class =
        |answer: &crate::client::Answer| answer.header("x-oss-storage-class").map(str::to_owned);
    assert_eq!(class(&get(&server, "k")).as_deref(), Some("IA"));
    put_as(&server, "s", "Standard");
    assert_eq!(class(&get(&server, "s")).as_deref(), Some("Standard"));
    let info = call(&server, Call::new("GET", "").query("bucketInfo", "")).expect(200);
    assert_eq!(info.element("StorageClass").as_deref(), Some("IA"));

    let begun = Call::new("POST", "mp")
        .query("uploads", "")
        .header("x-oss-storage-class", "Archive");
    call(&server, begun).expect(200);
    let page = call(&server, Call::new("GET", "").query("uploads", "")).expect(200);
    assert_eq!(page.elements("StorageClass"), ["Archive"]);

    let bucket = |body: &str| Call {
        bucket: Some("cold-bucket".into()),
        ..Call::new("PUT", "").body(body.as_bytes())
    };
    let body = "<CreateBucketConfiguration><StorageClass>Archive</StorageClass></CreateBucketConfiguration>";
    call(&server, bucket(body)).expect(200);
    let put = Call {
        bucket: Some("cold-bucket".into()),
        ..Call::new("PUT", "k")
    };
    call(&server, put.clone()).expect(200);
    let get = Call {
        method: "GET".into(),
        ..put
    };
    call(&server, get).fails(403, "InvalidObjectState");
    call(&server, bucket(&body.replace("Archive", "Warm"))).fails(400, "MalformedXML");
}
