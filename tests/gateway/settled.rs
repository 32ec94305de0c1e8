//! What is asked before a lost or damaged answer is told as a failure.

use ossftp_core::{ErrorKind, Operation, StoreMode};
use std::time::Duration;

use crate::proxy::Act;
use crate::world::{PART, Session, World, kind, noise, path, read_all};

const NONE: [&str; 0] = [];

fn remove_tree(session: &Session, at: &str) -> Result<(), ossftp_core::StorageError> {
    session.done(Operation::RemoveTree(path(at)))
}

/// How many requests of this API came by.
fn count(requests: &[String], api: &str) -> usize {
    let begin = format!("{api} ");
    requests.iter().filter(|r| r.starts_with(&begin)).count()
}

#[test]
fn a_delete_whose_answer_is_lost_is_done() {
    let world = World::new();
    let session = world.session();
    for key in ["f", "d/", "a"] {
        world.put(key, b"1");
    }
    world
        .store()
        .put_symlink("link", "f", &Default::default())
        .unwrap();
    world.proxy.rule("DeleteObject", 0, 99, Act::Lose);
    // What a link leads to says nothing of the link.
    session.dele("/link").unwrap();
    session.dele("/f").unwrap();
    session.rmd("/d").unwrap();
    session.rename("/a", "/b").unwrap();
    assert_eq!(world.keys(), ["b"]);
    session.dele("/b").unwrap();
    assert_eq!(kind(session.dele("/b")), ErrorKind::NotFound);
}

#[test]
fn a_delete_that_was_not_carried_out_is_not_told_as_done() {
    let world = World::new();
    let session = world.session();
    world.put("f", b"1");
    for (api, code) in [("DeleteObject", 500), ("DeleteObject", 503)] {
        world
            .proxy
            .rule(api, 0, 3, Act::Refuse(code, "InternalError"));
        let failed = session.dele("/f").unwrap_err();
        assert!(
            matches!(failed.kind, ErrorKind::Unavailable | ErrorKind::Busy),
            "{failed}"
        );
        assert_eq!(world.keys(), ["f"]);
    }
    // A refusal is an answer: nothing is asked after it.
    world
        .proxy
        .rule("DeleteObject", 0, 1, Act::Refuse(403, "AccessDenied"));
    let requests = world.requests(|| assert_eq!(kind(session.dele("/f")), ErrorKind::Denied));
    assert_eq!(requests, ["HeadObject f", "DeleteObject f"]);
}

#[test]
fn time_is_left_to_ask_what_became_of_a_delete() {
    let world = World::with(|config| config.command_timeout = Duration::from_millis(600));
    let session = world.session();
    world.put("f", b"1");
    // The answer never comes: what is left of the command's time must do.
    world.proxy.rule("DeleteObject", 0, 1, Act::Mute);
    session.dele("/f").unwrap();
    assert_eq!(world.keys(), NONE);
}

#[test]
fn many_deletes_whose_answer_is_lost_are_counted() {
    let world = World::new();
    let keys: Vec<String> = (0..20).map(|n| format!("d/{n:02}")).collect();
    for key in &keys {
        world.put(key, b"1");
    }
    world.put("d.txt", b"1");
    let session = world.session();
    world.proxy.rule("DeleteObjects", 0, 99, Act::Lose);
    session.rename("/d", "/e").unwrap();
    assert_eq!(world.keys().len(), 21);
    let requests = world.requests(|| remove_tree(&session, "/e").unwrap());
    assert_eq!(world.keys(), ["d.txt"]);
    assert_eq!(count(&requests, "DeleteObject"), 0, "{requests:?}");
    world.proxy.clear();

    // Not carried out at all, it is said how much is left.
    for key in &keys {
        world.put(key, b"1");
    }
    let refusal = Act::Refuse(500, "InternalError");
    world.proxy.rule("DeleteObjects", 0, 99, refusal);
    let failed = session.rename("/d", "/e").unwrap_err();
    assert!(failed.message.contains("20 of 20 sources left"), "{failed}");
    assert_eq!(world.keys().len(), 41);
    world.proxy.clear();
    session.rename("/d", "/e").unwrap();
    assert_eq!(world.keys().len(), 21);
}

