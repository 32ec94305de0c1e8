//! Files and directories of the store while they are read, written and listed.

use super::fault::{ChunkFault, Fault};
use super::{Shared, failure};
use crate::driver::{Cancel, Lister, ObjectReader, ObjectWriter};
use crate::{Entry, ErrorKind, FtpPath, StorageError};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Small chunks double when there were so many of that length, until they have [`FULL_CHUNK`]
/// bytes: a file has some dozens of them, however long it is, and no thousands.
const CHUNKS: usize = 16;
const FULL_CHUNK: usize = 4096;

/// How long the chunk after the first `done` bytes is.
fn grown(chunk: usize, done: usize) -> usize {
    if chunk < FULL_CHUNK && done / CHUNKS >= chunk {
        return chunk * 2;
    }
    chunk
}

/// A file as it was when it was opened.
pub(super) struct Reader {
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) at: usize,
    pub(super) chunk: usize,
    pub(super) fault: ChunkFault,
    pub(super) cancel: Cancel,
    /// Whether the bytes at `at` have been given, so that giving them again counts no chunk.
    pub(super) given: bool,
}

impl ObjectReader for Reader {
    fn remaining(&self) -> Option<u64> {
        u64::try_from(self.bytes.len().saturating_sub(self.at)).ok()
    }

    fn fill(&mut self) -> Result<&[u8], StorageError> {
        check(&self.cancel)?;
        if !self.given {
            self.fault.check()?;
            self.given = true;
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.chunk = grown(self.chunk, self.at);
        Ok(rest.get(..self.chunk).unwrap_or(rest))
    }

    fn consume(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.bytes.len());
        self.given = false;
    }
}

/// An upload that nobody else can see yet.
pub(super) struct Writer {
    shared: Arc<Shared>,
    key: Vec<u8>,
    path: FtpPath,
    bytes: Vec<u8>,
    buffer: Vec<u8>,
    /// Nothing may stand there when it is committed.
    new: bool,
    fault: ChunkFault,
    cancel: Cancel,
}

impl Writer {
    /// An upload that begins with `kept`. The caller has checked name and rights.
    pub(super) fn new(
        shared: &Arc<Shared>,
        path: &FtpPath,
        kept: Vec<u8>,
        new: bool,
        fault: ChunkFault,
        cancel: &Cancel,
    ) -> Self {
        Self {
            key: path.relative().to_vec(),
            path: path.clone(),
            bytes: kept,
            new,
            buffer: alloc::vec![0; shared.chunk],
            fault,
            cancel: cancel.clone(),
            shared: Arc::clone(shared),
        }
    }
}

impl ObjectWriter for Writer {
    fn space(&mut self) -> Result<&mut [u8], StorageError> {
        check(&self.cancel)?;
        let chunk = grown(self.buffer.len(), self.bytes.len());
        if chunk > self.buffer.len() {
            self.buffer.resize(chunk, 0);
        }
        Ok(&mut self.buffer)
    }

    fn filled(&mut self, count: usize) -> Result<(), StorageError> {
        check(&self.cancel)?;
        self.fault.check()?;
        let new = self.buffer.get(..count).unwrap_or(&self.buffer);
        if self.bytes.len() + new.len() > self.shared.capacity {
            return Err(failure(ErrorKind::NoSpace));
        }
        self.bytes.extend_from_slice(new);
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<(), StorageError> {
        let mut state = self.shared.state();
        state.faults.check(Fault::Commit)?;
        if state.tree.is_directory(&self.path) {
            return Err(failure(ErrorKind::IsADirectory));
        }
        let old = state.tree.file(&self.path);
        if self.new && old.is_some() {
            return Err(failure(ErrorKind::Exists));
        }
        let freed = old.map_or(0, |o| self.key.len() + o.bytes.len());
        let needed = self.key.len() + self.bytes.len();
        if state.tree.used() - freed + needed > self.shared.capacity {
            return Err(failure(ErrorKind::NoSpace));
        }
        let (key, bytes, now) = (
            core::mem::take(&mut self.key),
            core::mem::take(&mut self.bytes),
            state.unix,
        );
        state.tree_mut().insert(key, Arc::new(bytes), now);
        drop(state);
        Ok(())
    }

    fn discard(self: Box<Self>) {}
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.open_uploads = state.open_uploads.saturating_sub(1);
    }
}

/// A directory, or the one file that was named.
pub(super) struct Pages {
    pub(super) shared: Arc<Shared>,
    pub(super) directory: Vec<u8>,
    /// The page that was fetched when the listing was opened.
    pub(super) ready: Option<Vec<Entry>>,
    /// The key that the next page begins with, if there is one.
    pub(super) next: Option<Vec<u8>>,
    pub(super) fault: ChunkFault,
    pub(super) cancel: Cancel,
}

impl Lister for Pages {
    fn next_page(&mut self) -> Result<Option<Vec<Entry>>, StorageError> {
        check(&self.cancel)?;
        self.fault.check()?;
        if let Some(first) = self.ready.take() {
            return Ok(Some(first));
        }
        let Some(from) = self.next.take() else {
            return Ok(None);
        };
        let state = self.shared.state();
        let (entries, next) = state.tree.page(&self.directory, from, self.shared.page);
        self.next = next;
        Ok(Some(entries))
    }
}

pub(super) fn check(cancel: &Cancel) -> Result<(), StorageError> {
    if cancel.is_cancelled() {
        return Err(failure(ErrorKind::Cancelled));
    }
    Ok(())
}
