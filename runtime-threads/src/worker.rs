//! A worker: the one thread of a session that waits for the storage and for data connections.
//!
//! It does the tasks it is given, one after the other, and reports each. An opened transfer
//! never leaves its worker, so an upload is discarded here, on a stack that is large enough,
//! also when the session is long gone. What is to be done is the session's matter, and when a
//! worker is given up is the crew's (`crew.rs`).

use crate::data::{Abort, Data, Route};
use crate::inbox::Message;
use crate::server::Slot;
use ossftp_core::driver::{Cancel, Job, LoginRequest, Progress, Storage, Volume};
use ossftp_core::{
    Answer, DataError, Direction, ErrorKind, Id, LoginInfo, Operation, StorageError, Transfer,
    TransferFailure, TransferReport,
};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Enough for a TLS handshake and a request inside a storage.
const STACK: usize = crate::stack(256);

/// Something to do.
pub(crate) enum Task {
    Login {
        id: Id,
        request: LoginRequest,
        cancel: Cancel,
    },
    Perform {
        id: Id,
        volume: Arc<dyn Volume>,
        operation: Operation,
        cancel: Cancel,
    },
    Open {
        volume: Arc<dyn Volume>,
        transfer: Box<Transfer>,
        abort: Arc<Abort>,
    },
    Run {
        id: Id,
        route: Route,
    },
    Commit {
        id: Id,
    },
    Discard {
        id: Id,
        reason: TransferFailure,
    },
    /// Nothing: it is held until the worker gets to it, and says that it has come back.
    Leave(Stray),
}

/// What came of it.
pub(crate) enum Report {
    Login {
        id: Id,
        result: Result<(Arc<dyn Volume>, LoginInfo), StorageError>,
    },
    Performed {
        id: Id,
        result: Result<Answer, StorageError>,
    },
    Ready {
        id: Id,
        result: Result<(Option<u64>, Progress), StorageError>,
    },
    Connected {
        id: Id,
    },
    Eof {
        id: Id,
        bytes: u64,
    },
    Done {
        id: Id,
        report: TransferReport,
    },
    /// The storage panicked; the session cannot go on.
    Panicked,
}

impl Task {
    /// The answer when no thread can be had for it.
    pub(crate) fn refuse(self) -> Option<Report> {
        let busy = || StorageError::new(ErrorKind::Busy, "The server is busy, try again later.");
        match self {
            Self::Login { id, .. } => Some(Report::Login {
                id,
                result: Err(busy()),
            }),
            Self::Perform { id, .. } => Some(Report::Performed {
                id,
                result: Err(busy()),
            }),
            Self::Open { transfer, .. } => Some(Report::Ready {
                id: transfer.id,
                result: Err(busy()),
            }),
            Self::Run { id, .. } | Self::Commit { id } => {
                Some(done(id, 0, TransferFailure::Storage(busy())))
            }
            Self::Discard { id, reason } => Some(done(id, 0, reason)),
            Self::Leave(_) => None,
        }
    }
}

/// Counts one worker that its session has given up, for as long as it has not come back.
#[derive(Debug)]
pub(crate) struct Stray(Vec<Arc<AtomicUsize>>);

impl Stray {
    /// Counts in each of `counts` that is below its limit in all; `None` when one is full.
    pub(crate) fn count(counts: &[(&Arc<AtomicUsize>, usize)]) -> Option<Self> {
        let mut held = Self(Vec::with_capacity(counts.len()));
        for (count, limit) in counts {
            let below = |n: usize| (n < *limit).then_some(n + 1);
            count
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, below)
                .ok()?;
            held.0.push(Arc::clone(count));
        }
        Some(held)
    }
}

