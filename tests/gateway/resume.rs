//! Uploads that broke off and go on (`partial = "resume"`), on this instance and on another one.

use std::time::Duration;

use ossftp::gateway::{GatewayConfig, OssStorage, Partial};
use ossftp_core::driver::write_all;
use ossftp_core::{ErrorKind, Kept, StoreMode};
use ossftp_oss::{PutObject, SliceBody};

use crate::proxy::Act;
use crate::world::{
    BUCKET, Done, ID, PART, SECRET, Session, World, kind, login, noise, wait_until,
};

const NONE: [&str; 0] = [];

fn resuming() -> World {
    resuming_with(|_| {})
}

fn resuming_with(change: impl FnOnce(&mut GatewayConfig)) -> World {
    let world = World::with(|config| {
        config.partial = Partial::Resume;
        change(config);
    });
    swept(&world, &world.storage);
    world
}

/// A login, and the look for old uploads that it starts: so it is not among the requests that a
/// test counts.
fn swept(world: &World, storage: &OssStorage) -> Session {
    world.proxy.take();
    let (volume, _) = login(storage, &format!("{ID}/{BUCKET}"), SECRET).unwrap();
    wait_for(world, "ListMultipartUploads");
    world.proxy.take();
    Session { volume }
}

/// A session with another instance of the gateway, which shares nothing but the store.
fn elsewhere(world: &World) -> Session {
    swept(world, &world.instance(|_| {}))
}

/// A STOR of the beginning of a file that broke off, and what was kept of it.
fn broken(world: &World, session: &Session, at: &str, bytes: &[u8]) -> Option<u64> {
    session.broken_stor(at, bytes);
    settled(world);
    size(session, at)
}

/// Waits until nothing is done any more for uploads that broke off.
fn settled(world: &World) {
    assert!(world.storage.drain(Duration::from_secs(30)));
}

