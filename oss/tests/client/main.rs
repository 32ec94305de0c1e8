//! The client against a scripted server: what goes over the wire, what is tried again, what is found out.

mod apis;
mod credentials;
mod downloads;
mod limits;
mod multipart;
mod pool;
mod presign;
mod retries;
#[path = "../support/server.rs"]
mod server;
mod wire;

use std::io::Read;
use std::time::{Duration, Instant};

use ossftp_oss::crc64::checksum;
use ossftp_oss::sign::{self, v1, v4};
use ossftp_oss::{
    Bucket, Cancel, Client, ClientConfig, CompleteUpload, CompletedPart, CopyObject, Credentials,
    Endpoint, Error, GetObject, ListObjects, Presign, ProtocolError, PutObject, RetryPolicy,
    SignatureVersion, SliceBody, StreamBody, Timeouts, TransportKind, encode,
};
use server::{Request, Server, Step, answer, error};

const SECRET: &str = "the-very-secret-key";

fn config(server: &Server) -> ClientConfig {
    let endpoint = Endpoint::parse(&format!("http://{}", server.address)).unwrap();
    let mut config = ClientConfig::new(
        endpoint,
        Credentials::new("testid", SECRET).with_token("the-secret-token"),
    );
    config.region = Some("cn-hangzhou".to_owned());
    config.retry = RetryPolicy {
        base: Duration::from_millis(1),
        ..RetryPolicy::default()
    };
    config
}

fn bucket(server: &Server) -> Bucket {
    Client::new(config(server)).unwrap().bucket("examplebucket")
}

fn ok(headers: &[(&str, &str)], body: &[u8]) -> Step {
    Step::Answer(answer("200 OK", headers, body))
}

fn uploaded(body: &[u8]) -> Step {
    ok(
        &[
            ("ETag", "\"E\""),
            ("x-oss-hash-crc64ecma", &checksum(body).to_string()),
        ],
        b"",
    )
}

fn put(bucket: &Bucket, body: &[u8]) -> ossftp_oss::Result<ossftp_oss::PutResult> {
    bucket.put_object("k", &mut SliceBody::new(body), &PutObject::default())
}

/// Path and query of a request line, the query decoded.
fn target(request: &Request) -> (String, Vec<(String, Option<String>)>) {
    let target = request.line.split(' ').nth(1).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => (
                encode::decode(name).unwrap(),
                Some(encode::decode(value).unwrap()),
            ),
            None => (encode::decode(pair).unwrap(), None),
        })
        .collect();
    (path.to_owned(), query)
}

/// Verifies the signature of a request the way a server does, from what came over the wire.
fn verify(request: &Request) {
    let (path, query) = target(request);
    let decoded = encode::decode(&path).unwrap();
    let (bucket, key) = decoded.strip_prefix('/').unwrap().split_once('/').unwrap();
    let described = sign::Request {
        method: request.line.split(' ').next().unwrap(),
        bucket: Some(bucket),
        key: Some(key),
        query: &query,
        headers: &request.headers,
    };
    let header = request.header("authorization").unwrap();
    if let Some((id, signature)) = v1::parse_authorization(header) {
        let date = request.header("date").unwrap();
        assert_eq!(id, "testid");
        assert_eq!(
            signature,
            v1::signature(SECRET, &v1::string_to_sign(&described, date))
        );
        return;
    }
    let parsed = v4::Authorization::parse(header).unwrap();
    let scope = v4::Scope {
        timestamp: request.header("x-oss-date").unwrap(),
        region: &parsed.region,
        product: &parsed.product,
    };
    let canonical = v4::canonical_request(&described, &parsed.additional_headers);
    let expected = v4::signature(SECRET, &scope, &v4::string_to_sign(&scope, &canonical));
    assert!(
        sign::matches(&expected, &parsed.signature),
        "{}",
        request.line
    );
}

fn get(range: Option<(u64, Option<u64>)>) -> GetObject {
    GetObject {
        range,
        ..GetObject::default()
    }
}

fn complete(bucket: &Bucket) -> ossftp_oss::Result<ossftp_oss::CompleteResult> {
    let parts = [CompletedPart {
        number: 2,
        etag: "\"P\"".to_owned(),
    }];
    let expect = CompleteUpload {
        size: 5,
        crc64: Some(checksum(b"hello")),
        forbid_overwrite: false,
    };
    bucket.complete_multipart("k", "U", &parts, &expect)
}

fn head(size: &str, data: &[u8]) -> Step {
    let crc = checksum(data).to_string();
    ok(
        &[
            ("Content-Length", size),
            ("ETag", "\"H\""),
            ("x-oss-hash-crc64ecma", &crc),
        ],
        b"",
    )
}
