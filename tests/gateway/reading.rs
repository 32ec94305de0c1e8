//! Downloads of up to one window: one GET, offsets, broken connections, damage.

use std::thread;
use std::time::{Duration, Instant};

use ossftp_core::ErrorKind;
use ossftp_core::driver::Cancel;

use crate::proxy::Act;
use crate::world::{World, kind, noise, path, read_all};

#[test]
fn one_get_reads_a_file() {
    let world = World::new();
    let session = world.session();
    for size in [0, 1, 70_000, 300_000] {
        let bytes = noise(size);
        world.put("f", &bytes);
        let requests = world.requests(|| {
            let mut reader = session.reader("/f", 0).unwrap();
            assert_eq!(reader.remaining(), Some(size as u64));
            assert!(read_all(reader.as_mut()).unwrap() == bytes);
        });
        assert_eq!(requests, ["GetObject f"], "{size}");
    }
    assert_eq!(
        world.requests(|| session.stat("/f").unwrap()),
        ["HeadObject f"]
    );
}

#[test]
fn offsets() {
    let world = World::new();
    let session = world.session();
    let bytes = noise(1000);
    world.put("f", &bytes);
    let requests = world.requests(|| {
        let mut reader = session.reader("/f", 400).unwrap();
        assert_eq!(reader.remaining(), Some(600));
        assert_eq!(read_all(reader.as_mut()).unwrap(), &bytes[400..]);
    });
    assert_eq!(requests, ["GetObject f"]);
    let at_end = world.requests(|| assert_eq!(session.retr_from("/f", 1000).unwrap(), b""));
    assert_eq!(at_end, ["GetObject f", "HeadObject f"]);
    assert_eq!(kind(session.reader("/f", 1001)), ErrorKind::BadOffset);
    assert_eq!(kind(session.reader("/none", 1)), ErrorKind::NotFound);
}

#[test]
fn what_is_no_file() {
    let world = World::new();
    let session = world.session();
    assert_eq!(kind(session.reader("/none", 0)), ErrorKind::NotFound);
    assert_eq!(kind(session.reader("/", 0)), ErrorKind::IsADirectory);
    session.mkd("/d").unwrap();
    assert_eq!(kind(session.reader("/d", 0)), ErrorKind::IsADirectory);
    assert_eq!(kind(session.dele("/d")), ErrorKind::IsADirectory);
    assert_eq!(kind(world.session().reader("/d", 0)), ErrorKind::NotFound);
}

#[test]
fn a_broken_connection_goes_unseen() {
    let world = World::new();
    let session = world.session();
    let bytes = noise(500_000);
    world.put("f", &bytes);
    for offset in [0, 1234] {
        world.proxy.rule("GetObject", 0, 1, Act::Cut(200_000));
        world.proxy.rule("GetObject", 0, 1, Act::Cut(100_000));
        world.proxy.take();
        assert!(session.retr_from("/f", offset).unwrap() == bytes[offset as usize..]);
        let seen = world.proxy.take();
        let gets: Vec<_> = seen.iter().filter(|s| s.api == "GetObject").collect();
        assert_eq!(gets.len(), 3);
        for get in &gets[1..] {
            assert!(get.header("Range").is_some() && get.header("If-Match").is_some());
        }
    }
}

#[test]
fn a_connection_that_always_breaks_is_given_up() {
    let world = World::new();
    let session = world.session();
    world.put("f", &noise(1000));
    world.proxy.rule("GetObject", 0, 100, Act::Cut(0));
    assert_eq!(kind(session.retr("/f")), ErrorKind::Unavailable);
}

#[test]
fn a_file_that_changes_on_the_way_is_no_file() {
    let world = World::new();
    let session = world.session();
    world.put("f", &noise(500_000));
    world.proxy.rule("GetObject", 0, 1, Act::Cut(200_000));
    let mut reader = session.reader("/f", 0).unwrap();
    assert!(!reader.fill().unwrap().is_empty());
    world.put("f", &noise(400_000));
    assert_eq!(kind(read_all(reader.as_mut())), ErrorKind::Busy);
}

#[test]
fn damage_is_seen() {
    let world = World::new();
    let session = world.session();
    for (size, act) in [
        (1000, Act::Damage),
        (300_000, Act::Damage),
        (300_000, Act::LieAboutCrc),
    ] {
        world.put("f", &noise(size));
        world.proxy.rule("GetObject", 0, 1, act.clone());
        let failed = session.retr("/f").unwrap_err();
        assert!(failed.message.contains("damaged"), "{act:?}: {failed}");
        // Also where the file comes in pieces.
        if size == 300_000 && matches!(act, Act::Damage) {
            world.proxy.rule("GetObject", 0, 1, Act::Cut(100_000));
            world.proxy.rule("GetObject", 0, 1, Act::Damage);
            assert!(session.retr("/f").is_err());
        }
    }
}

#[test]
fn a_get_that_waited_too_long_is_made_again() {
    let world = World::with(|config| config.reopen_after = Duration::ZERO);
    let session = world.session();
    let bytes = noise(200_000);
    world.put("f", &bytes);
    for offset in [0, 100] {
        world.proxy.take();
        assert!(session.retr_from("/f", offset).unwrap() == bytes[offset as usize..]);
        let seen = world.proxy.take();
        let gets: Vec<_> = seen.iter().filter(|s| s.api == "GetObject").collect();
        assert_eq!(gets.len(), 2);
        assert!(gets[1].header("If-Match").is_some());
    }
    let mut reader = session.reader("/f", 0).unwrap();
    world.put("f", b"other");
    assert_eq!(kind(read_all(reader.as_mut())), ErrorKind::Busy);
}

#[test]
fn a_stalled_download_can_be_cancelled() {
    let world = World::new();
    let session = world.session();
    world.put("f", b"1");
    world.proxy.rule("GetObject", 0, 1, Act::Stall);
    let cancel = Cancel::new();
    let began = Instant::now();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let opened = session.volume.open_read(&path("/f"), 0, &cancel);
            kind(opened)
        });
        while world.proxy.seen().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(10));
            thread::yield_now();
        }
        cancel.cancel();
        assert_eq!(waiting.join().unwrap(), ErrorKind::Cancelled);
    });
    // Long before the 30 s of the client's own timeout.
    assert!(began.elapsed() < Duration::from_secs(15));
}
