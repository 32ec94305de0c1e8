//! A driver without sockets, threads or a clock: it plays a [`Script`] against one session.
//!
//! What happens next is decided by a fixed order, so a run can be repeated to the last byte:
//! first everything that has arrived (control bytes, and whatever the script does without
//! waiting), then one request to the storage, and only when nothing else can happen, time.

use super::MemoryStore;
use super::data::{DataClient, SimStream};
use super::invariants::Monitor;
use super::model::Moved;
use super::script::{Connect, DataPlan, Script, Step, Then};
use super::transcript::{Record, Transcript, code, shown};
use super::work::Work;
use crate::driver::{Cancel, Job, LoginRequest, Progress, Storage, Volume};
use crate::{
    DataError, DataRoute, Direction, Id, Input, LoginInfo, Now, Operation, Output, Peer, Secret,
    Session, SessionConfig, StorageError, Transfer, TransferFailure, TransferReport,
};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

/// A session that has drained must come to `Wait` within so many outputs.
const MAX_OUTPUTS: usize = 10_000;
/// One [`Simulator::play`] makes at most so many inputs.
const MAX_INPUTS: usize = 500_000;
/// The virtual clock begins here, in Unix seconds: 2023-11-14T22:13:20.
const EPOCH: i64 = 1_700_000_000;

/// Why a script did not play to its end.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What was expected and what came, or which rule was broken.
    pub reason: String,
    /// The run up to there.
    pub transcript: Transcript,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.reason, self.transcript)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Failure {}

/// One session, its client, its storage and its clock.
///
/// ```
/// use ossftp_core::SessionConfig;
/// use ossftp_core::sim::{MemoryStore, Script, Simulator};
///
/// let store = MemoryStore::new().with_user("demo", "secret", true);
/// let mut simulator = Simulator::new(SessionConfig::default(), store.clone());
/// simulator.play(
///     &Script::new()
///         .login("demo", "secret")
///         .stores("a.txt", "hello")
///         .send("QUIT").expect(221)
///         .expect_closed(),
/// )?;
/// assert_eq!(store.file("/a.txt").as_deref(), Some(&b"hello"[..]));
/// # Ok::<(), ossftp_core::sim::Failure>(())
/// ```
pub struct Simulator {
    session: Session,
    now: Now,
    peer: Peer,
    storage: Arc<dyn Storage>,
    store: Option<MemoryStore>,
    volume: Option<Arc<dyn Volume>>,

    steps: VecDeque<Step>,
    /// Steps that cannot be done are left out instead of failing the run.
    lenient: bool,
    sleeping_until: Option<Duration>,
    incoming: VecDeque<Vec<u8>>,
    /// Control bytes are handed in in pieces of at most so many bytes.
    piece: usize,
    client_closes: bool,
    client_closed: bool,

    answers: VecDeque<(Id, Option<SocketAddr>)>,
    work: VecDeque<Work>,
    storage_held: bool,
    permits: usize,
    ports_free: bool,
    next_port: u16,

    jobs: BTreeMap<Id, Job>,
    cancels: BTreeMap<Id, Cancel>,
    pumping: Option<(Id, Progress)>,
    /// For the transfers to come, in order.
    plans: VecDeque<DataPlan>,
    /// For the transfers that the session has asked for.
    planned: BTreeMap<Id, DataPlan>,
    client: Option<DataClient>,

    replies: VecDeque<Vec<u8>>,
    last_download: Option<Vec<u8>>,
    deadline: Option<Duration>,
    closed: bool,
    inputs: usize,
    transcript: Transcript,
    monitor: Monitor,
    failure: Option<String>,
}

/// How [`Simulator::wait`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// What was waited for is there.
    Ready,
    /// It did not come in time.
    TimedOut,
    /// The transfer was cancelled, or the run is over.
    GivenUp,
}

