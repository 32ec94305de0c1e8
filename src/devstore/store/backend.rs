//! The index file without `fsync`.
//!
//! redb asks its backend to sync on every commit. What it wrote is in the kernel's page cache by then, which a killed
//! process does not take with it; only a power cut does. A development store wants ten thousand puts a second more than
//! it wants to survive that, so syncs are dropped and nothing else is changed: order of writes and locking stay redb's.

use std::fs::File;
use std::io;

use redb::backends::FileBackend;
use redb::{DatabaseError, StorageBackend};

/// redb's own file backend, with `sync_data` left out.
#[derive(Debug)]
pub(super) struct Unsynced(FileBackend);

impl Unsynced {
    /// Takes the file and locks it: a second process gets [`DatabaseError::DatabaseAlreadyOpen`].
    pub(super) fn new(file: File) -> Result<Self, DatabaseError> {
        FileBackend::new(file).map(Self)
    }
}

impl StorageBackend for Unsynced {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.0.read(offset, len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self, _eventual: bool) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}
