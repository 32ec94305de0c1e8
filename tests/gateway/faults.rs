//! What a client is told when OSS fails, and lost answers.

use std::time::{Duration, Instant};

use ossftp_core::ErrorKind;

use crate::proxy::Act;
use crate::world::{PART, World, kind, noise};

#[test]
fn each_answer_has_its_kind() {
    let world = World::new();
    let session = world.session();
    world.put("f", b"1");
    for (status, code, expected, part) in [
        (403, "InvalidObjectState", ErrorKind::Busy, "archived"),
        (403, "AccessDenied", ErrorKind::Denied, "oss:GetObject"),
        (
            403,
            "SignatureDoesNotMatch",
            ErrorKind::Denied,
            "access key",
        ),
        (404, "NoSuchBucket", ErrorKind::NotFound, "bucket"),
        (429, "QpsLimitExceeded", ErrorKind::Busy, "fewer requests"),
        (503, "ServiceUnavailable", ErrorKind::Busy, "fewer requests"),
        (
            500,
            "InternalError",
            ErrorKind::Unavailable,
            "failed inside",
        ),
    ] {
        world.proxy.clear();
        world
            .proxy
            .rule("GetObject", 0, 9, Act::Refuse(status, code));
        let error = session.retr("/f").unwrap_err();
        assert_eq!(error.kind, expected, "{code}");
        assert!(error.message.contains(part), "{error}");
        assert!(
            error.message.contains("65A0B1C2D3E4F5061728394A"),
            "{error}"
        );
        assert!(!error.message.contains("never to be shown"), "{error}");
    }
    world.proxy.clear();
    for (api, action) in [
        ("ListObjectsV2", "oss:ListObjects"),
        ("DeleteObject", "oss:DeleteObject"),
    ] {
        world
            .proxy
            .rule(api, 0, 1, Act::Refuse(403, "AccessDenied"));
        let error = if api == "DeleteObject" {
            session.dele("/f").unwrap_err()
        } else {
            session.list("/").unwrap_err()
        };
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(error.message.contains(action), "{error}");
    }
    world
        .proxy
        .rule("HeadObject", 0, 1, Act::Refuse(403, "AccessDenied"));
    assert_eq!(kind(session.stat("/f")), ErrorKind::Denied);
}

#[test]
fn one_failure_is_tried_again_unseen() {
    let world = World::new();
    let session = world.session();
    for api in [
        "PutObject",
        "HeadObject",
        "GetObject",
        "ListObjectsV2",
        "DeleteObject",
    ] {
        world
            .proxy
            .rule(api, 0, 1, Act::Refuse(500, "InternalError"));
    }
    session.stor("/f", b"1").unwrap();
    session.stat("/f").unwrap();
    assert_eq!(session.retr("/f").unwrap(), b"1");
    assert_eq!(session.list("/").unwrap(), ["f"]);
    session.dele("/f").unwrap();
}

#[test]
fn lost_answers_to_a_commit_are_settled() {
    let world = World::new();
    let session = world.session();
    world.proxy.rule("PutObject", 0, 9, Act::Lose);
    let requests = world.requests(|| session.stor("/small", b"small").unwrap());
    assert_eq!(requests.last().unwrap(), "HeadObject small");
    assert_eq!(world.get("small"), b"small");
    let bytes = noise(PART + 1);
    world.proxy.rule("CompleteMultipartUpload", 0, 1, Act::Lose);
    session.stor("/large", &bytes).unwrap();
    assert!(world.get("large") == bytes);
    // Something else is there: then it was not stored.
    world.proxy.clear();
    world
        .proxy
        .rule("PutObject", 0, 9, Act::Refuse(500, "InternalError"));
    assert_eq!(
        kind(session.stor("/small", b"other")),
        ErrorKind::Unavailable
    );
    assert_eq!(world.get("small"), b"small");
}

#[test]
fn damage_on_the_way_up_is_seen() {
    let world = World::new();
    let session = world.session();
    // So many that one of the two parts has them at all its tries.
    world.proxy.rule("UploadPart", 0, 5, Act::LieAboutCrc);
    assert_eq!(
        kind(session.stor("/f", &noise(PART + 1))),
        ErrorKind::Unavailable
    );
    world.assert_no_uploads();
    world.proxy.clear();
    assert_eq!(world.keys(), [""; 0]);
    world.proxy.rule("UploadPart", 0, 1, Act::LieAboutCrc);
    session.stor("/f", &noise(PART + 1)).unwrap();
}

#[test]
fn an_answer_to_a_commit_that_makes_no_sense_is_settled() {
    let world = World::new();
    let session = world.session();
    let bytes = noise(PART + 1);
    let rule = |act| world.proxy.rule("CompleteMultipartUpload", 0, 1, act);
    rule(Act::Damage);
    let requests = world.requests(|| session.stor("/f", &bytes).unwrap());
    assert_eq!(requests.last().unwrap(), "HeadObject f");
    assert!(world.get("f") == bytes);
    // A checksum that is wrong on the way back alone is settled by what the object itself says.
    rule(Act::LieAboutCrc);
    let requests = world.requests(|| session.stor("/g", &bytes).unwrap());
    assert_eq!(requests.last().unwrap(), "HeadObject g");
    assert!(world.get("g") == bytes);
    // But what OSS itself calls another file, twice, is none that was stored.
    rule(Act::LieAboutCrc);
    world.proxy.rule("HeadObject", 0, 9, Act::LieAboutCrc);
    assert_eq!(kind(session.stor("/f", &bytes)), ErrorKind::Unavailable);
}

#[test]
fn copied_parts_are_checked_before_they_become_visible() {
    let world = World::with(|config| config.copy_limit = 1000);
    let session = world.session();
    let old = noise(2 * PART);
    world.put("f", &old);
    world.put("target", b"target");
    world.proxy.rule("UploadPartCopy", 0, 2, Act::LieAboutCrc);
    assert_eq!(kind(session.appe("/f", b"more")), ErrorKind::Unavailable);
    assert_eq!(
        kind(session.rename("/f", "/target")),
        ErrorKind::Unavailable
    );
    assert!(world.get("f") == old);
    assert_eq!(world.get("target"), b"target");
    world.assert_no_uploads();
}

#[test]
fn a_command_without_a_preliminary_reply_has_a_deadline() {
    let world = World::with(|config| config.command_timeout = Duration::from_secs(2));
    let session = world.session();
    world.proxy.rule("HeadObject", 0, 9, Act::Stall);
    let began = Instant::now();
    let error = session.stat("/f").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("in time"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
}
