//! Renames that are more than one request: directories of thousands, and files beyond CopyObject.

use crate::client::Client;
use crate::world::{BUCKET, PART, World, noise};
use ossftp::devstore::{Fault, FaultRule};
use ossftp::server::Runtime;
use ossftp_oss::ListObjects;

/// The files of the large directory.
const FILES: u64 = 5_000;
/// The size above which the store refuses CopyObject here, in place of 1 GiB.
const COPY_LIMIT: u64 = 3 * PART as u64;

/// How many keys begin with `prefix`.
fn count(world: &World, prefix: &str) -> u64 {
    let mut list = ListObjects {
        prefix: prefix.to_owned(),
        ..ListObjects::default()
    };
    let mut keys = 0;
    loop {
        let page = world.bucket.list_objects_v2(&list).unwrap();
        keys += page.objects.len() as u64;
        list.continuation_token = page.next;
        if list.continuation_token.is_none() {
            return keys;
        }
    }
}

fn rename(client: &mut Client, from: &str, to: &str, code: u16) -> String {
    client.ask(&format!("RNFR {from}"), 350);
    client.ask(&format!("RNTO {to}"), code)
}

#[test]
fn a_directory_of_thousands_moves_whole_or_not_at_all() {
    let world = World::new(Runtime::Smol);
    world.store().generate(BUCKET, "from/", FILES).unwrap();
    let mut client = world.login();
    // In the middle of the copies: the source stays, and no copy is left.
    let rule = FaultRule::new(Fault::status(500))
        .api("CopyObject")
        .skip(FILES / 2);
    world.store().faults().add(rule);
    rename(&mut client, "from", "to", 451);
    world.store().faults().clear();
    assert_eq!((count(&world, "from/"), count(&world, "to/")), (FILES, 0));
    // In the middle of the deletes: all is copied, and the same again finishes it.
    let rule = FaultRule::new(Fault::status(500))
        .api("DeleteMultipleObjects")
        .skip(2);
    world.store().faults().add(rule);
    let reply = rename(&mut client, "from", "to", 451);
    assert!(reply.contains("Copied whole"), "{reply}");
    world.store().faults().clear();
    let left = count(&world, "from/");
    assert!(left > 0 && left < FILES, "{left}");
    assert_eq!(count(&world, "to/"), FILES);
    let before = world.asked_since(0).len();
    rename(&mut client, "from", "to", 250);
    assert_eq!((count(&world, "from/"), count(&world, "to/")), (0, FILES));
    let copies = world.asked_since(before);
    assert!(
        !copies.iter().any(|api| api == "CopyObject"),
        "copied twice"
    );
    // And in one go, back.
    rename(&mut client, "to", "from", 250);
    assert_eq!((count(&world, "from/"), count(&world, "to/")), (FILES, 0));
}

#[test]
fn a_file_beyond_copy_object_moves_in_parts() {
    for runtime in [Runtime::Smol, Runtime::Threads] {
        let world = World::with(
            runtime,
            |store| store.limits.max_copy = COPY_LIMIT,
            |config| {
                config.copy_limit = COPY_LIMIT;
                config.copy_part_size = PART as u64;
            },
        );
        let bytes = noise(3 << 20, 1);
        world.put("big", &bytes);
        world.put("old", b"what stood there");
        let mut client = world.login();
        let rule = FaultRule::new(Fault::status(500))
            .api("UploadPartCopy")
            .skip(7);
        world.store().faults().add(rule);
        rename(&mut client, "big", "old", 451);
        world.store().faults().clear();
        assert_eq!(world.get("big").as_ref(), Some(&bytes));
        assert_eq!(world.get("old").as_deref(), Some(&b"what stood there"[..]));
        assert_eq!(world.uploads(""), 0);
        let before = world.asked_since(0).len();
        rename(&mut client, "big", "old", 250);
        assert_eq!(world.get("big"), None);
        assert_eq!(world.get("old"), Some(bytes));
        assert_eq!(world.uploads(""), 0);
        let asked = world.asked_since(before);
        let parts = asked.iter().filter(|api| *api == "UploadPartCopy").count();
        assert_eq!(parts, (3 << 20) / PART, "{asked:?}");
        assert!(!asked.iter().any(|api| api == "CopyObject"), "{asked:?}");
    }
}
