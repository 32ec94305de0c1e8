//! Symbolic links: made, read through, copied, listed.

use ossftp::devstore::Server;
use ossftp_oss::encode;

use crate::client::{BUCKET, Call, call, config, get, put};

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    (dir, server)
}

fn link(key: &str, target: &str) -> Call {
    Call::new("PUT", key)
        .query("symlink", "")
        .header("x-oss-symlink-target", &encode::component(target))
}

#[test]
fn a_link_is_read_as_its_target() {
    let (_dir, server) = server();
    let target = "dir/the file +中.txt";
    let whole = put(&server, target, b"content");
    let made = call(
        &server,
        link("link", target).header("x-oss-meta-color", "red"),
    )
    .expect(200);
    assert_ne!(made.header("etag"), whole.header("etag"));

    let read = get(&server, "link").expect(200);
    assert_eq!(read.body, b"content");
    for name in ["etag", "x-oss-hash-crc64ecma", "content-md5"] {
        assert_eq!(read.header(name), whole.header(name), "{name}");
    }
    assert_eq!(read.header("x-oss-object-type"), Some("Symlink"));
    assert_eq!(read.header("x-oss-meta-color"), Some("red"));
    let head = call(&server, Call::new("HEAD", "link")).expect(200);
    assert_eq!(head.header("content-length"), Some("7"));
    assert_eq!(head.header("etag"), whole.header("etag"));
    let part = Call::new("GET", "link")
        .header("Range", "bytes=3-")
        .header("x-oss-range-behavior", "standard");
    assert_eq!(call(&server, part).expect(206).body, b"tent");
    let other = Call::new("GET", "link").header("If-Match", made.header("etag").unwrap());
    call(&server, other).fails(412, "PreconditionFailed");

    // GetObjectMeta and GetSymlink are about the link itself.
    let meta = call(&server, Call::new("HEAD", "link").query("objectMeta", "")).expect(200);
    assert_eq!(meta.header("etag"), made.header("etag"));
    assert_eq!(
        meta.header("content-length"),
        Some(target.len().to_string().as_str())
    );
    let read = call(&server, Call::new("GET", "link").query("symlink", "")).expect(200);
    let named = read.header("x-oss-symlink-target").unwrap();
    assert_eq!(encode::decode(named).unwrap(), target);
    assert_eq!(read.header("etag"), made.header("etag"));

    let page = call(&server, Call::new("GET", "")).expect(200);
    assert_eq!(page.elements("Key"), [target, "link"]);
    assert_eq!(page.elements("Type"), ["Normal", "Symlink"]);
    assert_eq!(
        page.elements("Size"),
        ["7".to_owned(), target.len().to_string()]
    );
}

#[test]
fn a_link_that_leads_nowhere_says_so() {
    let (_dir, server) = server();
    call(&server, link("link", "none")).expect(200);
    get(&server, "link").fails(404, "SymlinkTargetNotExist");
    call(&server, Call::new("HEAD", "link")).expect(404);
    call(&server, link("second", "link")).expect(200);
    let chained = get(&server, "second").fails(400, "InvalidTargetType");
    assert_eq!(chained.header("x-oss-ec"), Some("0026-00000011"));

    put(&server, "none", b"there now");
    assert_eq!(get(&server, "link").expect(200).body, b"there now");
    call(&server, Call::new("GET", "none").query("symlink", "")).fails(400, "NotSymlink");
    call(&server, Call::new("GET", "gone").query("symlink", "")).fails(404, "NoSuchKey");
    call(&server, Call::new("DELETE", "link")).expect(204);
    assert_eq!(get(&server, "none").expect(200).body, b"there now");

    let forbidden = link("none", "x").header("x-oss-forbid-overwrite", "true");
    call(&server, forbidden).fails(409, "FileAlreadyExists");
    call(&server, Call::new("PUT", "l").query("symlink", "")).fails(400, "InvalidArgument");
    call(&server, link("l", "/x")).fails(400, "InvalidObjectName");
}

#[test]
fn a_copy_of_a_link_is_a_copy_of_its_target() {
    let (_dir, server) = server();
    let whole = put(&server, "target", b"content");
    call(&server, link("link", "target")).expect(200);
    let copy = |key: &str, source: &str| {
        let source = format!("/{BUCKET}/{source}");
        call(
            &server,
            Call::new("PUT", key).header("x-oss-copy-source", &source),
        )
    };
    let copied = copy("copy", "link").expect(200);
    assert_eq!(
        copied.element("ETag").as_deref(),
        whole
            .header("etag")
            .map(|etag| etag.replace('"', "&quot;"))
            .as_deref()
    );
    call(&server, Call::new("DELETE", "target")).expect(204);
    let read = get(&server, "copy").expect(200);
    assert_eq!(read.body, b"content");
    assert_eq!(read.header("x-oss-object-type"), Some("Normal"));
    copy("copy", "link").fails(404, "SymlinkTargetNotExist");
    assert_eq!(get(&server, "copy").expect(200).body, b"content");
}
