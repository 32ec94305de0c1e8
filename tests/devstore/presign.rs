//! URLs that the OSS client signs, used by someone without a key.

use std::io::{Read, Write};
use std::net::TcpStream;

use ossftp::devstore::Server;
use ossftp_oss::{
    Client, ClientConfig, Credentials, Endpoint, Presign, PresignedUrl, SignatureVersion,
};

use crate::client::{BUCKET, ID, SECRET, config};

const KEY: &str = "目录/../a b+%2F?.txt";

/// Requests the URL as it is. Returns the status and all of the answer.
fn fetch(server: &Server, url: &PresignedUrl, body: &str) -> (u16, String) {
    let host = server.local_addr().to_string();
    let target = url.url.strip_prefix(&format!("http://{host}")).unwrap();
    let mut request = format!(
        "{} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n",
        url.method,
        body.len()
    );
    for (name, value) in &url.headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = TcpStream::connect(server.local_addr()).unwrap();
    stream
        .write_all(format!("{request}\r\n{body}").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

#[test]
fn a_stranger_puts_and_gets_what_the_url_allows() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    for signature in [SignatureVersion::V4, SignatureVersion::V1] {
        let endpoint = Endpoint::parse(&format!("http://{}", server.local_addr())).unwrap();
        let mut settings = ClientConfig::new(endpoint, Credentials::new(ID, SECRET));
        settings.region = Some("cn-hangzhou".to_owned());
        settings.signature = signature;
        settings.additional_headers = vec!["host".to_owned()];
        let bucket = Client::new(settings).unwrap().bucket(BUCKET);

        let put = Presign {
            method: "PUT".to_owned(),
            headers: vec![("Content-Type".to_owned(), "text/x-test".to_owned())],
            ..Presign::default()
        };
        let put = bucket.presign(KEY, &put).unwrap();
        let (status, answer) = fetch(&server, &put, "by URL");
        assert_eq!(status, 200, "{signature:?} {answer}");
        // The additional header is signed by the usual requests of the client too.
        let meta = bucket.head_object(KEY).unwrap();
        assert_eq!(meta.content_type.as_deref(), Some("text/x-test"));

        let get = bucket.presign(KEY, &Presign::default()).unwrap();
        let (status, answer) = fetch(&server, &get, "");
        assert_eq!(status, 200, "{signature:?} {answer}");
        assert!(answer.ends_with("\r\n\r\nby URL"), "{answer}");

        // Neither another method nor another header.
        let mut other = get.clone();
        other.method = "DELETE".to_owned();
        assert_eq!(fetch(&server, &other, "").0, 403);
        let mut other = put.clone();
        other.headers.clear();
        assert_eq!(fetch(&server, &other, "by URL").0, 403);
        bucket.delete_object(KEY).unwrap();
    }
    server.stop();
}
