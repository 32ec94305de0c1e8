//! Replays the seeds of the fuzz targets, so that what a fuzzer once found stays mended.

// The seeds are files; the rule is for what they test.
#![allow(clippy::disallowed_methods)]

use ossftp_core::sim::fuzz;
use std::path::Path;

/// Runs `target` on each of its seeds.
fn replay(name: &str, target: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/seeds")
        .join(name);
    let mut seeds = 0;
    for entry in std::fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        // The name of the seed, should the target panic: the test harness shows it then.
        println!("{}", path.display());
        target(&bytes);
        seeds += 1;
    }
    assert!(seeds >= 40, "only {seeds} seeds in {}", directory.display());
}

#[test]
fn command() {
    replay("command", fuzz::command);
}

#[test]
fn session_bytes() {
    replay("session_bytes", fuzz::session_any_way);
}
