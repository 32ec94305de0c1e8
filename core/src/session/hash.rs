//! HASH, OPTS HASH, XCRC and its like, and RANG.

use super::Session;
use crate::command::Checksum;
use crate::{Answer, StorageError};
use alloc::string::String;

/// What an answer of the storage is for.
#[derive(Debug)]
pub(super) enum After {}

impl Session {
    pub(super) fn hash(&mut self, _argument: &[u8]) {
        self.not_implemented();
    }

    pub(super) fn checksum(
        &mut self,
        _which: Checksum,
        _argument: &[u8],
        _range: Option<(u64, u64)>,
    ) {
        self.not_implemented();
    }

    pub(super) fn rang(&mut self, _first: u64, _last: u64) {
        self.not_implemented();
    }

    /// `HASH` and the algorithms that there are, with a `*` after the one that is chosen.
    pub(super) fn hash_feature(&self) -> String {
        String::from("HASH")
    }

    pub(super) fn hash_answered(&mut self, _after: After, _answer: Answer) {
        self.no_usable_answer();
    }

    pub(super) fn hash_refused(&mut self, _after: &After, error: &StorageError) {
        self.say(error.code(), error.message.as_bytes());
    }
}
