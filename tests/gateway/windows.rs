//! Downloads of many windows: ranges side by side, in order, whatever breaks, and within the
//! memory and the threads there are.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use ossftp::gateway::GatewayConfig;
use ossftp_core::digest::Digest;
use ossftp_core::driver::Cancel;
use ossftp_core::{Answer, ErrorKind, HashAlgorithm, Operation, StoreMode};

use crate::proxy::{Act, Seen};
use crate::world::{World, kind, noise, path, read_all};

/// The tests' window.
const WINDOW: usize = 100 << 10;

fn world(change: impl FnOnce(&mut GatewayConfig)) -> World {
    World::with(|config| {
        config.read_size = WINDOW as u64;
        config.max_parallelism = config.part_parallelism;
        change(config);
    })
}

/// Waits until the proxy has seen so many requests.
fn seen(world: &World, count: usize) -> Vec<Seen> {
    let began = Instant::now();
    loop {
        let seen = world.proxy.seen();
        if seen.len() >= count {
            return seen;
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{} requests",
            seen.len()
        );
        thread::yield_now();
    }
}

/// The first and last byte that a request asks for.
fn range(seen: &Seen) -> (usize, usize) {
    let range = seen.header("Range").unwrap();
    let (first, last) = range["bytes=".len()..].split_once('-').unwrap();
    (first.parse().unwrap(), last.parse().unwrap())
}

