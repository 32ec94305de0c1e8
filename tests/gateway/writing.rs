//! Uploads: one request or parts, nothing visible before the commit, nothing left without it.

use std::sync::{Arc, Barrier};
use std::thread;

use ossftp_core::driver::{Cancel, write_all};
use ossftp_core::{ErrorKind, StoreMode};

use crate::proxy::{Act, Seen};
use crate::world::{PART, World, kind, noise, path};

const NONE: [&str; 0] = [];

#[test]
fn up_to_one_part_is_one_request() {
    let world = World::new();
    let session = world.session();
    for size in [0, 1, 5_000, PART - 1, PART] {
        let bytes = noise(size);
        let requests = world.requests(|| session.stor("/dir/图.jpg", &bytes).unwrap());
        assert_eq!(requests, ["PutObject dir/图.jpg"], "{size}");
        assert_eq!(world.get("dir/图.jpg"), bytes);
    }
    let meta = world.store().head_object("dir/图.jpg").unwrap();
    assert_eq!(meta.content_type.as_deref(), Some("image/jpeg"));
}

#[test]
fn more_than_one_part_is_a_multipart_upload() {
    let world = World::new();
    let session = world.session();
    for (size, parts) in [(PART + 1, 2), (2 * PART, 2), (5 * PART + 77, 6)] {
        let bytes = noise(size);
        world.proxy.take();
        session.stor("/f", &bytes).unwrap();
        let seen = world.proxy.take();
        let apis: Vec<_> = seen.iter().map(|seen| seen.api).collect();
        let mut expected = vec!["InitiateMultipartUpload"];
        expected.extend(vec!["UploadPart"; parts]);
        expected.push("CompleteMultipartUpload");
        assert_eq!(apis, expected);
        // Numbers from 2 on tell our uploads from those of other tools.
        let mut numbers: Vec<_> = seen[1..=parts].iter().map(part_number).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(2..2 + parts));
        assert_eq!(world.get("f"), bytes);
        world.assert_no_uploads();
    }
}

/// The number of the part that an UploadPart sends.
fn part_number(seen: &Seen) -> usize {
    let (_, rest) = seen.head.split_once("partNumber=").unwrap();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
    rest[..end].parse().unwrap()
}

#[test]
fn a_promised_length_makes_larger_parts() {
    let world = World::new();
    let session = world.session();
    let bytes = noise(3 * PART);
    let requests = world.requests(|| {
        let mut writer = session
            .volume
            .open_write(
                &path("/f"),
                StoreMode::Replace,
                Some(250 << 30),
                &Cancel::new(),
            )
            .unwrap();
        write_all(writer.as_mut(), &bytes).unwrap();
        writer.commit().unwrap();
    });
    assert_eq!(requests, ["PutObject f"]);
    assert_eq!(world.get("f"), bytes);
}

#[test]
fn what_is_broken_off_leaves_no_trace() {
    let world = World::new();
    world.put("old", b"old");
    let session = world.session();
    for size in [0, 10, PART, PART + 1, 3 * PART + 5] {
        for key in ["/old", "/new"] {
            session.broken_stor(key, &noise(size));
            let mut dropped = session.writer(key, StoreMode::Replace).unwrap();
            write_all(dropped.as_mut(), &noise(size)).unwrap();
            drop(dropped);
        }
        assert_eq!(world.keys(), ["old"], "{size}");
        assert_eq!(world.get("old"), b"old");
        world.assert_no_uploads();
    }
    let small = world.requests(|| session.broken_stor("/new", b"small"));
    assert_eq!(small, NONE);
}

#[test]
fn a_failed_commit_leaves_no_trace() {
    let world = World::new();
    world.put("f", b"old");
    let session = world.session();
    for api in [
        "InitiateMultipartUpload",
        "UploadPart",
        "CompleteMultipartUpload",
    ] {
        world
            .proxy
            .rule(api, 0, 1, Act::Refuse(403, "AccessDenied"));
        let failed = session.stor("/f", &noise(PART + 1)).unwrap_err();
        assert_eq!(failed.kind, ErrorKind::Denied);
        assert!(failed.message.contains("oss:PutObject"), "{failed}");
        assert_eq!(world.get("f"), b"old");
        world.assert_no_uploads();
    }
    world
        .proxy
        .rule("PutObject", 0, 1, Act::Refuse(403, "AccessDenied"));
    assert_eq!(kind(session.stor("/f", b"new")), ErrorKind::Denied);
    assert_eq!(world.get("f"), b"old");
}

#[test]
fn an_abort_is_asked_for_again() {
    let world = World::new();
    let session = world.session();
    world.proxy.rule(
        "AbortMultipartUpload",
        0,
        4,
        Act::Refuse(500, "InternalError"),
    );
    session.broken_stor("/f", &noise(2 * PART));
    world.assert_no_uploads();
    assert_eq!(world.keys(), NONE);
}

