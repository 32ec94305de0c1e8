//! Commands made of choices, said, and read again.

use super::source::Source;
use crate::command::{
    Checksum, Command, Epsv, ListOptions, Protection, Site, TransferMode, TransferType,
};
use crate::command::{find, parse};
use crate::line::{Line, LineReader, MAX_LINE};
use crate::{FactChanges, Secret};
use alloc::format;
use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How many kinds of commands [`command`] can make.
const KINDS: usize = 57;
/// How many of SITE.
const SITE_KINDS: usize = 11;
/// The first and the last second that have a time-val: the years 0 to 9999.
const TIMES: (i64, i64) = (-62_167_219_200, 253_402_300_799);

/// A command that the bytes choose, every kind and SITE included: it means itself when it is said
/// and read again, in small letters as well, and survives the way over the wire.
///
/// # Panics
/// One of these does not hold.
pub fn command_value(data: &[u8]) {
    holds(&command(&mut Source::new(data)));
}

fn holds(command: &Command) {
    let line = command.encode();
    assert!(line.starts_with(command.verb().as_bytes()), "{command:?}");
    read_as(&line, command);
    // The verb is letters in any case, the second one of SITE included.
    let mut small = line.clone();
    if let Some(verb) = small.get_mut(..command.verb().len()) {
        verb.make_ascii_lowercase();
    }
    read_as(&small, command);
    let first = line.split(|b| *b == b' ').next().unwrap_or_default();
    assert!(find(first).is_some(), "{command:?} is not in the table");
    if let Command::Pass(_) = command {
        assert_eq!(format!("{command:?}"), "Pass(Secret(***))");
    }
    if line.len() > MAX_LINE || line.contains(&b'\n') {
        return;
    }
    let mut reader = LineReader::default();
    reader.push(&wire(&line));
    assert_eq!(reader.next_line(), Some(Line::Text(line)), "{command:?}");
    assert_eq!(reader.next_line(), None);
}

fn read_as(line: &[u8], command: &Command) {
    match parse(line) {
        Ok(again) => assert_eq!(again, *command, "{:?}", line.escape_ascii()),
        Err(error) => panic!("{command:?} said again is {error:?}"),
    }
}

/// As a client that knows Telnet sends it (RFC 854).
fn wire(line: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for byte in line {
        match byte {
            0xFF => wire.extend_from_slice(b"\xff\xff"),
            b'\r' => wire.extend_from_slice(b"\r\0"),
            byte => wire.push(*byte),
        }
    }
    wire.extend_from_slice(b"\r\n");
    wire
}

/// Any command. What no command can hold is not made: control characters outside of PASS, names
/// that would be options, moments without a time-val.
#[allow(clippy::too_many_lines)]
fn command(s: &mut Source<'_>) -> Command {
    match s.below(KINDS) {
        0 => Command::User(s.text()),
        1 => {
            let mut password = s.rest().to_vec();
            password.retain(|b| !matches!(b, 0 | b'\r' | b'\n'));
            Command::Pass(Secret::new(password))
        }
        2 => Command::Quit,
        3 => Command::Cwd(s.text()),
        4 => Command::Cdup,
        5 => Command::Pwd,
        6 => Command::Type(s.pick(&[TransferType::Ascii, TransferType::Image])),
        7 => Command::Stru,
        8 => Command::Mode(s.pick(&[TransferMode::Stream, TransferMode::Deflate])),
        9 => Command::Pasv,
        10 => Command::Epsv(s.pick(&[Epsv::Any, Epsv::V4, Epsv::V6, Epsv::All])),
        11 => Command::Port(SocketAddr::new(v4(s).into(), port(s))),
        12 => {
            let ip = if s.flag() { v4(s).into() } else { v6(s).into() };
            Command::Eprt(SocketAddr::new(ip, port(s)))
        }
        13 => Command::Retr(s.text()),
        14 => Command::Stor(s.text()),
        15 => Command::Appe(s.text()),
        16 => Command::Rest(s.number()),
        17 => Command::Allo(s.number()),
        18 => Command::Rnfr(s.text()),
        19 => Command::Rnto(s.text()),
        20 => Command::Dele(s.text()),
        21 => Command::Rmd(s.text()),
        22 => Command::Mkd(s.text()),
        23 => Command::Size(s.text()),
        24 => Command::Mdtm(s.text()),
        25 => Command::List(options(s), s.maybe(no_option)),
        26 => Command::Nlst(options(s), s.maybe(no_option)),
        27 => Command::Mlsd(s.maybe(Source::text)),
        28 => Command::Mlst(s.maybe(Source::text)),
        29 => Command::Stat(s.maybe(no_option)),
        30 => Command::Feat,
        31 => Command::Opts(s.text()),
        32 => Command::Syst,
        33 => Command::Help(s.maybe(Source::text)),
        34 => Command::Noop,
        35 => Command::Abor,
        36 => Command::Acct,
        37 => Command::Rein,
        38 => Command::Host(host(s)),
        39 => Command::Auth { private: s.flag() },
        40 => Command::Pbsz(u32::try_from(s.number()).unwrap_or(u32::MAX)),
        41 => Command::Prot(s.pick(&[
            Protection::Clear,
            Protection::Safe,
            Protection::Confidential,
            Protection::Private,
        ])),
        42 => Command::Ccc,
        43 => Command::Clnt(s.text()),
        44 => Command::Csid(s.text()),
        45 => Command::Lang(s.maybe(|s| of(s, |b| b.is_ascii_alphanumeric() || b == b'-'))),
        46 => Command::Stou(s.maybe(Source::text)),
        47 => Command::Mfmt(time(s), s.text()),
        48 => Command::Mfct(time(s), s.text()),
        49 => Command::Mff(changes(s), s.text()),
        50 => Command::Avbl(s.maybe(Source::text)),
        51 => Command::Hash(s.text()),
        52 => {
            let which = s.pick(&[
                Checksum::Xcrc,
                Checksum::Xmd5,
                Checksum::Xsha,
                Checksum::Xsha256,
                Checksum::Xsha512,
                Checksum::Md5,
            ]);
            let range = s.maybe(|s| (s.number(), s.number()));
            Command::Checksum(which, s.text(), range)
        }
        53 => Command::Rang(s.number(), s.number()),
        54 => {
            let count = s.below(5) + 1;
            Command::Comb(s.text(), (0..count).map(|_| s.text()).collect())
        }
        // The likelier for being the larger.
        _ => Command::Site(site(s)),
    }
}

