//! Moments, as the driver hands them in, and their civil (UTC) form.
//!
//! Nothing here asks a clock: a [`Now`] comes with every call. The calendar itself is the
//! `time` crate's.

use core::time::Duration;

/// A moment, taken by the driver and handed in with every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::exhaustive_structs)]
pub struct Now {
    /// Monotonic time since some fixed point of the driver's choice. Deadlines are in it.
    pub mono: Duration,
    /// Seconds since 1970-01-01T00:00:00 UTC. Only listings show it.
    pub unix: i64,
}

/// A moment of the civil calendar in UTC, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Civil {
    /// Year, 0 to 9999.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
}

impl Civil {
    /// The civil form of `unix` seconds. Moments outside the years 0 to 9999 become
    /// 1970-01-01T00:00:00, since neither MDTM nor LIST can show them.
    #[must_use]
    pub fn from_unix(unix: i64) -> Self {
        let at = time::OffsetDateTime::from_unix_timestamp(unix)
            .ok()
            .filter(|t| (0..=9999).contains(&t.year()))
            .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        Self {
            year: at.year(),
            month: at.month() as u8,
            day: at.day(),
            hour: at.hour(),
            minute: at.minute(),
            second: at.second(),
        }
    }

    /// The month's English abbreviation, as `LIST` shows it whatever the locale.
    #[must_use]
    pub fn month_name(&self) -> &'static str {
        const NAMES: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        NAMES
            .get(usize::from(self.month.saturating_sub(1)))
            .copied()
            .unwrap_or("Jan")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        let c = Civil::from_unix(1_709_251_199);
        assert_eq!((c.year, c.month, c.day), (2024, 2, 29));
        assert_eq!((c.hour, c.minute, c.second), (23, 59, 59));
        assert_eq!(c.month_name(), "Feb");
        assert_eq!(Civil::from_unix(i64::MAX).year, 1970);
        assert_eq!(Civil::from_unix(i64::MIN).year, 1970);
    }
}
