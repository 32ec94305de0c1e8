//! The data connection: how it comes about, and how it is broken off from another thread.
//!
//! A worker blocks in `accept`, `connect`, `read` and `write`; what wakes it out of each of them
//! hangs on the transfer's [`Cancel`]. When that is to be done, and what the bytes are, is
//! decided elsewhere.

use crate::ports::PassiveListener;
use ossftp_core::Peer;
use ossftp_core::driver::{Cancel, DataStream, OnCancel};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection to a listener of our own host is there at once or not at all.
const WAKE_TIMEOUT: Duration = Duration::from_millis(200);

/// Which way the data connection comes about, with all that it needs.
pub(crate) enum Route {
    /// The client connects to the listener.
    Passive(PassiveListener),
    /// The listener is gone, or there never was one.
    Missing,
    /// The server connects to this address, and gives up after so long.
    Active(SocketAddr, Duration),
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
pub(crate) struct Data {
    socket: Arc<TcpStream>,
    waited: Duration,
    _abort: OnCancel,
}

impl Data {
    /// Waits for the client of `peer` or connects to it from the server's address there. `None`:
    /// it did not come about, or the transfer was given up.
    pub(crate) fn open(route: Route, peer: Peer, cancel: &Cancel) -> Option<Self> {
        let socket = match route {
            Route::Passive(listener) => accept(listener, peer.addr.ip(), cancel)?,
            Route::Active(target, timeout) => connect(peer.local, target, timeout, cancel)
                .inspect_err(|error| log::debug!("no data connection to {target}: {error}"))
                .ok()?,
            Route::Missing => return None,
        };
        socket.set_nodelay(true).ok()?;
        Some(Self {
            _abort: shut_down_on(cancel, &socket),
            socket,
            waited: Duration::ZERO,
        })
    }
}

/// Has the connection broken off when the transfer is given up.
fn shut_down_on(cancel: &Cancel, socket: &Arc<TcpStream>) -> OnCancel {
    let socket = Arc::clone(socket);
    cancel.on_cancel(move || {
        // It fails only where there is nothing left to end.
        let _ = socket.shutdown(Shutdown::Both);
    })
}

fn accept(listener: PassiveListener, peer: IpAddr, cancel: &Cancel) -> Option<Arc<TcpStream>> {
    let listener = Arc::new(listener);
    // The wake-up owns the listener too, and so never reaches whoever listens on its port next.
    let woken = Arc::clone(&listener);
    let _wake = cancel.on_cancel(move || wake(woken.address()));
    loop {
        let accepted = listener.socket().accept();
        if cancel.is_cancelled() {
            return None;
        }
        match accepted {
            Ok((socket, from)) if from.ip().to_canonical() == peer => {
                listener.used();
                return Some(Arc::new(socket));
            }
            Ok((_, from)) => log::info!("a data connection from {from} instead of {peer}: refused"),
            Err(e) if is_passing(e.kind()) => {}
            Err(_) => return None,
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
    cancel: &Cancel,
) -> io::Result<Arc<TcpStream>> {
    let domain = Domain::for_address(target);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if local.is_ipv4() == target.is_ipv4() {
        let mut from = local;
        from.set_port(0);
        socket.bind(&SockAddr::from(from))?;
    }
    let socket = Arc::new(TcpStream::from(socket));
    let _abort = shut_down_on(cancel, &socket);
    SockRef::from(&*socket).connect_timeout(&SockAddr::from(target), timeout)?;
    Ok(socket)
}

impl Read for Data {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let began = Instant::now();
        let result = (&*self.socket).read(buf);
        self.waited = began.elapsed();
        result
    }
}

impl Write for Data {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self.socket).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DataStream for Data {
    fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(timeout))?;
        self.socket.set_write_timeout(Some(timeout))
    }

    fn waited(&self) -> Duration {
        self.waited
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }
}