#[test]
fn rest_keeps_the_beginning() {
    let world = World::new();
    let session = world.session();
    let old = noise(3 * PART);
    let new = noise(2 * PART + 9);
    for keep in [1, 100, PART - 1, PART, PART + 1, 2 * PART + 50, 3 * PART] {
        for count in [0, 1, 700, PART, new.len()] {
            world.put("f", &old);
            let mode = StoreMode::At(keep as u64);
            session.write("/f", mode, &new[..count]).unwrap();
            let expected = [&old[..keep], &new[..count]].concat();
            assert!(world.get("f") == expected, "{keep} + {count}");
            world.assert_no_uploads();
        }
    }
}

#[test]
fn rest_copies_in_oss_what_it_keeps() {
    let world = World::new();
    let session = world.session();
    world.put("f", &noise(PART + 7));
    let long = world.requests(|| {
        session
            .write("/f", StoreMode::At(PART as u64), b"new")
            .unwrap();
    });
    assert_eq!(
        long,
        [
            "HeadObject f",
            "InitiateMultipartUpload f",
            "UploadPartCopy f",
            "UploadPart f",
            "CompleteMultipartUpload f"
        ]
    );
    let short = world.requests(|| session.write("/f", StoreMode::At(10), b"new").unwrap());
    assert_eq!(short, ["HeadObject f", "GetObject f", "PutObject f"]);
    let whole = world.requests(|| session.write("/f", StoreMode::At(0), b"new").unwrap());
    assert_eq!(whole, ["PutObject f"]);
}

#[test]
fn rest_beyond_the_end_is_refused() {
    let world = World::new();
    world.put("f", b"12345");
    let session = world.session();
    for (file, offset) in [("/f", 6), ("/f", u64::MAX), ("/none", 1)] {
        let opened = session.writer(file, StoreMode::At(offset));
        assert_eq!(kind(opened), ErrorKind::BadOffset);
    }
    session.write("/f", StoreMode::At(5), b"678").unwrap();
    assert_eq!(world.get("f"), b"12345678");
}

#[test]
fn append_adds_or_makes() {
    let world = World::new();
    let session = world.session();
    let bytes = noise(5 * PART);
    let mut at = 0;
    for size in [0, 10, PART - 20, 15, PART, 2 * PART + 3] {
        session.appe("/f", &bytes[at..at + size]).unwrap();
        at += size;
        assert!(world.get("f") == bytes[..at], "{at}");
    }
    let nothing = world.requests(|| session.appe("/f", b"").unwrap());
    assert_eq!(nothing, ["HeadObject f"]);
    world.assert_no_uploads();
}

#[test]
fn append_keeps_what_the_file_is() {
    use ossftp_oss::{PutObject, SliceBody};
    let world = World::new();
    let put = PutObject {
        content_type: Some("text/x-mine".to_owned()),
        meta: vec![("owner".to_owned(), "me".to_owned())],
        ..PutObject::default()
    };
    let session = world.session();
    for size in [10, PART] {
        let bytes = noise(size);
        let mut body = SliceBody::new(&bytes);
        world.store().put_object("f", &mut body, &put).unwrap();
        session.appe("/f", b"more").unwrap();
        let meta = world.store().head_object("f").unwrap();
        assert_eq!(meta.content_type.as_deref(), Some("text/x-mine"));
        assert_eq!(meta.user("owner"), Some("me"));
        assert_eq!(meta.size, size as u64 + 4);
    }
}

#[test]
fn append_to_what_cannot_be_copied_reads_it() {
    let world = World::new();
    let session = world.session();
    let old = noise(3 * PART + 11);
    world.put("f", &old);
    world.proxy.rule(
        "UploadPartCopy",
        0,
        1,
        Act::Refuse(400, "OperationNotSupported"),
    );
    session.appe("/f", b"more").unwrap();
    assert!(world.get("f") == [&old[..], b"more"].concat());
    world.assert_no_uploads();
}

#[test]
fn append_to_an_appendable_object() {
    use ossftp_oss::{PutObject, SliceBody};
    let world = World::new();
    let session = world.session();
    for size in [10, PART + 1] {
        let bytes = noise(size);
        let (mut body, put) = (SliceBody::new(&bytes), PutObject::default());
        let key = format!("f{size}");
        let store = world.store();
        store.append_object(&key, 0, None, &mut body, &put).unwrap();
        session.appe(&format!("/{key}"), b"more").unwrap();
        assert!(world.get(&key) == [&bytes[..], b"more"].concat());
    }
}

#[test]
fn append_to_a_changed_file_fails() {
    let world = World::new();
    let session = world.session();
    for size in [10, PART] {
        world.put("f", &noise(size));
        let mut writer = session.writer("/f", StoreMode::Append).unwrap();
        write_all(writer.as_mut(), b"more").unwrap();
        world.put("f", b"someone else's");
        let result = writer.commit();
        if size < PART {
            // It was read already: the last writer wins, with one whole file.
            result.unwrap();
        } else {
            assert_eq!(kind(result), ErrorKind::Busy);
            assert_eq!(world.get("f"), b"someone else's");
        }
        world.assert_no_uploads();
    }
}

