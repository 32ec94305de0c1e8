//! What a driver's worker has to do, in the order in which the session asked for it.

use crate::driver::{Cancel, LoginRequest};
use crate::{Id, Operation, Transfer, TransferFailure, TransferReport};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// One request that has not been done yet.
#[derive(Debug)]
pub(super) enum Work {
    Login {
        id: Id,
        request: LoginRequest,
    },
    Perform {
        id: Id,
        operation: Operation,
        cancel: Cancel,
    },
    Open(Box<Transfer>),
    Run {
        id: Id,
    },
    Commit {
        id: Id,
    },
    Discard {
        id: Id,
        reason: TransferFailure,
    },
    /// The report of a transfer that was cancelled before it ran.
    Report {
        id: Id,
        report: TransferReport,
    },
}

impl Work {
    /// Whether this waits for the storage, and not for the network. An operation that nobody
    /// wants any more does not.
    pub(super) fn asks_storage(&self) -> bool {
        match self {
            Self::Run { .. } => false,
            Self::Perform { cancel, .. } => !cancel.is_cancelled(),
            _ => true,
        }
    }

    /// Cancels the operation of this id, if this is it.
    pub(super) fn cancel_operation(&self, wanted: Id) {
        if let Self::Perform { id, cancel, .. } = self
            && *id == wanted
        {
            cancel.cancel();
        }
    }

    /// The transfer that this is a part of.
    pub(super) fn transfer(&self) -> Option<Id> {
        match self {
            Self::Open(transfer) => Some(transfer.id),
            Self::Run { id } | Self::Commit { id } | Self::Discard { id, .. } => Some(*id),
            Self::Login { .. } | Self::Perform { .. } | Self::Report { .. } => None,
        }
    }
}

/// What belongs to transfers, by their ids. There are one or two at a time.
#[derive(Debug)]
pub(super) struct Slots<T>(Vec<(Id, T)>);

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Slots<T> {
    pub(super) fn insert(&mut self, id: Id, value: T) {
        self.remove(id);
        self.0.push((id, value));
    }

    pub(super) fn get(&self, id: Id) -> Option<&T> {
        let slot = self.0.iter().rev().find(|(known, _)| *known == id);
        slot.map(|(_, value)| value)
    }

    pub(super) fn contains(&self, id: Id) -> bool {
        self.get(id).is_some()
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<T> {
        let index = self.0.iter().position(|(known, _)| *known == id)?;
        Some(self.0.swap_remove(index).1)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
