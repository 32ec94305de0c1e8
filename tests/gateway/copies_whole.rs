//! What a copy has besides its bytes, whichever way it is made.

use ossftp_core::{ErrorKind, Operation};
use ossftp_oss::{PutObject, SliceBody};

use crate::proxy::Act;
use crate::world::{Done, PART, Session, World, kind, noise, path};

fn world() -> World {
    World::with(|config| {
        config.copy_limit = 1000;
        config.copy_part_size = PART as u64;
    })
}

fn put(world: &World, key: &str, bytes: &[u8]) {
    let put = PutObject {
        content_type: Some("text/x-mine".to_owned()),
        cache_control: Some("no-cache".to_owned()),
        content_disposition: Some("inline".to_owned()),
        content_encoding: Some("x-own".to_owned()),
        expires: Some("Fri, 24 Feb 2040 06:07:48 GMT".to_owned()),
        storage_class: Some("IA".to_owned()),
        meta: vec![("owner".to_owned(), "me".to_owned())],
        ..PutObject::default()
    };
    let mut body = SliceBody::new(bytes);
    world.store().put_object(key, &mut body, &put).unwrap();
}

fn check(world: &World, key: &str, bytes: &[u8]) {
    assert!(world.get(key) == bytes, "{key}");
    let meta = world.store().head_object(key).unwrap();
    assert_eq!(meta.content_type.as_deref(), Some("text/x-mine"), "{key}");
    assert_eq!(meta.cache_control.as_deref(), Some("no-cache"), "{key}");
    assert_eq!(meta.content_disposition.as_deref(), Some("inline"), "{key}");
    assert_eq!(meta.content_encoding.as_deref(), Some("x-own"), "{key}");
    assert!(meta.expires.is_some_and(|at| at.contains("2040")), "{key}");
    assert_eq!(meta.storage_class.as_deref(), Some("IA"), "{key}");
    assert_eq!(meta.user_meta, [("owner".to_owned(), "me".to_owned())]);
}

#[test]
fn metadata_and_storage_class() {
    let world = world();
    for bytes in [noise(10), noise(3 * PART)] {
        let session = world.session();
        put(&world, "d/a", &bytes);
        session.rename("/d/a", "/d/b").unwrap();
        check(&world, "d/b", &bytes);
        let (from, to) = (path("/d/b"), path("/d/c"));
        session.done(Operation::Copy { from, to }).unwrap();
        check(&world, "d/c", &bytes);
        session.rename("/d", "/e").unwrap();
        check(&world, "e/b", &bytes);
        check(&world, "e/c", &bytes);
        session.rename("/e/b", "/x").unwrap();
        for key in world.keys() {
            world.delete(&key);
        }
    }
}

fn copy(session: &Session, from: &str, to: &str) -> Done {
    let (from, to) = (path(from), path(to));
    session.done(Operation::Copy { from, to })
}

#[test]
fn tags() {
    let world = world();
    let tags = [("project".to_owned(), "a b+c".to_owned())];
    for bytes in [noise(10), noise(3 * PART)] {
        let session = world.session();
        world.put("a", &bytes);
        let requests = world.requests(|| copy(&session, "/a", "/plain").unwrap());
        assert!(!requests.contains(&"GetObjectTagging a".to_owned()));
        world.store().put_object_tagging("a", &tags).unwrap();
        copy(&session, "/a", "/b").unwrap();
        session.rename("/b", "/d/c").unwrap();
        session.rename("/d", "/e").unwrap();
        assert_eq!(world.store().get_object_tagging("e/c").unwrap(), tags);
        // No right to read them: the file is not renamed without them.
        let api = if bytes.len() > 1000 {
            "GetObjectTagging"
        } else {
            "CopyObject"
        };
        let refusal = Act::Refuse(403, "AccessDenied");
        world.proxy.rule(api, 0, 1, refusal);
        let refused = session.rename("/a", "/b").unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Denied);
        assert!(
            refused.message.contains("oss:GetObjectTagging"),
            "{refused}"
        );
        assert!(world.get("a") == bytes);
        assert!(!world.keys().contains(&"b".to_owned()));
        for key in world.keys() {
            world.delete(&key);
        }
    }
    world.assert_no_uploads();
}

fn link(world: &World, key: &str, target: &str) {
    let put = PutObject::default();
    world.store().put_symlink(key, target, &put).unwrap();
}

fn leads_to(world: &World, key: &str) -> String {
    world.store().get_symlink(key).unwrap().target
}

