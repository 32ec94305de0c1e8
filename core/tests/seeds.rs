//! Replays the seeds of the fuzz targets, so that what a fuzzer once found stays mended.

// The seeds are files; the rule is for what they test.
#![allow(clippy::disallowed_methods)]

use ossftp_core::sim::{fuzz, targets};
use std::path::Path;

/// Fewer seeds than these, and somebody has lost some.
const LEAST: usize = 8;

/// A target, by the name of its directory.
type Target = (&'static str, fn(&[u8]));

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
    assert!(
        seeds >= LEAST,
        "only {seeds} seeds in {}",
        directory.display()
    );
}

#[test]
fn command() {
    replay("command", fuzz::command);
}

#[test]
fn session_bytes() {
    replay("session_bytes", fuzz::session_any_way);
}

/// Those that take bytes as a source of choices.
#[test]
fn by_choice() {
    let table: [Target; 6] = [
        ("command_value", targets::command_value),
        ("lines", targets::lines),
        ("listing", targets::listing),
        ("path", targets::path),
        ("session_model", targets::session_model),
        ("transfer", targets::transfer),
    ];
    for (name, target) in table {
        replay(name, target);
    }
}
