//! The command line: every wrong thing gets one sentence that says what to do, and its exit code.

use crate::support::{Program, address, run, text};
use std::net::TcpListener;
use std::process::{Command, Output};

const STORE: [&str; 6] = [
    "dev-store",
    "--listen=127.0.0.1:0",
    "--access-key-id=id",
    "--access-key-secret=secret",
    "--bucket=bucket",
    "--dir",
];

fn oss_ftp(arguments: &[&str]) -> Output {
    run(Command::new(env!("CARGO_BIN_EXE_oss-ftp")).args(arguments))
}

/// The arguments must be refused with `code` and one sentence that holds all of `words`.
fn refused(code: i32, arguments: &[&str], words: &[&str]) {
    let output = oss_ftp(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
    assert!(said.starts_with("oss-ftp: "), "{arguments:?}: {said}");
    assert!(
        output.stdout.is_empty(),
        "{arguments:?}: {}",
        text(&output.stdout)
    );
    for word in words {
        assert!(said.contains(word), "{arguments:?}: no {word:?} in: {said}");
    }
}

#[test]
fn wrong_arguments() {
    refused(2, &["--prot", "2121"], &["--prot", "'--port'", "--help"]);
    refused(
        2,
        &["serve", "--bucket_endpoint=x"],
        &[
            "--bucket_endpoint'",
            "bucket_endpoints",
            "oss-ftp serve --help",
        ],
    );
    refused(2, &["sevre"], &["sevre", "serve"]);
    refused(2, &["serve", "--port=70000"], &["--port", "70000", "65535"]);
    refused(2, &["--port"], &["--port"]);
    refused(2, &["--passive-ports-start=0"], &["--passive-ports-start"]);
    refused(
        2,
        &["--passive_ports_start=60000", "--passive_ports_end=50000"],
        &["60000", "50000", "lower port first"],
    );
    refused(2, &["--internal=perhaps"], &["--internal", "True or False"]);
    refused(2, &["--loglevel=loud"], &["DEBUG, INFO, WARNING, ERROR"]);
    refused(2, &["--runtime=tokio"], &["smol and threads"]);
    refused(2, &["--masquerade-address=here"], &["IPv4", "203.0.113.7"]);
    refused(2, &["--bucket-endpoints=bucket"], &["bucket.endpoint"]);
    refused(2, &["--bucket-endpoints=b.no spaces"], &["b.no spaces"]);
    refused(2, &["--endpoint=gopher://x"], &["endpoint"]);
    refused(2, &["--region=China East"], &["--region", "cn-hangzhou"]);
    refused(2, &["--region="], &["--region", "cn-hangzhou"]);
    refused(
        2,
        &["dev-store", "--dir=x"],
        &["--access-key-id", "--access-key-secret", "--bucket"],
    );
    refused(2, &["dev-store", "--listen=9000"], &["127.0.0.1:9000"]);
    refused(
        2,
        &["dev-store", "--fault=PutObject:nonsense"],
        &["--fault", "is no fault", "lose-answer"],
    );
    refused(2, &["dev-store", "--latency=soon"], &["whole number"]);
    refused(2, &["dev-store", "--bandwidth=20MB"], &["20M or 1G"]);
    refused(2, &["dev-store", "--clock-skew=x"], &["seconds=3600"]);
    refused(2, &["dev-store", "--control=x"], &["True or False"]);
    refused(2, &["demo", "--bucket=b"], &["--bucket"]);
}

#[test]
fn wrong_settings() {
    refused(
        2,
        &["--transfer-memory=1"],
        &["--transfer-memory", "too small"],
    );
    refused(2, &["--part_size=lots"], &["--part-size", "no size"]);
    refused(2, &["--partial=maybe"], &["--partial", "discard or resume"]);
    refused(2, &["--storage-class=Cold"], &["ColdArchive", "IA"]);
    refused(2, &["--cname"], &["cname", "endpoint"]);
    refused(
        2,
        &["--cname", "--endpoint=files.example.com"],
        &["cname", "region"],
    );
    refused(2, &["--config=missing.toml"], &["missing.toml"]);
    refused(2, &["demo", "--endpoint=x"], &["--endpoint"]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("some.toml");
    let argument = format!("--config={}", path.display());
    for (text, words) in [
        ("[oss]\npartial = 1\n", ["line 2", "partial"]),
        (
            "[oss]\n\nsecret = \"x\"\n",
            ["line 3", "unknown setting 'secret'"],
        ),
        ("[oss\n", ["line 1", "no TOML"]),
        ("[[bucket]]\ncname = true\n", ["line 1", "name"]),
    ] {
        std::fs::write(&path, text).unwrap();
        refused(2, &[&argument], &[words[0], words[1], "some.toml"]);
    }
}

#[test]
fn ports_that_cannot_be_had() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let port = taken.local_addr().unwrap().port().to_string();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let dir = path.to_str().unwrap();
    refused(1, &["--port", &port], &[&address, "another port"]);
    refused(
        1,
        &["demo", "--port", &port, "--dir", dir],
        &[&address, "another port"],
    );
    assert!(
        !path.exists(),
        "a demo that did not start has left its directory"
    );
    refused(
        1,
        &["demo", "--port=0", "--store-port", &port, "--dir", dir],
        &[&address, "choose another"],
    );
    let listen = format!("--listen={address}");
    let mut store = STORE.to_vec();
    store.extend([dir, &listen]);
    store.remove(1);
    refused(1, &store, &[&address, "choose another"]);
    refused(
        1,
        &["--listen-address=192.0.2.1", "--port=0"],
        &["192.0.2.1", "0.0.0.0"],
    );
}

#[test]
fn directories_that_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "no directory").unwrap();
    let below = file.join("store");
    for dir in [&file, &below] {
        let dir = dir.to_str().unwrap();
        refused(
            1,
            &["demo", "--port=0", "--dir", dir],
            &[dir, "choose another"],
        );
        let mut store = STORE.to_vec();
        store.push(dir);
        refused(1, &store, &[dir, "choose another"]);
    }
}

#[test]
fn a_directory_belongs_to_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = STORE.to_vec();
    store.push(dir.path().to_str().unwrap());
    let first = Program::start(&store);
    first.wait_for("Dev store on ");
    refused(1, &store, &["another process"]);
}

#[test]
fn help_and_version() {
    for arguments in [
        &["--help"][..],
        &["serve", "--help"],
        &["demo", "-h"],
        &["help", "dev-store"],
    ] {
        let output = oss_ftp(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(
            text(&output.stdout).contains("Usage: oss-ftp"),
            "{arguments:?}"
        );
        assert!(output.stderr.is_empty());
    }
    let version = oss_ftp(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    assert_eq!(
        text(&version.stdout).trim(),
        concat!("oss-ftp ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn flags_as_the_python_tool_had_them() {
    let server = Program::start([
        "--listen_address=127.0.0.1",
        "--port=0",
        "--passive_ports_start=51000",
        "--passive_ports_end=53000",
        "--masquerade_address=127.0.0.1",
        "--bucket_endpoints=mybucket.oss-cn-beijing.aliyuncs.com,local.127.0.0.1:9000",
        "--internal=False",
        "--loglevel=critical",
    ]);
    let address = address(&server.wait_for("FTP on "));
    assert!(address.ip().is_loopback());
    std::net::TcpStream::connect(address).unwrap();
}

#[test]
fn a_public_address_gets_a_warning() {
    let server = Program::start(["serve", "--listen-address=0.0.0.0", "--port=0"]);
    server.wait_for("without TLS");
    server.wait_for("FTP on ");
}
