//! SITE RESTORE: what OSS may answer, and what it means.

use ossftp_core::{ErrorKind, Operation};

use crate::proxy::Act;
use crate::world::{Done, Session, World, kind, path};

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
