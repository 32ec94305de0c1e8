//! Renames in a bucket with a hierarchical namespace, which OSS does by itself.

use ossftp_core::ErrorKind;

use crate::proxy::Act;
use crate::world::{PART, World, kind, noise};

fn tree(world: &World) {
    for key in ["d/", "d/a", "d/e/", "d/e/f", "m/"] {
        world.put(key, key.as_bytes());
    }
}

#[test]
fn a_directory_is_one_request() {
    let world = World::hierarchical(|_| {});
    tree(&world);
    let session = world.session();
    let requests = world.requests(|| session.rename("/d", "/m/n").unwrap());
    assert_eq!(
        requests,
        [
            "HeadObject d",
            "ListObjectsV2 d/",
            "HeadObject m/n",
            "ListObjectsV2 m/n/",
            "GetBucketInfo ",
            "Rename m/n"
        ]
    );
    assert_eq!(world.keys(), ["m/", "m/n/", "m/n/a", "m/n/e/", "m/n/e/f"]);
    assert_eq!(world.get("m/n/e/f"), b"d/e/f");
    assert_eq!(kind(session.cwd("/d")), ErrorKind::NotFound);
    // What the bucket is, is asked once.
    let requests = world.requests(|| world.session().rename("/m/n", "/d").unwrap());
    assert!(!requests.contains(&"GetBucketInfo ".to_owned()));
    // Nothing above the new name: copies are made instead.
    let requests = world.requests(|| session.rename("/d", "/x/y/z").unwrap());
    assert!(requests.contains(&"CopyObject x/y/z/a".to_owned()));
    assert_eq!(world.get("x/y/z/e/f"), b"d/e/f");
    assert_eq!(kind(session.rename("/x", "/m")), ErrorKind::Exists);
}

#[test]
fn a_file() {
    let world = World::hierarchical(|config| {
        config.copy_limit = 1000;
        config.copy_part_size = PART as u64;
    });
    let large = noise(3 * PART);
    world.put("large", &large);
    world.put("small", b"small");
    world.put("old", b"old");
    let session = world.session();
    // For a small file it is not found out what the bucket is.
    let requests = world.requests(|| session.rename("/small", "/tiny").unwrap());
    assert_eq!(
        requests,
        [
            "HeadObject small",
            "ListObjectsV2 tiny/",
            "CopyObject tiny",
            "DeleteObject small"
        ]
    );
    let requests = world.requests(|| session.rename("/large", "/big").unwrap());
    assert_eq!(
        requests,
        ["HeadObject large", "GetBucketInfo ", "Rename big"]
    );
    assert!(world.get("big") == large);
    let requests = world.requests(|| session.rename("/tiny", "/small").unwrap());
    assert_eq!(requests, ["HeadObject tiny", "Rename small"]);
    // OSS replaces nothing, but a file replaces a file.
    session.rename("/small", "/old").unwrap();
    assert_eq!(world.get("old"), b"small");
    assert_eq!(world.keys(), ["big", "old"]);
    session.mkd("/d").unwrap();
    assert_eq!(kind(session.rename("/old", "/d")), ErrorKind::Exists);
}

#[test]
fn a_lost_answer_is_settled_by_looking() {
    let world = World::hierarchical(|_| {});
    tree(&world);
    let session = world.session();
    world.proxy.rule("Rename", 0, 1, Act::Lose);
    session.rename("/d", "/n").unwrap();
    assert_eq!(world.get("n/e/f"), b"d/e/f");
    world.put("file", b"1");
    world.proxy.rule("Rename", 0, 1, Act::Lose);
    session.rename("/file", "/other").unwrap();
    assert_eq!(world.get("other"), b"1");
    // Not done, as far as can be seen: the same again does it.
    let failure = Act::Refuse(500, "InternalError");
    world.proxy.rule("Rename", 0, 1, failure);
    assert_eq!(kind(session.rename("/n", "/d")), ErrorKind::Unavailable);
    session.rename("/n", "/d").unwrap();
    assert_eq!(world.keys(), ["d/", "d/a", "d/e/", "d/e/f", "m/", "other"]);
}

#[test]
fn without_the_right_to_ask_all_is_copied() {
    let world = World::hierarchical(|_| {});
    tree(&world);
    let refusal = Act::Refuse(403, "AccessDenied");
    world.proxy.rule("GetBucketInfo", 0, 1, refusal);
    let session = world.session();
    let requests = world.requests(|| session.rename("/d", "/n").unwrap());
    assert!(!requests.contains(&"Rename n".to_owned()));
    // Nor is it asked again.
    let requests = world.requests(|| session.rename("/n", "/d").unwrap());
    assert!(!requests.contains(&"GetBucketInfo ".to_owned()));
    assert_eq!(world.keys(), ["d/", "d/a", "d/e/", "d/e/f", "m/"]);
}
