//! SITE RMDIR: all that FTP can name goes, and nothing else.

use ossftp_core::driver::Cancel;
use ossftp_core::{ErrorKind, Operation};

use crate::proxy::Act;
use crate::world::{Done, Session, World, kind, path};

const NONE: [&str; 0] = [];

fn remove(session: &Session, at: &str) -> Done {
    session.done(Operation::RemoveTree(path(at)))
}

#[test]
fn a_tree_goes_with_its_marker_last() {
    let world = World::new();
    for key in ["d", "d!", "d/", "d/a", "d/s/", "d/s/b", "d0"] {
        world.put(key, b"");
    }
    let session = world.session();
    session.list("/d").unwrap();
    let requests = world.requests(|| remove(&session, "/d").unwrap());
    assert_eq!(
        requests,
        ["ListObjectsV2 d/", "DeleteObjects ", "DeleteObject d/"]
    );
    assert_eq!(world.keys(), ["d", "d!", "d0"]);
    // What the session knew is forgotten.
    assert_eq!(kind(session.cwd("/d")), ErrorKind::NotFound);
    assert_eq!(kind(session.dele("/d/a")), ErrorKind::NotFound);
    assert_eq!(session.list("/").unwrap(), ["d", "d!", "d0"]);
}

#[test]
fn pages_are_followed() {
    let world = World::new();
    world.generate("d/", 1_005);
    let session = world.session();
    let requests = world.requests(|| remove(&session, "/d").unwrap());
    let (list, delete) = ("ListObjectsV2 d/", "DeleteObjects ");
    assert_eq!(requests, [list, delete, list, delete]);
    assert_eq!(world.keys(), NONE);
}

#[test]
fn directories_that_are_only_remembered() {
    let world = World::new();
    let session = world.session();
    session.stor("/d/e/f", b"1").unwrap();
    session.dele("/d/e/f").unwrap();
    session.cwd("/d/e").unwrap();
    remove(&session, "/d").unwrap();
    assert_eq!(kind(session.cwd("/d/e")), ErrorKind::NotFound);
    assert_eq!(kind(session.cwd("/d")), ErrorKind::NotFound);
}

#[test]
fn what_is_refused() {
    let world = World::new();
    world.put("f", b"1");
    let session = world.session();
    assert_eq!(world.requests(|| kind(remove(&session, "/"))), NONE);
    assert_eq!(kind(remove(&session, "/")), ErrorKind::Denied);
    assert_eq!(kind(remove(&session, "/none")), ErrorKind::NotFound);
    assert_eq!(kind(remove(&session, "/f")), ErrorKind::NotFound);
    session.list("/").unwrap();
    assert_eq!(kind(remove(&session, "/f")), ErrorKind::NotADirectory);
    assert_eq!(world.keys(), ["f"]);
}

#[test]
fn names_that_ftp_cannot_say_stay() {
    let world = World::new();
    let odd = ["d//", "d//a", "d/../a", "d/a\u{1}", "d/s/./x"];
    for key in ["d/", "d/a", "d/s/x"].iter().chain(&odd) {
        world.put(key, b"");
    }
    let session = world.session();
    let error = remove(&session, "/d").unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotEmpty);
    assert!(error.message.contains("5 objects"), "{error}");
    let mut left: Vec<&str> = ["d/"].iter().chain(&odd).copied().collect();
    left.sort_unstable();
    assert_eq!(world.keys(), left);
}

#[test]
fn names_that_xml_cannot_hold_go_one_by_one() {
    let world = World::new();
    for key in ["d/a", "d/a ", "d/\u{FFFF}", "d/<&>"] {
        world.put(key, b"");
    }
    let session = world.session();
    let requests = world.requests(|| remove(&session, "/d").unwrap());
    assert_eq!(
        requests,
        [
            "ListObjectsV2 d/",
            "DeleteObjects ",
            "DeleteObject d/a ",
            "DeleteObject d/\u{FFFF}"
        ]
    );
    assert_eq!(world.keys(), NONE);
}

#[test]
fn a_failure_leaves_a_directory() {
    let world = World::new();
    for key in ["d/", "d/a"] {
        world.put(key, b"");
    }
    let session = world.session();
    let act = Act::Refuse(403, "AccessDenied");
    world.proxy.rule("DeleteObjects", 0, 1, act);
    assert_eq!(kind(remove(&session, "/d")), ErrorKind::Denied);
    assert_eq!(world.keys(), ["d/", "d/a"]);
    let act = Act::Refuse(403, "AccessDenied");
    world.proxy.rule("DeleteObject", 0, 1, act);
    assert_eq!(kind(remove(&session, "/d")), ErrorKind::Denied);
    assert_eq!(world.keys(), ["d/"]);
    session.cwd("/d").unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    let operation = Operation::RemoveTree(path("/d"));
    let refused = session.volume.perform(&operation, &cancel);
    assert_eq!(kind(refused), ErrorKind::Cancelled);
    remove(&session, "/d").unwrap();
    assert_eq!(world.keys(), NONE);
}

#[test]
fn a_broken_upload_is_forgotten_with_its_file_only() {
    let world = World::new();
    let session = world.session();
    session.stor("/d/f", b"old").unwrap();
    session.broken_stor("/d/f", b"new");
    let act = Act::Refuse(403, "AccessDenied");
    world.proxy.rule("DeleteObjects", 0, 1, act);
    assert_eq!(kind(remove(&session, "/d")), ErrorKind::Denied);
    assert_eq!(kind(session.appe("/d/f", b"1")), ErrorKind::BadOffset);
    remove(&session, "/d").unwrap();
    session.appe("/d/f", b"1").unwrap();
    assert_eq!(world.get("d/f"), b"1");
}
