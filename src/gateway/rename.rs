//! Renaming files and directories: RNFR and RNTO.
//!
//! OSS has no rename, so all is copied and checked, then the sources are deleted (DESIGN 7.6). A
//! failure or cancel before the first delete removes the copies and leaves the source whole. From
//! the first delete on nothing is rolled back, and the same rename again finishes it. How one
//! object is copied is `copy`'s.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use log::warn;
use ossftp_core::{ErrorKind, FtpPath, StorageError};
use ossftp_oss::{Error, ListObjects, ObjectMeta};

use super::copy::{at_once, copy, is_same};
use super::dirs::keep_parent;
use super::errors::{self, Action, is_missing, not_found, told};
use super::keys::MAX_KEY;
use super::lock;
use super::memory::Found;
use super::mount::{Calls, Mount};
use super::volume::{first_keys, look};

/// How many keys one DeleteMultipleObjects takes.
const BATCH: usize = 1000;

/// Gives what is at `from` the name `to`.
pub(crate) fn rename(
    mount: &Arc<Mount>,
    calls: &Calls,
    from: &FtpPath,
    to: &FtpPath,
) -> Result<(), StorageError> {
    if from == to {
        return Ok(());
    }
    if from.is_root() || to.is_root() || to.is_below(from) {
        return Err(StorageError::new(
            ErrorKind::BadName,
            "Nothing can be moved into itself.",
        ));
    }
    let (source, target) = (mount.keys.file(from)?, mount.keys.file(to)?);
    // What RNFR has just found; its ETag goes along, so that no later change is overlooked.
    let found = mount.memory().take_found(&source);
    match found.map_or_else(|| look(mount, calls, from), Ok)? {
        Found::File(meta) => rename_file(mount, calls, &source, (&target, to), &meta),
        Found::Directory => {
            let source = mount.keys.directory(from)?;
            match calls.bucket().head_object(&target) {
                Ok(_) => return Err(exists("There is a file of the new name.")),
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(told(&error, Action::Read)),
            }
            rename_directory(mount, calls, &source, &mount.keys.directory(to)?)
        }
    }
}

fn exists(sentence: &str) -> StorageError {
    StorageError::new(ErrorKind::Exists, sentence)
}

fn rename_file(
    mount: &Arc<Mount>,
    calls: &Calls,
    source: &str,
    (target, to): (&str, &FtpPath),
    meta: &ObjectMeta,
) -> Result<(), StorageError> {
    if let Ok(directory) = mount.keys.directory(to)
        && (!first_keys(calls, &directory, 1)?.is_empty() || mount.memory().lives_on(&directory))
    {
        return Err(exists("There is a directory of the new name."));
    }
    copy(mount, calls, source, target, meta)?;
    // The copy is whole: nothing cancels what is left.
    if let Err(error) = mount.bucket().delete_object(source) {
        return Err(left_over(1, 1, &error));
    }
    {
        let mut memory = mount.memory();
        memory.deleted(source);
        memory.wrote(target, Instant::now());
    }
    keep_parent(mount, source);
    Ok(())
}

fn rename_directory(
    mount: &Arc<Mount>,
    calls: &Calls,
    source: &str,
    target: &str,
) -> Result<(), StorageError> {
    let is_taken = !first_keys(calls, target, 1)?.is_empty() || mount.memory().lives_on(target);
    if is_taken && !mount.is_unfinished(source, target) {
        return Err(exists("There is a directory of the new name."));
    }
    let keys = all_keys(mount, calls, source, target)?;
    if keys.is_empty() && !mount.memory().lives_on(source) {
        return Err(not_found());
    }
    if is_taken {
        check_copies(mount, calls, &keys, source, target)?;
    } else {
        copy_all(mount, calls, &keys, source, target)?;
    }
    let result = delete_all(mount, keys);
    mount.set_unfinished(source, target, result.is_err());
    result?;
    mount.memory().moved(source, target, Instant::now());
    keep_parent(mount, source);
    Ok(())
}

