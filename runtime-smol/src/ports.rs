//! Which port a passive listener gets.
//!
//! Ports are tried from a random place of the range on. One whose listener ended unused rests: a
//! client that comes late must not find another session's listener there. Who may connect is
//! decided where connections are accepted.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How long a port rests after its listener ended unused.
const REST: Duration = Duration::from_secs(60);

/// The passive ports of a server, without any socket. The range `0..=0` leaves the choice to the
/// system, and nothing rests then.
#[derive(Debug)]
pub(crate) struct Ports {
    first: u16,
    count: u32,
    /// Until when a port rests.
    resting: BTreeMap<u16, Duration>,
}

impl Ports {
    pub(crate) fn new(range: &RangeInclusive<u16>) -> Self {
        let count = (u32::from(*range.end()) + 1).saturating_sub(u32::from(*range.start()));
        Self {
            first: *range.start(),
            count,
            resting: BTreeMap::new(),
        }
    }

    /// The ports that do not rest at `now`, each once, in the order in which to try them.
    pub(crate) fn candidates(&mut self, now: Duration, random: u32) -> impl Iterator<Item = u16> {
        self.resting.retain(|_, until| *until > now);
        let (first, count, resting) = (self.first, self.count, &self.resting);
        let start = random % count.max(1);
        (0..count)
            .map(move |step| (start + step) % count)
            .filter_map(move |offset| u16::try_from(offset).ok()?.checked_add(first))
            .filter(|port| !resting.contains_key(port))
    }

    /// Lets `port` rest: its listener ended unused.
    pub(crate) fn rest(&mut self, port: u16, now: Duration) {
        if self.first != 0 {
            self.resting.insert(port, now + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn every_port_is_tried_once_from_a_random_place_on() {
        let mut ports = Ports::new(&(51000..=51003));
        let order: Vec<_> = ports.candidates(at(0), 6).collect();
        assert_eq!(order, [51002, 51003, 51000, 51001]);
        let mut top = Ports::new(&(65534..=65535));
        assert_eq!(top.candidates(at(0), 3).collect::<Vec<_>>(), [65535, 65534]);
        let mut all = Ports::new(&(1..=65535));
        assert_eq!(all.candidates(at(0), u32::MAX).count(), 65535);
    }

    #[test]
    fn an_unused_port_rests_a_minute() {
        let mut ports = Ports::new(&(51000..=51001));
        ports.rest(51000, at(5));
        assert_eq!(ports.candidates(at(64), 0).collect::<Vec<_>>(), [51001]);
        ports.rest(51001, at(64));
        assert_eq!(ports.candidates(at(64), 0).count(), 0);
        assert_eq!(ports.candidates(at(65), 0).collect::<Vec<_>>(), [51000]);
    }

    #[test]
    fn the_system_chooses_for_zero_and_an_empty_range_has_nothing() {
        let mut any = Ports::new(&(0..=0));
        any.rest(40000, at(0));
        assert_eq!(any.candidates(at(1), 7).collect::<Vec<_>>(), [0]);
        #[allow(clippy::reversed_empty_ranges)]
        let mut none = Ports::new(&(9..=8));
        assert_eq!(none.candidates(at(0), 7).count(), 0);
    }
}
