//! Parts that are sent while they come, since they are too large to be held in memory.

use std::collections::BTreeSet;
use std::thread;

use ossftp::gateway::{GatewayConfig, Partial};
use ossftp_core::driver::{Cancel, write_all};
use ossftp_core::{ErrorKind, Kept, StoreMode};

use crate::proxy::{Act, Seen};
use crate::windows::assert_free;
use crate::world::{Session, World, kind, noise, path, wait_until};

const MIB: usize = 1 << 20;
/// The tests' part, which is never held in memory.
const PART: usize = 3 * MIB;

fn world(change: impl FnOnce(&mut GatewayConfig)) -> World {
    World::with(|config| {
        config.part_size = PART as u64;
        config.buffered_part = MIB as u64;
        config.transfer_memory = 16 << 20;
        change(config);
    })
}

/// How each part went out, by number: with its length, or `None` in chunks.
fn parts(seen: &[Seen]) -> Vec<Option<usize>> {
    let parts = seen.iter().filter(|seen| seen.api == "UploadPart");
    let mut parts: Vec<_> = parts
        .map(|seen| {
            let is_chunked = seen.header("transfer-encoding") == Some("chunked");
            let length = seen.header("content-length");
            assert_ne!(is_chunked, length.is_some(), "{}", seen.head);
            (number(seen), length.map(|text| text.parse().unwrap()))
        })
        .collect();
    parts.sort_unstable();
    parts.into_iter().map(|(_, length)| length).collect()
}

fn number(seen: &Seen) -> u32 {
    let (_, rest) = seen.head.split_once("partNumber=").unwrap();
    rest.split('&').next().unwrap().parse().unwrap()
}

#[test]
fn large_parts_go_out_while_they_come() {
    let world = world(|_| {});
    let session = world.session();
    for (size, expected) in [
        (PART, vec![None]),
        (PART + 1, vec![None, Some(1)]),
        (PART + MIB + 1, vec![None, None]),
        (2 * PART, vec![None, None]),
        (2 * PART + MIB - 1, vec![None, None, Some(MIB - 1)]),
        (5 * PART + 77, vec![None, None, None, None, None, Some(77)]),
    ] {
        let bytes = noise(size);
        world.proxy.take();
        session.stor("/f", &bytes).unwrap();
        let seen = world.proxy.take();
        assert_eq!(parts(&seen), expected, "{size}");
        assert_eq!(seen.len(), expected.len() + 2);
        assert!(world.get("f") == bytes, "{size}");
    }
    // What can be held in memory is one request, as ever.
    for size in [0, 1, MIB - 1, MIB, MIB + 1] {
        let bytes = noise(size);
        let requests = world.requests(|| session.stor("/f", &bytes).unwrap());
        assert_eq!(requests, ["PutObject f"], "{size}");
        assert!(world.get("f") == bytes);
    }
    world.assert_no_uploads();
    assert_free(&world, 16);
}

#[test]
fn small_parts_come_before_large_ones() {
    let world = world(|config| config.buffered_part = PART as u64);
    let session = world.session();
    let bytes = noise(4 * PART);
    world.proxy.take();
    session.stor("/f", &bytes).unwrap();
    assert_eq!(parts(&world.proxy.take()), [Some(PART); 4]);
    assert!(world.get("f") == bytes);
    // What is kept of a file goes with large parts too.
    let world = self::world(|_| {});
    let session = world.session();
    world.put("f", &bytes);
    session.appe("/f", &noise(2 * PART)).unwrap();
    assert!(world.get("f") == [&bytes[..], &noise(2 * PART)].concat());
    let mut writer = session.writer("/f", StoreMode::At(PART as u64)).unwrap();
    write_all(writer.as_mut(), &noise(PART + 1)).unwrap();
    writer.commit().unwrap();
    assert!(world.get("f") == [&bytes[..PART], &noise(PART + 1)].concat());
}

