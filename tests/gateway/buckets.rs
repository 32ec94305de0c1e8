//! The login without a bucket: the account's buckets are the root's directories.

use ossftp_core::{EntryKind, ErrorKind, Operation, StoreMode};
use ossftp_oss::Endpoint;

use crate::proxy::Act;
use crate::world::{BUCKET, ID, SECRET, Session, World, kind, path};

const NONE: [&str; 0] = [];
const OTHER: &str = "other-bucket";

fn account(world: &World) -> Session {
    let (volume, welcome) = world.login(ID, SECRET).unwrap();
    assert!(welcome.contains("buckets"), "{welcome}");
    world.proxy.take();
    Session { volume }
}

fn world() -> World {
    World::with_buckets(&[BUCKET, OTHER], |_| {})
}

#[test]
fn the_root_lists_buckets() {
    let world = world();
    let requests = world.requests(|| world.login(ID, SECRET).unwrap());
    assert_eq!(requests, ["ListBuckets "]);
    assert_eq!(world.requests(|| world.login(ID, SECRET).unwrap()), NONE);
    let session = account(&world);
    let list = world.requests(|| {
        let expected = [format!("{BUCKET}/"), format!("{OTHER}/")];
        assert_eq!(session.list("/").unwrap(), expected);
    });
    assert_eq!(list, ["ListBuckets "]);
    let (some, more, directory) = session.status("/", 1).unwrap();
    assert_eq!(some, [format!("{BUCKET}/")]);
    assert!(more && directory);
    let none = world.requests(|| {
        session.cwd("/").unwrap();
        assert_eq!(session.stat("/").unwrap().kind, EntryKind::Directory);
    });
    assert_eq!(none, NONE);
}

