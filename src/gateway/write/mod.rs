//! Writing a file: STOR, STOU and APPE.
//!
//! Decides how the bytes reach OSS: up to one part by PutObject at the end, more as a multipart
//! upload whose parts are sent side by side as they fill; and what is kept of the old file when
//! writing begins inside it or at its end. Nothing is visible before [`ObjectWriter::commit`], and
//! nothing is left behind without it, unless broken uploads are to be gone on with.
//!
//! Memory: when no window is free, the writer waits for its own parts that are under way; if it has
//! none, it sends what it has as a part, however short of the schedule. So it waits for nobody else.
//! Parts too large to be held in memory are sent while they come, if there is a thread for it.

pub(super) mod append;
pub(super) mod buffer;
pub(super) mod flow;
pub(super) mod headers;
pub(super) mod kept;
pub(super) mod parts;
pub(super) mod sending;
pub(super) mod upload;
pub(super) mod uploads;
pub(super) mod whole;

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::debug;
use ossftp_core::driver::ObjectWriter;
use ossftp_core::{ErrorKind, FtpPath, Kept as Left, StorageError, StoreMode};
use ossftp_oss::crc64::combine;
use ossftp_oss::{Bucket, ObjectMeta, PutObject};

use self::buffer::{PartBuffer, Windows};
use self::flow::Flow;
use self::headers::SetTime;
use self::kept::{Beginning, Kept, KeptBody};
use self::kept::{cannot_be_copied, check_free, copy_into, find_beginning};
use self::parts::{FIRST_NUMBER, MIN_PART, Piece, Schedule};
use self::sending::{Job, Sending, Sent};
use self::upload::Upload;
use crate::gateway::config::Partial;
use crate::gateway::errors::{Action, told};
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::read::OssReader;
use crate::gateway::resume::leaving::Leaving;

mod large;

