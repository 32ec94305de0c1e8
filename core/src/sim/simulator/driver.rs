//! The driver's half of the simulator: it performs what the session asks for, in order.

use super::{Simulator, Waited};
use crate::driver::{Cancel, Job, LoginRequest};
use crate::sim::conversation::Conversation;
use crate::sim::data::{DataClient, SimStream};
use crate::sim::model::{Moved, inflate};
use crate::sim::script::{Connect, DataPlan};
use crate::sim::transcript::Record;
use crate::sim::work::Work;
use crate::{
    DataError, Direction, Id, Input, LoginInfo, Operation, Output, StorageError, Transfer,
    TransferFailure, TransferKind, TransferReport,
};
use alloc::format;
use core::net::SocketAddr;
use core::time::Duration;

/// A session that has drained must come to `Wait` within so many outputs.
const MAX_OUTPUTS: usize = 10_000;
/// One [`Simulator::play`] makes at most so many inputs.
const MAX_INPUTS: usize = 500_000;

impl Simulator {
    pub(super) fn input(&mut self, input: Input<'_>) {
        self.inputs += 1;
        if self.inputs > MAX_INPUTS {
            self.fail("the run does not end");
            return;
        }
        self.monitor.input(&input);
        self.session.handle(self.now, input);
        if self.drain() {
            self.tick_early();
        }
    }

    /// Performs all outputs; says whether there were any.
    pub(super) fn drain(&mut self) -> bool {
        for count in 0..MAX_OUTPUTS {
            let output = self.session.poll_output();
            self.monitor.output(self.now, &output);
            if let Output::Wait(deadline) = output {
                self.deadline = deadline;
                return count > 0;
            }
            self.perform(output);
        }
        self.fail("the session does not come to Wait");
        true
    }

