//! APPE to an appendable object, by AppendObject.
//!
//! Such an object shows every append at once, and OSS takes none back. Decides what that means for
//! an upload that is to be seen only when it is whole (DESIGN 7.9): up to one part is collected and
//! sent with the commit. What is longer becomes visible piece by piece, and if it breaks off, the
//! reply says how far it came. No piece is sent twice blindly: what became of one whose answer was
//! lost is asked first.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use log::debug;
use ossftp_core::driver::ObjectWriter;
use ossftp_core::{ErrorKind, Kept, StorageError};
use ossftp_oss::crc64::{Crc64, combine};
use ossftp_oss::{Bucket, Error, ObjectMeta, PutObject};

use crate::gateway::errors::{Action, is_missing, told};
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::write::buffer::{PartBuffer, Windows};

/// What OSS appends to at most, in bytes: 5 GiB.
const MAX_APPENDABLE: u64 = 5 << 30;
/// Room for bytes of which nobody knows yet whether there are any.
const BEYOND: usize = 4 << 10;

/// Whether AppendObject takes more of this object.
pub(crate) fn is_appendable(meta: &ObjectMeta) -> bool {
    meta.object_type.as_deref() == Some("Appendable") && meta.size < MAX_APPENDABLE
}

/// Goes on with the appendable object `key`, which `meta` describes. The windows are the
/// transfer's memory.
pub(crate) fn open(
    mount: &Arc<Mount>,
    calls: Calls,
    key: String,
    meta: &ObjectMeta,
    windows: Windows,
) -> Box<dyn ObjectWriter> {
    Box::new(AppendWriter {
        mount: Arc::clone(mount),
        calls,
        key,
        position: meta.size,
        crc64: meta.crc64.or((meta.size == 0).then_some(0)),
        part: PartBuffer::new(mount.config().part_size),
        windows,
        beyond: vec![0; BEYOND],
        is_beyond: false,
        unsure: false,
    })
}

struct AppendWriter {
    mount: Arc<Mount>,
    calls: Calls,
    key: String,
    /// The length of the object: what OSS has confirmed.
    position: u64,
    /// The checksum of so much, where OSS states it.
    crc64: Option<u64>,
    /// Bytes that are still to be sent.
    part: PartBuffer,
    windows: Windows,
    /// Lent where the part has no room: whether it is the end shows when a byte comes.
    beyond: Vec<u8>,
    /// Whether that was lent last.
    is_beyond: bool,
    /// Whether the object may have another length than `position`.
    unsure: bool,
}

/// What became of a piece.
enum Settled {
    /// It is there, and nothing after it.
    There,
    /// It is not.
    Missing,
}

impl AppendWriter {
    fn kept(&self) -> Kept {
        if self.unsure {
            Kept::Unknown
        } else {
            Kept::Bytes(self.position)
        }
    }

    /// Sends what is collected. Whoever hears of an error hears how much stands.
    fn send(&mut self) -> Result<(), StorageError> {
        if self.part.is_empty() {
            return Ok(());
        }
        let sent = self.calls.check().and_then(|()| self.append());
        if let Err(error) = sent {
            return Err(error.keeping(self.kept()));
        }
        let size = self.mount.config().part_size;
        let part = mem::replace(&mut self.part, PartBuffer::new(size));
        self.windows.give(part, size);
        Ok(())
    }

    /// Makes room in the part, if it may have more and there is memory for it.
    fn has_room(&mut self) -> bool {
        if self.part.needs_window()
            && let Some(window) = self.windows.take()
        {
            self.part.add(window);
        }
        !self.part.is_full() && !self.part.needs_window()
    }

