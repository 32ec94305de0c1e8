//! Signature version 4: `OSS4-HMAC-SHA256`, in a header or in a URL.
//!
//! Decides the canonical request, the scope, the string to sign and the two places of the signature, as the OSS pages
//! "Include a V4 signature in the Authorization header" and "Add signatures to URLs (V4)" describe them.

use super::{Credentials, Request, UNSIGNED_PAYLOAD};
use crate::encode;
use ring::{digest, hmac};
use std::fmt::Write as _;

/// The name of the algorithm, first in the header and value of `x-oss-signature-version`.
pub const ALGORITHM: &str = "OSS4-HMAC-SHA256";

const TERMINATOR: &str = "aliyun_v4_request";

/// Where and when a signature is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// The time of signing, `YYYYMMDDTHHMMSSZ` (see [`crate::time::format_basic`]).
    pub timestamp: &'a str,
    /// The region id, such as `cn-hangzhou`.
    pub region: &'a str,
    /// The product: `oss`, or `oss-cloudbox` for a cloud box.
    pub product: &'a str,
}

impl Scope<'_> {
    /// The day of the timestamp, `YYYYMMDD`.
    fn day(&self) -> &str {
        self.timestamp.get(..8).unwrap_or(self.timestamp)
    }

    /// The credential scope: `YYYYMMDD/region/product/aliyun_v4_request`.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{}/{}/{}/{TERMINATOR}",
            self.day(),
            self.region,
            self.product
        )
    }
}

/// A finished header signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The canonical request.
    pub canonical_request: String,
    /// The string to sign.
    pub string_to_sign: String,
    /// The signature in lower-case hex.
    pub signature: String,
    /// The names of the additional headers that were signed: lower case, sorted.
    pub additional_headers: Vec<String>,
    /// The value of the `Authorization` header.
    pub authorization: String,
}

/// A finished URL signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presigned {
    /// The canonical request.
    pub canonical_request: String,
    /// The string to sign.
    pub string_to_sign: String,
    /// The signature in lower-case hex.
    pub signature: String,
    /// All parameters of the URL: those of the request, then those of the signature, `x-oss-signature` last.
    pub query: Vec<(String, Option<String>)>,
}

/// Whether V4 signs this header (lower-case name) without being asked.
fn signed_by_default(name: &str) -> bool {
    name == "content-type" || name == "content-md5" || name.starts_with("x-oss-")
}

/// Of the wanted additional headers those that the request has and that are not signed anyway: lower case, sorted.
#[must_use]
pub fn additional_headers(request: &Request<'_>, wanted: &[String]) -> Vec<String> {
    let mut names: Vec<String> = wanted
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .filter(|name| !signed_by_default(name) && request.header(name).is_some())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The canonical request. The headers and parameters of the signature itself (`x-oss-date` and so on) must be in the
/// request already, `x-oss-signature` must not. `additional` is what [`additional_headers`] returned, or what a
/// request to be verified claims.
#[must_use]
pub fn canonical_request(request: &Request<'_>, additional: &[String]) -> String {
    let headers = request.canonical_headers(|name| {
        signed_by_default(name) || additional.iter().any(|other| other == name)
    });
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{UNSIGNED_PAYLOAD}",
        request.method,
        encode::path(&request.resource()),
        canonical_query(request.query),
        additional.join(";"),
    )
}

/// The parameters sorted by their encoded names: `%2B` comes before `A`.
fn canonical_query(query: &[(String, Option<String>)]) -> String {
    let mut pairs: Vec<(String, String)> = query
        .iter()
        .map(|(name, value)| {
            (
                encode::component(name),
                encode::component(value.as_deref().unwrap_or_default()),
            )
        })
        .collect();
    pairs.sort_unstable();
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(&name);
        if !value.is_empty() {
            out.push('=');
            out.push_str(&value);
        }
    }
    out
}