/// A file that is being written.
pub(crate) struct OssWriter {
    mount: Arc<Mount>,
    calls: Calls,
    key: String,
    put: PutObject,
    kept: Option<Arc<Kept>>,
    windows: Windows,
    schedule: Schedule,
    /// The number that the part being filled is going to have.
    number: u32,
    filling: PartBuffer,
    /// The part before it: full, and sent as soon as it is known not to be the last.
    full: Option<PartBuffer>,
    /// The part being filled, as far as it is sent while it comes.
    flow: Flow,
    upload: Option<Upload>,
    sending: Sending,
    /// A part could not be sent.
    failed: Option<StorageError>,
    /// Parts that were not sent, with their numbers, if the upload is to be gone on with.
    unsent: Vec<(u32, PartBuffer)>,
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
        let windows = Windows::admit(&mount.process.budget)?;
        // The reply waits for what is asked here.
        let first = calls.before(mount.reply_by());
        let beginning = match mode {
            StoreMode::Replace | StoreMode::At(0) => Beginning::Nothing,
            StoreMode::At(offset) => find_beginning(mount, &first, &key, Some(offset))?,
            StoreMode::Append => find_beginning(mount, &first, &key, None)?,
            StoreMode::New => {
                check_free(&first, &key)?;
                Beginning::Nothing
            }
            _ => {
                return Err(StorageError::new(
                    ErrorKind::Unsupported,
                    "OSS cannot write a file that way.",
                ));
            }
        };
        let kept = match beginning {
            Beginning::Nothing => None,
            Beginning::Kept(kept)
                if mode == StoreMode::Append && append::is_appendable(&kept.meta) =>
            {
                return Ok(append::open(mount, calls, key, &kept.meta, windows));
            }
            Beginning::Kept(kept) => Some(*kept),
            Beginning::Unfinished(found, hold) => {
                let upload = Upload::resume(mount, &key, &found, hold);
                let put = headers::of_new(mount, &key);
                let next = (upload.next(), expected);
                let mut writer = Self::new(mount, calls, key, put, windows, next);
                upload.leave_open();
                writer.upload = Some(upload);
                return Ok(Box::new(writer));
            }
        };
        let put = match &kept {
            Some(kept) => headers::of_old(&kept.meta, kept.tags.clone(), SetTime::Goes),
            None => headers::of_new(mount, &key),
        };
        let pieces = kept.as_ref().map_or(0, |kept| kept.pieces.len());
        let number = FIRST_NUMBER + u32::try_from(pieces).unwrap_or(u32::MAX / 2);
        let mut writer = Self::new(mount, calls, key, put, windows, (number, expected));
        writer.kept = kept.map(Arc::new);
        writer.put.forbid_overwrite = mode == StoreMode::New;
        writer.read_kept()?;
        if writer.is_broken_by_ending_here() {
            // Already now: a client whose connection died comes back before this session knows.
            writer.mount.set_broken(&writer.key);
        }
        Ok(Box::new(writer))
    }

    /// An empty file, whose first new part has this number and which has about so many new bytes.
    fn new(
        mount: &Arc<Mount>,
        calls: Calls,
        key: String,
        put: PutObject,
        windows: Windows,
        (number, expected): (u32, Option<u64>),
    ) -> Self {
        let config = mount.config();
        let schedule = Schedule::new(config.part_size, config.max_part_size)
            .holding(number, expected.unwrap_or(0));
        Self {
            put,
            mount: Arc::clone(mount),
            calls,
            key,
            kept: None,
            windows,
            schedule,
            number,
            filling: PartBuffer::new(schedule.size(number)),
            full: None,
            flow: Flow::new(),
            upload: None,
            sending: Sending::new(&mount.process),
            failed: None,
            unsent: Vec::new(),
            fresh: 0,
            ended: false,
        }
    }

    /// What is kept of a short file goes into the first part, since OSS copies no part so short.
    fn read_kept(&mut self) -> Result<(), StorageError> {
        let Some(kept) = self.kept.as_ref().filter(|kept| kept.pieces.is_empty()) else {
            return Ok(());
        };
        let mut reader = self.reader(kept.meta.clone(), (0, kept.length));
        self.filling.add(self.windows.take().ok_or_else(no_memory)?);
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
        if self.is_resumable() {
            upload.leave_open();
        }
        if let Some(kept) = self.kept.clone() {
            for piece in &kept.pieces {
                self.calls.check()?;
                self.keep(&mut upload, &kept, *piece)?;
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

    /// Reads a piece of the old file and sends it as parts, `number` first. It takes no memory.
    fn rewrite(
        &self,
        upload: &mut Upload,
        mut number: u32,
        kept: &Kept,
        piece: Piece,
    ) -> Result<(), StorageError> {
        let (mut at, end) = (piece.start, piece.start + piece.length);
        loop {
            // No part may be shorter than OSS takes, so a short rest goes with the one before.
            let (left, size) = (end - at, self.schedule.size(number));
            let size = if left < size + MIN_PART { left } else { size };
            let mut body = KeptBody::new(|| self.reader(kept.meta.clone(), (at, at + size)), size);
            let sent = upload
                .target()
                .send(&self.calls.bucket(), number, &mut body);
            upload.add(sent.map_err(|error| body.failed().unwrap_or(error))?);
            at += size;
            if at >= end {
                return Ok(());
            }
            number = upload.number()?;
        }
    }

    /// Sends a part, with `aside` on another thread.
    fn send(&mut self, part: PartBuffer, aside: bool) -> Result<(), StorageError> {
        let bucket = self.ready()?;
        if let Some(upload) = &mut self.upload {
            let job = Job {
                number: upload.number()?,
                target: Arc::clone(upload.target()),
                bucket,
                part,
            };
            self.sending.start(job, aside);
        }
        self.collect()
    }

    /// Waits until another part may be under way. Gives the bucket for its request.
    fn ready(&mut self) -> Result<Bucket, StorageError> {
        self.begin()?;
        self.calls.check()?;
        self.collect()?;
        if let Some(upload) = &mut self.upload {
            upload.leave_out(&self.calls.bucket())?;
        }
        while self.sending.is_full() {
            self.wait()?;
        }
        Ok(if self.is_resumable() {
            // What OSS gets of it is of use, so nothing stops it.
            self.mount.bucket().clone()
        } else {
            self.calls.bucket()
        })
    }

    fn send_full(&mut self) -> Result<(), StorageError> {
        match self.full.take() {
            Some(part) => self.send(part, true),
            None => Ok(()),
        }
    }

    /// Takes back the parts that are over.
    fn collect(&mut self) -> Result<(), StorageError> {
        while let Some(sent) = self.sending.try_take() {
            self.take_back(sent);
        }
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Waits for one of the parts under way, if there is one.
    fn wait(&mut self) -> Result<(), StorageError> {
        if let Some(sent) = self.sending.take(&self.calls)? {
            self.take_back(sent);
        }
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn take_back(&mut self, sent: Sent) {
        let (is_sent, is_resumable) = (sent.result.is_ok(), self.is_resumable());
        match (sent.result, &mut self.upload) {
            (Ok(part), Some(upload)) => upload.add(part),
            (Ok(_), None) => {}
            (Err(error), _) => {
                self.failed.get_or_insert(error);
            }
        }
        match sent.part {
            Some(part) if !is_sent && is_resumable => self.unsent.push((sent.number, part)),
            Some(part) => self.give_back(part),
            None => {}
        }
    }

    /// Gives the part that is being filled another window.
    fn make_room(&mut self) -> Result<(), StorageError> {
        loop {
            while let Some(piece) = self.flow.take_back(Duration::ZERO) {
                self.give_back(piece);
            }
            if !self.flow.is_full()
                && let Some(window) = self.windows.take()
            {
                self.filling.add(window);
                return Ok(());
            }
            if self.flow.has_more() {
                self.ebb()?;
            } else if self.flow.is_open() {
                // It does not happen: what has come back can be taken.
                return Err(no_memory());
            } else if !self.sending.is_idle() {
                self.wait()?;
            } else if let Some(full) = self.full.take() {
                self.send(full, false)?;
            } else if self.filling.len() as u64 >= MIN_PART {
                self.turn();
            } else {
                return Err(no_memory());
            }
        }
    }

    /// Begins the next part.
    fn turn(&mut self) {
        self.number += 1;
        let next = PartBuffer::new(self.schedule.size(self.number));
        self.full = Some(mem::replace(&mut self.filling, next));
    }

    fn finish(&mut self) -> Result<(), StorageError> {
        self.calls.check()?;
        self.collect()?;
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
                (None, _) => return self.put_whole(&self.filling),
                (Some(part), true) => return self.put_whole(part),
                (Some(_), false) => {}
            }
        }
        self.send_full()?;
        if self.flow.is_open() {
            self.end_flow().or_else(|_| self.lost())?;
        } else if !self.filling.is_empty() {
            let last = mem::replace(&mut self.filling, PartBuffer::new(0));
            self.send(last, false)?;
        }
        while !self.sending.is_idle() {
            self.wait()?;
        }
        self.begin()?;
        self.complete()
    }

    fn put_whole(&self, part: &PartBuffer) -> Result<(), StorageError> {
        whole::put(&self.mount, &self.calls, &self.key, part, &self.put)
    }

    fn complete(&mut self) -> Result<(), StorageError> {
        self.calls.check()?;
        let Some(upload) = &mut self.upload else {
            return Ok(());
        };
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

    /// Whether what OSS has of it stays there if it is broken off. Not if it keeps some of a file
    /// that is there: SIZE tells of that file, so nobody would ask for the rest of this one.
    fn is_resumable(&self) -> bool {
        self.mount.config().partial == Partial::Resume && self.kept.is_none()
    }

    /// It was broken off, and is to be gone on with: what is in memory goes to OSS too, on another
    /// thread if there is one.
    fn leave(&mut self) -> Left {
        if self.flow.is_open() {
            // If OSS has taken all so far, this may as well be the end of the part.
            let _ = self.end_flow();
        }
        let rest = mem::replace(&mut self.filling, PartBuffer::new(0));
        let leaving = Leaving {
            mount: Arc::clone(&self.mount),
            key: self.key.clone(),
            put: self.put.clone(),
            upload: self.upload.take(),
            sending: mem::replace(&mut self.sending, Sending::new(&self.mount.process)),
            unsent: mem::take(&mut self.unsent),
            rest: self.full.take().into_iter().chain([rest]).collect(),
        };
        if leaving.has_something() {
            leaving.start()
        } else {
            Left::Nothing
        }
    }

    /// It is over without a commit.
    fn end(&mut self) -> Left {
        if self.ended {
            return Left::Nothing;
        }
        self.ended = true;
        if self.upload.as_ref().is_some_and(Upload::is_taken) {
            return Left::Unknown;
        }
        if self.is_broken_by_ending_here() {
            self.mount.set_broken(&self.key);
        }
        if self.is_resumable() {
            self.leave()
        } else {
            // The parts under way are of no use any more.
            self.calls.stop();
            self.flow.abandon();
            Left::Nothing
        }
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
        self.collect()?;
        self.pour()?;
        if self.filling.is_full() {
            // Whether the full part is the last is known only when the next byte comes.
            self.turn();
        }
        if self.filling.needs_window() {
            self.make_room()?;
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
            return Err(error.keeping(self.end()));
        }
        self.ended = true;
        self.mount.memory().wrote(&self.key, Instant::now());
        self.mount.note_end(&self.key);
        Ok(())
    }

    fn discard(self: Box<Self>) {
        // Dropping aborts the upload, or leaves it to be gone on with.
    }

    fn break_off(mut self: Box<Self>) -> Left {
        self.end()
    }
}

impl Drop for OssWriter {
    fn drop(&mut self) {
        self.end();
    }
}

/// There is no window. It does not happen: each transfer has one of its own.
fn no_memory() -> StorageError {
    StorageError::new(
        ErrorKind::Busy,
        "There is no memory for this transfer: try again a little later.",
    )
}
