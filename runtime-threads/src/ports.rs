//! Passive listeners: bound to a port of the range, and giving it back when they end.
//!
//! Which port is tried, and for how long one rests, is decided in the core
//! ([`PassivePorts`]); who may connect is the data connection's matter, and what the client is
//! told is the session's.

use ossftp_core::driver::PassivePorts;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Strangers in front of the right client must not fill the queue at once.
const BACKLOG: u8 = 16;

/// The passive ports of one server.
#[derive(Debug)]
pub(crate) struct Ports {
    ports: Mutex<PassivePorts>,
    epoch: Instant,
}

/// One passive listener. Dropped without [`PassiveListener::used`], its port rests.
#[derive(Debug)]
pub(crate) struct PassiveListener {
    socket: TcpListener,
    address: SocketAddr,
    ports: Arc<Ports>,
    peer: IpAddr,
    used: bool,
}

impl Ports {
    /// `0..=0` leaves the choice to the operating system.
    pub(crate) fn new(range: RangeInclusive<u16>) -> Arc<Self> {
        Arc::new(Self {
            ports: Mutex::new(PassivePorts::new(range)),
            epoch: Instant::now(),
        })
    }

    /// Listens for `peer` on a port of the range, at the address of `local`. `None`: none is free.
    pub(crate) fn listen(
        self: &Arc<Self>,
        local: SocketAddr,
        peer: IpAddr,
    ) -> Option<PassiveListener> {
        let now = self.epoch.elapsed();
        // In a statement of its own: nobody waits for the lock while ports are tried.
        let candidates = self.lock().candidates(peer, now, fastrand::u32(..));
        candidates
            .into_iter()
            .find_map(|port| bind(local, port).ok())
            .map(|(socket, address)| PassiveListener {
                socket,
                address,
                ports: Arc::clone(self),
                peer,
                used: false,
            })
    }

    fn lock(&self) -> MutexGuard<'_, PassivePorts> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PassiveListener {
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
        let accepted = std::iter::from_fn(|| self.socket.accept().ok()).take(BACKLOG.into());
        waiting
            && accepted
                .into_iter()
                .any(|(_, from)| from.ip().to_canonical() == self.peer)
    }

    /// The right client has connected: the port may be given again at once.
    pub(crate) fn used(mut self) {
        self.used = true;
    }
}

impl Drop for PassiveListener {
    fn drop(&mut self) {
        if !self.used && !self.has_come() {
            let now = self.ports.epoch.elapsed();
            let port = self.address.port();
            self.ports.lock().rest(port, self.peer, now);
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

    #[test]
    fn a_listener_holds_its_port_and_gives_it_back() {
        let free = free_port(30_000);
        let ports = Ports::new(free..=free);
        let listener = ports.listen(LOCAL, A).expect("it is free");
        assert_eq!(listener.address().port(), free);
        assert!(ports.listen(LOCAL, B).is_none(), "it is taken");
        listener.used();
        let again = ports.listen(LOCAL, A).expect("a used port does not rest");
        drop(again);
        assert!(ports.listen(LOCAL, A).is_none(), "an unused one does");
        assert!(ports.listen(LOCAL, B).is_some(), "but not for others");
    }

    #[test]
    fn a_client_that_came_for_nothing_needs_no_rest() {
        let free = free_port(30_500);
        let ports = Ports::new(free..=free);
        let listener = ports.listen(LOCAL, A).expect("it is free");
        let client = TcpStream::connect(listener.address()).expect("it listens");
        drop(listener);
        drop(client);
        assert!(ports.listen(LOCAL, A).is_some());
    }

    #[test]
    fn an_empty_range_gives_none_and_zero_any() {
        #[allow(clippy::reversed_empty_ranges)]
        let ports = Ports::new(2..=1);
        assert!(ports.listen(LOCAL, A).is_none());
        // The system's own choice never rests.
        let any = Ports::new(0..=0);
        drop(any.listen(LOCAL, A));
        assert!(any.listen(LOCAL, A).is_some());
    }
}
