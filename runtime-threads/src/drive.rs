//! The loop around one session: outputs are performed, what happens is handed in.
//!
//! It runs on the session's own thread, which alone touches the [`Session`]. Reading and
//! everything that waits for the storage or for data connections is done by other threads,
//! which report through the inbox.

use crate::control::Control;
use crate::crew::Crew;
use crate::data::{Abort, Route};
use crate::inbox::Message;
use crate::ports::PassiveListener;
use crate::server::{Shared, Slot};
use crate::worker::{Report, Task};
use ossftp_core::driver::{Cancel, LoginRequest, Progress, Volume};
use ossftp_core::{
    Admin, DataRoute, ErrorKind, Event, Id, Input, Now, Operation, Output, Peer, Session,
    StorageError, Transfer, TransferFailure,
};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// How long the end of an upload waits for control bytes that the reader is about to deliver.
const EOF_PATIENCE: Duration = Duration::from_secs(1);

/// One session and all that belongs to it.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    number: u64,
    peer: Peer,
    session: Session,
    /// Until [`Output::Close`].
    open: bool,
    /// What the last [`Output::Wait`] said.
    deadline: Option<Instant>,
    inbox: Receiver<Message>,
    control: Control,
    crew: Crew,
    volume: Option<Arc<dyn Volume>>,
    /// The login whose answer brings the volume.
    login: Option<Id>,
    /// Of the login or operation that was asked for last.
    cancel: Cancel,
    listener: Option<PassiveListener>,
    transfer: Option<Running>,
    eof: Option<HeldEof>,
}

/// The transfer that the session waits for.
struct Running {
    id: Id,
    abort: Arc<Abort>,
    progress: Option<Progress>,
    /// Its upload is whole and wanted, whatever becomes of the session.
    committing: bool,
}

/// The end of an upload that waits for the control connection to be read dry.
struct HeldEof {
    id: Id,
    bytes: u64,
    waited: Duration,
    until: Instant,
}

impl Driver {
    /// A session on an accepted connection.
    ///
    /// # Errors
    /// The connection is dead already, or no thread could be had.
    pub(crate) fn new(
        shared: Arc<Shared>,
        number: u64,
        socket: Arc<TcpStream>,
        (sender, inbox): (Sender<Message>, Receiver<Message>),
        slot: Arc<Slot>,
    ) -> std::io::Result<Self> {
        let peer = Peer {
            addr: canonical(socket.peer_addr()?),
            local: canonical(socket.local_addr()?),
        };
        let control = Control::start(socket, shared.config.write_timeout, sender.clone())?;
        let session = Session::new(Arc::clone(&shared.config.session), peer, now(&shared));
        Ok(Self {
            crew: Crew::new(Arc::clone(&shared), slot, sender),
            shared,
            number,
            peer,
            session,
            open: true,
            deadline: None,
            inbox,
            control,
            volume: None,
            login: None,
            cancel: Cancel::new(),
            listener: None,
            transfer: None,
            eof: None,
        })
    }

    /// Runs the session to its end. It may panic only through a fault of the core; then
    /// [`Driver::finish`] is still to be called.
    pub(crate) fn run(&mut self) {
        log::info!("[{}] connected from {}", self.number, self.peer.addr);
        self.drain();
        while self.open {
            if self.session.wants_input() {
                self.control.allow_read();
            }
            let message = self.next();
            // Timers go first, so that a busy session cannot outrun them.
            if self.deadline.is_some_and(|at| at <= Instant::now()) {
                self.hand(Input::Tick);
            }
            if let Some(message) = message {
                self.take(message);
            }
            self.crew.look();
        }
    }

    /// Ends what the session has left running, and the control connection.
    pub(crate) fn finish(self) {
        self.cancel.cancel();
        if let Some(transfer) = self.transfer.filter(|t| !t.committing) {
            transfer.abort.abort();
        }
        // The workers end when their tasks are done, and discard what was not committed.
        drop(self.crew);
        drop(self.listener);
        self.control.close(&self.inbox);
        log::info!("[{}] disconnected", self.number);
    }

