//! SITE, and what else only some servers have: COMB and AVBL.

use super::Session;
use crate::Answer;
use crate::command::Site;

/// What an answer of the storage is for.
#[derive(Debug)]
pub(super) enum After {}

impl Session {
    pub(super) fn site(&mut self, command: Site) {
        match command {
            Site::Chmod(mode, path) => self.chmod(mode, &path),
            Site::Utime(unix, path) => self.utime(unix, &path),
            _ => self.not_implemented(),
        }
    }

    pub(super) fn comb(&mut self, _target: &[u8], _sources: &[alloc::vec::Vec<u8>]) {
        self.not_implemented();
    }

    pub(super) fn avbl(&mut self, _argument: Option<&[u8]>) {
        self.not_implemented();
    }

    pub(super) fn site_answered(&mut self, _after: After, _answer: Answer) {
        self.no_usable_answer();
    }
}
