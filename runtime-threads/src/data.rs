//! The data connection: how it comes about, and how it is broken off from another thread.
//!
//! A worker blocks in `accept`, `connect`, `read` and `write`; the session's thread holds the
//! same [`Abort`] and can wake it out of each of them. When that is to be done, and what the
//! bytes are, is decided elsewhere.

use crate::ports::PassiveListener;
use ossftp_core::Transfer;
use ossftp_core::driver::{Cancel, DataStream};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A connection to a listener of our own host is there at once or not at all.
const WAKE_TIMEOUT: Duration = Duration::from_millis(200);

/// Which way the data connection comes about, with all that it needs.
#[derive(Debug)]
pub(crate) enum Route {
    /// The client connects to the listener.
    Passive(PassiveListener),
    /// The listener is gone, or there never was one.
    Missing,
    /// The server connects from the address of `local` to `target`.
    Active {
        local: SocketAddr,
        target: SocketAddr,
    },
}

/// Breaks a transfer off, whatever its worker waits for.
#[derive(Debug, Default)]
pub(crate) struct Abort {
    cancel: Cancel,
    stage: Mutex<Stage>,
}

/// What the worker may be blocked in, as far as sockets go.
#[derive(Debug, Default)]
enum Stage {
    #[default]
    Nothing,
    Accepting(SocketAddr),
    Connected(Arc<TcpStream>),
}

impl Abort {
    /// The flag that the storage looks at.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Sets the flag for good and wakes the worker.
    pub(crate) fn abort(&self) {
        self.cancel.cancel();
        match &*self.stage() {
            Stage::Nothing => {}
            Stage::Accepting(listener) => wake(*listener),
            Stage::Connected(socket) => {
                // It fails only where there is nothing left to end.
                let _ = socket.shutdown(Shutdown::Both);
            }
        }
    }

    /// Whether the worker may go on, now in `next`.
    fn enter(&self, next: Stage) -> bool {
        let mut stage = self.stage();
        let go = !self.cancel.is_cancelled();
        *stage = if go { next } else { Stage::Nothing };
        go
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects to a listener of this process, so that a blocked `accept` returns.
pub(crate) fn wake(mut listener: SocketAddr) {
    if listener.ip().is_unspecified() {
        listener.set_ip(match listener {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    if let Err(error) = TcpStream::connect_timeout(&listener, WAKE_TIMEOUT) {
        log::debug!("cannot wake the listener at {listener}: {error}");
    }
}

/// An open data connection; it closes when this is dropped.
#[derive(Debug)]
pub(crate) struct Data<'a> {
    socket: Arc<TcpStream>,
    abort: &'a Abort,
    waited: Duration,
}

impl<'a> Data<'a> {
    /// Waits for the client or connects to it. `None`: it did not come about, or the transfer
    /// was broken off.
    pub(crate) fn open(route: Route, transfer: &Transfer, abort: &'a Abort) -> Option<Self> {
        let socket = match route {
            Route::Passive(listener) => accept(listener, transfer.peer, abort)?,
            Route::Active { local, target } => {
                connect(local, target, transfer.connect_timeout, abort)
                    .inspect_err(|error| log::debug!("no data connection to {target}: {error}"))
                    .ok()?
            }
            Route::Missing => return None,
        };
        let waited = Duration::ZERO;
        let data = Self {
            socket,
            abort,
            waited,
        };
        data.socket.set_nodelay(true).ok()?;
        Some(data)
    }
}

impl Drop for Data<'_> {
    fn drop(&mut self) {
        // The other owner of the socket; without it the connection would stay open.
        *self.abort.stage() = Stage::Nothing;
    }
}

fn accept(listener: PassiveListener, peer: IpAddr, abort: &Abort) -> Option<Arc<TcpStream>> {
    if !abort.enter(Stage::Accepting(listener.address())) {
        return None;
    }
    let socket = loop {
        let accepted = listener.socket().accept();
        if abort.cancel.is_cancelled() {
            break None;
        }
        match accepted {
            Ok((socket, from)) if from.ip().to_canonical() == peer.to_canonical() => {
                break Some(Arc::new(socket));
            }
            Ok((_, from)) => log::info!("a data connection from {from} instead of {peer}: refused"),
            Err(e) if is_passing(e.kind()) => {}
            Err(_) => break None,
        }
    };
    // The stage is left before the listener closes: a wake-up must never reach whoever listens
    // on the same port next.
    match socket {
        Some(socket) if abort.enter(Stage::Connected(Arc::clone(&socket))) => {
            listener.used();
            Some(socket)
        }
        _ => {
            *abort.stage() = Stage::Nothing;
            None
        }
    }
}

/// Errors of one connection that died in the queue, not of the listener.
pub(crate) fn is_passing(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

fn connect(
    local: SocketAddr,
    target: SocketAddr,
    timeout: Duration,
    abort: &Abort,
) -> io::Result<Arc<TcpStream>> {
    let domain = Domain::for_address(target);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if local.is_ipv4() == target.is_ipv4() {
        let mut from = local;
        from.set_port(0);
        socket.bind(&SockAddr::from(from))?;
    }
    let socket = Arc::new(TcpStream::from(socket));
    if !abort.enter(Stage::Connected(Arc::clone(&socket))) {
        return Err(ErrorKind::Interrupted.into());
    }
    let result = SockRef::from(&*socket).connect_timeout(&SockAddr::from(target), timeout);
    if result.is_err() {
        *abort.stage() = Stage::Nothing;
    }
    result.map(|()| socket)
}

impl Read for Data<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let began = Instant::now();
        let result = (&*self.socket).read(buf);
        self.waited = began.elapsed();
        result
    }
}

impl Write for Data<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self.socket).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DataStream for Data<'_> {
    fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        // Zero would mean "for ever".
        let timeout = Some(timeout.max(Duration::from_millis(1)));
        self.socket.set_read_timeout(timeout)?;
        self.socket.set_write_timeout(timeout)
    }

    fn waited(&self) -> Duration {
        self.waited
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }
}
