//! SITE: the commands that are this server's own, and the common ones of others.

use super::parse::{Bad, Read, whole};
use super::words::{self, led_by, mode, time, two_words};
use super::{Command, table};
use crate::listing::time_val;
use crate::time::from_time_val;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use nom::Parser as _;
use nom::bytes::complete::{tag_no_case, take_till1, take_while_m_n};
use nom::character::complete::{char as byte, u64 as count};
use nom::combinator::{all_consuming, map, map_opt};
use nom::sequence::{preceded, separated_pair};

/// A command that follows SITE.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Site {
    /// SITE HELP, perhaps with the name of one.
    Help(Option<Vec<u8>>),
    /// SITE CHMOD mode path.
    Chmod(u32, Vec<u8>),
    /// SITE UTIME in either form: the time of change in Unix seconds, and the path.
    Utime(i64, Vec<u8>),
    /// SITE MKDIR path: parents and all.
    Mkdir(Vec<u8>),
    /// SITE RMDIR path: with everything in it.
    Rmdir(Vec<u8>),
    /// SITE COPY source target.
    Copy(Vec<u8>, Vec<u8>),
    /// SITE CPFR source.
    Cpfr(Vec<u8>),
    /// SITE CPTO target.
    Cpto(Vec<u8>),
    /// SITE SYMLINK target link.
    Symlink(Vec<u8>, Vec<u8>),
    /// SITE RESTORE path.
    Restore(Vec<u8>),
    /// SITE IDLE, with seconds.
    Idle(Option<u64>),
}

impl Site {
    /// Both words, as the table has them.
    pub(super) const fn verb(&self) -> &'static str {
        match self {
            Self::Help(_) => "SITE HELP",
            Self::Chmod(..) => "SITE CHMOD",
            Self::Utime(..) => "SITE UTIME",
            Self::Mkdir(_) => "SITE MKDIR",
            Self::Rmdir(_) => "SITE RMDIR",
            Self::Copy(..) => "SITE COPY",
            Self::Cpfr(_) => "SITE CPFR",
            Self::Cpto(_) => "SITE CPTO",
            Self::Symlink(..) => "SITE SYMLINK",
            Self::Restore(_) => "SITE RESTORE",
            Self::Idle(_) => "SITE IDLE",
        }
    }

    /// What follows both words.
    pub(super) fn argument(&self) -> Option<Vec<u8>> {
        match self {
            Self::Help(argument) => argument.clone(),
            Self::Chmod(mode, path) => Some(led_by(format!("{mode:04o}").as_bytes(), path)),
            Self::Utime(time, path) => Some(led_by(time_val(*time).as_bytes(), path)),
            Self::Mkdir(path)
            | Self::Rmdir(path)
            | Self::Cpfr(path)
            | Self::Cpto(path)
            | Self::Restore(path) => Some(path.clone()),
            Self::Copy(from, to) | Self::Symlink(from, to) => {
                Some(led_by(&words::quoted(from), &words::quoted(to)))
            }
            Self::Idle(seconds) => seconds.map(|s| s.to_string().into_bytes()),
        }
    }
}

/// `SITE` alone is a question for help; what is not known is a bad parameter.
pub(super) fn site(argument: &[u8]) -> Result<Command, Bad> {
    let (verb, rest) = table::site_row(argument).ok_or(if argument.is_empty() {
        Bad::Syntax
    } else {
        Bad::Parameter
    })?;
    (verb.parser)(rest)
}

fn path(argument: &[u8]) -> Result<Vec<u8>, Bad> {
    whole(map(take_till1(|_| false), <[u8]>::to_vec), argument)
}

pub(super) fn help(argument: &[u8]) -> Result<Command, Bad> {
    let argument = (!argument.is_empty()).then(|| argument.to_vec());
    Ok(Command::Site(Site::Help(argument)))
}
pub(super) fn mkdir(argument: &[u8]) -> Result<Command, Bad> {
    path(argument).map(Site::Mkdir).map(Command::Site)
}
pub(super) fn rmdir(argument: &[u8]) -> Result<Command, Bad> {
    path(argument).map(Site::Rmdir).map(Command::Site)
}
pub(super) fn cpfr(argument: &[u8]) -> Result<Command, Bad> {
    path(argument).map(Site::Cpfr).map(Command::Site)
}
pub(super) fn cpto(argument: &[u8]) -> Result<Command, Bad> {
    path(argument).map(Site::Cpto).map(Command::Site)
}
pub(super) fn restore(argument: &[u8]) -> Result<Command, Bad> {
    path(argument).map(Site::Restore).map(Command::Site)
}
pub(super) fn copy(argument: &[u8]) -> Result<Command, Bad> {
    two_words(argument).map(|(from, to)| Command::Site(Site::Copy(from, to)))
}
pub(super) fn symlink(argument: &[u8]) -> Result<Command, Bad> {
    two_words(argument).map(|(target, link)| Command::Site(Site::Symlink(target, link)))
}

