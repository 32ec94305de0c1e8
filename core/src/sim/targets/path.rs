//! Names and paths: joined, translated, matched.

use super::source::Source;
use crate::glob::{Pattern, has_wildcards};
use crate::{Charset, FtpPath, MAX_PATH, Names, PathError};
use alloc::vec;
use alloc::vec::Vec;

/// The slow matcher takes patterns and names of so many characters.
const MAX_SLOW: usize = 256;

/// Three lines that the bytes choose. As paths: joining them is what a second reading of
/// RFC 3659 section 6 says, cannot leave the root, and does not depend on the order. As names:
/// what a character set can say comes back the same. As patterns: a slow matcher agrees.
///
/// # Panics
/// One of these does not hold.
pub fn path(data: &[u8]) {
    let mut source = Source::new(data);
    let what = source.byte();
    let (cwd, argument, more) = (source.line(), source.line(), source.line());
    // The kinds of laws are held by turns, so that a fuzzer knows what an input is about.
    match what % 3 {
        0 => paths(cwd, argument, more),
        1 => names(what / 3, cwd, argument),
        _ => pattern(cwd, argument, usize::from(what / 3 % 8)),
    }
}

fn paths(cwd: &[u8], argument: &[u8], more: &[u8]) {
    let Ok(cwd) = join(&FtpPath::root(), cwd) else {
        return;
    };
    assert!(
        cwd.components()
            .all(|name| cwd.as_bytes().len() > name.len())
    );
    let Ok(joined) = join(&cwd, argument) else {
        return;
    };
    // What was joined once is the same again, from anywhere.
    assert_eq!(joined.join(joined.as_bytes()), Ok(joined.clone()));
    assert_eq!(joined.join(b""), Ok(joined.clone()));
    // An empty argument would make an absolute path of what follows it.
    if more.first() != Some(&b'/') && !argument.is_empty() {
        let both = [argument, b"/", more].concat();
        assert_eq!(
            cwd.join(&both),
            joined.join(more),
            "join is not associative"
        );
    }
    let absolute = argument.first() == Some(&b'/');
    let climbs = argument.split(|b| *b == b'/').any(|name| name == b"..");
    if !absolute && !climbs {
        assert!(joined == cwd || joined.is_below(&cwd), "{joined:?} {cwd:?}");
    }
    assert!(!joined.is_below(&joined));
    assert_eq!(joined.is_root(), joined.components().next().is_none());
    if !joined.is_root() {
        assert!(joined.is_below(&joined.parent()) && joined.is_below(&FtpPath::root()));
        let name = joined.components().last().unwrap_or_default();
        assert_eq!(joined.name(), name);
        assert_eq!(joined.parent().join(name), Ok(joined.clone()));
    }
    assert!(!joined.display().chars().any(char::is_control));
}

/// Joins, and compares with the second reading.
fn join(cwd: &FtpPath, argument: &[u8]) -> Result<FtpPath, PathError> {
    let result = cwd.join(argument);
    let mut stack: Vec<&[u8]> = Vec::new();
    if argument.first() != Some(&b'/') {
        stack.extend(
            cwd.as_bytes()
                .split(|b| *b == b'/')
                .filter(|c| !c.is_empty()),
        );
    }
    let mut longest = 0;
    for name in argument.split(|b| *b == b'/') {
        match name {
            b"" | b"." => {}
            b".." => drop(stack.pop()),
            name => stack.push(name),
        }
        longest = longest.max(stack.iter().map(|name| name.len() + 1).sum());
    }
    match &result {
        Ok(path) => {
            let mut expected = Vec::new();
            for name in stack {
                expected.push(b'/');
                expected.extend_from_slice(name);
            }
            if expected.is_empty() {
                expected.push(b'/');
            }
            assert_eq!(path.as_bytes(), expected);
            assert!(expected.len() <= MAX_PATH);
            assert!(!expected.iter().any(u8::is_ascii_control));
        }
        Err(PathError::ControlCharacter) => assert!(argument.iter().any(u8::is_ascii_control)),
        // One byte of the limit goes to the root's own `/`.
        Err(PathError::TooLong) => assert!(longest >= MAX_PATH, "{longest}"),
    }
    result
}

/// `wire` is what a client sends, `name` what a storage holds.
fn names(mode: u8, wire: &[u8], name: &[u8]) {
    let charset = Charset::ALL.get(usize::from(mode / 4) % (Charset::ALL.len() + 1));
    if let Some(charset) = charset {
        translated(*charset, wire, name);
    }
    let mut names = Names::new(charset.copied(), mode & 1 == 0);
    if mode & 2 == 2 {
        names.hear(wire);
    }
    let is_text = core::str::from_utf8(wire).is_ok();
    match names.read(wire) {
        Ok(read) => {
            // Only what is as it was may be no text.
            assert!(charset.is_none() || core::str::from_utf8(&read).is_ok());
            if wire.is_ascii() {
                assert_eq!(*read, *wire);
            }
            comes_back(&names, &read);
        }
        Err(error) => {
            assert_eq!(Some(&error.charset), charset);
            assert!(
                !(names.utf8() && is_text && mode & 2 == 0),
                "UTF-8 was refused"
            );
        }
    }
    comes_back(&names, name);
    assert!(names.write(b"plain").as_deref() == Some(b"plain"));
    let spoken = names.write_text(name);
    if let Some(exact) = names.write(name) {
        assert_eq!(spoken, *exact);
    }
    let breaks = |text: &[u8]| text.iter().filter(|b| b.is_ascii_control()).count();
    assert_eq!(
        breaks(&spoken),
        breaks(name),
        "a text with other line breaks"
    );
}

