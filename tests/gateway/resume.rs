//! Uploads that broke off and go on (`partial = "resume"`), on this instance and on another one.

use std::time::Duration;

use ossftp::gateway::Partial;
use ossftp_core::driver::write_all;
use ossftp_core::{ErrorKind, StoreMode};
use ossftp_oss::{PutObject, SliceBody};

use crate::proxy::Act;
use crate::world::{BUCKET, Done, ID, PART, SECRET, Session, World, kind, login, noise};

const NONE: [&str; 0] = [];

fn resuming() -> World {
    World::with(|config| config.partial = Partial::Resume)
}

/// An upload made past the gateway, with parts of these numbers and bytes.
fn upload(world: &World, key: &str, parts: &[(u32, &[u8])]) -> String {
    let store = world.store();
    let id = store
        .initiate_multipart(key, &PutObject::default())
        .unwrap();
    for (number, bytes) in parts {
        let mut body = SliceBody::new(bytes);
        store.upload_part(key, &id, *number, &mut body).unwrap();
    }
    id
}

fn open_uploads(world: &World) -> Vec<String> {
    let page = world.store().list_multipart_uploads("", None).unwrap();
    page.uploads.into_iter().map(|u| u.key).collect()
}

/// What SIZE says, if anything.
fn size(session: &Session, at: &str) -> Option<u64> {
    match session.stat(at) {
        Ok(entry) => Some(entry.size),
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
            None
        }
    }
}

/// The refusal of a writer, which names the byte to go on at.
fn refused<T>(opened: Done<T>, at: usize) {
    let error = opened.err().expect("it should have been refused");
    assert_eq!(error.kind, ErrorKind::BadOffset);
    assert!(error.message.contains(&format!("byte {at},")), "{error}");
}

#[test]
fn size_is_what_can_be_used_of_the_newest_upload() {
    let world = resuming();
    let session = world.session();
    let part = noise(PART);
    assert_eq!(size(&session, "/f"), None);
    upload(&world, "f", &[(2, &part), (3, &part), (5, &part)]);
    // Others are of other files, or another tool's.
    upload(&world, "f2", &[(2, &part)]);
    upload(&world, "f", &[(1, &part), (2, &part)]);
    let requests = world.requests(|| assert_eq!(size(&session, "/f"), Some(2 * PART as u64)));
    assert_eq!(
        requests,
        [
            "HeadObject f",
            "ListObjectsV2 f/",
            "ListMultipartUploads f",
            "ListParts f",
            "ListParts f"
        ]
    );
    let entry = session.stat("/f").unwrap();
    assert!(entry.unfinished && entry.modified.is_some());
    upload(&world, "f", &[(2, &part)]);
    assert_eq!(size(&session, "/f"), Some(PART as u64));
    // It may have been ours, and then of another file than those before it.
    upload(&world, "f", &[]);
    assert_eq!(size(&session, "/f"), None);
}

#[test]
fn an_object_is_asked_for_first_and_alone() {
    let world = resuming();
    world.put("f", b"whole");
    upload(&world, "f", &[(2, &noise(PART))]);
    let session = world.session();
    let requests = world.requests(|| assert_eq!(size(&session, "/f"), Some(5)));
    assert_eq!(requests, ["HeadObject f"]);
    let requests = world.requests(|| assert_eq!(session.retr("/f").unwrap(), b"whole"));
    assert_eq!(requests, ["GetObject f"]);
}

#[test]
fn in_the_default_mode_nobody_asks_for_uploads() {
    let world = World::new();
    upload(&world, "f", &[(2, &noise(PART))]);
    let session = world.session();
    let requests = world.requests(|| assert_eq!(size(&session, "/f"), None));
    assert_eq!(requests, ["HeadObject f", "ListObjectsV2 f/"]);
    let requests = world.requests(|| {
        let opened = session.writer("/f", StoreMode::At(PART as u64));
        assert_eq!(kind(opened), ErrorKind::BadOffset);
    });
    assert_eq!(requests, ["HeadObject f"]);
}

#[test]
fn what_is_not_whole_is_no_file() {
    let world = resuming();
    upload(&world, "f", &[(2, &noise(PART))]);
    let session = world.session();
    for file in [
        session.retr("/f").map(|_| ()),
        session.dele("/f"),
        session.rnto("/f", "/g"),
        session.cwd("/f"),
    ] {
        assert_eq!(kind(file), ErrorKind::NotFound);
    }
    let requests = world.requests(|| assert!(session.retr("/f").is_err()));
    assert_eq!(requests, ["GetObject f"]);
    assert_eq!(session.list("/").unwrap(), NONE);
    assert_eq!(open_uploads(&world), ["f"]);
}

#[test]
fn missing_rights_are_named_only_where_it_matters() {
    let world = resuming();
    upload(&world, "f", &[(2, &noise(PART))]);
    let session = world.session();
    for (api, action) in [
        ("ListMultipartUploads", "oss:ListMultipartUploads"),
        ("ListParts", "oss:ListParts"),
    ] {
        world.proxy.clear();
        world
            .proxy
            .rule(api, 0, 9, Act::Refuse(403, "AccessDenied"));
        assert_eq!(size(&session, "/f"), None);
        let error = session
            .writer("/f", StoreMode::At(PART as u64))
            .err()
            .unwrap();
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(error.message.contains(action), "{error}");
    }
}

#[test]
fn old_uploads_are_swept_and_only_ours() {
    let world = resuming();
    let part = noise(PART);
    upload(&world, "home/ours", &[(2, &part), (3, &part)]);
    upload(&world, "home/other", &[(1, &part), (2, &part)]);
    upload(&world, "home/other2", &[(3, &part)]);
    upload(&world, "home/empty", &[]);
    let user = format!("{ID}/{BUCKET}");
    let young = world.instance(|config| config.partial_max_age = Duration::from_secs(3600));
    login(&young, &user, SECRET).unwrap();
    wait_for(&world, "ListMultipartUploads");
    let discarding = world.instance(|config| {
        config.partial = Partial::Discard;
        config.partial_max_age = Duration::ZERO;
    });
    login(&discarding, &user, SECRET).unwrap();
    assert_eq!(open_uploads(&world).len(), 4);

    let old = world.instance(|config| config.partial_max_age = Duration::ZERO);
    login(&old, &user, SECRET).unwrap();
    wait_for(&world, "AbortMultipartUpload");
    while open_uploads(&world).len() > 3 {
        std::thread::yield_now();
    }
    assert_eq!(
        open_uploads(&world),
        ["home/empty", "home/other", "home/other2"]
    );
    // Once an hour: what comes now stays.
    upload(&world, "home/ours", &[(2, &part)]);
    world.proxy.take();
    login(&old, &user, SECRET).unwrap();
    let seen = world.proxy.take();
    assert!(seen.iter().all(|seen| seen.api == "ListObjectsV2"));
    assert_eq!(open_uploads(&world).len(), 4);
}

/// Until this was asked of the store.
fn wait_for(world: &World, api: &str) {
    let until = std::time::Instant::now() + Duration::from_secs(30);
    while !world.proxy.seen().iter().any(|seen| seen.api == api) {
        assert!(std::time::Instant::now() < until, "no {api}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
