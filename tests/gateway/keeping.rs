//! `keep_directories`: what a directory gets when its last child goes.

use crate::proxy::Act;
use crate::world::{Session, World};

fn world() -> (World, Session) {
    let world = World::with(|config| config.keep_directories = true);
    world.put("a/b/x", b"1");
    world.put("a/b/y", b"1");
    let session = world.session();
    (world, session)
}

#[test]
fn the_last_file_leaves_a_marker() {
    let (world, session) = world();
    session.list("/a/b").unwrap();
    let first = world.requests(|| session.dele("/a/b/x").unwrap());
    assert_eq!(first, ["DeleteObject a/b/x", "ListObjectsV2 a/b/"]);
    assert_eq!(world.keys(), ["a/b/y"]);
    let last = world.requests(|| session.dele("/a/b/y").unwrap());
    assert_eq!(
        last,
        ["DeleteObject a/b/y", "ListObjectsV2 a/b/", "PutObject a/b/"]
    );
    assert_eq!(world.keys(), ["a/b/"]);
    // Others see it as well, and it goes when someone removes it.
    let other = world.session();
    other.cwd("/a/b").unwrap();
    other.rmd("/a/b").unwrap();
    other.rmd("/a").unwrap();
    assert_eq!(world.keys(), [""; 0]);
    assert!(session.cwd("/a").is_err());
}

#[test]
fn a_rename_leaves_a_marker() {
    let (world, session) = world();
    session.rename("/a/b/x", "/x").unwrap();
    session.rename("/a/b/y", "/y").unwrap();
    assert_eq!(world.keys(), ["a/b/", "x", "y"]);
    session.rename("/a/b", "/b").unwrap();
    assert_eq!(world.keys(), ["a/", "b/", "x", "y"]);
}

#[test]
fn a_removed_directory_leaves_a_marker() {
    let (world, session) = world();
    session
        .done(ossftp_core::Operation::RemoveTree(crate::world::path(
            "/a/b",
        )))
        .unwrap();
    assert_eq!(world.keys(), ["a/"]);
    session.mkd("/a/c").unwrap();
    world.delete("a/");
    session.rmd("/a/c").unwrap();
    assert_eq!(world.keys(), ["a/"]);
}

#[test]
fn nothing_is_kept_of_the_root() {
    let world = World::with(|config| config.keep_directories = true);
    world.put("x", b"1");
    let session = world.session();
    session.list("/").unwrap();
    assert_eq!(
        world.requests(|| session.dele("/x").unwrap()),
        ["DeleteObject x"]
    );
    assert_eq!(world.keys(), [""; 0]);
}

/// The file is deleted; that its directory is not kept for others is no failure of DELE.
#[test]
fn without_the_right_it_stays_for_the_session() {
    let (world, session) = world();
    world.delete("a/b/y");
    world
        .proxy
        .rule("PutObject", 0, 9, Act::Refuse(403, "AccessDenied"));
    session.dele("/a/b/x").unwrap();
    assert_eq!(world.keys(), [""; 0]);
    session.cwd("/a/b").unwrap();
}
