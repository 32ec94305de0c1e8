//! One multipart upload.
//!
//! Decides that it ends in one of three ways, whatever happens: completed, with its checksum
//! compared; aborted; or left open on purpose, to be gone on with. And that a lost answer to its
//! beginning leaves no other one behind. What goes into the parts is left to the writer and to
//! renames.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use log::{debug, warn};
use ossftp_core::StorageError;
use ossftp_oss::crc64::combine;
use ossftp_oss::{
    Bucket, CompleteUpload, CompletedPart, Error, PartCopy, PartSummary, Payload, ProtocolError,
    PutObject, SliceBody,
};

use crate::gateway::errors::{Action, told};
use crate::gateway::mount::Mount;
use crate::gateway::resume::holds::Hold;
use crate::gateway::resume::unfinished::Unfinished;
use crate::gateway::write::parts::{FIRST_NUMBER, LAST_NUMBER, Piece, too_large};
use crate::gateway::write::uploads::Abort;

/// An upload whose beginning was not answered is looked for among those of about that time, in
/// seconds: clocks differ.
const ABOUT: i64 = 60;

/// A part that OSS has.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) number: u32,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) crc64: Option<u64>,
}

/// An upload that parts can be sent to, from any thread. When the last one lets go of it and it
/// was neither completed nor left open, it is aborted: so no part arrives after the abort.
pub(crate) struct Target {
    mount: Arc<Mount>,
    key: String,
    id: String,
    hold: Hold,
    /// It is completed, or stays as it is.
    is_settled: AtomicBool,
}

impl Target {
    /// The key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Sends a part.
    pub(crate) fn send(
        &self,
        bucket: &Bucket,
        number: u32,
        body: &mut dyn Payload,
    ) -> Result<Part, StorageError> {
        let _busy = self.hold.sending()?;
        let sent = bucket
            .upload_part(&self.key, &self.id, number, body)
            .map_err(|error| told(&error, Action::Write))?;
        Ok(Part {
            number,
            // Who sends a body of unknown length has counted.
            size: body.length().unwrap_or_default(),
            etag: sent.etag,
            crc64: Some(sent.crc64),
        })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let uploads = &self.mount.process.uploads;
        if self.is_settled.load(Ordering::SeqCst) || self.hold.is_taken() {
            return uploads.end(&self.id);
        }
        let longest = self.mount.config().command_timeout;
        uploads.abort(Abort {
            // Not by the calls of the transfer: those may be cancelled.
            bucket: self.mount.bucket().with_deadline(Some(longest)),
            key: self.key.clone(),
            id: self.id.clone(),
        });
    }
}

/// A multipart upload under way. Dropped without [`Upload::complete`], it is aborted.
pub(crate) struct Upload {
    target: Arc<Target>,
    next: u32,
    parts: Vec<Part>,
    /// Parts that an upload that goes on has, but this file has not.
    left_out: VecDeque<Part>,
    /// What stands in their place now.
    blanks: Vec<Part>,
}

impl From<&PartSummary> for Part {
    fn from(part: &PartSummary) -> Self {
        Self {
            number: part.number,
            size: part.size,
            etag: part.etag.clone(),
            crc64: part.crc64,
        }
    }
}

impl Upload {
    /// Starts an upload of `key`; `put` says what the object will be besides its bytes.
    ///
    /// Nothing cancels this request: without its answer nobody could abort the upload.
    pub(crate) fn begin(
        mount: &Arc<Mount>,
        key: &str,
        put: &PutObject,
    ) -> Result<Self, StorageError> {
        // A process that is told to stop waits until there is an upload that it can abort.
        let _hold = mount.process.uploads.hold();
        let id = initiate(mount, key, put)?;
        debug!("upload {id} of {key:?} begins");
        let hold = mount.process.holds.take(&id);
        Ok(Self::of(mount, key, id, hold, Vec::new(), FIRST_NUMBER))
    }

    /// Goes on with an upload that was left open, after the parts of it that are kept.
    pub(crate) fn resume(mount: &Arc<Mount>, key: &str, found: &Unfinished, hold: Hold) -> Self {
        let parts: Vec<Part> = found.kept.iter().map(Part::from).collect();
        let next = parts.last().map_or(FIRST_NUMBER, |part| part.number + 1);
        debug!("upload {} of {key:?} goes on with part {next}", found.id);
        mount.process.uploads.join(&found.id);
        let mut upload = Self::of(mount, key, found.id.clone(), hold, parts, next);
        upload.left_out = found.left_out.iter().map(Part::from).collect();
        upload
    }

