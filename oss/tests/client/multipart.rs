//! How the outcome of CompleteMultipartUpload is found out.

use super::*;

#[test]
fn a_lost_complete_is_settled_by_head() {
    let server = Server::start([Step::Close, head("5", b"hello")]);
    let result = complete(&bucket(&server)).unwrap();
    assert_eq!(
        (result.etag.as_str(), result.crc64),
        ("\"H\"", Some(checksum(b"hello")))
    );
    let lines: Vec<String> = server
        .requests()
        .into_iter()
        .map(|request| request.line)
        .collect();
    assert_eq!(
        lines,
        [
            "POST /examplebucket/k?uploadId=U&encoding-type=url HTTP/1.1",
            "HEAD /examplebucket/k HTTP/1.1"
        ]
    );
}

#[test]
fn an_upload_gone_on_the_second_try_is_settled_by_head() {
    let gone = || Step::Answer(error("404 Not Found", "NoSuchUpload"));
    // The first HEAD comes too early and shows the old object.
    let server = Server::start([Step::Close, head("3", b"old"), gone(), head("5", b"hello")]);
    complete(&bucket(&server)).unwrap();
    // The second HEAD shows another object: this upload is lost.
    let server = Server::start([Step::Close, head("3", b"old"), gone(), head("3", b"old")]);
    assert_eq!(
        complete(&bucket(&server)).unwrap_err().code(),
        "NoSuchUpload"
    );
    // Gone on the first try: nothing to settle.
    let server = Server::start([gone()]);
    assert_eq!(
        complete(&bucket(&server)).unwrap_err().code(),
        "NoSuchUpload"
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_completed_object_is_checked() {
    let body =
        b"<CompleteMultipartUploadResult><ETag>\"X-1\"</ETag></CompleteMultipartUploadResult>";
    let good = checksum(b"hello").to_string();
    let server = Server::start([
        ok(&[("x-oss-hash-crc64ecma", &good)], body),
        ok(&[("x-oss-hash-crc64ecma", "7")], body),
    ]);
    let bucket = bucket(&server);
    assert_eq!(complete(&bucket).unwrap().etag, "\"X-1\"");
    assert!(matches!(
        complete(&bucket).unwrap_err(),
        Error::Protocol(ProtocolError::BadCrc { stated: 7, .. })
    ));
    let request = &server.requests()[0];
    verify(request);
    assert_eq!(
        request.body,
        b"<CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>&quot;P&quot;</ETag></Part></CompleteMultipartUpload>"
    );
    assert!(request.header("content-md5").is_some());
}
