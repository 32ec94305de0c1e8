//! One session as a task: performs what the session says, and tells it what happened.
//!
//! The loop is the one of the driver's contract (see [`ossftp_core`]). Whatever blocks runs on a
//! pool and comes back as a [`Message`]; so the task waits for three things only: control bytes,
//! a message, and the deadline. What a message brings is dealt with in `answers.rs`.

use crate::control::{Control, Found, buffer};
use crate::data::{self, Listener};
use crate::server::Shared;
use crate::transfer::{Held, Phase, Running, ended, guarded};
use async_io::Timer;
use ossftp_core::driver::{Cancel, LoginRequest, Volume};
use ossftp_core::{
    Admin, Answer, DataError, DataRoute, ErrorKind, Event, Id, Input, LoginInfo, Operation, Output,
    Peer, Secret, Session, StorageError, Transfer, TransferFailure, TransferReport,
};
use smol::channel::{Receiver, Sender};
use smol::future;
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// A transfer that was given up has so long to end before the next one is begun beside it.
const PATIENCE: Duration = Duration::from_secs(1);
/// So many that have not ended are borne; a client that starts and aborts without end cannot
/// fill the pools.
const LOOSE_ENDS: usize = 2;

/// Something that happened to a session.
pub(crate) enum Message {
    /// There may be control bytes.
    Readable,
    /// The deadline has come.
    Tick,
    Login {
        id: Id,
        result: Result<(Arc<dyn Volume>, LoginInfo), StorageError>,
    },
    Performed {
        id: Id,
        result: Result<Answer, StorageError>,
    },
    Opened {
        id: Id,
        result: Result<(Held, Option<u64>), StorageError>,
    },
    Connected {
        id: Id,
        result: Result<TcpStream, DataError>,
    },
    /// An upload's data connection has ended in order.
    Pumped {
        id: Id,
        bytes: u64,
        waited: Duration,
        held: Held,
    },
    Ended {
        id: Id,
        report: TransferReport,
    },
    Admin(Admin),
}

/// A session and all that it owns.
pub(crate) struct SessionTask {
    pub(crate) shared: Arc<Shared>,
    /// Names it in the log.
    number: u64,
    peer: Peer,
    session: Session,
    pub(crate) control: Control,
    /// Whether the session knows that the control connection is lost.
    told: bool,
    /// Whether the session has ended.
    closed: bool,
    sender: Sender<Message>,
    inbox: Receiver<Message>,
    pub(crate) volume: Option<Arc<dyn Volume>>,
    /// Set at the end: nobody waits for a login or an operation any more.
    ended: Cancel,
    listener: Option<Listener>,
    pub(crate) transfer: Option<Running>,
    /// The next transfer, which waits until then for those that were given up.
    waiting: Option<(Transfer, Duration)>,
    /// Transfers that were given up and have not ended yet.
    pub(crate) loose: usize,
}

impl SessionTask {
    pub(crate) fn new(
        shared: Arc<Shared>,
        number: u64,
        peer: Peer,
        control: Control,
        (sender, inbox): (Sender<Message>, Receiver<Message>),
    ) -> Self {
        let session = Session::new(Arc::clone(&shared.config.session), peer, shared.clock.now());
        Self {
            shared,
            number,
            peer,
            session,
            control,
            told: false,
            closed: false,
            sender,
            inbox,
            volume: None,
            ended: Cancel::new(),
            listener: None,
            transfer: None,
            waiting: None,
            loose: 0,
        }
    }

    /// Runs the session to its end.
    pub(crate) async fn run(mut self) {
        log::info!("[{}] connected from {}", self.number, self.peer.addr);
        while let ControlFlow::Continue(deadline) = self.drain().await {
            let message = self.next(deadline).await;
            self.take(message).await;
        }
        self.release();
        self.control.finish().await;
    }

    /// Waits for whatever comes first; each gets its turn when several have come.
    async fn next(&mut self, deadline: Option<Duration>) -> Message {
        let (control, inbox) = (&self.control, &self.inbox);
        let reading = self.session.wants_input() && !control.lost();
        let waiting = self.waiting.as_ref().map(|(_, until)| *until);
        let wake = deadline.into_iter().chain(waiting).min();
        let readable = async {
            if !reading {
                future::pending::<()>().await;
            }
            control.readable().await;
            Message::Readable
        };
        let message = async {
            match inbox.recv().await {
                Ok(message) => message,
                // It cannot close: the task has a sender itself.
                Err(_) => future::pending().await,
            }
        };
        let tick = async {
            match wake {
                Some(at) => Timer::at(self.shared.clock.instant(at)).await,
                None => future::pending().await,
            };
            Message::Tick
        };
        future::race(future::race(readable, message), tick).await
    }

    pub(crate) fn handle(&mut self, input: Input<'_>) {
        self.session.handle(self.shared.clock.now(), input);
    }