#[test]
fn a_damaged_header_does_not_cost_the_old_file() {
    let world = World::new();
    let session = world.session();
    world.put("new", b"new");
    world.put("old", b"old");
    world.proxy.rule("CopyObject", 0, 99, Act::LieAboutCrc);
    let requests = world.requests(|| session.rename("/new", "/old").unwrap());
    assert_eq!(count(&requests, "HeadObject"), 2, "{requests:?}");
    assert_eq!(world.keys(), ["old"]);
    assert_eq!(world.get("old"), b"new");

    // Where nobody can say what stands there, nothing is deleted.
    world.put("new", b"newer");
    session.stat("/new").unwrap();
    let refusal = Act::Refuse(500, "InternalError");
    world.proxy.rule("HeadObject", 0, 99, refusal);
    assert_eq!(kind(session.rnto("/new", "/old")), ErrorKind::Unavailable);
    world.proxy.clear();
    assert_eq!(world.keys(), ["new", "old"]);
}

#[test]
fn what_comes_before_the_first_reply_has_a_deadline() {
    let world = World::with(|config| config.command_timeout = Duration::from_millis(300));
    let session = world.session();
    world.put("f", &noise(PART));
    for api in ["GetObject", "HeadObject", "ListObjectsV2"] {
        world.proxy.rule(api, 0, 99, Act::Stall);
    }
    for (api, refused) in [
        ("GetObject", session.reader("/f", 0).err()),
        ("GetObject", session.reader("/f", 5).err()),
        ("HeadObject", session.writer("/f", StoreMode::Append).err()),
        ("HeadObject", session.writer("/f", StoreMode::New).err()),
        ("HeadObject", session.writer("/f", StoreMode::At(7)).err()),
        ("ListObjectsV2", session.list("/").err()),
    ] {
        let refused = refused.expect(api);
        assert_eq!(refused.kind, ErrorKind::Unavailable, "{api}: {refused}");
    }
    // None of them was sent a second time: the first had all the time there was.
    let requests: Vec<_> = world.proxy.take();
    assert_eq!(requests.len(), 6, "{requests:?}");
    world.proxy.clear();

    // What was opened in time is not cut off when the time is over.
    let mut reader = session.reader("/f", 0).unwrap();
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(read_all(reader.as_mut()).unwrap(), noise(PART));
}

#[test]
fn a_process_that_ends_waits_for_an_upload_that_begins() {
    let world = World::new();
    let session = world.session();
    let barrier = std::sync::Arc::new(std::sync::Barrier::new(2));
    let hold = Act::Hold(std::sync::Arc::clone(&barrier));
    world.proxy.rule("InitiateMultipartUpload", 0, 1, hold);
    std::thread::scope(|scope| {
        let upload = scope.spawn(|| session.broken_stor("/f", &noise(PART * 2 + 1)));
        barrier.wait();
        // OSS has begun it, and its answer is on its way: nobody knows the upload yet.
        assert!(!world.storage.drain(Duration::ZERO));
        barrier.wait();
        upload.join().unwrap();
    });
    world.assert_no_uploads();
}

#[test]
fn an_abort_is_asked_for_until_oss_is_back() {
    let world = World::new();
    let session = world.session();
    for refusals in [1, 20] {
        // Twenty are six tries with three each of the client, and some.
        let refusal = Act::Refuse(503, "ServiceUnavailable");
        world
            .proxy
            .rule("AbortMultipartUpload", 0, refusals, refusal);
        session.broken_stor("/f", &noise(PART * 2 + 1));
        world.assert_no_uploads();
    }
    // What OSS refuses for good is not asked for again and again.
    let refusal = Act::Refuse(403, "AccessDenied");
    world.proxy.rule("AbortMultipartUpload", 0, 99, refusal);
    world.proxy.take();
    session.broken_stor("/f", &noise(PART * 2 + 1));
    assert!(world.storage.drain(Duration::from_secs(30)));
    let aborts = world.proxy.take();
    let aborts = aborts.iter().filter(|r| r.api == "AbortMultipartUpload");
    assert_eq!(aborts.count(), 1);
}
