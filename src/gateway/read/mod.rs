//! Reading a file: RETR.
//!
//! Decides which GETs give the bytes: one for a file of up to one window, whatever the offset, and
//! for more the ranges that `ahead` fetches side by side, or one after the other where memory or
//! threads are short. No damaged or changed file passes for a whole one: every GET after the first
//! carries If-Match, and what was read from the first byte to the last is compared with OSS's
//! CRC-64.

pub(super) mod ahead;
pub(super) mod hash;
pub(super) mod piece;
pub(super) mod stream;

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::debug;
use ossftp_core::driver::ObjectReader;
use ossftp_core::{ErrorKind, FtpPath, StorageError};
use ossftp_oss::crc64::{Crc64, combine};
use ossftp_oss::{Error, GetObject, ObjectBody, ObjectMeta, ProtocolError};

use self::ahead::{Ahead, Next};
use self::stream::{Source, Stream};
use crate::gateway::errors::{Action, is_missing, told};
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::process::budget::{Claim, WINDOW};
use crate::gateway::volume::no_file;

/// How many bytes of the reader's own request are lent at a time at most.
const CHUNK: usize = 64 << 10;
/// A reader that is on its own looks for memory and threads again after so many windows at most.
const MOST_WINDOWS: u64 = 16;

/// A file, or some of it, that is being read.
#[derive(Debug)]
pub(crate) struct OssReader {
    source: Arc<Source>,
    /// What the reader fetches by itself, on its own thread: the first window, and more where
    /// nothing is ahead.
    own: Stream,
    ahead: Option<Ahead>,
    /// The first byte after those that were lent.
    next: u64,
    /// The first byte that is not wanted.
    end: u64,
    /// The checksum so far and the one to reach, if all of the file is read and OSS states one.
    crc: Option<(Crc64, u64)>,
    /// How many bytes the reader fetches by itself the next time that nothing is ahead.
    own_size: u64,
    /// After so many bytes of its own it looks for memory and threads.
    look: u64,
    opened: Instant,
    /// How long an opened GET may wait for its first read.
    patience: Duration,
    was_read: bool,
    /// What is lent, `at` to before `filled`.
    chunk: Vec<u8>,
    at: usize,
    filled: usize,
    /// The memory for the chunk and the reader's own connection; a writer has its own.
    _claim: Option<Claim>,
}

