//! Replays the seeds of the fuzz targets, so that what a fuzzer once found stays mended.

use ossftp_oss::fuzz;
use std::path::Path;

/// Runs `target` on each of its seeds, of which there are `least` or more.
fn replay(name: &str, target: fn(&[u8]), least: usize) {
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
        seeds >= least,
        "only {seeds} seeds in {}",
        directory.display()
    );
}

#[test]
fn oss_xml() {
    replay("oss_xml", fuzz::oss_xml, 20);
}

#[test]
fn oss_sign() {
    replay("oss_sign", fuzz::oss_sign, 20);
}
