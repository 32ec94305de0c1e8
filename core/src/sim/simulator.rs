//! A driver without sockets, threads or a clock: it plays a [`Script`] against one session.
//!
//! What happens next is decided by a fixed order, so a run can be repeated to the last byte:
//! first everything that has arrived (control bytes, and whatever the script does without
//! waiting), then one request to the storage, and only when nothing else can happen, time.

mod driver;

use super::MemoryStore;
use super::data::DataClient;
use super::invariants::{Monitor, Secrets};
use super::model::Model;
use super::pieces::Pieces;
use super::script::{DataPlan, Script, Step, Then};
use super::transcript::{Record, Transcript, code, shown};
use super::work::{Slots, Work};
use crate::driver::{Cancel, Job, Progress, Storage, Volume};
use crate::{Id, Input, Now, Peer, Session, SessionConfig};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

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
    /// How much of the first of them has been handed in.
    handed_in: usize,
    pieces: Pieces,
    client_closes: bool,
    client_closed: bool,
    /// The client has ended its own side alone, and still reads.
    half_closed: bool,

    answers: VecDeque<(Id, Option<SocketAddr>)>,
    /// TLS is to come up (true) or to go down on the control connection.
    tls: Option<bool>,
    tls_held: bool,
    tls_fails: bool,
    work: VecDeque<Work>,
    storage_held: bool,
    permits: usize,
    ports_free: bool,
    next_port: u16,

    jobs: Slots<Job>,
    cancels: Slots<Cancel>,
    pumping: Option<(Id, Progress)>,
    /// For the transfers to come, in order.
    plans: VecDeque<DataPlan>,
    /// For the transfers that the session has asked for.
    planned: Slots<DataPlan>,
    client: Option<DataClient>,

    replies: VecDeque<Vec<u8>>,
    last_download: Option<Vec<u8>>,
    deadline: Option<Duration>,
    closed: bool,
    inputs: usize,
    /// Nothing is recorded, and what is dear to judge is not judged.
    sparing: bool,
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
        let model = Model::new(store.files(), store.directories());
        let secrets = secrets(&store);
        Self::with_model(config, store, model, secrets)
    }

    /// The same with what [`Simulator::new`] makes of the store.
    pub(super) fn with_model(
        config: SessionConfig,
        store: MemoryStore,
        model: Model,
        secrets: Secrets,
    ) -> Self {
        let mut simulator = Self::with_storage(config, Arc::new(store.clone()));
        simulator.store = Some(store);
        simulator.monitor = Monitor::new(Some(model), secrets);
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
            handed_in: 0,
            pieces: Pieces::default(),
            client_closes: false,
            client_closed: false,
            half_closed: false,
            answers: VecDeque::new(),
            tls: None,
            tls_held: false,
            tls_fails: false,
            work: VecDeque::new(),
            storage_held: false,
            permits: 0,
            ports_free: true,
            next_port: 51_000,
            jobs: Slots::default(),
            cancels: Slots::default(),
            pumping: None,
            plans: VecDeque::new(),
            planned: Slots::default(),
            client: None,
            replies: VecDeque::new(),
            last_download: None,
            deadline: None,
            closed: false,
            inputs: 0,
            sparing: false,
            transcript: Transcript::default(),
            monitor: Monitor::default(),
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
        self.cut(Pieces::Of(bytes))
    }

    pub(super) fn cut(self, pieces: Pieces) -> Self {
        Self { pieces, ..self }
    }

    /// Keeps no transcript, and does not look for secrets in what `Debug` shows of the session.
    /// All other rules hold. For fuzzing: a run that fails is to be played again without this.
    #[must_use]
    pub fn sparing(self) -> Self {
        Self {
            sparing: true,
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
        let store = self.store.take();
        self.monitor = Monitor::new(None, store.as_ref().map(secrets).unwrap_or_default());
        self
    }

    /// Plays a script to its end. Several scripts in a row go on with the same session.
    ///
    /// # Errors
    /// A step did not come true, a reply came that no step had expected, or a rule was broken
    /// that holds in every run.
    pub fn play(&mut self, script: &Script) -> Result<(), Failure> {
        self.go_on(script.clone())
    }

    pub(super) fn go_on(&mut self, script: Script) -> Result<(), Failure> {
        if self.steps.is_empty() {
            self.steps = script.into_steps();
        } else {
            self.steps.extend(script.into_steps());
        }
        self.inputs = 0;
        self.monitor.tls_policy(self.session.config().tls);
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

    fn record(&mut self, record: impl FnOnce() -> Record) {
        if !self.sparing {
            self.transcript.push(record());
        }
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
        let at_rest = self.jobs.is_empty() && self.work.is_empty();
        if let Some(store) = self.store.as_ref().filter(|_| at_rest) {
            self.monitor.compare(store);
            let left = store.open_uploads();
            if left > 0 {
                self.monitor.object(format!("{left} uploads are left open"));
            }
        }
        if !self.sparing {
            let mut text = String::with_capacity(2048);
            // Nothing that is written to a `String` fails.
            let _ = write!(text, "{:?}", self.session);
            self.monitor.secret(&text);
        }
        let reason = match self.failure.take() {
            Some(reason) => reason,
            None if !self.monitor.objections().is_empty() => self.monitor.objections().join("\n"),
            // A run that broke a rule stops, and leaves replies behind.
            None => match self.replies.front() {
                Some(reply) if !self.lenient => format!("nobody expected {}", shown(reply)),
                _ => return Ok(()),
            },
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
        if self.closed && !self.incoming.is_empty() {
            self.incoming.clear();
            self.handed_in = 0;
        }
        if let Some((id, address)) = self.answers.pop_front() {
            self.input(Input::Listening { id, address });
            return true;
        }
        if (self.session.wants_input() || self.tls.is_some())
            && let Some(bytes) = self.incoming.pop_front()
        {
            self.report_progress();
            let rest = bytes.get(self.handed_in..).unwrap_or_default();
            let piece = self.pieces.next_length().min(rest.len());
            self.input(Input::Control(rest.get(..piece).unwrap_or_default()));
            if piece < rest.len() {
                self.handed_in += piece;
                self.incoming.push_front(bytes);
            } else {
                self.handed_in = 0;
            }
            return true;
        }
        // Where TLS is implicit, these cannot come before it.
        let steered = matches!(self.steps.front(), Some(Step::HoldTls | Step::TlsFails));
        if !self.tls_held
            && !steered
            && let Some(up) = self.tls.take()
        {
            let fails = up && core::mem::take(&mut self.tls_fails);
            self.input(match (up, fails) {
                (_, true) => Input::TlsFailed,
                (true, _) => Input::TlsUp,
                (false, _) => Input::TlsDown,
            });
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
        if matches!(self.steps.front(), Some(Step::Quiet)) {
            return false;
        }
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
                self.record(|| Record::Sent(bytes.clone()));
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
                self.record(|| Record::ClientClosed);
                self.client_closes = true;
            }
            Step::Finish => {
                self.transcript.push(Record::ClientClosed);
                (self.client_closes, self.half_closed) = (true, true);
            }
            Step::HoldStorage => self.storage_held = true,
            Step::AnswerOne => self.permits += 1,
            Step::ReleaseStorage => {
                self.storage_held = false;
                self.permits = 0;
            }
            Step::Ports(free) => self.ports_free = free,
            Step::TlsFails => self.tls_fails = true,
            Step::HoldTls => self.tls_held = true,
            Step::ReleaseTls => self.tls_held = false,
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
            self.record(|| Record::Clock(next));
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
            let cancelled = self.cancels.get(id).is_none_or(Cancel::is_cancelled);
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

/// The passwords that are long enough not to occur anywhere by chance.
pub(super) fn secrets(store: &MemoryStore) -> Secrets {
    Secrets::new(store.passwords().filter(|password| password.len() >= 6))
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("now", &self.now)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