impl Simulator {
    /// A connection from 192.0.2.7 to 192.0.2.1 on a server that serves `store`. The store is
    /// held against what the client is told; files that a test puts there later would be taken
    /// for an error, unless [`Simulator::without_model`] is called.
    #[must_use]
    pub fn new(config: SessionConfig, store: MemoryStore) -> Self {
        let secrets = store.passwords().filter(|p| p.len() >= 6).collect();
        let monitor = Monitor::new(Some(&store), secrets);
        let mut simulator = Self::with_storage(config, Arc::new(store.clone()));
        simulator.store = Some(store);
        simulator.monitor = monitor;
        simulator
    }

    /// The same on any storage, without the model of its files.
    #[must_use]
    pub fn with_storage(config: SessionConfig, storage: Arc<dyn Storage>) -> Self {
        let peer = Peer {
            addr: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 50_000),
            local: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 21),
        };
        let now = Now {
            mono: Duration::ZERO,
            unix: EPOCH,
        };
        Self {
            session: Session::new(Arc::new(config), peer, now),
            now,
            peer,
            storage,
            store: None,
            volume: None,
            steps: VecDeque::new(),
            lenient: false,
            sleeping_until: None,
            incoming: VecDeque::new(),
            piece: usize::MAX,
            client_closes: false,
            client_closed: false,
            answers: VecDeque::new(),
            work: VecDeque::new(),
            storage_held: false,
            permits: 0,
            ports_free: true,
            next_port: 51_000,
            jobs: BTreeMap::new(),
            cancels: BTreeMap::new(),
            pumping: None,
            plans: VecDeque::new(),
            planned: BTreeMap::new(),
            client: None,
            replies: VecDeque::new(),
            last_download: None,
            deadline: None,
            closed: false,
            inputs: 0,
            transcript: Transcript::default(),
            monitor: Monitor::new(None, Vec::new()),
            failure: None,
        }
    }

    /// Begins anew with other addresses.
    #[must_use]
    pub fn with_peer(mut self, config: SessionConfig, peer: Peer) -> Self {
        self.peer = peer;
        self.session = Session::new(Arc::new(config), peer, self.now);
        self
    }

    /// Hands control bytes in in pieces of at most `bytes`, at least 1.
    #[must_use]
    pub fn with_pieces(self, bytes: usize) -> Self {
        Self {
            piece: bytes.max(1),
            ..self
        }
    }

    /// Leaves steps out that cannot be done, and expects no replies: for random scripts, which
    /// are judged by the invariants alone.
    #[must_use]
    pub fn lenient(self) -> Self {
        Self {
            lenient: true,
            ..self
        }
    }

    /// Does not hold the store against what the client is told.
    #[must_use]
    pub fn without_model(mut self) -> Self {
        let secrets = self.store.take().map(|store| store.passwords().collect());
        self.monitor = Monitor::new(None, secrets.unwrap_or_default());
        self
    }

    /// Plays a script to its end. Several scripts in a row go on with the same session.
    ///
    /// # Errors
    /// A step did not come true, a reply came that no step had expected, or a rule was broken
    /// that holds in every run.
    pub fn play(&mut self, script: &Script) -> Result<(), Failure> {
        self.steps.extend(script.steps().cloned());
        self.inputs = 0;
        self.drain();
        while !self.is_over() {
            if self.next_free() || self.next_work() {
                continue;
            }
            self.monitor.rest(self.session.wants_input());
            if self.skip_quiet() {
                continue;
            }
            if self.steps.is_empty() {
                break;
            }
            if !self.pass_time(None) {
                self.fail("nothing can happen any more");
            }
        }
        self.finish()
    }

    /// Everything that happened so far.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The session, to look at.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The virtual clock.
    #[must_use]
    pub fn now(&self) -> Now {
        self.now
    }

    fn is_over(&self) -> bool {
        self.failure.is_some() || !self.monitor.objections().is_empty()
    }

    fn fail(&mut self, reason: &str) {
        let waiting = match self.steps.front() {
            Some(step) => format!(", waiting for {step:?}"),
            None => String::new(),
        };
        let reason = format!("at {:?}: {reason}{waiting}", self.now.mono);
        self.failure.get_or_insert(reason);
    }

    fn finish(&mut self) -> Result<(), Failure> {
        if let Some(reply) = self.replies.front().filter(|_| !self.lenient) {
            let reason = format!("nobody expected {}", shown(reply));
            self.failure.get_or_insert(reason);
        }
        let at_rest = self.jobs.is_empty() && self.work.is_empty();
        if let Some(store) = self.store.as_ref().filter(|_| at_rest) {
            self.monitor.compare(store);
            let left = store.open_uploads();
            if left > 0 {
                self.monitor.object(format!("{left} uploads are left open"));
            }
        }
        self.monitor.secret(&format!("{:?}", self.session));
        let reason = match self.failure.take() {
            Some(reason) => reason,
            None if self.monitor.objections().is_empty() => return Ok(()),
            None => self.monitor.objections().join("\n"),
        };
        Err(Failure {
            reason,
            transcript: self.transcript.clone(),
        })
    }
}

