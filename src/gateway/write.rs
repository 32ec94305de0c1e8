//! Writing a file: STOR, STOU and APPE.
//!
//! Decides how the bytes reach OSS: up to one part by PutObject at the end, more as a multipart
//! upload whose parts are sent as they fill; and what is kept of the old file when writing begins
//! inside it or at its end. Nothing is visible before [`ObjectWriter::commit`], and nothing is
//! left behind without it.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use log::debug;
use ossftp_core::driver::{ObjectReader, ObjectWriter};
use ossftp_core::{ErrorKind, FtpPath, StorageError, StoreMode};
use ossftp_oss::crc64::{Crc64, combine};
use ossftp_oss::{Error, ObjectMeta, PutObject};

use super::append;
use super::buffer::PartBuffer;
use super::errors::{Action, is_missing, told};
use super::mount::{Calls, Mount};
use super::parts::{self, FIRST_NUMBER, MIN_PART, Piece, Schedule};
use super::read::{OssReader, beyond_the_end};
use super::upload::Upload;

/// What is kept of the file that is there.
struct Kept {
    meta: ObjectMeta,
    /// Its first so many bytes.
    length: u64,
    /// How OSS copies them; empty if they are in the first part's buffer.
    pieces: Vec<Piece>,
}

/// A file that is being written.
pub(crate) struct OssWriter {
    mount: Arc<Mount>,
    calls: Calls,
    key: String,
    put: PutObject,
    kept: Option<Kept>,
    schedule: Schedule,
    /// The number that the part being filled is going to have.
    number: u32,
    filling: PartBuffer,
    /// The part before it: full, and sent as soon as it is known not to be the last.
    full: Option<PartBuffer>,
    /// A buffer whose part was sent.
    spare: Option<PartBuffer>,
    upload: Option<Upload>,
    /// New bytes so far.
    fresh: u64,
    /// It is over, and nothing of it can be mixed with another file.
    ended: bool,
}

impl OssWriter {
    /// Opens `path` for writing. Asks OSS only where something of the old file is kept, or none
    /// may be there.
    pub(crate) fn open(
        mount: &Arc<Mount>,
        calls: Calls,
        path: &FtpPath,
        mode: StoreMode,
        expected: Option<u64>,
    ) -> Result<Box<dyn ObjectWriter>, StorageError> {
        if mount.is_known_directory(path) {
            let kind = match mode {
                StoreMode::New => ErrorKind::Exists,
                _ => ErrorKind::BadName,
            };
            return Err(StorageError::new(
                kind,
                "This is a directory: a file cannot have its name.",
            ));
        }
        let key = mount.keys.file(path)?;
        let kept = match mode {
            StoreMode::Replace | StoreMode::At(0) => None,
            StoreMode::At(offset) => find_kept(mount, &calls, &key, Some(offset))?,
            StoreMode::Append => match find_kept(mount, &calls, &key, None)? {
                Some(kept) if append::is_appendable(&kept.meta) => {
                    return append::open(mount, calls, key, &kept.meta);
                }
                kept => kept,
            },
            StoreMode::New => {
                check_free(&calls, &key)?;
                None
            }
            _ => {
                return Err(StorageError::new(
                    ErrorKind::Unsupported,
                    "OSS cannot write a file that way.",
                ));
            }
        };
        let config = mount.config();
        let pieces = kept.as_ref().map_or(0, |kept| kept.pieces.len());
        let number = FIRST_NUMBER + u32::try_from(pieces).unwrap_or(u32::MAX / 2);
        let schedule = Schedule::new(config.part_size, config.max_part_size)
            .holding(number, expected.unwrap_or(0));
        let mut put = put_object(&key, kept.as_ref().map(|kept| &kept.meta));
        put.forbid_overwrite = mode == StoreMode::New;
        let mut writer = Self {
            put,
            mount: Arc::clone(mount),
            calls,
            key,
            kept,
            schedule,
            number,
            filling: PartBuffer::new(schedule.size(number)),
            full: None,
            spare: None,
            upload: None,
            fresh: 0,
            ended: false,
        };
        writer.read_kept()?;
        if writer.is_broken_by_ending_here() {
            // Already now: a client whose connection died comes back before this session knows.
            writer.mount.set_broken(&writer.key);
        }
        Ok(Box::new(writer))
    }

    /// What is kept of a short file goes into the first part, since OSS copies no part so short.
    fn read_kept(&mut self) -> Result<(), StorageError> {
        let Some(kept) = self.kept.as_ref().filter(|kept| kept.pieces.is_empty()) else {
            return Ok(());
        };
        let range = (0, kept.length);
        let mut reader = self.reader(kept.meta.clone(), range);
        copy_into(&mut reader, &mut self.filling)
    }

