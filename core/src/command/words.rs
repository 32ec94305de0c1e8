//! Arguments of several words: names in quotes, times, numbers, facts, and how each is said
//! again.

use super::parse::{Bad, Read, whole};
use crate::FactChanges;
use crate::listing::time_val;
use crate::time::from_time_val;
use alloc::format;
use alloc::vec::Vec;
use nom::Parser as _;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_till1, take_while_m_n, take_while1};
use nom::character::complete::{char as byte, u64 as count};
use nom::combinator::{all_consuming, map, map_opt, opt, recognize};
use nom::multi::{fold_many0, separated_list1};
use nom::sequence::{delimited, preceded, separated_pair, terminated};

/// From which byte to which.
type Range = Option<(u64, u64)>;

/// A name: in double quotes, which it may hold doubled, or up to the next space.
pub(super) fn word(input: &[u8]) -> Read<'_, Vec<u8>> {
    let plain = map(take_till1(|b| b == b' '), <[u8]>::to_vec);
    alt((in_quotes, plain)).parse(input)
}

fn in_quotes(input: &[u8]) -> Read<'_, Vec<u8>> {
    let piece = alt((
        take_till1(|b| b == b'"'),
        map(tag(&b"\"\""[..]), |_: &[u8]| &b"\""[..]),
    ));
    let text = fold_many0(piece, Vec::new, |mut text: Vec<u8>, piece: &[u8]| {
        text.extend_from_slice(piece);
        text
    });
    let (rest, text) = delimited(byte('"'), text, byte('"')).parse(input)?;
    // An empty name, or text that goes on right after the quote, is not a name in quotes.
    if text.is_empty() || !matches!(rest.first(), None | Some(b' ')) {
        return nom::combinator::fail().parse(input);
    }
    Ok((rest, text))
}

/// Exactly two names.
pub(super) fn two_words(argument: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Bad> {
    whole(separated_pair(word, byte(' '), word), argument)
}

/// One name or more.
pub(super) fn many_words(argument: &[u8]) -> Result<Vec<Vec<u8>>, Bad> {
    whole(separated_list1(byte(' '), word), argument)
}

/// A name in double quotes, with its own quotes doubled (RFC 959 appendix II).
pub(crate) fn quoted(name: &[u8]) -> Vec<u8> {
    let mut text = Vec::from(*b"\"");
    for byte in name {
        if *byte == b'"' {
            text.push(b'"');
        }
        text.push(*byte);
    }
    text.push(b'"');
    text
}

/// `head`, a space, and `path`.
pub(super) fn led_by(head: &[u8], path: &[u8]) -> Vec<u8> {
    [head, b" ", path].concat()
}

/// `YYYYMMDDHHMMSS[.sss]` (RFC 3659 section 2.3) in Unix seconds; fractions are let go.
pub(super) fn time(input: &[u8]) -> Read<'_, i64> {
    let digits = take_while_m_n(14, 14, |b: u8| b.is_ascii_digit());
    let fraction = opt(preceded(byte('.'), take_while1(|b: u8| b.is_ascii_digit())));
    map_opt(terminated(digits, fraction), from_time_val).parse(input)
}

/// `time SP path`: both, or why not.
pub(super) fn time_and_path(argument: &[u8]) -> Result<(i64, Vec<u8>), Bad> {
    let path = map(take_till1(|_| false), <[u8]>::to_vec);
    whole(separated_pair(time, byte(' '), path), argument)
}

/// `time SP path`, where it may be something else.
pub(crate) fn maybe_time_and_path(argument: &[u8]) -> Option<(i64, Vec<u8>)> {
    time_and_path(argument).ok()
}

/// A path, perhaps in quotes, and perhaps two numbers after it. A path without quotes may hold
/// spaces; when it ends in two numbers, they are the range.
pub(super) fn path_and_range(argument: &[u8]) -> Result<(Vec<u8>, Range), Bad> {
    if let Ok((_, parsed)) = all_consuming((in_quotes, opt(range))).parse(argument) {
        return Ok(parsed);
    }
    let spaces: Vec<usize> = (0..argument.len())
        .filter(|at| argument.get(*at) == Some(&b' '))
        .collect();
    if let [.., before, _] = spaces.as_slice()
        && let Some((path, tail)) = argument.split_at_checked(*before)
        && let Ok((_, numbers)) = all_consuming(range).parse(tail)
        && !path.is_empty()
    {
        return Ok((path.to_vec(), Some(numbers)));
    }
    if argument.is_empty() {
        return Err(Bad::Syntax);
    }
    Ok((argument.to_vec(), None))
}

fn range(input: &[u8]) -> Read<'_, (u64, u64)> {
    (preceded(byte(' '), count), preceded(byte(' '), count)).parse(input)
}