/// The string to sign for a canonical request.
#[must_use]
pub fn string_to_sign(scope: &Scope<'_>, canonical_request: &str) -> String {
    let hash = digest::digest(&digest::SHA256, canonical_request.as_bytes());
    format!(
        "{ALGORITHM}\n{}\n{}\n{}",
        scope.timestamp,
        scope.text(),
        hex(hash.as_ref())
    )
}

/// The signature of a string to sign, in lower-case hex.
#[must_use]
pub fn signature(secret: &str, scope: &Scope<'_>, string_to_sign: &str) -> String {
    let first = format!("aliyun_v4{secret}");
    let mut key = mac(first.as_bytes(), scope.day());
    for step in [scope.region, scope.product, TERMINATOR] {
        key = mac(key.as_ref(), step);
    }
    hex(mac(key.as_ref(), string_to_sign).as_ref())
}

/// The headers that a V4 request needs besides its own: `x-oss-date`, `x-oss-content-sha256`, and with a temporary
/// key `x-oss-security-token`. Put them into the request before [`sign`].
#[must_use]
pub fn headers(credentials: &Credentials, timestamp: &str) -> Vec<(String, String)> {
    let mut out = vec![
        ("x-oss-date".to_owned(), timestamp.to_owned()),
        (
            "x-oss-content-sha256".to_owned(),
            UNSIGNED_PAYLOAD.to_owned(),
        ),
    ];
    if let Some(token) = &credentials.security_token {
        out.push(("x-oss-security-token".to_owned(), token.reveal().to_owned()));
    }
    out
}

/// Signs a request that carries the [`headers`] already. `wanted` names further headers to sign; those that the
/// request does not have are skipped.
#[must_use]
pub fn sign(
    request: &Request<'_>,
    credentials: &Credentials,
    scope: &Scope<'_>,
    wanted: &[String],
) -> Signed {
    let additional = additional_headers(request, wanted);
    let canonical_request = canonical_request(request, &additional);
    let string_to_sign = string_to_sign(scope, &canonical_request);
    let signature = signature(
        credentials.access_key_secret.reveal(),
        scope,
        &string_to_sign,
    );
    let mut authorization = format!(
        "{ALGORITHM} Credential={}/{}",
        credentials.access_key_id,
        scope.text()
    );
    // An empty field is refused (EC 0002-00000209), so it is left out.
    if !additional.is_empty() {
        let _ = write!(authorization, ",AdditionalHeaders={}", additional.join(";"));
    }
    let _ = write!(authorization, ",Signature={signature}");
    Signed {
        canonical_request,
        string_to_sign,
        signature,
        additional_headers: additional,
        authorization,
    }
}

/// Signs a URL that is valid for `expires` seconds (at most 604,800: seven days). The headers of the request are those
/// that the user of the URL will send.
#[must_use]
pub fn presign(
    request: &Request<'_>,
    credentials: &Credentials,
    scope: &Scope<'_>,
    expires: u32,
    wanted: &[String],
) -> Presigned {
    let additional = additional_headers(request, wanted);
    let mut query = request.query.to_vec();
    let mut add = |name: &str, value: String| query.push((name.to_owned(), Some(value)));
    add("x-oss-signature-version", ALGORITHM.to_owned());
    add("x-oss-date", scope.timestamp.to_owned());
    add("x-oss-expires", expires.to_string());
    add(
        "x-oss-credential",
        format!("{}/{}", credentials.access_key_id, scope.text()),
    );
    if let Some(token) = &credentials.security_token {
        add("x-oss-security-token", token.reveal().to_owned());
    }
    if !additional.is_empty() {
        add("x-oss-additional-headers", additional.join(";"));
    }
    let canonical_request = canonical_request(
        &Request {
            query: &query,
            ..*request
        },
        &additional,
    );
    let string_to_sign = string_to_sign(scope, &canonical_request);
    let signature = signature(
        credentials.access_key_secret.reveal(),
        scope,
        &string_to_sign,
    );
    query.push(("x-oss-signature".to_owned(), Some(signature.clone())));
    Presigned {
        canonical_request,
        string_to_sign,
        signature,
        query,
    }
}

