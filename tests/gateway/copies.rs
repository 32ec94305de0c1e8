//! Copies inside the bucket: what is asked, and what is refused.

use ossftp_core::{ErrorKind, Operation};

use crate::proxy::Act;
use crate::world::{Done, PART, Session, World, kind, noise, path};

const NONE: [&str; 0] = [];

fn copy(session: &Session, from: &str, to: &str) -> Done {
    let (from, to) = (path(from), path(to));
    session.done(Operation::Copy { from, to })
}

#[test]
fn a_small_file_takes_three_requests() {
    let world = World::new();
    world.put("a", b"content");
    let session = world.session();
    let requests = world.requests(|| copy(&session, "/a", "/d/b").unwrap());
    assert_eq!(
        requests,
        ["HeadObject a", "ListObjectsV2 d/b/", "CopyObject d/b"]
    );
    assert_eq!(world.keys(), ["a", "d/b"]);
    assert_eq!(world.get("d/b"), b"content");
    // What the session has just looked at is not asked again; a file replaces a file.
    world.put("a", b"other");
    session.stat("/a").unwrap();
    let requests = world.requests(|| copy(&session, "/a", "/d/b").unwrap());
    assert_eq!(requests, ["ListObjectsV2 d/b/", "CopyObject d/b"]);
    assert_eq!(world.get("d/b"), b"other");
    // The copy is the session's own file, so DELE need not look for it.
    let requests = world.requests(|| session.dele("/d/b").unwrap());
    assert_eq!(requests, ["DeleteObject d/b"]);
}

#[test]
fn what_is_refused() {
    let world = World::new();
    for key in ["a", "full/x", "marked/"] {
        world.put(key, key.as_bytes());
    }
    let session = world.session();
    let requests = world.requests(|| {
        copy(&session, "/a", "/a").unwrap();
        assert_eq!(kind(copy(&session, "/a", "/a/b")), ErrorKind::BadName);
        assert_eq!(kind(copy(&session, "/", "/b")), ErrorKind::IsADirectory);
        assert_eq!(kind(copy(&session, "/a", "/")), ErrorKind::IsADirectory);
    });
    assert_eq!(requests, NONE);
    for directory in ["/full", "/marked"] {
        assert_eq!(kind(copy(&session, "/a", directory)), ErrorKind::Exists);
        assert_eq!(kind(copy(&session, directory, "/b")), ErrorKind::NotFound);
        session.stat(directory).unwrap();
        let refused = kind(copy(&session, directory, "/b"));
        assert_eq!(refused, ErrorKind::IsADirectory);
    }
    assert_eq!(kind(copy(&session, "/none", "/b")), ErrorKind::NotFound);
    assert_eq!(world.keys(), ["a", "full/x", "marked/"]);
}

#[test]
fn a_source_that_changed_is_not_copied() {
    let world = World::new();
    world.put("a", b"first");
    let session = world.session();
    session.stat("/a").unwrap();
    world.put("a", b"second");
    assert_eq!(kind(copy(&session, "/a", "/b")), ErrorKind::Busy);
    world.proxy.rule("CopyObject", 0, 1, Act::LieAboutCrc);
    world.proxy.rule("HeadObject", 1, 1, Act::LieAboutCrc);
    assert_eq!(kind(copy(&session, "/a", "/b")), ErrorKind::Unavailable);
    assert_eq!(world.keys(), ["a"]);
}

#[test]
fn a_large_file_goes_in_parts() {
    let world = World::with(|config| {
        config.copy_limit = 1000;
        config.copy_part_size = PART as u64;
    });
    let bytes = noise(2 * PART + 123);
    world.put("a", &bytes);
    let session = world.session();
    let requests = world.requests(|| copy(&session, "/a", "/b").unwrap());
    let copies = requests.iter().filter(|r| *r == "UploadPartCopy b").count();
    assert_eq!(copies, 2, "{requests:?}");
    assert!(world.get("b") == bytes && world.get("a") == bytes);
    world.assert_no_uploads();
}
