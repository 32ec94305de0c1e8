//! STOU: an upload under a name that nothing has yet.

use super::Session;
use crate::{Answer, StorageError};

/// What an answer of the storage is for.
#[derive(Debug)]
pub(super) enum After {}

impl Session {
    pub(super) fn stou(&mut self, _argument: Option<&[u8]>) {
        self.not_implemented();
    }

    pub(super) fn unique_answered(&mut self, _after: After, _answer: Answer) {
        self.no_usable_answer();
    }

    pub(super) fn unique_refused(&mut self, _after: After, error: &StorageError) {
        self.say(error.code(), error.message.as_bytes());
    }
}
