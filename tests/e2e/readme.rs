//! The README's tables of flags say what `--help` says, no more and no less.

use crate::support::{run_ok, text};
use std::collections::BTreeSet;
use std::process::Command;

const README: &str = include_str!("../../README.md");

#[test]
fn flag_tables_are_true() {
    for command in ["serve", "demo", "dev-store"] {
        let help = help(command);
        let table = table(command);
        assert_eq!(table, help, "README.md and oss-ftp {command} --help differ");
    }
}

/// Flags and their defaults, as the help shows them.
fn help(command: &str) -> BTreeSet<(String, String)> {
    let help = text(&run_ok(
        Command::new(env!("CARGO_BIN_EXE_oss-ftp")).args([command, "--help"]),
    ));
    help.lines()
        .filter_map(|line| line.trim().strip_prefix("--"))
        .map(|line| {
            let flag = line.split_whitespace().next().unwrap();
            let default = line
                .split_once("[default: ")
                .map_or("", |(_, rest)| rest.trim_end_matches(']'));
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
