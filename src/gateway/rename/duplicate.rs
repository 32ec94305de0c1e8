//! Copying a file: SITE CPFR and SITE CPTO.
//!
//! Decides what may be copied where: a file, onto a file or onto nothing; of a link, the file that
//! it leads to. How an object is copied is `copy`'s.

use std::sync::Arc;
use std::time::Instant;

use ossftp_core::{ErrorKind, FtpPath, StorageError};

use crate::gateway::errors::{Action, is_missing, told};
use crate::gateway::memory::Found;
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::rename::copy::{Left, Onto, Source, copy, is_link};
use crate::gateway::rename::refuse_directory;
use crate::gateway::volume::{is_directory, no_file};

/// Makes `to` a copy of the file `from`: a listing, the copy, and a HEAD unless the session has
/// just looked at the source. Onto itself there is nothing to do.
pub(crate) fn duplicate(
    mount: &Arc<Mount>,
    calls: &Calls,
    from: &FtpPath,
    to: &FtpPath,
) -> Result<(), StorageError> {
    let (mut source, target) = (mount.keys.file(from)?, mount.keys.file(to)?);
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
    refuse_directory(mount, calls, to)?;
    if is_link(&meta) {
        // OSS would copy the link, and HEAD has described what it leads to.
        let led = calls.bucket().get_symlink(&source);
        source = led.map_err(|error| told(&error, Action::Read))?.target;
        if source == target {
            return Ok(());
        }
    }
    let source = Source {
        key: &source,
        meta: &meta,
    };
    copy(mount, calls, source, &target, Onto::Anything, None).map_err(|failed| {
        if failed.left == Left::Copy {
            // Whatever stood there before is lost already, and this must not pass for a copy.
            let _ = mount.delete(&target);
        }
        failed.error
    })?;
    mount.memory().wrote(&target, Instant::now());
    Ok(())
}
