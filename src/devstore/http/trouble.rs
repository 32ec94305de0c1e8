//! What goes wrong with a connection when it is asked for: silence, an early end, damage, and a low rate.
//!
//! It brings about what a [`Plan`] says; the state machine of HTTP knows nothing of it.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::body::Link;
use crate::devstore::faults::{Break, Event, Faults, Plan, Waited};

/// The largest run of bytes that is moved at once when a rate is kept.
const MAX_STEP: u64 = 32 * 1024;

/// How far a connection may catch up after it was late: threads do not wake to the microsecond.
const CATCH_UP: Duration = Duration::from_millis(25);

/// Keeps one direction of a connection to a rate.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Bytes per second.
    pub(super) rate: Option<u64>,
    /// When the bytes so far are through.
    through: Option<Instant>,
}

impl Pace {
    /// How many bytes to move at once: 10 ms' worth, so that the flow is smooth.
    pub(super) fn step(&self) -> usize {
        let step = self
            .rate
            .map_or(u64::MAX, |rate| (rate / 100).clamp(1, MAX_STEP));
        usize::try_from(step).unwrap_or(usize::MAX)
    }

    /// Waits until so many bytes are through.
    pub(super) fn pay(&mut self, bytes: usize) {
        let Some(rate) = self.rate else {
            return;
        };
        let now = Instant::now();
        let through = later(self.through, now, bytes, rate);
        self.through = Some(through);
        let wait = through.saturating_duration_since(now);
        if !wait.is_zero() {
            thread::sleep(wait);
        }
    }
}

/// When bytes are through that come after others which are through at `last`.
fn later(last: Option<Instant>, now: Instant, bytes: usize, rate: u64) -> Instant {
    let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
    let begin = last.map_or(now, |last| last.max(earliest));
    let nanos = bytes as u128 * 1_000_000_000 / u128::from(rate.max(1));
    begin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl Link {
    /// Lets these events happen, one after the other. An error means that the connection is to end: `ending` says how.
    pub(super) fn suffer(
        &mut self,
        faults: &Faults,
        events: impl IntoIterator<Item = Event>,
    ) -> io::Result<()> {
        for event in events {
            let how = match event {
                Event::Hold(id, time) => {
                    let waited = faults.hold(id, time, &mut || self.client_is_gone());
                    if waited == Waited::Over {
                        continue;
                    }
                    Break::Close
                }
                Event::End(how) => how,
            };
            if how == Break::Reset {
                // Closing then sends RST instead of FIN.
                let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
            }
            self.ending = Some(how);
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    /// Writes the head of an answer, at the rate of this connection.
    pub(super) fn write_head(&mut self, head: &[u8]) -> io::Result<()> {
        self.write_paced(head)?;
        self.head_sent = true;
        Ok(())
    }

    fn write_paced(&mut self, bytes: &[u8]) -> io::Result<()> {
        for step in bytes.chunks(self.down.step()) {
            self.down.pay(step.len());
            self.stream.write_all(step)?;
        }
        Ok(())
    }
}

/// The way out for the body of an answer that does not simply go out.
pub(super) struct Outlet<'a> {
    link: &'a mut Link,
    faults: &'a Faults,
    /// By position, the last one first.
    events: Vec<(u64, Event)>,
    damage: Vec<u64>,
    pub(super) sent: u64,
}

impl<'a> Outlet<'a> {
    /// `None`: nothing happens to this body, and it may go out by the fastest way.
    pub(super) fn new(link: &'a mut Link, plan: &'a Plan, length: u64) -> Option<Self> {
        let (mut events, damage) = (plan.in_answer(length), plan.damage_in_answer(length));
        if events.is_empty() && damage.is_empty() && link.down.rate.is_none() {
            return None;
        }
        events.reverse();
        Some(Self {
            link,
            faults: plan.faults(),
            events,
            damage,
            sent: 0,
        })
    }

    pub(super) fn write_head(&mut self, head: &[u8]) -> io::Result<()> {
        self.link.write_head(head)
    }
}

impl Write for Outlet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        while let Some((_, event)) = self.events.pop_if(|(at, _)| *at <= self.sent) {
            self.link.suffer(self.faults, [event])?;
        }
        let room = self
            .events
            .last()
            .map_or(u64::MAX, |(at, _)| at - self.sent);
        let len = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        let piece = bytes.get(..len).unwrap_or_default();
        if self.damage.is_empty() {
            self.link.write_paced(piece)?;
        } else {
            let mut piece = piece.to_vec();
            damage(&self.damage, self.sent, &mut piece);
            self.link.write_paced(&piece)?;
        }
        self.sent += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Turns a bit in each byte of `bytes`, which begin at `offset`, that is to be damaged.
pub(super) fn damage(positions: &[u64], offset: u64, bytes: &mut [u8]) {
    for at in positions {
        let byte = at
            .checked_sub(offset)
            .and_then(|at| usize::try_from(at).ok())
            .and_then(|at| bytes.get_mut(at));
        if let Some(byte) = byte {
            *byte ^= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_through_at_their_rate_and_no_burst_is_saved_up() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let first = later(None, start, 1000, 10_000);
        assert_eq!(first, start + ms(100));
        let second = later(Some(first), start, 500, 10_000);
        assert_eq!(second, start + ms(150));
        // A second of nothing is no credit but for the time that a thread may have woken too late.
        let much_later = start + ms(1150);
        assert_eq!(
            later(Some(second), much_later, 1000, 10_000),
            much_later + ms(75)
        );
        assert_eq!(later(Some(second), start + ms(155), 0, 1), start + ms(150));
    }

    #[test]
    fn steps_are_small_and_never_nothing() {
        let step = |rate| {
            Pace {
                rate,
                ..Pace::default()
            }
            .step()
        };
        assert_eq!(step(Some(1)), 1);
        assert_eq!(step(Some(50_000)), 500);
        assert_eq!(step(Some(20_000_000)), 32 * 1024);
        assert_eq!(step(None), usize::MAX);
    }

    #[test]
    fn only_the_named_bytes_are_damaged() {
        let mut bytes = *b"abcd";
        damage(&[1, 11, 99], 10, &mut bytes);
        assert_eq!(&bytes, b"accd");
    }
}
