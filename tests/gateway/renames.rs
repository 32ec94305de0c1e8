//! Renames: what is asked, what is refused, and what is left when one fails.

use std::thread;
use std::time::{Duration, Instant};

use ossftp_core::driver::Cancel;
use ossftp_core::{ErrorKind, Operation};

use crate::proxy::Act;
use crate::world::{PART, World, kind, noise, path};

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
    world.proxy.rule("CopyObject", 0, 1, Act::LieAboutCrc);
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

fn tree(world: &World) {
    for key in [
        "d/", "d/a", "d/b", "d/e/", "d/e/f/g", "d//odd", "d/a\nb", "dd",
    ] {
        world.put(key, key.as_bytes());
    }
}

const TREE: [&str; 8] = [
    "d/", "d//odd", "d/a", "d/a\nb", "d/b", "d/e/", "d/e/f/g", "dd",
];

#[test]
fn a_directory() {
    let world = World::new();
    tree(&world);
    let session = world.session();
    let requests = world.requests(|| session.rename("/d", "/n/m").unwrap());
    assert_eq!(requests.last().unwrap(), "DeleteObjects ");
    assert_eq!(
        world.keys(),
        [
            "dd",
            "n/m/",
            "n/m//odd",
            "n/m/a",
            "n/m/a\nb",
            "n/m/b",
            "n/m/e/",
            "n/m/e/f/g"
        ]
    );
    assert_eq!(world.get("n/m/e/f/g"), b"d/e/f/g");
    assert_eq!(kind(session.cwd("/d")), ErrorKind::NotFound);
    session.cwd("/n/m/e/f").unwrap();
}

#[test]
fn directories_that_only_the_session_knows() {
    let world = World::new();
    world.put("d/sub/x", b"1");
    let session = world.session();
    session.dele("/d/sub/x").unwrap();
    session.rename("/d", "/e").unwrap();
    assert_eq!(session.list("/e").unwrap(), ["sub/"]);
    assert_eq!(session.list("/").unwrap(), ["e/"]);
    assert_eq!(world.keys(), NONE);
}

#[test]
fn a_directory_never_goes_onto_anything() {
    let world = World::new();
    for key in ["d/x", "file", "marked/", "full/y", "same/x"] {
        world.put(key, b"1");
    }
    let session = world.session();
    for to in ["/file", "/marked", "/full", "/same"] {
        assert_eq!(kind(session.rename("/d", to)), ErrorKind::Exists, "{to}");
    }
    assert_eq!(world.keys().len(), 5);
}

#[test]
fn a_copy_that_fails_leaves_the_directory_whole() {
    let world = World::new();
    tree(&world);
    let session = world.session();
    world
        .proxy
        .rule("CopyObject", 3, 1, Act::Refuse(403, "AccessDenied"));
    let failed = session.rename("/d", "/n").unwrap_err();
    assert_eq!(failed.kind, ErrorKind::Denied);
    assert!(
        failed.message.contains("oss:GetObject and oss:PutObject"),
        "{failed}"
    );
    assert_eq!(world.keys(), TREE);
    world.proxy.rule("CopyObject", 2, 1, Act::LieAboutCrc);
    assert_eq!(kind(session.rename("/d", "/n")), ErrorKind::Unavailable);
    assert_eq!(world.keys(), TREE);
    world
        .proxy
        .rule("HeadObject", 4, 1, Act::Refuse(403, "InvalidObjectState"));
    assert_eq!(kind(session.rename("/d", "/n")), ErrorKind::Busy);
    assert_eq!(world.keys(), TREE);
}

#[test]
fn a_cancel_leaves_the_directory_whole() {
    let world = World::with(|config| {
        // A copy that is under way is waited for.
        config.timeouts.read = Duration::from_secs(2);
        config.timeouts.per_200_mib = Duration::ZERO;
    });
    tree(&world);
    let session = world.session();
    let cancel = Cancel::new();
    let rename = Operation::Rename {
        from: path("/d"),
        to: path("/n"),
    };
    world.proxy.rule("CopyObject", 1, 1, Act::Stall);
    thread::scope(|scope| {
        let renaming = scope.spawn(|| kind(session.volume.perform(&rename, &cancel)));
        let began = Instant::now();
        let copies = || {
            world
                .proxy
                .seen()
                .iter()
                .filter(|s| s.api == "CopyObject")
                .count()
        };
        while copies() < 2 {
            assert!(began.elapsed() < Duration::from_secs(10));
            thread::yield_now();
        }
        cancel.cancel();
        assert_eq!(renaming.join().unwrap(), ErrorKind::Cancelled);
    });
    assert_eq!(world.keys(), TREE);
}

#[test]
fn deletes_that_fail_are_finished_by_the_same_rename() {
    let world = World::new();
    tree(&world);
    let (session, other) = (world.session(), world.session());
    world
        .proxy
        .rule("DeleteObjects", 0, 1, Act::Refuse(403, "AccessDenied"));
    let failed = session.rename("/d", "/n").unwrap_err();
    assert_eq!(failed.kind, ErrorKind::Unavailable);
    assert!(
        failed.message.contains("Copied whole, 7 of 7 sources left"),
        "{failed}"
    );
    // Someone has deleted some of them since.
    world.delete("d/a");
    other.rename("/d", "/n").unwrap();
    assert_eq!(
        world
            .keys()
            .iter()
            .filter(|key| key.starts_with("d/"))
            .count(),
        0
    );
    assert_eq!(world.get("n/a"), b"d/a");
}

#[test]
fn an_unfinished_rename_whose_copies_changed_is_refused() {
    let world = World::new();
    tree(&world);
    let session = world.session();
    world
        .proxy
        .rule("DeleteObjects", 0, 1, Act::Refuse(403, "AccessDenied"));
    session.rename("/d", "/n").unwrap_err();
    world.put("n/b", b"changed");
    assert_eq!(kind(session.rename("/d", "/n")), ErrorKind::Exists);
    assert_eq!(world.get("d/b"), b"d/b");
}

#[test]
fn limits() {
    let world = World::with(|config| config.max_rename = 6);
    tree(&world);
    let session = world.session();
    assert_eq!(kind(session.rename("/d", "/n")), ErrorKind::NoSpace);
    assert_eq!(world.keys(), TREE);
    world.delete("d//odd");
    let long = format!("/{}", "n".repeat(1018));
    assert_eq!(kind(session.rename("/d", &long)), ErrorKind::BadName);
    session.rename("/d", &long[..1000]).unwrap();
}
