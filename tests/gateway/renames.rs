//! Renames of files: what is asked, what is refused, and what is left when one fails.

use std::sync::{Arc, Barrier};
use std::thread;

use ossftp_core::ErrorKind;

use crate::proxy::Act;
use crate::world::{PART, World, kind, noise};

const NONE: [&str; 0] = [];

#[test]
fn a_file() {
    let world = World::new();
    world.put("a", b"content");
    let session = world.session();
    assert_eq!(
        world.requests(|| session.stat("/a").unwrap()),
        ["HeadObject a"]
    );
    assert_eq!(
        world.requests(|| session.rnto("/a", "/d/b").unwrap()),
        ["ListObjectsV2 d/b/", "CopyObject d/b", "DeleteObject a"]
    );
    assert_eq!(world.keys(), ["d/b"]);
    assert_eq!(world.get("d/b"), b"content");
    assert_eq!(kind(session.stat("/a")), ErrorKind::NotFound);
    // Its directory outlives it.
    session.rename("/d/b", "/a").unwrap();
    session.cwd("/d").unwrap();
}

#[test]
fn a_file_replaces_a_file_only() {
    let world = World::new();
    for key in ["a", "b", "marked/", "full/x"] {
        world.put(key, key.as_bytes());
    }
    let session = world.session();
    for directory in ["/marked", "/full"] {
        assert_eq!(kind(session.rename("/a", directory)), ErrorKind::Exists);
    }
    session.rename("/a", "/b").unwrap();
    assert_eq!(world.get("b"), b"a");
    assert_eq!(world.keys(), ["b", "full/x", "marked/"]);
}

#[test]
fn onto_and_into_itself() {
    let world = World::new();
    world.put("a", b"1");
    world.put("d/x", b"1");
    let session = world.session();
    let requests = world.requests(|| {
        session.rnto("/a", "/a").unwrap();
        for (from, to) in [("/d", "/d/e"), ("/a", "/a/b"), ("/", "/x"), ("/d", "/")] {
            assert_eq!(kind(session.rnto(from, to)), ErrorKind::BadName);
        }
    });
    assert_eq!(requests, NONE);
    assert_eq!(kind(session.rename("/none", "/x")), ErrorKind::NotFound);
    assert_eq!(kind(session.rnto("/none", "/x")), ErrorKind::NotFound);
    assert_eq!(world.keys(), ["a", "d/x"]);
}

#[test]
fn a_large_file_goes_in_parts() {
    use ossftp_oss::{PutObject, SliceBody};
    let world = World::with(|config| {
        config.copy_limit = 1000;
        config.copy_part_size = PART as u64;
    });
    let bytes = noise(5 * PART + 123);
    let put = PutObject {
        content_type: Some("text/x-mine".to_owned()),
        meta: vec![("owner".to_owned(), "me".to_owned())],
        ..PutObject::default()
    };
    let mut body = SliceBody::new(&bytes);
    world.store().put_object("a", &mut body, &put).unwrap();
    let session = world.session();
    let requests = world.requests(|| session.rename("/a", "/b").unwrap());
    let copies = requests.iter().filter(|r| *r == "UploadPartCopy b").count();
    assert_eq!(copies, 5, "{requests:?}");
    assert!(world.get("b") == bytes);
    let meta = world.store().head_object("b").unwrap();
    assert_eq!(meta.content_type.as_deref(), Some("text/x-mine"));
    assert_eq!(meta.user("owner"), Some("me"));
    assert_eq!(world.keys(), ["b"]);

    world
        .proxy
        .rule("UploadPartCopy", 2, 1, Act::Refuse(403, "AccessDenied"));
    assert_eq!(kind(session.rename("/b", "/c")), ErrorKind::Denied);
    world.proxy.rule(
        "CompleteMultipartUpload",
        0,
        1,
        Act::Refuse(400, "InvalidPart"),
    );
    assert_eq!(kind(session.rename("/b", "/c")), ErrorKind::Unavailable);
    assert_eq!(world.keys(), ["b"]);
    world.assert_no_uploads();
}

#[test]
fn a_file_that_changed_since_rnfr_stays() {
    let world = World::new();
    world.put("a", b"first");
    let session = world.session();
    session.stat("/a").unwrap();
    world.put("a", b"second");
    assert_eq!(kind(session.rnto("/a", "/b")), ErrorKind::Busy);
    assert_eq!(world.keys(), ["a"]);
}

