//! What a copy has besides its bytes, whichever way it is made.

use ossftp_core::Operation;
use ossftp_oss::{PutObject, SliceBody};

use crate::world::{PART, World, noise, path};

fn world() -> World {
    World::with(|config| {
        config.copy_limit = 1000;
        config.copy_part_size = PART as u64;
    })
}

fn put(world: &World, key: &str, bytes: &[u8]) {
    let put = PutObject {
        content_type: Some("text/x-mine".to_owned()),
        cache_control: Some("no-cache".to_owned()),
        content_disposition: Some("inline".to_owned()),
        content_encoding: Some("x-own".to_owned()),
        expires: Some("Fri, 24 Feb 2040 06:07:48 GMT".to_owned()),
        storage_class: Some("IA".to_owned()),
        meta: vec![("owner".to_owned(), "me".to_owned())],
        ..PutObject::default()
    };
    let mut body = SliceBody::new(bytes);
    world.store().put_object(key, &mut body, &put).unwrap();
}

fn check(world: &World, key: &str, bytes: &[u8]) {
    assert!(world.get(key) == bytes, "{key}");
    let meta = world.store().head_object(key).unwrap();
    assert_eq!(meta.content_type.as_deref(), Some("text/x-mine"), "{key}");
    assert_eq!(meta.cache_control.as_deref(), Some("no-cache"), "{key}");
    assert_eq!(meta.content_disposition.as_deref(), Some("inline"), "{key}");
    assert_eq!(meta.content_encoding.as_deref(), Some("x-own"), "{key}");
    assert!(meta.expires.is_some_and(|at| at.contains("2040")), "{key}");
    assert_eq!(meta.user_meta.len(), 1);
    assert_eq!(meta.user_meta[0].1, "me");
}

#[test]
fn metadata_and_storage_class() {
    let world = world();
    let session = world.session();
    for bytes in [noise(10), noise(3 * PART)] {
        put(&world, "d/a", &bytes);
        session.rename("/d/a", "/d/b").unwrap();
        check(&world, "d/b", &bytes);
        let (from, to) = (path("/d/b"), path("/d/c"));
        session.done(Operation::Copy { from, to }).unwrap();
        check(&world, "d/c", &bytes);
        session.rename("/d", "/e").unwrap();
        check(&world, "e/b", &bytes);
        check(&world, "e/c", &bytes);
        session.rename("/e/b", "/x").unwrap();
        // Which class it is goes with each request for a copy: OSS takes the bucket's own else.
        for seen in world.proxy.take() {
            if matches!(seen.api, "CopyObject" | "InitiateMultipartUpload") {
                let class = seen.header("x-oss-storage-class");
                assert!(class.is_some(), "{}", seen.head);
            }
        }
        for key in world.keys() {
            world.delete(&key);
        }
    }
}