    fn of(
        mount: &Arc<Mount>,
        key: &str,
        id: String,
        hold: Hold,
        parts: Vec<Part>,
        next: u32,
    ) -> Self {
        let target = Target {
            mount: Arc::clone(mount),
            key: key.to_owned(),
            id,
            hold,
            is_settled: AtomicBool::new(false),
        };
        Self {
            target: Arc::new(target),
            next,
            parts,
            left_out: VecDeque::new(),
            blanks: Vec::new(),
        }
    }

    /// From now on it is not aborted: what OSS has of it stays there.
    pub(crate) fn leave_open(&self) {
        self.target.is_settled.store(true, Ordering::SeqCst);
    }

    /// It is of no use any more: it is aborted after all, and has no parts that count.
    pub(crate) fn give_up(&mut self) {
        self.parts.clear();
        self.target.is_settled.store(false, Ordering::SeqCst);
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.target.id
    }

    /// Whether another session goes on with it.
    pub(crate) fn is_taken(&self) -> bool {
        self.target.hold.is_taken()
    }

    /// Puts parts too short for the middle of a file in place of those that are not of this file.
    /// Comes before any new part, which else could come to stand before them and seem to be joined
    /// to them when the upload goes on once more.
    pub(crate) fn leave_out(&mut self, bucket: &Bucket) -> Result<(), StorageError> {
        while let Some(part) = self.left_out.front() {
            let blank = &mut SliceBody::new(b"0");
            self.blanks
                .push(self.target.send(bucket, part.number, blank)?);
            self.left_out.pop_front();
        }
        Ok(())
    }

    /// Whether there are parts that are not of this file.
    pub(crate) fn leaves_out(&self) -> bool {
        !self.left_out.is_empty()
    }

    /// Whether this is a part that this writer knows of.
    pub(crate) fn knows(&self, number: u32, etag: &str) -> bool {
        let others = self.blanks.iter().chain(&self.left_out);
        self.parts
            .iter()
            .chain(others)
            .any(|part| part.number == number && part.etag == etag)
    }

    /// The parts of this file that OSS is known to have, by number.
    pub(crate) fn parts(&mut self) -> &[Part] {
        self.parts.sort_by_key(|part| part.number);
        &self.parts
    }

    /// The number that the next part is going to have.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    /// What parts are sent to.
    pub(crate) fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// The number of the next part.
    ///
    /// # Errors
    /// There are no more numbers.
    pub(crate) fn number(&mut self) -> Result<u32, StorageError> {
        if self.next > LAST_NUMBER {
            return Err(too_large());
        }
        let number = self.next;
        self.next += 1;
        Ok(number)
    }

    /// Has OSS copy a piece of an object as a part, if the object still has this ETag.
    pub(crate) fn copy(
        &self,
        bucket: &Bucket,
        number: u32,
        source: (&str, &str),
        piece: Piece,
    ) -> Result<Part, Error> {
        let (key, etag) = source;
        let last = piece.start + piece.length.saturating_sub(1);
        let copy = PartCopy {
            source_key: key.to_owned(),
            range: (piece.start, last),
            if_match: Some(etag.to_owned()).filter(|etag| !etag.is_empty()),
            ..PartCopy::default()
        };
        let target = &self.target;
        let copied = bucket.upload_part_copy(&target.key, &target.id, number, &copy)?;
        Ok(Part {
            number,
            size: piece.length,
            etag: copied.etag,
            crc64: copied.crc64,
        })
    }

    /// Notes a part that OSS has, in any order.
    pub(crate) fn add(&mut self, part: Part) {
        self.parts.push(part);
    }

    /// The checksum of what the parts hold beyond the first `start` bytes, and how long that is.
    /// `start` is where a part begins. No checksum if OSS stated none for one of them.
    pub(crate) fn crc_beyond(&mut self, start: u64) -> (Option<u64>, u64) {
        self.parts.sort_by_key(|part| part.number);
        let (mut at, mut length, mut crc) = (0, 0, Some(0));
        for part in &self.parts {
            if at >= start {
                let both = crc.zip(part.crc64);
                crc = both.map(|(crc, next)| combine(crc, next, part.size));
                length += part.size;
            }
            at += part.size;
        }
        (crc, length)
    }

