//! STOU: a file that stands there is never replaced.

use ossftp_core::driver::write_all;
use ossftp_core::{ErrorKind, StoreMode};

use crate::proxy::Act;
use crate::world::{Done, PART, Session, World, kind, noise};

fn stou(session: &Session, at: &str, bytes: &[u8]) -> Done {
    session.write(at, StoreMode::New, bytes)
}

#[test]
fn a_new_file_takes_two_requests() {
    let world = World::new();
    let session = world.session();
    world.proxy.take();
    stou(&session, "/f", b"first").unwrap();
    let seen = world.proxy.take();
    let apis: Vec<_> = seen.iter().map(|seen| seen.api).collect();
    assert_eq!(apis, ["HeadObject", "PutObject"]);
    assert_eq!(seen[1].header("x-oss-forbid-overwrite"), Some("true"));
    let requests = world.requests(|| kind(stou(&session, "/f", b"second")));
    assert_eq!(requests, ["HeadObject f"]);
    assert_eq!(kind(stou(&session, "/f", b"second")), ErrorKind::Exists);
    assert_eq!(world.get("f"), b"first");
    session.mkd("/d").unwrap();
    assert_eq!(kind(stou(&session, "/d", b"")), ErrorKind::Exists);
}

#[test]
fn a_file_that_comes_in_between_stays() {
    let world = World::new();
    let session = world.session();
    for size in [10, 2 * PART] {
        let mut writer = session.writer("/f", StoreMode::New).unwrap();
        write_all(writer.as_mut(), &noise(size)).unwrap();
        world.put("f", b"another");
        assert_eq!(kind(writer.commit()), ErrorKind::Exists);
        assert_eq!(world.get("f"), b"another");
        world.assert_no_uploads();
        // It is whole, and may be added to.
        session.appe("/f", b"!").unwrap();
        assert_eq!(world.get("f"), b"another!");
        world.delete("f");
    }
}

#[test]
fn lost_answers_are_settled() {
    let world = World::new();
    let session = world.session();
    world.proxy.rule("PutObject", 0, 1, Act::Lose);
    stou(&session, "/small", b"small").unwrap();
    // The first HEAD after it fails as well, so its own file is in its way.
    world.proxy.rule("PutObject", 0, 1, Act::Lose);
    let act = Act::Refuse(403, "AccessDenied");
    world.proxy.rule("HeadObject", 1, 1, act);
    stou(&session, "/again", b"again").unwrap();
    assert_eq!(world.get("again"), b"again");
    let act = Act::Refuse(500, "InternalError");
    world.proxy.rule("PutObject", 0, 1, act);
    stou(&session, "/failed", b"failed").unwrap();
    assert_eq!(world.get("failed"), b"failed");
    let bytes = noise(2 * PART);
    world.proxy.rule("CompleteMultipartUpload", 0, 1, Act::Lose);
    stou(&session, "/large", &bytes).unwrap();
    assert!(world.get("large") == bytes);
    world.assert_no_uploads();
}
