//! LIST, NLST and MLSD.
//!
//! LIST and NLST know wildcards, and only in the last name of the path, as mget and old habits
//! want them. RFC 3659 section 2.2.2 has none, and an object may well have a `*` in its name: so
//! the name itself goes first, and only when the storage has none is it a pattern. MLSD, and
//! every other command, takes names as they are.

use super::Session;
use super::transfer::Running;
use crate::command::ListOptions;
use crate::glob::has_wildcards;
use crate::{ErrorKind, ListFormat, Pattern, StorageError, TransferKind};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Session {
    /// They leave REST alone: clients list between REST and RETR.
    ///
    /// `-R` lists no more than anything else does: a whole bucket over one data connection helps
    /// nobody.
    pub(super) fn list(
        &mut self,
        verb: &'static str,
        options: ListOptions,
        argument: Option<&[u8]>,
    ) {
        let argument = argument.unwrap_or_default();
        let Some((route, path)) = self.prepared(argument, false) else {
            return;
        };
        let format = if options.long {
            ListFormat::Long
        } else {
            ListFormat::Names
        };
        let itself = options.itself.then(|| match argument {
            b"" => Vec::from(*b"."),
            name => name.to_vec(),
        });
        let kind = TransferKind::List {
            prefix: prefix(argument),
            path,
            format,
            pattern: None,
            itself,
        };
        self.begin(verb, route, kind);
    }

    pub(super) fn mlsd(&mut self, argument: Option<&[u8]>) {
        let Some((route, path)) = self.prepared(argument.unwrap_or_default(), false) else {
            return;
        };
        let kind = TransferKind::List {
            path,
            format: ListFormat::Facts(self.shown_facts()),
            pattern: None,
            prefix: Vec::new(),
            itself: None,
        };
        self.begin("MLSD", route, kind);
    }
}

/// The listing to try when that of `kind` has failed so: what its last name matches as a pattern.
fn as_pattern(kind: &TransferKind, error: &StorageError) -> Option<TransferKind> {
    let TransferKind::List {
        path,
        format,
        pattern: None,
        prefix,
        ..
    } = kind
    else {
        return None;
    };
    let literal = matches!(format, ListFormat::Facts(_)) || !has_wildcards(path.name());
    if literal || error.kind != ErrorKind::NotFound {
        return None;
    }
    Some(TransferKind::List {
        path: path.parent(),
        format: *format,
        pattern: Some(Pattern::new(path.name())),
        prefix: prefix.clone(),
        itself: None,
    })
}

/// What stands before the last name of `argument`, as it was written: nothing where its last word
/// is no name.
fn prefix(argument: &[u8]) -> Vec<u8> {
    let end = argument.iter().rposition(|b| *b != b'/');
    let trimmed = argument.get(..end.map_or(0, |at| at + 1));
    let trimmed = trimmed.unwrap_or_default();
    let name = trimmed.iter().rposition(|b| *b == b'/');
    let (before, name) = trimmed.split_at(name.map_or(0, |at| at + 1));
    match name {
        b"" | b"." | b".." => Vec::new(),
        _ => before.to_vec(),
    }
}

/// What is said of so many names that a listing had to leave out.
pub(super) fn hidden(count: u64) -> String {
    match count {
        1 => String::from("1 name cannot be shown"),
        count => format!("{count} names cannot be shown"),
    }
}

impl Running {
    /// What to open in place of what could not be opened, if that was a pattern.
    pub(super) fn second_try(&self, error: &StorageError) -> Option<TransferKind> {
        as_pattern(self.listing.as_deref()?, error)
    }
}
