//! What a new file keeps of the one that is there: REST, APPE, and STOU, which keeps it whole.
//!
//! Decides what of the old file stays, and how it gets into the new one. Doing so is the writer's.

use std::io::{self, Read};

use ossftp_core::driver::ObjectReader;
use ossftp_core::{ErrorKind, StorageError};
use ossftp_oss::{Error, ObjectMeta, Payload};

use crate::gateway::config::Partial;
use crate::gateway::errors::{Action, is_missing, told};
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::read::{OssReader, beyond_the_end};
use crate::gateway::resume::holds::Hold;
use crate::gateway::resume::unfinished::{self, Unfinished};
use crate::gateway::write::append;
use crate::gateway::write::buffer::PartBuffer;
use crate::gateway::write::headers;
use crate::gateway::write::parts::{self, MIN_PART, Piece};

/// What is kept of the file that is there.
pub(crate) struct Kept {
    pub(crate) meta: ObjectMeta,
    /// Its first so many bytes.
    pub(crate) length: u64,
    /// How OSS copies them; empty if they are in the first part's buffer.
    pub(crate) pieces: Vec<Piece>,
    /// Its tags, which HEAD only counts.
    pub(crate) tags: Vec<(String, String)>,
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

/// What a file that is not written from its first byte begins with.
pub(crate) enum Beginning {
    /// Nothing.
    Nothing,
    /// Some or all of the file that is there.
    Kept(Box<Kept>),
    /// The parts of an upload that broke off.
    Unfinished(Unfinished, Hold),
}

/// What the new file begins with: the first `offset` bytes of the file that is there, or all of
/// it; or of the upload of it that broke off, where those can go on.
///
/// A client that was told how much there is of such an upload appends from there, although parts
/// of its old session may have come to OSS since.
pub(crate) fn find_beginning(
    mount: &Mount,
    calls: &Calls,
    key: &str,
    offset: Option<u64>,
) -> Result<Beginning, StorageError> {
    let is_resumable = mount.config().partial == Partial::Resume;
    if !is_resumable {
        check_broken(mount, key)?;
    }
    let meta = match calls.bucket().head_object(key) {
        Ok(meta) => Some(meta),
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(told(&error, Action::Read)),
    };
    if is_resumable {
        let changed = meta.as_ref().map(|meta| meta.last_modified);
        let said = mount.memory().take_length(key);
        let is_said = offset.is_none() && said.is_some();
        if let Some((found, hold)) = unfinished::go_on(mount, calls, key, changed, offset.or(said))?
        {
            return Ok(Beginning::Unfinished(found, hold));
        }
        if is_said {
            return Err(StorageError::new(
                ErrorKind::BadOffset,
                "The upload that broke off is gone meanwhile: look at the file's size again.",
            ));
        }
        check_broken(mount, key)?;
    }
    let Some(meta) = meta else {
        return match offset {
            Some(_) => Err(beyond_the_end(0)),
            None => Ok(Beginning::Nothing),
        };
    };
    let length = offset.unwrap_or(meta.size);
    if length > meta.size {
        return Err(beyond_the_end(meta.size));
    }
    if length == 0 && !(offset.is_none() && append::is_appendable(&meta)) {
        return Ok(Beginning::Nothing);
    }
    let pieces = if length < MIN_PART {
        Vec::new()
    } else {
        parts::kept(length)?
    };
    let tags = headers::tags_of(calls, key, &meta)?;
    Ok(Beginning::Kept(Box::new(Kept {
        meta,
        length,
        pieces,
        tags,
    })))
}

fn check_broken(mount: &Mount, key: &str) -> Result<(), StorageError> {
    if mount.is_broken(key) {
        return Err(StorageError::new(
            ErrorKind::BadOffset,
            "An upload of this file broke off or is not over, and nothing of it is kept: send the whole file.",
        ));
    }
    Ok(())
}

/// Whether OSS does not copy this kind of object, rather than not just now or not for this key.
pub(crate) fn cannot_be_copied(error: &Error) -> bool {
    matches!(error.status(), 400 | 405 | 409 | 501) && error.code() != "RequestTimeTooSkewed"
}

/// What is kept of a file, read from OSS while it is sent there again. Another try reads it anew.
pub(crate) struct KeptBody<F> {
    open: F,
    reader: OssReader,
    length: u64,
    failed: Option<StorageError>,
}

impl<F: Fn() -> OssReader> KeptBody<F> {
    /// The `length` bytes of the readers that `open` gives.
    pub(crate) fn new(open: F, length: u64) -> Self {
        let reader = open();
        Self {
            open,
            reader,
            length,
            failed: None,
        }
    }

    /// Why the last reader failed, if it did.
    pub(crate) fn failed(self) -> Option<StorageError> {
        self.failed
    }
}

impl<F: Fn() -> OssReader> Read for KeptBody<F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = match self.reader.fill() {
            Ok(bytes) => bytes,
            Err(error) => {
                let told = io::Error::other(error.message.clone());
                self.failed = Some(error);
                return Err(told);
            }
        };
        let count = bytes.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(from);
        }
        self.reader.consume(count);
        Ok(count)
    }
}

impl<F: Fn() -> OssReader> Payload for KeptBody<F> {
    fn length(&self) -> Option<u64> {
        Some(self.length)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.reader = (self.open)();
        self.failed = None;
        Ok(())
    }
}

/// Moves bytes until the reader has no more or the buffer has no room.
pub(crate) fn copy_into(
    reader: &mut OssReader,
    buffer: &mut PartBuffer,
) -> Result<(), StorageError> {
    loop {
        let bytes = reader.fill()?;
        let space = buffer.space();
        let count = bytes.len().min(space.len());
        if count == 0 {
            return Ok(());
        }
        if let (Some(to), Some(from)) = (space.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(from);
        }
        buffer.advance(count);
        reader.consume(count);
    }
}