#[test]
fn a_part_that_fails_ends_the_upload() {
    for act in [
        Act::Break(0),
        Act::Break(MIB + 5),
        Act::Interrupt(10, 503, "ServiceUnavailable"),
        Act::Refuse(500, "InternalError"),
        Act::Lose,
        Act::LieAboutCrc,
    ] {
        for skip in [0, 2] {
            // One for each: a request that was stopped may come to the proxy after the next rule.
            let world = world(|_| {});
            world.put("f", b"old");
            let session = world.session();
            world.proxy.rule("UploadPart", skip, 1, act.clone());
            let mut writer = session.writer("/f", StoreMode::Replace).unwrap();
            let written = write_all(writer.as_mut(), &noise(4 * PART));
            let failed = writer.commit().unwrap_err();
            assert_eq!(failed.kind, ErrorKind::Unavailable, "{act:?} {failed}");
            if let Err(error) = written {
                assert_eq!(error.kind, failed.kind);
            }
            let seen = world.proxy.take();
            // Those before, perhaps the one after; and none twice.
            let parts = seen.iter().filter(|seen| seen.api == "UploadPart");
            let numbers: Vec<_> = parts.map(number).collect();
            let each: BTreeSet<_> = numbers.iter().collect();
            assert_eq!(each.len(), numbers.len(), "{act:?} {numbers:?}");
            assert!(numbers.len() > skip, "{act:?} {numbers:?}");
            world.assert_no_uploads();
            assert_eq!(world.get("f"), b"old");
        }
    }
    let world = world(|_| {});
    let session = world.session();
    let refuse = Act::Refuse(403, "AccessDenied");
    world.proxy.rule("UploadPart", 1, 1, refuse);
    let failed = session.stor("/f", &noise(3 * PART)).unwrap_err();
    assert_eq!(failed.kind, ErrorKind::Denied);
    world.assert_no_uploads();
    assert_free(&world, 16);
    session.stor("/f", &noise(3 * PART)).unwrap();
    assert!(world.get("f") == noise(3 * PART));
}

#[test]
fn without_a_thread_or_memory_parts_are_held_as_far_as_they_can_be() {
    let bytes = noise(4 * PART + 9);
    let without = world(|config| config.max_threads = 0);
    without.session().stor("/f", &bytes).unwrap();
    let expected = [Some(PART), Some(PART), Some(PART), Some(PART), Some(9)];
    assert_eq!(parts(&without.proxy.take()), expected);
    assert!(without.get("f") == bytes);
    assert_free(&without, 16);
    // The least there can be.
    for megabytes in [1, 2, 3] {
        let least = world(|config| config.transfer_memory = megabytes << 20);
        let session = least.session();
        session.stor("/f", &bytes).unwrap();
        assert!(least.get("f") == bytes, "{megabytes}");
        session.appe("/f", b"more").unwrap();
        assert_eq!(least.get("f").len(), bytes.len() + 4);
        least.assert_no_uploads();
        assert_free(&least, usize::try_from(megabytes).unwrap());
    }
    // One after the other: it is still one request at a time.
    let alone = world(|config| config.part_parallelism = 1);
    alone.session().stor("/f", &bytes).unwrap();
    let seen = alone.proxy.take();
    assert_eq!(parts(&seen), [None, None, None, None, Some(9)]);
    assert!(alone.get("f") == bytes);
}

#[test]
fn many_writers_share_few_threads() {
    let world = world(|config| config.max_threads = 2);
    thread::scope(|scope| {
        for writer in 0..4 {
            let world = &world;
            scope.spawn(move || {
                let (session, name) = (world.session(), format!("/f{writer}"));
                let bytes = noise(3 * PART + writer);
                while let Err(error) = session.stor(&name, &bytes) {
                    assert_eq!(error.kind, ErrorKind::Busy);
                    thread::yield_now();
                }
                assert!(world.get(&name[1..]) == bytes);
            });
        }
    });
    world.assert_no_uploads();
    assert_free(&world, 16);
}