    fn reader(&self, meta: ObjectMeta, range: (u64, u64)) -> OssReader {
        let patience = self.mount.config().reopen_after;
        OssReader::over(self.calls.clone(), self.key.clone(), meta, range, patience)
    }

    /// Starts the multipart upload, and puts what is kept of the old file into it.
    fn begin(&mut self) -> Result<(), StorageError> {
        if self.upload.is_some() {
            return Ok(());
        }
        self.calls.check()?;
        let mut upload = Upload::begin(&self.mount, &self.key, &self.put)?;
        if let Some(kept) = &self.kept {
            for piece in &kept.pieces {
                self.calls.check()?;
                self.keep(&mut upload, kept, *piece)?;
            }
        }
        self.upload = Some(upload);
        Ok(())
    }

    fn keep(&self, upload: &mut Upload, kept: &Kept, piece: Piece) -> Result<(), StorageError> {
        let number = upload.number()?;
        let source = (self.key.as_str(), kept.meta.etag.as_str());
        match upload.copy(&self.calls.bucket(), number, source, piece) {
            Ok(part) => {
                upload.add(part);
                Ok(())
            }
            Err(error) if cannot_be_copied(&error) => {
                debug!("{:?} is read and sent again: {error}", self.key);
                self.rewrite(upload, number, kept, piece)
            }
            Err(error) => Err(told(&error, Action::Copy)),
        }
    }

    /// Reads a piece of the old file and sends it as parts, `number` first.
    fn rewrite(
        &self,
        upload: &mut Upload,
        mut number: u32,
        kept: &Kept,
        piece: Piece,
    ) -> Result<(), StorageError> {
        let range = (piece.start, piece.start + piece.length);
        let mut reader = self.reader(kept.meta.clone(), range);
        let mut buffer = PartBuffer::new(0);
        loop {
            // No part may be shorter than OSS takes, so a short rest goes with the one before.
            let left = reader.remaining().unwrap_or(0);
            let size = self.schedule.size(number);
            let size = if left < size + MIN_PART { left } else { size };
            buffer.reset(size);
            copy_into(&mut reader, &mut buffer)?;
            let part = upload.send(&self.calls.bucket(), number, &mut buffer.body())?;
            upload.add(part);
            if left <= size {
                return Ok(());
            }
            number = upload.number()?;
        }
    }

    /// Sends a part that is not the last, or is the last of several.
    fn send(&mut self, part: PartBuffer) -> Result<(), StorageError> {
        self.begin()?;
        self.calls.check()?;
        if let Some(upload) = &mut self.upload {
            let number = upload.number()?;
            let sent = upload.send(&self.calls.bucket(), number, &mut part.body())?;
            upload.add(sent);
        }
        self.spare = Some(part);
        Ok(())
    }