#[test]
fn a_damaged_copy_is_no_copy() {
    let world = World::new();
    world.put("a", b"content");
    let session = world.session();
    // The answer and a HEAD of the copy say that it is another's bytes.
    world.proxy.rule("CopyObject", 0, 1, Act::LieAboutCrc);
    world.proxy.rule("HeadObject", 1, 1, Act::LieAboutCrc);
    assert_eq!(kind(session.rename("/a", "/b")), ErrorKind::Unavailable);
    assert_eq!(world.keys(), ["a"]);
    // A lost answer is settled.
    world.proxy.rule("CopyObject", 0, 9, Act::Lose);
    let requests = world.requests(|| session.rename("/a", "/b").unwrap());
    assert!(
        requests.contains(&"HeadObject b".to_owned()),
        "{requests:?}"
    );
    assert_eq!(world.keys(), ["b"]);
}

#[test]
fn a_source_that_cannot_be_deleted() {
    let world = World::new();
    world.put("a", b"content");
    let session = world.session();
    world
        .proxy
        .rule("DeleteObject", 0, 1, Act::Refuse(403, "AccessDenied"));
    let failed = session.rename("/a", "/b").unwrap_err();
    assert_eq!(failed.kind, ErrorKind::Unavailable);
    assert!(
        failed.message.contains("Copied whole, 1 of 1 sources left"),
        "{failed}"
    );
    assert!(failed.message.contains("oss:DeleteObject"), "{failed}");
    session.rename("/a", "/b").unwrap();
    assert_eq!(world.keys(), ["b"]);
}

#[test]
fn what_the_session_has_listed_is_not_asked_again() {
    let world = World::new();
    for key in ["a", "b", "d/x"] {
        world.put(key, key.as_bytes());
    }
    let session = world.session();
    session.list("/").unwrap();
    session.stat("/a").unwrap();
    let requests = world.requests(|| session.rnto("/a", "/b").unwrap());
    assert_eq!(requests, ["CopyObject b", "DeleteObject a"]);
    assert_eq!(world.get("b"), b"a");
    // A directory is not forgotten over it, nor one that the listing did not show.
    assert_eq!(kind(session.rename("/b", "/d")), ErrorKind::Exists);
    session.stor("/e/x", b"1").unwrap();
    assert_eq!(kind(session.rename("/b", "/e")), ErrorKind::Exists);
}

#[test]
fn what_is_replaced_stands_until_the_copy_is_whole() {
    let world = World::with(|config| {
        config.copy_limit = 1000;
        config.copy_part_size = PART as u64;
    });
    let large = noise(2 * PART);
    for (source, bytes) in [("/small", &b"new"[..]), ("/large", &large)] {
        world.put(&source[1..], bytes);
        for api in [
            "CopyObject",
            "InitiateMultipartUpload",
            "UploadPartCopy",
            "CompleteMultipartUpload",
        ] {
            world.put("b", b"old");
            let session = world.session();
            let refusal = Act::Refuse(403, "AccessDenied");
            world.proxy.rule(api, 0, 9, refusal);
            let result = session.rename(source, "/b");
            world.proxy.clear();
            if world.get("b") == b"old" {
                assert_eq!(kind(result), ErrorKind::Denied, "{api}");
                assert!(world.get(&source[1..]) == bytes);
            } else {
                // It is not asked for.
                result.unwrap();
                assert!(world.get("b") == bytes);
                world.put(&source[1..], bytes);
            }
        }
        world.assert_no_uploads();
    }
}

/// A large file takes its time, and what someone writes meanwhile is not in the copy.
#[test]
fn a_large_file_that_changes_while_it_is_copied_stays() {
    let world = World::with(|config| {
        config.copy_limit = 1000;
        config.copy_part_size = PART as u64;
    });
    let old = noise(2 * PART);
    world.put("a", &old);
    let session = world.session();
    session.stat("/a").unwrap();
    let barrier = Arc::new(Barrier::new(2));
    let hold = Act::Hold(Arc::clone(&barrier));
    world.proxy.rule("CompleteMultipartUpload", 0, 1, hold);
    let failed = thread::scope(|scope| {
        let renaming = scope.spawn(|| session.rnto("/a", "/b").unwrap_err());
        barrier.wait();
        world.put("a", b"new");
        barrier.wait();
        renaming.join().unwrap()
    });
    assert_eq!(failed.kind, ErrorKind::Busy, "{failed}");
    assert_eq!(world.get("a"), b"new");
    assert!(world.get("b") == old);
}

#[test]
fn a_rename_makes_whole_what_was_broken_off() {
    let world = World::new();
    world.put("old", b"old");
    world.put("new", b"new");
    let session = world.session();
    session.broken_stor("/old", b"12345");
    assert_eq!(kind(session.appe("/old", b"!")), ErrorKind::BadOffset);
    session.rename("/new", "/old").unwrap();
    session.appe("/old", b"!").unwrap();
    assert_eq!(world.get("old"), b"new!");
}
