//! How many whole sessions a second the simulator plays, with all its rules on.
//!
//! ```sh
//! cargo run --release -p ossftp-core --features sim --example sim_rate -- [SECONDS]
//! cargo run -p ossftp-core --features sim --example sim_rate -- --list
//! ```
//!
//! It plays the seeds of the target `session_bytes` that are a conversation worth the name: at
//! least ten commands, with one login and one transfer. `--list` prints their paths; that is
//! what `fuzz/rate` measures the fuzz target with.

// What the core may not do, a measurement must: read the seeds and look at the clock.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use ossftp_core::sim::fuzz;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const TRANSFERS: [&[u8]; 7] = [
    b"RETR", b"STOR", b"STOU", b"APPE", b"LIST", b"NLST", b"MLSD",
];

/// Whether the seed is a conversation of at least ten commands with one login and one transfer.
fn is_a_session(seed: &[u8]) -> bool {
    let commands = || {
        let lines = seed.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| !line.is_empty() && !line.starts_with(b"@"))
    };
    let begins = |line: &[u8], verb: &[u8]| {
        let head = line.get(..verb.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(verb))
    };
    let count = |verb: &[u8]| commands().filter(|line| begins(line, verb)).count();
    commands().count() >= 10
        && count(b"USER") == 1
        && count(b"PASS") == 1
        && TRANSFERS.iter().map(|verb| count(verb)).sum::<usize>() == 1
}

fn seeds() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/session_bytes");
    let entries = std::fs::read_dir(folder).expect("the seeds");
    let mut seeds: Vec<_> = entries
        .map(|entry| entry.expect("a seed").path())
        .map(|path| (path.clone(), std::fs::read(path).expect("a seed")))
        .filter(|(_, bytes)| is_a_session(bytes))
        .collect();
    seeds.sort();
    seeds
}

/// Calls `target` with all seeds in turn for about `time`; gives calls a second.
fn rate(seeds: &[(PathBuf, Vec<u8>)], time: Duration, target: fn(&[u8])) -> f64 {
    let began = Instant::now();
    let mut calls = 0_u32;
    while began.elapsed() < time {
        for (_, bytes) in seeds {
            target(bytes);
            calls += 1;
        }
    }
    f64::from(calls) / began.elapsed().as_secs_f64()
}

fn main() {
    let argument = std::env::args().nth(1);
    let seeds = seeds();
    if argument.as_deref() == Some("--list") {
        for (path, _) in &seeds {
            println!("{}", path.display());
        }
        return;
    }
    let seconds = argument.and_then(|text| text.parse().ok()).unwrap_or(5);
    let time = Duration::from_secs(seconds);
    println!("{} seeds", seeds.len());
    let once = rate(&seeds, time, fuzz::session_once);
    println!("simulator, one session:  {once:9.0} a second");
    let target = rate(&seeds, time, fuzz::session_bytes);
    println!("fuzz target:             {target:9.0} a second");
}