#[test]
fn memory_stays_small() {
    // A part of 16 MiB where there are 8 in all.
    let world = world(|config| {
        config.part_size = 16 << 20;
        config.transfer_memory = 8 << 20;
    });
    let session = world.session();
    let bytes = noise(20 * MIB);
    let mut writer = session.writer("/f", StoreMode::Replace).unwrap();
    for chunk in bytes.chunks(MIB / 2) {
        write_all(writer.as_mut(), chunk).unwrap();
        // There is always room for two others.
        let others: Vec<_> = (0..2)
            .map(|_| session.writer("/g", StoreMode::Replace))
            .collect();
        assert!(others.iter().all(Result::is_ok));
    }
    writer.commit().unwrap();
    assert_eq!(parts(&world.proxy.take()).len(), 2);
    assert!(world.get("f") == bytes);
}

#[test]
fn what_is_broken_off_is_never_whole() {
    let world = world(|config| config.transfer_memory = 8 << 20);
    world.put("f", b"old");
    let session = world.session();
    for size in [MIB + 1, 2 * MIB + 1, PART, PART + MIB + 1] {
        session.broken_stor("/f", &noise(size));
        world.assert_no_uploads();
        let cancel = Cancel::new();
        let mut writer = session
            .volume
            .open_write(&path("/f"), StoreMode::Replace, None, &cancel)
            .unwrap();
        write_all(writer.as_mut(), &noise(size)).unwrap();
        cancel.cancel();
        assert_eq!(kind(writer.commit()), ErrorKind::Cancelled);
        world.assert_no_uploads();
    }
    assert_eq!(world.get("f"), b"old");
    assert_free(&world, 8);
}

#[test]
fn a_store_that_stalls_is_cancelled() {
    let world = world(|config| config.transfer_memory = 8 << 20);
    let session = world.session();
    world.proxy.rule("UploadPart", 0, 1, Act::Stall);
    let cancel = Cancel::new();
    let mut writer = session
        .volume
        .open_write(&path("/f"), StoreMode::Replace, None, &cancel)
        .unwrap();
    write_all(writer.as_mut(), &noise(PART)).unwrap();
    let stopping = thread::spawn({
        let cancel = cancel.clone();
        move || cancel.cancel()
    });
    assert_eq!(kind(writer.commit()), ErrorKind::Cancelled);
    stopping.join().unwrap();
    world.proxy.clear();
    world.assert_no_uploads();
    assert_free(&world, 8);
}

#[test]
fn an_upload_to_be_gone_on_with_keeps_what_has_come() {
    let world = world(|config| {
        config.partial = Partial::Resume;
        // So that it is the second part that comes second.
        config.part_parallelism = 1;
    });
    let session = world.session();
    let bytes = noise(3 * PART);
    let broken = 2 * PART - MIB / 2;
    let mut writer = session.writer("/f", StoreMode::Replace).unwrap();
    write_all(writer.as_mut(), &bytes[..broken]).unwrap();
    is_kept(&session, "/f", &writer.break_off(), broken);
    let mut writer = session.writer("/f", StoreMode::At(broken as u64)).unwrap();
    write_all(writer.as_mut(), &bytes[broken..]).unwrap();
    writer.commit().unwrap();
    assert!(world.get("f") == bytes);
    // Unless it was OSS that broke it off: then what is lost cannot be sent again.
    world.proxy.rule("UploadPart", 1, 1, Act::Break(MIB));
    let mut writer = session.writer("/g", StoreMode::Replace).unwrap();
    let written = write_all(writer.as_mut(), &bytes);
    assert!(written.is_err() || writer.space().is_err());
    is_kept(&session, "/g", &writer.break_off(), PART);
    assert!(world.storage.drain(std::time::Duration::from_secs(30)));
}

/// So much of a broken upload is kept; on a slow machine SIZE tells it a little later.
fn is_kept(session: &Session, at: &str, said: &Kept, length: usize) {
    assert!(*said == Kept::Bytes(length as u64) || *said == Kept::Unknown);
    wait_until(|| {
        session
            .stat(at)
            .is_ok_and(|entry| entry.size == length as u64)
    });
}
