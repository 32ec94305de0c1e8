//! The entries of a listing as the client gets them: which ones, and under which names.

use super::Cancel;
use super::storage::{Lister, Volume};
use crate::listing::write_named;
use crate::{
    Answer, Entry, ErrorKind, ListFormat, Operation, StorageError, Transfer, TransferKind,
};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// A listing that the storage has opened.
pub(super) struct Listed {
    lister: Box<dyn Lister>,
    /// Whether names have the prefix before them.
    prefixed: bool,
    /// Names that cannot be said to this client.
    unsaid: u64,
}

impl Listed {
    pub(super) fn open(
        volume: &dyn Volume,
        transfer: &Transfer,
        cancel: &Cancel,
    ) -> Result<Self, StorageError> {
        let TransferKind::List {
            path,
            format,
            pattern,
            prefix,
            itself,
        } = &transfer.kind
        else {
            return Err(no_answer());
        };
        if itself.is_some() {
            let entry = if path.is_root() {
                Entry::directory("", None)
            } else {
                match volume.perform(&Operation::Stat(path.clone()), cancel)? {
                    Answer::Entry(entry) => entry,
                    _ => return Err(no_answer()),
                }
            };
            let lister = Box::new(One(Some(entry)));
            let prefixed = false;
            return Ok(Self::of(lister, prefixed));
        }
        let files_too = pattern.is_none() && !matches!(format, ListFormat::Facts(_));
        let names = *format == ListFormat::Names && !prefix.is_empty();
        if !names || pattern.is_some() {
            let lister = volume.open_list(path, files_too, cancel)?;
            let prefixed = names;
            return Ok(Self::of(lister, prefixed));
        }
        // Only a file has the prefix before its name, and its listing looks like that of a
        // directory with one file.
        match volume.open_list(path, false, cancel) {
            Err(error) if error.kind == ErrorKind::NotADirectory => {
                Ok(Self::of(volume.open_list(path, true, cancel)?, true))
            }
            opened => opened.map(|lister| Self::of(lister, false)),
        }
    }

    const fn of(lister: Box<dyn Lister>, prefixed: bool) -> Self {
        Self {
            lister,
            prefixed,
            unsaid: 0,
        }
    }

    /// How many names have been left out so far, by the storage or here. Whether a pattern would
    /// have matched them nobody knows.
    pub(super) fn hidden(&self) -> u64 {
        self.lister.hidden().saturating_add(self.unsaid)
    }

    /// Appends the lines of the next page to `out`, perhaps none; false after the last page.
    pub(super) fn next_page(
        &mut self,
        transfer: &Transfer,
        out: &mut Vec<u8>,
    ) -> Result<bool, StorageError> {
        let TransferKind::List {
            format,
            pattern,
            prefix,
            itself,
            ..
        } = &transfer.kind
        else {
            return Ok(false);
        };
        let Some(page) = self.lister.next_page()? else {
            return Ok(false);
        };
        for entry in &page {
            if pattern.as_ref().is_some_and(|p| !p.matches(&entry.name)) {
                continue;
            }
            let name = match itself {
                Some(name) => Cow::Borrowed(name.as_slice()),
                // A name that cannot be said is left out, not mangled into another one.
                None => match transfer.names.write(&entry.name) {
                    Some(name) => name,
                    None => {
                        self.unsaid += 1;
                        continue;
                    }
                },
            };
            // So is what a link points to.
            let linked = entry.target.as_ref().map(|target| {
                let mut entry = entry.clone();
                entry.target = transfer.names.write(target).map(Cow::into_owned);
                entry
            });
            let entry = linked.as_ref().unwrap_or(entry);
            let begin = out.len();
            if self.prefixed {
                out.extend_from_slice(prefix);
            }
            let end = out.len();
            write_named(*format, entry, &name, transfer.began_unix, out);
            if out.len() == end {
                // One that cannot be listed.
                out.truncate(begin);
                self.unsaid += 1;
            }
        }
        Ok(true)
    }
}

/// One entry that is known already.
struct One(Option<Entry>);

impl Lister for One {
    fn next_page(&mut self) -> Result<Option<Vec<Entry>>, StorageError> {
        Ok(self.0.take().map(|entry| alloc::vec![entry]))
    }
}

fn no_answer() -> StorageError {
    let kind = ErrorKind::Unavailable;
    StorageError::new(kind, "The storage gave no usable answer.")
}
