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
/// The volume's own; [`ErrorKind::BadOffset`] where the range ends beyond the end of the file;
/// [`ErrorKind::Cancelled`] between two chunks.
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
        if cancel.is_cancelled() {
            return Err(StorageError::new(ErrorKind::Cancelled, "Cancelled."));
        }
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

#[cfg(all(test, feature = "sim"))]
mod tests {
    use super::*;
    use crate::Secret;
    use crate::digest::hex;
    use crate::driver::{Lister, LoginRequest, ObjectWriter, Storage};
    use crate::sim::MemoryStore;
    use crate::{Operation, StoreMode};
    use alloc::string::String;
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    fn volume() -> Arc<dyn Volume> {
        let store = MemoryStore::new()
            .with_user("u", "p", true)
            .with_chunk_size(2)
            .with_file("/f", "123456789");
        let peer = "192.0.2.7".parse().unwrap();
        let request = LoginRequest::new("u", Secret::new("p"), peer);
        store.login(&request, &Cancel::new()).unwrap().0
    }

    fn file() -> FtpPath {
        FtpPath::root().join(b"f").unwrap()
    }

    #[test]
    fn a_part_ends_where_it_should() {
        let read = |offset: u64, length: u64| {
            let reader = volume().open_read(&file(), offset, &Cancel::new()).unwrap();
            let mut part = Part::new(reader, length);
            let (remaining, mut all) = (part.remaining(), Vec::new());
            loop {
                let chunk = part.fill().unwrap().to_vec();
                assert_eq!(part.fill().unwrap(), chunk);
                if chunk.is_empty() {
                    break;
                }
                part.consume(chunk.len());
                all.extend(chunk);
            }
            (String::from_utf8(all).unwrap(), remaining)
        };
        assert_eq!(read(1, 3), ("234".into(), Some(3)));
        assert_eq!(read(0, 9), ("123456789".into(), Some(9)));
        assert_eq!(read(7, 9), ("89".into(), Some(2)));
        assert_eq!(read(9, 1), (String::new(), Some(0)));
        assert_eq!(read(3, 0), (String::new(), Some(0)));
    }

    #[test]
    fn hashes_of_parts() {
        let crc = |range| {
            let crc32 = HashAlgorithm::Crc32;
            match hash_file(volume().as_ref(), &file(), crc32, range, &Cancel::new()) {
                Ok(Answer::Hash { digest, bytes }) => Ok((hex(&digest), bytes)),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.kind),
            }
        };
        assert_eq!(crc(None), Ok(("cbf43926".into(), 9)));
        assert_eq!(crc(Some((0, 9))), Ok(("cbf43926".into(), 9)));
        assert_eq!(crc(Some((4, 4))), Ok(("00000000".into(), 0)));
        // `2`, alone.
        assert_eq!(crc(Some((1, 2))), Ok(("1ad5be0d".into(), 1)));
        assert_eq!(crc(Some((8, 10))), Err(ErrorKind::BadOffset));
        assert_eq!(crc(Some((10, 10))), Err(ErrorKind::BadOffset));
        let cancelled = Cancel::new();
        cancelled.cancel();
        let algorithm = HashAlgorithm::Sha256;
        let result = hash_file(volume().as_ref(), &file(), algorithm, None, &cancelled);
        assert_eq!(result.unwrap_err().kind, ErrorKind::Cancelled);
    }
    /// A file without an end, of whose hash nobody wants to know any more.
    struct Endless(Cancel);

    impl ObjectReader for Endless {
        fn remaining(&self) -> Option<u64> {
            None
        }
        fn fill(&mut self) -> Result<&[u8], StorageError> {
            self.0.cancel();
            Ok(b"x")
        }
        fn consume(&mut self, _: usize) {}
    }

    impl Volume for Endless {
        fn perform(&self, _: &Operation, _: &Cancel) -> Result<Answer, StorageError> {
            Err(StorageError::new(ErrorKind::Unsupported, ""))
        }
        fn open_read(
            &self,
            _: &FtpPath,
            _: u64,
            cancel: &Cancel,
        ) -> Result<Box<dyn ObjectReader>, StorageError> {
            Ok(Box::new(Self(cancel.clone())))
        }
        fn open_write(
            &self,
            _: &FtpPath,
            _: StoreMode,
            _: Option<u64>,
            _: &Cancel,
        ) -> Result<Box<dyn ObjectWriter>, StorageError> {
            Err(StorageError::new(ErrorKind::Unsupported, ""))
        }
        fn open_list(
            &self,
            _: &FtpPath,
            _: bool,
            _: &Cancel,
        ) -> Result<Box<dyn Lister>, StorageError> {
            Err(StorageError::new(ErrorKind::Unsupported, ""))
        }
    }

    #[test]
    fn a_hash_is_given_up_between_two_chunks() {
        let cancel = Cancel::new();
        let volume = Endless(cancel.clone());
        let result = hash_file(&volume, &file(), HashAlgorithm::Crc32, None, &cancel);
        assert_eq!(result.unwrap_err().kind, ErrorKind::Cancelled);
    }
}
