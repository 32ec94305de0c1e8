//! Percent-encoding as OSS expects it.
//!
//! Decides which bytes stay as they are in a path, a query and an `encoding-type=url` answer (RFC 3986 section 2.3:
//! letters, digits and `-._~`). Where the result is put is left to the signers and to the client.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const PATH: &AsciiSet = &COMPONENT.remove(b'/');

/// Encodes a query name or value: everything but the unreserved characters, `/` included, with upper-case hex.
/// A space becomes `%20`, never `+`.
#[must_use]
pub fn component(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

/// Encodes an object key for a path: like [`component`], but `/` stays.
#[must_use]
pub fn path(key: &str) -> String {
    utf8_percent_encode(key, PATH).to_string()
}

/// Decodes percent-encoded text. `+` stays `+`, and a `%` without two hex digits stays too.
///
/// Returns `None` if the decoded bytes are not UTF-8; OSS keys always are.
#[must_use]
pub fn decode(text: &str) -> Option<String> {
    percent_decode_str(text)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

/// The query string of ordered pairs, without `?`, names and values encoded. A pair without a value, or with an empty
/// one, is written as the bare name: OSS treats both alike.
#[must_use]
pub fn query(pairs: &[(String, Option<String>)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(&component(name));
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            out.push('=');
            out.push_str(&component(value));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(component("aZ09-._~/ +%"), "aZ09-._~%2F%20%2B%25");
        assert_eq!(path("a b/../中"), "a%20b/../%E4%B8%AD");
    }

    #[test]
    fn decoding_keeps_plus_and_lone_percent() {
        assert_eq!(decode("a+b%20%2B%E4%B8%AD").as_deref(), Some("a+b +中"));
        assert_eq!(decode("100%").as_deref(), Some("100%"));
        assert_eq!(decode("%ff"), None);
    }

    #[test]
    fn empty_values_are_bare_names() {
        let pairs = [
            ("acl".to_owned(), None),
            ("x".to_owned(), Some(String::new())),
            ("k/".to_owned(), Some("v w".to_owned())),
        ];
        assert_eq!(query(&pairs), "acl&x&k%2F=v%20w");
    }
}
