//! Renaming: RNFR and RNTO.
//!
//! Decides what may be renamed to what, and how a file is: OSS has no rename for most buckets, so
//! it is copied and checked, then the source is deleted (DESIGN 7.6). Directories are
//! `rename_tree`'s, how one object is copied is `copy`'s, and what OSS renames by itself is
//! `native`'s.
//!
//! A small file is one listing, unless the session knows that there is no directory of the new
//! name, the copy, and the delete.

pub(super) mod copy;
pub(super) mod duplicate;
pub(super) mod native;
pub(super) mod tree;
pub(super) mod undo;

use std::sync::Arc;
use std::time::Instant;

use ossftp_core::{ErrorKind, FtpPath, StorageError};
use ossftp_oss::{Error, ObjectMeta};

use self::copy::{Left, Onto, Source, copy, is_link, link};
use self::native::What;
use self::tree::rename_directory;
use crate::gateway::dirs::keep_parent;
use crate::gateway::errors::{Action, is_missing, told};
use crate::gateway::memory::Found;
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::volume::{first_keys, look};

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
        Found::Directory => rename_directory(mount, calls, from, to),
    }
}

/// Something of the new name is in the way.
pub(crate) fn exists(sentence: &str) -> StorageError {
    StorageError::new(ErrorKind::Exists, sentence)
}

/// Fails if there is a directory at `path`: one listing, unless a listing of this session has
/// answered it already.
pub(crate) fn refuse_directory(
    mount: &Mount,
    calls: &Calls,
    path: &FtpPath,
) -> Result<(), StorageError> {
    // A name of the greatest length has no room for the `/`, and so is no directory.
    let Ok(directory) = mount.keys.directory(path) else {
        return Ok(());
    };
    if mount
        .memory()
        .knows_no_directory(&directory, Instant::now())
    {
        return Ok(());
    }
    // The memory is not to be held over the request.
    let lives_on = mount.memory().lives_on(&directory);
    if lives_on || !first_keys(calls, &directory, 1)?.is_empty() {
        return Err(exists("There is a directory of the new name."));
    }
    Ok(())
}

fn rename_file(
    mount: &Arc<Mount>,
    calls: &Calls,
    source: &str,
    (target, to): (&str, &FtpPath),
    meta: &ObjectMeta,
) -> Result<(), StorageError> {
    // A small file, or a link, is copied as fast as it is found out whether it must be.
    let ask = meta.size > mount.config().copy_limit && !is_link(meta);
    let is_native = native::is_offered(mount, calls, ask);
    if !is_native || !native::rename(mount, calls, What::File, source, target)? {
        refuse_directory(mount, calls, to)?;
        copy_file(mount, calls, source, target, meta)?;
        // The copy is whole: nothing cancels what is left.
        if let Err(error) = delete_source(mount, source, meta) {
            mount.memory().wrote(target, Instant::now());
            return Err(error);
        }
    }
    {
        let mut memory = mount.memory();
        memory.deleted(source);
        memory.wrote(target, Instant::now());
    }
    mount.note_end(source);
    mount.note_end(target);
    keep_parent(mount, source);
    Ok(())
}

/// Deletes the source of a copy that is whole. A large one took its time: what someone else has
/// written there meanwhile is not in the copy, and stays.
fn delete_source(mount: &Mount, source: &str, meta: &ObjectMeta) -> Result<(), StorageError> {
    let bucket = mount.bucket();
    let left = |error: &Error, action| left_over(1, 1, &told(error, action));
    if meta.size > mount.config().copy_limit && !is_link(meta) {
        match bucket.head_object(source) {
            Ok(now) if now.etag == meta.etag => {}
            Ok(_) => {
                return Err(StorageError::new(
                    ErrorKind::Busy,
                    "Copied whole, but someone else changed the source meanwhile: it stays too.",
                ));
            }
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) => return Err(left(&error, Action::Read)),
        }
    }
    let deleted = mount.delete(source);
    deleted.map_err(|error| left(&error, Action::Delete))
}

fn copy_file(
    mount: &Arc<Mount>,
    calls: &Calls,
    source: &str,
    target: &str,
    meta: &ObjectMeta,
) -> Result<(), StorageError> {
    let copied = if is_link(meta) {
        let leads_to = calls.bucket().get_symlink(source);
        let leads_to = leads_to.map_err(|error| told(&error, Action::Read))?.target;
        if leads_to == target {
            return Err(exists(
                "The new name is that of the file the link leads to.",
            ));
        }
        link(mount, calls, target, &leads_to, Onto::Anything)
    } else {
        let source = Source { key: source, meta };
        copy(mount, calls, source, target, Onto::Anything, None)
    };
    copied.map_err(|failed| {
        if failed.left == Left::Copy {
            // Whatever stood there before is lost already, and this must not pass for the source.
            let _ = mount.delete(target);
        }
        failed.error
    })
}

/// The sources that a rename did not delete, all of which have their copy, and why.
pub(crate) fn left_over(left: usize, all: usize, why: &StorageError) -> StorageError {
    StorageError::new(
        ErrorKind::Unavailable,
        format!(
            "Copied whole, {left} of {all} sources left: the same rename again finishes it. {}",
            why.message
        ),
    )
}
