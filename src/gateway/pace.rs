//! How many parts of one upload are under way at a time.
//!
//! Decides when that becomes more: pure arithmetic on bytes and times. Whoever sends the parts
//! says what happens.
//!
//! The rate is that of the parts that OSS has taken, in bytes per second, measured only while the
//! client is faster than OSS, so that full parts wait. When as many parts have been taken as are
//! under way at a time, the number grows by half, once without a reason and then as long as the
//! rate has grown by a tenth; else the last step is taken back, and the number stays.

use std::time::Instant;

/// How many parts may be under way.
#[derive(Debug)]
pub(crate) struct Pace {
    limit: usize,
    most: usize,
    measured: Option<Measure>,
    /// The limit before the last step, and its rate in bytes per second.
    before: Option<(usize, u64)>,
    settled: bool,
}

#[derive(Debug)]
struct Measure {
    since: Instant,
    bytes: u64,
    parts: usize,
}

impl Pace {
    /// `first` at first, at least one, and `most` at most. Only one at a time stays so.
    pub(crate) fn new(first: usize, most: usize) -> Self {
        let limit = first.max(1);
        Self {
            limit,
            most: most.max(limit),
            measured: None,
            before: None,
            settled: limit == 1,
        }
    }

    /// How many parts may be under way now.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// OSS has taken a part of so many bytes.
    pub(crate) fn sent(&mut self, bytes: u64) {
        if let Some(measure) = &mut self.measured {
            measure.bytes = measure.bytes.saturating_add(bytes);
            measure.parts += 1;
        }
    }

    /// A full part need not wait: what was measured says nothing of what OSS can take.
    pub(crate) fn eased(&mut self) {
        self.measured = None;
    }

    /// A full part waits, since as many as may be are under way. The limit may be another now.
    pub(crate) fn pressed(&mut self, now: Instant) {
        if self.settled {
            return;
        }
        let Some(measure) = &self.measured else {
            self.begin(now);
            return;
        };
        if measure.parts < self.limit {
            return;
        }
        let millis = now.saturating_duration_since(measure.since).as_millis();
        let rate = u128::from(measure.bytes) * 1000 / millis.max(1);
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        match self.before {
            Some((limit, before)) if rate < before.saturating_add(before / 10) => {
                self.limit = limit;
                self.settled = true;
            }
            _ => {
                self.before = Some((self.limit, rate));
                self.limit = (self.limit + self.limit / 2).min(self.most);
                self.settled = self.before.is_some_and(|(limit, _)| limit == self.limit);
            }
        }
        self.begin(now);
    }

    fn begin(&mut self, now: Instant) {
        self.measured = Some(Measure {
            since: now,
            bytes: 0,
            parts: 0,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MIB: u64 = 1 << 20;

    /// Sends `count` parts of 1 MiB under pressure, over a line whose rate in MiB/s depends on
    /// how many are under way. Returns the limits on the way.
    fn pressed(pace: &mut Pace, count: usize, rate: impl Fn(usize) -> u64) -> Vec<usize> {
        let mut now = Instant::now();
        let mut limits = vec![pace.limit()];
        for _ in 0..count {
            pace.pressed(now);
            now += Duration::from_micros(1_000_000 / rate(pace.limit()));
            pace.sent(MIB);
            if limits.last() != Some(&pace.limit()) {
                limits.push(pace.limit());
            }
        }
        limits
    }

    #[test]
    fn grows_while_the_rate_grows() {
        let mut pace = Pace::new(4, 16);
        let limits = pressed(&mut pace, 200, |limit| 20 * limit as u64);
        assert_eq!(limits, [4, 6, 9, 13, 16]);
    }

    #[test]
    fn goes_back_when_more_is_not_faster() {
        let mut pace = Pace::new(4, 16);
        assert_eq!(pressed(&mut pace, 200, |_| 50), [4, 6, 4]);
        let mut pace = Pace::new(4, 16);
        let limits = pressed(&mut pace, 200, |limit| 20 * limit.min(6) as u64);
        assert_eq!(limits, [4, 6, 9, 6]);
    }

    #[test]
    fn a_slow_client_causes_nothing() {
        let mut pace = Pace::new(4, 16);
        let mut now = Instant::now();
        for _ in 0..200 {
            now += Duration::from_secs(1);
            pace.pressed(now);
            pace.sent(MIB);
            pace.eased();
        }
        assert_eq!(pace.limit(), 4);
    }

    #[test]
    fn limits_hold() {
        assert_eq!(pressed(&mut Pace::new(0, 16), 50, |_| 9), [1]);
        assert_eq!(pressed(&mut Pace::new(1, 16), 50, |n| n as u64), [1]);
        assert_eq!(pressed(&mut Pace::new(8, 4), 50, |n| n as u64), [8]);
        let most = pressed(&mut Pace::new(2, usize::MAX), 9, |_| u64::MAX / MIB);
        assert!(most.len() > 1);
    }
}
