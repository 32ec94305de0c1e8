//! How the values of settings are written.
//!
//! Each function reads one kind of value, or says what is wrong with it as the end of a sentence:
//! `'x' is no size, such as 256M`.

use std::time::Duration;

use ossftp_core::FtpPath;
use ossftp_oss::{AddressStyle, Endpoint, SignatureVersion};

use crate::gateway::{Mtime, Partial};

/// OSS's storage classes.
const CLASSES: [&str; 5] = [
    "Standard",
    "IA",
    "Archive",
    "ColdArchive",
    "DeepColdArchive",
];

/// An endpoint. Without a scheme it is https, but http on this machine and on plain addresses,
/// where nobody has a certificate.
///
/// # Errors
/// What is wrong with it.
pub fn endpoint(text: &str) -> Result<Endpoint, String> {
    let parsed = Endpoint::parse(text).map_err(|_| {
        format!(
            "'{text}' is no endpoint, such as oss-cn-hangzhou.aliyuncs.com or http://127.0.0.1:9000"
        )
    })?;
    let plain = !text.contains("://") && parsed.style() == AddressStyle::Path;
    Ok(if plain {
        parsed.with_https(false)
    } else {
        parsed
    })
}

/// A region id; the name of its location, as the OSS console shows it, is taken for it.
///
/// # Errors
/// What is wrong with it.
pub fn region(text: &str) -> Result<String, String> {
    let id = text.trim();
    let id = id.strip_prefix("oss-").unwrap_or(id);
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if id.is_empty() || id.starts_with('-') || !id.bytes().all(good) {
        return Err(format!(
            "'{text}' is not the id of a region, such as cn-hangzhou"
        ));
    }
    Ok(id.to_owned())
}

/// One of several words, whatever their case.
fn word<T: Clone>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(w, _)| w.eq_ignore_ascii_case(text));
    found.map(|(_, value)| value.clone()).ok_or_else(|| {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let (last, others) = names.split_last().unwrap_or((&"", &[]));
        format!("'{text}' is not {} or {last}", others.join(", "))
    })
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    word(text, &[("True", true), ("False", false)])
}

pub(super) fn signature(text: &str) -> Result<SignatureVersion, String> {
    let words = [("V4", SignatureVersion::V4), ("V1", SignatureVersion::V1)];
    word(text, &words)
}

pub(super) fn partial(text: &str) -> Result<Partial, String> {
    let words = [("discard", Partial::Discard), ("resume", Partial::Resume)];
    word(text, &words)
}

pub(super) fn mtime(text: &str) -> Result<Mtime, String> {
    word(text, &[("listing", Mtime::Listing), ("meta", Mtime::Meta)])
}

pub(super) fn storage_class(text: &str) -> Result<String, String> {
    word(text, &CLASSES.map(|class| (class, class.to_owned())))
}

/// A directory of a bucket, from the bucket's own root, with or without its first `/`.
pub(super) fn directory(text: &str) -> Result<FtpPath, String> {
    let bad = || {
        format!(
            "'{}' is no directory, such as /incoming",
            text.escape_debug()
        )
    };
    // `..` at the root would silently be the root.
    let climbs = text.split('/').any(|name| name == "..");
    if text.is_empty() || text.contains(char::is_control) || climbs {
        return Err(bad());
    }
    FtpPath::root().join(text.as_bytes()).map_err(|_| bad())
}

/// Bytes: a number alone, or with K, M, G or T (powers of 1,024), with or without `B` or `iB`.
pub(super) fn size(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let bad = || format!("'{text}' is no size, such as 256M");
    let (number, unit) = split(text);
    let unit = unit.to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let unit = unit.strip_suffix('i').unwrap_or(unit);
    let shift = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(bad()),
    };
    let number: u64 = number.parse().map_err(|_| bad())?;
    let bytes = number.checked_mul(1 << shift).ok_or_else(bad)?;
    if bytes < least {
        return Err(format!(
            "'{text}' is too small: {} at least",
            written(least)
        ));
    }
    if bytes > most {
        return Err(format!("'{text}' is too large: {} at most", written(most)));
    }
    Ok(bytes)
}

/// A size as one would write it.
fn written(bytes: u64) -> String {
    let units = [("G", 30), ("M", 20), ("K", 10)];
    let fitting = units
        .iter()
        .find(|(_, shift)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    match fitting {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None if bytes == 1 => "1 byte".to_owned(),
        None => format!("{bytes} bytes"),
    }
}

/// A time: a number of seconds, or with ms, s, m, h or d.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("'{text}' is no time, such as 30s, 500ms, 12h or 3d");
    let (number, unit) = split(text);
    let number: u64 = number.parse().map_err(|_| bad())?;
    let millis = match unit.to_ascii_lowercase().as_str() {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(bad()),
    };
    let millis = number.checked_mul(millis).ok_or_else(bad)?;
    // What is added to a clock later must not run over.
    let longest = 10 * 365 * 86_400_000;
    Ok(Duration::from_millis(millis.min(longest)))
}

/// A number and the unit behind it.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    (number, unit.trim_start())
}

pub(super) fn count(text: &str) -> Result<usize, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| format!("'{text}' is no number"))
}

pub(super) fn positive(text: &str) -> Result<usize, String> {
    match count(text)? {
        0 => Err("it must be 1 at least".to_owned()),
        number => Ok(number),
    }
}

/// OSS takes 1 to 365 days for a restore.
pub(super) fn days(text: &str) -> Result<u32, String> {
    let days = u32::try_from(count(text)?).unwrap_or(u32::MAX);
    if (1..=365).contains(&days) {
        Ok(days)
    } else {
        Err(format!("'{text}' is not 1 to 365 days"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("100K", 100 << 10),
            ("8m", 8 << 20),
            ("8 MiB", 8 << 20),
            ("1gb", 1 << 30),
            ("7T", 7 << 40),
        ] {
            assert_eq!(size(text, 0, u64::MAX), Ok(bytes), "{text}");
        }
        for text in ["", "M", "1.5M", "8MM", "-1", "99999999999T", "8 bytes"] {
            assert!(size(text, 0, u64::MAX).unwrap_err().contains("no size"));
        }
        for (text, least, most, told) in [
            ("1K", 2048, 4096, "'1K' is too small: 2K at least"),
            ("1M", 2048, 4096, "'1M' is too large: 4K at most"),
            ("0", 1, 4096, "'0' is too small: 1 byte at least"),
            ("9G", 0, 5 << 30, "'9G' is too large: 5G at most"),
        ] {
            assert_eq!(size(text, least, most).unwrap_err(), told);
        }
    }

    #[test]
    fn directories_do_not_climb() {
        assert_eq!(
            directory("in//coming/").unwrap(),
            directory("/in/coming").unwrap()
        );
        for text in ["..", "../x", "/a/../b"] {
            assert!(directory(text).unwrap_err().contains("no directory"));
        }
    }

    #[test]
    fn times() {
        for (text, millis) in [
            ("0", 0),
            ("15", 15_000),
            ("500ms", 500),
            ("30 s", 30_000),
            ("5m", 300_000),
            ("12h", 43_200_000),
            ("3d", 259_200_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "1y", "1.5s", "-1s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn words_in_any_case() {
        assert_eq!(storage_class("coldarchive").as_deref(), Ok("ColdArchive"));
        assert_eq!(
            partial("keep").unwrap_err(),
            "'keep' is not discard or resume"
        );
    }
}
