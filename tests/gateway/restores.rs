//! SITE RESTORE: what OSS may answer, and what it means.

use std::time::Duration;

use ossftp_core::{ErrorKind, Operation};
use ossftp_oss::{PutObject, SliceBody};

use crate::proxy::Act;
use crate::world::{BUCKET, Done, Session, World, kind, path};

fn restore(session: &Session, at: &str) -> Done {
    session.done(Operation::Restore(path(at)))
}

#[test]
fn a_file_that_is_not_archived_can_be_read_already() {
    let world = World::new();
    world.put("f", b"1");
    let session = world.session();
    let requests = world.requests(|| restore(&session, "/f").unwrap());
    assert_eq!(requests, ["RestoreObject f", "HeadObject f"]);
    assert_eq!(kind(restore(&session, "/none")), ErrorKind::NotFound);
    assert_eq!(kind(restore(&session, "/")), ErrorKind::IsADirectory);
}

#[test]
fn what_else_oss_may_say() {
    let world = World::new();
    world.put("f", b"1");
    let session = world.session();
    for (status, code, expected, part) in [
        (
            409,
            "RestoreAlreadyInProgress",
            ErrorKind::Busy,
            "being restored",
        ),
        (403, "AccessDenied", ErrorKind::Denied, "oss:RestoreObject"),
        (
            400,
            "NotImplemented",
            ErrorKind::Unsupported,
            "cannot do that",
        ),
    ] {
        let act = Act::Refuse(status, code);
        world.proxy.rule("RestoreObject", 0, 1, act);
        world.proxy.take();
        let error = restore(&session, "/f").unwrap_err();
        assert_eq!(error.kind, expected, "{code}");
        assert!(error.message.contains(part), "{error}");
        assert_eq!(world.proxy.take().len(), 1, "{code}");
    }
    // Reading says how to ask.
    let act = Act::Refuse(403, "InvalidObjectState");
    world.proxy.rule("GetObject", 0, 1, act);
    let error = session.retr("/f").unwrap_err();
    assert!(error.message.contains("SITE RESTORE"), "{error}");
}

/// A store whose restores take so long, with one archived file.
fn archived(restore_time: Duration) -> (World, Session) {
    let world = World::of(&[BUCKET], |store| store.restore_time = restore_time, |_| {});
    let put = PutObject {
        storage_class: Some("Archive".to_owned()),
        ..PutObject::default()
    };
    let mut body = SliceBody::new(b"cold");
    world.store().put_object("d/f", &mut body, &put).unwrap();
    let session = world.session();
    (world, session)
}

#[test]
fn an_archived_file_is_asked_for_and_then_read() {
    let (_world, session) = archived(Duration::ZERO);
    let error = session.retr("/d/f").err().unwrap();
    assert_eq!(error.kind, ErrorKind::Busy);
    assert!(error.message.contains("SITE RESTORE"), "{error}");
    // What needs no content works all the same.
    assert_eq!(session.stat("/d/f").unwrap().size, 4);
    assert_eq!(session.list("/d").unwrap(), ["f"]);
    restore(&session, "/d/f").unwrap();
    assert_eq!(session.retr("/d/f").unwrap(), b"cold");
    // Asked for once more, it is there a while longer.
    restore(&session, "/d/f").unwrap();
}

#[test]
fn while_a_restore_is_under_way_it_is_said() {
    let (_world, session) = archived(Duration::from_secs(3600));
    restore(&session, "/d/f").unwrap();
    let error = restore(&session, "/d/f").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Busy);
    assert!(error.message.contains("being restored"), "{error}");
    assert_eq!(
        session.retr("/d/f").err().map(|e| e.kind),
        Some(ErrorKind::Busy)
    );
    session.dele("/d/f").unwrap();
}