    fn send_full(&mut self) -> Result<(), StorageError> {
        match self.full.take() {
            Some(part) => self.send(part),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<(), StorageError> {
        self.calls.check()?;
        if self.fresh == 0
            && let Some(kept) = &self.kept
            && kept.length == kept.meta.size
        {
            // Nothing was added to the file.
            return Ok(());
        }
        let is_copied = self.kept.as_ref().is_some_and(|k| !k.pieces.is_empty());
        if self.upload.is_none() && !is_copied {
            match (&self.full, self.filling.is_empty()) {
                (None, _) => return self.put(&self.filling),
                (Some(part), true) => return self.put(part),
                (Some(_), false) => {}
            }
        }
        self.send_full()?;
        if !self.filling.is_empty() {
            let last = mem::replace(&mut self.filling, PartBuffer::new(0));
            self.send(last)?;
        }
        self.begin()?;
        self.complete()
    }

    /// The whole file in one request. A cancel that comes before its last byte has gone out
    /// leaves nothing behind; after that OSS has the file, and nobody waits to hear it.
    ///
    /// A put that must not overwrite is sent only once by itself, since a second one would find
    /// the first one's object in its way. Here that object can be told from another's, so it is
    /// sent again once.
    fn put(&self, part: &PartBuffer) -> Result<(), StorageError> {
        let bucket = self.calls.bucket();
        let (mut again, mut unknown) = (self.put.forbid_overwrite, false);
        loop {
            let put = bucket.put_object(&self.key, &mut part.body(), &self.put);
            let Err(error) = put else {
                return Ok(());
            };
            let is_in_the_way = unknown && error.code() == "FileAlreadyExists";
            unknown |= error.outcome_unknown();
            if (is_in_the_way || error.outcome_unknown()) && self.is_there_after_all(part) {
                debug!("put of {:?} settled by HEAD after: {error}", self.key);
                return Ok(());
            }
            if !again || !error.outcome_unknown() {
                return Err(told(&error, Action::Write));
            }
            again = false;
            self.calls.check()?;
        }
    }

    /// The answer was lost: is the object the one that was sent?
    fn is_there_after_all(&self, part: &PartBuffer) -> bool {
        let mut crc = Crc64::new();
        part.each(|bytes| crc.update(bytes));
        let meta = self.mount.bucket().head_object(&self.key);
        meta.is_ok_and(|m| m.size == part.len() as u64 && m.crc64 == Some(crc.finish()))
    }

    fn complete(&mut self) -> Result<(), StorageError> {
        let Some(mut upload) = self.upload.take() else {
            return Ok(());
        };
        self.calls.check()?;
        let whole = match &self.kept {
            // Of the whole old file OSS has stated the checksum; of its copied parts it may not.
            Some(kept) if kept.length == kept.meta.size => kept.meta.crc64,
            _ => None,
        };
        let crc64 = match (whole, &self.kept) {
            (Some(old), Some(kept)) if !kept.pieces.is_empty() => {
                let (new, length) = upload.crc_beyond(kept.length);
                new.map(|new| combine(old, new, length))
            }
            _ => upload.crc_beyond(0).0,
        };
        upload
            .complete(crc64, self.put.forbid_overwrite)
            .map_err(|error| told(&error, Action::Write))
    }

    /// Whether a client that goes on from where it was broken off could mix two files.
    fn is_broken_by_ending_here(&self) -> bool {
        match &self.kept {
            None => true,
            Some(kept) => kept.length < kept.meta.size,
        }
    }
}

impl ObjectWriter for OssWriter {
    fn space(&mut self) -> Result<&mut [u8], StorageError> {
        if self.filling.is_full() {
            // Whether the full part is the last is known only when the next byte comes.
            self.number += 1;
            let size = self.schedule.size(self.number);
            let mut next = self.spare.take().unwrap_or_else(|| PartBuffer::new(size));
            next.reset(size);
            self.full = Some(mem::replace(&mut self.filling, next));
        }
        Ok(self.filling.space())
    }

    fn filled(&mut self, count: usize) -> Result<(), StorageError> {
        self.calls.check()?;
        self.filling.advance(count);
        self.fresh += count as u64;
        if count > 0 {
            self.send_full()?;
        }
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<(), StorageError> {
        let result = self.finish();
        if let Err(error) = result {
            if error.kind == ErrorKind::Exists && self.put.forbid_overwrite {
                // What stands there is another's file, and whole.
                self.mount.clear_broken(&self.key);
                self.ended = true;
            }
            return Err(error);
        }
        self.ended = true;
        self.mount.memory().wrote(&self.key, Instant::now());
        self.mount.clear_broken(&self.key);
        Ok(())
    }

    fn discard(self: Box<Self>) {
        // Dropping aborts the upload.
    }
}

impl Drop for OssWriter {
    fn drop(&mut self) {
        if !self.ended && self.is_broken_by_ending_here() {
            self.mount.set_broken(&self.key);
        }
    }
}

/// Whether there is no file of this name yet. In a bucket with versioning nobody asks again: OSS
/// does not know `x-oss-forbid-overwrite` there, and keeps both.
fn check_free(calls: &Calls, key: &str) -> Result<(), StorageError> {
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
fn find_kept(
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
    if length == 0 && !(offset.is_none() && append::is_appendable(&meta)) {
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

/// Moves bytes until the reader has no more or the buffer has no room.
fn copy_into(reader: &mut OssReader, buffer: &mut PartBuffer) -> Result<(), StorageError> {
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

/// Whether OSS does not copy this kind of object, rather than not just now or not for this key.
fn cannot_be_copied(error: &Error) -> bool {
    matches!(error.status(), 400 | 405 | 409 | 501) && error.code() != "RequestTimeTooSkewed"
}

/// What the object is besides its bytes: as it was, or by the extension of a new file's name.
fn put_object(key: &str, old: Option<&ObjectMeta>) -> PutObject {
    let Some(old) = old else {
        return PutObject {
            content_type: Some(content_type(key).to_owned()),
            ..PutObject::default()
        };
    };
    PutObject {
        content_type: old.content_type.clone(),
        meta: old.user_meta.clone(),
        ..PutObject::default()
    }
}

/// The content type by the extension of the name.
fn content_type(key: &str) -> &'static str {
    let name = key.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    mime_guess::from_ext(extension)
        .first_raw()
        .unwrap_or("application/octet-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for (key, expected) in [
            ("a/图片.JPG", "image/jpeg"),
            ("a.html", "text/html"),
            ("a.tar.gz", "application/gzip"),
            ("a.b/c", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            (".png", "image/png"),
            ("a.nothing", "application/octet-stream"),
        ] {
            assert_eq!(content_type(key), expected, "{key}");
        }
    }
}
