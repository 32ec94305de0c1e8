//! The loop around one session: outputs are performed, what happens is handed in.
//!
//! It runs on the session's own thread, which alone touches the [`Session`]. Reading and
//! everything that waits for the storage or for data connections is done by other threads,
//! which report through the inbox.

use crate::control::Control;
use crate::crew::{Crew, Order, tell};
use crate::data::{Data, Route};
use crate::inbox::Message;
use crate::ports::PassiveListener;
use crate::server::{Shared, Slot};
use ossftp_core::driver::{Report, Requests, Task, log_event};
use ossftp_core::{DataError, DataRoute, Id, Input, Now, Output, Peer, Session, TransferFailure};
use std::net::TcpStream;
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
    requests: Requests,
    listener: Option<PassiveListener>,
    /// The end of an upload, which waits until then for the control connection to be read dry.
    eof: Option<(Report, Instant)>,
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
        let peer = Peer::new(socket.peer_addr()?, socket.local_addr()?);
        let control = Control::start(socket, shared.config.write_timeout, sender.clone())?;
        let session = Session::new(Arc::clone(&shared.config.session), peer, now(&shared));
        Ok(Self {
            crew: Crew::new(Arc::clone(&shared), slot, sender),
            requests: Requests::new(Arc::clone(&shared.config.storage), peer.addr.ip()),
            shared,
            number,
            peer,
            session,
            open: true,
            deadline: None,
            inbox,
            control,
            listener: None,
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
    pub(crate) fn finish(mut self) {
        if let Some(transfer) = self.requests.end() {
            self.crew.abandon(transfer);
        }
        // The workers end when their tasks are done, and discard what was not committed.
        drop(self.crew);
        drop(self.listener);
        self.control.close(&self.inbox);
        log::info!("[{}] disconnected", self.number);
    }

    /// The next thing that happens; `None` when a deadline comes first.
    fn next(&mut self) -> Option<Message> {
        let due = |(_, until): &mut (Report, Instant)| {
            !self.control.is_unread() || *until <= Instant::now()
        };
        if let Some((report, _)) = self.eof.take_if(due) {
            self.report(report);
            return None;
        }
        let eof = self.eof.as_ref().map(|(_, until)| *until);
        let until = [self.deadline, self.crew.deadline(), eof];
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
                if let Some(progress) = self.requests.progress() {
                    self.hand(progress);
                }
                if !self.control.has_ended() {
                    self.hand(Input::Control(buffer.get(..count).unwrap_or_default()));
                }
                self.control.bring_home(buffer);
            }
            Message::ControlClosed => {
                self.control.set_ended();
                self.hand(Input::ControlClosed);
            }
            Message::Report(report) if report.is_eof() => {
                self.eof = Some((report, Instant::now() + EOF_PATIENCE));
            }
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
        match self.requests.task(output) {
            Ok(task) => self.crew.give(Order::from(task)),
            Err(Output::Send(bytes)) => self.send(&bytes),
            Err(Output::Listen { id }) => self.listen(id),
            Err(Output::StopListening) => self.listener = None,
            Err(Output::Run { id, route }) => self.transfer(id, route),
            Err(Output::Cancel { id }) => {
                if let Some(transfer) = self.requests.cancel(id) {
                    self.crew.abandon(transfer);
                }
            }
            // TLS is not there yet.
            Err(Output::StartTls) => self.session.handle(now(&self.shared), Input::TlsFailed),
            Err(Output::Event(event)) => log_event(self.number, &event),
            Err(output) => log::error!("[{}] cannot perform {output:?}", self.number),
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.control.send(bytes) {
            log::info!("[{}] cannot write a reply: {error}", self.number);
            self.session.handle(now(&self.shared), Input::ControlClosed);
        }
    }

    fn listen(&mut self, id: Id) {
        // The old one goes first: its port is no reason for having none.
        self.listener = None;
        self.listener = PassiveListener::bind(self.peer, &self.shared.ports, self.shared.epoch)
            .inspect_err(|error| log::warn!("[{}] no passive port: {error}", self.number))
            .ok();
        let address = self.listener.as_ref().map(PassiveListener::address);
        let input = Input::Listening { id, address };
        self.session.handle(now(&self.shared), input);
    }

    /// Has a worker open the data connection and move the bytes.
    fn transfer(&mut self, id: Id, route: DataRoute) {
        let Some(transfer) = self.requests.transfer(id).cloned() else {
            return;
        };
        let timeout = self.shared.config.session.data_connect_timeout;
        let route = match route {
            DataRoute::Passive => self.listener.take().map_or(Route::Missing, Route::Passive),
            DataRoute::Active(target) => Route::Active(target, timeout),
            _ => Route::Missing,
        };
        let (peer, failure) = (self.peer, TransferFailure::Data(DataError::NotConnected));
        let refusal = Task::refuse(transfer.clone()).refusal();
        let work = move |inbox: &Sender<Message>| {
            let report = match Data::open(route, peer, transfer.cancel()) {
                Some(data) => {
                    tell(inbox, Report::from(Input::DataConnected { id }));
                    transfer.pump(data)
                }
                None => transfer.end(Some(failure)),
            };
            tell(inbox, report);
        };
        self.crew.give(Order::new(refusal, Box::new(work)));
    }

    fn report(&mut self, report: Report) {
        let input = self.requests.input(report);
        self.hand(input);
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
