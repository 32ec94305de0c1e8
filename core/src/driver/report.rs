//! What a session asks of threads that may wait, and what comes of it.
//!
//! A [`Task`] is something that blocks; the runtime chooses the thread. It leads to exactly one
//! [`Report`], also when the storage panics or no thread can be had. What is asked, and who
//! still waits for it, is the matter of [`Requests`](super::Requests).

use super::{Cancel, LoginRequest, Storage, TransferHandle, Volume};
use crate::{ErrorKind, Id, Input, Operation, StorageError, Transfer, TransferFailure};
use alloc::boxed::Box;
use alloc::sync::Arc;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Something that blocks: a login, an operation, the opening or the end of a transfer.
pub struct Task(pub(super) Kind);

pub(super) enum Kind {
    Login(Id, Arc<dyn Storage>, LoginRequest, Cancel),
    Perform(Id, Option<Arc<dyn Volume>>, Operation, Cancel),
    Open(TransferHandle, Option<Arc<dyn Volume>>, Box<Transfer>),
    /// Commit, or discard for a reason.
    End(TransferHandle, Option<TransferFailure>),
}

/// What came of a [`Task`] or of [`TransferHandle::pump`].
pub struct Report {
    pub(super) input: Input<'static>,
    /// What a login has brought.
    pub(super) volume: Option<Arc<dyn Volume>>,
}

impl Task {
    /// Drops the upload of `transfer`, if there is one; the report gives `reason`.
    #[must_use]
    pub const fn discard(transfer: TransferHandle, reason: TransferFailure) -> Self {
        Self(Kind::End(transfer, Some(reason)))
    }

    /// As [`Task::discard`], for want of a thread.
    #[must_use]
    pub fn refuse(transfer: TransferHandle) -> Self {
        Self::discard(transfer, busy().into())
    }

    /// Whether it is the end of a transfer. That is never refused for want of room: what was
    /// taken on earlier bounds it.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        matches!(self.0, Kind::End(..))
    }

    /// Does it (blocks).
    #[must_use]
    pub fn perform(self) -> Report {
        match self.0 {
            Kind::Login(id, storage, request, cancel) => {
                let login = guarded(&cancel, || storage.login(&request, &cancel));
                let (volume, result) = match login {
                    Ok((volume, info)) => (Some(volume), Ok(info)),
                    Err(error) => (None, Err(error)),
                };
                let input = Input::Login { id, result };
                Report { input, volume }
            }
            Kind::Perform(id, volume, operation, cancel) => {
                let result = guarded(&cancel, || {
                    let volume = volume.ok_or_else(not_logged_in)?;
                    volume.perform(&operation, &cancel)
                });
                Report::from(Input::Performed { id, result })
            }
            Kind::Open(transfer, volume, what) => transfer.open(volume, *what),
            Kind::End(transfer, reason) => transfer.end(reason),
        }
    }

    /// The report for when no thread can be had for it.
    #[must_use]
    pub fn refusal(&self) -> Report {
        match &self.0 {
            Kind::Login(id, ..) => Report::from(Input::Login {
                id: *id,
                result: Err(busy()),
            }),
            Kind::Perform(id, ..) => Report::from(Input::Performed {
                id: *id,
                result: Err(busy()),
            }),
            Kind::Open(transfer, ..) => Report::from(Input::TransferReady {
                id: transfer.id(),
                result: Err(busy()),
            }),
            Kind::End(transfer, reason) => {
                transfer.done(Err(reason.clone().unwrap_or_else(|| busy().into())))
            }
        }
    }
}

impl Report {
    /// Whether an upload's data connection has ended. Before this is handed in, the session has
    /// to know what the control connection has received so far.
    #[must_use]
    pub const fn is_eof(&self) -> bool {
        matches!(self.input, Input::TransferEof { .. })
    }
}

impl From<Input<'static>> for Report {
    fn from(input: Input<'static>) -> Self {
        let volume = None;
        Self { input, volume }
    }
}

/// Asks the storage, if anybody still waits for it. A panic is an answer too.
pub(super) fn guarded<T, E: From<StorageError>>(
    cancel: &Cancel,
    ask: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    if cancel.is_cancelled() {
        return Err(StorageError::new(ErrorKind::Cancelled, "Cancelled.").into());
    }
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|_| {
        log::error!("the storage panicked");
        let kind = ErrorKind::Unavailable;
        Err(StorageError::new(kind, "The storage failed inside.").into())
    })
}

pub(super) fn not_logged_in() -> StorageError {
    StorageError::new(ErrorKind::Denied, "Log in first.")
}

fn busy() -> StorageError {
    StorageError::new(ErrorKind::Busy, "The server is busy, try again later.")
}
