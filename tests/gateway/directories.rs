//! Directories: markers, prefixes, listings, and what a session remembers of them.

use ossftp_core::{EntryKind, ErrorKind, FtpPath, StoreMode};

use crate::world::{World, kind};

const NONE: [&str; 0] = [];

#[test]
fn made_entered_and_removed() {
    let world = World::new();
    let session = world.session();
    assert_eq!(
        world.requests(|| session.mkd("/d").unwrap()),
        ["ListObjectsV2 d/", "PutObject d/"]
    );
    assert_eq!(world.keys(), ["d/"]);
    assert_eq!(
        world.requests(|| session.cwd("/d").unwrap()),
        ["ListObjectsV2 d/"]
    );
    assert_eq!(kind(session.mkd("/d")), ErrorKind::Exists);
    assert_eq!(kind(session.mkd("/")), ErrorKind::Exists);
    assert_eq!(
        world.requests(|| session.rmd("/d").unwrap()),
        ["ListObjectsV2 d/", "DeleteObject d/"]
    );
    assert_eq!(world.keys(), NONE);
    assert_eq!(kind(session.cwd("/d")), ErrorKind::NotFound);
    assert_eq!(kind(session.rmd("/d")), ErrorKind::NotFound);
    assert_eq!(kind(session.rmd("/")), ErrorKind::Denied);
    session.cwd("/").unwrap();
}

#[test]
fn prefixes_are_directories() {
    let world = World::new();
    world.put("a/b/c", b"1");
    let session = world.session();
    session.cwd("/a").unwrap();
    session.cwd("/a/b").unwrap();
    assert_eq!(session.list("/").unwrap(), ["a/"]);
    assert_eq!(session.stat("/a").unwrap().kind, EntryKind::Directory);
    assert_eq!(kind(session.mkd("/a")), ErrorKind::Exists);
    assert_eq!(kind(session.rmd("/a")), ErrorKind::NotEmpty);
    assert_eq!(kind(session.rmd("/a/b")), ErrorKind::NotEmpty);
}

#[test]
fn a_file_is_no_directory() {
    let world = World::new();
    world.put("f", b"1");
    let session = world.session();
    assert_eq!(kind(session.cwd("/f")), ErrorKind::NotFound);
    assert_eq!(kind(session.entries("/f", false)), ErrorKind::NotADirectory);
    assert_eq!(session.list("/f").unwrap(), ["f"]);
    // Now the session knows what it is.
    session.list("/").unwrap();
    assert_eq!(kind(session.cwd("/f")), ErrorKind::NotADirectory);
    assert_eq!(kind(session.rmd("/f")), ErrorKind::NotADirectory);
    assert_eq!(kind(session.mkd("/f")), ErrorKind::Exists);
    assert_eq!(kind(session.list("/f/g")), ErrorKind::NotFound);
}

#[test]
fn listings_show_sizes_and_times_but_no_markers() {
    let world = World::new();
    let session = world.session();
    session.mkd("/d").unwrap();
    session.mkd("/d/sub").unwrap();
    session.stor("/d/file", b"12345").unwrap();
    let entries = session.entries("/d", false).unwrap();
    let file = &entries[0];
    assert_eq!((file.name.as_slice(), file.size), (&b"file"[..], 5));
    assert_eq!(file.modified, session.stat("/d/file").unwrap().modified);
    assert!(file.modified.is_some());
    assert_eq!(entries[1], session.stat("/d/sub").unwrap());
    assert_eq!(entries[1].modified, None);
    assert_eq!(session.list("/d/sub").unwrap(), NONE);
    let none = world.requests(|| assert_eq!(kind(session.list("/none")), ErrorKind::NotFound));
    assert_eq!(none, ["ListObjectsV2 none/", "HeadObject none"]);
    assert_eq!(kind(session.entries("/none", false)), ErrorKind::NotFound);
}

#[test]
fn an_empty_bucket_is_an_empty_root() {
    let world = World::new();
    let session = world.session();
    assert_eq!(session.list("/").unwrap(), NONE);
    let root = session.stat("/").unwrap();
    assert_eq!(
        (root.kind, root.name.as_slice()),
        (EntryKind::Directory, &b""[..])
    );
    assert_eq!(session.status("/", 10).unwrap(), (vec![], false, true));
}

#[test]
fn long_listings_come_page_by_page() {
    let world = World::new();
    world.generate("d/", 1_050);
    world.put("d/dir/x", b"");
    let session = world.session();
    let requests = world.requests(|| {
        let names = session.list("/d").unwrap();
        assert_eq!(names.len(), 1_051);
        assert_eq!(
            (names[0].as_str(), names[1_050].as_str()),
            ("0000000", "dir/")
        );
    });
    assert_eq!(requests, ["ListObjectsV2 d/", "ListObjectsV2 d/"]);
    let (some, more, directory) = session.status("/d", 3).unwrap();
    assert_eq!(some, ["0000000", "0000001", "0000002"]);
    assert!(more && directory);
    let (one, more, directory) = session.status("/d/0000007", 3).unwrap();
    assert_eq!(one, ["0000007"]);
    assert!(!more && !directory);
}

