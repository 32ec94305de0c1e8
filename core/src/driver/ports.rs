//! Which port a passive listener gets, and how long one rests.
//!
//! Pure: sockets, clock and random numbers are the driver's. Who may connect to a listener is
//! decided where its connections are accepted; what the client is told, by the session.

use alloc::collections::BTreeMap;
use core::net::IpAddr;
use core::ops::RangeInclusive;
use core::time::Duration;

/// How long a port rests whose listener ended unused: its client may still come, and must not
/// land in a later transfer.
const REST: Duration = Duration::from_secs(60);

/// The passive ports of one server. The range `0..=0` leaves the choice to the system, and
/// nothing rests then.
///
/// ```
/// use ossftp_core::driver::Ports;
/// use std::{net::IpAddr, time::Duration};
///
/// let (a, b): (IpAddr, IpAddr) = ("192.0.2.1".parse()?, "192.0.2.2".parse()?);
/// let mut ports = Ports::new(51000..=51002);
/// ports.rest(51001, a, Duration::ZERO);
/// let mut tried_for = |peer| ports.candidates(peer, Duration::ZERO, 0).collect::<Vec<_>>();
/// assert_eq!(tried_for(a), [51000, 51002]);
/// assert_eq!(tried_for(b), [51000, 51002, 51001]);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug)]
pub struct Ports {
    range: RangeInclusive<u16>,
    /// Until when a port rests, and whose late connection is feared; any other client's is told
    /// apart by its address.
    resting: BTreeMap<u16, (Duration, IpAddr)>,
}

impl Ports {
    /// All ports of `range`, none of them resting.
    #[must_use]
    pub fn new(range: RangeInclusive<u16>) -> Self {
        Self {
            range,
            resting: BTreeMap::new(),
        }
    }

    /// The ports to try for `peer`, each once: from a place on that `random` chooses those that
    /// do not rest, and then those that rest for somebody else, so that one client that asks
    /// and never connects cannot take all ports from the others. `now` is monotonic.
    pub fn candidates(
        &mut self,
        peer: IpAddr,
        now: Duration,
        random: u32,
    ) -> impl Iterator<Item = u16> {
        self.resting.retain(|_, (until, _)| *until > now);
        let (first, resting) = (*self.range.start(), &self.resting);
        let count = (u32::from(*self.range.end()) + 1).saturating_sub(first.into());
        let start = random % count.max(1);
        let round = (0..count)
            .map(move |step| (start + step) % count)
            .filter_map(move |offset| first.checked_add(u16::try_from(offset).ok()?));
        let free = round.clone().filter(|port| !resting.contains_key(port));
        let others = move |port: &u16| resting.get(port).is_some_and(|(_, feared)| *feared != peer);
        free.chain(round.filter(others))
    }

    /// Lets `port`, whose listener for `peer` ended unused at `now`, rest for a minute.
    pub fn rest(&mut self, port: u16, peer: IpAddr, now: Duration) {
        if port != 0 && self.range.contains(&port) {
            self.resting.insert(port, (now + REST, peer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::net::Ipv4Addr;

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    fn tried(ports: &mut Ports, peer: IpAddr, second: u64, random: u32) -> Vec<u16> {
        let now = Duration::from_secs(second);
        ports.candidates(peer, now, random).collect()
    }

    #[test]
    fn every_port_is_tried_once_from_a_random_place_on() {
        let mut ports = Ports::new(51000..=51003);
        assert_eq!(tried(&mut ports, A, 0, 6), [51002, 51003, 51000, 51001]);
        let mut top = Ports::new(65534..=65535);
        assert_eq!(tried(&mut top, A, 0, 3), [65535, 65534]);
        let mut all = Ports::new(1..=65535);
        let mut order = tried(&mut all, A, 0, u32::MAX);
        order.sort_unstable();
        assert_eq!(order, (1..=65535).collect::<Vec<_>>());
    }

    #[test]
    fn an_unused_port_rests_a_minute_for_its_client_and_comes_last_for_others() {
        let mut ports = Ports::new(51000..=51001);
        ports.rest(51000, A, Duration::from_secs(5));
        assert_eq!(tried(&mut ports, A, 64, 0), [51001]);
        assert_eq!(tried(&mut ports, B, 64, 0), [51001, 51000]);
        ports.rest(51001, A, Duration::from_secs(64));
        assert_eq!(tried(&mut ports, A, 64, 0), []);
        assert_eq!(tried(&mut ports, B, 64, 1), [51001, 51000]);
        assert_eq!(tried(&mut ports, A, 65, 0), [51000]);
    }

    #[test]
    fn the_systems_choice_never_rests_and_an_empty_range_has_nothing() {
        let mut any = Ports::new(0..=0);
        any.rest(40000, A, Duration::ZERO);
        any.rest(0, A, Duration::ZERO);
        assert_eq!(tried(&mut any, A, 1, 7), [0]);
        #[allow(clippy::reversed_empty_ranges)]
        let mut none = Ports::new(9..=8);
        assert_eq!(tried(&mut none, A, 0, 7), []);
    }
}
