//! The server: accepts, keeps the list of sessions, and stops.

use crate::ServerConfig;
use crate::data::{is_passing, wake};
use crate::drive::Driver;
use crate::inbox::Message;
use ossftp_core::Admin;
use ossftp_core::driver::{PassivePorts, Place, Roll};
use std::convert::Infallible;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The parser and the session; nothing of a storage runs here.
const STACK: usize = crate::stack(128);
/// After a failed accept (no file descriptor left, say) the next one waits.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long the acceptor may take to notice that it is to stop.
const ACCEPTOR_PATIENCE: Duration = Duration::from_secs(1);
const NO_THREAD: &[u8] = b"421 The server is busy, try again later.\r\n";

/// A running server. Dropped without [`Server::stop`], it stops accepting and ends its sessions
/// at once, without waiting for them.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Ends when the acceptor does.
    accepting: Mutex<Receiver<Infallible>>,
}

/// What all threads of a server share.
pub(crate) struct Shared {
    pub(crate) config: ServerConfig,
    pub(crate) ports: Arc<PassivePorts>,
    /// The zero of [`Now::mono`](ossftp_core::Now).
    pub(crate) epoch: Instant,
    /// Workers that were given up and have not come back.
    pub(crate) strays: Arc<AtomicUsize>,
    stopping: AtomicBool,
    roll: Arc<Roll<Entry>>,
}

/// How a session is reached from outside.
pub(crate) struct Entry {
    inbox: Sender<Message>,
    socket: Arc<TcpStream>,
}

/// A connection's place. Its session and all of its workers hold it, so that it is free again
/// only when nothing is left of them.
pub(crate) type Slot = Place<Entry>;

impl Server {
    /// Serves the connections of `listener`.
    ///
    /// # Errors
    /// The listener is not usable, or no thread could be had.
    pub fn start(listener: TcpListener, config: ServerConfig) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(false)?;
        let shared = Arc::new(Shared {
            ports: Arc::new(PassivePorts::new(config.passive_ports.clone())),
            roll: Roll::new(config.max_connections),
            config,
            epoch: Instant::now(),
            strays: Arc::default(),
            stopping: AtomicBool::new(false),
        });
        let (running, accepting) = channel();
        let acceptor = Arc::clone(&shared);
        thread::Builder::new()
            .name(String::from("ftp-accept"))
            .stack_size(STACK)
            .spawn(move || accept(&acceptor, listener, running))?;
        Ok(Self {
            shared,
            address,
            accepting: Mutex::new(accepting),
        })
    }

    /// The address that clients connect to.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The number of sessions that are open now.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.shared.roll.sessions()
    }

    /// Stops accepting, lets running transfers end, and ends all sessions; those that are not
    /// done near the end of `grace` are cancelled. True when nothing is left: no session, and no
    /// upload that is still being discarded. It returns as soon as that is so.
    pub fn stop(self, grace: Duration) -> bool {
        let end = Instant::now() + grace;
        let closed = self.close_door(grace.min(ACCEPTOR_PATIENCE));
        let left = end.saturating_duration_since(Instant::now());
        if self.shared.roll.stop(left, Entry::tell) {
            return closed;
        }
        // Ends a write to a client that does not read; a storage that hangs is left behind.
        self.shared.roll.for_each(|entry| {
            let _ = entry.socket.shutdown(Shutdown::Both);
        });
        false
    }

    /// Has the acceptor end; false if it has not after so long.
    fn close_door(&self, patience: Duration) -> bool {
        if !self.shared.stopping.swap(true, Ordering::SeqCst) {
            wake(self.address);
        }
        let accepting = self.accepting.lock();
        let accepting = accepting.unwrap_or_else(PoisonError::into_inner);
        accepting.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close_door(Duration::ZERO);
        self.shared.roll.for_each(|entry| entry.tell(Admin::Kick));
    }
}

impl Entry {
    fn tell(&self, admin: Admin) {
        // A session that is ending hears nothing more.
        let _ = self.inbox.send(Message::Admin(admin));
    }
}

fn accept(shared: &Arc<Shared>, listener: TcpListener, running: Sender<Infallible>) {
    loop {
        let accepted = listener.accept();
        if shared.stopping.load(Ordering::SeqCst) {
            break;
        }
        match accepted {
            Ok((socket, _)) => admit(shared, socket),
            Err(e) if is_passing(e.kind()) => {}
            Err(error) => {
                log::error!("cannot accept a connection: {error}");
                thread::sleep(ACCEPT_PAUSE);
            }
        }
    }
    // In this order: whoever is told that it is over may connect no more.
    drop(listener);
    drop(running);
}

fn admit(shared: &Arc<Shared>, socket: TcpStream) {
    let socket = Arc::new(socket);
    let (sender, inbox) = channel();
    let entry = Entry {
        inbox: sender.clone(),
        socket: Arc::clone(&socket),
    };
    let Some(seat) = shared.roll.enter(entry) else {
        refuse(&socket, ServerConfig::TOO_MANY_CONNECTIONS);
        return;
    };
    let (shared, connection) = (Arc::clone(shared), Arc::clone(&socket));
    let session = move || {
        let number = seat.number();
        match Driver::new(shared, number, connection, (sender, inbox), seat.place()) {
            Ok(driver) => drive(driver, number),
            Err(error) => log::warn!("[{number}] cannot be served: {error}"),
        }
    };
    let thread = thread::Builder::new()
        .name(String::from("ftp-session"))
        .stack_size(STACK)
        .spawn(session);
    if let Err(error) = thread {
        log::error!("no thread for a session: {error}");
        refuse(&socket, NO_THREAD);
    }
}

/// Runs one session; should it panic, the others live on.
fn drive(mut driver: Driver, number: u64) {
    if catch_unwind(AssertUnwindSafe(|| driver.run())).is_err() {
        log::error!("[{number}] the session panicked and is closed");
    }
    driver.finish();
}

/// Says why and closes, without ever waiting for the client.
fn refuse(mut socket: &TcpStream, why: &[u8]) {
    let said = socket
        .set_nonblocking(true)
        .and_then(|()| socket.write_all(why))
        .and_then(|()| socket.shutdown(Shutdown::Write));
    if let Err(error) = said {
        log::debug!("a refused client was gone already: {error}");
    }
}
