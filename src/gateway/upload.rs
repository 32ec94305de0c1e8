//! One multipart upload.
//!
//! Decides that it ends in one of two ways: completed, with its checksum compared, or aborted,
//! whatever happens. What goes into the parts is left to the writer and to renames.

use std::sync::Arc;

use log::{debug, warn};
use ossftp_core::StorageError;
use ossftp_oss::crc64::combine;
use ossftp_oss::{
    Bucket, CompleteUpload, CompletedPart, Error, PartCopy, Payload, ProtocolError, PutObject,
};

use super::errors::{Action, told};
use super::mount::Mount;
use super::parts::{FIRST_NUMBER, LAST_NUMBER, Piece, too_large};

/// How often an abort is asked for at most, each time with the client's own tries.
const ABORT_TRIES: u32 = 3;

/// A part that OSS has.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    number: u32,
    size: u64,
    etag: String,
    crc64: Option<u64>,
}

/// A multipart upload under way. Dropped without [`Upload::complete`], it is aborted.
pub(crate) struct Upload {
    mount: Arc<Mount>,
    key: String,
    id: String,
    next: u32,
    parts: Vec<Part>,
    ended: bool,
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
        let longest = mount.config().command_timeout;
        let id = mount
            .bucket()
            .with_deadline(Some(longest))
            .initiate_multipart(key, put)
            .map_err(|error| told(&error, Action::Write))?;
        debug!("upload {id} of {key:?} begins");
        Ok(Self {
            mount: Arc::clone(mount),
            key: key.to_owned(),
            id,
            next: FIRST_NUMBER,
            parts: Vec::new(),
            ended: false,
        })
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

    /// Sends a part.
    pub(crate) fn send(
        &self,
        bucket: &Bucket,
        number: u32,
        body: &mut dyn Payload,
    ) -> Result<Part, StorageError> {
        let sent = bucket
            .upload_part(&self.key, &self.id, number, body)
            .map_err(|error| told(&error, Action::Write))?;
        Ok(Part {
            number,
            size: body.length(),
            etag: sent.etag,
            crc64: Some(sent.crc64),
        })
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
        let copied = bucket.upload_part_copy(&self.key, &self.id, number, &copy)?;
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
    /// This is the last request of an upload: nothing cancels it.
    ///
    /// # Errors
    /// [`ProtocolError::BadCrc`] if OSS copied something else, or made something else visible.
    pub(crate) fn complete(mut self, crc64: Option<u64>, is_new: bool) -> Result<(), Error> {
        if let (Some(stated), Some(computed)) = (crc64, self.crc_beyond(0).0)
            && stated != computed
        {
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
        self.mount
            .bucket()
            .complete_multipart(&self.key, &self.id, &parts, &expect)?;
        debug!("upload {} of {:?} is complete", self.id, self.key);
        self.ended = true;
        Ok(())
    }

    fn abort(&mut self) {
        let config = self.mount.config();
        // Not by the calls of the transfer: those may be cancelled.
        let bucket = self
            .mount
            .bucket()
            .with_deadline(Some(config.command_timeout));
        for attempt in 1..=ABORT_TRIES {
            match bucket.abort_multipart(&self.key, &self.id) {
                Ok(()) => break,
                Err(error) if error.code() == "NoSuchUpload" => break,
                Err(error) if attempt == ABORT_TRIES || !error.retryable() => {
                    warn!(
                        "upload {} of {:?} in bucket {} was not aborted and its parts stay: {error}",
                        self.id,
                        self.key,
                        bucket.name()
                    );
                    break;
                }
                Err(error) => debug!("abort again after: {error}"),
            }
        }
        self.ended = true;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.ended {
            self.abort();
        }
    }
}