pub(super) fn chmod(argument: &[u8]) -> Result<Command, Bad> {
    let path = map(take_till1(|_| false), <[u8]>::to_vec);
    let (mode, path) = whole(separated_pair(mode, byte(' '), path), argument)?;
    Ok(Command::Site(Site::Chmod(mode, path)))
}

pub(super) fn idle(argument: &[u8]) -> Result<Command, Bad> {
    if argument.is_empty() {
        return Ok(Command::Site(Site::Idle(None)));
    }
    whole(map(count, |n| Command::Site(Site::Idle(Some(n)))), argument)
}

/// `YYYYMMDDhhmm[ss] path`, or `path atime mtime ctime UTC`.
pub(super) fn utime(argument: &[u8]) -> Result<Command, Bad> {
    let path = map(take_till1(|_| false), <[u8]>::to_vec);
    if let Ok((_, (time, path))) =
        all_consuming(separated_pair(leading_time, byte(' '), path)).parse(argument)
    {
        return Ok(Command::Site(Site::Utime(time, path)));
    }
    // Three times of 14 digits and their spaces, and ` UTC`.
    let at = argument.len().checked_sub(3 * 15 + 4).ok_or(Bad::Syntax)?;
    let (path, times) = argument.split_at(at);
    let next = || preceded(byte(' '), time);
    let zone = tag_no_case(&b" UTC"[..]);
    let (_, modified, _, _) = whole((next(), next(), next(), zone), times)?;
    if path.is_empty() {
        return Err(Bad::Syntax);
    }
    Ok(Command::Site(Site::Utime(modified, path.to_vec())))
}

fn leading_time(input: &[u8]) -> Read<'_, i64> {
    let digits = take_while_m_n(12, 14, |b: u8| b.is_ascii_digit());
    map_opt(digits, |digits: &[u8]| match digits.len() {
        12 => from_time_val(&[digits, b"00"].concat()),
        14 => from_time_val(digits),
        _ => None,
    })
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::super::{ParseError, parse};
    use super::*;

    fn site(line: &str) -> Option<Site> {
        match parse(line.as_bytes()) {
            Ok(Command::Site(site)) => Some(site),
            Err(ParseError::Syntax(_) | ParseError::Parameter(_)) => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_forms_of_each() {
        let name = |text: &str| text.as_bytes().to_vec();
        for (line, expected) in [
            ("SITE HELP", Site::Help(None)),
            ("site help chmod", Site::Help(Some(name("chmod")))),
            ("SITE CHMOD 644 a b", Site::Chmod(0o644, name("a b"))),
            ("SITE CHMOD 00644 a", Site::Chmod(0o644, name("a"))),
            (
                "SITE UTIME 202001010000 a b",
                Site::Utime(1_577_836_800, name("a b")),
            ),
            (
                "SITE UTIME 20200101000001 a",
                Site::Utime(1_577_836_801, name("a")),
            ),
            (
                "SITE UTIME a b 20210101000000 20200101000000 20210101000000 UTC",
                Site::Utime(1_577_836_800, name("a b")),
            ),
            ("SITE MKDIR a/b", Site::Mkdir(name("a/b"))),
            ("SITE COPY a b", Site::Copy(name("a"), name("b"))),
            ("SITE COPY \"a b\" c", Site::Copy(name("a b"), name("c"))),
            ("SITE SYMLINK a b", Site::Symlink(name("a"), name("b"))),
            ("SITE CPFR a b", Site::Cpfr(name("a b"))),
            ("SITE IDLE", Site::Idle(None)),
            ("SITE IDLE 60", Site::Idle(Some(60))),
        ] {
            assert_eq!(site(line), Some(expected), "{line}");
        }
        for bad in [
            "SITE",
            "SITE XYZZY",
            "SITE CHMOD 999 a",
            "SITE CHMOD 644",
            "SITE CHMOD 77777 a",
            "SITE UTIME 20201301000000 a",
            "SITE UTIME a 20210101000000 20200101000000 UTC",
            "SITE COPY a",
            "SITE COPY a b c",
            "SITE IDLE x",
            "SITE CPFR",
        ] {
            assert_eq!(site(bad), None, "{bad}");
        }
    }
}