/// The fields of a V4 `Authorization` header, for a server that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The AccessKeyId.
    pub access_key_id: String,
    /// The day of the scope, `YYYYMMDD`; must be that of `x-oss-date`.
    pub day: String,
    /// The region of the scope.
    pub region: String,
    /// The product of the scope.
    pub product: String,
    /// The names of the additional headers, lower case, in the order given.
    pub additional_headers: Vec<String>,
    /// The signature in hex.
    pub signature: String,
}

impl Authorization {
    /// Parses the header. The fields may come in any order, with or without a space after the commas: the official
    /// SDKs differ in both. Returns `None` for anything that is not a whole V4 header.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let fields = header.trim().strip_prefix(ALGORITHM)?;
        let (mut credential, mut additional, mut signature) = (None, None, None);
        for field in fields.strip_prefix(' ')?.split(',') {
            let (name, value) = field.trim().split_once('=')?;
            match name {
                "Credential" => credential = Some(value),
                "AdditionalHeaders" => additional = Some(value),
                "Signature" => signature = Some(value),
                _ => return None,
            }
        }
        let mut out = Self::from_credential(credential?)?;
        out.signature = signature?.to_owned();
        out.additional_headers = split_names(additional.unwrap_or_default());
        Some(out)
    }

    /// Reads the same fields from the parameters of a signed URL.
    #[must_use]
    pub fn from_query(query: &[(String, Option<String>)]) -> Option<Self> {
        let get = |wanted: &str| {
            query
                .iter()
                .find(|(name, _)| name == wanted)
                .and_then(|(_, value)| value.as_deref())
        };
        if get("x-oss-signature-version") != Some(ALGORITHM) {
            return None;
        }
        let mut out = Self::from_credential(get("x-oss-credential")?)?;
        out.signature = get("x-oss-signature")?.to_owned();
        out.additional_headers = split_names(get("x-oss-additional-headers").unwrap_or_default());
        Some(out)
    }

    /// Splits `AccessKeyId/day/region/product/aliyun_v4_request`.
    fn from_credential(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(5, '/');
        if parts.next()? != TERMINATOR {
            return None;
        }
        let product = parts.next()?.to_owned();
        let region = parts.next()?.to_owned();
        let day = parts.next()?.to_owned();
        let access_key_id = parts.next()?.to_owned();
        Some(Self {
            access_key_id,
            day,
            region,
            product,
            additional_headers: Vec::new(),
            signature: String::new(),
        })
    }
}

fn split_names(text: &str) -> Vec<String> {
    text.split(';')
        .filter(|name| !name.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

fn mac(key: &[u8], data: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_both_layouts() {
        let go = "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,AdditionalHeaders=host;range,Signature=ab";
        let python = "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request, Signature=ab, AdditionalHeaders=host;range";
        let parsed = Authorization::parse(go).unwrap();
        assert_eq!(Authorization::parse(python).as_ref(), Some(&parsed));
        assert_eq!(parsed.access_key_id, "ak");
        assert_eq!(parsed.day, "20231216");
        assert_eq!(parsed.region, "cn-hangzhou");
        assert_eq!(parsed.additional_headers, ["host", "range"]);
        assert_eq!(parsed.signature, "ab");
    }

    #[test]
    fn refuses_half_a_header() {
        for text in [
            "",
            "OSS ak:sig",
            "OSS4-HMAC-SHA256",
            "OSS4-HMAC-SHA256 Signature=ab",
            "OSS4-HMAC-SHA256 Credential=ak/20231216/oss/aliyun_v4_request,Signature=ab",
            "OSS4-HMAC-SHA256 Credential=ak/20231216/cn/oss/aws4_request,Signature=ab",
        ] {
            assert_eq!(Authorization::parse(text), None, "{text}");
        }
    }
}
