//! Lines of listings, read back by a parser that knows nothing of the writer.

use super::source::Source;
use crate::listing::{Facts, facts, write_entry, write_named};
use crate::{Charset, Entry, ListFormat, Names};
use alloc::string::String;
use alloc::vec::Vec;

/// A line of LIST shows the time of what changed within so many seconds, else the year.
const RECENT: i64 = 182 * 86_400;
/// The first and the last second of the years 0 to 9999; others count as second 0.
const TIMES: (i64, i64) = (-62_167_219_200, 253_402_300_799);
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// An entry, a clock and a character set, all chosen by the bytes: each format gives one line
/// with nothing in it that could end it early, a second parser finds name, size and times in it,
/// and the name read as the client would send it is that of the entry. A name that no line can
/// hold gives none.
///
/// # Panics
/// One of these does not hold.
pub fn listing(data: &[u8]) {
    let mut source = Source::new(data);
    let format = format(&mut source);
    let names = names(&mut source);
    let now = source.signed();
    let mut wire = Vec::new();
    let mut count = 0;
    let mut entries = Vec::new();
    // Some, since a line must also not take anything from the next one.
    while count < 4 && (count == 0 || !source.is_empty()) {
        count += 1;
        let entry = entry(&mut source);
        let before = wire.len();
        match names.write(&entry.name) {
            Some(name) => write_named(format, &entry, &name, now, &mut wire),
            None => assert!(!entry.name.is_ascii(), "{:?} has no form", entry.name),
        }
        if let Some(name) = names.write(&entry.name) {
            let hidden = name.is_empty() || name.iter().any(u8::is_ascii_control);
            assert_eq!(wire.len() == before, hidden, "{:?}", entry.name);
            if *name == entry.name {
                let mut same = wire.get(..before).unwrap_or_default().to_vec();
                write_entry(format, &entry, now, &mut same);
                assert_eq!(same, wire);
            }
        }
        if wire.len() > before {
            entries.push(entry);
        }
    }
    let Some(text) = wire.strip_suffix(b"\r\n") else {
        assert!(wire.is_empty() && entries.is_empty(), "a line without CRLF");
        return;
    };
    let mut lines = Vec::new();
    for line in text.split(|b| *b == b'\n') {
        lines.push(line.strip_suffix(b"\r").unwrap_or(line));
    }
    assert_eq!(lines.len(), entries.len(), "{:?}", wire.escape_ascii());
    for (line, entry) in lines.iter().zip(&entries) {
        assert!(
            !line.iter().any(u8::is_ascii_control),
            "{:?}",
            line.escape_ascii()
        );
        let name = match format {
            ListFormat::Long => long(line, entry, now),
            ListFormat::Names => line.to_vec(),
            ListFormat::Facts(chosen) => {
                let mut same = Vec::new();
                let name = names.write(&entry.name).unwrap_or_default();
                facts(chosen, entry, &name, &mut same);
                assert_eq!(same, *line, "MLST and MLSD differ");
                with_facts(line, entry, chosen)
            }
        };
        match names.read(&name) {
            Ok(read) => assert_eq!(*read, entry.name, "{:?}", line.escape_ascii()),
            Err(error) => panic!("{:?} cannot be sent back: {error}", name.escape_ascii()),
        }
    }
}

fn format(s: &mut Source<'_>) -> ListFormat {
    match s.below(3) {
        0 => ListFormat::Long,
        1 => ListFormat::Names,
        _ => {
            let mut chosen = Facts::none(s.flag());
            let flags = s.byte();
            for (bit, name) in Facts::NAMES.iter().enumerate() {
                if flags >> bit & 1 == 0 {
                    chosen.choose(name.as_bytes());
                }
            }
            ListFormat::Facts(chosen)
        }
    }
}

fn names(s: &mut Source<'_>) -> Names {
    let fallback = s.maybe(|s| s.pick(Charset::ALL));
    let mut names = Names::new(fallback, s.flag());
    if s.flag() {
        // A client of which it is known what it speaks.
        names.hear(b"\xd6\xd0");
    }
    names
}

fn entry(s: &mut Source<'_>) -> Entry {
    let directory = s.flag();
    let modified = s.maybe(Source::signed);
    let size = s.number();
    let more = s.flag();
    let mut entry = Entry::file(Vec::new(), size, modified);
    if directory {
        entry = Entry::directory(Vec::new(), modified);
    }
    if more {
        entry.created = s.maybe(Source::signed);
        entry.mode = s.maybe(|s| u32::from(s.byte()) << 4 | u32::from(s.byte() >> 4));
    }
    // No storage gives a `/` in a name; all other bytes may come.
    entry.name = s.line().iter().copied().filter(|b| *b != b'/').collect();
    entry
}

