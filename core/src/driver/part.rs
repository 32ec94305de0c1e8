//! A part of a file: what RANG cuts out, and the hash of it.

use super::Cancel;
use super::storage::{ObjectReader, Volume};
use crate::digest::{Digest, HashAlgorithm};
use crate::{Answer, ErrorKind, FtpPath, StorageError};
use alloc::boxed::Box;

/// At most so many bytes of a reader.
pub(super) struct Part {
    reader: Box<dyn ObjectReader>,
    left: u64,
}

impl Part {
    pub(super) fn new(reader: Box<dyn ObjectReader>, length: u64) -> Self {
        Self {
            reader,
            left: length,
        }
    }
}

impl ObjectReader for Part {
    fn remaining(&self) -> Option<u64> {
        self.reader.remaining().map(|bytes| bytes.min(self.left))
    }

    fn fill(&mut self) -> Result<&[u8], StorageError> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let bytes = self.reader.fill()?;
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        Ok(bytes.get(..left).unwrap_or(bytes))
    }

    fn consume(&mut self, count: usize) {
        let bytes = u64::try_from(count).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(bytes);
        self.reader.consume(count);
    }
}

/// Answers [`Operation::Hash`](crate::Operation::Hash) by reading the file once, for storages that
/// know no better way. `range` is from which byte, inclusive, to which, exclusive.
///
/// # Errors
/// The volume's own; [`ErrorKind::BadOffset`] where the range ends beyond the end of the file.
pub fn hash_file(
    volume: &dyn Volume,
    path: &FtpPath,
    algorithm: HashAlgorithm,
    range: Option<(u64, u64)>,
    cancel: &Cancel,
) -> Result<Answer, StorageError> {
    let (from, to) = range.unwrap_or((0, u64::MAX));
    let length = to.saturating_sub(from);
    let mut reader = Part::new(volume.open_read(path, from, cancel)?, length);
    let (mut digest, mut bytes) = (Digest::new(algorithm), 0_u64);
    loop {
        let chunk = reader.fill()?;
        let count = chunk.len();
        if count == 0 {
            break;
        }
        digest.update(chunk);
        bytes = bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        reader.consume(count);
    }
    if range.is_some() && bytes < length {
        let text = "The range ends beyond the end of the file.";
        return Err(StorageError::new(ErrorKind::BadOffset, text));
    }
    Ok(Answer::Hash {
        digest: digest.finish(),
        bytes,
    })
}
