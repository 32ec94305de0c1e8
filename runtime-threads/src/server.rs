//! The server: accepts, keeps the list of sessions, and stops.

use crate::ServerConfig;
use crate::data::{is_passing, wake};
use crate::drive::Driver;
use crate::inbox::Message;
use crate::ports::Ports;
use ossftp_core::Admin;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The parser and the session; nothing of a storage runs here.
const STACK: usize = crate::stack(128);
/// After a failed accept (no file descriptor left, say) the next one waits.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The second half of the grace, but no more than this, is for those who have to be kicked.
const KICK_TIME: Duration = Duration::from_secs(5);
/// How long the acceptor may take to notice that it is to stop.
const ACCEPTOR_PATIENCE: Duration = Duration::from_secs(1);
const FULL: &[u8] = b"421 Too many connections, try again later.\r\n";
const NO_THREAD: &[u8] = b"421 The server is busy, try again later.\r\n";

/// A running server. Dropped without [`Server::stop`], it stops accepting and ends its sessions
/// at once, without waiting for them.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
}

/// What all threads of a server share.
pub(crate) struct Shared {
    pub(crate) config: ServerConfig,
    pub(crate) ports: Arc<Ports>,
    /// The zero of [`Now::mono`](ossftp_core::Now).
    pub(crate) epoch: Instant,
    /// Workers that were given up and have not come back.
    pub(crate) strays: Arc<AtomicUsize>,
    roll: Mutex<Roll>,
    changed: Condvar,
}

/// Who is there.
#[derive(Default)]
struct Roll {
    accepting: bool,
    stopping: bool,
    last_number: u64,
    slots: usize,
    sessions: BTreeMap<u64, Entry>,
}

/// How a session is reached from outside.
struct Entry {
    inbox: Sender<Message>,
    socket: Arc<TcpStream>,
}

/// A connection's place among [`ServerConfig::max_connections`]. Its session and all of its
/// workers hold it, so that it is free again only when nothing is left of them.
pub(crate) struct Slot(Arc<Shared>);

/// A session's line in the roll.
struct Seat(Arc<Shared>, u64);

impl Server {
    /// Serves the connections of `listener`.
    ///
    /// # Errors
    /// The listener is not usable, or no thread could be had.
    pub fn start(listener: TcpListener, config: ServerConfig) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(false)?;
        let shared = Arc::new(Shared {
            ports: Ports::new(config.passive_ports.clone()),
            config,
            epoch: Instant::now(),
            strays: Arc::default(),
            roll: Mutex::new(Roll {
                accepting: true,
                ..Roll::default()
            }),
            changed: Condvar::new(),
        });
        let acceptor = Arc::clone(&shared);
        thread::Builder::new()
            .name(String::from("ftp-accept"))
            .stack_size(STACK)
            .spawn(move || accept(&acceptor, listener))?;
        Ok(Self { shared, address })
    }

    /// The address that clients connect to.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The number of sessions that are open now.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.shared.roll().sessions.len()
    }

    /// Stops accepting, lets running transfers end, and ends all sessions; those that are not
    /// done near the end of `grace` are cancelled. True when nothing is left: no session, and no
    /// upload that is still being discarded. It returns as soon as that is so.
    pub fn stop(self, grace: Duration) -> bool {
        let now = Instant::now();
        let (end, kick) = (now + grace, now + grace - (grace / 2).min(KICK_TIME));
        let shared = &self.shared;
        self.close_door();
        let closed = shared.wait(end.min(now + ACCEPTOR_PATIENCE), |roll| !roll.accepting);
        shared.tell_all(&Admin::Drain);
        if shared.wait(kick, |roll| roll.slots == 0) {
            return closed;
        }
        shared.tell_all(&Admin::Kick);
        if shared.wait(end, |roll| roll.slots == 0) {
            return closed;
        }
        // Ends a write to a client that does not read; a storage that hangs is left behind.
        for entry in shared.roll().sessions.values() {
            let _ = entry.socket.shutdown(Shutdown::Both);
        }
        false
    }

    fn close_door(&self) {
        let accepting = {
            let mut roll = self.shared.roll();
            roll.stopping = true;
            roll.accepting
        };
        if accepting {
            wake(self.address);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close_door();
        self.shared.tell_all(&Admin::Kick);
    }
}

impl Shared {
    fn roll(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_all(&self, admin: &Admin) {
        for entry in self.roll().sessions.values() {
            // A session that is ending hears nothing more.
            let _ = entry.inbox.send(Message::Admin(admin.clone()));
        }
    }

    /// Waits until `done` holds; false if it does not at the moment `end`.
    fn wait(&self, end: Instant, mut done: impl FnMut(&Roll) -> bool) -> bool {
        let left = end.saturating_duration_since(Instant::now());
        let (_roll, result) = self
            .changed
            .wait_timeout_while(self.roll(), left, |roll| !done(roll))
            .unwrap_or_else(PoisonError::into_inner);
        !result.timed_out()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.roll().slots -= 1;
        self.0.changed.notify_all();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.roll().sessions.remove(&self.1);
    }
}

fn accept(shared: &Arc<Shared>, listener: TcpListener) {
    loop {
        let accepted = listener.accept();
        if shared.roll().stopping {
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
    drop(listener);
    shared.roll().accepting = false;
    shared.changed.notify_all();
}

fn admit(shared: &Arc<Shared>, socket: TcpStream) {
    let socket = Arc::new(socket);
    let (sender, inbox) = channel();
    let number = {
        let mut roll = shared.roll();
        if roll.slots >= shared.config.max_connections {
            drop(roll);
            refuse(&socket, FULL);
            return;
        }
        roll.slots += 1;
        roll.last_number += 1;
        let entry = Entry {
            inbox: sender.clone(),
            socket: Arc::clone(&socket),
        };
        let number = roll.last_number;
        roll.sessions.insert(number, entry);
        number
    };
    let slot = Arc::new(Slot(Arc::clone(shared)));
    let seat = Seat(Arc::clone(shared), number);
    let (shared, connection) = (Arc::clone(shared), Arc::clone(&socket));
    let session = move || {
        // In this order: the slot is the last to go.
        let (slot, seat) = (slot, seat);
        match Driver::new(shared, seat.1, connection, (sender, inbox), slot.clone()) {
            Ok(driver) => drive(driver, seat.1),
            Err(error) => log::warn!("[{}] cannot be served: {error}", seat.1),
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