/// The mode of SITE CHMOD and `UNIX.mode`: one to four octal digits, perhaps more zeros.
pub(super) fn mode(input: &[u8]) -> Read<'_, u32> {
    let digits = recognize(take_while_m_n(1, 8, |b: u8| (b'0'..=b'7').contains(&b)));
    map_opt(digits, |digits: &[u8]| {
        let mode = digits
            .iter()
            .fold(0u32, |mode, digit| mode * 8 + u32::from(digit - b'0'));
        Some(mode).filter(|mode| *mode <= 0o7777)
    })
    .parse(input)
}

/// `fact=value;` of MFF, one or more, a space and a path. A fact that cannot be changed is a bad
/// parameter, a value that does not fit a bad syntax.
pub(super) fn facts_and_path(argument: &[u8]) -> Result<(FactChanges, Vec<u8>), Bad> {
    let end = argument
        .windows(2)
        .position(|pair| pair == b"; ")
        .ok_or(Bad::Syntax)?;
    let facts = argument.get(..end).unwrap_or_default();
    let path = argument.get(end + 2..).unwrap_or_default();
    if path.is_empty() {
        return Err(Bad::Syntax);
    }
    let mut changes = FactChanges::default();
    for fact in facts.split(|b| *b == b';') {
        let at = fact.iter().position(|b| *b == b'=').ok_or(Bad::Syntax)?;
        let (name, value) = fact.split_at(at);
        let value = value.get(1..).unwrap_or_default();
        match name.to_ascii_lowercase().as_slice() {
            b"modify" => changes.modified = Some(whole(time, value)?),
            b"create" => changes.created = Some(whole(time, value)?),
            b"unix.mode" => changes.mode = Some(whole(mode, value)?),
            _ => return Err(Bad::Parameter),
        }
    }
    Ok((changes, path.to_vec()))
}

/// The facts of MFF, and of its answer.
pub(crate) fn facts(changes: &FactChanges) -> Vec<u8> {
    let mut text = Vec::new();
    if let Some(unix) = changes.modified {
        text.extend_from_slice(format!("modify={};", time_val(unix)).as_bytes());
    }
    if let Some(unix) = changes.created {
        text.extend_from_slice(format!("create={};", time_val(unix)).as_bytes());
    }
    if let Some(mode) = changes.mode {
        text.extend_from_slice(format!("UNIX.mode={mode:04o};").as_bytes());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_quotes() {
        let two = |text: &str| two_words(text.as_bytes()).ok();
        let pair = |a: &str, b: &str| Some((a.as_bytes().to_vec(), b.as_bytes().to_vec()));
        assert_eq!(two("a b"), pair("a", "b"));
        assert_eq!(two("\"a b\" \"c\"\"d\""), pair("a b", "c\"d"));
        assert_eq!(two("\"a b\" c"), pair("a b", "c"));
        for bad in ["", "a", "a b c", "a  b", "\"a\"b c d", "\"\" "] {
            assert_eq!(two(bad), None, "{bad}");
        }
        assert_eq!(many_words(b"a b \"c d\"").unwrap().len(), 3);
    }

    #[test]
    fn ranges_after_names() {
        let read = |text: &str| {
            path_and_range(text.as_bytes())
                .ok()
                .map(|(path, range)| (alloc::string::String::from_utf8(path).unwrap(), range))
        };
        let some = |path: &str, range| Some((path.into(), range));
        assert_eq!(read("a b"), some("a b", None));
        assert_eq!(read("a 1 2"), some("a", Some((1, 2))));
        assert_eq!(read("a b 1 2"), some("a b", Some((1, 2))));
        assert_eq!(read("a 1"), some("a 1", None));
        assert_eq!(read("\"a 1 2\""), some("a 1 2", None));
        assert_eq!(read("\"a\" 0 9"), some("a", Some((0, 9))));
        assert_eq!(read("1 2"), some("1 2", None));
        assert_eq!(read(""), None);
    }

    #[test]
    fn facts_of_mff() {
        let (changes, path) =
            facts_and_path(b"Modify=20200101000000.5;unix.MODE=644; a b").unwrap();
        assert_eq!(path, b"a b");
        assert_eq!(changes.modified, Some(1_577_836_800));
        assert_eq!(changes.mode, Some(0o644));
        assert_eq!(facts(&changes), b"modify=20200101000000;UNIX.mode=0644;");
        assert!(matches!(facts_and_path(b"size=1; a"), Err(Bad::Parameter)));
        for bad in [
            "modify=1; a",
            "modify; a",
            "modify=20200101000000; ",
            "; a",
            "a",
            "UNIX.mode=8; a",
        ] {
            assert!(
                matches!(facts_and_path(bad.as_bytes()), Err(Bad::Syntax)),
                "{bad}"
            );
        }
    }
}
