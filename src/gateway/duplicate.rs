//! Copying a file: SITE CPFR and SITE CPTO.
//!
//! Decides what may be copied where: a file, onto a file or onto nothing. How an object is copied
//! is `copy`'s.

use std::sync::Arc;
use std::time::Instant;

use ossftp_core::{ErrorKind, FtpPath, StorageError};

use super::copy::copy;
use super::errors::{Action, is_missing, told};
use super::memory::Found;
use super::mount::{Calls, Mount};
use super::volume::{first_keys, is_directory, no_file};

/// Makes `to` a copy of the file `from`: one listing, the copy, and a HEAD unless the session has
/// just looked at the source. Onto itself there is nothing to do.
pub(crate) fn duplicate(
    mount: &Arc<Mount>,
    calls: &Calls,
    from: &FtpPath,
    to: &FtpPath,
) -> Result<(), StorageError> {
    let (source, target) = (mount.keys.file(from)?, mount.keys.file(to)?);
    if from == to {
        return Ok(());
    }
    if to.is_below(from) {
        return Err(StorageError::new(
            ErrorKind::BadName,
            "Nothing can be copied into itself.",
        ));
    }
    // What was found may be old: its ETag goes along, so that no later change is overlooked.
    let found = mount.memory().take_found(&source);
    let meta = match found {
        Some(Found::File(meta)) => *meta,
        Some(Found::Directory) => return Err(is_directory()),
        None => match calls.bucket().head_object(&source) {
            Ok(meta) => meta,
            Err(error) if is_missing(&error) => return Err(no_file(mount, from)),
            Err(error) => return Err(told(&error, Action::Read)),
        },
    };
    if let Ok(directory) = mount.keys.directory(to)
        && (!first_keys(calls, &directory, 1)?.is_empty() || mount.memory().lives_on(&directory))
    {
        return Err(StorageError::new(
            ErrorKind::Exists,
            "There is a directory of the new name.",
        ));
    }
    copy(mount, calls, &source, &target, &meta)?;
    mount.memory().wrote(&target, Instant::now());
    Ok(())
}