impl Drop for Stray {
    fn drop(&mut self) {
        for count in &self.0 {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The thread's own side.
struct Worker {
    number: u32,
    storage: Arc<dyn Storage>,
    inbox: Sender<Message>,
    opened: Option<(Job, Arc<Abort>)>,
    /// Keeps the session's place in the server until the last upload is discarded.
    _slot: Arc<Slot>,
}

/// Starts a worker. It ends when the returned sender is dropped and all tasks are done.
///
/// # Errors
/// No thread could be had.
pub(crate) fn start(
    number: u32,
    storage: Arc<dyn Storage>,
    inbox: Sender<Message>,
    slot: Arc<Slot>,
) -> io::Result<Sender<Task>> {
    let (sender, tasks) = channel();
    let mut worker = Worker {
        number,
        storage,
        inbox,
        opened: None,
        _slot: slot,
    };
    thread::Builder::new()
        .name(String::from("ftp-worker"))
        .stack_size(STACK)
        .spawn(move || worker.work(&tasks))?;
    Ok(sender)
}

impl Worker {
    fn work(&mut self, tasks: &Receiver<Task>) {
        while let Ok(task) = tasks.recv() {
            let result = catch_unwind(AssertUnwindSafe(|| self.perform(task)));
            let report = result.unwrap_or_else(|_| {
                log::error!("the storage panicked; its session ends");
                Some(Report::Panicked)
            });
            self.tell(report, true);
        }
        // The session is gone: what is open is dropped, and so discarded.
        if catch_unwind(AssertUnwindSafe(|| drop(self.opened.take()))).is_err() {
            log::error!("the storage panicked while an upload was discarded");
        }
    }

    fn tell(&self, report: Option<Report>, idle: bool) {
        // A session that is gone wants no reports.
        let _ = self.inbox.send(Message::Worker {
            number: self.number,
            report,
            idle,
        });
    }

    fn perform(&mut self, task: Task) -> Option<Report> {
        Some(match task {
            Task::Login {
                id,
                request,
                cancel,
            } => Report::Login {
                id,
                result: wanted(&cancel).and_then(|()| self.storage.login(&request, &cancel)),
            },
            Task::Perform {
                id,
                volume,
                operation,
                cancel,
            } => Report::Performed {
                id,
                result: wanted(&cancel).and_then(|()| volume.perform(&operation, &cancel)),
            },
            Task::Open {
                volume,
                transfer,
                abort,
            } => Report::Ready {
                id: transfer.id,
                result: self.open(volume.as_ref(), *transfer, abort),
            },
            Task::Run { id, route } => self.run(id, route),
            Task::Commit { id } => match self.take(id) {
                Some(job) => Report::Done {
                    id,
                    report: job.commit(),
                },
                None => done(id, 0, TransferFailure::Cancelled),
            },
            Task::Discard { id, reason } => match self.take(id) {
                Some(job) => Report::Done {
                    id,
                    report: job.discard(reason),
                },
                None => done(id, 0, reason),
            },
            Task::Leave(stray) => {
                drop(stray);
                return None;
            }
        })
    }

    fn open(
        &mut self,
        volume: &dyn Volume,
        transfer: Transfer,
        abort: Arc<Abort>,
    ) -> Result<(Option<u64>, Progress), StorageError> {
        self.opened = None;
        wanted(abort.cancel())?;
        let (job, size) = Job::open(volume, transfer, abort.cancel().clone())?;
        let progress = job.progress();
        self.opened = Some((job, abort));
        Ok((size, progress))
    }

    /// Opens the data connection and pumps. It is closed again before anything but
    /// [`Report::Connected`] is reported.
    fn run(&mut self, id: Id, route: Route) -> Report {
        let Some((mut job, abort)) = self.opened.take() else {
            return done(id, 0, TransferFailure::Cancelled);
        };
        let transfer = job.transfer();
        let (peer, timeout) = (transfer.peer, transfer.connect_timeout);
        let Some(mut data) = Data::open(route, peer, timeout, &abort) else {
            return Report::Done {
                id,
                report: job.discard(if abort.cancel().is_cancelled() {
                    TransferFailure::Cancelled
                } else {
                    TransferFailure::Data(DataError::NotConnected)
                }),
            };
        };
        self.tell(Some(Report::Connected { id }), false);
        let upload = job.transfer().direction() == Direction::Upload;
        let result = job.pump(&mut data);
        drop(data);
        match result {
            Ok(()) if upload => {
                let bytes = job.progress().bytes();
                self.opened = Some((job, abort));
                Report::Eof { id, bytes }
            }
            Err(reason) if upload => Report::Done {
                id,
                report: job.discard(reason),
            },
            result => Report::Done {
                id,
                report: job.finish(result),
            },
        }
    }

    fn take(&mut self, id: Id) -> Option<Job> {
        let is_it = |(job, _): &mut (Job, _)| job.transfer().id == id;
        self.opened.take_if(is_it).map(|(job, _)| job)
    }
}

/// Whether anybody still waits for what has not begun yet.
fn wanted(cancel: &Cancel) -> Result<(), StorageError> {
    if cancel.is_cancelled() {
        return Err(StorageError::new(ErrorKind::Cancelled, "Cancelled."));
    }
    Ok(())
}

fn done(id: Id, bytes: u64, reason: TransferFailure) -> Report {
    Report::Done {
        id,
        report: TransferReport::new(bytes, Err(reason)),
    }
}