impl OssReader {
    /// Opens the file at `path` from byte `offset` on.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if there is no memory for another transfer;
    /// [`ErrorKind::BadOffset`] beyond the end.
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
        let claim = mount.process.budget.admit()?;
        // A range also tells the size. On its own the reader takes all there is at once.
        let last = ahead::is_wanted(&mount.process)
            .then(|| offset.saturating_add(mount.config().read_size.max(1) - 1));
        let get = GetObject {
            range: (offset > 0 || last.is_some()).then_some((offset, last)),
            if_match: None,
        };
        // The reply waits for this one. The deadline ends with the headers of the answer.
        let first = calls.before(mount.reply_by());
        let (meta, body) = match first.bucket().get_object(&key, &get) {
            Ok(body) => (body.meta.clone(), Some(body)),
            Err(error) if error.is_range_unsatisfiable() => {
                (at_the_end(&first, &key, offset, failed)?, None)
            }
            Err(error) => return Err(failed(error)),
        };
        let range = (offset, meta.size.max(offset));
        let reader = Self::over(calls, key, meta, range, mount.config().reopen_after);
        Ok(reader.with(mount, claim, body))
    }

    /// Reads the bytes from `range.0` to before `range.1` of an object that HEAD has described.
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if there is no memory for another transfer.
    pub(crate) fn described(
        mount: &Mount,
        calls: Calls,
        key: String,
        meta: ObjectMeta,
        range: (u64, u64),
    ) -> Result<Self, StorageError> {
        let claim = mount.process.budget.admit()?;
        let reader = Self::over(calls, key, meta, range, mount.config().reopen_after);
        Ok(reader.with(mount, claim, None))
    }

    /// The same, within the memory of the caller, and with one GET at a time.
    pub(crate) fn over(
        calls: Calls,
        key: String,
        meta: ObjectMeta,
        range: (u64, u64),
        patience: Duration,
    ) -> Self {
        let (next, end) = range;
        let is_whole = next == 0 && end == meta.size;
        let source = Arc::new(Source {
            calls,
            key,
            etag: meta.etag,
        });
        Self {
            own: Stream::new(Arc::clone(&source), range),
            source,
            ahead: None,
            next,
            end,
            crc: meta
                .crc64
                .filter(|_| is_whole)
                .map(|stated| (Crc64::new(), stated)),
            own_size: 0,
            look: 0,
            opened: Instant::now(),
            patience,
            was_read: false,
            chunk: Vec::new(),
            at: 0,
            filled: 0,
            _claim: None,
        }
    }

    /// The same reader with what is beyond the first window fetched ahead, and the body of its
    /// first GET.
    fn with(mut self, mount: &Mount, claim: Claim, body: Option<ObjectBody>) -> Self {
        self._claim = Some(claim);
        self.own_size = mount.config().read_size.max(1);
        let window = self.next.saturating_add(self.own_size);
        if window < self.end {
            self.ahead = Ahead::new(&mount.process, &self.source, (window, self.end));
        }
        let end = if self.ahead.is_some() {
            window
        } else {
            self.end
        };
        let (source, range) = (Arc::clone(&self.source), (self.next, end));
        self.own = match body {
            Some(body) => Stream::opened(source, range, body),
            None => Stream::new(source, range),
        };
        self
    }

    /// Lends the next bytes; `false` if there are none yet, and the caller is to ask again.
    fn step(&mut self) -> Result<bool, Error> {
        if self.own.left() > 0 {
            return self.read_own();
        }
        let Some(ahead) = &mut self.ahead else {
            self.own = Stream::new(Arc::clone(&self.source), (self.next, self.end));
            return Ok(false);
        };
        match ahead.next(mem::take(&mut self.chunk)) {
            Next::NotYet => Ok(false),
            Next::Bytes(bytes, sum) => {
                self.next += bytes.len() as u64;
                self.filled = bytes.len();
                self.chunk = bytes;
                if let Some((crc, length)) = sum {
                    self.join(crc, length);
                }
                Ok(true)
            }
            Next::Ended(end) => {
                self.join(end.crc, end.length);
                match end.result {
                    Err(error) if error.is_throttled() => {
                        let key = &self.source.key;
                        debug!("{key:?} goes on with one request at a time: {error}");
                        self.ahead = None;
                        Ok(false)
                    }
                    result => result.map(|()| false),
                }
            }
            Next::Nothing => {
                let range = ahead.leave(self.own_size);
                self.own = Stream::new(Arc::clone(&self.source), range);
                let most = ahead.size().saturating_mul(MOST_WINDOWS);
                self.own_size = self.own_size.saturating_mul(2).min(most);
                Ok(false)
            }
        }
    }

    /// Reads from the request that runs on this thread.
    fn read_own(&mut self) -> Result<bool, Error> {
        if !self.was_read && self.opened.elapsed() > self.patience {
            // OSS would close it soon, or has done so: not worth a failure.
            self.own.close();
        }
        self.was_read = true;
        if self.look == 0
            && let Some(ahead) = &mut self.ahead
        {
            ahead.top_up(1);
            self.look = WINDOW;
        }
        self.chunk.resize(CHUNK, 0);
        let count = self.own.read(&mut self.chunk)?;
        let bytes = self.chunk.get(..count).unwrap_or_default();
        if let Some((crc, _)) = &mut self.crc {
            crc.update(bytes);
        }
        self.filled = count;
        self.next += count as u64;
        self.look = self.look.saturating_sub(count as u64);
        if self.own.left() == 0 {
            self.own.finish()?;
        }
        Ok(count > 0)
    }

    /// Adds the checksum of a piece that another thread has fetched.
    fn join(&mut self, piece: u64, length: u64) {
        if let Some((crc, _)) = &mut self.crc {
            *crc = Crc64::resume(combine(crc.finish(), piece, length));
        }
    }

    /// All bytes have come: are they the file's?
    fn finish(&mut self) -> Result<(), Error> {
        self.own.finish()?;
        // Kept: whoever asks again is not to find an end of the file.
        if let Some((crc, stated)) = &self.crc {
            let (computed, stated) = (crc.finish(), *stated);
            if computed != stated {
                return Err(ProtocolError::BadCrc { computed, stated }.into());
            }
        }
        Ok(())
    }

    fn fill_chunk(&mut self) -> Result<(), StorageError> {
        let failed = |error| told(&error, Action::Read);
        while self.next < self.end {
            self.source.calls.check()?;
            if self.step().map_err(failed)? {
                // Before the last bytes are lent: what is damaged must not seem whole.
                if self.next >= self.end {
                    self.finish().map_err(failed)?;
                }
                return Ok(());
            }
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
            if let Err(error) = self.fill_chunk() {
                // What came with it is not lent.
                self.filled = 0;
                return Err(error);
            }
        }
        Ok(self.chunk.get(self.at..self.filled).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.filled);
    }
}

/// OSS has no byte at `offset`: what is known of a file that ends there.
fn at_the_end(
    calls: &Calls,
    key: &str,
    offset: u64,
    failed: impl Fn(Error) -> StorageError,
) -> Result<ObjectMeta, StorageError> {
    if offset == 0 {
        return Ok(ObjectMeta::default());
    }
    let meta = calls.bucket().head_object(key).map_err(failed)?;
    if offset > meta.size {
        return Err(beyond_the_end(meta.size));
    }
    if offset < meta.size {
        return Err(StorageError::new(
            ErrorKind::Busy,
            "Someone else changed the file meanwhile: try again.",
        ));
    }
    Ok(meta)
}

/// The offset of a REST is greater than the file's size.
pub(crate) fn beyond_the_end(size: u64) -> StorageError {
    StorageError::new(
        ErrorKind::BadOffset,
        format!("The offset is beyond the end of the file, at {size}."),
    )
}
