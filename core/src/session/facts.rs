//! What is known about a file, and changed: MDTM, MFMT, MFCT, MFF, SITE UTIME and SITE CHMOD.

use super::{Session, files};
use crate::{Answer, FactChanges, FtpPath, Operation, StorageError};
use alloc::string::String;

/// What an answer of the storage is for.
#[derive(Debug)]
pub(super) enum After {
    Mdtm(FtpPath),
}

impl Session {
    pub(super) fn mdtm(&mut self, argument: &[u8]) {
        self.on_file(argument, Operation::Stat, |path| {
            files::After::Facts(After::Mdtm(path))
        });
    }

    pub(super) fn mfmt(&mut self, _unix: i64, _argument: &[u8]) {
        self.not_implemented();
    }

    pub(super) fn mfct(&mut self, _unix: i64, _argument: &[u8]) {
        self.not_implemented();
    }

    pub(super) fn mff(&mut self, _changes: FactChanges, _argument: &[u8]) {
        self.not_implemented();
    }

    pub(super) fn utime(&mut self, _unix: i64, _argument: &[u8]) {
        self.not_implemented();
    }

    pub(super) fn chmod(&mut self, _mode: u32, _argument: &[u8]) {
        self.not_implemented();
    }

    /// `MFF` and the facts that can be changed.
    pub(super) fn changes_feature(&self) -> String {
        String::from("MFF modify;")
    }

    pub(super) fn facts_answered(&mut self, after: After, answer: Answer) {
        match (after, answer) {
            (After::Mdtm(path), Answer::Entry(entry)) => self.say_time(&path, &entry),
            _ => self.no_usable_answer(),
        }
    }

    pub(super) fn facts_refused(&mut self, _after: After, error: &StorageError) {
        self.say(error.code(), error.message.as_bytes());
    }
}