    /// Hands in the control bytes that are there; false if there are none.
    pub(crate) fn read(&mut self) -> bool {
        if !self.session.wants_input() || self.control.lost() {
            return false;
        }
        let mut buffer = buffer();
        let Found::Bytes(count) = self.control.read(&mut buffer) else {
            return false;
        };
        if let Some(running) = &self.transfer {
            let (id, bytes) = (running.id, running.progress.bytes());
            self.handle(Input::TransferProgress { id, bytes });
        }
        self.handle(Input::Control(buffer.get(..count).unwrap_or_default()));
        true
    }

    /// Performs all outputs; breaks when the session has ended.
    pub(crate) async fn drain(&mut self) -> ControlFlow<(), Option<Duration>> {
        while !self.closed {
            match self.session.poll_output() {
                Output::Send(bytes) => self.control.send(&bytes).await,
                Output::Close => self.closed = true,
                Output::Wait(_) if self.control.lost() && !self.told => {
                    self.told = true;
                    self.handle(Input::ControlClosed);
                }
                Output::Wait(deadline) => return ControlFlow::Continue(deadline),
                other => self.perform(other),
            }
        }
        ControlFlow::Break(())
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Login { id, user, password } => self.login(id, user, password),
            Output::Perform { id, operation } => self.operate(id, operation),
            Output::Listen { id } => self.listen(id),
            Output::StopListening => self.listener = None,
            Output::Open(transfer) => self.open(*transfer),
            Output::Run { id, route } => self.connect(id, route),
            Output::Commit { id } => self.end_held(id, None),
            Output::Discard { id, reason } => self.end_held(id, Some(reason)),
            Output::Cancel { id } => self.cancel(id),
            Output::Event(event) => self.log(&event),
            other => log::error!("[{}] not understood: {other:?}", self.number),
        }
    }

    /// Has `ask` answered on the pool for operations, or `refusal` if that is full.
    fn ask(&self, refusal: Message, ask: impl FnOnce() -> Message + Send + 'static) {
        let sender = self.sender.clone();
        let work = Box::new(move || tell(&sender, ask()));
        if self.shared.operations.submit(work).is_err() {
            tell(&self.sender, refusal);
        }
    }

    fn login(&self, id: Id, user: Vec<u8>, password: Secret) {
        let storage = Arc::clone(&self.shared.config.storage);
        let request = LoginRequest::new(user, password, self.peer.addr.ip());
        let cancel = self.ended.clone();
        let result = Err(busy());
        self.ask(Message::Login { id, result }, move || {
            let result =
                guarded(|| wanted(&cancel).and_then(|()| storage.login(&request, &cancel)));
            Message::Login { id, result }
        });
    }

    fn operate(&self, id: Id, operation: Operation) {
        let Some(volume) = self.volume.clone() else {
            let result = Err(nobody());
            return tell(&self.sender, Message::Performed { id, result });
        };
        let cancel = self.ended.clone();
        let result = Err(busy());
        self.ask(Message::Performed { id, result }, move || {
            let result =
                guarded(|| wanted(&cancel).and_then(|()| volume.perform(&operation, &cancel)));
            Message::Performed { id, result }
        });
    }

    fn listen(&mut self, id: Id) {
        self.listener = None;
        let bound = Listener::bind(self.peer, &self.shared.ports, self.shared.clock);
        self.listener = bound
            .inspect_err(|e| log::warn!("[{}] no passive port: {e}", self.number))
            .ok();
        let address = self.listener.as_ref().map(Listener::address);
        self.handle(Input::Listening { id, address });
    }

    fn open(&mut self, transfer: Transfer) {
        self.transfer = Some(Running::new(transfer.id));
        let until = self.shared.clock.mono() + PATIENCE;
        self.waiting = Some((transfer, until));
        self.begin_waiting();
    }

    /// Opens the transfer that waits, when those before it have ended or had their time.
    pub(crate) fn begin_waiting(&mut self) {
        let now = self.shared.clock.mono();
        let may = |(_, until): &mut (Transfer, Duration)| self.loose == 0 || *until <= now;
        let Some((transfer, _)) = self.waiting.take_if(may) else {
            return;
        };
        let id = transfer.id;
        let refuse = |e| Message::Opened { id, result: Err(e) };
        let (Some(volume), Some(running)) = (self.volume.clone(), &self.transfer) else {
            return tell(&self.sender, refuse(nobody()));
        };
        if self.loose > LOOSE_ENDS {
            return tell(&self.sender, refuse(busy()));
        }
        let (cancel, pool) = (running.cancel.clone(), Arc::clone(&self.shared.transfers));
        self.ask(refuse(busy()), move || {
            let opened =
                wanted(&cancel).and_then(|()| Held::open(&*volume, transfer, cancel, pool));
            Message::Opened { id, result: opened }
        });
    }

    fn connect(&mut self, id: Id, route: DataRoute) {
        let listener = self.listener.take_if(|_| route == DataRoute::Passive);
        let Some(held) = self.take_held(id) else {
            return;
        };
        let timeout = held
            .job()
            .map_or(PATIENCE, |job| job.transfer().connect_timeout);
        let (sender, peer) = (self.sender.clone(), self.peer);
        let task = self.shared.spawn(async move {
            let result = data::connect(route, listener, peer, timeout).await;
            tell(&sender, Message::Connected { id, result });
        });
        match task {
            Some(task) => self.set_phase(Phase::Connecting(held, task)),
            // The server is gone, and this session with it.
            None => self.end(held, Some(TransferFailure::Cancelled)),
        }
    }

    /// Pumps on the pool for transfers.
    pub(crate) fn pump(&mut self, id: Id, held: Held, socket: TcpStream) {
        let socket = Arc::new(socket);
        self.set_phase(Phase::Pumping(Arc::downgrade(&socket)));
        let sender = self.sender.clone();
        let work = Box::new(move || tell(&sender, held.pump(socket)));
        if let Err(work) = self.shared.transfers.submit(work) {
            // It closes the socket and has the upload discarded.
            drop(work);
            tell(&self.sender, ended(id, 0, Err(busy().into())));
        }
    }

    /// The transfer, if it is this one.
    pub(crate) fn running(&mut self, id: Id) -> Option<&mut Running> {
        self.transfer.as_mut().filter(|running| running.id == id)
    }

    pub(crate) fn set_phase(&mut self, phase: Phase) {
        if let Some(running) = &mut self.transfer {
            running.phase = phase;
        }
    }

    /// The job, if it is here and of this transfer. The transfer counts as ending meanwhile.
    pub(crate) fn take_held(&mut self, id: Id) -> Option<Held> {
        let running = self.running(id)?;
        match std::mem::replace(&mut running.phase, Phase::Ending) {
            Phase::Held(held) | Phase::Connecting(held, _) => Some(held),
            other => {
                running.phase = other;
                None
            }
        }
    }

    fn end_held(&mut self, id: Id, reason: Option<TransferFailure>) {
        if let Some(held) = self.take_held(id) {
            self.end(held, reason);
        }
    }

    /// Commits, or discards for `reason`, on the pool for transfers.
    pub(crate) fn end(&self, held: Held, reason: Option<TransferFailure>) {
        let sender = self.sender.clone();
        let work = Box::new(move || tell(&sender, held.end(reason)));
        self.shared.transfers.submit_urgent(work);
    }

    fn cancel(&mut self, id: Id) {
        if self.running(id).is_none() {
            return;
        }
        if self.waiting.take().is_some() {
            // It was never begun.
            self.transfer = None;
            return;
        }
        self.loose += 1;
        if let Some(held) = self.transfer.take().and_then(Running::abandon) {
            self.end(held, Some(TransferFailure::Cancelled));
        }
    }

    /// Lets go of everything but the control connection. A commit that has begun goes on.
    fn release(&mut self) {
        self.ended.cancel();
        self.listener = None;
        self.waiting = None;
        if let Some(running) = self.transfer.take()
            && !matches!(running.phase, Phase::Ending)
        {
            drop(running.abandon());
        }
        self.inbox.close();
        while self.inbox.try_recv().is_ok() {}
    }

    fn log(&self, event: &Event) {
        let number = self.number;
        match event {
            Event::Command(line) => log::debug!("[{number}] > {line}"),
            Event::Reply(line) => log::debug!("[{number}] < {line}"),
            Event::LoggedIn { user } => log::info!("[{number}] logged in as {user}"),
            Event::LoginFailed { user, reason } => {
                log::info!("[{number}] login as {user} failed: {reason}");
            }
            Event::Transfer {
                verb,
                path,
                bytes,
                code,
            } => log::info!("[{number}] {verb} {path:?}: {bytes} bytes, {code}"),
            Event::Closing(why) => log::info!("[{number}] closing: {why}"),
            other => log::debug!("[{number}] {other:?}"),
        }
    }
}

impl Drop for SessionTask {
    fn drop(&mut self) {
        self.release();
    }
}

/// Sends `message`. If the session is gone it is dropped, and what it holds is discarded.
fn tell(sender: &Sender<Message>, message: Message) {
    let _ = sender.try_send(message);
}

/// Whether anybody still waits for what has not begun yet.
fn wanted(cancel: &Cancel) -> Result<(), StorageError> {
    if cancel.is_cancelled() {
        return Err(StorageError::new(ErrorKind::Cancelled, "Cancelled."));
    }
    Ok(())
}

fn busy() -> StorageError {
    StorageError::new(ErrorKind::Busy, "The server is busy, try again later.")
}

fn nobody() -> StorageError {
    StorageError::new(ErrorKind::Denied, "Log in first.")
}
