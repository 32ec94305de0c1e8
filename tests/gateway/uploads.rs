//! Multipart uploads: parts side by side, memory within its budget, and what is left of them.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use ossftp::gateway::Partial;
use ossftp_core::driver::write_all;
use ossftp_core::{ErrorKind, StoreMode};
use ossftp_oss::{PutObject, SliceBody};

use crate::proxy::Act;
use crate::world::{PART, World, kind, noise};

const MIB: usize = 1 << 20;

fn apis(requests: &[String]) -> Vec<&str> {
    let names = requests.iter().map(|line| line.split(' ').next());
    names.map(Option::unwrap).collect()
}

#[test]
fn parts_are_under_way_at_the_same_time() {
    let world = World::new();
    let session = world.session();
    let bytes = noise(6 * PART + 1);
    let barrier = Arc::new(Barrier::new(5));
    let hold = Act::Hold(Arc::clone(&barrier));
    world.proxy.rule("UploadPart", 0, 4, hold);
    thread::scope(|scope| {
        let writer = scope.spawn(|| session.stor("/f", &bytes));
        // Nobody passes before all four are there.
        barrier.wait();
        barrier.wait();
        writer.join().unwrap().unwrap();
    });
    assert!(world.get("f") == bytes);
    world.assert_no_uploads();
}

#[test]
fn parts_may_end_in_any_order() {
    let world = World::new();
    let session = world.session();
    let bytes = noise(9 * PART + 1);
    let barrier = Arc::new(Barrier::new(2));
    let hold = Act::Hold(Arc::clone(&barrier));
    world.proxy.rule("UploadPart", 0, 1, hold);
    thread::scope(|scope| {
        let writer = scope.spawn(|| session.stor("/f", &bytes));
        barrier.wait();
        let sent = || {
            let seen = world.proxy.seen();
            seen.iter().filter(|seen| seen.api == "UploadPart").count()
        };
        // All others pass the one that is held back.
        while sent() < 10 {
            thread::yield_now();
        }
        barrier.wait();
        writer.join().unwrap().unwrap();
    });
    assert!(world.get("f") == bytes);
}

#[test]
fn one_at_a_time_if_that_is_set() {
    let world = World::with(|config| config.part_parallelism = 1);
    let session = world.session();
    let bytes = noise(5 * PART + 1);
    world.proxy.take();
    session.stor("/f", &bytes).unwrap();
    let seen = world.proxy.take();
    for (number, seen) in (2..8).zip(&seen[1..]) {
        let wanted = format!("partNumber={number}&");
        assert!(seen.head.contains(&wanted), "{}", seen.head);
    }
    assert!(world.get("f") == bytes);
}

#[test]
fn without_a_thread_the_parts_go_all_the_same() {
    let world = World::with(|config| config.max_threads = 0);
    let bytes = noise(5 * PART + 1);
    world.session().stor("/f", &bytes).unwrap();
    assert!(world.get("f") == bytes);
}

#[test]
fn one_part_that_fails_ends_the_upload() {
    let world = World::new();
    world.put("f", b"old");
    let session = world.session();
    for skip in [0, 3, 7] {
        world.proxy.clear();
        let refuse = Act::Refuse(403, "AccessDenied");
        world.proxy.rule("UploadPart", skip, 1, refuse);
        let mut writer = session.writer("/f", StoreMode::Replace).unwrap();
        let written = write_all(writer.as_mut(), &noise(8 * PART));
        let failed = writer.commit().unwrap_err();
        assert_eq!(failed.kind, ErrorKind::Denied);
        assert!(failed.message.contains("oss:PutObject"), "{failed}");
        if let Err(error) = written {
            assert_eq!(error, failed);
        }
        world.assert_no_uploads();
        assert_eq!(world.get("f"), b"old");
    }
}

#[test]
fn the_least_memory_is_enough_for_a_large_file() {
    let world = World::with(|config| {
        config.part_size = 8 << 20;
        config.transfer_memory = 1 << 20;
    });
    let session = world.session();
    for size in [3 * MIB, 4 * MIB + 77] {
        let bytes = noise(size);
        let requests = world.requests(|| session.stor("/f", &bytes).unwrap());
        assert!(apis(&requests).contains(&"UploadPart"));
        assert!(world.get("f") == bytes);
        session.appe("/f", b"more").unwrap();
        assert_eq!(world.get("f").len(), size + 4);
    }
    // Nor does it need more where OSS cannot copy what is kept.
    let refuse = Act::Refuse(400, "OperationNotSupported");
    world.proxy.rule("UploadPartCopy", 0, 1, refuse);
    let old = world.get("f");
    session.appe("/f", b"more").unwrap();
    assert!(world.get("f") == [&old[..], b"more"].concat());
    world.assert_no_uploads();
}

