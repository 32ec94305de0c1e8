//! HASH, OPTS HASH, XCRC and its like, and RANG.
//!
//! A hash is of the file as it is stored, in TYPE A too. RANG speaks of the next RETR or HASH,
//! which uses it up whatever becomes of it; XCRC and its like bring a range of their own and leave
//! RANG alone.

use super::{Session, files};
use crate::command::Checksum;
use crate::digest::{hex, hex_upper};
use crate::{Answer, Code, ErrorKind, HashAlgorithm, Operation, Reply, StorageError};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What an answer of the storage is for. Names are in the bytes that the client sent, and go back
/// in them.
#[derive(Debug)]
pub(super) enum After {
    /// HASH of this name, from this byte on.
    Hash {
        algorithm: HashAlgorithm,
        name: Vec<u8>,
        first: u64,
    },
    /// XCRC or its like, of this name.
    Checksum { which: Checksum, name: Vec<u8> },
}

impl Session {
    pub(super) fn hash(&mut self, argument: &[u8]) {
        let range = self.range.take();
        let Some(algorithm) = self.algorithm() else {
            self.not_implemented();
            return;
        };
        let after = After::Hash {
            algorithm,
            name: argument.to_vec(),
            first: range.map_or(0, |(first, _)| first),
        };
        // The last byte of all has no byte after it; no file reaches that far.
        let range = range.map(|(first, last)| (first, last.saturating_add(1)));
        self.ask_hash(argument, algorithm, range, after);
    }

    pub(super) fn checksum(&mut self, which: Checksum, argument: &[u8], range: Option<(u64, u64)>) {
        if range.is_some_and(|(from, to)| to < from) {
            self.say(Code::SYNTAX, "The range ends before it begins.");
            return;
        }
        let after = After::Checksum {
            which,
            name: argument.to_vec(),
        };
        self.ask_hash(argument, which.algorithm(), range, after);
    }

    fn ask_hash(
        &mut self,
        argument: &[u8],
        algorithm: HashAlgorithm,
        range: Option<(u64, u64)>,
        after: After,
    ) {
        if let Some(path) = self.path(argument, false) {
            let operation = Operation::Hash {
                path,
                algorithm,
                range,
            };
            self.perform(operation, files::After::Hash(after));
        }
    }

    /// The range of the next RETR or HASH (a draft of the RANG command); `1 0` takes it back. REST
    /// and RANG say the same thing, so each takes back the other. As with REST, bytes of a text
    /// cannot be counted in TYPE A.
    pub(super) fn rang(&mut self, first: u64, last: u64) {
        (self.rest, self.range) = (0, None);
        if (first, last) == (1, 0) {
            self.say(Code::NEED_MORE, "The next transfer is of the whole file.");
            return;
        }
        if self.converts() {
            self.say(Code::SYNTAX, "RANG needs TYPE I.");
            return;
        }
        if last < first {
            self.say(Code::SYNTAX, "The range ends before it begins.");
            return;
        }
        self.range = Some((first, last));
        let text = format!("The next download or hash is of bytes {first} to {last}.");
        self.say(Code::NEED_MORE, text);
    }

    /// The algorithm of HASH: the one that OPTS HASH chose, or the best that there is.
    fn algorithm(&self) -> Option<HashAlgorithm> {
        let there_are = self.capabilities().hashes;
        if there_are.contains(self.hash) {
            return Some(self.hash);
        }
        there_are.iter().next()
    }

    /// OPTS HASH, with the name of an algorithm or to ask for it.
    pub(super) fn opts_hash(&mut self, value: &[u8]) {
        if !value.is_empty() {
            let there_are = self.capabilities().hashes;
            let name = core::str::from_utf8(value).ok();
            let chosen = name.and_then(|name| name.parse::<HashAlgorithm>().ok());
            let Some(chosen) = chosen.filter(|chosen| there_are.contains(*chosen)) else {
                let text = format!("Not one of these: {}", self.hash_feature());
                self.say(Code::BAD_PARAMETER, text);
                return;
            };
            self.hash = chosen;
        }
        match self.algorithm() {
            Some(algorithm) => self.say(Code::OK, algorithm.name()),
            None => self.not_implemented(),
        }
    }

    /// `HASH` and the algorithms that there are, with a `*` after the one that is chosen.
    pub(super) fn hash_feature(&self) -> String {
        let chosen = self.algorithm();
        let mut line = String::from("HASH ");
        for algorithm in self.capabilities().hashes.iter() {
            line.push_str(algorithm.name());
            let mark = if chosen == Some(algorithm) { "*;" } else { ";" };
            line.push_str(mark);
        }
        line
    }

    pub(super) fn hash_answered(&mut self, after: After, answer: Answer) {
        let Answer::Hash { digest, bytes } = answer else {
            self.no_usable_answer();
            return;
        };
        match after {
            After::Hash {
                algorithm,
                name,
                first,
            } => {
                // Both ends count, so that nothing cannot be told from one byte: an empty file
                // has 0-0, as other servers say it.
                let last = first.saturating_add(bytes.saturating_sub(1));
                let text = format!("{algorithm} {first}-{last} {} ", hex(&digest));
                let text = [text.as_bytes(), &name].concat();
                self.reply_as_it_is(&Reply::new(Code::FILE_STATUS, text));
            }
            After::Checksum {
                which: Checksum::Md5,
                name,
            } => {
                let text = format!(" {}", hex(&digest));
                let text = [&name, text.as_bytes()].concat();
                self.reply_as_it_is(&Reply::new(Code::MD5, text));
            }
            After::Checksum { .. } => self.say(Code::FILE_DONE, hex_upper(&digest)),
        }
    }

    pub(super) fn hash_refused(&mut self, after: &After, error: &StorageError) {
        let code = match (error.kind, after) {
            (ErrorKind::BadOffset, After::Hash { .. }) => Code::BAD_RANGE,
            (ErrorKind::BadOffset, After::Checksum { .. }) => Code::SYNTAX,
            _ => error.code(),
        };
        self.say(code, error.message.as_bytes());
    }
}
