//! What a driver's worker has to do, in the order in which the session asked for it.

use crate::driver::Cancel;
use crate::{Id, Operation, Secret, Transfer, TransferFailure, TransferReport};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// One request that has not been done yet.
#[derive(Debug)]
pub(super) enum Work {
    Login {
        id: Id,
        user: Vec<u8>,
        password: Secret,
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
