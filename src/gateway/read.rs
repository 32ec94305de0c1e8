//! Reading a file: RETR.
//!
//! Decides which GET gives the bytes, how reading goes on when a connection breaks, and that no
//! damaged or changed file passes for a whole one: every GET after the first carries If-Match, and
//! what was read from the first byte to the last is compared with OSS's CRC-64.

use std::io::Read;
use std::time::{Duration, Instant};

use log::debug;
use ossftp_core::driver::ObjectReader;
use ossftp_core::{ErrorKind, FtpPath, StorageError};
use ossftp_oss::crc64::Crc64;
use ossftp_oss::{Error, GetObject, ObjectBody, ObjectMeta, ProtocolError};

use super::errors::{Action, is_missing, told};
use super::mount::{Calls, Mount};
use super::volume::no_file;

/// How many bytes are lent at a time at most.
const CHUNK: usize = 64 << 10;
/// After so many broken connections without a byte in between, reading ends.
const MAX_FAILURES: u32 = 4;

/// A file, or some of it, that is being read.
pub(crate) struct OssReader {
    calls: Calls,
    key: String,
    meta: ObjectMeta,
    /// The next byte to come from OSS.
    next: u64,
    /// The first byte that is not wanted.
    end: u64,
    body: Option<ObjectBody>,
    opened: Instant,
    /// How long an opened GET may wait for its first read.
    patience: Duration,
    was_read: bool,
    failures: u32,
    /// The checksum so far, if all of the file is read and OSS states one.
    crc: Option<Crc64>,
    chunk: Vec<u8>,
    at: usize,
    filled: usize,
}

impl OssReader {
    /// Opens the file at `path` from byte `offset` on.
    pub(crate) fn open(
        mount: &Mount,
        calls: Calls,
        path: &FtpPath,
        offset: u64,
    ) -> Result<Self, StorageError> {
        let key = mount.keys.file(path)?;
        let failed = |error: Error| {
            if is_missing(&error) {
                no_file(mount, path)
            } else {
                told(&error, Action::Read)
            }
        };
        let patience = mount.config().reopen_after;
        if offset == 0 {
            let body = calls.bucket().get_object(&key, &GetObject::default());
            let body = body.map_err(failed)?;
            let meta = body.meta.clone();
            let end = meta.size;
            let mut reader = Self::over(calls, key, meta, (0, end), patience);
            reader.take(body);
            return Ok(reader);
        }
        let meta = calls.bucket().head_object(&key).map_err(failed)?;
        if offset > meta.size {
            return Err(beyond_the_end(meta.size));
        }
        let end = meta.size;
        let mut reader = Self::over(calls, key, meta, (offset, end), patience);
        if reader.next < reader.end {
            let body = reader.get().map_err(failed)?;
            reader.take(body);
        }
        Ok(reader)
    }

    /// Reads the bytes from `range.0` to before `range.1` of an object that HEAD has described.
    /// Nothing is sent yet.
    pub(crate) fn over(
        calls: Calls,
        key: String,
        meta: ObjectMeta,
        range: (u64, u64),
        patience: Duration,
    ) -> Self {
        let (next, end) = range;
        let is_whole = next == 0 && end == meta.size && meta.crc64.is_some();
        Self {
            calls,
            key,
            meta,
            next,
            end,
            body: None,
            opened: Instant::now(),
            patience,
            was_read: false,
            failures: 0,
            crc: is_whole.then(Crc64::new),
            chunk: Vec::new(),
            at: 0,
            filled: 0,
        }
    }

    /// A GET of what is still to come, of the same object.
    fn get(&self) -> Result<ObjectBody, Error> {
        let is_whole = self.next == 0 && self.end == self.meta.size;
        let last = self.end.saturating_sub(1);
        let get = GetObject {
            range: (!is_whole).then_some((self.next, Some(last))),
            if_match: Some(self.meta.etag.clone()).filter(|etag| !etag.is_empty()),
        };
        self.calls.bucket().get_object(&self.key, &get)
    }

    fn take(&mut self, body: ObjectBody) {
        self.body = Some(body);
        self.opened = Instant::now();
    }

    /// Fetches the next bytes into the chunk; `false` if the connection broke and reading can go
    /// on with another one.
    fn fetch(&mut self) -> Result<bool, Error> {
        if !self.was_read && self.opened.elapsed() > self.patience {
            // OSS would close it soon, or has done so: not worth a failure.
            self.body = None;
        }
        self.was_read = true;
        if self.body.is_none() {
            let body = self.get()?;
            self.take(body);
        }
        self.chunk.resize(CHUNK, 0);
        let Some(body) = &mut self.body else {
            return Ok(false);
        };
        let error = match body.read(&mut self.chunk) {
            Ok(count) if count > 0 => {
                (self.at, self.filled) = (0, count);
                self.failures = 0;
                return Ok(true);
            }
            Ok(_) => Error::Protocol(ProtocolError::ShortBody {
                expected: body.length,
                received: body.received(),
            }),
            Err(error) => Error::of_io(&error).cloned().unwrap_or(Error::Body {
                kind: error.kind(),
                message: error.to_string(),
            }),
        };
        self.body = None;
        self.failures += 1;
        let goes_on = match &error {
            Error::Transport { .. } => true,
            Error::Protocol(error) => matches!(error, ProtocolError::ShortBody { .. }),
            _ => false,
        };
        if !goes_on || self.failures > MAX_FAILURES {
            return Err(error);
        }
        debug!("{:?} broke at byte {}: {error}", self.key, self.next);
        Ok(false)
    }

    /// All bytes have come: are they the file's?
    fn finish(&mut self) -> Result<(), Error> {
        if let Some(body) = &mut self.body.take() {
            // Nothing is left in it, but its connection can serve another call only once read.
            let _ = body.read(&mut [0]);
        }
        if let (Some(crc), Some(stated)) = (self.crc.take(), self.meta.crc64) {
            let computed = crc.finish();
            if computed != stated {
                return Err(ProtocolError::BadCrc { computed, stated }.into());
            }
        }
        Ok(())
    }

    fn fill_chunk(&mut self) -> Result<(), StorageError> {
        let failed = |error| told(&error, Action::Read);
        while self.next < self.end {
            self.calls.check()?;
            if !self.fetch().map_err(failed)? {
                continue;
            }
            let bytes = self.chunk.get(..self.filled).unwrap_or_default();
            self.next += bytes.len() as u64;
            if let Some(crc) = &mut self.crc {
                crc.update(bytes);
            }
            // Before the last bytes are lent: what is damaged must not seem whole.
            if self.next >= self.end {
                self.finish().map_err(failed)?;
            }
            return Ok(());
        }
        self.finish().map_err(failed)
    }
}

impl ObjectReader for OssReader {
    fn remaining(&self) -> Option<u64> {
        let lent = self.filled.saturating_sub(self.at) as u64;
        Some(self.end.saturating_sub(self.next) + lent)
    }

    fn fill(&mut self) -> Result<&[u8], StorageError> {
        if self.at >= self.filled {
            (self.at, self.filled) = (0, 0);
            self.fill_chunk()?;
        }
        Ok(self.chunk.get(self.at..self.filled).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.filled);
    }
}

/// The offset of a REST is greater than the file's size.
pub(crate) fn beyond_the_end(size: u64) -> StorageError {
    StorageError::new(
        ErrorKind::BadOffset,
        format!("The offset is beyond the end of the file, at {size}."),
    )
}