#[test]
fn a_directory_outlives_its_last_file() {
    let world = World::new();
    world.put("a/b/x", b"1");
    let session = world.session();
    session.dele("/a/b/x").unwrap();
    assert_eq!(world.keys(), NONE);
    session.cwd("/a/b").unwrap();
    assert_eq!(session.list("/a/b").unwrap(), NONE);
    assert_eq!(session.list("/a").unwrap(), ["b/"]);
    assert_eq!(session.list("/").unwrap(), ["a/"]);
    assert_eq!(session.stat("/a/b").unwrap().kind, EntryKind::Directory);
    assert_eq!(kind(session.mkd("/a/b")), ErrorKind::Exists);
    assert_eq!(kind(session.rmd("/a")), ErrorKind::NotEmpty);
    // Others see what is in OSS.
    assert_eq!(kind(world.session().cwd("/a")), ErrorKind::NotFound);
    session.rmd("/a/b").unwrap();
    assert_eq!(kind(session.cwd("/a/b")), ErrorKind::NotFound);
    session.rmd("/a").unwrap();
    assert_eq!(session.list("/").unwrap(), NONE);
    // A file brings it back for all.
    session.dele("/a/b/x").unwrap_err();
    session.stor("/a/b/y", b"2").unwrap();
    world.session().cwd("/a/b").unwrap();
}

#[test]
fn a_file_and_a_directory_of_one_name() {
    let world = World::new();
    world.put("a", b"file");
    world.put("a/x", b"1");
    let session = world.session();
    assert_eq!(session.list("/").unwrap(), ["a", "a/"]);
    assert_eq!(session.list("/a").unwrap(), ["x"]);
    session.cwd("/a").unwrap();
    assert_eq!(session.stat("/a").unwrap().size, 4);
    assert_eq!(session.retr("/a").unwrap(), b"file");
    session.list("/").unwrap();
    session.stor("/a", b"other").unwrap();
    session.dele("/a").unwrap();
    assert_eq!(world.keys(), ["a/x"]);
}

#[test]
fn keys_that_ftp_cannot_name_are_left_alone() {
    let world = World::new();
    for key in ["d//x", "d/./y", "d/../z", "d/a\nb", "d/\u{7f}", "d/ok"] {
        world.put(key, b"1");
    }
    let session = world.session();
    assert_eq!(session.list("/d").unwrap(), ["ok"]);
    session.dele("/d/ok").unwrap();
    assert_eq!(kind(session.rmd("/d")), ErrorKind::NotEmpty);
    assert_eq!(world.keys().len(), 5);
}

#[test]
fn own_listings_answer_cwd_and_dele() {
    let world = World::new();
    world.put("d/sub/x", b"1");
    world.put("d/file", b"1");
    world.put("d/other", b"1");
    let session = world.session();
    session.list("/d").unwrap();
    assert_eq!(
        world.requests(|| session.dele("/d/file").unwrap()),
        ["DeleteObject d/file"]
    );
    // What was there once is asked for again.
    assert_eq!(
        world.requests(|| assert_eq!(kind(session.dele("/d/file")), ErrorKind::NotFound)),
        ["HeadObject d/file"]
    );
    assert_eq!(world.requests(|| session.cwd("/d/sub").unwrap()), NONE);
    // The listing was of another directory.
    assert_eq!(
        world.requests(|| session.dele("/d/other").unwrap()),
        ["HeadObject d/other", "DeleteObject d/other"]
    );
    session.stor("/d/mine", b"1").unwrap();
    assert_eq!(
        world.requests(|| session.dele("/d/mine").unwrap()),
        ["DeleteObject d/mine"]
    );
    // SIZE always asks.
    session.stor("/d/mine", b"1").unwrap();
    world.delete("d/mine");
    assert_eq!(kind(session.stat("/d/mine")), ErrorKind::NotFound);
}

#[test]
fn a_file_cannot_take_a_known_directorys_name() {
    let world = World::new();
    world.put("listed/x", b"1");
    world.put("unseen/x", b"1");
    let session = world.session();
    session.mkd("/made").unwrap();
    session.list("/").unwrap();
    for name in ["/made", "/listed"] {
        let requests = world.requests(|| {
            assert_eq!(kind(session.stor(name, b"1")), ErrorKind::BadName, "{name}");
            assert_eq!(kind(session.appe(name, b"1")), ErrorKind::BadName, "{name}");
        });
        assert_eq!(requests, NONE);
    }
    let root = session.writer("/", StoreMode::Replace);
    assert_eq!(kind(root), ErrorKind::BadName);
    world.session().stor("/unseen", b"no probe").unwrap();
}

#[test]
fn a_home_is_a_root() {
    use ossftp::gateway::Access;
    use ossftp_core::driver::Cancel;
    use ossftp_oss::Credentials;

    let world = World::new();
    world.put("home/me/x", b"mine");
    world.put("home/you/x", b"yours");
    let mut access = Access::new(
        Credentials::new(crate::world::ID, crate::world::SECRET),
        crate::world::BUCKET,
    );
    access.home = FtpPath::root().join(b"home/me").unwrap();
    let volume = world.storage.enter(&access, &Cancel::new()).unwrap();
    let session = crate::world::Session { volume };
    assert_eq!(session.list("/").unwrap(), ["x"]);
    assert_eq!(session.retr("/x").unwrap(), b"mine");
    session.mkd("/d").unwrap();
    session.stor("/d/y", b"1").unwrap();
    session.rename("/d", "/e").unwrap();
    session.dele("/x").unwrap();
    assert_eq!(session.list("/").unwrap(), ["e/"]);
    assert_eq!(world.keys(), ["home/me/e/", "home/me/e/y", "home/you/x"]);
}