/// The client, and the order of things.
impl Simulator {
    /// Does the next thing that needs neither the storage nor time, if there is one.
    fn next_free(&mut self) -> bool {
        if self.closed {
            self.incoming.clear();
        }
        if let Some((id, address)) = self.answers.pop_front() {
            self.input(Input::Listening { id, address });
            return true;
        }
        if self.session.wants_input()
            && let Some(mut bytes) = self.incoming.pop_front()
        {
            if bytes.len() > self.piece {
                self.incoming.push_front(bytes.split_off(self.piece));
            }
            self.report_progress();
            self.input(Input::Control(&bytes));
            return true;
        }
        if self.client_closes && self.incoming.is_empty() && !self.client_closed {
            self.client_closed = true;
            self.input(Input::ControlClosed);
            return true;
        }
        self.next_step()
    }

    fn report_progress(&mut self) {
        if let Some((id, progress)) = &self.pumping {
            let (id, bytes) = (*id, progress.bytes());
            self.input(Input::TransferProgress { id, bytes });
        }
    }

    /// Does the next step of the script, if it can be done now.
    fn next_step(&mut self) -> bool {
        let Some(step) = self.steps.pop_front() else {
            return false;
        };
        if let Some(step) = self.try_step(step) {
            self.steps.push_front(step);
            return false;
        }
        true
    }

    /// Gives the step back if it has to wait.
    fn try_step(&mut self, step: Step) -> Option<Step> {
        match step {
            Step::Send(bytes) => {
                self.transcript.push(Record::Sent(bytes.clone()));
                if !self.client_closes && !bytes.is_empty() {
                    self.incoming.push_back(bytes);
                }
            }
            Step::Expect { .. } => return self.expect(step),
            Step::ExpectDownload(expected) => match self.last_download.take() {
                None => return Some(Step::ExpectDownload(expected)),
                Some(got) if got != expected => {
                    let (got, expected) = (shown(&got), shown(&expected));
                    self.fail(&format!("the download is {got} and not {expected}"));
                }
                Some(_) => {}
            },
            Step::ExpectClosed if !self.closed => return Some(step),
            Step::ExpectClosed => {}
            Step::Data(plan) => self.plans.push_back(plan),
            Step::DataSend(_) | Step::DataResume | Step::DataClose | Step::DataBreak => {
                return self.data_step(step);
            }
            Step::Quiet => return Some(step),
            Step::Sleep(time) => {
                let until = self.now.mono.saturating_add(time);
                let until = *self.sleeping_until.get_or_insert(until);
                if until > self.now.mono {
                    return Some(step);
                }
                self.sleeping_until = None;
            }
            Step::Close => {
                self.transcript.push(Record::ClientClosed);
                self.client_closes = true;
            }
            Step::HoldStorage => self.storage_held = true,
            Step::AnswerOne => self.permits += 1,
            Step::ReleaseStorage => {
                self.storage_held = false;
                self.permits = 0;
            }
            Step::Ports(free) => self.ports_free = free,
            Step::Admin(admin) => self.input(Input::Admin(admin)),
        }
        None
    }

    fn expect(&mut self, step: Step) -> Option<Step> {
        let Step::Expect {
            code: expected,
            text,
        } = &step
        else {
            return None;
        };
        let Some(reply) = self.replies.pop_front() else {
            return Some(step);
        };
        let holds_text = text.is_empty() || reply.windows(text.len()).any(|window| window == text);
        if code(&reply) != *expected || !holds_text {
            let text = shown(text);
            self.fail(&format!(
                "expected {expected} {text:?} and got {}",
                shown(&reply)
            ));
        }
        None
    }

