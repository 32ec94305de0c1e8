//! The forms in which OSS writes times, to and from Unix seconds.
//!
//! Decides the forms: RFC 1123 in headers, ISO 8601 in answers, the basic form in V4 signatures. Nothing depends on a
//! locale. The clock is left to the caller.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `Fri, 24 Feb 2012 06:07:48 GMT` (RFC 9110 section 5.6.7). Times outside the years 1 to 9999 become the epoch.
#[must_use]
pub fn format_http(unix: i64) -> String {
    let t = moment(unix);
    let weekday = WEEKDAYS
        .get(usize::from(t.weekday().number_days_from_monday()))
        .copied()
        .unwrap_or("Mon");
    let month = MONTHS
        .get(usize::from(u8::from(t.month())).wrapping_sub(1))
        .copied()
        .unwrap_or("Jan");
    format!(
        "{weekday}, {:02} {month} {:04} {:02}:{:02}:{:02} GMT",
        t.day(),
        t.year(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// `2012-02-24T06:07:48.000Z`, the form of OSS's XML.
#[must_use]
pub fn format_iso(unix: i64) -> String {
    let t = moment(unix);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.000Z",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// `20120224T060748Z`, the form of `x-oss-date` in V4 signatures.
#[must_use]
pub fn format_basic(unix: i64) -> String {
    let t = moment(unix);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// Parses the time of a header: RFC 1123, and the two obsolete forms of RFC 9110 section 5.6.7 (RFC 850 with its
/// two-digit year, where below 70 means 20xx, and asctime). The day of the week is not checked.
#[must_use]
pub fn parse_http(text: &str) -> Option<i64> {
    let text = text.trim();
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    match *fields.as_slice() {
        [_, day, month, year, clock, "GMT" | "UTC"] => join(
            digits(year, 4)?,
            month_number(month)?,
            digits(day, 2)?,
            clock,
        ),
        [_, date, clock, "GMT"] => {
            let mut parts = date.splitn(3, '-');
            let day = digits(parts.next()?, 2)?;
            let month = month_number(parts.next()?)?;
            let year = digits(parts.next()?, 2)?;
            join(
                year + if year < 70 { 2000 } else { 1900 },
                month,
                day,
                clock,
            )
        }
        [_, month, day, clock, year] => {
            let day = digits(day, day.len().clamp(1, 2))?;
            join(digits(year, 4)?, month_number(month)?, day, clock)
        }
        _ => None,
    }
}

/// Parses the ISO 8601 time of an answer, such as `2012-02-24T06:07:48.000Z`: any fraction (it is cut off), and `Z` or
/// an offset such as `+08:00`.
#[must_use]
pub fn parse_iso(text: &str) -> Option<i64> {
    let (date, rest) = text.trim().split_once('T')?;
    let mut parts = date.splitn(3, '-');
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2)?;
    let day = digits(parts.next()?, 2)?;
    let at = rest.find(['Z', '+', '-'])?;
    let (clock, zone) = rest.split_at_checked(at)?;
    let clock = match clock.split_once('.') {
        Some((whole, fraction))
            if !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit()) =>
        {
            whole
        }
        Some(_) => return None,
        None => clock,
    };
    Some(join(year, month, day, clock)? - offset(zone)?)
}

/// Parses the basic form of V4 signatures, `20120224T060748Z`.
#[must_use]
pub fn parse_basic(text: &str) -> Option<i64> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    if date.len() != 8 || clock.len() != 6 {
        return None;
    }
    unix(
        digits(date.get(..4)?, 4)?,
        digits(date.get(4..6)?, 2)?,
        digits(date.get(6..)?, 2)?,
        digits(clock.get(..2)?, 2)?,
        digits(clock.get(2..4)?, 2)?,
        digits(clock.get(4..)?, 2)?,
    )
}

fn moment(unix: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix)
        .ok()
        .filter(|t| (1..=9999).contains(&t.year()))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Seconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 3600 + minutes * 60))
}

fn month_number(name: &str) -> Option<u32> {
    let index = MONTHS.iter().position(|month| *month == name)?;
    u32::try_from(index + 1).ok()
}

/// Exactly `count` decimal digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

fn join(year: u32, month: u32, day: u32, clock: &str) -> Option<i64> {
    let mut parts = clock.splitn(3, ':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let second = digits(parts.next()?, 2)?;
    unix(year, month, day, hour, minute, second)
}

fn unix(year: u32, month: u32, day: u32, hour: u32, minute: u32, second: u32) -> Option<i64> {
    let small = |value: u32| u8::try_from(value).ok();
    let month = Month::try_from(small(month)?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, small(day)?).ok()?;
    let clock = Time::from_hms(small(hour)?, small(minute)?, small(second)?).ok()?;
    Some(
        PrimitiveDateTime::new(date, clock)
            .assume_utc()
            .unix_timestamp(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_parses_back() {
        for unix in [0, 1_330_063_668, 1_709_251_199, 253_402_300_799] {
            assert_eq!(parse_http(&format_http(unix)), Some(unix));
            assert_eq!(parse_iso(&format_iso(unix)), Some(unix));
            assert_eq!(parse_basic(&format_basic(unix)), Some(unix));
        }
        assert_eq!(format_basic(1_702_743_657), "20231216T162057Z");
    }

    #[test]
    fn offsets_count() {
        assert_eq!(
            parse_iso("2020-05-18T13:45:43+08:00"),
            parse_iso("2020-05-18T05:45:43.123456Z")
        );
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "Fri",
            "Fri, 31 Feb 2012 06:07:48 GMT",
            "Fri, 24 Feb 2012 25:07:48 GMT",
            "é, 24 Feb 2012",
        ] {
            assert_eq!(parse_http(text), None, "{text}");
        }
        for text in [
            "2020-05-18",
            "2020-05-18T05:45:43",
            "2020-13-18T05:45:43Z",
            "2020-05-18T05:45:43.Z",
            "é",
        ] {
            assert_eq!(parse_iso(text), None, "{text}");
        }
        for text in [
            "20231216T162057",
            "20231316T162057Z",
            "2023121éT162057Z",
            "+0231216T162057Z",
        ] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
    }
}