/// All keys below a directory, its marker last: while it stands, the directory does.
fn all_keys(
    mount: &Mount,
    calls: &Calls,
    source: &str,
    target: &str,
) -> Result<Vec<String>, StorageError> {
    let limit = mount.config().max_rename;
    let mut keys: Vec<String> = Vec::new();
    let mut list = ListObjects {
        prefix: source.to_owned(),
        ..ListObjects::default()
    };
    loop {
        calls.check()?;
        let page = calls.bucket().list_objects_v2(&list);
        let page = page.map_err(|error| told(&error, Action::List))?;
        keys.extend(page.objects.into_iter().map(|object| object.key));
        if keys.len() > limit {
            return Err(StorageError::new(
                ErrorKind::NoSpace,
                format!("The directory holds more than {limit} files: too many to rename."),
            ));
        }
        list.continuation_token = page.next.filter(|_| page.is_truncated);
        if list.continuation_token.is_none() {
            break;
        }
    }
    let longest = keys.iter().map(String::len).max().unwrap_or(0);
    if longest.saturating_sub(source.len()) + target.len() > MAX_KEY {
        return Err(StorageError::new(
            ErrorKind::BadName,
            "A path below the new name would be longer than the 1023 bytes that OSS holds.",
        ));
    }
    if keys.first().is_some_and(|key| key == source) {
        keys.rotate_left(1);
    }
    Ok(keys)
}

fn renamed(key: &str, source: &str, target: &str) -> String {
    format!("{target}{}", key.strip_prefix(source).unwrap_or_default())
}

fn copy_all(
    mount: &Arc<Mount>,
    calls: &Calls,
    keys: &[String],
    source: &str,
    target: &str,
) -> Result<(), StorageError> {
    // Also those that failed: a lost answer does not say that there is no copy.
    let begun = Mutex::new(Vec::new());
    let all: Vec<&String> = keys.iter().collect();
    let result = at_once(mount.config().copies_at_once, all, |key| {
        calls.check()?;
        let meta = calls
            .bucket()
            .head_object(key)
            .map_err(|error| told(&error, Action::Read))?;
        let to = renamed(key, source, target);
        lock(&begun).push(to.clone());
        copy(mount, calls, key, &to, &meta)
    });
    let Err(mut error) = result else {
        return Ok(());
    };
    let copies = begun.into_inner().unwrap_or_default();
    let (left, failure) = delete_batches(mount, &copies);
    if left > 0 {
        warn!("{left} copies below {target:?} were not removed: {failure:?}");
        error
            .message
            .push_str(&format!(" {left} copies could not be removed again."));
    }
    Err(error)
}

/// Whether each source has its copy: so the rename was broken off while it deleted them.
fn check_copies(
    mount: &Mount,
    calls: &Calls,
    keys: &[String],
    source: &str,
    target: &str,
) -> Result<(), StorageError> {
    let all: Vec<&String> = keys.iter().collect();
    at_once(mount.config().copies_at_once, all, |key| {
        calls.check()?;
        let head = |key: &str| calls.bucket().head_object(key);
        let copied = match head(&renamed(key, source, target)) {
            Ok(meta) => meta,
            Err(error) if is_missing(&error) => return Err(changed()),
            Err(error) => return Err(told(&error, Action::Read)),
        };
        let meta = head(key).map_err(|error| told(&error, Action::Read))?;
        if is_same(&meta, &copied) {
            Ok(())
        } else {
            Err(changed())
        }
    })
}

fn changed() -> StorageError {
    exists("There is a directory of the new name, and what it holds is not the same any more.")
}

/// Deletes the sources, all of whose copies are whole.
fn delete_all(mount: &Mount, keys: Vec<String>) -> Result<(), StorageError> {
    let (left, error) = delete_batches(mount, &keys);
    match error {
        None if left == 0 => Ok(()),
        Some(error) => Err(left_over(left, keys.len(), &error)),
        None => Err(StorageError::new(
            ErrorKind::Unavailable,
            format!("Copied whole, {left} of {} sources left.", keys.len()),
        )),
    }
}

/// Deletes in order; stops at the first failure. Returns how many are left, and why.
fn delete_batches(mount: &Mount, keys: &[String]) -> (usize, Option<Error>) {
    let mut deleted = 0;
    for batch in keys.chunks(BATCH) {
        match mount.bucket().delete_objects(batch) {
            Ok(done) => {
                let done: HashSet<_> = done.iter().map(|done| done.key.as_str()).collect();
                let gone = batch
                    .iter()
                    .filter(|key| done.contains(key.as_str()))
                    .count();
                deleted += gone;
                if gone < batch.len() {
                    break;
                }
            }
            Err(error) => return (keys.len() - deleted, Some(error)),
        }
    }
    (keys.len() - deleted, None)
}

fn left_over(left: usize, all: usize, error: &Error) -> StorageError {
    let why = errors::told(error, Action::Delete);
    StorageError::new(
        ErrorKind::Unavailable,
        format!(
            "Copied whole, {left} of {all} sources left. {}",
            why.message
        ),
    )
}
