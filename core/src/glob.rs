//! Wildcards in the argument of LIST and NLST.
//!
//! The least that users expect, as the shells have it: `*`, `?`, `[a-z]`, `[!x]` and `\`. No
//! braces, no directories: a pattern is for one name. FTP itself knows no wildcards (RFC 3659
//! section 2.2.2), and storages may hold names with `*` in them, so whether an argument is a
//! pattern or a name is for the session to find out.
//!
//! Patterns come from strangers. Matching takes at most (length of the pattern) × (length of the
//! name) steps, no recursion, and no memory.

use alloc::vec::Vec;
use core::str;

/// A pattern, taken apart.
///
/// - `*` stands for any number of characters. A leading dot is nothing special.
/// - `?` stands for one.
/// - `[abc-f]` stands for one of these, `[!abc-f]` for one that is none of them. A `]` at the
///   beginning and a `-` at either end stand for themselves. Without its `]`, the `[` is an
///   ordinary character.
/// - `\` before any character makes it an ordinary one, also within `[]`.
///
/// A character is one of UTF-8 where the bytes are that, else one byte. Case counts.
///
/// ```
/// use ossftp_core::glob::Pattern;
/// let pattern = Pattern::new("图?[0-9].*".as_bytes());
/// assert!(pattern.matches("图片7.jpg".as_bytes()));
/// assert!(!pattern.matches("图片x.jpg".as_bytes()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// No star follows a star.
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Star,
    One,
    Class { not: bool, ranges: Vec<(u32, u32)> },
    Just(u32),
}

impl Part {
    /// Whether one character satisfies it.
    fn accepts(&self, c: u32) -> bool {
        match self {
            Self::Star | Self::One => true,
            Self::Class { not, ranges } => {
                let listed = ranges.iter().any(|(from, to)| (*from..=*to).contains(&c));
                listed != *not
            }
            Self::Just(just) => *just == c,
        }
    }
}

impl Pattern {
    /// Any bytes are a pattern.
    #[must_use]
    pub fn new(pattern: &[u8]) -> Self {
        let mut parts = Vec::new();
        let mut rest = pattern;
        // Once a `[` has found no end, those after it find none either. Without this, many of
        // them would each look through all that follows.
        let mut closable = true;
        while let Some((c, after)) = next(rest) {
            rest = after;
            parts.push(match u8::try_from(c) {
                Ok(b'*') if parts.last() == Some(&Part::Star) => continue,
                Ok(b'*') => Part::Star,
                Ok(b'?') => Part::One,
                Ok(b'[') if closable => {
                    if let Some((class, after)) = class(rest) {
                        rest = after;
                        class
                    } else {
                        closable = false;
                        Part::Just(c)
                    }
                }
                Ok(b'\\') => {
                    let (escaped, after) = next(rest).unwrap_or((c, rest));
                    rest = after;
                    Part::Just(escaped)
                }
                _ => Part::Just(c),
            });
        }
        Self { parts }
    }

    /// Whether the whole name is what the pattern describes.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        let (mut parts, mut name) = (self.parts.as_slice(), name);
        // What follows the last star that was met, and what is left of the name after what that
        // star stands for. If the rest fails, the star takes one character more; to let an earlier
        // star take more could not help, for the last one can stand for all of that.
        let mut star: Option<(&[Part], &[u8])> = None;
        loop {
            match (parts.split_first(), next(name)) {
                (Some((Part::Star, after)), _) => {
                    if after.is_empty() {
                        return true;
                    }
                    star = Some((after, name));
                    parts = after;
                    continue;
                }
                (Some((part, after)), Some((c, rest))) if part.accepts(c) => {
                    (parts, name) = (after, rest);
                    continue;
                }
                (None, None) => return true,
                // The star would only make the name shorter.
                (Some(_), None) => return false,
                _ => {}
            }
            let Some((after, left)) = star else {
                return false;
            };
            let Some((_, left)) = next(left) else {
                return false;
            };
            star = Some((after, left));
            (parts, name) = (after, left);
        }
    }
}

