//! Several instances of the gateway on one bucket, with nothing shared but OSS: what one has done,
//! the others see at once.

use ossftp_core::ErrorKind;

use crate::world::{World, kind};

#[test]
fn what_another_instance_writes_is_seen_at_once() {
    let world = World::new();
    let (one, other) = (world.session(), world.elsewhere());
    one.stor("/d/f", b"12345").unwrap();
    // The other has looked at it in every way that it may remember.
    other.cwd("/d").unwrap();
    assert_eq!(other.list("/d").unwrap(), ["f"]);
    assert_eq!(other.stat("/d/f").unwrap().size, 5);
    for round in 1..4 {
        let bytes = vec![b'x'; 5 + round];
        one.stor("/d/f", &bytes).unwrap();
        assert_eq!(other.stat("/d/f").unwrap().size, 5 + round as u64);
        assert_eq!(other.retr("/d/f").unwrap(), bytes);
        one.appe("/d/f", b"!").unwrap();
        assert_eq!(other.stat("/d/f").unwrap().size, 6 + round as u64);
    }
    one.stor("/d/new", b"1").unwrap();
    assert_eq!(other.stat("/d/new").unwrap().size, 1);
    assert_eq!(other.list("/d").unwrap(), ["f", "new"]);
    one.rename("/d/new", "/d/f").unwrap();
    assert_eq!(kind(other.stat("/d/new")), ErrorKind::NotFound);
    assert_eq!(other.stat("/d/f").unwrap().size, 1);
    one.dele("/d/f").unwrap();
    assert_eq!(kind(other.retr("/d/f")), ErrorKind::NotFound);
}

#[test]
fn what_another_instance_renames_is_not_taken_for_the_old() {
    let world = World::new();
    let (one, other) = (world.session(), world.elsewhere());
    one.stor("/d/f", b"1").unwrap();
    other.stat("/d").unwrap();
    one.rename("/d", "/e").unwrap();
    // RNFR had found it; RNTO does not make an empty directory of it.
    assert_eq!(kind(other.rnto("/d", "/n")), ErrorKind::NotFound);
    assert_eq!(kind(other.cwd("/d")), ErrorKind::NotFound);
    other.stat("/e/f").unwrap();
    one.dele("/e/f").unwrap();
    assert_eq!(kind(other.rnto("/e/f", "/n")), ErrorKind::NotFound);
    assert_eq!(world.keys(), [""; 0]);
}
