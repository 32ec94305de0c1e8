//! Signatures of OSS requests.
//!
//! Decides what is signed and how ([`v4`], and [`v1`] for old accounts). The functions are pure: a client uses them to
//! sign, a server to verify, over the same description of a request. When a request is signed, with which clock and
//! which keys, is left to the caller.

pub mod v1;
pub mod v4;

use std::fmt;

/// The only payload hash that OSS V4 signatures know: the body is not signed.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// The parameters that signatures add to URLs: no request has them of its own.
pub(crate) const URL_PARAMETERS: [&str; 11] = [
    "OSSAccessKeyId",
    "Expires",
    "Signature",
    "security-token",
    "x-oss-signature-version",
    "x-oss-date",
    "x-oss-expires",
    "x-oss-credential",
    "x-oss-security-token",
    "x-oss-additional-headers",
    "x-oss-signature",
];

/// Which signature a client puts on its requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SignatureVersion {
    /// HMAC-SHA256 with a region scope: the default, and all that new accounts accept.
    #[default]
    V4,
    /// HMAC-SHA1, for old accounts and buckets.
    V1,
}

/// Text that must not be shown: `Debug` never prints it and there is no `Display`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself. The name is long so that each use stands out.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// An access key, with a security token if it is a temporary one (STS).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The AccessKeyId. Not secret.
    pub access_key_id: String,
    /// The AccessKeySecret.
    pub access_key_secret: Secret,
    /// The security token of a temporary key; such a key does not work without it.
    pub security_token: Option<Secret>,
}

impl Credentials {
    /// A long-lived key.
    #[must_use]
    pub fn new(access_key_id: impl Into<String>, access_key_secret: impl Into<Secret>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            access_key_secret: access_key_secret.into(),
            security_token: None,
        }
    }

    /// The same key with a security token.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<Secret>) -> Self {
        self.security_token = Some(token.into());
        self
    }
}

/// What a signature covers of a request. Names and values are raw: decoded, not percent-encoded.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The bucket, also when it stands in the host; `None` for the calls of the service itself.
    pub bucket: Option<&'a str>,
    /// The object key; `None` (or empty) for the calls of a bucket.
    pub key: Option<&'a str>,
    /// The query parameters. `None` and an empty value are the same to OSS.
    pub query: &'a [(String, Option<String>)],
    /// The headers, in any case and order.
    pub headers: &'a [(String, String)],
}

impl Request<'_> {
    /// The resource before any encoding: `/`, `/bucket/` or `/bucket/key`.
    fn resource(&self) -> String {
        match (self.bucket, self.key) {
            (None, _) => "/".to_owned(),
            (Some(bucket), key) => format!("/{bucket}/{}", key.unwrap_or_default()),
        }
    }

    /// The trimmed value of the first header of this name, whatever its case.
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The headers that `keep` picks by their lower-case name, sorted by name, values trimmed; repeated ones are
    /// joined by commas in the order in which they came.
    fn canonical_headers(&self, keep: impl Fn(&str) -> bool) -> String {
        let mut map = std::collections::BTreeMap::<String, String>::new();
        for (name, value) in self.headers {
            let name = name.to_ascii_lowercase();
            if !keep(&name) {
                continue;
            }
            map.entry(name)
                .and_modify(|joined| {
                    joined.push(',');
                    joined.push_str(value.trim());
                })
                .or_insert_with(|| value.trim().to_owned());
        }
        map.iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect()
    }
}

/// Whether two signatures are equal, in a time that does not tell where they differ. For a server that verifies.
#[must_use]
pub fn matches(expected: &str, given: &str) -> bool {
    expected.len() == given.len()
        && expected
            .bytes()
            .zip(given.bytes())
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_secret() {
        let credentials = Credentials::new("id", "very secret").with_token("token");
        let text = format!("{credentials:?}");
        assert!(text.contains("id"), "{text}");
        assert!(
            !text.contains("very secret") && !text.contains("\"token\""),
            "{text}"
        );
    }

    #[test]
    fn matches_compares_whole_texts() {
        assert!(matches("abc", "abc"));
        assert!(!matches("abc", "abd"));
        assert!(!matches("abc", "ab"));
    }
}