#[test]
fn a_link_that_is_renamed_stays_one() {
    let world = world();
    world.put("d/file", &noise(3 * PART));
    link(&world, "d/link", "d/file");
    let session = world.session();
    let requests = world.requests(|| session.rename("/d/link", "/d/other").unwrap());
    assert_eq!(
        requests,
        [
            "HeadObject d/link",
            "ListObjectsV2 d/other/",
            "GetSymlink d/link",
            "PutSymlink d/other",
            "DeleteObject d/link"
        ]
    );
    assert_eq!(leads_to(&world, "d/other"), "d/file");
    assert_eq!(world.keys(), ["d/file", "d/other"]);
    // Onto the file that it leads to, it would lead to itself, and the file would be lost.
    assert_eq!(
        kind(session.rename("/d/other", "/d/file")),
        ErrorKind::Exists
    );
    world
        .proxy
        .rule("PutSymlink", 0, 1, Act::Refuse(403, "AccessDenied"));
    assert_eq!(kind(session.rename("/d/other", "/x")), ErrorKind::Denied);
    assert_eq!(world.keys(), ["d/file", "d/other"]);
}

#[test]
fn a_copy_of_a_link_is_a_file() {
    let world = world();
    for bytes in [noise(10), noise(3 * PART)] {
        world.put("file", &bytes);
        link(&world, "link", "file");
        let session = world.session();
        copy(&session, "/link", "/copy").unwrap();
        copy(&session, "/link", "/file").unwrap();
        assert!(world.get("copy") == bytes && world.get("file") == bytes);
        let meta = world.store().object_meta("copy").unwrap();
        assert_eq!(meta.size, bytes.len() as u64);
        assert_eq!(
            world.store().get_symlink("copy").unwrap_err().code(),
            "NotSymlink"
        );
        assert_eq!(leads_to(&world, "link"), "file");
    }
}

#[test]
fn links_go_with_their_directory() {
    let world = world();
    world.put("d/file", b"1");
    world.put("far", b"2");
    for (key, target) in [
        ("d/near", "d/file"),
        ("d/off", "far"),
        ("d/dangling", "none"),
        ("d/deep/e/up", "d/file"),
    ] {
        link(&world, key, target);
    }
    let session = world.session();
    // Lost answers are settled.
    world.proxy.rule("PutSymlink", 1, 1, Act::Lose);
    world
        .proxy
        .rule("DeleteObjects", 0, 1, Act::Refuse(403, "AccessDenied"));
    let failed = session.rename("/d", "/n").unwrap_err();
    assert!(failed.message.contains("5 of 5 sources left"), "{failed}");
    world.elsewhere().rename("/d", "/n").unwrap();
    assert_eq!(
        world.keys(),
        [
            "far",
            "n/dangling",
            "n/deep/e/up",
            "n/file",
            "n/near",
            "n/off"
        ]
    );
    assert_eq!(leads_to(&world, "n/near"), "n/file");
    assert_eq!(leads_to(&world, "n/deep/e/up"), "n/file");
    assert_eq!(leads_to(&world, "n/off"), "far");
    assert_eq!(leads_to(&world, "n/dangling"), "none");
    assert_eq!(world.get("n/near"), b"1");
}

/// HEAD goes through a link, so that a link to the source looks like a whole copy of it.
#[test]
fn a_link_to_the_source_is_no_copy_of_it() {
    let world = world();
    for (bytes, api) in [
        (noise(10), "CopyObject"),
        (noise(3 * PART), "CompleteMultipartUpload"),
    ] {
        world.put("file", &bytes);
        link(&world, "link", "file");
        let session = world.session();
        let failure = Act::Refuse(500, "InternalError");
        world.proxy.rule(api, 0, 9, failure);
        assert_eq!(
            kind(session.rename("/file", "/link")),
            ErrorKind::Unavailable
        );
        world.proxy.clear();
        assert!(world.get("file") == bytes && leads_to(&world, "link") == "file");
        session.rename("/file", "/link").unwrap();
        assert!(world.get("link") == bytes);
        assert_eq!(world.keys(), ["link"]);
        world.delete("link");
    }
    world.assert_no_uploads();
}

#[test]
fn links_to_the_sources_are_no_finished_rename() {
    let world = world();
    // What a listing shows of a link is the name that it leads to: here the file holds the same.
    world.put("d/f", b"d/f");
    link(&world, "n/f", "d/f");
    let session = world.session();
    assert_eq!(kind(session.rename("/d", "/n")), ErrorKind::Exists);
    assert_eq!(world.keys(), ["d/f", "n/f"]);
    assert_eq!(world.get("n/f"), b"d/f");
}
