//! Which port a passive listener gets.
//!
//! Pure: the caller brings the moment and the random number, and how a port is bound. Ports are
//! tried from a random place on, since a port that can be guessed can be stolen (RFC 2577
//! section 5). One whose listener ended unused rests, so that a client which comes late does
//! not end up in somebody else's transfer.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::ops::RangeInclusive;
use core::time::Duration;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long a port rests whose listener ended without its client.
pub const PORT_REST: Duration = Duration::from_secs(60);

/// The passive ports of one server.
///
/// ```
/// use ossftp_core::driver::PassivePorts;
/// use std::time::Duration;
///
/// let ports = PassivePorts::new(2000..=2002);
/// let peer = "192.0.2.7".parse()?;
/// assert_eq!(ports.candidates(peer, Duration::ZERO, 1), [2001, 2002, 2000]);
/// ports.rest(2001, peer, Duration::ZERO);
/// assert_eq!(ports.candidates(peer, Duration::ZERO, 1), [2002, 2000]);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug)]
pub struct PassivePorts {
    range: RangeInclusive<u16>,
    resting: Mutex<BTreeMap<u16, Rest>>,
}

#[derive(Debug, Clone)]
struct Rest {
    until: Duration,
    /// Whose late connection is to be feared.
    peer: IpAddr,
}

impl PassivePorts {
    /// The ports of `range`, both ends included. `0..=0` leaves the choice to the system.
    #[must_use]
    pub fn new(range: RangeInclusive<u16>) -> Self {
        Self {
            range,
            resting: Mutex::default(),
        }
    }

    /// The ports to try for a client at `peer`, each once: those that do not rest from a random
    /// place on, then those that rest for somebody else (that client's late connection would be
    /// turned away by its address), so that nobody can use up all ports by never connecting.
    pub fn candidates(&self, peer: IpAddr, now: Duration, random: u32) -> Vec<u16> {
        let mut resting = self.resting();
        resting.retain(|_, rest| rest.until > now);
        let mut free: Vec<u16> = Vec::with_capacity(self.range.len());
        let mut others = Vec::new();
        for port in self.range.clone() {
            match resting.get(&port) {
                None => free.push(port),
                Some(rest) if rest.peer != peer => others.push(port),
                Some(_) => {}
            }
        }
        let start = usize::try_from(random).unwrap_or(0) % free.len().max(1);
        free.rotate_left(start);
        free.append(&mut others);
        free
    }

    /// The first of the [`PassivePorts::candidates`] that `bind` can bind. Nobody waits meanwhile
    /// who binds or rests other ports.
    ///
    /// # Errors
    /// The last one of `bind`; none could be bound.
    pub fn bind<L>(
        &self,
        peer: IpAddr,
        now: Duration,
        random: u32,
        mut bind: impl FnMut(u16) -> io::Result<L>,
    ) -> io::Result<L> {
        let mut failure = io::Error::from(io::ErrorKind::AddrInUse);
        for port in self.candidates(peer, now, random) {
            match bind(port) {
                Ok(listener) => return Ok(listener),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Lets `port` rest: its listener for `peer` ended unused.
    pub fn rest(&self, port: u16, peer: IpAddr, now: Duration) {
        if port != 0 && self.range.contains(&port) {
            let until = now.saturating_add(PORT_REST);
            self.resting().insert(port, Rest { until, peer });
        }
    }

    fn resting(&self) -> MutexGuard<'_, BTreeMap<u16, Rest>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use proptest::prelude::*;

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn a_port_rests_for_its_client_alone_and_for_a_time() {
        let ports = PassivePorts::new(10..=12);
        ports.rest(11, A, Duration::ZERO);
        assert_eq!(ports.candidates(A, Duration::ZERO, 0), [10, 12]);
        assert_eq!(ports.candidates(B, Duration::ZERO, 0), [10, 12, 11]);
        assert_eq!(ports.candidates(A, PORT_REST, 0), [10, 11, 12]);
    }

    #[test]
    fn the_system_chooses_and_nothing_rests() {
        let ports = PassivePorts::new(0..=0);
        ports.rest(4000, A, Duration::ZERO);
        ports.rest(0, A, Duration::ZERO);
        assert_eq!(ports.candidates(A, Duration::ZERO, 7), [0]);
        assert!(ports.resting().is_empty());
    }

    proptest! {
        #[test]
        fn every_port_once(first in 1u16.., length in 0u16..300, random in any::<u32>()) {
            let last = first.saturating_add(length);
            let ports = PassivePorts::new(first..=last);
            let mut got = ports.candidates(A, Duration::ZERO, random);
            got.sort_unstable();
            prop_assert_eq!(got, (first..=last).collect::<Vec<_>>());
        }
    }
}
