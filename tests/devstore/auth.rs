//! Signatures: who is let in, who is not, and what they are told.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ossftp::devstore::Server;

use crate::client::{BUCKET, Call, Connection, call, config, get, put};

fn each_version(check: impl Fn(&Server, fn(Call) -> Call)) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    check(&server, |call| call);
    check(&server, |call| Call { v1: true, ..call });
}

#[test]
fn headers_of_both_versions_are_verified() {
    each_version(|server, version| {
        let request = || version(Call::new("PUT", "a b/中").query("x", "1 +/").body(b"hi"));
        call(server, request()).expect(200);
        let wrong = Call {
            secret: "other".into(),
            ..request()
        };
        call(server, wrong).fails(403, "SignatureDoesNotMatch");
        let unknown = Call {
            id: "nobody".into(),
            ..request()
        };
        let answer = call(server, unknown).fails(403, "InvalidAccessKeyId");
        assert_eq!(answer.element("EC").unwrap(), "0002-00000902");
        for skew in [-901, 901 + 30] {
            let mut late = request();
            late.at += skew;
            let answer = call(server, late).fails(403, "RequestTimeTooSkewed");
            assert_eq!(
                answer.element("MaxAllowedSkewMilliseconds").unwrap(),
                "900000"
            );
        }
        let mut near = request();
        near.at -= 880;
        call(server, near).expect(200);
        // Signed, then changed on the way.
        let mut changed = request().sign();
        changed.key = Some("another".into());
        Connection::open(server.local_addr())
            .send(&changed)
            .fails(403, "SignatureDoesNotMatch");
        let mut changed = request().header("x-oss-meta-a", "1").sign();
        changed.headers.retain(|(name, _)| name != "x-oss-meta-a");
        Connection::open(server.local_addr())
            .send(&changed)
            .fails(403, "SignatureDoesNotMatch");
    });
}

#[test]
fn urls_of_both_versions_are_verified() {
    each_version(|server, version| {
        put(server, "k", b"by url");
        let send = |call: &Call| Connection::open(server.local_addr()).send(call);
        let answer = send(&version(Call::new("GET", "k")).presign(60)).expect(200);
        assert_eq!(answer.body, b"by url");
        let mut old = version(Call::new("GET", "k"));
        old.at -= 120;
        send(&old.presign(60)).fails(403, "AccessDenied");
        let wrong = Call {
            secret: "other".into(),
            ..version(Call::new("GET", "k"))
        };
        send(&wrong.presign(60)).fails(403, "SignatureDoesNotMatch");
        let mut other = version(Call::new("GET", "k")).presign(60);
        other.method = "DELETE".into();
        send(&other).fails(403, "SignatureDoesNotMatch");
    });
}

#[test]
fn v4_is_bound_to_its_region_and_life() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    let elsewhere = Call {
        region: "cn-beijing".into(),
        ..Call::new("GET", "")
    };
    let answer = call(&server, elsewhere).fails(400, "InvalidArgument");
    assert!(
        answer.text().contains("Invalid signing region"),
        "{}",
        answer.text()
    );
    let too_long = Call::new("GET", "").presign(604_801);
    Connection::open(server.local_addr())
        .send(&too_long)
        .fails(400, "InvalidArgument");
    let mut trailing = Call::new("GET", "").sign();
    for (name, value) in &mut trailing.headers {
        if name == "Authorization" {
            *value = value.replace(",Signature", ",AdditionalHeaders=host;,Signature");
        }
    }
    let answer = Connection::open(server.local_addr())
        .send(&trailing)
        .fails(400, "InvalidArgument");
    assert_eq!(answer.header("x-oss-ec"), Some("0002-00000210"));
}

#[test]
fn without_a_signature_nothing_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    put(&server, "k", b"v");
    for key in ["k", "missing", ""] {
        Connection::open(server.local_addr())
            .send(&Call::new("GET", key))
            .fails(403, "AccessDenied");
    }
    let no_bucket = Call {
        bucket: None,
        ..Call::new("GET", "")
    };
    Connection::open(server.local_addr())
        .send(&no_bucket)
        .fails(403, "AccessDenied");
    assert_eq!(get(&server, "k").expect(200).body, b"v");
}

#[test]
fn errors_of_head_travel_in_headers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    let mut connection = Connection::open(server.local_addr());
    let answer = connection.call(Call::new("HEAD", "missing")).expect(404);
    let xml = STANDARD
        .decode(answer.header("x-oss-err").unwrap())
        .unwrap();
    let xml = String::from_utf8(xml).unwrap();
    assert!(
        xml.contains("<Code>NoSuchKey</Code>") && xml.contains("<Key>missing</Key>"),
        "{xml}"
    );
    assert_eq!(answer.header("x-oss-ec"), Some("0026-00000001"));
    assert_eq!(answer.header("server"), Some("AliyunOSS"));
    assert!(
        xml.contains(answer.header("x-oss-request-id").unwrap()),
        "{xml}"
    );
    // The connection is still good: nothing of a body was sent.
    connection
        .call(Call::new("GET", "missing"))
        .fails(404, "NoSuchKey");
}

#[test]
fn buckets_in_the_host_name_and_in_the_path() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    put(&server, "dir/k", b"v");
    let get_at = |path: &str, host: &str, bucket: &str, key: &str| {
        let request = Call {
            bucket: Some(bucket.into()),
            ..Call::new("GET", key)
        }
        .sign();
        let mut connection = Connection::open(server.local_addr());
        connection.write(request.head(path, host).as_bytes());
        connection.answer("GET")
    };
    for host in [
        format!("{BUCKET}.localhost:80"),
        format!("{BUCKET}.OSS.example.com"),
    ] {
        assert_eq!(
            get_at("/dir/k", &host, BUCKET, "dir/k").expect(200).body,
            b"v"
        );
    }
    for host in [
        "127.0.0.1",
        "localhost:9000",
        "[::1]:80",
        "devstore",
        "oss-cn-hangzhou.aliyuncs.com",
    ] {
        assert_eq!(
            get_at(&format!("/{BUCKET}/dir/k"), host, BUCKET, "dir/k")
                .expect(200)
                .body,
            b"v"
        );
    }
    get_at("/k", "not-there.localhost", "not-there", "k").fails(404, "NoSuchBucket");
    get_at("/not-there/k", "localhost", "not-there", "k").fails(404, "NoSuchBucket");
}
