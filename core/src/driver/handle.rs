//! A transfer between its opening and its end, reached from several threads.
//!
//! Here is decided that no upload is forgotten: whoever is at the job when the transfer is given
//! up discards it, and if nobody is, [`TransferHandle::end`] does. On which threads that happens
//! is the runtime's matter, what a step does is the [`Job`]'s, and when it is due the session's.

use super::report::{Report, guarded, not_logged_in};
use super::{Cancel, DataStream, Job, Progress, Volume};
use crate::{Direction, Id, Input, StorageError, Transfer, TransferFailure, TransferReport};
use alloc::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One transfer that a session waits for. Clones are the same transfer.
#[derive(Clone)]
pub struct TransferHandle {
    id: Id,
    shared: Arc<Shared>,
}

struct Shared {
    cancel: Cancel,
    progress: Progress,
    /// At home between the steps.
    job: Mutex<Option<Job>>,
}

impl TransferHandle {
    /// A transfer that is not open.
    pub(super) fn new(id: Id) -> Self {
        let shared = Arc::new(Shared {
            cancel: Cancel::new(),
            progress: Progress::default(),
            job: Mutex::default(),
        });
        Self { id, shared }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }

    /// The flag that gives it up. A runtime hangs onto it what wakes a thread that waits for the
    /// data connection or for bytes.
    #[must_use]
    pub fn cancel(&self) -> &Cancel {
        &self.shared.cancel
    }

    /// Bytes on the data connection so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.progress.bytes()
    }

    /// Whether anything still holds on to it besides this handle: a step that has not come back,
    /// or one that is still to come.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        Arc::strong_count(&self.shared) > 1
    }

    /// Opens it (blocks).
    pub(super) fn open(&self, volume: Option<Arc<dyn Volume>>, transfer: Transfer) -> Report {
        let id = self.id;
        let opened = guarded(self.cancel(), || {
            let volume = volume.ok_or_else(not_logged_in)?;
            Job::open(volume.as_ref(), transfer, self.cancel().clone())
        });
        let result = opened.map(|(job, size)| {
            self.put(job.counting(self.shared.progress.clone()));
            size
        });
        Report::from(Input::TransferReady { id, result })
    }

    /// Moves the bytes over an open data connection (blocks). It is closed when this returns.
    #[must_use]
    pub fn pump(&self, mut data: impl DataStream) -> Report {
        let Some(mut job) = self.take() else {
            return self.done(Err(TransferFailure::Cancelled));
        };
        let mut result = guarded(self.cancel(), || job.pump(&mut data));
        if self.cancel().is_cancelled() {
            // The shutdown that cancels looks like the end of an upload.
            result = Err(TransferFailure::Cancelled);
        }
        drop(data);
        let (id, bytes) = (self.id, self.bytes());
        match result {
            Ok(()) if job.transfer().direction() == Direction::Upload => {
                let (stored, waited) = (job.stored(), job.waited());
                self.put(job);
                Report::from(Input::TransferEof {
                    id,
                    bytes,
                    stored,
                    waited,
                })
            }
            Ok(()) => self.over(job.finish(Ok(()))),
            Err(reason) => self.finish(job, Some(reason)),
        }
    }

    /// Commits it, or discards it for `reason` (blocks). Without effect while another thread is
    /// at it.
    #[must_use]
    pub fn end(&self, reason: Option<TransferFailure>) -> Report {
        match self.take() {
            Some(job) => self.finish(job, reason),
            None => self.done(Err(reason.unwrap_or(TransferFailure::Cancelled))),
        }
    }

    fn finish(&self, job: Job, reason: Option<TransferFailure>) -> Report {
        let report = guarded(&Cancel::new(), || {
            Ok::<_, StorageError>(match reason {
                None => job.commit(),
                Some(reason) => job.discard(reason),
            })
        });
        match report {
            Ok(report) => self.over(report),
            Err(error) => self.done(Err(error.into())),
        }
    }

    pub(super) fn done(&self, outcome: Result<(), TransferFailure>) -> Report {
        self.over(TransferReport::new(0, outcome))
    }

    /// The bytes are counted here, also where the job is gone.
    fn over(&self, mut report: TransferReport) -> Report {
        report.bytes = self.bytes();
        Report::from(Input::TransferDone {
            id: self.id,
            report,
        })
    }

    /// Lays the job down; if the transfer was given up meanwhile, discards it.
    fn put(&self, job: Job) {
        *self.home() = Some(job);
        if self.cancel().is_cancelled() {
            let _ = self.end(Some(TransferFailure::Cancelled));
        }
    }

    fn take(&self) -> Option<Job> {
        self.home().take()
    }

    fn home(&self) -> MutexGuard<'_, Option<Job>> {
        self.shared
            .job
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
