//! Temporary keys, and keys that may not do everything.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ossftp::devstore::{Config, Grant, Server, TemporaryKey};
use ossftp_oss::xml;

use crate::client::{BUCKET, Call, Connection, call, config, get, now, put};

fn server(change: impl FnOnce(&mut Config)) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    change(&mut config);
    let server = Server::start(config).unwrap();
    (dir, server)
}

/// The call made by another key.
fn by(id: &str, call: Call) -> Call {
    Call {
        id: id.into(),
        secret: format!("secret of {id}"),
        ..call
    }
}

#[test]
fn a_temporary_key_needs_its_token() {
    let (_dir, server) = server(|config| {
        let key = |id: &str, token: &str| TemporaryKey::new(id, format!("secret of {id}"), token);
        config.temporary = vec![
            key("STS.one", "token-one"),
            key("STS.two", "token-two").until(now() + 3600),
            key("STS.old", "token-old").until(now() - 1),
        ];
    });
    put(&server, "k", b"v");
    let read = |id: &str, token: Option<&str>| {
        let mut request = by(id, Call::new("GET", "k"));
        if let Some(token) = token {
            request = request.header("x-oss-security-token", token);
        }
        [false, true].map(|v1| {
            let request = Call {
                v1,
                ..request.clone()
            };
            call(&server, request)
        })
    };
    for (id, token) in [("STS.one", "token-one"), ("STS.two", "token-two")] {
        for answer in read(id, Some(token)) {
            assert_eq!(answer.expect(200).body, b"v");
        }
    }
    for answer in read("STS.one", None) {
        answer.fails(403, "InvalidAccessKeyId");
    }
    for answer in read("STS.one", Some("nonsense")) {
        answer.fails(403, "InvalidSecurityToken");
    }
    for answer in read("STS.one", Some("token-two")) {
        answer.fails(403, "AccessKeyIdAndSecurityTokenNotMatch");
    }
    for answer in read("STS.old", Some("token-old")) {
        answer.fails(403, "SecurityTokenExpired");
    }
    // A lasting key has no token.
    let request = Call::new("GET", "k").header("x-oss-security-token", "nonsense");
    call(&server, request).fails(403, "InvalidSecurityToken");

    // In URLs the token is a parameter, with a name for each kind of signature.
    for (v1, name) in [(true, "security-token"), (false, "x-oss-security-token")] {
        let url = by("STS.two", Call::new("GET", "k"));
        let signed = Call { v1, ..url.clone() }
            .query(name, "token-two")
            .presign(60);
        let mut connection = Connection::open(server.local_addr());
        assert_eq!(connection.send(&signed).expect(200).body, b"v", "{name}");
        let bare = Call { v1, ..url }.presign(60);
        connection.send(&bare).fails(403, "InvalidAccessKeyId");
    }
}

/// A store where `lister` may list and read below `home/`, `writer` may also write there.
fn with_rights() -> (tempfile::TempDir, Server) {
    server(|config| {
        for id in ["lister", "writer", "nobody"] {
            let secret = format!("secret of {id}");
            config.credentials.push((id.into(), secret.into()));
        }
        let reading = ["oss:ListObjects", "oss:GetObject"];
        config.rights = vec![
            Grant::new("lister", reading).under("home/"),
            Grant::new("writer", reading).under("home/"),
            Grant::new("writer", ["oss:PutObject"])
                .under("home/")
                .in_bucket(BUCKET),
            Grant::new("nobody", [""; 0]),
        ];
    })
}