/// Opens one reader for each window of the budget: nothing of it is taken. What was stopped gives
/// its memory back a little later.
pub(crate) fn assert_free(world: &World, megabytes: usize) {
    let session = world.session();
    world.put("one", b"1");
    let began = Instant::now();
    loop {
        let readers: Result<Vec<_>, _> =
            (0..megabytes).map(|_| session.reader("/one", 0)).collect();
        match readers {
            Ok(_) => return,
            Err(error) => assert_eq!(error.kind, ErrorKind::Busy, "{error}"),
        }
        assert!(began.elapsed() < Duration::from_secs(20), "memory is lost");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn as_many_requests_as_windows() {
    let world = world(|_| {});
    let session = world.session();
    for (size, count) in [
        (0, 1),
        (1, 1),
        (WINDOW - 1, 1),
        (WINDOW, 1),
        (WINDOW + 1, 2),
        (2 * WINDOW, 2),
        (7 * WINDOW + 5, 8),
    ] {
        let bytes = noise(size);
        world.put("f", &bytes);
        let requests = world.requests(|| assert!(session.retr("/f").unwrap() == bytes));
        assert_eq!(requests, vec!["GetObject f"; count], "{size}");
        // The same from an offset on.
        let bytes = noise(size + 9);
        world.put("f", &bytes);
        let requests = world.requests(|| {
            let got = session.retr_from("/f", 9);
            assert!(got.unwrap() == bytes[9..]);
        });
        let expected = if size == 0 {
            vec!["GetObject f", "HeadObject f"]
        } else {
            vec!["GetObject f"; count]
        };
        assert_eq!(requests, expected, "{size}");
    }
}

#[test]
fn several_at_a_time_and_in_order() {
    let world = world(|_| {});
    let session = world.session();
    let bytes = noise(9 * WINDOW + 1);
    world.put("f", &bytes);
    world.proxy.take();
    let barrier = Arc::new(Barrier::new(5));
    let hold = Act::Hold(Arc::clone(&barrier));
    world.proxy.rule("GetObject", 1, 4, hold);
    thread::scope(|scope| {
        let reading = scope.spawn(|| session.retr("/f").unwrap());
        // After the first window none of the four is answered before all of them have come.
        let seen = seen(&world, 5);
        let mut ranges: Vec<_> = seen.iter().map(range).collect();
        ranges.sort_unstable();
        let expected: Vec<_> = (0..5).map(|i| (i * WINDOW, (i + 1) * WINDOW - 1)).collect();
        assert_eq!(ranges, expected);
        barrier.wait();
        barrier.wait();
        assert!(reading.join().unwrap() == bytes);
    });
    let seen = world.proxy.take();
    assert_eq!(seen.len(), 10);
    assert_eq!(
        seen.iter()
            .filter(|s| s.header("If-Match").is_some())
            .count(),
        9
    );
    // The one in front comes last.
    let barrier = Arc::new(Barrier::new(2));
    let hold = Act::Hold(Arc::clone(&barrier));
    world.proxy.rule("GetObject", 1, 1, hold);
    thread::scope(|scope| {
        let reading = scope.spawn(|| session.retr("/f").unwrap());
        self::seen(&world, 4);
        barrier.wait();
        barrier.wait();
        assert!(reading.join().unwrap() == bytes);
    });
}

#[test]
fn a_slow_client_gets_no_more_ahead_than_four() {
    let world = world(|_| {});
    let session = world.session();
    let bytes = noise(12 * WINDOW);
    world.put("f", &bytes);
    world.proxy.take();
    let mut reader = session.reader("/f", 0).unwrap();
    // Nothing is fetched ahead before the data connection is there.
    assert_eq!(seen(&world, 1).len(), 1);
    let mut got = 0;
    loop {
        let count = reader.fill().unwrap().len();
        let requests = world.proxy.seen().len();
        assert!(requests <= got / WINDOW + 4, "{requests} after {got} bytes");
        if count == 0 {
            break;
        }
        let count = count.div_ceil(2);
        reader.consume(count);
        got += count;
    }
    assert_eq!((got, world.proxy.take().len()), (bytes.len(), 12));
}

#[test]
fn broken_pieces_go_unseen() {
    let world = world(|_| {});
    let session = world.session();
    let bytes = noise(8 * WINDOW);
    world.put("f", &bytes);
    for offset in [0, 12_345] {
        for cut in [0, 1, 40_000, WINDOW - 1] {
            world.proxy.clear();
            world.proxy.rule("GetObject", 1, 4, Act::Cut(cut));
            world.proxy.rule("GetObject", 0, 2, Act::Lose);
            world.proxy.take();
            assert!(session.retr_from("/f", offset).unwrap() == bytes[offset as usize..]);
            let seen = world.proxy.take();
            assert!(seen.len() >= 8 + 4, "{} requests", seen.len());
            let first = seen.iter().position(|s| s.header("If-Match").is_some());
            assert_eq!(first, Some(1));
            assert!(seen[1..].iter().all(|s| s.header("If-Match").is_some()));
        }
    }
    // One that brings nothing again and again is given up.
    world.proxy.clear();
    world.proxy.rule("GetObject", 2, 1000, Act::Cut(0));
    assert_eq!(kind(session.retr("/f")), ErrorKind::Unavailable);
}

#[test]
fn a_damaged_piece_is_no_file() {
    let world = world(|_| {});
    let session = world.session();
    let bytes = noise(6 * WINDOW + 3);
    world.put("f", &bytes);
    for skip in 0..7 {
        world.proxy.rule("GetObject", skip, 1, Act::Damage);
        let mut reader = session.reader("/f", 0).unwrap();
        let mut got = 0;
        let failed = loop {
            match reader.fill() {
                Ok(bytes) => {
                    let count = bytes.len();
                    assert!(count > 0);
                    got += count;
                    reader.consume(count);
                }
                Err(error) => break error,
            }
        };
        assert!(failed.message.contains("damaged"), "{failed}");
        assert!(got < bytes.len());
        // Whoever asks again does not find the end of a whole file.
        assert!(reader.fill().is_err());
    }
    world.proxy.clear();
    // From an offset nobody knows the checksum.
    assert!(session.retr_from("/f", 1).unwrap() == bytes[1..]);
}

#[test]
fn a_file_that_changes_on_the_way_is_no_file() {
    let world = world(|_| {});
    let session = world.session();
    world.put("f", &noise(20 * WINDOW));
    let mut reader = session.reader("/f", 0).unwrap();
    assert!(!reader.fill().unwrap().is_empty());
    world.put("f", &noise(20 * WINDOW + 1));
    let failed = read_all(reader.as_mut()).unwrap_err();
    assert_eq!(failed.kind, ErrorKind::Busy);
    assert!(failed.message.contains("meanwhile"), "{failed}");
}

#[test]
fn oss_that_asks_for_fewer_requests_gets_fewer() {
    // One piece is ahead and tried three times; then the reader goes on by itself.
    let world = world(|config| {
        config.part_parallelism = 2;
        config.max_parallelism = 2;
    });
    let session = world.session();
    let bytes = noise(10 * WINDOW);
    world.put("f", &bytes);
    let refuse = Act::Refuse(503, "ServiceUnavailable");
    world.proxy.rule("GetObject", 1, 3, refuse);
    let requests = world.requests(|| assert!(session.retr("/f").unwrap() == bytes));
    assert!(requests.len() > 4, "{requests:?}");
}

#[test]
fn without_memory_it_goes_on_alone() {
    let world = world(|config| config.transfer_memory = 1 << 20);
    let session = world.session();
    let bytes = noise(10 * WINDOW);
    world.put("f", &bytes);
    world.proxy.take();
    let mut reader = session.reader("/f", 0).unwrap();
    // There is none for another transfer at all.
    assert_eq!(kind(session.reader("/f", 0)), ErrorKind::Busy);
    assert!(read_all(reader.as_mut()).unwrap() == bytes);
    let ranges: Vec<_> = world.proxy.take().iter().map(range).collect();
    let windows = [0, 1, 2, 4, 8, 10];
    let expected: Vec<_> = windows
        .windows(2)
        .map(|pair| (pair[0] * WINDOW, pair[1] * WINDOW - 1))
        .collect();
    assert_eq!(ranges, expected);
    drop(reader);
    assert!(session.retr("/f").unwrap() == bytes);
    assert_free(&world, 1);
}

#[test]
fn without_threads_it_is_one_request() {
    let changes: [fn(&mut GatewayConfig); 3] = [
        |config| config.max_threads = 0,
        |config| config.part_parallelism = 1,
        |config| config.max_parallelism = 0,
    ];
    for change in changes {
        let world = world(change);
        let session = world.session();
        for size in [0, 1, 10 * WINDOW] {
            let bytes = noise(size);
            world.put("f", &bytes);
            let requests = world.requests(|| assert!(session.retr("/f").unwrap() == bytes));
            assert_eq!(requests, ["GetObject f"]);
        }
        let requests = world.requests(|| session.retr_from("/f", WINDOW as u64).unwrap());
        assert_eq!(requests, ["GetObject f"]);
        assert_eq!(kind(session.reader("/f", 1 << 40)), ErrorKind::BadOffset);
    }
}

#[test]
fn one_thread_for_several_downloads() {
    let world = world(|config| config.max_threads = 1);
    let session = world.session();
    let bytes = noise(10 * WINDOW + 7);
    world.put("f", &bytes);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| assert!(session.retr("/f").unwrap() == bytes)))
            .collect();
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn a_stalled_download_can_be_cancelled() {
    let world = world(|config| config.transfer_memory = 8 << 20);
    let session = world.session();
    world.put("f", &noise(10 * WINDOW));
    world.proxy.rule("GetObject", 1, 100, Act::Stall);
    world.proxy.take();
    let cancel = Cancel::new();
    let began = Instant::now();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut reader = session.volume.open_read(&path("/f"), 0, &cancel).unwrap();
            kind(read_all(reader.as_mut()))
        });
        seen(&world, 3);
        cancel.cancel();
        assert_eq!(waiting.join().unwrap(), ErrorKind::Cancelled);
    });
    // Long before the 30 s of the client's own timeout.
    assert!(began.elapsed() < Duration::from_secs(15));
    world.proxy.clear();
    assert_free(&world, 8);
}

