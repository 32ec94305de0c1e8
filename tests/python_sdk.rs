//! The development store against the official Python SDKs: what they take for OSS is OSS enough.
//!
//! Needs `python3` with the packages of `tests/python-sdk/requirements.txt`. Without them these tests fail and say so.

#![cfg(feature = "dev-store")]

use std::path::Path;
use std::process::Command;

use ossftp::devstore::{Config, Server};

/// Runs one script against a store of its own.
fn run(script: &str, signature: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path());
    config.credentials = vec![("test-id".into(), "test-secret".into())];
    config.buckets = vec!["sdk-bucket".into()];
    let server = Server::start(config).unwrap();

    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python-sdk");
    let output = Command::new("python3")
        .arg("-B")
        .arg(scripts.join(script))
        .args(["--endpoint", &format!("http://{}", server.local_addr())])
        .args(["--id", "test-id", "--secret", "test-secret"])
        .args(["--bucket", "sdk-bucket", "--region", "cn-hangzhou"])
        .args(["--signature", signature])
        .output()
        .expect("python3 must be installed; then: pip install oss2 alibabacloud-oss-v2");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success() && said(&output.stdout).ends_with("ok\n"),
        "{script} with {signature} ended with {}\n{}\n{}",
        output.status,
        said(&output.stdout),
        said(&output.stderr),
    );
    server.stop();
}

#[test]
fn oss2_with_v1() {
    run("sdk_oss2.py", "v1");
}

#[test]
fn oss2_with_v4() {
    run("sdk_oss2.py", "v4");
}

#[test]
fn alibabacloud_oss_v2_with_v1() {
    run("sdk_v2.py", "v1");
}

#[test]
fn alibabacloud_oss_v2_with_v4() {
    run("sdk_v2.py", "v4");
}
