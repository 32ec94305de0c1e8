//! One session's files.
//!
//! Decides which requests answer SIZE, MDTM, MLST, RNFR, CWD and DELE (DESIGN 7.7), what they say of
//! a file whose upload broke off and can go on (DESIGN 7.2), and hands the
//! other operations on: directories to `dirs` and `tree`, renames to `rename`, copies to
//! `duplicate`, checksums to `hash`, archived files to `restore`, times to `times`, transfers to
//! `list`, `read` and `write`.

use std::sync::Arc;
use std::time::Instant;

use log::debug;
use ossftp_core::driver::{Cancel, Lister, ObjectReader, ObjectWriter, Volume};
use ossftp_core::{Answer, Entry, ErrorKind, FtpPath, Operation, StorageError, StoreMode};
use ossftp_oss::ListObjects;

use crate::gateway::config::Partial;
use crate::gateway::dirs;
use crate::gateway::errors::{Action, is_missing, not_found, told, unsupported};
use crate::gateway::links;
use crate::gateway::list::{check_progress, file_entry};
use crate::gateway::memory::Found;
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::read::OssReader;
use crate::gateway::read::hash;
use crate::gateway::rename;
use crate::gateway::rename::duplicate;
use crate::gateway::restore;
use crate::gateway::resume::unfinished;
use crate::gateway::times;
use crate::gateway::tree;
use crate::gateway::write::OssWriter;

/// So many pages that hold less than was asked for are followed by the next.
const MAX_EMPTY_PAGES: usize = 100;

/// The files of one login.
#[derive(Debug)]
pub(crate) struct OssVolume(Arc<Mount>);

impl OssVolume {
    pub(crate) fn new(mount: Mount) -> Self {
        Self(Arc::new(mount))
    }
}

impl Volume for OssVolume {
    fn perform(&self, operation: &Operation, cancel: &Cancel) -> Result<Answer, StorageError> {
        let mount = &self.0;
        let calls = mount.prompt_calls(cancel);
        calls.check()?;
        match operation {
            Operation::Stat(path) => stat(mount, &calls, path),
            Operation::ChangeDirectory(path) => done(change_directory(mount, &calls, path)),
            Operation::MakeDirectory(path) => done(dirs::make(mount, &calls, path)),
            Operation::RemoveDirectory(path) => done(dirs::remove(mount, &calls, path)),
            Operation::Delete(path) => done(delete(mount, &calls, path)),
            Operation::Rename { from, to } => {
                done(rename::rename(mount, &mount.calls(cancel), from, to))
            }
            Operation::List { path, limit } => times::status(mount, calls, path, *limit),
            Operation::SetFacts { path, changes } => {
                let calls = mount.calls(cancel);
                done(times::set(mount, &calls, path, changes.modified))
            }
            Operation::Copy { from, to } => {
                done(duplicate::duplicate(mount, &mount.calls(cancel), from, to))
            }
            Operation::Hash {
                path,
                algorithm,
                range,
            } => hash::hash(mount, mount.calls(cancel), path, *algorithm, *range),
            Operation::Restore(path) => done(restore::restore(mount, &calls, path)),
            Operation::Symlink { target, link } => done(links::make(mount, &calls, target, link)),
            Operation::RemoveTree(path) => done(tree::remove(mount, &mount.calls(cancel), path)),
            _ => Err(unsupported()),
        }
    }