#[test]
fn many_writers_share_little_memory() {
    const WINDOWS: usize = 5;
    let world = World::with(|config| {
        config.part_size = 2 << 20;
        config.transfer_memory = (WINDOWS * MIB) as u64;
    });
    thread::scope(|scope| {
        for writer in 0..8 {
            let world = &world;
            scope.spawn(move || {
                let (session, name) = (world.session(), format!("/f{writer}"));
                let bytes = noise(3 * MIB + writer);
                while let Err(error) = session.stor(&name, &bytes) {
                    assert_eq!(error.kind, ErrorKind::Busy);
                    thread::yield_now();
                }
                assert!(world.get(&name[1..]) == bytes);
            });
        }
    });
    world.assert_no_uploads();
    // All of it has been given back.
    let session = world.session();
    let open = |name: usize| session.writer(&format!("/{name}"), StoreMode::Replace);
    let all: Vec<_> = (0..WINDOWS).map(|name| open(name).unwrap()).collect();
    assert_eq!(kind(open(9)), ErrorKind::Busy);
    drop(all);
    assert!(open(9).is_ok());
}

#[test]
fn a_broken_upload_is_not_waited_for() {
    let world = World::new();
    let session = world.session();
    let barrier = Arc::new(Barrier::new(2));
    let hold = Act::Hold(Arc::clone(&barrier));
    world.proxy.rule("AbortMultipartUpload", 0, 1, hold);
    session.broken_stor("/f", &noise(3 * PART));
    barrier.wait();
    assert!(!world.storage.drain(Duration::ZERO));
    session.stor("/g", b"meanwhile").unwrap();
    barrier.wait();
    assert!(world.storage.drain(Duration::from_secs(30)));
    world.assert_no_uploads();
}

#[test]
fn an_abort_is_tried_again() {
    let world = World::new();
    let session = world.session();
    let refuse = Act::Refuse(503, "ServiceUnavailable");
    world.proxy.rule("AbortMultipartUpload", 0, 5, refuse);
    session.broken_stor("/f", &noise(3 * PART));
    world.assert_no_uploads();
}

#[test]
fn a_beginning_whose_answer_is_lost_is_found() {
    let world = World::new();
    let session = world.session();
    let bytes = noise(PART + 1);
    // Another tool's, of a longer name; and one of ours that is under way.
    let store = world.store();
    let other = store
        .initiate_multipart("f2", &PutObject::default())
        .unwrap();
    let mut mine = session.writer("/f", StoreMode::Replace).unwrap();
    write_all(mine.as_mut(), &bytes).unwrap();
    while !world
        .proxy
        .seen()
        .iter()
        .any(|seen| seen.api == "UploadPart")
    {
        thread::yield_now();
    }
    world.proxy.rule("InitiateMultipartUpload", 0, 1, Act::Lose);
    let requests = world.requests(|| session.stor("/f", &bytes).unwrap());
    assert_eq!(
        apis(&requests)[..3],
        [
            "InitiateMultipartUpload",
            "ListMultipartUploads",
            "ListParts"
        ]
    );
    assert_eq!(apis(&requests)[3..5], ["UploadPart"; 2]);
    assert!(world.get("f") == bytes);
    drop(mine);
    store.abort_multipart("f2", &other).unwrap();
    world.assert_no_uploads();
}