#[test]
fn two_files_never_become_one() {
    let world = World::new();
    world.put("f", &noise(50));
    let (one, other) = (world.session(), world.session());
    for (round, mend) in ["stor", "dele"].into_iter().enumerate() {
        one.broken_stor("/f", &noise(20));
        for session in [&one, &other] {
            let requests = world.requests(|| {
                for mode in [StoreMode::At(20), StoreMode::Append] {
                    let refused = session.writer("/f", mode).err().unwrap();
                    assert_eq!(refused.kind, ErrorKind::BadOffset);
                    assert!(refused.message.contains("send the whole file"));
                }
            });
            assert_eq!(requests, NONE);
        }
        assert_eq!(world.get("f").len(), 50);
        if mend == "stor" {
            other.stor("/f", &noise(50)).unwrap();
        } else {
            other.dele("/f").unwrap();
        }
        one.appe("/f", b"more").unwrap();
        assert_eq!(world.get("f").len(), if round == 0 { 54 } else { 4 });
        world.put("f", &noise(50));
    }
    // A broken APPE leaves the file as it was: nothing to fear.
    let mut writer = one.writer("/f", StoreMode::Append).unwrap();
    write_all(writer.as_mut(), b"more").unwrap();
    writer.discard();
    one.appe("/f", b"again").unwrap();
    assert_eq!(world.get("f").len(), 55);
    // A broken REST inside the file does: what is there beyond is of the old one.
    let mut writer = one.writer("/f", StoreMode::At(10)).unwrap();
    write_all(writer.as_mut(), b"more").unwrap();
    writer.discard();
    assert_eq!(
        kind(one.writer("/f", StoreMode::At(14))),
        ErrorKind::BadOffset
    );
}

#[test]
fn an_upload_that_is_not_over_is_no_base_for_another() {
    // A client whose line died comes back at once, while the server still waits for the old one.
    let world = World::new();
    let (old, new) = (world.session(), world.session());
    for (begun, resumed) in [(StoreMode::Replace, 20), (StoreMode::At(10), 14)] {
        world.put("f", &noise(50));
        let mut dying = old.writer("/f", begun).unwrap();
        write_all(dying.as_mut(), &noise(10)).unwrap();
        for mode in [StoreMode::At(resumed), StoreMode::Append] {
            let refused = new.writer("/f", mode).err().unwrap();
            assert_eq!(refused.kind, ErrorKind::BadOffset);
            assert!(refused.message.contains("send the whole file"));
        }
        dying.discard();
        new.stor("/f", &noise(50)).unwrap();
        new.appe("/f", b"more").unwrap();
        assert_eq!(world.get("f").len(), 54);
    }
    // An upload that comes to its end is a base again; an APPE always is.
    let mut whole = old.writer("/f", StoreMode::Replace).unwrap();
    write_all(whole.as_mut(), b"whole").unwrap();
    whole.commit().unwrap();
    let appending = old.writer("/f", StoreMode::Append).unwrap();
    new.write("/f", StoreMode::At(5), b"!").unwrap();
    appending.discard();
    assert_eq!(world.get("f"), b"whole!");
}

#[test]
fn a_cancel_while_an_upload_begins_leaves_none() {
    let world = World::new();
    let session = world.session();
    let cancel = Cancel::new();
    let barrier = Arc::new(Barrier::new(2));
    let hold = Act::Hold(Arc::clone(&barrier));
    world.proxy.rule("InitiateMultipartUpload", 0, 1, hold);
    let mut writer = session
        .volume
        .open_write(&path("/f"), StoreMode::Replace, None, &cancel)
        .unwrap();
    let flag = cancel.clone();
    let stopper = thread::spawn(move || {
        barrier.wait();
        flag.cancel();
        barrier.wait();
    });
    let failed = write_all(writer.as_mut(), &noise(PART + 1));
    assert_eq!(kind(failed), ErrorKind::Cancelled);
    writer.discard();
    stopper.join().unwrap();
    world.assert_no_uploads();
    let ended = world.proxy.seen().pop().unwrap();
    assert_eq!(ended.api, "AbortMultipartUpload");
}

#[test]
fn a_cancelled_upload_ends_and_leaves_nothing() {
    let world = World::new();
    let session = world.session();
    let cancel = Cancel::new();
    let mut writer = session
        .volume
        .open_write(&path("/f"), StoreMode::Replace, None, &cancel)
        .unwrap();
    write_all(writer.as_mut(), &noise(PART + 1)).unwrap();
    cancel.cancel();
    let failed = write_all(writer.as_mut(), &noise(PART));
    assert_eq!(kind(failed), ErrorKind::Cancelled);
    assert_eq!(kind(writer.commit()), ErrorKind::Cancelled);
    world.assert_no_uploads();
    assert_eq!(world.keys(), NONE);
}