    fn data_step(&mut self, step: Step) -> Option<Step> {
        let Some(client) = &mut self.client else {
            return Some(step);
        };
        match step {
            Step::DataSend(bytes) => client.send(&bytes),
            Step::DataResume => client.resume(Then::Close),
            Step::DataClose => client.resume(Then::Close),
            _ => client.reset(),
        }
        None
    }

    /// Nothing is left but to wait: passes [`Step::Quiet`], and what a lenient run leaves out.
    fn skip_quiet(&mut self) -> bool {
        let skip = match self.steps.front() {
            Some(Step::Quiet) => true,
            Some(Step::Sleep(_)) | None => false,
            Some(_) => self.lenient,
        };
        skip && self.steps.pop_front().is_some()
    }

    /// Moves the clock to the next moment at which anything can happen, at the latest to
    /// `limit`. False if there is no such moment.
    fn pass_time(&mut self, limit: Option<Duration>) -> bool {
        let moments = [self.deadline, self.sleeping_until, limit];
        let Some(next) = moments.into_iter().flatten().min() else {
            return false;
        };
        if next > self.now.mono {
            self.now.mono = next;
            self.now.unix = EPOCH + i64::try_from(next.as_secs()).unwrap_or(0);
            self.transcript.push(Record::Clock(next));
        }
        self.input(Input::Tick);
        true
    }

    /// Lets the world go on while a transfer waits for its client.
    pub(super) fn wait(
        &mut self,
        id: Id,
        timeout: Duration,
        ready: impl Fn(&Self) -> bool,
    ) -> Waited {
        let end = self.now.mono.saturating_add(timeout);
        loop {
            while !self.is_over() && self.next_free() {}
            let cancelled = self.cancels.get(&id).is_none_or(Cancel::is_cancelled);
            if self.is_over() || self.closed || cancelled {
                return Waited::GivenUp;
            }
            if ready(self) {
                return Waited::Ready;
            }
            if self.now.mono >= end {
                return Waited::TimedOut;
            }
            if !self.skip_quiet() {
                self.pass_time(Some(end));
            }
        }
    }

    pub(super) fn client(&self) -> Option<&DataClient> {
        self.client.as_ref()
    }

    pub(super) fn client_mut(&mut self) -> Option<&mut DataClient> {
        self.client.as_mut()
    }
}

