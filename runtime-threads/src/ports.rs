//! Passive ports: which one a listener gets, and for how long one rests.
//!
//! Decides the port of each passive listener. Who may connect to it is the data connection's
//! matter, and what the client is told is the session's.

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a port rests whose listener ended without a data connection: its client may still
/// come, and must not land in a later transfer of the same address.
const REST: Duration = Duration::from_secs(60);
/// Strangers in front of the right client must not fill the queue at once.
const BACKLOG: i32 = 16;

/// The passive ports of one server.
#[derive(Debug)]
pub(crate) struct Ports {
    range: RangeInclusive<u16>,
    resting: Mutex<BTreeMap<u16, Rest>>,
}

#[derive(Debug)]
struct Rest {
    until: Instant,
    /// Whose late connection is to be feared; any other client is told apart by its address.
    peer: IpAddr,
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
            range,
            resting: Mutex::default(),
        })
    }

    /// Listens for `peer` on a port of the range, at the address of `local`. `None`: none is free.
    pub(crate) fn listen(
        self: &Arc<Self>,
        local: SocketAddr,
        peer: IpAddr,
    ) -> Option<PassiveListener> {
        self.candidates(peer, Instant::now())
            .find_map(|port| bind(local, port).ok())
            .map(|(socket, address)| PassiveListener {
                socket,
                address,
                ports: Arc::clone(self),
                peer,
                used: false,
            })
    }

    /// The ports to try for `peer`: those that nobody waits for in random order, then those
    /// that rest for somebody else, so that one client that asks and never connects can't take
    /// all ports from the others.
    fn candidates(&self, peer: IpAddr, now: Instant) -> impl Iterator<Item = u16> + use<> {
        let mut resting = self.resting();
        resting.retain(|_, rest| rest.until > now);
        let fresh = |port: &u16| !resting.contains_key(port);
        let others = |port: &u16| resting.get(port).is_some_and(|rest| rest.peer != peer);
        let mut ports: Vec<u16> = self.range.clone().filter(fresh).collect();
        fastrand::shuffle(&mut ports);
        ports.extend(self.range.clone().filter(others));
        ports.into_iter()
    }

    fn rest(&self, port: u16, peer: IpAddr, now: Instant) {
        if port != 0 && self.range.contains(&port) {
            let until = now + REST;
            self.resting().insert(port, Rest { until, peer });
        }
    }

    fn resting(&self) -> MutexGuard<'_, BTreeMap<u16, Rest>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
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
        let accepted = std::iter::from_fn(|| self.socket.accept().ok()).take(BACKLOG as usize);
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
            self.ports
                .rest(self.address.port(), self.peer, Instant::now());
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
    socket.listen(BACKLOG)?;
    let socket = TcpListener::from(socket);
    let address = socket.local_addr()?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    fn candidates(ports: &Ports, peer: IpAddr, now: Instant) -> Vec<u16> {
        ports.candidates(peer, now).collect()
    }

    #[test]
    fn all_ports_of_the_range_in_random_order() {
        let ports = Ports::new(1000..=1999);
        let now = Instant::now();
        let (first, second) = (candidates(&ports, A, now), candidates(&ports, A, now));
        assert_ne!(first, second);
        let mut sorted = first;
        sorted.sort_unstable();
        assert_eq!(sorted, (1000..=1999).collect::<Vec<_>>());
    }

    #[test]
    fn an_unused_port_rests_for_its_client_and_comes_last_for_others() {
        let ports = Ports::new(1000..=1002);
        let now = Instant::now();
        ports.rest(1001, A, now);
        let for_a = candidates(&ports, A, now);
        assert!(for_a.len() == 2 && !for_a.contains(&1001), "{for_a:?}");
        assert_eq!(candidates(&ports, B, now).last(), Some(&1001));
        assert_eq!(candidates(&ports, A, now + REST).len(), 3);
    }

    #[test]
    fn one_client_cannot_take_all() {
        let ports = Ports::new(1000..=1003);
        let now = Instant::now();
        (1000..=1003).for_each(|port| ports.rest(port, A, now));
        assert!(candidates(&ports, A, now).is_empty());
        assert_eq!(candidates(&ports, B, now).len(), 4);
    }

    #[test]
    fn a_listener_holds_its_port_and_gives_it_back() {
        // A port that is free for sure: the system has just given it and got it back.
        let free = Ports::new(0..=0)
            .listen(LOCAL, A)
            .map(|l| l.address().port());
        let free = free.expect("a free port");
        let ports = Ports::new(free..=free);
        let listener = ports.listen(LOCAL, A).expect("it is free");
        assert_eq!(listener.address().port(), free);
        assert!(ports.listen(LOCAL, B).is_none());
        listener.used();
        let again = ports.listen(LOCAL, A).expect("a used port does not rest");
        drop(again);
        assert!(ports.listen(LOCAL, A).is_none(), "an unused one does");
        assert!(ports.listen(LOCAL, B).is_some());
    }

    #[test]
    fn an_empty_range_gives_none() {
        #[allow(clippy::reversed_empty_ranges)]
        let ports = Ports::new(2..=1);
        assert!(ports.listen(LOCAL, A).is_none());
        // The system's own choice never rests.
        let any = Ports::new(0..=0);
        drop(any.listen(LOCAL, A));
        assert!(any.listen(LOCAL, A).is_some());
    }
}
