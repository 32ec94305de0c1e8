//! One session as a task: performs what the session says, and tells it what happened.
//!
//! The loop is the one of the driver's contract (see [`ossftp_core`]). Whatever blocks runs on a
//! pool and comes back as a [`Message`]; so the task waits for three things only: control bytes,
//! a message, and the deadline.

use crate::control::{Control, Found, buffer};
use crate::data::{self, DataSocket, Listener};
use crate::server::Shared;
use async_io::Timer;
use ossftp_core::driver::{Report, Requests, Task, TransferHandle, log_event};
use ossftp_core::{Admin, DataError, DataRoute, Id, Input, Output, Peer, Session, TransferFailure};
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
/// Before the end of an upload is handed in, at most so many chunks of control bytes are.
const CATCH_UP: usize = 16;

/// Something that happened to a session.
pub(crate) enum Message {
    /// There may be control bytes.
    Readable,
    /// The deadline has come.
    Tick,
    /// A pool has something to say.
    Report(Report),
    /// The data connection of a transfer is there, or is not.
    Connected(Id, Result<TcpStream, DataError>),
    /// The operator wants something.
    Admin(Admin),
}

/// A session and all that it owns.
pub(crate) struct SessionTask {
    shared: Arc<Shared>,
    /// Names it in the log.
    number: u64,
    peer: Peer,
    session: Session,
    control: Control,
    /// Whether the session knows that the control connection is lost.
    told: bool,
    /// Whether the session has ended.
    closed: bool,
    sender: Sender<Message>,
    inbox: Receiver<Message>,
    requests: Requests,
    listener: Option<Listener>,
    /// Makes the data connection of the transfer.
    connecting: Option<smol::Task<()>>,
    /// The opening of the next transfer, which waits until then for those that were given up.
    waiting: Option<(Task, Duration)>,
    /// Transfers that were given up and have not ended yet.
    loose: Vec<TransferHandle>,
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
        let storage = Arc::clone(&shared.config.storage);
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
            requests: Requests::new(storage, peer.addr.ip()),
            listener: None,
            connecting: None,
            waiting: None,
            loose: Vec::new(),
        }
    }

    /// Runs the session to its end.
    pub(crate) async fn run(mut self) {
        log::info!("[{}] connected from {}", self.number, self.peer.addr);
        while let ControlFlow::Continue(deadline) = self.drain().await {
            let message = self.next(deadline).await;
            self.take(message).await;
            self.begin_waiting();
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
        if let Some(progress) = self.requests.progress() {
            self.handle(progress);
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
        let opens = matches!(output, Output::Open(_));
        match self.requests.task(output) {
            Ok(task) if opens => {
                self.waiting = Some((task, self.shared.clock.mono() + PATIENCE));
                self.begin_waiting();
            }
            Ok(task) => self.give(task),
            Err(Output::Listen { id }) => self.listen(id),
            Err(Output::StopListening) => self.listener = None,
            Err(Output::Run { id, route }) => self.connect(id, route),
            Err(Output::Cancel { id }) => {
                let transfer = self.requests.cancel(id);
                self.abandon(transfer);
            }
            // TLS is not there yet.
            Err(Output::StartTls) => self.handle(Input::TlsFailed),
            Err(Output::Event(event)) => log_event(self.number, &event),
            Err(other) => log::error!("[{}] not understood: {other:?}", self.number),
        }
    }

    /// Has `task` done on its pool, or refused if that is full.
    fn give(&self, task: Task) {
        let sender = self.sender.clone();
        let (refusal, is_end) = (task.refusal(), task.is_end());
        let work = Box::new(move || tell(&sender, Message::Report(task.perform())));
        if is_end {
            self.shared.transfers.submit_urgent(work);
        } else if self.shared.operations.submit(work).is_err() {
            tell(&self.sender, Message::Report(refusal));
        }
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

    /// Opens the transfer that waits, when those before it have ended or had their time.
    fn begin_waiting(&mut self) {
        self.loose.retain(TransferHandle::is_busy);
        let (now, none) = (self.shared.clock.mono(), self.loose.is_empty());
        let Some((task, _)) = self.waiting.take_if(|(_, until)| none || *until <= now) else {
            return;
        };
        if self.loose.len() > LOOSE_ENDS {
            tell(&self.sender, Message::Report(task.refusal()));
        } else {
            self.give(task);
        }
    }

    fn connect(&mut self, id: Id, route: DataRoute) {
        let listener = self.listener.take_if(|_| route == DataRoute::Passive);
        let timeout = self.shared.config.session.data_connect_timeout;
        let (sender, peer) = (self.sender.clone(), self.peer);
        // Without a task the server is gone, and this session with it.
        self.connecting = self.shared.spawn(async move {
            let result = data::connect(route, listener, peer, timeout).await;
            tell(&sender, Message::Connected(id, result));
        });
    }

    /// Pumps on the pool for transfers, if there is a data connection and the transfer is still
    /// wanted.
    fn connected(&mut self, id: Id, result: Result<TcpStream, DataError>) {
        let Some(transfer) = self.requests.transfer(id).cloned() else {
            return;
        };
        match result {
            Ok(socket) => {
                self.handle(Input::DataConnected { id });
                self.pump(transfer, socket);
            }
            Err(error) => self.give(Task::discard(transfer, TransferFailure::Data(error))),
        }
    }

    /// Moves the bytes on the pool for transfers, or ends the transfer if that is full.
    fn pump(&self, transfer: TransferHandle, socket: TcpStream) {
        let (sender, pumped) = (self.sender.clone(), transfer.clone());
        let work = Box::new(move || {
            let report = pumped.pump(DataSocket::new(socket, pumped.cancel()));
            drop(pumped);
            tell(&sender, Message::Report(report));
        });
        if self.shared.transfers.submit(work).is_err() {
            let task = Task::refuse(transfer);
            // The client need not wait for a full pool; the report of the discard comes too late.
            tell(&self.sender, Message::Report(task.refusal()));
            self.give(task);
        }
    }

    /// Deals with what came.
    async fn take(&mut self, message: Message) {
        match message {
            Message::Readable => {
                self.read();
            }
            Message::Tick => self.handle(Input::Tick),
            Message::Report(report) => {
                if report.is_eof() {
                    self.catch_up().await;
                }
                let input = self.requests.input(report);
                self.handle(input);
            }
            Message::Connected(id, result) => self.connected(id, result),
            Message::Admin(admin) => self.handle(Input::Admin(admin)),
        }
    }

    /// Hands in what the control connection has received. A client that was killed has closed it
    /// too, and the session is to know that before the end of its upload.
    async fn catch_up(&mut self) {
        for _ in 0..CATCH_UP {
            let more = self.read();
            if self.drain().await.is_break() || !more {
                break;
            }
        }
    }

    /// Sees to the end of a transfer that was given up.
    fn abandon(&mut self, transfer: Option<TransferHandle>) {
        self.connecting = None;
        let Some(transfer) = transfer else {
            return;
        };
        if self.waiting.take().is_none() {
            let reason = TransferFailure::Cancelled;
            self.give(Task::discard(transfer.clone(), reason));
            self.loose.push(transfer);
        }
    }

    /// Lets go of everything but the control connection. A commit that has begun goes on.
    fn release(&mut self) {
        self.listener = None;
        let transfer = self.requests.end();
        self.abandon(transfer);
        self.inbox.close();
    }
}

impl Drop for SessionTask {
    fn drop(&mut self) {
        self.release();
    }
}

/// Sends `message`; a session that is gone wants to hear nothing.
fn tell(sender: &Sender<Message>, message: Message) {
    let _ = sender.try_send(message);
}