/// Nine words and a name: what clients take apart by its spaces.
fn long(line: &[u8], entry: &Entry, now: i64) -> Vec<u8> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = line;
    while words.len() < 8 {
        let word = rest.trim_ascii_start();
        let end = word.iter().position(|b| *b == b' ');
        let (word, after) = word.split_at(end.expect("eight words before the name"));
        words.push(String::from_utf8(word.to_vec()).expect("words of ASCII"));
        rest = after;
    }
    let [mode, _, _, _, size, month, day, last] = words.as_slice() else {
        panic!("eight words");
    };
    assert_eq!(mode.len(), 10, "{mode}");
    assert_eq!(mode.starts_with('d'), entry.is_dir(), "{mode}");
    let letters = mode.bytes().skip(1).all(|b| b"rwxsStT-".contains(&b));
    assert!(letters, "{mode}");
    assert_eq!(size.parse(), Ok(entry.size));
    let changed = entry.modified.unwrap_or(0);
    let (year, moon, date, second) = civil(changed);
    assert_eq!(Some(month.as_str()), MONTHS.get(moon - 1).copied());
    assert_eq!(day.parse(), Ok(date));
    let age = i128::from(now) - i128::from(changed);
    if (0..=i128::from(RECENT)).contains(&age) {
        let minutes = second / 60;
        let clock = alloc::format!("{:02}:{:02}", minutes / 60, minutes % 60);
        assert_eq!(*last, clock);
    } else {
        assert_eq!(last.parse(), Ok(year));
    }
    rest.strip_prefix(b" ").unwrap_or_default().to_vec()
}

/// `fact=value;` as often as it likes, a space and the name (RFC 3659 section 7.2).
fn with_facts(line: &[u8], entry: &Entry, chosen: Facts) -> Vec<u8> {
    let space = line.iter().position(|b| *b == b' ');
    let (list, name) = line.split_at(space.expect("a space before the name"));
    let list = core::str::from_utf8(list).expect("facts of ASCII");
    let mut seen = Vec::new();
    for fact in list.split_terminator(';') {
        let (key, value) = fact.split_once('=').expect("a fact has a value");
        assert!(!seen.contains(&key), "{key} twice");
        seen.push(key);
        match key {
            "type" => assert_eq!(value == "dir", entry.is_dir(), "{value}"),
            "size" => assert_eq!(value.parse(), Ok(entry.size)),
            "modify" => assert_eq!(Some(value), entry.modified.map(time_val).as_deref()),
            "create" => assert_eq!(Some(value), entry.created.map(time_val).as_deref()),
            "perm" => {
                let changes = value.bytes().any(|b| b"acdfmpw".contains(&b));
                assert_eq!(changes, chosen.writable, "{value}");
            }
            "UNIX.mode" => assert_eq!(u32::from_str_radix(value, 8).ok(), entry.mode),
            other => panic!("the fact {other}"),
        }
    }
    assert!(list.is_empty() || list.ends_with(';'), "{list}");
    let known = [
        (chosen.kind, "type"),
        (chosen.size && !entry.is_dir(), "size"),
        (chosen.modify && entry.modified.is_some(), "modify"),
        (chosen.perm, "perm"),
    ];
    for (wanted, key) in known {
        assert_eq!(seen.contains(&key), wanted, "{key} in {list}");
    }
    name.get(1..).unwrap_or_default().to_vec()
}

fn time_val(unix: i64) -> String {
    let (year, month, day, second) = civil(unix);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let second = second % 60;
    alloc::format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// Year, month, day and second of the day, by counting: from 0000-03-01 on, when every four
/// centuries are alike.
fn civil(unix: i64) -> (i64, usize, i64, i64) {
    let unix = if (TIMES.0..=TIMES.1).contains(&unix) {
        unix
    } else {
        0
    };
    let (mut days, second) = (unix.div_euclid(86_400) + 719_468, unix.rem_euclid(86_400));
    let mut year = 400 * days.div_euclid(146_097);
    days = days.rem_euclid(146_097);
    loop {
        // A year that begins in March has its leap day at its end, in the next calendar year.
        let next = year + 1;
        let leap = next % 4 == 0 && (next % 100 != 0 || next % 400 == 0);
        let length = if leap { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year = next;
    }
    let mut month = 3;
    for length in [31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 29] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    if month > 12 {
        return (year + 1, month - 12, days + 1, second);
    }
    (year, month, days + 1, second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_calendar_counts() {
        assert_eq!(time_val(0), "19700101000000");
        assert_eq!(time_val(1_709_251_199), "20240229235959");
        assert_eq!(time_val(-62_167_219_200), "00000101000000");
        assert_eq!(time_val(253_402_300_799), "99991231235959");
        assert_eq!(time_val(951_782_400), "20000229000000");
        assert_eq!(time_val(4_107_542_400), "21000301000000");
    }

    proptest! {
        #[test]
        fn any_entry(data in proptest::collection::vec(any::<u8>(), 0..100)) {
            listing(&data);
        }
    }
}