/// The numbers of the parts that `work` sends.
fn sent(world: &World, work: impl FnOnce()) -> Vec<u32> {
    world.proxy.take();
    work();
    let seen = world.proxy.take();
    let parts = seen.iter().filter(|seen| seen.api == "UploadPart");
    let number = |head: &str| {
        let rest = head.split_once("partNumber=").unwrap().1;
        rest[..rest.find(['&', ' ']).unwrap()].parse().unwrap()
    };
    let mut numbers: Vec<u32> = parts.map(|seen| number(&seen.head)).collect();
    numbers.sort_unstable();
    numbers
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
fn it_goes_on_elsewhere_and_nothing_is_sent_twice() {
    let world = resuming();
    let bytes = noise(7 * PART + 1_234);
    let kept = 4 * PART;
    // Less than a part is not kept.
    let begun = &bytes[..kept + 50_000];
    assert_eq!(
        broken(&world, &world.session(), "/f", begun),
        Some(kept as u64)
    );
    assert_eq!(world.keys(), NONE);

    let session = elsewhere(&world);
    assert_eq!(size(&session, "/f"), Some(kept as u64));
    let numbers = sent(&world, || {
        let mode = StoreMode::At(kept as u64);
        session.write("/f", mode, &bytes[kept..]).unwrap();
    });
    assert_eq!(numbers, [6, 7, 8, 9]);
    assert!(world.get("f") == bytes);
    world.assert_no_uploads();
    // Now it is a file like any other.
    session.appe("/f", b"more").unwrap();
    assert_eq!(world.get("f").len(), bytes.len() + 4);
}

#[test]
fn it_goes_on_again_and_again() {
    let world = resuming_with(|config| config.part_size = 3 * PART as u64);
    let bytes = noise(20 * PART);
    let mut at = 0;
    for more in [1, 5, 2, 7] {
        let session = elsewhere(&world);
        let mode = StoreMode::At(at as u64);
        let mut writer = session.writer("/f", mode).unwrap();
        at += more * PART;
        write_all(writer.as_mut(), &bytes[at - more * PART..at]).unwrap();
        drop(writer);
        // What is in memory is worth a part from 100 KiB on.
        wait_until(|| size(&session, "/f") == Some(at as u64));
    }
    elsewhere(&world).appe("/f", &bytes[at..]).unwrap();
    assert!(world.get("f") == bytes);
    world.assert_no_uploads();
}

#[test]
fn what_is_shorter_than_a_part_of_oss_is_not_kept() {
    let world = resuming_with(|config| config.part_size = 8 << 20);
    let session = world.session();
    let requests = world.requests(|| {
        session.broken_stor("/f", &noise(PART - 1));
        settled(&world);
    });
    assert_eq!(requests, NONE);
    let refused = session.writer("/f", StoreMode::At(5)).err().unwrap();
    assert!(refused.message.contains("send the whole file"), "{refused}");
    assert_eq!(
        broken(&world, &session, "/f", &noise(PART)),
        Some(PART as u64)
    );
    // It broke off before it was as long as what was kept before, which may be another file's.
    assert_eq!(broken(&world, &session, "/f", &noise(10)), None);
    let refused = session.writer("/f", StoreMode::At(PART as u64));
    assert_eq!(kind(refused), ErrorKind::BadOffset);
    session.stor("/f", b"whole").unwrap();
    assert_eq!(world.get("f"), b"whole");
}

#[test]
fn the_reply_says_how_much_is_kept() {
    let world = resuming();
    let session = world.session();
    for (length, kept) in [(10, 0), (PART, PART), (3 * PART + 5, 3 * PART)] {
        let mut writer = session
            .writer(&format!("/{length}"), StoreMode::Replace)
            .unwrap();
        write_all(writer.as_mut(), &noise(length)).unwrap();
        match writer.break_off() {
            Kept::Nothing => assert_eq!(kept, 0),
            Kept::Bytes(bytes) => assert_eq!(bytes, kept as u64),
            // It took too long to know.
            other => assert_eq!(other, Kept::Unknown),
        }
    }
}

#[test]
fn small_files_cost_one_request_as_ever() {
    let world = resuming();
    let session = world.session();
    let requests = world.requests(|| session.stor("/f", b"small").unwrap());
    assert_eq!(requests, ["PutObject f"]);
    let requests = world.requests(|| session.retr("/f").map(|_| ()).unwrap());
    assert_eq!(requests, ["GetObject f"]);
}

#[test]
fn other_offsets_are_refused_and_told_the_right_one() {
    let world = resuming();
    let bytes = noise(6 * PART);
    let session = world.session();
    broken(&world, &session, "/f", &bytes[..4 * PART]);
    for offset in [1, PART - 1, PART + 1, 4 * PART + 1, 5 * PART, usize::MAX] {
        let mode = StoreMode::At(offset as u64);
        for session in [&session, &elsewhere(&world)] {
            refused(session.writer("/f", mode), 4 * PART);
        }
    }
    session.stor("/f", &bytes).unwrap();
    assert!(world.get("f") == bytes);
}

#[test]
fn going_on_earlier_leaves_nothing_of_the_later_parts() {
    let world = resuming();
    let old = noise(6 * PART);
    let new = noise(6 * PART + 5);
    let file = [&old[..2 * PART], &new[..3 * PART]].concat();
    broken(&world, &world.session(), "/f", &old[..5 * PART + 9]);
    let session = elsewhere(&world);
    // It breaks off once more, shorter than what had been there.
    let at = 2 * PART;
    let mut writer = session.writer("/f", StoreMode::At(at as u64)).unwrap();
    write_all(writer.as_mut(), &file[at..at + PART]).unwrap();
    drop(writer);
    wait_until(|| size(&session, "/f") == Some((at + PART) as u64));
    let at = at + PART;
    let session = elsewhere(&world);
    session
        .write("/f", StoreMode::At(at as u64), &file[at..])
        .unwrap();
    assert!(world.get("f") == file);
    world.assert_no_uploads();
}

#[test]
fn a_part_that_failed_ends_what_is_kept() {
    let world = resuming_with(|config| config.part_parallelism = 1);
    let bytes = noise(6 * PART);
    let session = world.session();
    world
        .proxy
        .rule("UploadPart", 2, 9, Act::Refuse(500, "InternalError"));
    let mut writer = session.writer("/f", StoreMode::Replace).unwrap();
    assert!(write_all(writer.as_mut(), &bytes).is_err());
    writer.discard();
    settled(&world);
    world.proxy.clear();
    assert_eq!(size(&session, "/f"), Some(2 * PART as u64));
    // Parts beyond a gap are not joined to what comes before them.
    let id = &world
        .store()
        .list_multipart_uploads("f", None)
        .unwrap()
        .uploads[0]
        .upload_id;
    let mut stale = SliceBody::new(&bytes[..PART]);
    world.store().upload_part("f", id, 5, &mut stale).unwrap();
    let other = elsewhere(&world);
    let mut writer = other.writer("/f", StoreMode::At(2 * PART as u64)).unwrap();
    write_all(writer.as_mut(), &bytes[2 * PART..3 * PART]).unwrap();
    drop(writer);
    wait_until(|| size(&session, "/f") == Some(3 * PART as u64));
    session.appe("/f", &bytes[3 * PART..]).unwrap();
    assert!(world.get("f") == bytes);
    world.assert_no_uploads();
}

#[test]
fn two_files_never_become_one() {
    for partial in [Partial::Discard, Partial::Resume] {
        let world = World::with(|config| config.partial = partial);
        let (old, new) = (noise(5 * PART), noise(6 * PART));
        world.put("f", &old);
        let session = world.session();
        session.broken_stor("/f", &new[..3 * PART + 10]);
        settled(&world);
        assert_eq!(size(&session, "/f"), Some(old.len() as u64));
        let offsets = [1, PART, 2 * PART, 3 * PART, 3 * PART + 10, 5 * PART];
        let modes = offsets.map(|offset| StoreMode::At(offset as u64));
        for mode in modes.into_iter().chain([StoreMode::Append]) {
            if partial == Partial::Resume {
                if mode != StoreMode::At(3 * PART as u64) {
                    refused(session.writer("/f", mode), 3 * PART);
                    refused(world.elsewhere().writer("/f", mode), 3 * PART);
                }
            } else {
                let error = session.writer("/f", mode).err().unwrap();
                assert_eq!(error.kind, ErrorKind::BadOffset);
                assert!(error.message.contains("send the whole file"), "{error}");
            }
        }
        assert!(world.get("f") == old);
        if partial == Partial::Resume {
            let mode = StoreMode::At(3 * PART as u64);
            let other = world.elsewhere();
            other.write("/f", mode, &new[3 * PART..]).unwrap();
        } else {
            session.stor("/f", &new).unwrap();
        }
        assert!(world.get("f") == new);
        session.appe("/f", b"more").unwrap();
        assert_eq!(world.get("f").len(), new.len() + 4);
    }
}

/// Parts of the old session may be on their way while its client comes back and asks SIZE.
#[test]
fn appe_goes_on_from_where_size_said() {
    let world = resuming();
    let (part, bytes) = (noise(PART), noise(3 * PART + 5));
    for session in [world.session(), elsewhere(&world)] {
        let id = upload(&world, "f", &[(2, &bytes[..PART])]);
        assert_eq!(size(&session, "/f"), Some(PART as u64));
        let mut late = SliceBody::new(&part);
        world.store().upload_part("f", &id, 3, &mut late).unwrap();
        session.appe("/f", &bytes[PART..]).unwrap();
        assert!(world.get("f") == bytes);
        // What was said is over.
        session.appe("/f", b"more").unwrap();
        assert!(world.get("f") == [&bytes[..], b"more"].concat());
        session.dele("/f").unwrap();
    }
    world.assert_no_uploads();
}

#[test]
fn appe_does_not_begin_anew_what_size_said_was_there() {
    let world = resuming();
    let (session, part) = (world.session(), noise(PART));
    let id = upload(&world, "f", &[(2, &part)]);
    assert_eq!(size(&session, "/f"), Some(PART as u64));
    world.store().abort_multipart("f", &id).unwrap();
    assert_eq!(kind(session.appe("/f", b"rest")), ErrorKind::BadOffset);
    assert_eq!(size(&session, "/f"), None);
    session.appe("/f", b"all").unwrap();
    assert!(world.get("f") == b"all");
}

#[test]
fn an_upload_older_than_the_object_is_nobodys() {
    let world = resuming();
    let part = noise(PART);
    let id = upload(&world, "f", &[(2, &part), (3, &part)]);
    let begun = world.store().list_multipart_uploads("f", None).unwrap();
    let begun = begun.uploads[0].initiated;
    // OSS's times are whole seconds.
    wait_until(|| {
        world.put("f", &noise(PART + 7));
        world.store().head_object("f").unwrap().last_modified > begun
    });
    let session = world.session();
    session
        .write("/f", StoreMode::At(PART as u64), b"new")
        .unwrap();
    assert_eq!(world.get("f").len(), PART + 3);
    session.appe("/f", b"more").unwrap();
    assert_eq!(world.get("f").len(), PART + 7);
    let refused = session.writer("/f", StoreMode::At(2 * PART as u64));
    assert_eq!(kind(refused), ErrorKind::BadOffset);
    world.store().abort_multipart("f", &id).unwrap();
}

#[test]
fn what_keeps_some_of_an_object_is_aborted_as_ever() {
    let world = resuming();
    let session = world.session();
    world.put("f", &noise(2 * PART));
    for mode in [StoreMode::Append, StoreMode::At(2 * PART as u64)] {
        let mut writer = session.writer("/f", mode).unwrap();
        write_all(writer.as_mut(), &noise(3 * PART)).unwrap();
        drop(writer);
        settled(&world);
        world.assert_no_uploads();
    }
    session.appe("/f", b"more").unwrap();
    assert_eq!(world.get("f").len(), 2 * PART + 4);
}

#[test]
fn a_client_that_comes_back_takes_its_upload_from_the_old_session() {
    let world = resuming();
    let bytes = noise(9 * PART);
    let (old, new) = (world.session(), world.session());
    let mut dying = old.writer("/f", StoreMode::Replace).unwrap();
    write_all(dying.as_mut(), &bytes[..4 * PART + 10]).unwrap();
    let kept = 4 * PART as u64;
    wait_until(|| size(&new, "/f") == Some(kept));
    let mut writer = new.writer("/f", StoreMode::At(kept)).unwrap();
    // Whatever the old one still does, it changes nothing.
    let more = write_all(dying.as_mut(), &bytes[4 * PART + 10..7 * PART]);
    if more.is_ok() {
        assert!(dying.commit().is_err());
    } else {
        dying.discard();
    }
    write_all(writer.as_mut(), &bytes[4 * PART..]).unwrap();
    writer.commit().unwrap();
    settled(&world);
    assert!(world.get("f") == bytes);
    world.assert_no_uploads();
}

#[test]
fn a_failed_commit_is_only_said_again() {
    let world = resuming();
    let bytes = noise(3 * PART);
    let session = world.session();
    let complete = "CompleteMultipartUpload";
    world
        .proxy
        .rule(complete, 0, 1, Act::Refuse(403, "AccessDenied"));
    let failed = session.stor("/f", &bytes).unwrap_err();
    assert_eq!(failed.kind, ErrorKind::Denied);
    assert!(matches!(failed.kept, Kept::Bytes(_) | Kept::Unknown));
    settled(&world);
    assert_eq!(size(&session, "/f"), Some(3 * PART as u64));
    let mode = StoreMode::At(3 * PART as u64);
    let numbers = sent(&world, || session.write("/f", mode, b"").unwrap());
    assert_eq!(numbers, [0; 0]);
    assert!(world.get("f") == bytes);
}

#[test]
fn an_upload_that_can_never_be_whole_is_aborted() {
    let world = resuming();
    let session = world.session();
    let complete = "CompleteMultipartUpload";
    world
        .proxy
        .rule(complete, 0, 1, Act::Refuse(400, "InvalidPart"));
    assert!(session.stor("/f", &noise(3 * PART)).is_err());
    settled(&world);
    world.assert_no_uploads();
    let refused = session.writer("/f", StoreMode::At(PART as u64));
    assert_eq!(kind(refused), ErrorKind::BadOffset);
}

#[test]
fn another_instance_is_not_disturbed_by_the_end_of_the_old_session() {
    let world = resuming();
    let bytes = noise(9 * PART);
    let mut dying = world.session().writer("/f", StoreMode::Replace).unwrap();
    write_all(dying.as_mut(), &bytes[..4 * PART + 10]).unwrap();
    let other = elsewhere(&world);
    wait_until(|| size(&other, "/f") == Some(4 * PART as u64));
    let mode = StoreMode::At(4 * PART as u64);
    let mut writer = other.writer("/f", mode).unwrap();
    write_all(writer.as_mut(), &bytes[4 * PART..7 * PART]).unwrap();
    // Two parts have gone, and the old session has a part of its own to save.
    wait_until(|| size(&other, "/f") >= Some(6 * PART as u64));
    dying.discard();
    settled(&world);
    write_all(writer.as_mut(), &bytes[7 * PART..]).unwrap();
    writer.commit().unwrap();
    assert!(world.get("f") == bytes);
    world.assert_no_uploads();
}

#[test]
fn memory_comes_back_after_uploads_that_broke_off() {
    let world = resuming_with(|config| {
        config.transfer_memory = 2 << 20;
        config.part_size = 1 << 20;
    });
    let session = world.session();
    for round in 0..5 {
        session.broken_stor(&format!("/{round}"), &noise(1_500_000));
        settled(&world);
    }
    session.stor("/f", &noise(3_000_000)).unwrap();
    assert_eq!(world.get("f").len(), 3_000_000);
    assert_eq!(open_uploads(&world).len(), 5);
}

#[test]
fn old_uploads_are_swept_and_only_ours() {
    let world = World::with(|config| config.partial = Partial::Resume);
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
    wait_until(|| open_uploads(&world).len() == 3);
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
    wait_until(|| world.proxy.seen().iter().any(|seen| seen.api == api));
}

#[test]
fn what_is_about_to_be_thrown_away_is_not_gone_on_with() {
    let world = resuming();
    let session = world.session();
    let old = noise(2 * PART);
    world.put("f", &old);
    // Parts that are damaged are of no use, and OSS does not take the abort now.
    world.proxy.rule("UploadPartCopy", 0, 9, Act::LieAboutCrc);
    let refusal = Act::Refuse(500, "InternalError");
    world.proxy.rule("AbortMultipartUpload", 0, 3, refusal);
    assert_eq!(kind(session.appe("/f", b"one")), ErrorKind::Unavailable);
    wait_for(&world, "AbortMultipartUpload");
    world.proxy.clear();
    session.appe("/f", b"more").unwrap();
    assert!(world.get("f") == [&old[..], b"more"].concat());
    world.assert_no_uploads();
}