fn site(s: &mut Source<'_>) -> Site {
    match s.below(SITE_KINDS) {
        0 => Site::Help(s.maybe(Source::text)),
        1 => Site::Chmod(mode(s), s.text()),
        2 => Site::Utime(time(s), s.text()),
        3 => Site::Mkdir(s.text()),
        4 => Site::Rmdir(s.text()),
        5 => Site::Copy(s.text(), s.text()),
        6 => Site::Cpfr(s.text()),
        7 => Site::Cpto(s.text()),
        8 => Site::Symlink(s.text(), s.text()),
        9 => Site::Restore(s.text()),
        _ => Site::Idle(s.maybe(Source::number)),
    }
}

fn options(s: &mut Source<'_>) -> ListOptions {
    ListOptions {
        long: s.number().is_multiple_of(2),
        itself: s.number().is_multiple_of(2),
    }
}

fn changes(s: &mut Source<'_>) -> FactChanges {
    let mut changes = FactChanges {
        modified: s.maybe(time),
        created: s.maybe(time),
        mode: s.maybe(mode),
    };
    // One fact is the least.
    if changes == FactChanges::default() {
        changes.modified = Some(time(s));
    }
    changes
}

fn mode(s: &mut Source<'_>) -> u32 {
    u32::from(s.byte()) << 4 | u32::from(s.byte() >> 4)
}

fn time(s: &mut Source<'_>) -> i64 {
    s.signed().clamp(TIMES.0, TIMES.1)
}

fn port(s: &mut Source<'_>) -> u16 {
    u16::from_be_bytes([s.byte(), s.byte()])
}

fn v4(s: &mut Source<'_>) -> Ipv4Addr {
    Ipv4Addr::from([s.byte(), s.byte(), s.byte(), s.byte()])
}

fn v6(s: &mut Source<'_>) -> Ipv6Addr {
    Ipv6Addr::from(core::array::from_fn::<u8, 16, _>(|_| s.byte()))
}

fn host(s: &mut Source<'_>) -> Vec<u8> {
    if s.flag() {
        return format!("[{}]", v6(s)).into_bytes();
    }
    if s.flag() {
        return IpAddr::V4(v4(s)).to_string().into_bytes();
    }
    of(s, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')
    })
}

/// A word of these bytes alone.
fn of(s: &mut Source<'_>, good: fn(u8) -> bool) -> Vec<u8> {
    let mut word: Vec<u8> = s.text().into_iter().filter(|b| good(*b)).collect();
    if word.is_empty() {
        word.push(b'x');
    }
    word
}

/// A path that is no `-la`.
fn no_option(s: &mut Source<'_>) -> Vec<u8> {
    let text = s.text();
    let word = text.split(|b| *b == b' ').next().unwrap_or_default();
    match word {
        [b'-', letters @ ..] if letters.iter().all(u8::is_ascii_alphanumeric) => {
            [b"./", text.as_slice()].concat()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{COMMANDS, SITE_COMMANDS};
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    /// A command that is new to the table has to be made here too.
    #[test]
    fn every_verb_is_made() {
        let mut made = BTreeSet::new();
        for kind in 0..=255u8 {
            for choice in 0..=255u8 {
                made.insert(command(&mut Source::new(&[kind, choice])).verb());
            }
        }
        for spec in COMMANDS.iter().chain(SITE_COMMANDS) {
            if spec.verb != "SITE" && !spec.is_refused() {
                assert!(made.contains(spec.verb), "{}", spec.verb);
            }
        }
    }

    proptest! {
        #[test]
        fn any_command_means_itself(data in proptest::collection::vec(any::<u8>(), 0..60)) {
            command_value(&data);
        }
    }
}
