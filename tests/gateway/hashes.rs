//! Checksums: from what OSS knows where that is safe, else by reading once.

use ossftp_core::digest::Digest;
use ossftp_core::driver::Cancel;
use ossftp_core::{Answer, ErrorKind, HashAlgorithm, Operation};

use crate::proxy::Act;
use crate::world::{Done, PART, Session, World, kind, noise, path};

fn hash(
    session: &Session,
    at: &str,
    algorithm: HashAlgorithm,
    range: Option<(u64, u64)>,
) -> Done<(Vec<u8>, u64)> {
    let path = path(at);
    match session.perform(Operation::Hash {
        path,
        algorithm,
        range,
    })? {
        Answer::Hash { digest, bytes } => Ok((digest, bytes)),
        other => panic!("{other:?}"),
    }
}

fn expected(algorithm: HashAlgorithm, bytes: &[u8]) -> (Vec<u8>, u64) {
    let mut digest = Digest::new(algorithm);
    digest.update(bytes);
    (digest.finish(), bytes.len() as u64)
}

#[test]
fn whole_files_and_ranges() {
    let world = World::new();
    let session = world.session();
    let large = noise(3 * PART + 5);
    session.stor("/simple", b"content").unwrap();
    session.stor("/empty", b"").unwrap();
    session.stor("/parts", &large).unwrap();
    for (name, bytes) in [
        ("simple", &b"content"[..]),
        ("empty", &b""[..]),
        ("parts", &large[..]),
    ] {
        let (file, end) = (format!("/{name}"), bytes.len());
        for algorithm in HashAlgorithm::ALL.iter().copied() {
            let said = format!("{algorithm} of {name}");
            let mut got = None;
            let requests =
                world.requests(|| got = Some(hash(&session, &file, algorithm, None).unwrap()));
            assert_eq!(got.unwrap(), expected(algorithm, bytes), "{said}");
            let (head, get) = (format!("HeadObject {name}"), format!("GetObject {name}"));
            let wanted = match (algorithm, name) {
                (HashAlgorithm::Crc64, _) => vec![head],
                (HashAlgorithm::Md5, "simple" | "empty") => vec![head],
                (HashAlgorithm::Md5, _) => vec![head, get],
                _ => vec![get],
            };
            assert_eq!(requests, wanted, "{said}");
            for (from, to) in [(0, end), (end / 3, end / 2), (end, end), (end / 2, end)] {
                let got = hash(&session, &file, algorithm, Some((from as u64, to as u64)));
                let wanted = expected(algorithm, &bytes[from..to]);
                assert_eq!(got.unwrap(), wanted, "{said}, {from} to {to}");
            }
        }
    }
}

#[test]
fn what_is_refused() {
    let world = World::new();
    let session = world.session();
    session.stor("/d/f", b"12345").unwrap();
    for algorithm in [HashAlgorithm::Crc64, HashAlgorithm::Sha256] {
        for range in [(0, 6), (6, 6), (4, 3)] {
            let refused = hash(&session, "/d/f", algorithm, Some(range));
            assert_eq!(kind(refused), ErrorKind::BadOffset, "{range:?}");
        }
        let refused = |at| kind(hash(&session, at, algorithm, None));
        assert_eq!(refused("/none"), ErrorKind::NotFound);
        assert_eq!(refused("/d"), ErrorKind::IsADirectory);
        assert_eq!(refused("/"), ErrorKind::IsADirectory);
    }
}

#[test]
fn what_is_read_is_the_object_that_was_described() {
    let world = World::new();
    let session = world.session();
    let bytes = noise(2 * PART);
    session.stor("/f", &bytes).unwrap();
    // A connection that breaks is made good with If-Match.
    world.proxy.rule("GetObject", 0, 1, Act::Cut(PART));
    world.proxy.take();
    let got = hash(&session, "/f", HashAlgorithm::Sha1, None).unwrap();
    assert_eq!(got, expected(HashAlgorithm::Sha1, &bytes));
    let seen = world.proxy.take();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].header("if-match").is_some(), "{}", seen[1].head);
    // So is a range, which HEAD described.
    let range = Some((1, PART as u64));
    hash(&session, "/f", HashAlgorithm::Crc64, range).unwrap();
    let seen = world.proxy.take();
    assert_eq!(seen[1].api, "GetObject");
    assert!(seen[1].header("if-match").is_some(), "{}", seen[1].head);
    // What comes damaged has no hash.
    world.proxy.rule("GetObject", 0, 1, Act::Damage);
    let damaged = hash(&session, "/f", HashAlgorithm::Sha256, None);
    assert_eq!(kind(damaged), ErrorKind::Unavailable);
}

#[test]
fn a_cancel_ends_it() {
    let world = World::new();
    let session = world.session();
    session.stor("/f", b"1").unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    let operation = Operation::Hash {
        path: path("/f"),
        algorithm: HashAlgorithm::Sha256,
        range: None,
    };
    let refused = session.volume.perform(&operation, &cancel);
    assert_eq!(kind(refused), ErrorKind::Cancelled);
}
