//! What each command answers in each state, as tables.
//!
//! A case is a state, a command line, and the codes of all replies that come from then on, in
//! order. Replies in round brackets are those of another command, which was under way before. The
//! tables are a reading of the RFCs and of what clients need, and not of the code: they name
//! every code that the [table of commands](COMMANDS) has for a command, and no other one.

mod access;
mod facts;
mod files;
mod hashes;
mod info;
mod listings;
mod params;
mod secure;
mod site;
mod states;
mod transfers;

use ossftp_core::command::{self, COMMANDS, SITE_COMMANDS, Spec};
use states::{State, replies};
use std::collections::{BTreeMap, BTreeSet};

/// State, command line, replies.
type Case = (State, &'static str, &'static str);

static FAMILIES: &[(&str, &[Case])] = &[
    ("access", access::CASES),
    ("params", params::CASES),
    ("transfers", transfers::CASES),
    ("files", files::CASES),
    ("listings", listings::CASES),
    ("info", info::CASES),
    ("facts", facts::CASES),
    ("hashes", hashes::CASES),
    ("site", site::CASES),
    ("secure", secure::CASES),
];

/// Codes that any command may get; the table does not repeat them.
const ANY: [u16; 4] = [421, 500, 501, 530];

fn cases() -> impl Iterator<Item = &'static Case> {
    FAMILIES.iter().flat_map(|(_, cases)| *cases)
}

/// The codes of a case, and whether each is the command's own.
fn expected(text: &str) -> Vec<(u16, bool)> {
    let code = |word: &str| {
        let own = !word.starts_with('(');
        (word.trim_matches(['(', ')']).parse().unwrap(), own)
    };
    text.split(' ').map(code).collect()
}

/// What a line stands for: `{long}` is a name that no storage holds.
fn said(line: &str) -> String {
    line.replace("{long}", &"x".repeat(1100))
}

/// Plays a case. The error says what came in place of what it expects.
fn check(state: State, line: &str, codes: &[u16]) -> Result<(), String> {
    let got = replies(state, &said(line));
    if got == codes {
        return Ok(());
    }
    Err(format!("{line} in {state:?}: {got:?} and not {codes:?}"))
}

fn codes(text: &str) -> Vec<u16> {
    expected(text).iter().map(|(code, _)| *code).collect()
}

/// The row of the table that a line means.
fn row(line: &str) -> Option<&'static Spec> {
    let mut words = line.split(' ');
    let verb = words.next().unwrap_or_default();
    let both = format!("{verb} {}", words.next().unwrap_or_default());
    command::find(both.as_bytes()).or_else(|| command::find(verb.as_bytes()))
}

#[track_caller]
fn family(name: &str) {
    let (_, cases) = FAMILIES.iter().find(|(known, _)| *known == name).unwrap();
    let wrong: Vec<_> = cases
        .iter()
        .filter_map(|(state, line, text)| check(*state, line, &codes(text)).err())
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn access() {
    family("access");
}

#[test]
fn params() {
    family("params");
}

#[test]
fn transfers() {
    family("transfers");
}

#[test]
fn files() {
    family("files");
}

#[test]
fn listings() {
    family("listings");
}

#[test]
fn info() {
    family("info");
}

#[test]
fn facts() {
    family("facts");
}

#[test]
fn hashes() {
    family("hashes");
}

#[test]
fn site() {
    family("site");
}

#[test]
fn secure() {
    family("secure");
}

#[test]
fn there_are_so_many_cases() {
    let different: BTreeSet<_> = cases()
        .map(|(state, line, _)| (format!("{state:?}"), *line))
        .collect();
    assert_eq!(
        different.len(),
        cases().count(),
        "a case stands there twice"
    );
    assert_eq!(different.len(), 1147);
}

/// A case with any one of its codes changed is a case that fails.
#[test]
fn no_code_can_be_changed() {
    let mut mutants = 0;
    for (state, line, text) in cases() {
        let right = codes(text);
        for at in 0..right.len() {
            let mut wrong = right.clone();
            wrong[at] += 1;
            assert!(check(*state, line, &wrong).is_err(), "{line} in {state:?}");
            mutants += 1;
        }
    }
    assert!(mutants >= cases().count());
}

/// The cases have every code of every row, and no other.
#[test]
fn the_table_has_the_codes_that_come() {
    let mut seen: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
    for (_, line, text) in cases() {
        let Some(row) = row(line) else { continue };
        let own = expected(text).into_iter().filter(|(_, own)| *own);
        let own = own.map(|(code, _)| code).filter(|code| !ANY.contains(code));
        seen.entry(row.verb).or_default().extend(own);
    }
    let mut wrong = Vec::new();
    for spec in COMMANDS.iter().chain(SITE_COMMANDS) {
        let table: BTreeSet<_> = spec.codes.iter().copied().collect();
        let seen = seen.remove(spec.verb).unwrap_or_default();
        if table != seen {
            let missing: Vec<_> = table.difference(&seen).collect();
            let more: Vec<_> = seen.difference(&table).collect();
            wrong.push(format!(
                "{}: no case for {missing:?}, not in the table {more:?}",
                spec.verb
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Every command is tried before and after login, those that need a data connection with each kind
/// of one and without, and every alias once.
#[test]
fn every_command_is_tried() {
    let tried = |verb: &str, states: &[State]| {
        cases().any(|(state, line, _)| {
            let rest = line.to_ascii_uppercase();
            let rest = rest.strip_prefix(verb);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
                && (states.is_empty() || states.contains(state))
        })
    };
    for spec in COMMANDS.iter().chain(SITE_COMMANDS) {
        assert!(
            tried(spec.verb, &[State::Hello]),
            "{} before login",
            spec.verb
        );
        assert!(tried(spec.verb, &[State::In]), "{} after it", spec.verb);
        if spec.transfers {
            for state in [State::Pasv, State::Epsv, State::Port, State::DataNeedsTls] {
                assert!(tried(spec.verb, &[state]), "{} in {state:?}", spec.verb);
            }
        }
        if !spec.alias.is_empty() {
            assert!(tried(spec.alias, &[]), "{}", spec.alias);
        }
        if spec.writes {
            assert!(
                tried(spec.verb, &[State::Guest, State::GuestEpsv]),
                "{} without the right to write",
                spec.verb
            );
        }
    }
}
