//! The data connection: how it comes about, and how the pump sees it.
//!
//! Listening, accepting and connecting are async and hold up nothing. What comes out is a
//! blocking socket: the pump that follows runs on a thread. Who may connect is decided here (only
//! the transfer's peer); when, by the session.

use crate::server::Clock;
use async_io::{Async, Timer};
use ossftp_core::driver::{Cancel, DataStream, OnCancel, PassivePorts};
use ossftp_core::{DataError, DataRoute, Peer};
use smol::future;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After an accept that failed for want of something, the next one waits so long.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// When a listener closes, at most so many connections that wait there are looked at.
const LAST_LOOK: usize = 16;

/// A passive listener. When it closes and its client has not connected, its port rests.
pub(crate) struct Listener {
    socket: Async<TcpListener>,
    address: SocketAddr,
    peer: IpAddr,
    ports: Arc<PassivePorts>,
    clock: Clock,
    used: bool,
}

impl Listener {
    /// Listens for the client of `peer` on the server's address there, on any port that `ports`
    /// has for it.
    pub(crate) fn bind(peer: Peer, ports: &Arc<PassivePorts>, clock: Clock) -> io::Result<Self> {
        let (client, mut address) = (peer.addr.ip(), peer.local);
        let bind = |port| {
            address.set_port(port);
            TcpListener::bind(address)
        };
        let socket = ports.bind(client, clock.mono(), fastrand::u32(..), bind)?;
        Ok(Self {
            address: socket.local_addr()?,
            socket: Async::new(socket)?,
            peer: client,
            ports: Arc::clone(ports),
            clock,
            used: false,
        })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for a connection from the client; others are dropped.
    async fn accept(mut self) -> io::Result<TcpStream> {
        loop {
            match self.socket.accept().await {
                Ok((stream, from)) if from.ip().to_canonical() == self.peer => {
                    self.used = true;
                    return blocking(stream);
                }
                Ok((_, from)) => {
                    log::warn!(
                        "a data connection from {from} instead of {}: refused",
                        self.peer
                    );
                    future::yield_now().await;
                }
                Err(e) => {
                    log::debug!("accepting a data connection: {e}");
                    Timer::after(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The client may have connected for a command that failed. Then it will not come late.
        let waiting = || self.socket.get_ref().accept().ok();
        let mut waiting = std::iter::from_fn(waiting).take(LAST_LOOK);
        let came = |(_, from): (_, SocketAddr)| from.ip().to_canonical() == self.peer;
        if !self.used && !waiting.any(came) {
            let (port, now) = (self.address.port(), self.clock.mono());
            self.ports.rest(port, self.peer, now);
        }
    }
}

/// Makes the data connection with the client of `peer`: accepts it at `listener`, or dials it
/// from the control connection's own address.
pub(crate) async fn connect(
    route: DataRoute,
    listener: Option<Listener>,
    peer: Peer,
    timeout: Duration,
) -> Result<TcpStream, DataError> {
    let attempt = async {
        match (route, listener) {
            (DataRoute::Active(to), _) => dial(peer.local, to).await,
            (DataRoute::Passive, Some(listener)) => listener.accept().await,
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    };
    let expiry = async {
        Timer::after(timeout).await;
        Err(io::ErrorKind::TimedOut.into())
    };
    future::or(attempt, expiry).await.map_err(|e| {
        log::debug!("no data connection with {}: {e}", peer.addr);
        DataError::NotConnected
    })
}

async fn dial(local: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    if local.is_ipv4() == to.is_ipv4() {
        // The client's firewall knows the address that it talks to already.
        let mut from = local;
        from.set_port(0);
        socket.bind(&from.into())?;
    }
    socket.set_nonblocking(true)?;
    // "In progress" is not an error, and has no portable name. What is one shows again below.
    let begun = socket.connect(&to.into());
    let stream = Async::new(TcpStream::from(socket))?;
    stream.writable().await?;
    if let Some(error) = stream.get_ref().take_error()? {
        return Err(error);
    }
    if let Err(error) = stream.get_ref().peer_addr() {
        return Err(begun.err().unwrap_or(error));
    }
    blocking(stream)
}

/// Takes the socket out of the reactor for good, and makes its calls wait.
fn blocking(stream: Async<TcpStream>) -> io::Result<TcpStream> {
    let stream = stream.into_inner()?;
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A connected, blocking data connection for the pump.
pub(crate) struct DataSocket {
    socket: Arc<TcpStream>,
    waited: Duration,
    _abort: OnCancel,
}

impl DataSocket {
    /// `socket` must be in blocking mode. It is shut down when the transfer is given up.
    pub(crate) fn new(socket: TcpStream, cancel: &Cancel) -> Self {
        let socket = Arc::new(socket);
        let aborted = Arc::clone(&socket);
        let _abort = cancel.on_cancel(move || {
            // One that is closed already needs no shutdown.
            let _ = aborted.shutdown(Shutdown::Both);
        });
        let waited = Duration::ZERO;
        Self {
            socket,
            waited,
            _abort,
        }
    }
}

impl Read for DataSocket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let began = Instant::now();
        let result = (&*self.socket).read(buf);
        self.waited = began.elapsed();
        result
    }
}

impl Write for DataSocket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self.socket).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DataStream for DataSocket {
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

#[cfg(test)]
mod tests {
    use super::*;
    use smol::block_on;

    const SOON: Duration = Duration::from_secs(10);

    fn peer(addr: &str, local: &str) -> Peer {
        let address = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 21);
        Peer::new(address(addr), address(local))
    }

    fn ports(port: u16) -> Arc<PassivePorts> {
        Arc::new(PassivePorts::new(port..=port))
    }

    fn free_port() -> u16 {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap().port()
    }

    #[test]
    fn a_stranger_is_refused_and_an_unused_port_rests() {
        let port = free_port();
        let (ports, clock) = (ports(port), Clock::start());
        let client = peer("192.0.2.1", "127.0.0.1");
        let listener = Listener::bind(client, &ports, clock).unwrap();
        let address = listener.address();
        assert_eq!(address.port(), port);
        assert!(Listener::bind(client, &ports, clock).is_err());

        let mut stranger = TcpStream::connect(address).unwrap();
        let wait = Duration::from_millis(50);
        let result = block_on(connect(DataRoute::Passive, Some(listener), client, wait));
        assert_eq!(result.unwrap_err(), DataError::NotConnected);
        assert_eq!(stranger.read(&mut [0]).unwrap(), 0);
        assert!(TcpStream::connect(address).is_err());
        assert!(Listener::bind(client, &ports, clock).is_err());
        let other = peer("192.0.2.2", "127.0.0.1");
        assert!(Listener::bind(other, &ports, clock).is_ok());
    }

    #[test]
    fn an_accepted_socket_blocks_and_its_port_does_not_rest() {
        let port = free_port();
        let (ports, clock) = (ports(port), Clock::start());
        let here = peer("127.0.0.1", "127.0.0.1");
        let listener = Listener::bind(here, &ports, clock).unwrap();
        let mut client = TcpStream::connect(listener.address()).unwrap();
        let stream = block_on(connect(DataRoute::Passive, Some(listener), here, SOON)).unwrap();
        assert!(stream.nodelay().unwrap());
        let mut data = DataSocket::new(stream, &Cancel::new());
        data.set_timeout(SOON).unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            data.read_to_string(&mut text).map(|_| text)
        });
        client.write_all(b"hello").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), "hello");
        assert_eq!(ports.candidates(here.addr.ip(), clock.mono(), 0).len(), 1);
    }

    #[test]
    fn dialling_comes_from_the_local_address_and_fails_where_nobody_listens() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        // Only Linux has all of 127.0.0.0/8 without being asked.
        let local = if cfg!(target_os = "linux") {
            "127.0.0.2"
        } else {
            "127.0.0.1"
        };
        let here = peer("127.0.0.1", local);
        let dial = |to| block_on(connect(DataRoute::Active(to), None, here, SOON));
        let stream = dial(server.local_addr().unwrap()).unwrap();
        assert_eq!(stream.local_addr().unwrap().ip(), here.local.ip());
        let nobody = SocketAddr::new(here.addr.ip(), free_port());
        assert_eq!(dial(nobody).unwrap_err(), DataError::NotConnected);
    }
}