#[test]
fn many_buckets_come_page_by_page() {
    let names: Vec<String> = (0..2_100).map(|n| format!("bucket-{n:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::with_buckets(&names, |_| {});
    let session = account(&world);
    let requests = world.requests(|| assert_eq!(session.list("/").unwrap().len(), 2_100));
    assert_eq!(requests, ["ListBuckets "; 3]);
}

#[test]
fn a_bucket_is_entered_as_by_a_login() {
    let world = world();
    world.put("d/x", b"1");
    let session = account(&world);
    let first = world.requests(|| session.cwd(&format!("/{BUCKET}")).unwrap());
    assert_eq!(first, ["ListObjectsV2 "]);
    let again = world.requests(|| {
        session.cwd(&format!("/{BUCKET}")).unwrap();
        let entry = session.stat(&format!("/{BUCKET}")).unwrap();
        assert_eq!(entry.kind, EntryKind::Directory);
        assert_eq!(entry.name, BUCKET.as_bytes());
    });
    assert_eq!(again, NONE);
    assert_eq!(session.list(&format!("/{BUCKET}")).unwrap(), ["d/"]);
    assert_eq!(session.list(&format!("/{BUCKET}/d")).unwrap(), ["x"]);
    let size = world.requests(|| {
        assert_eq!(session.stat(&format!("/{BUCKET}/d/x")).unwrap().size, 1);
    });
    assert_eq!(size, ["HeadObject d/x"]);
}

#[test]
fn no_other_bucket_is_there() {
    let world = world();
    let session = account(&world);
    for at in ["/nowhere-at-all", "/nowhere-at-all/x"] {
        assert_eq!(kind(session.cwd(at)), ErrorKind::NotFound, "{at}");
        assert_eq!(kind(session.list(at)), ErrorKind::NotFound, "{at}");
        assert_eq!(kind(session.stat(at)), ErrorKind::NotFound, "{at}");
    }
    let requests = world.requests(|| {
        assert_eq!(kind(session.cwd("/No_bucket")), ErrorKind::NotFound);
        assert_eq!(kind(session.stat("/ab")), ErrorKind::NotFound);
    });
    assert_eq!(requests, NONE);
}

#[test]
fn files_live_in_buckets() {
    let world = world();
    let session = account(&world);
    let at = |name: &str| format!("/{BUCKET}/{name}");
    session.mkd(&at("d")).unwrap();
    session.stor(&at("d/f"), b"12345").unwrap();
    session.appe(&at("d/f"), b"6").unwrap();
    assert_eq!(session.retr_from(&at("d/f"), 2).unwrap(), b"3456");
    session.rename(&at("d/f"), &at("d/g")).unwrap();
    assert_eq!(world.keys(), ["d/", "d/g"]);
    let copy = Operation::Copy {
        from: path(&at("d/g")),
        to: path(&at("d/h")),
    };
    session.done(copy).unwrap();
    session.dele(&at("d/g")).unwrap();
    session.dele(&at("d/h")).unwrap();
    session.rmd(&at("d")).unwrap();
    assert_eq!(world.keys(), NONE);
}

#[test]
fn buckets_are_not_files_and_not_made_here() {
    let world = world();
    world.put("x", b"1");
    let session = account(&world);
    let bucket = format!("/{BUCKET}");
    let file = format!("/{BUCKET}/x");
    let requests = world.requests(|| {
        for at in ["/", "/new-bucket", &bucket] {
            assert_eq!(kind(session.mkd(at)), ErrorKind::Denied, "{at}");
            assert_eq!(kind(session.rmd(at)), ErrorKind::Denied, "{at}");
            assert_eq!(kind(session.dele(at)), ErrorKind::IsADirectory, "{at}");
            let refused = session.retr(at).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::IsADirectory, "{at}");
            assert!(refused.message.contains("/bucket/name"), "{refused}");
            let write = session.writer(at, StoreMode::Replace);
            assert_eq!(kind(write), ErrorKind::BadName, "{at}");
        }
        let tree = session.done(Operation::RemoveTree(path(&bucket)));
        assert_eq!(kind(tree), ErrorKind::Denied);
        for (from, to) in [
            (bucket.as_str(), "/renamed-bucket"),
            (&file, "/other-bucket"),
            (&file, "/other-bucket/x"),
        ] {
            let error = session.rnto(from, to).unwrap_err();
            assert_eq!(error.kind, ErrorKind::BadName, "{from} {to}");
            assert!(error.message.contains("bucket"), "{error}");
        }
    });
    assert_eq!(requests, NONE);
    assert_eq!(world.keys(), ["x"]);
}

#[test]
fn the_missing_right_is_named_and_the_way_around() {
    let world = world();
    let refuse = Act::Refuse(403, "AccessDenied");
    world.proxy.rule("ListBuckets", 0, 1, refuse);
    let error = world.login(ID, SECRET).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains("oss:ListBuckets"), "{error}");
    assert!(error.message.contains("AccessKeyId/bucket"), "{error}");
    for (user, secret, part) in [
        (ID, "wrong", "Secret is wrong"),
        ("nobody", SECRET, "no such AccessKeyId"),
    ] {
        let error = world.login(user, secret).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(error.message.contains(part), "{error}");
    }
}

#[test]
fn a_bucket_that_may_not_be_listed_says_so() {
    let world = world();
    let session = account(&world);
    for api in ["ListObjectsV2", "GetBucketLocation", "ListBuckets"] {
        let refuse = Act::Refuse(403, "AccessDenied");
        world.proxy.rule(api, 0, 1, refuse);
    }
    let error = session.cwd(&format!("/{BUCKET}")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains("oss:ListObjects"), "{error}");
    world.proxy.clear();
    session.cwd(&format!("/{BUCKET}")).unwrap();
}

#[test]
fn a_buckets_own_domain_lists_no_others() {
    let world = World::with(|config| {
        let own = Endpoint::parse("http://files.example.com").unwrap();
        config.endpoint = Some(own.with_style(ossftp_oss::AddressStyle::Cname));
    });
    let error = world.login(ID, SECRET).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains("AccessKeyId/bucket"), "{error}");
}

/// Only so many are kept at a time; the others are entered again, and the good login is known.
#[test]
fn more_buckets_than_are_kept() {
    let names: Vec<String> = (0..20).map(|n| format!("bucket-{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::with_buckets(&names, |_| {});
    let session = account(&world);
    let requests = world.requests(|| {
        for _ in 0..2 {
            for name in &names {
                session.cwd(&format!("/{name}")).unwrap();
            }
        }
    });
    assert_eq!(requests.len(), names.len());
}
