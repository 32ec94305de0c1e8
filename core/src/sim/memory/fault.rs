//! Failures on request, so that tests can have a storage error in the middle of things.

use super::failure;
use crate::{ErrorKind, StorageError};
use alloc::vec::Vec;

/// Where a [`MemoryStore`](super::MemoryStore) shall fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The next login.
    Login,
    /// The next operation ([`Volume::perform`](crate::driver::Volume::perform)).
    Perform,
    /// The next opening of a transfer, of any kind.
    Open,
    /// Chunk `n`, counted from 0, of the next transfer that is opened: the `n`-th call that
    /// gives bytes or a page, or takes bytes.
    Chunk(usize),
    /// The next commit of an upload. Nothing becomes visible.
    Commit,
}

/// The failures that were asked for and have not come yet.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Fault, ErrorKind)>);

impl Faults {
    pub(super) fn push(&mut self, at: Fault, kind: ErrorKind) {
        self.0.push((at, kind));
    }

    /// The failure that was asked for here, once.
    pub(super) fn check(&mut self, here: Fault) -> Result<(), StorageError> {
        match self.0.iter().position(|(at, _)| *at == here) {
            Some(index) => Err(failure(self.0.remove(index).1)),
            None => Ok(()),
        }
    }

    /// The oldest [`Fault::Chunk`], for the transfer that is being opened.
    pub(super) fn take_chunk(&mut self) -> ChunkFault {
        let index = self
            .0
            .iter()
            .position(|(at, _)| matches!(at, Fault::Chunk(_)));
        match index.map(|index| self.0.remove(index)) {
            Some((Fault::Chunk(after), kind)) => ChunkFault(Some((after, kind))),
            _ => ChunkFault(None),
        }
    }
}

/// The failure that one transfer carries: after so many more chunks, and of which kind.
#[derive(Debug)]
pub(super) struct ChunkFault(Option<(usize, ErrorKind)>);

impl ChunkFault {
    /// Counts one chunk.
    pub(super) fn check(&mut self) -> Result<(), StorageError> {
        match &mut self.0 {
            Some((0, kind)) => Err(failure(*kind)),
            Some((after, _)) => {
                *after -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}
