//! The data connection: how it comes about, and how the pump sees it.
//!
//! Listening, accepting and connecting are async and hold up nothing. What comes out is a
//! blocking socket: the pump that follows runs on a thread. Who may connect is decided here (only
//! the transfer's peer); when, by the session.

use crate::ports::Ports;
use crate::server::{Clock, lock};
use async_io::{Async, Timer};
use ossftp_core::driver::DataStream;
use ossftp_core::{DataError, DataRoute};
use smol::future;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// After an accept that failed for want of something, the next one waits so long.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// `address` with an IPv4-mapped IPv6 address as what it is: an IPv4 address.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        // As it was: it may carry a scope.
        IpAddr::V6(_) => address,
    }
}

/// A passive listener. When it is dropped without [`Listener::accept`] having succeeded, its
/// port rests.
pub(crate) struct Listener {
    socket: Async<TcpListener>,
    address: SocketAddr,
    ports: Arc<Mutex<Ports>>,
    clock: Clock,
    used: bool,
}

impl Listener {
    /// Listens on the address of `local`, on any port that `ports` has free.
    pub(crate) fn bind(
        local: SocketAddr,
        ports: &Arc<Mutex<Ports>>,
        clock: Clock,
    ) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for port in lock(ports).candidates(clock.mono(), fastrand::u32(..)) {
            let mut address = local;
            address.set_port(port);
            match TcpListener::bind(address) {
                Ok(socket) => {
                    return Ok(Self {
                        address: socket.local_addr()?,
                        socket: Async::new(socket)?,
                        ports: Arc::clone(ports),
                        clock,
                        used: false,
                    });
                }
                // Windows refuses ports that others have reserved.
                Err(e) if busy(&e) => last = e,
                Err(e) => return Err(e),
            }
        }
        Err(last)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for a connection from `peer`; others are dropped.
    async fn accept(mut self, peer: IpAddr) -> io::Result<TcpStream> {
        loop {
            match self.socket.accept().await {
                Ok((stream, from)) if from.ip().to_canonical() == peer.to_canonical() => {
                    self.used = true;
                    return blocking(stream);
                }
                Ok((_, from)) => {
                    log::warn!("a data connection from {from} was refused: {peer} is expected");
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
        if !self.used {
            lock(&self.ports).rest(self.address.port(), self.clock.mono());
        }
    }
}

fn busy(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrInUse, PermissionDenied};
    matches!(error.kind(), AddrInUse | PermissionDenied)
}

/// Makes the data connection: accepts it from `peer`, or dials from the address of `local`.
pub(crate) async fn connect(
    route: DataRoute,
    listener: Option<Listener>,
    peer: IpAddr,
    local: SocketAddr,
    timeout: Duration,
) -> Result<TcpStream, DataError> {
    let attempt = async {
        match (route, listener) {
            (DataRoute::Active(to), _) => dial(local, to).await,
            (DataRoute::Passive, Some(listener)) => listener.accept(peer).await,
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    };
    let expiry = async {
        Timer::after(timeout).await;
        Err(io::ErrorKind::TimedOut.into())
    };
    future::or(attempt, expiry).await.map_err(|e| {
        log::debug!("no data connection with {peer}: {e}");
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
pub(crate) struct DataSocket(pub(crate) Arc<TcpStream>);

impl Read for DataSocket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buf)
    }
}

impl Write for DataSocket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self.0).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DataStream for DataSocket {
    fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        // Zero would mean no timeout at all, and is an error.
        let timeout = Some(timeout.max(Duration::from_millis(1)));
        self.0.set_read_timeout(timeout)?;
        self.0.set_write_timeout(timeout)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smol::block_on;

    const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    fn ports(first: u16, last: u16) -> Arc<Mutex<Ports>> {
        Arc::new(Mutex::new(Ports::new(&(first..=last))))
    }

    fn free_port() -> u16 {
        let socket = TcpListener::bind(LOCAL).unwrap();
        socket.local_addr().unwrap().port()
    }

    #[test]
    fn the_peer_is_accepted_others_are_not_and_an_unused_port_rests() {
        let port = free_port();
        let (ports, clock) = (ports(port, port), Clock::start());
        let listener = Listener::bind(LOCAL, &ports, clock).unwrap();
        let address = listener.address();
        assert_eq!(address.port(), port);
        assert!(Listener::bind(LOCAL, &ports, clock).is_err());

        let mut foreign = TcpStream::connect(address).unwrap();
        let expected: IpAddr = "192.0.2.1".parse().unwrap();
        let wait = Duration::from_millis(50);
        let route = DataRoute::Passive;
        let result = block_on(connect(route, Some(listener), expected, LOCAL, wait));
        assert_eq!(result.unwrap_err(), DataError::NotConnected);
        assert_eq!(foreign.read(&mut [0]).unwrap(), 0);
        assert!(TcpStream::connect(address).is_err());
        // It ended unused, so it is not given out again.
        assert!(Listener::bind(LOCAL, &ports, clock).is_err());
    }

    #[test]
    fn a_mapped_peer_is_the_same_peer_and_its_socket_blocks() {
        let ports = ports(0, 0);
        let listener = Listener::bind(LOCAL, &ports, Clock::start()).unwrap();
        let mut client = TcpStream::connect(listener.address()).unwrap();
        let peer: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        let wait = Duration::from_secs(10);
        let route = DataRoute::Passive;
        let stream = block_on(connect(route, Some(listener), peer, LOCAL, wait)).unwrap();
        assert!(stream.nodelay().unwrap());
        let mut data = DataSocket(Arc::new(stream));
        data.set_timeout(wait).unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            data.read_to_string(&mut text).map(|_| text)
        });
        client.write_all(b"hello").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), "hello");
    }

    #[test]
    fn dialling_comes_from_the_local_address_and_fails_where_nobody_listens() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let route = DataRoute::Active(server.local_addr().unwrap());
        let local: SocketAddr = "127.0.0.2:21".parse().unwrap();
        let wait = Duration::from_secs(10);
        let dial = |route| block_on(connect(route, None, LOCAL.ip(), local, wait));
        let stream = dial(route).unwrap();
        assert_eq!(stream.local_addr().unwrap().ip(), local.ip());
        let nobody = DataRoute::Active(SocketAddr::new(LOCAL.ip(), free_port()));
        assert_eq!(dial(nobody).unwrap_err(), DataError::NotConnected);
    }
}
