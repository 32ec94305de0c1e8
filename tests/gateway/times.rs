//! The times of files: shown the same everywhere, and set where that is switched on.

use std::time::{SystemTime, UNIX_EPOCH};

use ossftp::gateway::Mtime;
use ossftp_core::driver::{Cancel, LoginRequest, Storage};
use ossftp_core::{ErrorKind, FactChanges, Operation, Secret};
use ossftp_oss::{PutObject, SliceBody};

use crate::proxy::Act;
use crate::world::{BUCKET, Done, ID, PART, SECRET, Session, World, kind, noise, path};

const NONE: [&str; 0] = [];
/// 2012-11-27, as in the examples of rclone.
const THEN: i64 = 1_354_040_105;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs() as i64
}

fn set(session: &Session, at: &str, modified: i64) -> Done {
    session.done(Operation::SetFacts {
        path: path(at),
        changes: FactChanges::modified(modified),
    })
}

fn with_meta() -> World {
    World::with(|config| {
        config.mtime = Mtime::Meta;
        config.copy_limit = 1000;
        config.copy_part_size = PART as u64;
    })
}

fn put(world: &World, key: &str, bytes: &[u8], meta: &[(&str, &str)]) {
    let meta = meta.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    let put = PutObject {
        content_type: Some("text/x-mine".to_owned()),
        cache_control: Some("no-cache".to_owned()),
        content_disposition: Some("inline".to_owned()),
        content_encoding: Some("x-own".to_owned()),
        expires: Some("Fri, 24 Feb 2040 06:07:48 GMT".to_owned()),
        storage_class: Some("IA".to_owned()),
        meta: meta.collect(),
        ..PutObject::default()
    };
    let mut body = SliceBody::new(bytes);
    world.store().put_object(key, &mut body, &put).unwrap();
}

#[test]
fn only_where_it_is_switched_on() {
    for mtime in [Mtime::Listing, Mtime::Meta] {
        let world = World::with(|config| config.mtime = mtime);
        let peer = [127, 0, 0, 1].into();
        let request = LoginRequest::new(format!("{ID}/{BUCKET}"), Secret::new(SECRET), peer);
        let (_, info) = world.storage.login(&request, &Cancel::new()).unwrap();
        let is_able = info.capabilities.modify_times;
        assert_eq!(is_able, mtime == Mtime::Meta);
        assert!(!info.capabilities.create_times);
        put(&world, "a", b"1", &[("mtime", "1354040105.5")]);
        let session = world.session();
        let shown = session.stat("/a").unwrap().modified.unwrap();
        assert_eq!(shown == THEN, is_able);
        let listed = session.entries("/", false).unwrap();
        assert_eq!(listed[0].modified, Some(shown));
    }
    let world = World::new();
    world.put("a", b"1");
    let session = world.session();
    let requests = world.requests(|| {
        assert_eq!(kind(set(&session, "/a", THEN)), ErrorKind::Unsupported);
    });
    assert_eq!(requests, NONE);
}

#[test]
fn every_command_shows_the_time_that_was_set() {
    let world = with_meta();
    for (key, bytes) in [("d/small", b"1".to_vec()), ("d/large", noise(3 * PART))] {
        put(&world, key, &bytes, &[("owner", "me"), ("mtime", "7")]);
        let session = world.session();
        let at = format!("/{key}");
        assert_eq!(session.stat(&at).unwrap().modified, Some(7));
        let requests = world.requests(|| set(&session, &at, THEN).unwrap());
        assert_eq!(requests[0], format!("HeadObject {key}"));
        if bytes.len() == 1 {
            assert_eq!(requests[1..], [format!("CopyObject {key}")]);
        } else {
            let copies = requests.iter().filter(|r| r.starts_with("UploadPartCopy"));
            assert_eq!(copies.count(), 3, "{requests:?}");
        }
        for session in [session, world.session()] {
            assert_eq!(session.stat(&at).unwrap().modified, Some(THEN));
            let listed = session.entries("/d", false).unwrap();
            let name = at.rsplit('/').next().unwrap();
            let entry = listed.iter().find(|e| e.name == name.as_bytes());
            assert_eq!(entry.unwrap().modified, Some(THEN));
            assert_eq!(session.entries(&at, true).unwrap()[0].modified, Some(THEN));
        }
        // Nothing else has changed.
        assert!(world.get(key) == bytes);
        let meta = world.store().head_object(key).unwrap();
        assert_eq!(meta.user("mtime"), Some("1354040105"));
        assert_eq!(meta.user("owner"), Some("me"));
        assert_eq!(meta.content_type.as_deref(), Some("text/x-mine"));
        assert_eq!(meta.cache_control.as_deref(), Some("no-cache"));
        assert_eq!(meta.content_disposition.as_deref(), Some("inline"));
        assert_eq!(meta.content_encoding.as_deref(), Some("x-own"));
        assert!(meta.expires.is_some_and(|at| at.contains("2040")));
        assert_eq!(meta.storage_class.as_deref(), Some("IA"));
        // The same time again is no copy.
        let session = world.session();
        let requests = world.requests(|| set(&session, &at, THEN).unwrap());
        assert_eq!(requests, [format!("HeadObject {key}")]);
    }
    world.assert_no_uploads();
}

