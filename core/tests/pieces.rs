//! However TCP cuts a conversation into pieces, the server says and does the same.

// The conversations are files; the rule is for what they test.
#![allow(clippy::disallowed_methods)]

use ossftp_core::sim::fuzz::{session_any_way, session_in_pieces};
use proptest::prelude::*;
use std::path::Path;
use std::sync::OnceLock;

/// The seeds of the fuzz target: whole conversations.
fn conversations() -> &'static [Vec<u8>] {
    static ALL: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/session_bytes");
        let entries = std::fs::read_dir(directory).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let read = |path| std::fs::read(path).unwrap();
        paths.into_iter().map(read).collect()
    })
}

#[test]
fn whole_and_byte_by_byte() {
    assert!(conversations().len() >= 40);
    for conversation in conversations() {
        session_any_way(conversation);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn cut_anywhere(which in any::<prop::sample::Index>(), seed in any::<u64>()) {
        let conversation = conversations().get(which.index(conversations().len()));
        session_in_pieces(conversation.unwrap(), seed);
    }
}