    /// A tick that comes before the deadline changes nothing.
    fn tick_early(&mut self) {
        if self.deadline.is_some_and(|at| at <= self.now.mono) {
            return;
        }
        self.session.handle(self.now, Input::Tick);
        let output = self.session.poll_output();
        if !matches!(output, Output::Wait(deadline) if deadline == self.deadline) {
            self.fail(&format!("an early tick did {output:?}"));
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Send(bytes) => self.receive(&bytes),
            Output::Login {
                id,
                user,
                password,
                host,
                secure,
            } => {
                let mut request = LoginRequest::new(user, password, self.peer.addr.ip());
                (request.host, request.secure) = (host, secure);
                self.work.push_back(Work::Login { id, request });
            }
            Output::Perform { id, operation } => {
                self.record(|| Record::Asked(operation.clone()));
                let cancel = Cancel::new();
                self.work.push_back(Work::Perform {
                    id,
                    operation,
                    cancel,
                });
            }
            Output::Listen { id } => {
                let address = self.ports_free.then(|| {
                    self.next_port = self.next_port.wrapping_add(1).max(1024);
                    SocketAddr::new(self.peer.local.ip(), self.next_port)
                });
                self.answers.push_back((id, address));
            }
            Output::Open(transfer) => {
                self.record(|| Record::Opened(transfer.kind.clone()));
                self.cancels.insert(transfer.id, Cancel::new());
                let again = matches!(
                    transfer.kind,
                    TransferKind::List {
                        pattern: Some(_),
                        ..
                    }
                );
                let plan = if again {
                    // The same command once more; the plan was for it.
                    self.planned.remove(Id(transfer.id.0.saturating_sub(1)))
                } else {
                    self.plans.pop_front()
                };
                if let Some(plan) = plan {
                    self.planned.insert(transfer.id, plan);
                }
                self.work.push_back(Work::Open(transfer));
            }
            Output::Run { id, .. } => self.work.push_back(Work::Run { id }),
            Output::Commit { id } => self.work.push_back(Work::Commit { id }),
            Output::Discard { id, reason } => self.work.push_back(Work::Discard { id, reason }),
            Output::Cancel { id } => self.cancel(id),
            Output::Event(event) => self.record(|| Record::Event(event)),
            Output::Close => self.close(),
            Output::StartTls => self.tls = Some(true),
            Output::StopTls => self.tls = Some(false),
            Output::StopListening | Output::Wait(_) => {}
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        if self.client_closed && !self.half_closed {
            return;
        }
        // A write that is not made of replies is the monitor's to report.
        if !self.records && self.lenient {
            return;
        }
        for reply in Conversation::replies(bytes).flatten() {
            self.record(|| Record::Reply(reply.to_vec()));
            if !self.lenient {
                self.replies.push_back(reply.to_vec());
            }
        }
    }

    fn close(&mut self) {
        self.record(|| Record::Closed);
        self.tls = None;
        self.closed = true;
        self.work.clear();
        self.cancels.values().for_each(Cancel::cancel);
        self.jobs.clear();
    }

    fn cancel(&mut self, id: Id) {
        self.work.iter().for_each(|work| work.cancel_operation(id));
        if let Some(cancel) = self.cancels.get(id) {
            cancel.cancel();
        }
        if let Some(job) = self.jobs.remove(id) {
            self.work.retain(|work| work.transfer() != Some(id));
            let report = failed(job, TransferFailure::Cancelled);
            // A late report, which the session must ignore.
            self.work.push_back(Work::Report { id, report });
        }
    }

    /// Does the next request to the storage, or runs the next transfer.
    pub(super) fn next_work(&mut self) -> bool {
        let Some(work) = self.work.pop_front() else {
            return false;
        };
        if self.storage_held && work.asks_storage() {
            if self.permits == 0 {
                self.work.push_front(work);
                return false;
            }
            self.permits -= 1;
        }
        match work {
            Work::Login { id, request } => self.login(id, &request),
            Work::Perform {
                id,
                operation,
                cancel,
            } => self.operation(id, &operation, &cancel),
            Work::Open(transfer) => self.open(*transfer),
            Work::Run { id } => self.run(id),
            Work::Commit { id } => self.commit(id),
            Work::Discard { id, reason } => {
                if let Some(job) = self.jobs.remove(id) {
                    let report = job.discard(reason);
                    self.input(Input::TransferDone { id, report });
                }
            }
            Work::Report { id, report } => self.input(Input::TransferDone { id, report }),
        }
        true
    }

    fn login(&mut self, id: Id, request: &LoginRequest) {
        let result = self.storage.login(request, &Cancel::new());
        let result: Result<LoginInfo, StorageError> = result.map(|(volume, info)| {
            self.volume = Some(volume);
            info
        });
        self.input(Input::Login { id, result });
    }

    fn operation(&mut self, id: Id, operation: &Operation, cancel: &Cancel) {
        if let Some(volume) = self.volume.clone() {
            let result = volume.perform(operation, cancel);
            self.input(Input::Performed { id, result });
        }
    }

    fn open(&mut self, transfer: Transfer) {
        let id = transfer.id;
        let cancel = self.cancels.get(id).cloned().unwrap_or_default();
        let Some(volume) = self.volume.clone() else {
            return;
        };
        let result = Job::open(volume.as_ref(), transfer, cancel);
        let result = result.map(|(job, size)| {
            self.jobs.insert(id, job);
            size
        });
        self.input(Input::TransferReady { id, result });
    }

    fn run(&mut self, id: Id) {
        let Some(job) = self.jobs.remove(id) else {
            return;
        };
        self.pumping = Some((id, job.progress()));
        let plan = self.planned.remove(id);
        let plan = plan.unwrap_or_else(DataPlan::download);
        let patience = job.transfer().connect_timeout;
        let connected = match plan.connect {
            Connect::AtOnce | Connect::WithoutTls => self.wait(id, Duration::ZERO, |_| true),
            Connect::After(delay) if delay < patience => match self.wait(id, delay, |_| false) {
                Waited::TimedOut => Waited::Ready,
                waited => waited,
            },
            Connect::After(_) | Connect::Never => self.wait(id, patience, |_| false),
        };
        let without_tls = plan.connect == Connect::WithoutTls && job.transfer().secure;
        if connected == Waited::Ready && without_tls {
            self.pumping = None;
            let report = failed(job, TransferFailure::Data(DataError::Tls));
            self.input(Input::TransferDone { id, report });
        } else if connected == Waited::Ready {
            let upload = job.transfer().direction() == Direction::Upload;
            let level = job.transfer().deflate;
            self.client = Some(DataClient::new(plan, level, upload));
            self.input(Input::DataConnected { id });
            self.pump(id, job);
        } else {
            self.pumping = None;
            let failure = match connected {
                Waited::TimedOut => TransferFailure::Data(DataError::NotConnected),
                Waited::Ready | Waited::GivenUp => TransferFailure::Cancelled,
            };
            let report = failed(job, failure);
            self.input(Input::TransferDone { id, report });
        }
    }

    fn pump(&mut self, id: Id, mut job: Job) {
        let upload = job.transfer().direction() == Direction::Upload;
        let timeout = job.transfer().stall_timeout;
        let result = job.pump(&mut SimStream {
            simulator: self,
            id,
            timeout,
            waited: Duration::ZERO,
        });
        self.hang_up(upload);
        if result.is_err() || !upload {
            self.pumping = None;
            let report = match result {
                Err(failure) => failed(job, failure),
                Ok(()) => job.finish(result),
            };
            self.input(Input::TransferDone { id, report });
            return;
        }
        let (bytes, stored) = (job.progress().bytes(), job.stored());
        let waited = job.waited();
        self.jobs.insert(id, job);
        self.pumping = None;
        // Whatever the control connection has received comes before the end of the data.
        while !self.is_over() && self.next_free() {}
        if self.jobs.contains(id) {
            self.input(Input::TransferEof {
                id,
                bytes,
                stored,
                waited,
            });
        }
    }

    /// The data connection is closed; what it moved is known.
    fn hang_up(&mut self, upload: bool) {
        let Some(client) = self.client.take() else {
            return;
        };
        let deflated = client.deflates();
        let moved: Moved = client.into_moved();
        if upload {
            self.record(|| Record::Uploaded(moved.sent.clone()));
        } else {
            self.record(|| Record::Downloaded(moved.received.clone()));
            if !self.lenient {
                // What the client makes of it, where it has come whole.
                let inflated = deflated.then(|| inflate(&moved.received));
                self.last_download = Some(match inflated {
                    Some(Ok(bytes)) => bytes,
                    _ => moved.received.clone(),
                });
            }
        }
        self.monitor.moved(moved);
    }

    fn commit(&mut self, id: Id) {
        if let Some(job) = self.jobs.remove(id) {
            let report = job.commit();
            self.input(Input::TransferDone { id, report });
        }
    }
}

/// The report of a job that ended so.
fn failed(job: Job, failure: TransferFailure) -> TransferReport {
    match job.transfer().direction() {
        Direction::Upload => job.discard(failure),
        Direction::Download => job.finish(Err(failure)),
    }
}
