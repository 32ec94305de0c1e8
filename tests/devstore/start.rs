//! Starting, stopping, the log, and what is said when it does not work.

use std::net::TcpListener;

use ossftp::devstore::{RequestLog, Server, StartError};

use crate::client::{BUCKET, Call, Connection, SECRET, config, get, put};

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut on_taken = config(dir.path());
    on_taken.listen = taken.local_addr().unwrap();
    let error = Server::start(on_taken).unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }), "{error:?}");
    assert!(error.to_string().contains("choose another one"), "{error}");

    for name in ["Ab", "ab", "-abc", "a_b_c"] {
        let mut bad = config(dir.path());
        bad.buckets = vec![name.into()];
        let error = Server::start(bad).unwrap_err();
        assert_eq!(error, StartError::BucketName { name: name.into() });
    }

    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = Server::start(config(&file)).unwrap_err();
    assert!(matches!(error, StartError::Dir { .. }), "{error:?}");

    let mut bad = config(dir.path());
    bad.region = "cn hangzhou".into();
    assert!(matches!(
        Server::start(bad).unwrap_err(),
        StartError::Region { .. }
    ));

    let server = Server::start(config(dir.path())).unwrap();
    let error = Server::start(config(dir.path())).unwrap_err();
    assert!(matches!(error, StartError::DirInUse { .. }), "{error:?}");
    drop(server);
    Server::start(config(dir.path())).unwrap();
}

#[test]
fn secrets_are_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!format!("{:?}", config(dir.path())).contains(SECRET));
    let server = Server::start(config(dir.path())).unwrap();
    assert!(!format!("{server:?}").contains(SECRET));
}

#[test]
fn stopping_closes_connections_and_frees_port_and_folder() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    let address = server.local_addr();
    put(&server, "k", b"kept");
    let mut idle = Connection::open(address);
    idle.call(Call::new("GET", "k")).expect(200);
    // In the middle of a body.
    let mut busy = Connection::open(address);
    let request = Call::new("PUT", "k").body(&[1; 1000]).sign();
    busy.write(request.head(&request.path(), "localhost").as_bytes());
    server.stop();
    assert!(idle.at_end());
    assert!(busy.try_answer("PUT").is_err());
    let mut again = config(dir.path());
    again.listen = address;
    let server = Server::start(again).unwrap();
    assert_eq!(get(&server, "k").expect(200).body, b"kept");
}

#[test]
fn every_request_has_a_line_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("requests.jsonl");
    let mut config = config(&dir.path().join("store"));
    config.log = RequestLog::File(path.clone());
    let server = Server::start(config).unwrap();
    // One connection: a line is written after its answer was sent, so only there the order is certain.
    let mut connection = Connection::open(server.local_addr());
    let body = Call::new("PUT", "dir/k").body(b"hello");
    connection.call(body).expect(200);
    connection.call(Call::new("GET", "missing")).expect(404);
    let url = Call::new("GET", "dir/k").presign(60);
    connection.send(&url).expect(200);
    let buckets = Call {
        bucket: None,
        ..Call::new("GET", "")
    };
    connection.call(buckets).expect(200);
    server.stop();

    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let apis: Vec<_> = lines
        .iter()
        .map(|line| line["api"].as_str().unwrap())
        .collect();
    assert_eq!(apis, ["PutObject", "GetObject", "GetObject", "ListBuckets"]);
    assert_eq!(
        (&lines[0]["bucket"], &lines[0]["key"]),
        (&BUCKET.into(), &"dir/k".into())
    );
    assert_eq!(
        (&lines[0]["bytes_in"], &lines[0]["status"]),
        (&5.into(), &200.into())
    );
    assert_eq!(
        lines[0]["crc64"],
        ossftp_oss::crc64::checksum(b"hello").to_string()
    );
    assert_eq!(
        (&lines[1]["error"], &lines[1]["status"]),
        (&"NoSuchKey".into(), &404.into())
    );
    assert_eq!(lines[2]["bytes_out"], 5);
    let signature = url
        .query
        .iter()
        .find(|(name, _)| name == "x-oss-signature")
        .unwrap();
    assert!(!text.contains(signature.1.as_deref().unwrap()), "{text}");
}