#[test]
fn a_download_that_is_dropped_stops() {
    let world = world(|config| config.transfer_memory = 8 << 20);
    let session = world.session();
    world.put("f", &noise(10 * WINDOW));
    world.proxy.take();
    world.proxy.rule("GetObject", 1, 100, Act::Stall);
    let mut reader = session.reader("/f", 0).unwrap();
    let mut got = 0;
    while got < WINDOW {
        let count = reader.fill().unwrap().len();
        reader.consume(count);
        got += count;
    }
    seen(&world, 4);
    let began = Instant::now();
    drop(reader);
    world.proxy.clear();
    assert_free(&world, 8);
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[test]
fn hashes_are_read_side_by_side_too() {
    let world = world(|_| {});
    let session = world.session();
    let bytes = noise(6 * WINDOW);
    world.put("f", &bytes);
    for (range, count) in [(None, 6), (Some((1, 6 * WINDOW as u64)), 7)] {
        let mut digest = Digest::new(HashAlgorithm::Sha256);
        digest.update(&bytes[usize::from(range.is_some())..]);
        let operation = Operation::Hash {
            path: path("/f"),
            algorithm: HashAlgorithm::Sha256,
            range,
        };
        let requests = world.requests(|| match session.perform(operation).unwrap() {
            Answer::Hash { digest: got, .. } => assert_eq!(got, digest.finish()),
            other => panic!("{other:?}"),
        });
        assert_eq!(requests.len(), count, "{requests:?}");
    }
}

#[test]
fn what_fails_gives_its_memory_back() {
    let world = world(|config| config.transfer_memory = 4 << 20);
    let session = world.session();
    let bytes = noise(5 * WINDOW);
    world.put("f", &bytes);
    let refusal = Act::Refuse(403, "AccessDenied");
    for api in [
        "GetObject",
        "HeadObject",
        "PutObject",
        "InitiateMultipartUpload",
        "UploadPart",
        "UploadPartCopy",
        "CompleteMultipartUpload",
    ] {
        for act in [refusal.clone(), Act::Lose, Act::Damage] {
            for skip in 0..2 {
                world.proxy.rule(api, skip, 99, act.clone());
                // Whether they fail depends on the request.
                let _ = session.retr("/f");
                let _ = session.retr_from("/f", 7);
                let _ = session.stor("/new", &bytes);
                let _ = session.stor("/new", b"small");
                let _ = session.appe("/f", b"more");
                let _ = session.write("/g", StoreMode::At(9), b"more");
                session.broken_stor_anyhow("/new", &bytes);
                world.proxy.clear();
            }
        }
        assert_free(&world, 4);
    }
    world.assert_no_uploads();
}