/// Whether the argument can stand for another name than itself: it holds a `*`, `?` or closed `[]`
/// without a `\` before it. A `\` alone is no wildcard, since names may hold it.
#[must_use]
pub fn has_wildcards(name: &[u8]) -> bool {
    // Most names are told by a look.
    name.iter().any(|b| matches!(b, b'*' | b'?' | b'['))
        && Pattern::new(name)
            .parts
            .iter()
            .any(|part| !matches!(part, Part::Just(_)))
}

/// The first character and what follows it. Bytes that are no UTF-8 count from beyond the end of
/// Unicode on.
fn next(bytes: &[u8]) -> Option<(u32, &[u8])> {
    const BYTES: u32 = 0x11_0000;
    let (first, rest) = bytes.split_first()?;
    let length = match first {
        0x00..=0x7f => return Some((u32::from(*first), rest)),
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 0,
    };
    let character = bytes.split_at_checked(length).and_then(|(head, rest)| {
        let c = str::from_utf8(head).ok()?.chars().next()?;
        Some((u32::from(c), rest))
    });
    Some(character.unwrap_or((BYTES + u32::from(*first), rest)))
}

/// The class whose `[` has been read, and what follows its `]`; `None` if there is none.
fn class(inside: &[u8]) -> Option<(Part, &[u8])> {
    let (not, mut rest) = match inside.split_first() {
        Some((b'!', after)) => (true, after),
        _ => (false, inside),
    };
    let mut ranges = Vec::new();
    loop {
        // The first `]` is a character: a class is never empty.
        if let (Some((b']', after)), false) = (rest.split_first(), ranges.is_empty()) {
            return Some((Part::Class { not, ranges }, after));
        }
        let (from, after) = member(rest)?;
        let (to, after) = match after.strip_prefix(b"-") {
            Some(beyond) if beyond.first() != Some(&b']') => member(beyond)?,
            _ => (from, after),
        };
        ranges.push((from, to));
        rest = after;
    }
}

