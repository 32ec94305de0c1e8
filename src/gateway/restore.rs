//! Asking archived files back: SITE RESTORE.
//!
//! Decides what OSS's answers mean to someone who wants to read the file: asked for, being
//! restored, or readable anyway.

use ossftp_core::{FtpPath, StorageError};

use crate::gateway::errors::{Action, is_missing, told};
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::volume::no_file;

/// Asks OSS to make the file at `path` readable. Fine, too, if it is already; while an earlier
/// request is under way it is [`ErrorKind::Busy`](ossftp_core::ErrorKind::Busy).
pub(crate) fn restore(mount: &Mount, calls: &Calls, path: &FtpPath) -> Result<(), StorageError> {
    let key = mount.keys.file(path)?;
    let days = mount.config().restore_days;
    let Err(error) = calls.bucket().restore_object(&key, days, None) else {
        return Ok(());
    };
    if is_missing(&error) {
        return Err(no_file(mount, path));
    }
    // The answer for what was never archived, but perhaps not for that alone.
    if error.code() == "OperationNotSupported"
        && let Ok(meta) = calls.bucket().head_object(&key)
        && !meta
            .storage_class
            .is_some_and(|class| class.contains("Archive"))
    {
        return Ok(());
    }
    Err(told(&error, Action::Restore))
}