#[test]
fn a_file_that_is_written_has_a_new_time() {
    let world = with_meta();
    put(&world, "a", b"1", &[]);
    let session = world.session();
    for write in [Session::stor, Session::appe] {
        set(&session, "/a", THEN).unwrap();
        write(&session, "/a", &noise(2 * PART)).unwrap();
        let modified = session.stat("/a").unwrap().modified.unwrap();
        assert!((now() - modified).abs() < 60, "{modified}");
    }
    // A rename keeps it.
    set(&session, "/a", THEN).unwrap();
    session.rename("/a", "/b").unwrap();
    assert_eq!(session.stat("/b").unwrap().modified, Some(THEN));
}

#[test]
fn listings_ask_once_for_each_file_and_keep_their_order() {
    let world = with_meta();
    for i in 0..150 {
        put(
            &world,
            &format!("d/{i:03}"),
            b"1",
            &[("mtime", &i.to_string())],
        );
    }
    world.put("d/sub/x", b"1");
    let session = world.session();
    let mut listed = Vec::new();
    let requests = world.requests(|| listed = session.entries("/d", false).unwrap());
    assert_eq!(requests.len(), 151);
    let names: Vec<_> = listed.iter().map(|e| e.name.clone()).collect();
    assert!(names.is_sorted() && names.len() == 151);
    for (i, entry) in listed.iter().take(150).enumerate() {
        assert_eq!(entry.modified, Some(i as i64));
    }
    assert!(listed[150].is_dir());
    // A file that is gone by now, or not to be read, shows as listed.
    world
        .proxy
        .rule("HeadObject", 3, 1, Act::Refuse(404, "NoSuchKey"));
    world
        .proxy
        .rule("HeadObject", 9, 1, Act::Refuse(403, "AccessDenied"));
    assert_eq!(session.list("/d").unwrap().len(), 151);
    world.proxy.clear();
    // Any other failure is one: a listing must not show other times than MDTM.
    world
        .proxy
        .rule("HeadObject", 70, 99, Act::Refuse(503, "ServiceUnavailable"));
    assert_eq!(kind(session.list("/d")), ErrorKind::Busy);
    world.proxy.clear();
    // STAT asks for no more than it shows.
    let requests = world.requests(|| session.status("/d", 10).unwrap());
    assert_eq!(requests.len(), 11);
}

#[test]
fn what_has_no_time_and_what_goes_wrong() {
    let world = with_meta();
    put(&world, "a", b"1", &[]);
    world.put("d/x", b"1");
    let session = world.session();
    assert_eq!(kind(set(&session, "/d", THEN)), ErrorKind::IsADirectory);
    assert_eq!(kind(set(&session, "/none", THEN)), ErrorKind::NotFound);
    // The only copy is never deleted.
    world.proxy.rule("CopyObject", 0, 1, Act::LieAboutCrc);
    world.proxy.rule("HeadObject", 1, 1, Act::LieAboutCrc);
    assert_eq!(kind(set(&session, "/a", THEN)), ErrorKind::Unavailable);
    assert_eq!(world.get("a"), b"1");
    set(&session, "/a", 5).unwrap();
    world
        .proxy
        .rule("CopyObject", 0, 1, Act::Refuse(403, "AccessDenied"));
    assert_eq!(kind(set(&session, "/a", 6)), ErrorKind::Denied);
    // A lost answer is settled by what the object says.
    world.proxy.rule("CopyObject", 0, 9, Act::Lose);
    set(&session, "/a", THEN).unwrap();
    world.proxy.clear();
    assert_eq!(session.stat("/a").unwrap().modified, Some(THEN));
    world
        .proxy
        .rule("CopyObject", 0, 9, Act::Refuse(500, "InternalError"));
    assert_eq!(kind(set(&session, "/a", 6)), ErrorKind::Unavailable);
}
