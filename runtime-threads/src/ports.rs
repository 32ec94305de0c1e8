//! Passive listeners: bound to a port of the range, and giving it back when they end.
//!
//! Which port is tried, and for how long one rests, is decided in the core
//! ([`PassivePorts`]); who may connect is the data connection's matter, and what the client is
//! told is the session's.

use ossftp_core::Peer;
use ossftp_core::driver::PassivePorts;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Strangers in front of the right client must not fill the queue at once.
const BACKLOG: u8 = 16;

/// One passive listener. Dropped before it is [`PassiveListener::used`], its port rests.
pub(crate) struct PassiveListener {
    socket: TcpListener,
    address: SocketAddr,
    ports: Arc<PassivePorts>,
    /// Where the time of the ports begins.
    epoch: Instant,
    peer: IpAddr,
    used: AtomicBool,
}

impl PassiveListener {
    /// Listens for the client of `peer` on a port of the range, at the server's address there.
    pub(crate) fn bind(peer: Peer, ports: &Arc<PassivePorts>, epoch: Instant) -> io::Result<Self> {
        let (client, now) = (peer.addr.ip(), epoch.elapsed());
        let bind = |port| bind(peer.local, port);
        let (socket, address) = ports.bind(client, now, fastrand::u32(..), bind)?;
        Ok(Self {
            socket,
            address,
            ports: Arc::clone(ports),
            epoch,
            peer: client,
            used: AtomicBool::new(false),
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The listening socket.
    pub(crate) fn socket(&self) -> &TcpListener {
        &self.socket
    }

    /// Whether the client has connected although nobody will take it (its command failed, say):
    /// then no late connection is to be feared.
    fn has_come(&self) -> bool {
        let waiting = self.socket.set_nonblocking(true).is_ok();
        let mut accepted = std::iter::from_fn(|| self.socket.accept().ok()).take(BACKLOG.into());
        let its = |(_, from): (_, SocketAddr)| from.ip().to_canonical() == self.peer;
        waiting && accepted.any(its)
    }

    /// The right client has connected: the port may be given again at once.
    pub(crate) fn used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }
}

impl Drop for PassiveListener {
    fn drop(&mut self) {
        if !self.used.load(Ordering::Relaxed) && !self.has_come() {
            let (port, now) = (self.address.port(), self.epoch.elapsed());
            self.ports.rest(port, self.peer, now);
        }
    }
}

fn bind(mut local: SocketAddr, port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    local.set_port(port);
    let socket = Socket::new(
        Domain::for_address(local),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Elsewhere it would let two listeners share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(local))?;
    socket.listen(BACKLOG.into())?;
    let socket = TcpListener::from(socket);
    let address = socket.local_addr()?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpStream};

    const A: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    const LOCAL: SocketAddr = SocketAddr::new(A, 0);

    /// Outside of the range from which other tests are given theirs; one range for each test.
    fn free_port(from: u16) -> u16 {
        let is_free = |port: &u16| bind(LOCAL, *port).is_ok();
        (from..from + 500).find(is_free).expect("a free port")
    }

    fn listen(ports: &Arc<PassivePorts>, client: IpAddr) -> io::Result<PassiveListener> {
        let peer = Peer::new(SocketAddr::new(client, 5000), LOCAL);
        PassiveListener::bind(peer, ports, Instant::now())
    }

    #[test]
    fn a_listener_holds_its_port_and_gives_it_back() {
        let free = free_port(30_000);
        let ports = Arc::new(PassivePorts::new(free..=free));
        let listener = listen(&ports, A).expect("it is free");
        assert_eq!(listener.address().port(), free);
        assert!(listen(&ports, B).is_err(), "it is taken");
        listener.used();
        drop(listener);
        let again = listen(&ports, A).expect("a used port does not rest");
        drop(again);
        assert!(listen(&ports, A).is_err(), "an unused one does");
        assert!(listen(&ports, B).is_ok(), "but not for others");
    }

    #[test]
    fn a_client_that_came_for_nothing_needs_no_rest() {
        let free = free_port(30_500);
        let ports = Arc::new(PassivePorts::new(free..=free));
        let listener = listen(&ports, A).expect("it is free");
        let client = TcpStream::connect(listener.address()).expect("it listens");
        drop(listener);
        drop(client);
        assert!(listen(&ports, A).is_ok());
    }

    #[test]
    fn an_empty_range_gives_none_and_zero_any() {
        #[allow(clippy::reversed_empty_ranges)]
        let ports = Arc::new(PassivePorts::new(2..=1));
        assert!(listen(&ports, A).is_err());
        // The system's own choice never rests.
        let any = Arc::new(PassivePorts::new(0..=0));
        drop(listen(&any, A));
        assert!(listen(&any, A).is_ok());
    }
}
