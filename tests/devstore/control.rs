//! The control URL: faults and the log over HTTP, without a signature.

use ossftp::devstore::Server;
use serde_json::{Value, json};

use crate::client::{Answer, Call, Connection, call, config, get, put};

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.control = true;
    let server = Server::start(config).unwrap();
    (dir, server)
}

/// A request without a signature.
fn ask_as(server: &Server, headers: &str, method: &str, path: &str, body: &str) -> Answer {
    let mut connection = Connection::open(server.local_addr());
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\n{headers}Content-Length: {length}\r\n\r\n");
    connection.write(head.as_bytes());
    connection.write(body.as_bytes());
    connection.answer(method)
}

fn ask(server: &Server, method: &str, path: &str, body: &str) -> Answer {
    ask_as(server, "Host: 127.0.0.1:9000\r\n", method, path, body)
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn rules_are_added_shown_and_removed() {
    let (_dir, server) = server();
    put(&server, "k", b"x");
    let added = ask(
        &server,
        "POST",
        "/-/faults",
        "GetObject:503:times=1\n\nHeadObject:500:key=k\n",
    );
    let added = json_of(&added.expect(201));
    assert_eq!(added[0]["fault"], "503");
    assert_eq!(added[1]["key"], "k");
    get(&server, "k").fails(503, "ServiceUnavailable");
    get(&server, "k").expect(200);
    let shown = json_of(&ask(&server, "GET", "/-/faults", "").expect(200));
    assert_eq!(
        (&shown[0]["hits"], &shown[0]["seen"]),
        (&json!(1), &json!(2))
    );
    // What was shown can be sent back.
    let again = ask(&server, "PUT", "/-/faults", &shown.to_string()).expect(201);
    assert_eq!(json_of(&again)[0]["rule"], shown[0]["rule"]);
    assert_eq!(server.faults().list().len(), 2);
    get(&server, "k").expect(503);
    let one = json!({"api": ["PutObject", "GetObject"], "fault": "lose-answer", "prefix": "p/"});
    let id = json_of(&ask(&server, "POST", "/-/faults", &one.to_string()).expect(201))[0]["id"]
        .as_u64()
        .unwrap();
    let path = format!("/-/faults/{id}");
    assert_eq!(
        json_of(&ask(&server, "GET", &path, "").expect(200))["api"],
        "PutObject,GetObject"
    );
    ask(&server, "DELETE", &path, "").expect(204);
    ask(&server, "DELETE", &path, "").expect(404);
    ask(&server, "DELETE", "/-/faults", "").expect(204);
    assert!(server.faults().list().is_empty());
}

#[test]
fn what_is_not_understood_is_said_and_changes_nothing() {
    let (_dir, server) = server();
    for (body, said) in [
        ("", "no rule"),
        ("*:503\nnonsense", "names no fault"),
        ("{\"api\": \"x\"}", "is missing"),
        ("{", "no JSON"),
        ("[{\"fault\": 503, \"tmies\": 1}]", "tmies"),
    ] {
        let answer = ask(&server, "POST", "/-/faults", body).expect(400);
        let error = json_of(&answer)["error"].as_str().unwrap().to_owned();
        assert!(error.contains(said), "{body}: {error}");
    }
    assert!(server.faults().list().is_empty());
    ask(&server, "GET", "/-/nothing", "").expect(404);
    ask(&server, "GET", "/-/log?last=x", "").expect(400);
    let help = ask(&server, "GET", "/-/", "").expect(200).text();
    assert!(help.contains("/-/requests"), "{help}");
}

#[test]
fn the_log_is_read_and_forgotten() {
    let (_dir, server) = server();
    put(&server, "a", b"hello");
    get(&server, "missing").expect(404);
    let lines = ask(&server, "GET", "/-/log", "").expect(200).text();
    let records: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 2);
    assert_eq!(
        (&records[0]["api"], &records[0]["bytes_in"]),
        (&json!("PutObject"), &json!(5))
    );
    let last = ask(&server, "GET", "/-/log?last=1", "").expect(200).text();
    assert_eq!(
        last.lines().collect::<Vec<_>>(),
        [lines.lines().last().unwrap()]
    );
    let counts = json_of(&ask(&server, "GET", "/-/requests", "").expect(200));
    assert_eq!(
        counts["GetObject"],
        json!({"requests": 1, "failed": 1, "bytes_in": 0, "bytes_out": counts["GetObject"]["bytes_out"]})
    );
    ask(&server, "DELETE", "/-/requests", "").expect(204);
    assert_eq!(ask(&server, "GET", "/-/log", "").expect(200).text(), "");
}

#[test]
fn faults_and_other_names_do_not_reach_it() {
    let (_dir, server) = server();
    ask(&server, "POST", "/-/faults", "*:500\n*:reset").expect(201);
    ask(&server, "GET", "/-/faults", "").expect(200);
    ask(&server, "DELETE", "/-/faults", "").expect(204);
    // A key of a bucket whose name stands in the host, and a name that a web page may have taken.
    let on_bucket = Call::new("PUT", "-/faults").body(b"x").sign();
    let mut connection = Connection::open(server.local_addr());
    let head = on_bucket.head("/-/faults", "test-bucket.localhost");
    connection.write(head.as_bytes());
    connection.write(b"x");
    connection.answer("PUT").expect(200);
    assert_eq!(get(&server, "-/faults").expect(200).body, b"x");
    ask_as(&server, "Host: evil.example\r\n", "GET", "/-/log", "").expect(403);
    let page = "Host: 127.0.0.1\r\nOrigin: http://evil.example\r\n";
    ask_as(&server, page, "POST", "/-/faults", "*:500").expect(403);
    call(&server, Call::new("GET", "")).expect(200);
    assert!(server.faults().list().is_empty());
}

#[test]
fn without_it_the_path_is_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.faults = vec!["GetObject:503:key=k".parse().unwrap()];
    let server = Server::start(config).unwrap();
    ask(&server, "GET", "/-/faults", "").expect(403);
    get(&server, "k").expect(503);
}
