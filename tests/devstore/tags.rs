//! Tags and ACLs of objects.

use ossftp::devstore::Server;

use crate::client::{BUCKET, Call, call, config, get, put};

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    (dir, server)
}

fn tags(server: &Server, key: &str) -> Vec<(String, String)> {
    let answer = call(server, Call::new("GET", key).query("tagging", "")).expect(200);
    let values = answer.elements("Value");
    answer.elements("Key").into_iter().zip(values).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn count(server: &Server, key: &str) -> Option<String> {
    let answer = call(server, Call::new("HEAD", key)).expect(200);
    answer.header("x-oss-tagging-count").map(str::to_owned)
}

#[test]
fn every_way_to_write_an_object_tags_it() {
    let (_dir, server) = server();
    let tagged = |method: &str, key: &str| {
        Call::new(method, key).header("x-oss-tagging", "a=1&team=%E4%B8%AD%20x")
    };
    let expected = pairs(&[("a", "1"), ("team", "中 x")]);
    call(&server, tagged("PUT", "put").body(b"x")).expect(200);
    assert_eq!(tags(&server, "put"), expected);
    assert_eq!(count(&server, "put").as_deref(), Some("2"));
    assert_eq!(get(&server, "put").header("x-oss-tagging-count"), Some("2"));

    let append = tagged("POST", "log")
        .query("append", "")
        .query("position", "0");
    call(&server, append.body(b"one")).expect(200);
    let append = Call::new("POST", "log")
        .query("append", "")
        .query("position", "3");
    call(&server, append.body(b"two")).expect(200);
    assert_eq!(tags(&server, "log"), expected);

    let begun = call(&server, tagged("POST", "mp").query("uploads", "")).expect(200);
    let id = begun.element("UploadId").unwrap();
    let part = Call::new("PUT", "mp")
        .query("uploadId", &id)
        .query("partNumber", "1");
    call(&server, part.body(b"p")).expect(200);
    let all = Call::new("POST", "mp").query("uploadId", &id);
    call(&server, all.header("x-oss-complete-all", "yes")).expect(200);
    assert_eq!(tags(&server, "mp"), expected);

    let copy =
        |key: &str| Call::new("PUT", key).header("x-oss-copy-source", &format!("/{BUCKET}/put"));
    call(&server, copy("same")).expect(200);
    assert_eq!(tags(&server, "same"), expected);
    let other = copy("other")
        .header("x-oss-tagging-directive", "Replace")
        .header("x-oss-tagging", "b=2");
    call(&server, other).expect(200);
    assert_eq!(tags(&server, "other"), pairs(&[("b", "2")]));
    // Without the directive the header does not count.
    call(&server, copy("third").header("x-oss-tagging", "b=2")).expect(200);
    assert_eq!(tags(&server, "third"), expected);
    let neither = copy("fourth").header("x-oss-tagging-directive", "Both");
    call(&server, neither).fails(400, "InvalidArgument");

    call(&server, Call::new("PUT", "put").body(b"y")).expect(200);
    assert_eq!(tags(&server, "put"), []);
    assert_eq!(count(&server, "put"), None);
}

#[test]
fn tags_are_replaced_and_removed() {
    let (_dir, server) = server();
    let before = put(&server, "k", b"x");
    let set = |body: &str| {
        call(
            &server,
            Call::new("PUT", "k")
                .query("tagging", "")
                .body(body.as_bytes()),
        )
    };
    let tag = |key: &str| format!("<Tag><Key>{key}</Key><Value>v</Value></Tag>");
    let all = |tags: &str| format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
    set(&all(&tag("a"))).expect(200);
    set(&all(&[tag("b"), tag("c")].concat())).expect(200);
    assert_eq!(tags(&server, "k"), pairs(&[("b", "v"), ("c", "v")]));
    assert_eq!(
        get(&server, "k").header("etag"),
        before.header("etag"),
        "tags are no content"
    );

    set("<Tagging>").fails(400, "MalformedXML");
    set(&all(&[tag("a"), tag("a")].concat())).fails(400, "InvalidTag");
    let eleven: String = (0..11).map(|number| tag(&format!("k{number}"))).collect();
    set(&all(&eleven)).fails(400, "InvalidTag");
    assert_eq!(tags(&server, "k"), pairs(&[("b", "v"), ("c", "v")]));
    let wrong = Call::new("PUT", "k")
        .query("tagging", "")
        .header("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==");
    call(&server, wrong.body(all("").as_bytes())).fails(400, "InvalidDigest");

    call(&server, Call::new("DELETE", "k").query("tagging", "")).expect(204);
    assert_eq!(tags(&server, "k"), []);
    assert_eq!(get(&server, "k").expect(200).body, b"x");
    for method in ["GET", "DELETE"] {
        call(&server, Call::new(method, "none").query("tagging", "")).fails(404, "NoSuchKey");
    }
    call(
        &server,
        Call::new("PUT", "k").header("x-oss-tagging", "a=1&a=2"),
    )
    .fails(400, "InvalidTag");
}

#[test]
fn an_object_may_have_an_acl_of_its_own() {
    let (_dir, server) = server();
    put(&server, "k", b"x");
    let acl = |key: &str| {
        let answer = call(&server, Call::new("GET", key).query("acl", "")).expect(200);
        answer.element("Grant").unwrap()
    };
    let set = |value: &str| {
        let call_it = Call::new("PUT", "k").query("acl", "");
        call(&server, call_it.header("x-oss-object-acl", value))
    };
    assert_eq!(acl("k"), "default");
    set("public-read").expect(200);
    assert_eq!(acl("k"), "public-read");
    set("anything").fails(400, "InvalidArgument");
    let private = Call::new("PUT", "p").header("x-oss-object-acl", "private");
    call(&server, private).expect(200);
    assert_eq!(acl("p"), "private");
    // A copy does not take it along.
    let copy = Call::new("PUT", "copy").header("x-oss-copy-source", &format!("/{BUCKET}/p"));
    call(&server, copy).expect(200);
    assert_eq!(acl("copy"), "default");
    set("default").expect(200);
    assert_eq!(acl("k"), "default");
}
