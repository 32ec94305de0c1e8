//! What is asked of texts everywhere: are there control characters, and how do they look without.

use alloc::borrow::Cow;
use alloc::string::String;
use memchr::memchr;

/// Whether a control character of ASCII is in there. All bytes are looked at, in one go: that is
/// faster than to stop at the first, since hardly any text has one.
pub(crate) fn has_control(text: &[u8]) -> bool {
    text.iter()
        .fold(false, |found, byte| found | byte.is_ascii_control())
}

/// A word of at most eight bytes as one number, with small letters as capitals, so that it is
/// found at once among others; 0 for what is none.
pub(crate) const fn key(word: &[u8]) -> u64 {
    if word.len() > 8 {
        return 0;
    }
    let (mut key, mut at) = (0, 0);
    while at < word.len() {
        if word[at] == 0 {
            return 0;
        }
        key = key << 8 | word[at].to_ascii_uppercase() as u64;
        at += 1;
    }
    key
}

/// The text as UTF-8 with `instead` for each control character; what is not UTF-8 shows as
/// U+FFFD.
pub(crate) fn without_control<'a>(text: impl Into<Cow<'a, [u8]>>, instead: char) -> String {
    let text = text.into();
    // The control characters beyond ASCII begin with 0xC2.
    if !has_control(&text) && memchr(0xC2, &text).is_none() {
        return match String::from_utf8(text.into_owned()) {
            Ok(text) => text,
            Err(error) => shown(error.as_bytes(), instead),
        };
    }
    shown(&text, instead)
}

fn shown(text: &[u8], instead: char) -> String {
    String::from_utf8_lossy(text)
        .chars()
        .map(|c| if c.is_control() { instead } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_short_way_is_the_long_way(text in any::<Vec<u8>>(), plain in "[ -~\u{80}-\u{ff}]*") {
            prop_assert_eq!(has_control(&text), text.iter().any(u8::is_ascii_control));
            for text in [text.as_slice(), plain.as_bytes()] {
                prop_assert_eq!(without_control(text, '?'), shown(text, '?'));
            }
        }
    }
}
