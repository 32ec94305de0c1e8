//! Bytes of one object that cannot change on the way.
//!
//! Decides how a range is read through any number of connections: a broken one is followed by
//! another GET from where it ended, with If-Match, and only so many in a row may bring nothing.
//! Which ranges are read, and by whom, is left to `read` and `ahead`.

use std::io::Read;
use std::sync::Arc;

use log::debug;
use ossftp_oss::{Error, GetObject, ObjectBody, ProtocolError};

use crate::gateway::mount::Calls;

/// After so many broken connections without a byte in between, reading ends.
const MAX_FAILURES: u32 = 4;

/// An object as it was when a transfer first heard of it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) calls: Calls,
    pub(crate) key: String,
    /// Its ETag, or nothing if OSS states none.
    pub(crate) etag: String,
}

impl Source {
    fn get(&self, first: u64, last: u64) -> Result<ObjectBody, Error> {
        let get = GetObject {
            range: Some((first, Some(last))),
            if_match: Some(self.etag.clone()).filter(|etag| !etag.is_empty()),
        };
        self.calls.bucket().get_object(&self.key, &get)
    }
}

/// A range of an object that is being read.
#[derive(Debug)]
pub(crate) struct Stream {
    source: Arc<Source>,
    /// The next byte to come.
    next: u64,
    /// The first byte that is not wanted.
    end: u64,
    body: Option<ObjectBody>,
    failures: u32,
}

impl Stream {
    /// The bytes from `range.0` to before `range.1`. Nothing is sent yet.
    pub(crate) fn new(source: Arc<Source>, range: (u64, u64)) -> Self {
        Self {
            source,
            next: range.0,
            end: range.1,
            body: None,
            failures: 0,
        }
    }

    /// The same, whose first GET has been answered.
    pub(crate) fn opened(source: Arc<Source>, range: (u64, u64), body: ObjectBody) -> Self {
        Self {
            body: Some(body),
            ..Self::new(source, range)
        }
    }

    /// How many bytes are still to come.
    pub(crate) fn left(&self) -> u64 {
        self.end.saturating_sub(self.next)
    }

    /// Closes the connection; reading goes on with another one.
    pub(crate) fn close(&mut self) {
        self.body = None;
    }

    /// Reads into `buffer`, at least one byte; 0 only at the end, or if the buffer is empty.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        while self.left() > 0 && !buffer.is_empty() {
            let count = self.try_read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
        }
        Ok(0)
    }

    /// The same, but 0 if the connection broke and another one may be tried.
    fn try_read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        if self.body.is_none() {
            self.body = Some(self.source.get(self.next, self.end.saturating_sub(1))?);
        }
        let Some(body) = &mut self.body else {
            return Ok(0);
        };
        let error = match body.read(buffer) {
            Ok(count) if count > 0 => {
                self.next += count as u64;
                self.failures = 0;
                return Ok(count);
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
        let key = &self.source.key;
        debug!("{key:?} broke at byte {}: {error}", self.next);
        Ok(0)
    }

    /// All bytes have come: gives the connection back, which can serve another call only when the
    /// end of the body was read too, and has an empty one checked.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        let Some(body) = &mut self.body.take() else {
            return Ok(());
        };
        let read = body.read(&mut [0]);
        match read.as_ref().err().and_then(Error::of_io) {
            Some(Error::Protocol(error @ ProtocolError::BadCrc { .. })) => {
                Err(error.clone().into())
            }
            _ => Ok(()),
        }
    }
}
