//! The gateway's memory does not grow with the file, nor with the directory.

#![cfg(target_os = "linux")]

use crate::support::{
    Program, World, address, client, noise, on_both_runtimes, run_ok, sha256, wait_until,
};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};

on_both_runtimes!(
    a_large_file_needs_little_memory,
    many_at_once_share_little_memory,
    a_large_directory_needs_little_memory
);

const MIB: u64 = 1 << 20;
/// The file. `tests/big` does it with 1 GiB.
const FILE: u64 = 256 * MIB;
/// The most that the gateway may ever have held.
const LIMIT: u64 = 200 * MIB;

fn a_large_file_needs_little_memory(runtime: &str) {
    let world = World::new(runtime, "memory");
    let big = world.file("big");
    {
        let mut file = File::create(&big).unwrap();
        for number in 0..FILE / MIB {
            file.write_all(&noise(1 << 20, number)).unwrap();
        }
    }
    let url = world.url("dir/big");
    run_ok(
        world
            .curl()
            .arg("--ftp-create-dirs")
            .arg("-T")
            .arg(&big)
            .arg(&url),
    );
    let up = peak_memory(world.gateway.id());
    let back = world.file("back");
    run_ok(world.curl().arg("-o").arg(&back).arg(&url));
    let down = peak_memory(world.gateway.id());
    assert_eq!(sha256(&big), sha256(&back));
    println!(
        "{runtime}: peak {} MiB up, {} MiB up and down",
        up / MIB,
        down / MIB
    );
    assert!(
        down < LIMIT,
        "the gateway's peak memory was {} MiB",
        down / MIB
    );
    if world.store.is_some() {
        let log = std::fs::read_to_string(world.file("store.log")).unwrap();
        let checked = |api: &str| {
            let api = format!("\"api\":\"{api}\"");
            let lines = log.lines().filter(|line| line.contains(&api));
            lines.filter(|line| line.contains("\"crc64\":\"")).count()
        };
        assert!(checked("UploadPart") > 1, "no parts with CRC-64:\n{log}");
        assert_eq!(checked("CompleteMultipartUpload"), 1, "{log}");
    }
}

/// Sessions that transfer together.
const SESSIONS: usize = 50;
/// What each of them transfers: more than each of them can have of the memory.
const EACH: u64 = 3 * MIB;
/// What there is for all of them.
const SHARED: u64 = 16 * MIB;
/// What the program takes besides, as everywhere.
const BESIDES: u64 = 40 * MIB;

/// Fifty uploads, then fifty downloads, a fifth of them slow: all of them end, or are told to come
/// back later, and the memory for transfers is that of one small device.
fn many_at_once_share_little_memory(runtime: &str) {
    let flags = ["--transfer-memory=16MiB", "--part-size=1MiB"];
    let world = World::with_flags(runtime, "many", &flags);
    for number in 0..SESSIONS {
        // Those that are not sent anew are there to be fetched all the same.
        world.put(&format!("f{number}"), b"old");
    }
    let mut sent = Vec::new();
    for verb in ["send", "fetch"] {
        let mut command = world.python("many_at_once.py");
        command.arg(verb).arg(SESSIONS.to_string());
        command.arg(EACH.to_string()).arg("10");
        let said = String::from_utf8(run_ok(&mut command)).unwrap();
        let ends: Vec<&str> = said.lines().collect();
        assert_eq!(ends.len(), SESSIONS, "{said}");
        let done = |end: &str| end.starts_with("done");
        if verb == "send" {
            sent = ends.iter().map(|end| done(end)).collect();
            // Each that was acknowledged is there, and the others have kept what they had.
            for (number, is_sent) in sent.iter().enumerate() {
                let length = world.object(&format!("f{number}")).len() as u64;
                assert_eq!(length, if *is_sent { EACH } else { 3 }, "f{number}: {said}");
            }
            assert_eq!(world.unfinished_uploads(), 0);
        }
        for (end, is_sent) in ends.iter().zip(&sent) {
            let other = verb == "fetch" && !is_sent && *end == "failed with other bytes";
            assert!(done(end) || end.starts_with("refused") || other, "{said}");
        }
        let count = ends.iter().filter(|end| done(end)).count();
        println!("{runtime}: {count} of {SESSIONS} {verb}");
        assert!(count > 0, "{said}");
    }
    // Nothing of the memory is lost: four at a time find room again, if not at once. Each takes what
    // it can, and leaves a window for three more at least.
    wait_until("room for four", || {
        let mut command = world.python("many_at_once.py");
        command.args(["send", "4"]).arg(EACH.to_string()).arg("0");
        let said = String::from_utf8(run_ok(&mut command)).unwrap();
        said.lines().all(|end| end.starts_with("done"))
    });
    let peak = peak_memory(world.gateway.id());
    println!("{runtime}: peak {} MiB", peak / MIB);
    assert!(peak < SHARED + BESIDES, "peak {} MiB", peak / MIB);
}

/// How many files the directory has. `tests/million` does it with a million.
const NAMES: usize = 100_000;
/// The most that the gateway may ever have held for it.
const LISTING_LIMIT: u64 = 64 * MIB;

fn a_large_directory_needs_little_memory(runtime: &str) {
    let local = tempfile::tempdir().unwrap();
    let (dir, listing) = (local.path().join("store"), local.path().join("listing"));
    let store = Program::start([
        "dev-store".into(),
        "--listen=127.0.0.1:0".into(),
        format!("--dir={}", dir.display()),
        "--access-key-id=test-id".into(),
        "--access-key-secret=test-secret".into(),
        "--bucket=test-bucket".into(),
        format!("--generate=test-bucket:many/:{NAMES}"),
    ]);
    let endpoint = address(&store.wait_for("http://"));
    let gateway = Program::start([
        "serve".into(),
        "--port=0".into(),
        format!("--runtime={runtime}"),
        format!("--endpoint=http://{endpoint}"),
        "--region=cn-hangzhou".into(),
    ]);
    let ftp = address(&gateway.wait_for("FTP on "));
    run_ok(
        client("curl")
            .args(["--silent", "--show-error", "--max-time", "600"])
            .args(["--user", "test-id/test-bucket:test-secret"])
            .args(["-X", "MLSD", "-o"])
            .arg(&listing)
            .arg(format!("ftp://{ftp}/many/")),
    );
    let lines = BufReader::new(File::open(&listing).unwrap()).lines();
    let names: Vec<String> = lines
        .map(|line| line.unwrap().rsplit(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(names.len(), NAMES);
    assert!(names.is_sorted() && names[0] == "0000000", "{}", names[0]);
    let peak = peak_memory(gateway.id());
    println!("{runtime}: peak {} MiB for {NAMES} names", peak / MIB);
    assert!(
        peak < LISTING_LIMIT,
        "the gateway's peak memory was {} MiB",
        peak / MIB
    );
}

/// The most bytes of memory that a process has had (VmHWM).
fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1024
}
