//! The gateway's memory does not grow with the file.

#![cfg(target_os = "linux")]

use crate::support::{World, noise, on_both_runtimes, run_ok, sha256};
use std::fs::File;
use std::io::Write;

on_both_runtimes!(a_large_file_needs_little_memory);

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