    /// The next thing that happens; `None` when a deadline comes first.
    fn next(&mut self) -> Option<Message> {
        let mut until = [self.deadline, self.crew.deadline()];
        if let Some(eof) = &self.eof {
            if !self.control.is_unread() || eof.until <= Instant::now() {
                let (id, bytes, waited) = (eof.id, eof.bytes, eof.waited);
                self.eof = None;
                self.hand(Input::TransferEof { id, bytes, waited });
                return None;
            }
            until[0] = until[0].into_iter().chain([eof.until]).min();
        }
        let received = match until.into_iter().flatten().min() {
            Some(at) => {
                let left = at.saturating_duration_since(Instant::now());
                self.inbox.recv_timeout(left)
            }
            None => self.inbox.recv().map_err(RecvTimeoutError::from),
        };
        received.ok()
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Control(buffer, count) => {
                self.say_progress();
                if !self.control.has_ended() {
                    self.hand(Input::Control(buffer.get(..count).unwrap_or_default()));
                }
                self.control.bring_home(buffer);
            }
            Message::ControlClosed => {
                self.control.set_ended();
                self.hand(Input::ControlClosed);
            }
            Message::Listening(id, address) => self.hand(Input::Listening { id, address }),
            Message::Report(report) => self.report(report),
            Message::Idle(number) => self.crew.came_back(number),
            Message::Admin(admin) => self.hand(Input::Admin(admin)),
        }
    }

    /// Hands `input` in and performs what the session says to it.
    fn hand(&mut self, input: Input<'_>) {
        if self.open {
            self.session.handle(now(&self.shared), input);
            self.drain();
        }
    }

    fn drain(&mut self) {
        while self.open {
            match self.session.poll_output() {
                Output::Wait(at) => {
                    self.deadline = at.map(|at| self.shared.epoch + at);
                    return;
                }
                Output::Close => self.open = false,
                output => self.perform(output),
            }
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Send(bytes) => self.send(&bytes),
            Output::Login { id, user, password } => {
                self.login = Some(id);
                let request = LoginRequest::new(user, password, self.peer.addr.ip());
                let task = Task::Login(id, request, self.fresh_cancel());
                self.crew.give(task);
            }
            Output::Perform { id, operation } => self.operate(id, operation),
            Output::Listen { id } => {
                // The old one goes first: its port is no reason for having none.
                self.listener = None;
                self.listener = self
                    .shared
                    .ports
                    .listen(self.peer.local, self.peer.addr.ip());
                let address = self.listener.as_ref().map(PassiveListener::address);
                self.crew.tell(Message::Listening(id, address));
            }
            Output::StopListening => self.listener = None,
            Output::Open(transfer) => self.open_transfer(transfer),
            Output::Run { id, route } => {
                let route = self.route(route);
                self.crew.give(Task::Run(id, route));
            }
            Output::Commit { id } => {
                if let Some(transfer) = &mut self.transfer {
                    transfer.committing = true;
                }
                self.crew.give(Task::Commit(id));
            }
            Output::Discard { id, reason } => self.crew.give(Task::Discard(id, reason)),
            Output::Cancel { id } => {
                if let Some(transfer) = self.transfer.take_if(|t| t.id == id) {
                    transfer.abort.abort();
                    let reason = TransferFailure::Cancelled;
                    self.crew.give_cancelled(Task::Discard(id, reason));
                }
            }
            Output::Event(event) => self.log(&event),
            output => log::error!("[{}] cannot perform {output:?}", self.number),
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.control.send(bytes) {
            log::info!("[{}] cannot write a reply: {error}", self.number);
            self.crew.tell(Message::ControlClosed);
        }
    }

    fn operate(&mut self, id: Id, operation: Operation) {
        let Some(volume) = self.volume.clone() else {
            let refusal = Report::Performed(id, Err(not_logged_in()));
            self.crew.tell(Message::Report(refusal));
            return;
        };
        let task = Task::Perform(id, volume, operation, self.fresh_cancel());
        self.crew.give(task);
    }

    fn open_transfer(&mut self, transfer: Box<Transfer>) {
        let id = transfer.id;
        let Some(volume) = self.volume.clone() else {
            let refusal = Report::Ready(id, Err(not_logged_in()));
            self.crew.tell(Message::Report(refusal));
            return;
        };
        let abort = Arc::new(Abort::default());
        self.transfer = Some(Running {
            id,
            abort: Arc::clone(&abort),
            progress: None,
            committing: false,
        });
        self.crew.give(Task::Open(volume, transfer, abort));
    }

    fn fresh_cancel(&mut self) -> Cancel {
        self.cancel = Cancel::new();
        self.cancel.clone()
    }

    fn route(&mut self, route: DataRoute) -> Route {
        match route {
            DataRoute::Passive => self.listener.take().map_or(Route::Missing, Route::Passive),
            DataRoute::Active(target) => Route::Active {
                local: self.peer.local,
                target: in_scope_of(self.peer.addr, target),
            },
            _ => Route::Missing,
        }
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Login(id, result) => {
                let result = result.map(|(volume, info)| {
                    if self.login == Some(id) {
                        self.volume = Some(volume);
                    }
                    info
                });
                self.hand(Input::Login { id, result });
            }
            Report::Performed(id, result) => self.hand(Input::Performed { id, result }),
            Report::Ready(id, result) => {
                let result = result.map(|(size, progress)| {
                    if let Some(transfer) = self.transfer.as_mut().filter(|t| t.id == id) {
                        transfer.progress = Some(progress);
                    }
                    size
                });
                self.hand(Input::TransferReady { id, result });
            }
            Report::Connected(id) => self.hand(Input::DataConnected { id }),
            Report::Eof(id, bytes, waited) => {
                let until = Instant::now() + EOF_PATIENCE;
                self.eof = Some(HeldEof {
                    id,
                    bytes,
                    waited,
                    until,
                });
            }
            Report::Done(id, report) => {
                self.transfer.take_if(|t| t.id == id);
                self.hand(Input::TransferDone { id, report });
            }
            Report::Panicked => {
                log::error!("[{}] the storage panicked, the session ends", self.number);
                self.hand(Input::Admin(Admin::Kick));
            }
        }
    }

    fn say_progress(&mut self) {
        if let Some(Running {
            id,
            progress: Some(progress),
            ..
        }) = &self.transfer
        {
            let (id, bytes) = (*id, progress.bytes());
            self.hand(Input::TransferProgress { id, bytes });
        }
    }

    fn log(&self, event: &Event) {
        let number = self.number;
        match event {
            Event::Command(text) => log::debug!("[{number}] > {text}"),
            Event::Reply(text) => log::debug!("[{number}] < {text}"),
            Event::LoggedIn { user } => log::info!("[{number}] {user} logged in"),
            Event::LoginFailed { user, reason } => {
                log::info!("[{number}] login of {user} refused: {reason}");
            }
            Event::Transfer {
                verb,
                path,
                bytes,
                code,
            } => {
                let path = path.display();
                log::info!("[{number}] {verb} {path}: {bytes} bytes, {code}");
            }
            Event::Closing(reason) => log::info!("[{number}] closing: {reason}"),
            event => log::info!("[{number}] {event:?}"),
        }
    }
}

fn now(shared: &Shared) -> Now {
    let unix = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    Now {
        mono: shared.epoch.elapsed(),
        unix: i64::try_from(unix).unwrap_or(i64::MAX),
    }
}

fn not_logged_in() -> StorageError {
    StorageError::new(ErrorKind::Denied, "Log in first.")
}

/// An IPv4 client of an IPv6 socket counts as IPv4. The scope of an IPv6 address is kept.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip if ip.is_ipv4() => SocketAddr::new(ip, address.port()),
        _ => address,
    }
}

/// EPRT names a link-local address without the link; it is the control connection's.
fn in_scope_of(peer: SocketAddr, mut target: SocketAddr) -> SocketAddr {
    if let (SocketAddr::V6(peer), SocketAddr::V6(target)) = (peer, &mut target)
        && peer.ip() == target.ip()
    {
        target.set_scope_id(peer.scope_id());
    }
    target
}
