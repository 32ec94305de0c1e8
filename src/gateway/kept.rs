//! What a new file keeps of the one that is there: REST, APPE, and STOU, which keeps it whole.
//!
//! Decides what of the old file stays, and how it gets into the new one. Doing so is the writer's.

use ossftp_core::{ErrorKind, StorageError};
use ossftp_oss::{Error, ObjectMeta};

use super::errors::{Action, is_missing, told};
use super::mount::{Calls, Mount};
use super::parts::{self, MIN_PART, Piece};
use super::read::beyond_the_end;

/// What is kept of the file that is there.
pub(crate) struct Kept {
    pub(crate) meta: ObjectMeta,
    /// Its first so many bytes.
    pub(crate) length: u64,
    /// How OSS copies them; empty if they are in the first part's buffer.
    pub(crate) pieces: Vec<Piece>,
}

/// Whether there is no file of this name yet. In a bucket with versioning nobody asks again: OSS
/// does not know `x-oss-forbid-overwrite` there, and keeps both.
pub(crate) fn check_free(calls: &Calls, key: &str) -> Result<(), StorageError> {
    match calls.bucket().head_object(key) {
        Ok(_) => Err(StorageError::new(
            ErrorKind::Exists,
            "There is a file of this name already.",
        )),
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(told(&error, Action::Read)),
    }
}

/// What is kept of the file that is there: its first `offset` bytes, or all of it. `None` if that
/// is nothing.
pub(crate) fn find_kept(
    mount: &Mount,
    calls: &Calls,
    key: &str,
    offset: Option<u64>,
) -> Result<Option<Kept>, StorageError> {
    if mount.is_broken(key) {
        return Err(StorageError::new(
            ErrorKind::BadOffset,
            "An upload of this file broke off or is not over, and nothing of it is kept: send the whole file.",
        ));
    }
    let meta = match calls.bucket().head_object(key) {
        Ok(meta) => meta,
        Err(error) if is_missing(&error) => {
            return match offset {
                Some(_) => Err(beyond_the_end(0)),
                None => Ok(None),
            };
        }
        Err(error) => return Err(told(&error, Action::Read)),
    };
    let length = offset.unwrap_or(meta.size);
    if length > meta.size {
        return Err(beyond_the_end(meta.size));
    }
    if length == 0 {
        return Ok(None);
    }
    let pieces = if length < MIN_PART {
        Vec::new()
    } else {
        parts::kept(length)?
    };
    Ok(Some(Kept {
        meta,
        length,
        pieces,
    }))
}

/// Whether OSS does not copy this kind of object, rather than not just now or not for this key.
pub(crate) fn cannot_be_copied(error: &Error) -> bool {
    matches!(error.status(), 400 | 405 | 409 | 501) && error.code() != "RequestTimeTooSkewed"
}
