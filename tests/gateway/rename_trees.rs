//! Renames of directories: what is asked, what is refused, and that no failure loses anything.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use ossftp_core::driver::Cancel;
use ossftp_core::{ErrorKind, Operation};

use crate::proxy::Act;
use crate::world::{Done, PART, World, kind, noise, path};

const NONE: [&str; 0] = [];

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
    // Objects of which a listing says enough are one request each.
    assert_eq!(
        requests[..5],
        [
            "HeadObject d",
            "ListObjectsV2 d/",
            "HeadObject n/m",
            "ListObjectsV2 n/m/",
            "GetBucketInfo "
        ]
    );
    let copies = requests.iter().filter(|r| r.starts_with("CopyObject"));
    assert_eq!(copies.count(), 7);
    // What XML cannot carry is deleted by a request of its own.
    assert_eq!(
        requests[requests.len() - 3..],
        ["ListObjectsV2 d/", "DeleteObjects ", "DeleteObject d/a\nb"]
    );
    assert_eq!(requests.len(), 5 + 1 + 7 + 3, "{requests:?}");
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
    let session = world.session();
    for key in ["d/", "d/x", "file", "marked/", "full/y", "same/", "other/"] {
        world.put(key, b"");
    }
    world.put("d/x", b"1");
    world.put("other/x", b"2");
    session.mkd("/empty").unwrap();
    for to in ["/file", "/marked", "/full", "/same", "/other", "/empty"] {
        assert_eq!(kind(session.rename("/d", to)), ErrorKind::Exists, "{to}");
    }
    // Two that are empty are not one the copy of the other.
    assert_eq!(kind(session.rename("/empty", "/same")), ErrorKind::Exists);
    assert_eq!(world.keys().len(), 9);
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
    world.proxy.rule("CopyObject", 2, 1, Act::LieAboutBoth);
    world.proxy.rule("HeadObject", 3, 1, Act::LieAboutCrc);
    assert_eq!(kind(session.rename("/d", "/n")), ErrorKind::Unavailable);
    assert_eq!(world.keys(), TREE);
    world
        .proxy
        .rule("CopyObject", 4, 1, Act::Refuse(403, "InvalidObjectState"));
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

#[test]
fn copies_are_compared_by_etag_or_by_checksum() {
    let world = World::new();
    tree(&world);
    let session = world.session();
    // Of a simple object the ETag says enough.
    world.proxy.rule("CopyObject", 0, 9, Act::LieAboutCrc);
    session.rename("/d", "/n").unwrap();
    world.proxy.clear();
    // If it is another one, the checksum decides.
    world.proxy.rule("CopyObject", 0, 1, Act::LieAboutEtag);
    session.rename("/n", "/d").unwrap();
    assert_eq!(world.keys(), TREE);
    // The ETag of an object of parts says nothing.
    session.stor("/d/big", &noise(3 * PART)).unwrap();
    world.proxy.rule("CopyObject", 0, 9, Act::LieAboutCrc);
    world.proxy.rule("HeadObject", 3, 1, Act::LieAboutCrc);
    assert_eq!(kind(session.rename("/d", "/n")), ErrorKind::Unavailable);
    world.proxy.clear();
    assert_eq!(world.keys().len(), TREE.len() + 1);
    let requests = world.requests(|| session.rename("/d", "/n").unwrap());
    let heads = requests.iter().filter(|r| *r == "HeadObject d/big");
    assert_eq!(heads.count(), 1, "{requests:?}");
    assert!(world.get("n/big") == noise(3 * PART));
}

#[test]
fn large_files_of_a_directory_go_in_parts() {
    let world = World::with(|config| {
        config.copy_limit = PART as u64;
        config.copy_part_size = PART as u64;
    });
    tree(&world);
    let bytes = noise(4 * PART);
    world.put("d/big", &bytes);
    let session = world.session();
    world
        .proxy
        .rule("UploadPartCopy", 2, 1, Act::Refuse(403, "AccessDenied"));
    assert_eq!(kind(session.rename("/d", "/n")), ErrorKind::Denied);
    world.delete("d/big");
    assert_eq!(world.keys(), TREE);
    world.assert_no_uploads();
    world.put("d/big", &bytes);
    let requests = world.requests(|| session.rename("/d", "/n").unwrap());
    let copies = requests.iter().filter(|r| *r == "UploadPartCopy n/big");
    assert_eq!(copies.count(), 4);
    assert!(world.get("n/big") == bytes);
}