#[test]
fn a_key_may_do_what_it_was_granted() {
    let (_dir, server) = with_rights();
    put(&server, "home/k", b"v");
    put(&server, "k", b"v");
    let allowed = |call_it: Call| call(&server, call_it).expect(200);
    for id in ["lister", "writer"] {
        allowed(by(id, Call::new("GET", "home/k")));
        allowed(by(id, Call::new("HEAD", "home/k")));
        allowed(by(id, Call::new("GET", "").query("prefix", "home/")));
        allowed(by(id, Call::new("GET", "").query("prefix", "home/sub/")));
        let missing = by(id, Call::new("GET", "home/none"));
        call(&server, missing).fails(404, "NoSuchKey");
    }
    allowed(by("writer", Call::new("PUT", "home/new").body(b"n")));
    let copy = |from: &str| {
        let source = format!("/{BUCKET}/{from}");
        Call::new("PUT", "home/copy").header("x-oss-copy-source", &source)
    };
    allowed(by("writer", copy("home/new")));
    let begun = allowed(by(
        "writer",
        Call::new("POST", "home/mp").query("uploads", ""),
    ));
    let id = begun.element("UploadId").unwrap();
    let part = Call::new("PUT", "home/mp")
        .query("uploadId", &id)
        .query("partNumber", "1");
    allowed(by("writer", part.clone().body(b"p")));

    let denied = |action: &str, id: &str, call_it: Call| {
        let answer = call(&server, by(id, call_it)).fails(403, "AccessDenied");
        assert_eq!(answer.element("AuthAction").as_deref(), Some(action));
        assert_eq!(
            answer.element("AuthPrincipalDisplayName").as_deref(),
            Some(id)
        );
        assert_eq!(
            answer.element("NoPermissionType").as_deref(),
            Some("ImplicitDeny")
        );
        // Our own client reads it, whatever it makes of the detail.
        assert_eq!(
            xml::error_document(&answer.body).unwrap().code,
            "AccessDenied"
        );
    };
    denied("oss:GetObject", "lister", Call::new("GET", "k"));
    denied("oss:GetObject", "nobody", Call::new("GET", "home/k"));
    denied("oss:ListObjects", "lister", Call::new("GET", ""));
    denied(
        "oss:ListObjects",
        "lister",
        Call::new("GET", "").query("prefix", "ho"),
    );
    denied("oss:PutObject", "lister", Call::new("PUT", "home/new"));
    denied("oss:PutObject", "writer", Call::new("PUT", "new"));
    denied("oss:GetObject", "writer", copy("k"));
    denied(
        "oss:GetObject",
        "writer",
        part.header("x-oss-copy-source", &format!("/{BUCKET}/k")),
    );
    let upload = |method: &str| Call::new(method, "home/mp").query("uploadId", &id);
    denied("oss:AbortMultipartUpload", "writer", upload("DELETE"));
    denied("oss:ListParts", "writer", upload("GET"));
    denied(
        "oss:ListMultipartUploads",
        "writer",
        Call::new("GET", "").query("uploads", ""),
    );
    denied("oss:DeleteObject", "writer", Call::new("DELETE", "home/k"));
    denied(
        "oss:GetBucketInfo",
        "writer",
        Call::new("GET", "").query("bucketInfo", ""),
    );
    denied(
        "oss:GetBucketAcl",
        "writer",
        Call::new("GET", "").query("acl", ""),
    );
    denied(
        "oss:RestoreObject",
        "writer",
        Call::new("POST", "home/k").query("restore", ""),
    );
    denied(
        "oss:GetObjectTagging",
        "writer",
        Call::new("GET", "home/k").query("tagging", ""),
    );
    denied(
        "oss:PutObjectTagging",
        "writer",
        Call::new("PUT", "home/k").header("x-oss-tagging", "a=1"),
    );
    let no_bucket = Call {
        bucket: None,
        ..Call::new("GET", "")
    };
    denied("oss:ListBuckets", "writer", no_bucket);
    assert_eq!(get(&server, "home/k").expect(200).body, b"v");
}

#[test]
fn a_batch_is_deleted_whole_or_not_at_all() {
    let (_dir, server) = server(|config| {
        config.credentials.push(("d".into(), "secret of d".into()));
        config.rights = vec![Grant::new("d", ["oss:DeleteObject", "oss:PutObject"]).under("home/")];
    });
    put(&server, "home/k", b"v");
    put(&server, "k", b"v");
    let delete = |keys: &[&str]| {
        let body = xml::delete_objects(keys, true);
        let request = Call::new("POST", "")
            .query("delete", "")
            .header("content-md5", &STANDARD.encode(md5::compute(&body).0));
        call(&server, by("d", request.body(body.as_bytes())))
    };
    delete(&["home/k", "k"]).fails(403, "AccessDenied");
    get(&server, "home/k").expect(200);
    delete(&["home/k"]).expect(200);
    get(&server, "home/k").fails(404, "NoSuchKey");
    get(&server, "k").expect(200);
}
