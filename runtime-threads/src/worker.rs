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
use std::time::Duration;

/// Enough for a TLS handshake and a request inside a storage.
const STACK: usize = crate::stack(256);

/// Something to do.
pub(crate) enum Task {
    Login(Id, LoginRequest, Cancel),
    Perform(Id, Arc<dyn Volume>, Operation, Cancel),
    Open(Arc<dyn Volume>, Box<Transfer>, Arc<Abort>),
    Run(Id, Route),
    Commit(Id),
    Discard(Id, TransferFailure),
    /// Nothing: it is held until the worker gets to it, and says that it has come back.
    Leave(Stray),
}

/// What came of it.
pub(crate) enum Report {
    Login(Id, Result<(Arc<dyn Volume>, LoginInfo), StorageError>),
    Performed(Id, Result<Answer, StorageError>),
    Ready(Id, Result<(Option<u64>, Progress), StorageError>),
    Connected(Id),
    Eof(Id, u64, Duration),
    Done(Id, TransferReport),
    /// The storage panicked; the session cannot go on.
    Panicked,
}

impl Report {
    fn failed(id: Id, reason: TransferFailure) -> Self {
        Self::Done(id, TransferReport::new(0, Err(reason)))
    }
}

impl Task {
    /// The answer when no thread can be had for it.
    pub(crate) fn refuse(self) -> Option<Report> {
        let busy = StorageError::new(ErrorKind::Busy, "The server is busy, try again later.");
        Some(match self {
            Self::Login(id, ..) => Report::Login(id, Err(busy)),
            Self::Perform(id, ..) => Report::Performed(id, Err(busy)),
            Self::Open(_, transfer, _) => Report::Ready(transfer.id, Err(busy)),
            Self::Run(id, _) | Self::Commit(id) => Report::failed(id, busy.into()),
            Self::Discard(id, reason) => Report::failed(id, reason),
            Self::Leave(_) => return None,
        })
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
            let report = catch_unwind(AssertUnwindSafe(|| self.perform(task)));
            if let Some(report) = report.unwrap_or(Some(Report::Panicked)) {
                self.tell(Message::Report(report));
            }
            self.tell(Message::Idle(self.number));
        }
        // The session is gone: what is open is dropped, and so discarded. A panic in there is
        // on record by now, and ends no more than this thread.
        self.opened = None;
    }

    fn tell(&self, message: Message) {
        // A session that is gone wants to hear nothing.
        let _ = self.inbox.send(message);
    }

    fn perform(&mut self, task: Task) -> Option<Report> {
        Some(match task {
            Task::Login(id, request, cancel) => {
                let login = || self.storage.login(&request, &cancel);
                Report::Login(id, wanted(&cancel).and_then(|()| login()))
            }
            Task::Perform(id, volume, operation, cancel) => {
                let perform = || volume.perform(&operation, &cancel);
                Report::Performed(id, wanted(&cancel).and_then(|()| perform()))
            }
            Task::Open(volume, transfer, abort) => {
                Report::Ready(transfer.id, self.open(volume.as_ref(), *transfer, abort))
            }
            Task::Run(id, route) => self.run(id, route),
            Task::Commit(id) => match self.take(id) {
                Some((job, _)) => Report::Done(id, job.commit()),
                None => Report::failed(id, TransferFailure::Cancelled),
            },
            Task::Discard(id, reason) => match self.take(id) {
                Some((job, _)) => Report::Done(id, job.discard(reason)),
                None => Report::failed(id, reason),
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
        wanted(abort.cancel())?;
        let (job, size) = Job::open(volume, transfer, abort.cancel().clone())?;
        let progress = job.progress();
        self.opened = Some((job, abort));
        Ok((size, progress))
    }

    /// Opens the data connection and pumps. It is closed again before anything but
    /// [`Report::Connected`] is reported.
    fn run(&mut self, id: Id, route: Route) -> Report {
        let Some((mut job, abort)) = self.take(id) else {
            return Report::failed(id, TransferFailure::Cancelled);
        };
        let upload = job.transfer().direction() == Direction::Upload;
        let result = match Data::open(route, job.transfer(), &abort) {
            Some(mut data) => {
                self.tell(Message::Report(Report::Connected(id)));
                job.pump(&mut data)
            }
            None if abort.cancel().is_cancelled() => Err(TransferFailure::Cancelled),
            None => Err(TransferFailure::Data(DataError::NotConnected)),
        };
        match result {
            Ok(()) if upload => {
                let (bytes, waited) = (job.progress().bytes(), job.waited());
                self.opened = Some((job, abort));
                Report::Eof(id, bytes, waited)
            }
            Err(reason) if upload => Report::Done(id, job.discard(reason)),
            result => Report::Done(id, job.finish(result)),
        }
    }

    fn take(&mut self, id: Id) -> Option<(Job, Arc<Abort>)> {
        self.opened.take_if(|(job, _)| job.transfer().id == id)
    }
}

/// Whether anybody still waits for what has not begun yet.
fn wanted(cancel: &Cancel) -> Result<(), StorageError> {
    if cancel.is_cancelled() {
        return Err(StorageError::new(ErrorKind::Cancelled, "Cancelled."));
    }
    Ok(())
}
