//! A client that is killed in the middle of an upload leaves nothing behind.
//!
//! SIGKILL lets the system close both connections in order (FIN), so the end of the data looks
//! like that of a whole file; with SO_LINGER 0 they are reset (RST). In either case the object
//! must not appear, an old one must stay, and no multipart upload may be left.

use crate::support::{Program, World, on_both_runtimes, run_ok, wait_until};
use ossftp_oss::{GetObject, PutObject, SliceBody};
use std::io::Read;

on_both_runtimes!(
    small_in_order,
    small_reset,
    small_while_sending,
    multipart_in_order,
    multipart_reset,
    multipart_while_sending,
    told_to_stop_while_hanging,
    told_to_stop_while_sending,
);

/// Less than one part: nothing has been sent to the store when the client dies.
const SMALL: usize = 300 << 10;
/// Several parts.
const MULTIPART: usize = 40 << 20;

fn small_in_order(runtime: &str) {
    killed(runtime, "small-fin", SMALL, "fin", "hang");
}

fn small_reset(runtime: &str) {
    killed(runtime, "small-rst", SMALL, "rst", "hang");
}

fn small_while_sending(runtime: &str) {
    killed(runtime, "small-sending", SMALL, "fin", "trickle");
}

fn multipart_in_order(runtime: &str) {
    killed(runtime, "multipart-fin", MULTIPART, "fin", "hang");
}

fn multipart_reset(runtime: &str) {
    killed(runtime, "multipart-rst", MULTIPART, "rst", "hang");
}

fn multipart_while_sending(runtime: &str) {
    killed(runtime, "multipart-sending", MULTIPART, "fin", "trickle");
}

fn killed(runtime: &str, test: &str, size: usize, close: &str, then: &str) {
    let mut world = World::new(runtime, test);
    let old_key = format!("{}/old", world.folder);
    let old = b"the old content";
    let bucket = world.bucket();
    bucket
        .put_object(&old_key, &mut SliceBody::new(old), &PutObject::default())
        .unwrap();

    for name in ["new", "old"] {
        let mut command = world.python("stor_and_hang.py");
        command.arg(name).arg(size.to_string()).args([close, then]);
        let mut client = Program::spawn(command);
        client.wait_for("sent");
        if size == MULTIPART {
            assert_eq!(world.unfinished_uploads(), 1, "parts should be under way");
        }
        let said = world.gateway.lines();
        client.kill();
        world
            .gateway
            .wait_for_after(said, "closing: the client closed the connection");
        wait_until("the end of the upload", || world.unfinished_uploads() == 0);
        assert_eq!(world.keys(), ["old"], "after {name}");
    }

    // It serves on, and when it has stopped in order nothing can come after.
    assert_eq!(run_ok(world.curl().arg(world.url("old"))), old);
    world.gateway.signal("TERM");
    assert_eq!(world.gateway.wait().code(), Some(0));
    assert_eq!(world.unfinished_uploads(), 0);
    assert_eq!(world.keys(), ["old"]);
    let mut body = bucket.get_object(&old_key, &GetObject::default()).unwrap();
    let mut now = Vec::new();
    body.read_to_end(&mut now).unwrap();
    assert_eq!(now, old);
}

fn told_to_stop_while_hanging(runtime: &str) {
    told_to_stop(runtime, "stop-hanging", "hang");
}

fn told_to_stop_while_sending(runtime: &str) {
    told_to_stop(runtime, "stop-sending", "trickle");
}

/// The gateway is told to stop in the middle of an upload of many parts, whose client neither ends
/// nor goes away: it ends in time, and leaves nothing behind.
fn told_to_stop(runtime: &str, test: &str, then: &str) {
    let mut world = World::new(runtime, test);
    world.put("old", b"the old content");
    let mut clients = Vec::new();
    for (at, name) in ["new", "old"].into_iter().enumerate() {
        let mut command = world.python("stor_and_hang.py");
        command.arg(name).arg(MULTIPART.to_string());
        command.args(["fin", then]);
        let client = Program::spawn(command);
        client.wait_for("sent");
        assert_eq!(
            world.unfinished_uploads(),
            at + 1,
            "both should be under way"
        );
        clients.push(client);
    }
    world.gateway.signal("TERM");
    assert_eq!(world.gateway.wait().code(), Some(0));
    assert_eq!(world.unfinished_uploads(), 0);
    assert_eq!(world.keys(), ["old"]);
    assert_eq!(world.object("old"), b"the old content");
    for mut client in clients {
        client.kill();
    }
}
