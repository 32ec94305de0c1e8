//! `docs/protocol.md` is what the table of commands says, and the table is what the judge of the
//! simulator allows.
//!
//! `UPDATE=1 cargo test -p ossftp-core --test protocol` writes the page's tables anew.

// The page is a file; the rule is for what is tested.
#![allow(clippy::disallowed_methods)]

use ossftp_core::Need;
use ossftp_core::command::{COMMANDS, EXTENSIONS, Feature, SITE_COMMANDS, Spec};
use ossftp_core::sim::may_answer;
use std::fmt::Write as _;
use std::path::Path;

const BEGIN: &str = "<!-- from here on: written by core/tests/protocol.rs -->\n";
const END: &str = "<!-- up to here -->\n";

/// Codes that any command may get.
const ANY: [u16; 4] = [421, 500, 501, 530];

/// What has to be there, as the page says it.
fn need(need: Need) -> Option<String> {
    let text = match need {
        Need::Nothing => return None,
        Need::Tls => "a certificate",
        Need::ClearAgain => "a certificate, and the policy that allows it",
        Need::ActiveData => "a policy that allows active data connections",
        Need::ModifyTimes => "a storage that keeps times",
        Need::CreateTimes => "a storage that keeps times of creation",
        Need::AnyFact => "a storage that keeps one of the facts",
        Need::Modes => "a storage that takes modes",
        Need::Space => "a storage that knows its space",
        Need::AnyHash => "a storage that has a hash",
        Need::Hash(algorithm) => return Some(format!("needs {}", algorithm.name())),
        Need::Copy => "a storage that copies",
        Need::Combine => "a storage that joins files",
        Need::Symlinks => "a storage that has links",
        Need::Restore => "a storage that archives",
        Need::RemoveTree => "a storage that removes trees",
        other => panic!("the page has no words for {other:?}"),
    };
    Some(format!("needs {text}"))
}

fn remarks(spec: &Spec) -> String {
    let mut remarks = Vec::new();
    if spec.before_login {
        remarks.push(String::from("before login too"));
    }
    if spec.writes {
        remarks.push(String::from("writes"));
    }
    if spec.transfers {
        remarks.push(String::from("data connection"));
    }
    remarks.extend(need(spec.need));
    remarks.join("; ")
}

/// A table cell; `|` would end it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn code_cell(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("`{}`", cell(text))
}

fn rows(specs: &[&Spec]) -> String {
    let mut text = String::from(
        "| Command | Argument | What it does | Replies | Source | Remarks |\n|---|---|---|---|---|---|\n",
    );
    for spec in specs {
        let alias = match spec.alias {
            "" => String::new(),
            alias => format!(", `{alias}`"),
        };
        let codes: Vec<_> = spec.codes.iter().map(u16::to_string).collect();
        let (argument, help) = (code_cell(spec.syntax), cell(spec.help));
        let (verb, codes) = (spec.verb, codes.join(" "));
        let (source, remarks) = (spec.source, remarks(spec));
        let _ = writeln!(
            text,
            "| `{verb}`{alias} | {argument} | {help} | {codes} | {source} | {remarks} |"
        );
    }
    text
}

/// What FEAT shows for a row, with all that can be there.
fn features(spec: &Spec) -> Vec<&'static str> {
    vec![match spec.feature {
        Feature::None => return Vec::new(),
        Feature::BothVerbs => return vec![spec.verb, spec.alias],
        Feature::Line(line) => line,
        Feature::Facts => "MLST fact*;fact;…",
        Feature::Hashes => "HASH algorithm*;algorithm;…",
        Feature::Changes => "MFF fact;…",
        Feature::Languages => "LANG EN*",
        Feature::ModeZ => "MODE Z",
        other => panic!("the page has no words for {other:?}"),
    }]
}

fn generated() -> String {
    let (refused, known): (Vec<_>, Vec<_>) = COMMANDS.iter().partition(|spec| spec.is_refused());
    let site: Vec<_> = SITE_COMMANDS.iter().collect();
    let mut text = String::from("\n## Commands\n\n");
    text += &rows(&known);
    text += "\n## SITE\n\n";
    text += &rows(&site);
    text += "\n## Known, and refused\n\n";
    text += &rows(&refused);
    text += "\n## What FEAT lists\n\n";
    let lines = COMMANDS.iter().chain(SITE_COMMANDS).flat_map(features);
    for line in lines.chain(EXTENSIONS.iter().copied()) {
        let _ = writeln!(text, "- `{line}`");
    }
    text.push('\n');
    text
}

#[test]
fn the_page_says_what_the_table_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let expected = generated();
    if written == expected {
        return;
    }
    assert!(
        std::env::var_os("UPDATE").is_some(),
        "docs/protocol.md is not what the table says; UPDATE=1 writes it anew"
    );
    std::fs::write(&page, [before, BEGIN, &expected, END, after].concat()).unwrap();
}

#[test]
fn every_row_is_whole() {
    for spec in COMMANDS.iter().chain(SITE_COMMANDS) {
        let verb = spec.verb;
        assert!(!spec.help.is_empty() && !spec.source.is_empty(), "{verb}");
        assert!(!spec.codes.is_empty(), "{verb}");
        assert!(spec.codes.is_sorted_by(|a, b| a < b), "{verb}");
        assert!(!spec.codes.iter().any(|code| ANY.contains(code)), "{verb}");
        // Nothing but data connections has a reply before the last one.
        assert_eq!(spec.codes.contains(&150), spec.transfers, "{verb}");
        let can_be_missing = spec.need != Need::Nothing || spec.is_refused();
        let answers_missing = matches!(verb, "HELP" | "SITE HELP" | "OPTS");
        assert!(
            answers_missing || spec.codes.contains(&502) == can_be_missing,
            "{verb}"
        );
    }
}

#[test]
fn the_judge_allows_what_the_table_has() {
    for spec in COMMANDS.iter().chain(SITE_COMMANDS) {
        for code in spec.codes.iter().chain(&ANY) {
            for verb in [spec.verb, spec.alias].iter().filter(|v| !v.is_empty()) {
                assert!(may_answer(verb, *code), "{code} to {verb}");
            }
        }
    }
    assert!(!may_answer("NOOP", 226) && !may_answer("XYZZY", 200));
}