    fn open_read(
        &self,
        path: &FtpPath,
        offset: u64,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectReader>, StorageError> {
        let calls = self.0.calls(cancel);
        Ok(Box::new(OssReader::open(&self.0, calls, path, offset)?))
    }

    fn open_write(
        &self,
        path: &FtpPath,
        mode: StoreMode,
        expected: Option<u64>,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectWriter>, StorageError> {
        let calls = self.0.calls(cancel);
        OssWriter::open(&self.0, calls, path, mode, expected)
    }

    fn open_list(
        &self,
        path: &FtpPath,
        files_too: bool,
        cancel: &Cancel,
    ) -> Result<Box<dyn Lister>, StorageError> {
        let calls = self.0.calls(cancel);
        times::lister(&self.0, calls, path, files_too)
    }
}

fn done(result: Result<(), StorageError>) -> Result<Answer, StorageError> {
    result.map(|()| Answer::Done)
}

/// What stands at `path`, a file before a directory. Always asks OSS.
pub(crate) fn look(mount: &Mount, calls: &Calls, path: &FtpPath) -> Result<Found, StorageError> {
    if path.is_root() {
        return Ok(Found::Directory);
    }
    let key = mount.keys.file(path)?;
    match calls.bucket().head_object(&key) {
        Ok(meta) => return Ok(Found::File(Box::new(meta))),
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(told(&error, Action::Read)),
    }
    // A name of the greatest length has no room for the `/`, and so is no directory.
    let directory = mount.keys.directory(path).map_err(|_| not_found())?;
    let is_there = !first_keys(calls, &directory, 1)?.is_empty();
    if is_there || mount.memory().lives_on(&directory) {
        return Ok(Found::Directory);
    }
    Err(not_found())
}

/// The first keys below a directory, its marker included: at most `count`.
pub(crate) fn first_keys(
    calls: &Calls,
    directory: &str,
    count: u32,
) -> Result<Vec<String>, StorageError> {
    let mut list = ListObjects {
        prefix: directory.to_owned(),
        max_keys: Some(count),
        ..ListObjects::default()
    };
    let wanted = count as usize;
    let mut keys = Vec::with_capacity(wanted);
    for _ in 0..MAX_EMPTY_PAGES {
        calls.check()?;
        let page = calls.bucket().list_objects_v2(&list);
        let page = page.map_err(|error| told(&error, Action::List))?;
        check_progress(&list, &page)?;
        keys.extend(page.objects.into_iter().map(|object| object.key));
        // OSS may give fewer than were asked for, even none, though there are more.
        if keys.len() >= wanted || !page.is_truncated {
            keys.truncate(wanted);
            return Ok(keys);
        }
        list.continuation_token = page.next;
    }
    Err(StorageError::new(
        ErrorKind::Unavailable,
        "OSS gives one empty page after the other: try again.",
    ))
}

fn stat(mount: &Mount, calls: &Calls, path: &FtpPath) -> Result<Answer, StorageError> {
    let found = match look(mount, calls, path) {
        Err(error) if error.kind == ErrorKind::NotFound => {
            return unfinished_entry(mount, calls, path)?
                .ok_or(error)
                .map(Answer::Entry);
        }
        found => found?,
    };
    let entry = match &found {
        Found::File(meta) => file_entry(mount, path, meta),
        // As listings show it: they know no time of a directory.
        Found::Directory => Entry::directory(path.name(), None),
    };
    if !path.is_root() {
        let key = mount.keys.file(path)?;
        mount.memory().found(key, found);
    }
    Ok(Answer::Entry(entry))
}

/// What there is of a file whose upload broke off. Without the right to ask there is nothing.
fn unfinished_entry(
    mount: &Mount,
    calls: &Calls,
    path: &FtpPath,
) -> Result<Option<Entry>, StorageError> {
    if mount.config().partial != Partial::Resume {
        return Ok(None);
    }
    let key = mount.keys.file(path)?;
    let found = match unfinished::find(mount, calls, &key) {
        Ok(found) => found,
        Err(error) if error.kind == ErrorKind::Denied => {
            debug!("unfinished uploads are not looked for: {error}");
            None
        }
        Err(error) => return Err(error),
    };
    Ok(found.map(|found| {
        mount.memory().said_length(key, found.length());
        let mut entry = Entry::file(path.name(), found.length(), Some(found.modified));
        entry.unfinished = true;
        entry
    }))
}

fn change_directory(mount: &Mount, calls: &Calls, path: &FtpPath) -> Result<(), StorageError> {
    let directory = mount.keys.directory(path)?;
    let now = Instant::now();
    let known = path.is_root() || mount.memory().listed_directory(&directory, now);
    if !known
        && first_keys(calls, &directory, 1)?.is_empty()
        && !mount.memory().lives_on(&directory)
    {
        return Err(no_directory(mount, path));
    }
    mount.memory().entered(&directory, now);
    Ok(())
}

/// Why there is no such directory, as far as the session knows without another request.
pub(crate) fn no_directory(mount: &Mount, path: &FtpPath) -> StorageError {
    let is_file = mount
        .keys
        .file(path)
        .is_ok_and(|key| mount.memory().knows_file(&key, Instant::now()));
    if is_file {
        return StorageError::new(ErrorKind::NotADirectory, "This is a file, not a directory.");
    }
    StorageError::new(ErrorKind::NotFound, "No such directory.")
}

/// Why there is no such file, as far as the session knows without another request.
pub(crate) fn no_file(mount: &Mount, path: &FtpPath) -> StorageError {
    if mount.is_known_directory(path) {
        return is_directory();
    }
    not_found()
}

/// A file was wanted.
pub(crate) fn is_directory() -> StorageError {
    StorageError::new(ErrorKind::IsADirectory, "This is a directory, not a file.")
}

fn delete(mount: &Mount, calls: &Calls, path: &FtpPath) -> Result<(), StorageError> {
    let key = mount.keys.file(path)?;
    // OSS deletes what is not there as well, so someone must have seen it.
    if !mount.memory().knows_file(&key, Instant::now()) {
        match calls.bucket().head_object(&key) {
            Ok(_) => {}
            // A link goes itself, wherever it points.
            Err(error) if links::is_dangling(&error) => {}
            Err(error) if is_missing(&error) => return Err(no_file(mount, path)),
            Err(error) => return Err(told(&error, Action::Read)),
        }
    }
    calls
        .delete(&key)
        .map_err(|error| told(&error, Action::Delete))?;
    mount.memory().deleted(&key);
    mount.note_end(&key);
    dirs::keep_parent(mount, &key);
    Ok(())
}
