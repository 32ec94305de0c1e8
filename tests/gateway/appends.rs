//! APPE to an appendable object: when its bytes are seen, and what a failure leaves.

use ossftp_core::driver::write_all;
use ossftp_core::{ErrorKind, Kept, StoreMode};
use ossftp_oss::{PutObject, SliceBody};

use crate::proxy::Act;
use crate::world::{PART, Session, World, kind, noise};

const OLD: &[u8] = b"line 1\n";

fn put(world: &World, at: u64, bytes: &[u8]) {
    let mut body = SliceBody::new(bytes);
    let put = PutObject::default();
    let appended = world
        .store()
        .append_object("log", at, None, &mut body, &put);
    appended.unwrap();
}

/// A store with an appendable object.
fn world() -> (World, Session) {
    let world = World::new();
    put(&world, 0, OLD);
    let session = world.session();
    (world, session)
}

fn with_old(bytes: &[u8]) -> Vec<u8> {
    [OLD, bytes].concat()
}

#[test]
fn a_short_one_is_one_append_at_the_end() {
    let (world, session) = world();
    let requests = world.requests(|| {
        let mut writer = session.writer("/log", StoreMode::Append).unwrap();
        write_all(writer.as_mut(), b"line 2\n").unwrap();
        assert_eq!(world.get("log"), OLD);
        writer.commit().unwrap();
    });
    assert_eq!(requests, ["HeadObject log", "AppendObject log"]);
    assert_eq!(world.get("log"), with_old(b"line 2\n"));
    session.appe("/log", b"line 3\n").unwrap();
    assert_eq!(world.get("log"), with_old(b"line 2\nline 3\n"));
    let meta = world.store().head_object("log").unwrap();
    assert_eq!(meta.object_type.as_deref(), Some("Appendable"));
}

#[test]
fn nothing_takes_nothing() {
    let (world, session) = world();
    assert_eq!(
        world.requests(|| session.appe("/log", b"").unwrap()),
        ["HeadObject log"]
    );
    assert_eq!(world.get("log"), OLD);
}

#[test]
fn exactly_one_part_is_one_append() {
    let (world, session) = world();
    let bytes = noise(PART);
    let requests = world.requests(|| session.appe("/log", &bytes).unwrap());
    assert_eq!(requests, ["HeadObject log", "AppendObject log"]);
    assert_eq!(world.get("log"), with_old(&bytes));
}

#[test]
fn a_longer_one_is_seen_piece_by_piece() {
    let (world, session) = world();
    let bytes = noise(3 * PART + 1);
    let mut writer = session.writer("/log", StoreMode::Append).unwrap();
    write_all(writer.as_mut(), &bytes).unwrap();
    assert_eq!(world.get("log"), with_old(&bytes[..3 * PART]));
    writer.commit().unwrap();
    assert_eq!(world.get("log"), with_old(&bytes));
}

#[test]
fn broken_off_it_says_how_far_it_came() {
    let (world, session) = world();
    let bytes = noise(2 * PART + 1);
    for (length, there) in [(10, 0), (2 * PART + 1, 2 * PART)] {
        let before = world.get("log").len();
        let mut writer = session.writer("/log", StoreMode::Append).unwrap();
        write_all(writer.as_mut(), &bytes[..length]).unwrap();
        let size = (before + there) as u64;
        assert_eq!(writer.break_off(), Kept::Bytes(size));
        assert_eq!(world.get("log").len() as u64, size);
    }
    // And an upload goes on from there.
    session.appe("/log", &bytes[2 * PART..]).unwrap();
    assert_eq!(world.get("log"), with_old(&bytes));
}

#[test]
fn an_empty_one_is_appended_to_as_well() {
    let world = World::new();
    put(&world, 0, b"");
    let session = world.session();
    session.appe("/log", b"1").unwrap();
    let meta = world.store().head_object("log").unwrap();
    assert_eq!(meta.object_type.as_deref(), Some("Appendable"));
    assert_eq!(world.get("log"), b"1");
}

