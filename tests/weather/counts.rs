//! What each command asks of OSS, request by request: each costs money and a round trip.

use crate::client::Client;
use crate::world::{PART, World, noise};
use ossftp::server::Runtime;

/// Runs `work` and gives the requests that it made, as the store's log has them.
fn asked(world: &World, work: impl FnOnce()) -> Vec<String> {
    let before = fence(world);
    work();
    let after = fence(world);
    let requests = world.asked_since(before);
    requests[..after - before - 1].to_vec()
}

/// Waits until all that was asked so far is in the log; gives the length of the log. A line is
/// written after its answer was sent, so a request of our own marks the end.
fn fence(world: &World) -> usize {
    let before = fences(world);
    world.bucket.location().unwrap();
    crate::world::wait_for("the log", || fences(world) > before);
    world.store().requests().len()
}

fn fences(world: &World) -> usize {
    let requests = world.asked_since(0);
    requests
        .iter()
        .filter(|api| *api == "GetBucketLocation")
        .count()
}

/// Asserts what `line` and its data connection ask for.
#[track_caller]
fn costs(world: &World, what: &str, wanted: &[&str], work: impl FnOnce()) {
    let mut requests = asked(world, work);
    let mut wanted: Vec<String> = wanted.iter().map(|api| (*api).to_owned()).collect();
    // Parts go side by side, so their order is not said.
    requests.sort();
    wanted.sort();
    assert_eq!(requests, wanted, "{what}");
}

#[track_caller]
fn each_costs(world: &World, client: &mut Client, commands: &[(&str, u16, &[&str])]) {
    for (line, code, wanted) in commands {
        costs(world, line, wanted, || {
            client.ask(line, *code);
        });
    }
}

const HEAD: &str = "HeadObject";
const LIST: &str = "ListObjectsV2";
const PUT: &str = "PutObject";
const GET: &str = "GetObject";
const DELETE: &str = "DeleteObject";

#[test]
fn logins_and_folders() {
    let world = World::new(Runtime::Smol);
    world.put("d/e/f", b"1");
    costs(&world, "the first login", &[LIST], || drop(world.login()));
    costs(&world, "the next login", &[], || drop(world.login()));
    let mut client = world.login();
    each_costs(
        &world,
        &mut client,
        &[
            ("CWD d", 250, &[LIST]),
            ("CWD /missing", 550, &[LIST]),
            ("PWD", 257, &[]),
            ("CDUP", 250, &[]),
            ("MKD new", 257, &[LIST, PUT]),
            ("MKD new", 550, &[LIST]),
            ("RMD new", 250, &[LIST, DELETE]),
            ("RMD new", 550, &[LIST]),
            ("RMD d", 550, &[LIST]),
            ("MLST d/e/f", 250, &[HEAD]),
        ],
    );
    costs(&world, "MLSD", &[LIST], || {
        client.fetch("MLSD /");
    });
    each_costs(&world, &mut client, &[("CWD /d", 250, &[])]);
}

#[test]
fn files() {
    let world = World::new(Runtime::Threads);
    world.put("small", &noise(1000, 1));
    world.put("empty", b"");
    world.put("large", &noise(PART * 2 + 1, 2));
    world.put("theirs", b"1");
    let mut client = world.login();
    client.ask("TYPE I", 200);
    for (line, code, wanted) in [
        ("SIZE small", 213, &[HEAD][..]),
        ("MDTM small", 213, &[HEAD]),
        ("SIZE missing", 550, &[HEAD, LIST]),
        ("DELE missing", 550, &[HEAD]),
        ("DELE theirs", 250, &[HEAD, DELETE]),
    ] {
        let requests = asked(&world, || {
            client.ask(line, code);
        });
        assert!(requests.len() <= wanted.len(), "{line}: {requests:?}");
    }
    for (line, wanted) in [
        ("RETR empty", &[GET][..]),
        ("RETR small", &[GET]),
        ("RETR large", &[GET, GET, GET]),
    ] {
        costs(&world, line, wanted, || {
            client.fetch(line);
        });
    }
    costs(&world, "REST and RETR", &[GET], || {
        client.ask("REST 10", 350);
        client.fetch("RETR small");
    });
    costs(&world, "STOR", &[PUT], || client.store("STOR new", b"new"));
    costs(&world, "STOR over a file", &[PUT], || {
        client.store("STOR new", b"newer");
    });
    costs(&world, "DELE of what this session wrote", &[DELETE], || {
        client.ask("DELE new", 250);
    });
    costs(
        &world,
        "STOR of three parts",
        &[
            "InitiateMultipartUpload",
            "UploadPart",
            "UploadPart",
            "UploadPart",
            "CompleteMultipartUpload",
        ],
        || client.store("STOR three", &noise(PART * 2 + 5, 3)),
    );
    costs(&world, "STOR of exactly one part", &[PUT], || {
        client.store("STOR one", &noise(PART, 4));
    });
    costs(&world, "RNFR", &[HEAD], || {
        client.ask("RNFR small", 350);
    });
    costs(&world, "RNTO", &[LIST, "CopyObject", DELETE], || {
        client.ask("RNTO smaller", 250);
    });
    client.fetch("MLSD");
    costs(&world, "DELE of what was listed", &[DELETE], || {
        client.ask("DELE smaller", 250);
    });
}