/// The driver.
impl Simulator {
    fn input(&mut self, input: Input<'_>) {
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
    fn drain(&mut self) -> bool {
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
            Output::Login { id, user, password } => {
                self.work.push_back(Work::Login { id, user, password });
            }
            Output::Perform { id, operation } => {
                self.transcript.push(Record::Asked(operation.clone()));
                self.work.push_back(Work::Perform { id, operation });
            }
            Output::Listen { id } => {
                let address = self.ports_free.then(|| {
                    self.next_port = self.next_port.wrapping_add(1).max(1024);
                    SocketAddr::new(self.peer.local.ip(), self.next_port)
                });
                self.answers.push_back((id, address));
            }
            Output::Open(transfer) => {
                self.transcript.push(Record::Opened(transfer.kind.clone()));
                self.cancels.insert(transfer.id, Cancel::new());
                if let Some(plan) = self.plans.pop_front() {
                    self.planned.insert(transfer.id, plan);
                }
                self.work.push_back(Work::Open(transfer));
            }
            Output::Run { id, route } => self.work.push_back(Work::Run { id, route }),
            Output::Commit { id } => self.work.push_back(Work::Commit { id }),
            Output::Discard { id, reason } => self.work.push_back(Work::Discard { id, reason }),
            Output::Cancel { id } => self.cancel(id),
            Output::Event(event) => self.transcript.push(Record::Event(event)),
            Output::Close => self.close(),
            Output::StopListening | Output::Wait(_) => {}
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        // A write that is not made of replies is the monitor's to report.
        for reply in super::conversation::Conversation::replies(bytes).unwrap_or_default() {
            self.transcript.push(Record::Reply(reply.clone()));
            self.replies.push_back(reply);
        }
    }

    fn close(&mut self) {
        self.transcript.push(Record::Closed);
        self.closed = true;
        self.work.clear();
        self.cancels.values().for_each(Cancel::cancel);
        self.jobs.clear();
    }

    fn cancel(&mut self, id: Id) {
        if let Some(cancel) = self.cancels.get(&id) {
            cancel.cancel();
        }
        if let Some(job) = self.jobs.remove(&id) {
            self.work.retain(|work| work.transfer() != Some(id));
            let report = failed(job, TransferFailure::Cancelled);
            // A late report, which the session must ignore.
            self.work.push_back(Work::Report { id, report });
        }
    }

    /// Does the next request to the storage, or runs the next transfer.
    fn next_work(&mut self) -> bool {
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
            Work::Login { id, user, password } => self.login(id, user, password),
            Work::Perform { id, operation } => self.operation(id, &operation),
            Work::Open(transfer) => self.open(*transfer),
            Work::Run { id, route } => self.run(id, route),
            Work::Commit { id } => self.commit(id),
            Work::Discard { id, reason } => {
                if let Some(job) = self.jobs.remove(&id) {
                    let report = job.discard(reason);
                    self.input(Input::TransferDone { id, report });
                }
            }
            Work::Report { id, report } => self.input(Input::TransferDone { id, report }),
        }
        true
    }

    fn login(&mut self, id: Id, user: Vec<u8>, password: Secret) {
        let request = LoginRequest::new(user, password, self.peer.addr.ip());
        let result = self.storage.login(&request, &Cancel::new());
        let result: Result<LoginInfo, StorageError> = result.map(|(volume, info)| {
            self.volume = Some(volume);
            info
        });
        self.input(Input::Login { id, result });
    }

    fn operation(&mut self, id: Id, operation: &Operation) {
        if let Some(volume) = self.volume.clone() {
            let result = volume.perform(operation, &Cancel::new());
            self.input(Input::Performed { id, result });
        }
    }

    fn open(&mut self, transfer: Transfer) {
        let id = transfer.id;
        let cancel = self.cancels.get(&id).cloned().unwrap_or_default();
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

    fn run(&mut self, id: Id, _route: DataRoute) {
        let Some(job) = self.jobs.remove(&id) else {
            return;
        };
        self.pumping = Some((id, job.progress()));
        let plan = self.planned.remove(&id);
        let plan = plan.unwrap_or_else(DataPlan::download);
        let patience = job.transfer().connect_timeout;
        let connected = match plan.connect {
            Connect::AtOnce => self.wait(id, Duration::ZERO, |_| true),
            Connect::After(delay) if delay < patience => match self.wait(id, delay, |_| false) {
                Waited::TimedOut => Waited::Ready,
                waited => waited,
            },
            Connect::After(_) | Connect::Never => self.wait(id, patience, |_| false),
        };
        if connected == Waited::Ready {
            self.client = Some(DataClient::new(plan));
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
        let (bytes, waited) = (job.progress().bytes(), job.waited());
        self.jobs.insert(id, job);
        self.pumping = None;
        // Whatever the control connection has received comes before the end of the data.
        while !self.is_over() && self.next_free() {}
        if self.jobs.contains_key(&id) {
            self.input(Input::TransferEof { id, bytes, waited });
        }
    }

    /// The data connection is closed; what it moved is known.
    fn hang_up(&mut self, upload: bool) {
        let Some(client) = self.client.take() else {
            return;
        };
        let moved: Moved = client.into_moved();
        if upload {
            self.transcript.push(Record::Uploaded(moved.sent.clone()));
        } else {
            self.transcript
                .push(Record::Downloaded(moved.received.clone()));
            self.last_download = Some(moved.received.clone());
        }
        self.monitor.moved(moved);
    }

    fn commit(&mut self, id: Id) {
        if let Some(job) = self.jobs.remove(&id) {
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

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("now", &self.now)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
