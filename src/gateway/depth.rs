//! How many GETs a download has under way at a time.
//!
//! Decides from measured rates: more, as long as more make it faster and it is OSS that is waited
//! for; a slow client never causes more. Whether memory and threads allow them is left to `ahead`.

use std::time::Duration;

/// A rate counts as grown if it is so many times the one before.
const GROWN: f64 = 1.1;
/// After more requests have brought nothing, so many rounds pass until more are tried again.
const REST: u32 = 16;

/// Measures a download in rounds of as many pieces as are under way at a time.
#[derive(Debug)]
pub(crate) struct Depth {
    depth: usize,
    max: usize,
    /// The depth before the last step up, and the rate it had, in bytes a second.
    before: Option<(usize, f64)>,
    /// Rounds until more may be tried.
    rest: u32,
    /// Pieces that were asked for at another depth, and are not measured.
    skip: usize,
    pieces: usize,
    bytes: u64,
    took: Duration,
    waited: Duration,
}

impl Depth {
    /// Begins with `depth` requests at a time; at most `max`.
    pub(crate) fn new(depth: usize, max: usize) -> Self {
        let max = max.max(1);
        Self {
            depth: depth.clamp(1, max),
            max,
            before: None,
            rest: 0,
            skip: 0,
            pieces: 0,
            bytes: 0,
            took: Duration::ZERO,
            waited: Duration::ZERO,
        }
    }

    /// How many requests may be under way at a time, those included whose bytes have come and are
    /// not delivered yet.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// A piece of so many bytes was delivered, `took` after the one before it; `waited` of that
    /// was spent waiting for OSS, the rest for the client.
    pub(crate) fn delivered(&mut self, bytes: u64, took: Duration, waited: Duration) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        self.pieces += 1;
        self.bytes += bytes;
        self.took += took;
        self.waited += waited;
        if self.pieces >= self.depth {
            self.judge();
            (self.pieces, self.bytes) = (0, 0);
            (self.took, self.waited) = (Duration::ZERO, Duration::ZERO);
        }
    }

    /// The end of a round.
    #[allow(clippy::cast_precision_loss)]
    fn judge(&mut self) {
        let rate = self.bytes as f64 / self.took.as_secs_f64().max(1e-6);
        if let Some((depth, slower)) = self.before.take()
            && rate < slower * GROWN
        {
            self.depth = depth;
            self.rest = REST;
            return;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return;
        }
        // A client that is slower than OSS is hardly ever waiting.
        if self.waited * 4 < self.took || self.depth >= self.max {
            return;
        }
        self.before = Some((self.depth, rate));
        self.skip = self.depth;
        self.depth = self.depth.saturating_mul(2).min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Delivers so many rounds at the rate that each depth has, in MiB a second.
    fn rounds(pace: &mut Depth, count: usize, waits: bool, rate: impl Fn(usize) -> f64) {
        for _ in 0..count {
            for _ in 0..2 * pace.depth() {
                let took = Duration::from_secs_f64(1.0 / rate(pace.depth()));
                let waited = if waits { took } else { took / 5 };
                pace.delivered(MIB, took, waited);
            }
        }
    }

    #[test]
    #[allow(clippy::cast_precision_loss)]
    fn it_grows_while_the_rate_does() {
        let mut pace = Depth::new(4, 16);
        rounds(&mut pace, 4, true, |depth| depth as f64);
        assert_eq!(pace.depth(), 16);
        // A link that carries no more than eight do.
        let mut pace = Depth::new(4, 64);
        rounds(&mut pace, 6, true, |depth| depth.min(8) as f64);
        assert_eq!(pace.depth(), 8);
        // It tries again after a while, not all the time.
        let mut tried = 0;
        for _ in 0..100 {
            let depth = pace.depth();
            pace.delivered(MIB, Duration::from_millis(125), Duration::from_millis(125));
            tried += usize::from(pace.depth() > depth);
        }
        assert!(tried <= 1, "{tried}");
    }

    #[test]
    #[allow(clippy::cast_precision_loss)]
    fn a_slow_client_causes_no_growth() {
        let mut pace = Depth::new(4, 16);
        rounds(&mut pace, 100, false, |depth| depth as f64);
        assert_eq!(pace.depth(), 4);
    }

    #[test]
    fn never_less_than_one_nor_more_than_the_most() {
        assert_eq!(Depth::new(0, 0).depth(), 1);
        assert_eq!(Depth::new(9, 3).depth(), 3);
        let mut pace = Depth::new(1, 1);
        rounds(&mut pace, 10, true, |_| 1.0);
        assert_eq!(pace.depth(), 1);
    }
}