#[test]
fn someone_else_appended_meanwhile() {
    let (world, session) = world();
    let mut writer = session.writer("/log", StoreMode::Append).unwrap();
    write_all(writer.as_mut(), b"mine").unwrap();
    put(&world, OLD.len() as u64, b"theirs");
    let error = writer.commit().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Busy);
    assert_eq!(error.kept, Kept::Unknown);
    assert!(error.message.contains("Someone else"), "{error}");
    assert_eq!(world.get("log"), with_old(b"theirs"));
    session.appe("/log", b"mine").unwrap();
    assert_eq!(world.get("log"), with_old(b"theirsmine"));
}

#[test]
fn a_lost_answer_is_settled_by_head() {
    let (world, session) = world();
    world.proxy.rule("AppendObject", 0, 1, Act::Lose);
    let requests = world.requests(|| session.appe("/log", b"line 2\n").unwrap());
    assert_eq!(
        requests,
        ["HeadObject log", "AppendObject log", "HeadObject log"]
    );
    assert_eq!(world.get("log"), with_old(b"line 2\n"));
}

#[test]
fn what_did_not_arrive_is_sent_once_more() {
    let (world, session) = world();
    let refuse = || Act::Refuse(500, "InternalError");
    world.proxy.rule("AppendObject", 0, 1, refuse());
    let requests = world.requests(|| session.appe("/log", b"line 2\n").unwrap());
    assert_eq!(
        requests,
        [
            "HeadObject log",
            "AppendObject log",
            "HeadObject log",
            "AppendObject log"
        ]
    );
    assert_eq!(world.get("log"), with_old(b"line 2\n"));
    world.proxy.rule("AppendObject", 0, 9, refuse());
    let before = world.get("log");
    let requests = world.requests(|| {
        let error = session.appe("/log", b"line 3\n").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert_eq!(error.kept, Kept::Bytes(before.len() as u64));
    });
    assert_eq!(requests.len(), 5);
    assert_eq!(world.get("log"), before);
}

#[test]
fn an_answer_that_is_lost_twice_is_settled_twice() {
    let (world, session) = world();
    // The first comes through only after it was asked for.
    world
        .proxy
        .rule("AppendObject", 0, 1, Act::Refuse(500, "InternalError"));
    world.proxy.rule("AppendObject", 0, 1, Act::Lose);
    session.appe("/log", b"line 2\n").unwrap();
    assert_eq!(world.get("log"), with_old(b"line 2\n"));
}

#[test]
fn what_nobody_can_settle_is_said() {
    let (world, session) = world();
    world.proxy.rule("AppendObject", 0, 1, Act::Lose);
    world
        .proxy
        .rule("HeadObject", 1, 1, Act::Refuse(403, "AccessDenied"));
    let error = session.appe("/log", b"line 2\n").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(error.kept, Kept::Unknown);
    assert!(error.message.contains("not known"), "{error}");
}

#[test]
fn a_rest_inside_it_reads_and_writes_anew() {
    let (world, session) = world();
    session.write("/log", StoreMode::At(5), b"X\n").unwrap();
    assert_eq!(world.get("log"), b"line X\n");
}

#[test]
fn its_memory_is_of_the_budget() {
    let world = World::with(|config| {
        config.transfer_memory = 1 << 20;
        config.part_size = 8 << 20;
    });
    put(&world, 0, OLD);
    let session = world.session();
    let mut first = session.writer("/log", StoreMode::Append).unwrap();
    assert_eq!(
        kind(session.writer("/log", StoreMode::Append)),
        ErrorKind::Busy
    );
    // With no memory for a whole part the pieces are smaller.
    let bytes = noise(1 << 20);
    write_all(first.as_mut(), &bytes).unwrap();
    first.commit().unwrap();
    assert_eq!(world.get("log"), with_old(&bytes));
    drop(session.writer("/log", StoreMode::Append).unwrap());
}