/// What the store generates below a directory.
fn below(directory: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{directory}/{i:07}")).collect()
}

#[test]
fn five_thousand_files() {
    let world = World::new();
    world.generate("d/", 5_000);
    world.put("d/0004711", b"4711");
    let session = world.session();
    // The last of the five batches fails; another instance of the gateway finishes it.
    world
        .proxy
        .rule("DeleteObjects", 4, 1, Act::Refuse(403, "AccessDenied"));
    let requests = world.requests(|| {
        let failed = session.rename("/d", "/n").unwrap_err();
        let part = "Copied whole, 1000 of 5000 sources left";
        assert!(failed.message.contains(part), "{failed}");
    });
    assert!(requests.len() < 5_030, "{}", requests.len());
    let keys = world.keys();
    assert_eq!(keys.len(), 6_000);
    assert_eq!(keys[1_000..], below("n", 5_000));
    let other = world.elsewhere();
    let requests = world.requests(|| other.rename("/d", "/n").unwrap());
    // Two listings say that all is copied, so no file is looked at.
    assert!(requests.len() < 15, "{requests:?}");
    assert_eq!(world.keys(), below("n", 5_000));
    assert_eq!(world.get("n/0004711"), b"4711");
}

/// Renames `/d` to `/n`, and does `meanwhile` when so many objects have been copied.
fn rename_and(world: &World, copied: usize, meanwhile: impl FnOnce()) -> Done {
    let session = world.session();
    let barrier = Arc::new(Barrier::new(2));
    let hold = Act::Hold(Arc::clone(&barrier));
    world.proxy.rule("CopyObject", copied - 1, 1, hold);
    thread::scope(|scope| {
        let renaming = scope.spawn(|| session.rename("/d", "/n"));
        barrier.wait();
        meanwhile();
        barrier.wait();
        renaming.join().unwrap()
    })
}

fn one_by_one() -> World {
    World::with(|config| config.copies_at_once = 1)
}

#[test]
fn what_comes_meanwhile_is_not_deleted() {
    let world = one_by_one();
    tree(&world);
    rename_and(&world, 4, || world.put("d/late", b"late")).unwrap();
    assert_eq!(world.get("d/late"), b"late");
    let keys = world.keys();
    let is_source = |key: &&String| key.starts_with("d/");
    assert_eq!(keys.iter().filter(is_source).count(), 1, "{keys:?}");
    assert_eq!(keys.len(), 1 + TREE.len());
}

#[test]
fn what_changes_meanwhile_is_not_deleted() {
    let world = one_by_one();
    tree(&world);
    let result = rename_and(&world, 7, || world.put("d/a", b"changed"));
    assert_eq!(kind(result), ErrorKind::Busy);
    assert_eq!(world.keys(), TREE);
    assert_eq!(world.get("d/a"), b"changed");

    let world = one_by_one();
    world.generate("d/", 1_100);
    let result = rename_and(&world, 1_100, || world.put("d/0001099", b"changed"));
    let failed = result.unwrap_err();
    let part = "Copied whole, 1 of 1100 sources left";
    assert!(failed.message.contains(part), "{failed}");
    assert_eq!(world.get("d/0001099"), b"changed");
    assert_eq!(world.keys().len(), 1_101);
    // Nothing is lost by trying again.
    let session = world.session();
    assert_eq!(kind(session.rename("/d", "/n")), ErrorKind::Exists);
    assert_eq!(world.get("d/0001099"), b"changed");
}

#[test]
fn what_someone_writes_under_the_new_name_stays() {
    let world = one_by_one();
    tree(&world);
    let result = rename_and(&world, 2, || world.put("n/e/f/g", b"theirs"));
    assert_eq!(kind(result), ErrorKind::Exists);
    let mut expected: Vec<_> = TREE.map(str::to_owned).into();
    expected.push("n/e/f/g".to_owned());
    assert_eq!(world.keys(), expected);
    assert_eq!(world.get("n/e/f/g"), b"theirs");
}