#[test]
fn a_beginning_that_was_none_is_made_again() {
    let world = World::new();
    let session = world.session();
    let bytes = noise(PART + 1);
    let refuse = || Act::Refuse(500, "InternalError");
    world.proxy.rule("InitiateMultipartUpload", 0, 2, refuse());
    session.stor("/f", &bytes).unwrap();
    world.assert_no_uploads();
    world.proxy.rule("InitiateMultipartUpload", 0, 9, refuse());
    let requests = world.requests(|| {
        assert_eq!(kind(session.stor("/f", &bytes)), ErrorKind::Unavailable);
    });
    assert_eq!(requests.len(), 6);
    world.proxy.clear();
    // Without the right to list uploads there is nothing to be found, and no reason to fail.
    world.proxy.rule("InitiateMultipartUpload", 0, 1, refuse());
    let refuse = Act::Refuse(403, "AccessDenied");
    world.proxy.rule("ListMultipartUploads", 0, 1, refuse);
    session.stor("/f", &bytes).unwrap();
    assert!(world.get("f") == bytes);
    world.assert_no_uploads();
}

#[test]
fn new_files_have_the_storage_class_that_is_set() {
    let world = World::with(|config| config.storage_class = Some("IA".to_owned()));
    let session = world.session();
    for size in [1, PART + 1] {
        world.proxy.take();
        session.stor("/f", &noise(size)).unwrap();
        let first = world.proxy.take().remove(0);
        assert_eq!(first.header("x-oss-storage-class"), Some("IA"));
    }
    let of_bucket = |config: &mut ossftp::gateway::GatewayConfig| {
        config.storage_class = Some("IA".to_owned());
        let bucket = crate::world::BUCKET.to_owned();
        let settings = config.buckets.entry(bucket).or_default();
        settings.storage_class = Some("Archive".to_owned());
    };
    let world = World::with(of_bucket);
    let session = world.session();
    world.proxy.take();
    session.stor("/f", b"1").unwrap();
    let first = world.proxy.take().remove(0);
    assert_eq!(first.header("x-oss-storage-class"), Some("Archive"));
}

#[test]
fn an_upload_to_be_gone_on_with_stays() {
    let world = World::with(|config| config.partial = Partial::Resume);
    let session = world.session();
    let bytes = noise(5 * PART);
    session.broken_stor("/long", &bytes[..3 * PART + 200]);
    session.broken_stor("/one", &bytes[..PART]);
    session.broken_stor("/short", &bytes[..PART - 1]);
    assert!(world.storage.drain(Duration::from_secs(30)));
    let uploads = world.store().list_multipart_uploads("", None).unwrap();
    let sizes = |key: &str| {
        let upload = uploads.uploads.iter().find(|upload| upload.key == key);
        let id = &upload.unwrap().upload_id;
        let page = world.store().list_parts(key, id, None).unwrap();
        let parts = page.parts.into_iter().map(|part| (part.number, part.size));
        parts.collect::<Vec<_>>()
    };
    let part = PART as u64;
    assert_eq!(sizes("long"), [(2, part), (3, part), (4, part)]);
    assert_eq!(sizes("one"), [(2, part)]);
    assert_eq!(uploads.uploads.len(), 2);
}

#[test]
fn what_a_file_is_stays_when_it_is_written_from_its_own_bytes() {
    let world = World::new();
    let session = world.session();
    let put = PutObject {
        content_type: Some("text/x-mine".to_owned()),
        cache_control: Some("no-cache".to_owned()),
        content_disposition: Some("attachment".to_owned()),
        expires: Some("Fri, 24 Feb 2034 06:07:48 GMT".to_owned()),
        storage_class: Some("IA".to_owned()),
        meta: vec![("owner".to_owned(), "me".to_owned())],
        tagging: vec![("a b".to_owned(), "1".to_owned())],
        ..PutObject::default()
    };
    for size in [10, PART] {
        let mut body = SliceBody::new(&[7; PART][..size]);
        world.store().put_object("f", &mut body, &put).unwrap();
        let before = world.store().head_object("f").unwrap();
        world.proxy.take();
        session.appe("/f", b"more").unwrap();
        let seen = world.proxy.take();
        let write = seen
            .iter()
            .find(|seen| matches!(seen.api, "PutObject" | "InitiateMultipartUpload"));
        let write = write.unwrap();
        for (name, value) in [
            ("cache-control", &before.cache_control),
            ("content-disposition", &before.content_disposition),
            ("expires", &before.expires),
            ("x-oss-storage-class", &before.storage_class),
            ("content-type", &before.content_type),
        ] {
            assert_eq!(write.header(name), value.as_deref(), "{name}");
        }
        assert_eq!(write.header("x-oss-meta-owner"), Some("me"));
        assert_eq!(world.store().get_object_tagging("f").unwrap(), put.tagging);
    }
}
