//! How many requests one transfer has under way at a time.
//!
//! Decides from measured rates, for both directions: more, as long as more make it faster and it
//! is OSS that is waited for; a slow client never causes more. Whether memory and threads allow
//! them is left to `ahead` and `sending`.

use std::time::{Duration, Instant};

/// A rate counts as grown if it is so many times the one before.
const GROWN: f64 = 1.1;
/// After more requests have brought nothing, so many rounds pass until more are tried again.
const REST: u32 = 16;

/// Measures a transfer in rounds of as many pieces as are under way at a time. A piece is what one
/// request carries.
#[derive(Debug)]
pub(crate) struct Pace {
    limit: usize,
    most: usize,
    /// The limit before the last step up, and the rate it had, in bytes a second.
    before: Option<(usize, f64)>,
    /// Rounds until more may be tried.
    rest: u32,
    /// Pieces that were asked for at another limit, and are not measured.
    skip: usize,
    /// When the piece before was done, or the first one was asked for.
    last: Option<Instant>,
    /// So long OSS was waited for since then.
    waited: Duration,
    round: Round,
}

#[derive(Debug, Default)]
struct Round {
    pieces: usize,
    bytes: u64,
    took: Duration,
    waited: Duration,
}

impl Pace {
    /// Begins with `first` requests at a time, `most` at most. 1 sends and fetches one after the
    /// other, and stays so.
    pub(crate) fn new(first: usize, most: usize) -> Self {
        let most = if first <= 1 { 1 } else { most.max(1) };
        Self {
            limit: first.clamp(1, most),
            most,
            before: None,
            rest: 0,
            skip: 0,
            last: None,
            waited: Duration::ZERO,
            round: Round::default(),
        }
    }

    /// How many requests may be under way at a time. Of a download, those count too whose bytes
    /// have come and are not delivered yet.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// A piece is asked for, or waited for. Only the first time counts until one is done.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.last.get_or_insert(now);
    }

    /// The transfer has waited so long for OSS.
    pub(crate) fn waited(&mut self, time: Duration) {
        self.waited += time;
    }

    /// A piece of so many bytes is done: OSS has it, or the client. The time since the one before
    /// that was not spent waiting for OSS was spent waiting for the client.
    pub(crate) fn done(&mut self, bytes: u64, now: Instant) {
        let last = self.last.replace(now).unwrap_or(now);
        let waited = std::mem::take(&mut self.waited);
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        let round = &mut self.round;
        round.pieces += 1;
        round.bytes = round.bytes.saturating_add(bytes);
        round.took += now.saturating_duration_since(last);
        round.waited += waited;
        if round.pieces >= self.limit {
            self.judge();
            self.round = Round::default();
        }
    }

    /// The time until the next [`Pace::begin`] does not count.
    pub(crate) fn pause(&mut self) {
        (self.last, self.waited) = (None, Duration::ZERO);
    }

    /// The end of a round.
    #[allow(clippy::cast_precision_loss)]
    fn judge(&mut self) {
        let Round {
            bytes,
            took,
            waited,
            ..
        } = self.round;
        let rate = bytes as f64 / took.as_secs_f64().max(1e-6);
        if let Some((limit, slower)) = self.before.take()
            && rate < slower * GROWN
        {
            self.limit = limit;
            self.rest = REST;
            return;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return;
        }
        // A client that is slower than OSS has hardly ever to wait for it.
        if waited * 4 < took || self.limit >= self.most {
            return;
        }
        self.before = Some((self.limit, rate));
        self.skip = self.limit;
        self.limit = self.limit.saturating_mul(2).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A client that is never waited for, and one that is most of the time.
    const QUICK: f64 = 1.0;
    const SLOW: f64 = 0.2;

    /// So many pieces of 1 MiB over a line whose rate in MiB a second depends on how many are under
    /// way, with this share of the time spent waiting for OSS. Gives the limits on the way.
    fn limits(pace: &mut Pace, count: usize, share: f64, rate: impl Fn(f64) -> f64) -> Vec<usize> {
        let mut now = Instant::now();
        let mut limits = vec![pace.limit()];
        pace.begin(now);
        for _ in 0..count {
            #[allow(clippy::cast_precision_loss)]
            let took = Duration::from_secs_f64(1.0 / rate(pace.limit() as f64));
            now += took;
            pace.waited(took.mul_f64(share));
            pace.done(MIB, now);
            if limits.last() != Some(&pace.limit()) {
                limits.push(pace.limit());
            }
        }
        limits
    }

    #[test]
    fn grows_while_the_rate_grows() {
        let mut pace = Pace::new(4, 16);
        assert_eq!(limits(&mut pace, 500, QUICK, |n| 20.0 * n), [4, 8, 16]);
        let mut pace = Pace::new(3, 16);
        assert_eq!(limits(&mut pace, 500, QUICK, |n| 20.0 * n), [3, 6, 12, 16]);
    }

    #[test]
    fn goes_back_when_more_is_not_faster_and_tries_again_later() {
        let mut pace = Pace::new(4, 16);
        assert_eq!(limits(&mut pace, 50, QUICK, |_| 50.0), [4, 8, 4]);
        // A line that carries no more than eight do.
        let mut pace = Pace::new(4, 64);
        let line = |n: f64| n.min(8.0);
        assert_eq!(limits(&mut pace, 80, QUICK, line), [4, 8, 16, 8]);
        // It tries again after a while, not all the time.
        assert_eq!(limits(&mut pace, 8 * 10, QUICK, line), [8]);
        assert_eq!(limits(&mut pace, 100, QUICK, line), [8, 16, 8]);
        // And finds out when the line has become better.
        let later = limits(&mut pace, 1_000, QUICK, |n| n);
        assert_eq!(later, [8, 16, 32, 64]);
    }

    #[test]
    fn a_slow_client_causes_no_growth() {
        let mut pace = Pace::new(4, 16);
        assert_eq!(limits(&mut pace, 500, SLOW, |n| n), [4]);
    }

    #[test]
    fn pauses_do_not_count() {
        // Else it would seem to be the client that is waited for.
        let mut pace = Pace::new(2, 4);
        let mut now = Instant::now();
        for _ in 0..2 {
            pace.begin(now);
            now += Duration::from_millis(10);
            pace.waited(Duration::from_millis(10));
            pace.done(MIB, now);
            pace.pause();
            now += Duration::from_secs(60);
        }
        assert_eq!(pace.limit(), 4);
    }

    #[test]
    fn never_less_than_one_nor_more_than_the_most() {
        for (first, most, limit) in [(0, 0, 1), (0, 16, 1), (1, 16, 1), (9, 3, 3), (4, 0, 1)] {
            let mut pace = Pace::new(first, most);
            assert_eq!(limits(&mut pace, 100, QUICK, |n| n), [limit]);
        }
        let mut pace = Pace::new(2, usize::MAX);
        assert!(limits(&mut pace, 100, QUICK, |n| n).len() > 2);
        // Times of nothing at all.
        let mut pace = Pace::new(2, 64);
        let now = Instant::now();
        for _ in 0..1_000 {
            pace.done(u64::MAX, now);
        }
        assert!((2..=64).contains(&pace.limit()));
    }
}
