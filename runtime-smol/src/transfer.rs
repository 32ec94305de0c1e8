//! A transfer between its opening and its end: who holds the job, and what runs on the pool.
//!
//! Its rules stand in the core: the pump in [`Job`], the order of steps in the session. Here is
//! decided on which thread each step runs, and that no upload is forgotten: whoever drops a
//! [`Held`] has it discarded on the pool.

use crate::data::DataSocket;
use crate::pool::Pool;
use crate::session::Message;
use ossftp_core::driver::{Cancel, Job, Progress, Volume};
use ossftp_core::{
    Direction, ErrorKind, Id, StorageError, Transfer, TransferFailure, TransferReport,
};
use smol::Task;
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

/// The transfer that a session waits for.
pub(crate) struct Running {
    pub(crate) id: Id,
    pub(crate) cancel: Cancel,
    pub(crate) progress: Progress,
    pub(crate) phase: Phase,
}

/// Where the job of a transfer is.
pub(crate) enum Phase {
    /// With the storage, being opened.
    Opening,
    /// Here: opened, or an upload at its end that waits for the verdict.
    Held(Held),
    /// Here, and a task makes the data connection.
    Connecting(Held, Task<()>),
    /// With the pump. The socket is the pump's; this can only shut it down.
    Pumping(Weak<TcpStream>),
    /// Being committed or discarded.
    Ending,
}

impl Running {
    pub(crate) fn new(id: Id) -> Self {
        Self {
            id,
            cancel: Cancel::new(),
            progress: Progress::default(),
            phase: Phase::Opening,
        }
    }

    /// Gives it up. The job, if it is here, comes back; else whoever has it will end it soon.
    pub(crate) fn abandon(self) -> Option<Held> {
        self.cancel.cancel();
        match self.phase {
            Phase::Held(held) => return Some(held),
            Phase::Connecting(held, attempt) => {
                drop(attempt);
                return Some(held);
            }
            Phase::Pumping(socket) => {
                if let Some(socket) = socket.upgrade() {
                    // One that is closed already needs no shutdown.
                    let _ = socket.shutdown(Shutdown::Both);
                }
            }
            Phase::Opening | Phase::Ending => {}
        }
        None
    }
}

/// A job that is never forgotten: dropped, it is discarded on the pool.
pub(crate) struct Held {
    id: Id,
    job: Option<Job>,
    pool: Arc<Pool>,
}

impl Held {
    /// Opens `transfer` (blocks); its end will run on `pool`.
    pub(crate) fn open(
        volume: &dyn Volume,
        transfer: Transfer,
        cancel: Cancel,
        pool: Arc<Pool>,
    ) -> Result<(Self, Option<u64>), StorageError> {
        let id = transfer.id;
        let (job, size) = guarded(|| Job::open(volume, transfer, cancel))?;
        let job = Some(job);
        Ok((Self { id, job, pool }, size))
    }

    pub(crate) const fn job(&self) -> Option<&Job> {
        self.job.as_ref()
    }

    /// Moves the bytes (blocks). The data connection is closed when this returns.
    pub(crate) fn pump(mut self, socket: Arc<TcpStream>) -> Message {
        let (id, mut data) = (self.id, DataSocket::new(socket));
        let Some(job) = self.job.as_mut() else {
            return ended(id, 0, Err(TransferFailure::Cancelled));
        };
        let mut result = guarded(|| job.pump(&mut data));
        if job.cancel().is_cancelled() {
            // The shutdown that cancels looks like the end of an upload.
            result = Err(TransferFailure::Cancelled);
        }
        drop(data);
        let upload = job.transfer().direction() == Direction::Upload;
        match result {
            Ok(()) if upload => Message::Pumped {
                id,
                bytes: job.progress().bytes(),
                waited: job.waited(),
                held: self,
            },
            Ok(()) => ended(id, job.progress().bytes(), Ok(())),
            Err(reason) => self.end(Some(reason)),
        }
    }

    /// Commits, or discards for `reason` (blocks).
    pub(crate) fn end(mut self, reason: Option<TransferFailure>) -> Message {
        let Some(job) = self.job.take() else {
            return ended(self.id, 0, Err(TransferFailure::Cancelled));
        };
        let bytes = job.progress().bytes();
        let done = guarded(|| {
            Ok::<_, StorageError>(match reason {
                None => job.commit(),
                Some(reason) => job.discard(reason),
            })
        });
        let report = done.unwrap_or_else(|e| TransferReport::new(bytes, Err(e.into())));
        Message::Ended {
            id: self.id,
            report,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            self.pool.submit_urgent(Box::new(|| drop(job)));
        }
    }
}

/// The end of a transfer that has nothing left to commit or discard.
pub(crate) fn ended(id: Id, bytes: u64, outcome: Result<(), TransferFailure>) -> Message {
    let report = TransferReport::new(bytes, outcome);
    Message::Ended { id, report }
}

/// Asks the storage; if it panics, that is an answer too.
pub(crate) fn guarded<T, E: From<StorageError>>(
    ask: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|_| {
        log::error!("the storage panicked");
        let kind = ErrorKind::Unavailable;
        Err(StorageError::new(kind, "The storage failed inside.").into())
    })
}
