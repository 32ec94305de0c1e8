//! How entries are written: `LIST`, `NLST`, `MLSD` and `MLST`.
//!
//! One line an entry, CRLF at its end. A name that holds a line break could forge a second
//! entry, so such entries are left out; storages should not give any.

use crate::{Civil, Entry, ListFormat};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Older than this, or in the future, `LIST` shows the year in place of the time, as `ls` does.
const HALF_A_YEAR: i64 = 182 * 24 * 3600;

/// Which facts `MLSD` and `MLST` show (RFC 3659 section 7.5), as `OPTS MLST` chose them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Facts {
    /// `type=file` or `type=dir`.
    pub kind: bool,
    /// `size=`, in bytes; not for directories.
    pub size: bool,
    /// `modify=`, in UTC; left out where it is not known.
    pub modify: bool,
    /// `perm=`.
    pub perm: bool,
    /// `create=`, in UTC; left out where it is not known.
    pub create: bool,
    /// `UNIX.mode=`, in octal; left out where it is not known.
    pub mode: bool,
    /// Whether the user may write, which is what `perm` depends on.
    pub writable: bool,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            kind: true,
            size: true,
            modify: true,
            perm: true,
            create: true,
            mode: true,
            writable: true,
        }
    }
}

impl Facts {
    /// The names of all facts, in the order in which they are written.
    pub const NAMES: [&'static str; 6] = ["type", "size", "modify", "perm", "create", "UNIX.mode"];

    /// A choice with none of them.
    #[must_use]
    pub const fn none(writable: bool) -> Self {
        Self {
            kind: false,
            size: false,
            modify: false,
            perm: false,
            create: false,
            mode: false,
            writable,
        }
    }

    /// Whether the fact of this place in [`Facts::NAMES`] is chosen.
    #[must_use]
    pub fn flags(&self) -> [bool; 6] {
        [
            self.kind,
            self.size,
            self.modify,
            self.perm,
            self.create,
            self.mode,
        ]
    }

    /// Chooses the fact of this name, in any case; names that are not known are ignored
    /// (RFC 3659 section 7.9).
    pub fn choose(&mut self, name: &[u8]) {
        let fact = Self::NAMES
            .iter()
            .position(|n| n.as_bytes().eq_ignore_ascii_case(name));
        match fact {
            Some(0) => self.kind = true,
            Some(1) => self.size = true,
            Some(2) => self.modify = true,
            Some(3) => self.perm = true,
            Some(4) => self.create = true,
            Some(5) => self.mode = true,
            _ => {}
        }
    }
}

/// Appends the line of `entry` to `out`, CRLF included: as `ls -l`, the name alone, or facts (RFC 3659
/// section 7.2). `now_unix`, in seconds since 1970, decides between time and year in the first. An
/// entry without a name, or with control characters in it, gives no line.
pub fn write_entry(format: ListFormat, entry: &Entry, now_unix: i64, out: &mut Vec<u8>) {
    write_named(format, entry, &entry.name, now_unix, out);
}

/// As [`write_entry`], with the name as it stands on the wire instead of the entry's own.
pub fn write_named(
    format: ListFormat,
    entry: &Entry,
    name: &[u8],
    now_unix: i64,
    out: &mut Vec<u8>,
) {
    if name.iter().any(u8::is_ascii_control) || name.is_empty() {
        return;
    }
    match format {
        ListFormat::Long => long(entry, name, now_unix, out),
        ListFormat::Names => out.extend_from_slice(name),
        ListFormat::Facts(chosen) => facts(chosen, entry, name, out),
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the facts of `entry`, one space, and `name`: a line of MLSD, or that of MLST without
/// its leading space (RFC 3659 section 7.2). A symbolic link shows as what it points to: programs
/// know `file` and `dir`, and few know a type that begins with `OS.`.
pub fn facts(chosen: Facts, entry: &Entry, name: &[u8], out: &mut Vec<u8>) {
    if chosen.kind {
        out.extend_from_slice(if entry.is_dir() {
            b"type=dir;"
        } else {
            b"type=file;"
        });
    }
    if chosen.size && !entry.is_dir() {
        out.extend_from_slice(format!("size={};", entry.size).as_bytes());
    }
    if let Some(unix) = entry.modified.filter(|_| chosen.modify) {
        out.extend_from_slice(format!("modify={};", time_val(unix)).as_bytes());
    }
    if chosen.perm {
        out.extend_from_slice(match (entry.is_dir(), chosen.writable) {
            // The root stays, and stays where it is.
            (true, true) if name == b"/" => b"perm=celmp;",
            (true, true) => b"perm=cdeflmp;",
            (true, false) => b"perm=el;",
            (false, true) => b"perm=adfrw;",
            (false, false) => b"perm=r;",
        });
    }
    if let Some(unix) = entry.created.filter(|_| chosen.create) {
        out.extend_from_slice(format!("create={};", time_val(unix)).as_bytes());
    }
    if let Some(mode) = entry.mode.filter(|_| chosen.mode) {
        out.extend_from_slice(format!("UNIX.mode={:04o};", mode & 0o7777).as_bytes());
    }
    out.push(b' ');
    out.extend_from_slice(name);
}

/// `YYYYMMDDHHMMSS` in UTC, the time-val of RFC 3659 section 2.3.
#[must_use]
pub fn time_val(unix: i64) -> String {
    let t = Civil::from_unix(unix);
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}",
        t.year, t.month, t.day, t.hour, t.minute, t.second
    )
}

/// The nine letters of a mode, as `ls` shows them.
fn rights(mode: u32) -> String {
    let plain = (0..9).map(|place| {
        let set = mode & (0o400 >> place) != 0;
        if set { b"rwx"[place % 3] } else { b'-' }
    });
    let mut letters: Vec<u8> = plain.collect();
    for (bit, place, letter) in [(0o4000, 2, b's'), (0o2000, 5, b's'), (0o1000, 8, b't')] {
        if mode & bit != 0
            && let Some(at) = letters.get_mut(place)
        {
            *at = if *at == b'x' {
                letter
            } else {
                letter.to_ascii_uppercase()
            };
        }
    }
    letters.into_iter().map(char::from).collect()
}

/// The line of `ls -l` that every client reads: ten characters of mode, link count, owner,
/// group, size, date, name, and of a symbolic link also what it points to.
fn long(entry: &Entry, name: &[u8], now_unix: i64, out: &mut Vec<u8>) {
    let clean = |target: &&Vec<u8>| !target.iter().any(u8::is_ascii_control);
    let target = entry.target.as_ref().filter(clean);
    let (kind, usual) = match (target, entry.is_dir()) {
        (Some(_), _) => ('l', 0o777),
        (None, true) => ('d', 0o755),
        (None, false) => ('-', 0o644),
    };
    let own = entry.mode.filter(|_| target.is_none());
    let mode = rights(own.unwrap_or(usual));
    let unix = entry.modified.unwrap_or(0);
    let t = Civil::from_unix(unix);
    let age = now_unix.saturating_sub(unix);
    let date = if (0..=HALF_A_YEAR).contains(&age) {
        format!(
            "{} {:>2} {:02}:{:02}",
            t.month_name(),
            t.day,
            t.hour,
            t.minute
        )
    } else {
        format!("{} {:>2}  {:04}", t.month_name(), t.day, t.year)
    };
    out.extend_from_slice(
        format!(
            "{kind}{mode}   1 oss      oss      {:>12} {date} ",
            entry.size
        )
        .as_bytes(),
    );
    out.extend_from_slice(name);
    if let Some(target) = target {
        out.extend_from_slice(b" -> ");
        out.extend_from_slice(target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(format: ListFormat, entry: &Entry, now: i64) -> String {
        let mut out = Vec::new();
        write_entry(format, entry, now, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_lines_that_clients_read() {
        let file = Entry::file("f.txt", 16, Some(1_577_836_800));
        let dir = Entry::directory("d", None);
        assert_eq!(
            line(ListFormat::Long, &file, 1_700_000_000),
            "-rw-r--r--   1 oss      oss                16 Jan  1  2020 f.txt\r\n"
        );
        assert_eq!(
            line(ListFormat::Long, &file, 1_577_836_860),
            "-rw-r--r--   1 oss      oss                16 Jan  1 00:00 f.txt\r\n"
        );
        assert_eq!(
            line(ListFormat::Long, &dir, 1_700_000_000),
            "drwxr-xr-x   1 oss      oss                 0 Jan  1  1970 d\r\n"
        );
        assert_eq!(line(ListFormat::Names, &file, 0), "f.txt\r\n");
        let facts = ListFormat::Facts(Facts::default());
        assert_eq!(
            line(facts, &file, 0),
            "type=file;size=16;modify=20200101000000;perm=adfrw; f.txt\r\n"
        );
        assert_eq!(line(facts, &dir, 0), "type=dir;perm=cdeflmp; d\r\n");
        let read_only = ListFormat::Facts(Facts {
            writable: false,
            ..Facts::default()
        });
        assert_eq!(line(read_only, &dir, 0), "type=dir;perm=el; d\r\n");
    }

    #[test]
    fn modes_and_links() {
        for (mode, letters) in [
            (0o644, "rw-r--r--"),
            (0o4755, "rwsr-xr-x"),
            (0o6644, "rwSr-Sr--"),
            (0o1777, "rwxrwxrwt"),
            (0o1000, "--------T"),
        ] {
            assert_eq!(rights(mode), letters);
        }
        let mut entry = Entry::file("f", 16, Some(0));
        entry.mode = Some(0o600);
        entry.created = Some(1_577_836_800);
        assert_eq!(
            line(ListFormat::Long, &entry, 0),
            "-rw-------   1 oss      oss                16 Jan  1 00:00 f\r\n"
        );
        let facts = ListFormat::Facts(Facts::default());
        assert_eq!(
            line(facts, &entry, 0),
            "type=file;size=16;modify=19700101000000;perm=adfrw;\
             create=20200101000000;UNIX.mode=0600; f\r\n"
        );
        entry.target = Some(b"/d/g".to_vec());
        assert_eq!(
            line(ListFormat::Long, &entry, 0),
            "lrwxrwxrwx   1 oss      oss                16 Jan  1 00:00 f -> /d/g\r\n"
        );
        entry.target = Some(b"/d\r\ng".to_vec());
        assert!(line(ListFormat::Long, &entry, 0).ends_with(" f\r\n"));
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        for name in ["a\r\nb", "\n", "a\0", "", "a\x7f"] {
            assert_eq!(line(ListFormat::Names, &Entry::file(name, 0, None), 0), "");
        }
    }

    proptest! {
        #[test]
        fn size_and_name_can_be_read_back(
            name in "[^\\x00-\\x1f\\x7f/]{1,30}",
            size in any::<u64>(),
            modified in proptest::option::of(any::<i64>()),
            now in any::<i64>(),
        ) {
            let entry = Entry::file(name.clone(), size, modified);
            if !entry.name.iter().any(u8::is_ascii_control) {
                let long = line(ListFormat::Long, &entry, now);
                let mut rest = long.strip_suffix("\r\n").unwrap();
                let mut words = Vec::new();
                for _ in 0..8 {
                    let word = rest.trim_start();
                    let end = word.find(' ').unwrap();
                    words.push(&word[..end]);
                    rest = &word[end..];
                }
                prop_assert_eq!(words[0].len(), 10);
                prop_assert_eq!(words[4].parse::<u64>().unwrap(), size);
                prop_assert_eq!(&rest[1..], name.as_str());
                let facts = line(ListFormat::Facts(Facts::default()), &entry, now);
                let (list, last) = facts.split_once(' ').unwrap();
                prop_assert!(list.ends_with(';') && list.split(';').all(|f| f.is_empty() || f.contains('=')));
                prop_assert_eq!(last.strip_suffix("\r\n").unwrap(), name.as_str());
            }
        }
    }
}
