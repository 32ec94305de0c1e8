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

/// `YYYYMMDDHHMMSS` (RFC 3659 section 2.3) in Unix seconds; `None` where the calendar has no such
/// moment. A leap second counts as the one before it.
pub(crate) fn from_time_val(digits: &[u8]) -> Option<i64> {
    if digits.len() != 14 {
        return None;
    }
    let number = |from: usize, to: usize| {
        let text = core::str::from_utf8(digits.get(from..to)?).ok()?;
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        text.parse::<i32>().ok()
    };
    let small = |from: usize| u8::try_from(number(from, from + 2)?).ok();
    let month = time::Month::try_from(small(4)?).ok()?;
    let date = time::Date::from_calendar_date(number(0, 4)?, month, small(6)?).ok()?;
    let second = small(12)?;
    let second = if second == 60 { 59 } else { second };
    let at = date.with_hms(small(8)?, small(10)?, second).ok()?;
    Some(at.assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(from_time_val(b"20200101000000"), Some(1_577_836_800));
        assert_eq!(from_time_val(b"20240229235959"), Some(1_709_251_199));
        assert_eq!(from_time_val(b"20161231235960"), Some(1_483_228_799));
        for bad in [
            "",
            "2020010100000",
            "20200132000000",
            "20201301000000",
            "2020010124000+",
            "20200101240000",
        ] {
            assert_eq!(from_time_val(bad.as_bytes()), None, "{bad}");
        }
    }

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
