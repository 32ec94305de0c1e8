//! Where a bucket is: names of hosts, and buckets that are in another region.

use ossftp::devstore::Server;

use crate::client::{Answer, BUCKET, Call, Connection, call, config, put};

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.hosts = vec!["OSS.test".into(), "oss-cn-hangzhou.aliyuncs.com".into()];
    config.cnames = vec![("Files.Example.com".into(), BUCKET.into())];
    config.buckets_elsewhere = vec![("far-bucket".into(), "cn-shenzhen".into())];
    let server = Server::start(config).unwrap();
    (dir, server)
}

/// Sends a signed call to a path and a host of its own.
fn at(server: &Server, path: &str, host: &str, request: Call) -> Answer {
    let request = request.sign();
    let mut connection = Connection::open(server.local_addr());
    connection.write(request.head(path, host).as_bytes());
    connection.answer(&request.method)
}

fn in_bucket(bucket: Option<&str>, key: &str) -> Call {
    Call {
        bucket: bucket.map(str::to_owned),
        ..Call::new("GET", key)
    }
}

#[test]
fn a_bucket_is_found_by_host_name() {
    let (_dir, server) = server();
    put(&server, "dir/k", b"v");
    for host in [
        format!("{BUCKET}.oss.test:9000"),
        format!("{BUCKET}.oss-cn-hangzhou.aliyuncs.com"),
        "files.example.COM:80".to_owned(),
    ] {
        let read = at(&server, "/dir/k", &host, in_bucket(Some(BUCKET), "dir/k"));
        assert_eq!(read.expect(200).body, b"v", "{host}");
    }
    // A name of the service is no bucket's, nor is a host that only looks like one.
    let list = at(&server, "/", "oss.test", in_bucket(None, ""));
    assert_eq!(list.expect(200).elements("Name"), ["far-bucket", BUCKET]);
    let none = in_bucket(Some("none"), "k");
    at(&server, "/k", "none.oss.test", none).fails(404, "NoSuchBucket");
    // On a name bound to a bucket there is no service: it is the bucket that is asked, and nobody signed for it.
    at(&server, "/", "files.example.com", in_bucket(None, "")).fails(403, "SignatureDoesNotMatch");
}

#[test]
fn a_bucket_elsewhere_names_its_endpoint() {
    let (_dir, server) = server();
    for region in ["cn-hangzhou", "cn-shenzhen"] {
        let request = Call {
            region: region.into(),
            ..in_bucket(Some("far-bucket"), "k")
        };
        for (path, host) in [
            ("/far-bucket/k", "localhost"),
            ("/k", "far-bucket.oss.test"),
        ] {
            let answer = at(&server, path, host, request.clone()).fails(403, "AccessDenied");
            assert_eq!(
                answer.element("Endpoint").as_deref(),
                Some("oss-cn-shenzhen.aliyuncs.com")
            );
            assert_eq!(answer.element("Bucket").as_deref(), Some("far-bucket"));
        }
    }
    // Not to those who do not have the key.
    let stranger = Call {
        secret: "wrong".into(),
        ..in_bucket(Some("far-bucket"), "k")
    };
    call(&server, stranger).fails(403, "SignatureDoesNotMatch");
    // A bucket that is here wants its own region.
    let wrong = Call {
        region: "cn-shenzhen".into(),
        ..in_bucket(Some(BUCKET), "k")
    };
    call(&server, wrong).fails(400, "InvalidArgument");
}

#[test]
fn the_service_knows_its_buckets_and_regions() {
    let (_dir, server) = server();
    let buckets = call(&server, in_bucket(None, "")).expect(200);
    assert_eq!(buckets.elements("Region"), ["cn-shenzhen", "cn-hangzhou"]);
    assert_eq!(
        buckets.elements("ExtranetEndpoint"),
        [
            "oss-cn-shenzhen.aliyuncs.com",
            "oss-cn-hangzhou.aliyuncs.com"
        ]
    );
    let first = call(&server, in_bucket(None, "").query("max-keys", "1")).expect(200);
    assert_eq!(first.elements("Name"), ["far-bucket"]);
    assert_eq!(first.element("NextMarker").as_deref(), Some("far-bucket"));
    let rest = call(&server, in_bucket(None, "").query("marker", "far-bucket")).expect(200);
    assert_eq!(rest.elements("Name"), [BUCKET]);

    let regions = call(&server, in_bucket(None, "").query("regions", "")).expect(200);
    assert_eq!(
        regions.elements("Region"),
        ["oss-cn-hangzhou", "oss-cn-shenzhen"]
    );
    let one = in_bucket(None, "").query("regions", "oss-cn-shenzhen");
    assert_eq!(
        call(&server, one).elements("InternetEndpoint"),
        ["oss-cn-shenzhen.aliyuncs.com"]
    );
}