    fn append(&mut self) -> Result<(), StorageError> {
        let length = self.part.len() as u64;
        let mut new = Crc64::new();
        self.part.each(|bytes| new.update(bytes));
        let whole = self.crc64.map(|old| combine(old, new.finish(), length));
        let mut is_second = false;
        loop {
            let answer = self.calls.bucket().append_object(
                &self.key,
                self.position,
                self.crc64,
                &mut self.part.body(),
                &PutObject::default(),
            );
            let error = match answer {
                Ok(result) => {
                    self.crc64 = whole.or(result.crc64);
                    break;
                }
                Err(error) => error,
            };
            // The first one may have come through after it was asked for.
            let may_be_there = error.outcome_unknown() || (is_second && is_elsewhere(&error));
            if !may_be_there {
                self.unsure = is_elsewhere(&error);
                return Err(refused(&error));
            }
            let settled = settle(self.mount.bucket(), &self.key, self.position, length, whole);
            self.unsure = settled.is_err();
            match settled? {
                Settled::There => {
                    debug!("append to {:?} settled by HEAD after: {error}", self.key);
                    self.crc64 = whole;
                    break;
                }
                // At the same position it cannot be appended twice.
                Settled::Missing if !is_second => is_second = true,
                Settled::Missing => return Err(refused(&error)),
            }
            self.calls.check()?;
        }
        self.position += length;
        Ok(())
    }
}

impl ObjectWriter for AppendWriter {
    fn space(&mut self) -> Result<&mut [u8], StorageError> {
        self.is_beyond = !self.has_room();
        if self.is_beyond {
            return Ok(&mut self.beyond);
        }
        Ok(self.part.space())
    }

    fn filled(&mut self, count: usize) -> Result<(), StorageError> {
        self.calls.check()?;
        if !self.is_beyond {
            self.part.advance(count);
            return Ok(());
        }
        let mut left = count.min(self.beyond.len());
        while left > 0 {
            // Only now is what was collected not the end of it.
            if !self.has_room() {
                self.send()?;
            }
            if !self.has_room() {
                return Err(no_memory());
            }
            let bytes = self.beyond.get(count - left..count).unwrap_or_default();
            let space = self.part.space();
            let now = bytes.len().min(space.len());
            if let (Some(to), Some(from)) = (space.get_mut(..now), bytes.get(..now)) {
                to.copy_from_slice(from);
            }
            self.part.advance(now);
            left -= now;
        }
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<(), StorageError> {
        self.send()?;
        self.mount.memory().wrote(&self.key, Instant::now());
        Ok(())
    }

    fn discard(self: Box<Self>) {
        // What was sent stands, and nothing else was begun.
    }

    fn break_off(self: Box<Self>) -> Kept {
        self.kept()
    }
}

/// The answer was lost: is the piece of `length` bytes at `position` there?
fn settle(
    bucket: &Bucket,
    key: &str,
    position: u64,
    length: u64,
    whole: Option<u64>,
) -> Result<Settled, StorageError> {
    let meta = match bucket.head_object(key) {
        Ok(meta) => meta,
        Err(error) if is_missing(&error) => return Err(changed()),
        Err(error) => {
            debug!("append to {key:?} is not settled: {error}");
            return Err(unknown());
        }
    };
    if meta.size == position {
        return Ok(Settled::Missing);
    }
    let next = meta.next_append_position.unwrap_or(meta.size);
    if meta.size != position + length || next != meta.size {
        return Err(changed());
    }
    match (whole, meta.crc64) {
        (Some(whole), Some(crc64)) if whole == crc64 => Ok(Settled::There),
        (Some(_), Some(_)) => Err(changed()),
        _ => Err(unknown()),
    }
}

fn is_elsewhere(error: &Error) -> bool {
    error.code() == "PositionNotEqualToLength"
}

fn refused(error: &Error) -> StorageError {
    match error.code() {
        "PositionNotEqualToLength" | "ObjectNotAppendable" => changed(),
        _ => told(error, Action::Write),
    }
}

fn changed() -> StorageError {
    StorageError::new(
        ErrorKind::Busy,
        "Someone else changed the file meanwhile: look at its size before you go on.",
    )
}

/// Never so: a transfer keeps its first window.
fn no_memory() -> StorageError {
    StorageError::new(ErrorKind::Busy, "There is no memory for this transfer.")
}

fn unknown() -> StorageError {
    StorageError::new(
        ErrorKind::Unavailable,
        "It is not known whether the last bytes were appended: look at the file's size.",
    )
}