/// One character of a class.
fn member(bytes: &[u8]) -> Option<(u32, &[u8])> {
    next(bytes.strip_prefix(b"\\").unwrap_or(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern.as_bytes()).matches(name.as_bytes())
    }

    #[test]
    fn known_answers() {
        for (pattern, yes, no) in [
            ("", &[""][..], &["a"][..]),
            ("a", &["a"], &["", "A", "aa", "b"]),
            ("*", &["", "a", ".a", "图片"], &[]),
            ("**", &["", "a"], &[]),
            ("*.txt", &[".txt", "a.txt", "a.txt.txt"], &["a.txt.", "txt"]),
            (
                "a*b*c",
                &["abc", "axxbxxc", "abcbc"],
                &["ab", "abcb", "xabc"],
            ),
            ("?", &["a", "图", "😀"], &["", "ab", "图片"]),
            ("图?.*", &["图片.jpg"], &["图.jpg"]),
            ("[a-c]", &["a", "b", "c"], &["d", "-", ""]),
            ("[!a-c]", &["d", "图", "!"], &["a", "", "dd"]),
            ("[一-龥]*", &["图片"], &["a"]),
            ("[]a]", &["]", "a"], &["[", "b"]),
            ("[!]a]", &["b"], &["]", "a"]),
            ("[a-]", &["a", "-"], &["b"]),
            ("[-a]", &["a", "-"], &["b"]),
            ("[a!]", &["a", "!"], &["b"]),
            ("[c-a]", &[], &["a", "b", "c", "-"]),
            (r"[\]]", &["]"], &["\\"]),
            (r"[a\-c]", &["a", "-", "c"], &["b"]),
            (r"\*", &["*"], &["a", "\\*"]),
            (r"\a\", &[r"a\"], &["a"]),
            ("[", &["["], &[""]),
            ("[a", &["[a"], &["a"]),
            ("[]", &["[]"], &[]),
            ("[!]", &["[!]"], &["a"]),
            ("[a-", &["[a-"], &["a"]),
            ("[[*", &["[[", "[[x"], &["["]),
            ("{a,b}", &["{a,b}"], &["a", "b"]),
        ] {
            for name in yes {
                assert!(matches(pattern, name), "{pattern} {name}");
            }
            for name in no {
                assert!(!matches(pattern, name), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text() {
        for (pattern, name, expected) in [
            (&b"?"[..], &b"\xd6"[..], true),
            (b"??", b"\xd6\xd0", true),
            (b"\xd6*", b"\xd6\xd0", true),
            (b"[\xd0-\xd6]", b"\xd6", true),
            (b"[!a]", b"\xff", true),
            // Half a character is not a part of it.
            (b"\xe5*", "图".as_bytes(), false),
            (b"?\xe5", b"a\xe5", true),
        ] {
            assert_eq!(
                Pattern::new(pattern).matches(name),
                expected,
                "{pattern:x?}"
            );
        }
    }

    #[test]
    fn wildcards() {
        for name in ["*", "a?", "[a]", r"\\*", "[[a]"] {
            assert!(has_wildcards(name.as_bytes()), "{name}");
        }
        for name in [
            "", "a", "[", "[a", "a]", r"\*", r"\[a]", r"a\b", "{a,b}", "-la",
        ] {
            assert!(!has_wildcards(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn the_worst_patterns_end() {
        let name = [b'a'; 1000];
        // Exponential for matchers that try every star anew.
        assert!(!Pattern::new(&b"a*".repeat(500)).matches(&b"b".repeat(1000)));
        let stars = [b"*a".repeat(500), b"b".to_vec()].concat();
        assert!(!Pattern::new(&stars).matches(&name));
        let long = [b"*", &name[..500], b"b"].concat();
        assert!(!Pattern::new(&long).matches(&name));
        // Quadratic for parsers that look for every end anew.
        let open = b"[".repeat(4096);
        assert!(Pattern::new(&open).matches(&open));
    }

    /// What a matcher without any cunning says, straight from the text of the pattern.
    fn reference(pattern: &[char], name: &[char]) -> bool {
        let Some((first, after)) = pattern.split_first() else {
            return name.is_empty();
        };
        let one = |fits: &dyn Fn(char) -> bool, after: &[char]| {
            name.split_first()
                .is_some_and(|(c, rest)| fits(*c) && reference(after, rest))
        };
        match first {
            '*' => (0..=name.len()).any(|n| reference(after, &name[n..])),
            '?' => one(&|_| true, after),
            '\\' if !after.is_empty() => one(&|c| c == after[0], &after[1..]),
            '[' => {
                let not = after.first() == Some(&'!');
                let start = usize::from(not);
                let mut members = Vec::new();
                let mut at = start;
                let character = |at: &mut usize| {
                    *at += usize::from(after.get(*at) == Some(&'\\'));
                    *at += 1;
                    after.get(*at - 1).copied()
                };
                while let Some(c) = after.get(at) {
                    if *c == ']' && at > start {
                        let fits = |c: char| members.iter().any(|(a, b)| *a <= c && c <= *b);
                        return one(&|c| fits(c) != not, &after[at + 1..]);
                    }
                    let Some(from) = character(&mut at) else {
                        break;
                    };
                    let mut to = from;
                    if after.get(at) == Some(&'-') && after.get(at + 1) != Some(&']') {
                        at += 1;
                        let Some(last) = character(&mut at) else {
                            break;
                        };
                        to = last;
                    }
                    members.push((from, to));
                }
                one(&|c| c == '[', after)
            }
            plain => one(&|c| c == *plain, after),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn as_the_slow_one_says(pattern in r"[ab图*?\[\]!\\-]{0,8}", name in r"[ab图\[\]!\\-]{0,6}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(
                matches(&pattern, &name),
                reference(&chars(&pattern), &chars(&name))
            );
        }

        #[test]
        fn a_name_without_wildcards_is_itself(name in r"[ab图*?\[\]!-]{0,8}") {
            if !has_wildcards(name.as_bytes()) {
                prop_assert!(matches(&name, &name));
            }
            let escaped = name.chars().flat_map(|c| ['\\', c]).collect::<alloc::string::String>();
            prop_assert!(matches(&escaped, &name) && !has_wildcards(escaped.as_bytes()));
        }

        #[test]
        fn any_bytes_are_harmless(
            pattern in proptest::collection::vec(any::<u8>(), 0..12),
            name in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            let _ = Pattern::new(&pattern).matches(&name);
            let everything = [&b"*"[..], &name.iter().flat_map(|b| [b'\\', *b]).collect::<Vec<_>>(), b"*"].concat();
            if name.is_ascii() {
                prop_assert!(Pattern::new(&everything).matches(&name));
            }
        }
    }
}