    /// Makes the object visible, with `is_new` only if there is none yet. `crc64` is what its
    /// checksum must be, if known; parts that are something else are not completed.
    ///
    /// This is the last request of an upload: nothing cancels it. If it fails, an upload that is left
    /// open stays so, unless it can never be completed.
    ///
    /// # Errors
    /// [`ProtocolError::BadCrc`] if OSS copied something else, or made something else visible.
    pub(crate) fn complete(&mut self, crc64: Option<u64>, is_new: bool) -> Result<(), Error> {
        if let (Some(stated), Some(computed)) = (crc64, self.crc_beyond(0).0)
            && stated != computed
        {
            self.give_up();
            return Err(ProtocolError::BadCrc { computed, stated }.into());
        }
        let parts: Vec<_> = self
            .parts
            .iter()
            .map(|part| CompletedPart {
                number: part.number,
                etag: part.etag.clone(),
            })
            .collect();
        let expect = CompleteUpload {
            size: self.parts.iter().map(|part| part.size).sum(),
            crc64,
            forbid_overwrite: is_new,
        };
        let target = &self.target;
        let bucket = target.mount.bucket();
        if let Err(error) = bucket.complete_multipart(&target.key, &target.id, &parts, &expect) {
            if is_unusable(&error) {
                self.give_up();
            }
            return Err(error);
        }
        debug!("upload {} of {:?} is complete", target.id, target.key);
        self.leave_open();
        Ok(())
    }
}

/// Whether an upload that could not be completed for this reason never can be: its parts are not
/// what they were taken for.
fn is_unusable(error: &Error) -> bool {
    matches!(error, Error::Protocol(ProtocolError::BadCrc { .. }))
        || matches!(
            error.code(),
            "InvalidPart" | "InvalidPartOrder" | "EntityTooSmall" | "NoSuchUpload"
        )
}

/// InitiateMultipartUpload, as often as the settings allow. The id is taken.
///
/// OSS may have begun an upload and its answer was lost. Then there is one of that time, without
/// parts, that nobody in this process knows: that is the one. Where the right to list is missing,
/// it stays behind.
fn initiate(mount: &Mount, key: &str, put: &PutObject) -> Result<String, StorageError> {
    let (config, uploads) = (mount.config(), &mount.process.uploads);
    let bucket = mount.bucket().with_deadline(Some(config.command_timeout));
    let (began, begun) = (Instant::now(), bucket.client().time());
    let mut attempt = 1;
    loop {
        let error = match bucket.initiate_multipart(key, put) {
            Ok(id) if uploads.take(&id) => return Ok(id),
            // Someone whose answer was lost has taken it: then it is the other's that is free.
            Ok(_) => None,
            Err(error) if error.outcome_unknown() => Some(error),
            Err(error) if error.retryable() && attempt < config.retry.attempts => {
                debug!("upload of {key:?} again after: {error}");
                attempt += 1;
                let waited = bucket.client().wait_before(attempt, began, &error);
                waited.map_err(|error| told(&error, Action::Write))?;
                continue;
            }
            Err(error) => return Err(told(&error, Action::Write)),
        };
        match find_lost(mount, &bucket, key, begun) {
            Ok(Some(id)) => {
                debug!("upload {id} of {key:?} found after a lost answer");
                return Ok(id);
            }
            Ok(None) => {}
            Err(error) => warn!(
                "an upload of {key:?} in bucket {} may stay behind: its answer was lost, and the \
                 uploads cannot be listed: {error}",
                bucket.name()
            ),
        }
        let error = error.unwrap_or(Error::DeadlineExceeded);
        if attempt >= config.retry.attempts || !is_worth_another(&error) {
            return Err(told(&error, Action::Write));
        }
        attempt += 1;
    }
}

/// Whether to begin again, after it was seen that nothing has begun.
fn is_worth_another(error: &Error) -> bool {
    error.retryable() || matches!(error, Error::Protocol(_) | Error::DeadlineExceeded)
}

/// Takes an upload of `key` that began at about this time, has no parts, and is nobody's here.
fn find_lost(
    mount: &Mount,
    bucket: &Bucket,
    key: &str,
    begun: i64,
) -> Result<Option<String>, Error> {
    let uploads = &mount.process.uploads;
    let page = bucket.list_multipart_uploads(key, None)?;
    // Keys come in order, and `key` is the first of those that begin so. Of its uploads the last
    // is the newest.
    for upload in page.uploads.iter().rev().filter(|u| u.key == key) {
        if upload.initiated < begun - ABOUT || uploads.is_open(&upload.upload_id) {
            continue;
        }
        let parts = bucket.list_parts(key, &upload.upload_id, None)?;
        if parts.parts.is_empty() && uploads.take(&upload.upload_id) {
            return Ok(Some(upload.upload_id.clone()));
        }
    }
    Ok(None)
}
