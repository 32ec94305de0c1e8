//! A file `a` and a directory `a/` side by side: which of them each command means.

use ossftp_core::{EntryKind, ErrorKind};

use crate::world::{Session, World, kind};

fn both() -> (World, Session) {
    let world = World::new();
    world.put("a", b"file");
    world.put("a/x", b"1");
    let session = world.session();
    (world, session)
}

#[test]
fn both_are_listed() {
    let (_world, session) = both();
    assert_eq!(session.list("/").unwrap(), ["a", "a/"]);
    assert_eq!(session.list("/a").unwrap(), ["x"]);
    assert_eq!(session.status("/a", 9).unwrap().0, ["x"]);
}

#[test]
fn what_is_about_files_takes_the_file() {
    let (world, session) = both();
    let entry = session.stat("/a").unwrap();
    assert_eq!((entry.kind, entry.size), (EntryKind::File, 4));
    assert_eq!(session.retr("/a").unwrap(), b"file");
    session.rename("/a", "/b").unwrap();
    assert_eq!(world.keys(), ["a/x", "b"]);
    world.put("a", b"again");
    session.dele("/a").unwrap();
    assert_eq!(world.keys(), ["a/x", "b"]);
    // Now the name is the directory's.
    assert_eq!(session.stat("/a").unwrap().kind, EntryKind::Directory);
    assert_eq!(kind(session.retr("/a")), ErrorKind::NotFound);
}

#[test]
fn what_is_about_directories_takes_the_directory() {
    let (world, session) = both();
    session.cwd("/a").unwrap();
    assert_eq!(kind(session.mkd("/a")), ErrorKind::Exists);
    assert_eq!(kind(session.rmd("/a")), ErrorKind::NotEmpty);
    session.dele("/a/x").unwrap();
    session.rmd("/a").unwrap();
    assert_eq!(world.keys(), ["a"]);
    assert_eq!(kind(session.cwd("/a")), ErrorKind::NotFound);
    assert_eq!(session.list("/").unwrap(), ["a"]);
}

/// A file that is known to be one is written, whatever else has its name.
#[test]
fn the_file_can_be_written() {
    let (world, session) = both();
    session.list("/").unwrap();
    session.stor("/a", b"other").unwrap();
    assert_eq!(world.get("a"), b"other");
    session.appe("/a", b"!").unwrap();
    assert_eq!(world.get("a"), b"other!");
}
