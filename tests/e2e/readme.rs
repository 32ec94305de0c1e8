//! The README is true: its tables of flags say what `--help` says, and its tour, its upload that
//! goes on and its names in GBK work as they are written. Settings of OSS need not stand in the
//! README: all of them are in `docs/oss.md`, which has a test of its own.

use ossftp::config::OSS;

use crate::support::{Program, address, run_ok, text};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../README.md");

#[test]
fn flag_tables_are_true() {
    for command in ["serve", "demo", "dev-store"] {
        let help = help(command);
        let table = table(command);
        let lies: Vec<_> = table.difference(&help).collect();
        assert!(lies.is_empty(), "oss-ftp {command} has no {lies:?}");
        let is_setting = |flag: &str| OSS.iter().any(|s| flag[2..] == s.name.replace('_', "-"));
        let mut missing = help.difference(&table);
        let missing = missing.find(|(flag, _)| !is_setting(flag));
        assert_eq!(missing, None, "README.md has not all flags of {command}");
    }
}

/// Flags and their defaults, as the help shows them.
fn help(command: &str) -> BTreeSet<(String, String)> {
    let help = text(&run_ok(
        Command::new(env!("CARGO_BIN_EXE_oss-ftp")).args([command, "--help"]),
    ));
    // A long help has the text below the flag.
    help.split("\n      --")
        .skip(1)
        .map(|entry| {
            let flag = entry.split_whitespace().next().unwrap();
            let default = entry
                .split_once("[default: ")
                .map_or("", |(_, rest)| rest.split(']').next().unwrap());
            (format!("--{flag}"), default.to_owned())
        })
        .collect()
}

/// The rows `| `--flag` | `default` | … |` below the heading of that command.
fn table(command: &str) -> BTreeSet<(String, String)> {
    let heading = format!("`oss-ftp {command}`");
    let (_, below) = README
        .split_once(&format!("\n### {heading}"))
        .unwrap_or_else(|| panic!("README.md has no heading for {heading}"));
    let section = below.split("\n#").next().unwrap();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `--"))
        .map(|row| {
            let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
            let flag = cells.next().unwrap().trim_end().trim_end_matches('`');
            let default = cells.next().unwrap();
            (format!("--{flag}"), default.to_owned())
        })
        .collect()
}

/// The first shell commands below that heading, as they stand there.
fn commands(heading: &str) -> String {
    let (_, section) = README.split_once(&format!("\n## {heading}\n")).unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    block.split("```").next().unwrap().to_owned()
}

#[test]
fn the_tour_works_as_written() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("src")).unwrap();
    std::fs::write(dir.path().join("src/lib.rs"), "// code").unwrap();
    let said = say("A tour of the demo", &[], dir.path());
    assert!(
        said.contains("An FTP server whose disk is"),
        "no file came back: {said}"
    );
    assert!(said.contains("\ncopy.txt"), "not copied: {said}");
    assert!(said.contains("\npapers"), "not renamed: {said}");
    assert!(
        said.trim_end().ends_with(" lib.rs"),
        "no tree went up: {said}"
    );
    let fetched = std::fs::read_to_string(dir.path().join("readme.txt")).unwrap();
    assert!(fetched == README);
}

#[test]
fn an_upload_goes_on_as_written() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--partial=resume", "--part-size=1M"];
    let said = say("An upload that goes on", &flags, dir.path());
    assert!(said.contains("broke off"), "it did not break off: {said}");
    let kept = said.split_once("Content-Length: ").expect("a size").1;
    let kept: u64 = kept.split_whitespace().next().unwrap().parse().unwrap();
    // The bytes that came back were compared by the last command.
    assert!(0 < kept && kept < 8_000_000, "{said}");
}

#[test]
fn names_in_gbk_work_as_written() {
    let dir = tempfile::tempdir().unwrap();
    let said = say("Names that are not UTF-8", &["--charset=GBK"], dir.path());
    assert!(said.contains("中文.txt"), "not listed in UTF-8: {said}");
    let fetched = std::fs::read_to_string(dir.path().join("gbk.txt")).unwrap();
    assert!(fetched == README);
}

/// What the commands below that heading say, run in `dir` while the demo runs with these flags.
fn say(heading: &str, flags: &[&str], dir: &Path) -> String {
    let objects = dir.join("objects");
    let mut arguments: Vec<&OsStr> = vec!["demo".as_ref(), "--port=0".as_ref(), "--dir".as_ref()];
    arguments.push(objects.as_os_str());
    arguments.extend(flags.iter().map(OsStr::new));
    let demo = Program::start(arguments);
    let address = address(&demo.wait_for("FTP on ")).to_string();
    let script = commands(heading).replace("127.0.0.1:2048", &address);
    // What the commands send.
    std::fs::write(dir.join("README.md"), README).unwrap();
    let mut shell = Command::new("sh");
    text(&run_ok(shell.args(["-e", "-c", &script]).current_dir(dir)))
}