#[test]
fn what_else_there_is() {
    let world = World::new(Runtime::Threads);
    world.put("f", &noise(10, 1));
    world.put("big", &noise(PART * 2, 2));
    world.put("d/x", b"1");
    world.put("t/x", b"1");
    world.put("t/y/", b"");
    let mut client = world.login();
    client.ask("TYPE I", 200);
    each_costs(
        &world,
        &mut client,
        &[
            ("MLST d", 250, &[HEAD, LIST]),
            ("MLST /", 250, &[]),
            ("STAT f", 213, &[LIST, HEAD]),
            ("STAT d", 212, &[LIST]),
            ("HASH f", 213, &[GET]),
            ("XMD5 f", 250, &[HEAD]),
            ("RNFR d", 350, &[HEAD, LIST]),
            (
                "RNTO e",
                250,
                &[
                    HEAD,
                    LIST,
                    "GetBucketInfo",
                    LIST,
                    "CopyObject",
                    LIST,
                    "DeleteMultipleObjects",
                ],
            ),
            ("SITE CPFR f", 350, &[HEAD]),
            ("SITE CPTO g", 250, &[LIST, "CopyObject"]),
            ("SITE SYMLINK f link", 200, &[HEAD, "PutSymlink"]),
            ("SITE RMDIR t", 250, &[LIST, "DeleteMultipleObjects"]),
            ("CWD e", 250, &[LIST]),
            ("CDUP", 250, &[]),
        ],
    );
    costs(&world, "APPE to a small file", &[HEAD, GET, PUT], || {
        client.store("APPE f", b"more");
    });
    costs(
        &world,
        "APPE to a large file",
        &[
            HEAD,
            "InitiateMultipartUpload",
            "UploadPartCopy",
            "UploadPart",
            "CompleteMultipartUpload",
        ],
        || client.store("APPE big", b"more"),
    );
}

#[test]
fn a_rename_onto_itself_asks_for_nothing() {
    let world = World::new(Runtime::Smol);
    world.put("f", b"1");
    world.put("d/f", b"2");
    let mut client = world.login();
    for name in ["f", "d"] {
        client.ask(&format!("RNFR {name}"), 350);
        costs(&world, "RNTO", &[], || {
            client.ask(&format!("RNTO {name}"), 250);
        });
    }
    assert_eq!(world.get("f").as_deref(), Some(&b"1"[..]));
    assert_eq!(world.get("d/f").as_deref(), Some(&b"2"[..]));
}

#[test]
fn a_listing_asks_once_for_each_page() {
    for (names, pages) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (2500, 3)] {
        let world = World::new(Runtime::Threads);
        world
            .store()
            .generate(crate::world::BUCKET, "d/", names)
            .unwrap();
        let mut client = world.login();
        if names == 0 {
            client.ask("MKD d", 257);
        }
        let mut lines = 0;
        costs(
            &world,
            &format!("{names} names"),
            &vec![LIST; pages],
            || {
                lines = client
                    .fetch("NLST d")
                    .iter()
                    .filter(|b| **b == b'\n')
                    .count();
            },
        );
        assert_eq!(lines as u64, names);
    }
}