#[test]
fn a_fault_anywhere_loses_nothing() {
    let names = |world: &World, directory: &str| {
        let keys = world.keys().into_iter();
        let names = keys.filter_map(|key| key.strip_prefix(directory).map(str::to_owned));
        names.collect::<Vec<_>>()
    };
    let all: Vec<_> = TREE
        .iter()
        .filter_map(|key| key.strip_prefix("d/"))
        .collect();
    let world = World::new();
    for (api, last) in [
        ("HeadObject", 1),
        ("ListObjectsV2", 3),
        ("CopyObject", 6),
        ("DeleteObjects", 0),
        ("DeleteObject", 0),
    ] {
        for skip in 0..=last {
            for (times, act) in [
                (1, Act::Refuse(403, "AccessDenied")),
                (1, Act::Refuse(500, "InternalError")),
                (1, Act::Lose),
                (99, Act::Refuse(503, "ServiceUnavailable")),
                (99, Act::Lose),
            ] {
                for key in world.keys() {
                    world.delete(&key);
                }
                tree(&world);
                let session = world.session();
                let what = format!("{api} {skip} {times} {act:?}");
                world.proxy.rule(api, skip, times, act);
                let result = session.rename("/d", "/n");
                world.proxy.clear();
                let (source, target) = (names(&world, "d/"), names(&world, "n/"));
                if result.is_ok() {
                    assert!(source.is_empty() && target == all, "{what}");
                } else if target == all {
                    // The same again finishes it, elsewhere too.
                    if !source.is_empty() {
                        world.elsewhere().rename("/d", "/n").expect(&what);
                    }
                    assert_eq!(names(&world, "d/"), NONE, "{what}");
                } else {
                    assert!(source == all, "{what}: {source:?} {target:?}");
                    // Where a lost answer could not be settled, a copy may be left.
                    assert!(target.len() <= 4, "{what}: {target:?}");
                }
            }
        }
    }
}

#[test]
fn taking_back_leaves_what_others_have_written() {
    let world = one_by_one();
    tree(&world);
    let result = rename_and(&world, 5, || {
        world.put("n/a", b"theirs");
        // The same bytes are a copy, whoever wrote them.
        world.put("n/b", b"d/b");
        let refusal = Act::Refuse(403, "AccessDenied");
        world.proxy.rule("CopyObject", 0, 9, refusal);
    });
    assert_eq!(kind(result), ErrorKind::Denied);
    let mut expected: Vec<_> = TREE.map(str::to_owned).into();
    expected.push("n/a".to_owned());
    assert_eq!(world.keys(), expected);
    assert_eq!(world.get("n/a"), b"theirs");
}

#[test]
fn what_is_left_of_a_killed_rename_is_refused_with_what_to_do() {
    let world = World::new();
    tree(&world);
    // As a process leaves it that is killed after its second copy.
    for key in ["n/", "n/a"] {
        let source = key.replacen('n', "d", 1);
        world.put(key, source.as_bytes());
    }
    let session = world.session();
    let refused = session.rename("/d", "/n").unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Exists);
    assert!(refused.message.contains("SITE RMDIR"), "{refused}");
    assert_eq!(world.keys().len(), TREE.len() + 2);
    session.done(Operation::RemoveTree(path("/n"))).unwrap();
    session.rename("/d", "/n").unwrap();
    assert_eq!(world.keys().len(), TREE.len());
}

#[test]
fn a_listing_that_leads_nowhere_ends_a_rename() {
    let world = World::new();
    tree(&world);
    let session = world.session();
    let page = "<ListBucketResult><Name>demo-bucket</Name><Prefix></Prefix><MaxKeys>1000</MaxKeys>\
                <IsTruncated>true</IsTruncated>\
                <NextContinuationToken>same</NextContinuationToken></ListBucketResult>";
    session.stat("/d").unwrap();
    let again = Act::Give(page.to_owned());
    world.proxy.rule("ListObjectsV2", 1, 9, again.clone());
    assert_eq!(kind(session.rnto("/d", "/n")), ErrorKind::Unavailable);
    world.proxy.clear();
    world.proxy.rule("ListObjectsV2", 0, 9, again);
    let removed = session.done(Operation::RemoveTree(path("/d")));
    assert_eq!(kind(removed), ErrorKind::Unavailable);
    world.proxy.clear();
    assert_eq!(world.keys(), TREE);
}
