//! What a driver's worker has to do, in the order in which the session asked for it.

use crate::driver::LoginRequest;
use crate::{Id, Operation, Transfer, TransferFailure, TransferReport};
use alloc::boxed::Box;

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
    /// Whether this waits for the storage, and not for the network.
    pub(super) fn asks_storage(&self) -> bool {
        !matches!(self, Self::Run { .. })
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