/// A name that can be told comes back as itself when the client says it.
fn comes_back(names: &Names, name: &[u8]) {
    let Some(wire) = names.write(name) else {
        assert!(names.fallback().is_some() && !name.is_ascii());
        return;
    };
    match names.read(&wire) {
        Ok(again) => assert_eq!(*again, *name, "another name comes back"),
        Err(error) => panic!("a name that was told cannot be read: {error}"),
    }
}

fn translated(charset: Charset, wire: &[u8], name: &[u8]) {
    let marks = |bytes: &[u8]| -> Vec<u8> {
        let all = bytes.iter().copied();
        all.filter(|b| b.is_ascii_control() || *b == b'/').collect()
    };
    if let Some(text) = charset.decode(wire) {
        assert!(core::str::from_utf8(&text).is_ok());
        assert_eq!(
            marks(&text),
            marks(wire),
            "a mark that was a part of something"
        );
    }
    if let Some(bytes) = charset.encode(name) {
        assert_eq!(
            marks(&bytes),
            marks(name),
            "a mark that was a part of something"
        );
        assert_eq!(charset.decode(&bytes).as_deref(), Some(name));
    }
}

/// With `times`, the pattern is repeated: what takes long for a matcher that goes back.
fn pattern(pattern: &[u8], name: &[u8], times: usize) {
    let pattern = pattern.repeat(times + 1);
    let (tokens, letters) = (tokens(&units(&pattern)), units(name));
    let fast = Pattern::new(&pattern);
    let verdict = fast.matches(name);
    if tokens.len() <= MAX_SLOW && letters.len() <= MAX_SLOW {
        assert_eq!(verdict, slowly(&tokens, &letters), "the matchers differ");
    }
    let wild = tokens.iter().any(|token| !matches!(token, Token::Just(_)));
    assert_eq!(has_wildcards(&pattern), wild);
    let escaped: Vec<u8> = name.iter().flat_map(|b| [b'\\', *b]).collect();
    if name.is_ascii() {
        assert!(Pattern::new(&escaped).matches(name) && !has_wildcards(&escaped));
    }
    assert!(Pattern::new(b"*").matches(name) && Pattern::new(b"**").matches(name));
}

enum Token {
    Many,
    One,
    Class(bool, Vec<(u32, u32)>),
    Just(u32),
}

/// Characters; a byte that belongs to none stands for itself, beyond all of them.
fn units(bytes: &[u8]) -> Vec<u32> {
    let mut units = Vec::new();
    for chunk in bytes.utf8_chunks() {
        units.extend(chunk.valid().chars().map(u32::from));
        units.extend(chunk.invalid().iter().map(|b| 0x11_0000 + u32::from(*b)));
    }
    units
}

fn tokens(pattern: &[u32]) -> Vec<Token> {
    const fn is(unit: u32, letter: u8) -> bool {
        unit == letter as u32
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&unit) = pattern.get(at) {
        at += 1;
        tokens.push(if is(unit, b'*') {
            Token::Many
        } else if is(unit, b'?') {
            Token::One
        } else if is(unit, b'\\') && at < pattern.len() {
            at += 1;
            Token::Just(pattern[at - 1])
        } else if is(unit, b'[')
            && let Some((class, end)) = bracket(pattern, at)
        {
            at = end;
            class
        } else {
            Token::Just(unit)
        });
    }
    tokens
}

/// The class that begins at `at`, and where it ends; `None` without a `]`.
fn bracket(pattern: &[u32], mut at: usize) -> Option<(Token, usize)> {
    const CLOSE: u32 = b']' as u32;
    const DASH: u32 = b'-' as u32;
    // One member, escaped or not, and where the next one stands.
    let member = |at: usize| -> Option<(u32, usize)> {
        let unit = *pattern.get(at)?;
        if unit == u32::from(b'\\') {
            return Some((*pattern.get(at + 1)?, at + 2));
        }
        Some((unit, at + 1))
    };
    let not = pattern.get(at) == Some(&u32::from(b'!'));
    at += usize::from(not);
    let first = at;
    let mut ranges = Vec::new();
    loop {
        if pattern.get(at) == Some(&CLOSE) && at > first {
            return Some((Token::Class(not, ranges), at + 1));
        }
        let (from, next) = member(at)?;
        let ends = pattern.get(next + 1) == Some(&CLOSE);
        if pattern.get(next) == Some(&DASH) && !ends {
            let (to, after) = member(next + 1)?;
            ranges.push((from, to));
            at = after;
        } else {
            ranges.push((from, from));
            at = next;
        }
    }
}

/// All pairs of a beginning of the pattern and one of the name, one after the other.
fn slowly(tokens: &[Token], name: &[u32]) -> bool {
    let mut row = vec![false; name.len() + 1];
    row[0] = true;
    for token in tokens {
        let mut next = vec![false; name.len() + 1];
        for at in 0..=name.len() {
            let before = at.checked_sub(1);
            next[at] = match token {
                Token::Many => row[at] || before.is_some_and(|before| next[before]),
                token => before.is_some_and(|before| row[before] && fits(token, name[before])),
            };
        }
        row = next;
    }
    row.last() == Some(&true)
}

fn fits(token: &Token, unit: u32) -> bool {
    match token {
        Token::Many | Token::One => true,
        Token::Class(not, ranges) => {
            ranges.iter().any(|(from, to)| *from <= unit && unit <= *to) != *not
        }
        Token::Just(just) => *just == unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_lines(data in proptest::collection::vec(
            prop_oneof![
                Just(b'/'), Just(b'.'), Just(b'\n'), Just(b'*'), Just(b'['), Just(b']'),
                Just(b'\\'), Just(b'a'), any::<u8>()
            ],
            0..60,
        )) {
            path(&data);
        }
    }
}
