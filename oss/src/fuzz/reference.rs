//! The signatures a second time: straight from their description, slow, and with nothing of [`crate::sign`] but the
//! request's own type.

use super::hash::{base64, hex, hmac, sha1, sha256};
use crate::sign::{Request, v1};

/// Parameters that V1 signs, whatever else it signs.
const SIGNED: &[&str] = &[
    "acl",
    "append",
    "bucketInfo",
    "callback",
    "callback-var",
    "continuation-token",
    "cors",
    "delete",
    "lifecycle",
    "location",
    "logging",
    "objectMeta",
    "partNumber",
    "policy",
    "position",
    "referer",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "security-token",
    "sequential",
    "stat",
    "symlink",
    "tagging",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];
/// Parameters that V1 never signs.
const UNSIGNED: &[&str] = &[
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "key-marker",
    "list-type",
    "marker",
    "max-keys",
    "max-parts",
    "max-uploads",
    "part-number-marker",
    "prefix",
    "start-after",
    "upload-id-marker",
];

/// RFC 3986 section 2.1, all but the unreserved characters of section 2.3 and those in `keep`.
pub(super) fn percent(text: &str, keep: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || keep.contains(c) {
            out.push(c);
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

/// The raw resource: `/`, `/bucket/` or `/bucket/key`.
fn resource(request: &Request<'_>) -> String {
    match request.bucket {
        None => "/".to_owned(),
        Some(bucket) => ["/", bucket, "/", request.key.unwrap_or("")].concat(),
    }
}

/// The lines of the headers that `signed` picks: each name once, in order, with its values in the order they came.
fn header_lines(request: &Request<'_>, signed: impl Fn(&str) -> bool) -> String {
    let mut names: Vec<String> = request
        .headers
        .iter()
        .map(|(name, _)| name.to_lowercase())
        .filter(|name| signed(name))
        .collect();
    names.sort();
    names.dedup();
    let mut out = String::new();
    for name in names {
        let values: Vec<&str> = values(request, &name).collect();
        out += &format!("{name}:{}\n", values.join(","));
    }
    out
}

fn values<'a>(request: &Request<'a>, wanted: &str) -> impl Iterator<Item = &'a str> {
    request
        .headers
        .iter()
        .filter(move |(name, _)| name.to_lowercase() == wanted)
        .map(|(_, value)| value.trim())
}

/// Pairs as `name=value`, or the bare name where the value is empty.
fn joined(pairs: &[(String, String)]) -> String {
    let parts: Vec<String> = pairs
        .iter()
        .map(|(name, value)| match value.as_str() {
            "" => name.clone(),
            value => [name, "=", value].concat(),
        })
        .collect();
    parts.join("&")
}

/// V1: the string to sign. `date` is the date line: a time, or the expiry of a URL.
pub(super) fn v1_string(request: &Request<'_>, date: &str) -> String {
    let mut pairs: Vec<(String, String)> = request
        .query
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str();
            // What else there is, is the signer's own table.
            let signed = v1::signs(name);
            if SIGNED.contains(&name) || name.starts_with("x-oss-") {
                assert!(signed, "{name} is to be signed");
            }
            assert!(
                !(signed && UNSIGNED.contains(&name)),
                "{name} is not to be signed"
            );
            signed
        })
        .map(|(name, value)| (name.clone(), value.clone().unwrap_or_default()))
        .collect();
    pairs.sort();
    let query = match joined(&pairs) {
        text if pairs.is_empty() => text,
        text => ["?", &text].concat(),
    };
    [
        request.method,
        "\n",
        values(request, "content-md5").next().unwrap_or(""),
        "\n",
        values(request, "content-type").next().unwrap_or(""),
        "\n",
        date,
        "\n",
        &header_lines(request, |name| name.starts_with("x-oss-")),
        &resource(request),
        &query,
    ]
    .concat()
}

/// V1: the signature.
pub(super) fn v1_signature(secret: &str, string_to_sign: &str) -> String {
    base64(&hmac(sha1, secret.as_bytes(), string_to_sign.as_bytes()))
}

/// V4: the canonical request. `additional` are the additional headers, sorted, all in the request.
pub(super) fn v4_canonical(request: &Request<'_>, additional: &[String]) -> String {
    let mut pairs: Vec<(String, String)> = request
        .query
        .iter()
        .map(|(name, value)| {
            (
                percent(name, ""),
                percent(value.as_deref().unwrap_or(""), ""),
            )
        })
        .collect();
    pairs.sort();
    let headers = header_lines(request, |name| {
        ["content-type", "content-md5"].contains(&name)
            || name.starts_with("x-oss-")
            || additional.iter().any(|other| other == name)
    });
    [
        request.method,
        &percent(&resource(request), "/"),
        &joined(&pairs),
        &headers,
        &additional.join(";"),
        "UNSIGNED-PAYLOAD",
    ]
    .join("\n")
}

/// V4: the additional headers: those of `wanted` that the request has and that are not signed anyway.
pub(super) fn v4_additional(request: &Request<'_>, wanted: &[String]) -> Vec<String> {
    let mut names: Vec<String> = request
        .headers
        .iter()
        .map(|(name, _)| name.to_lowercase())
        .filter(|name| wanted.iter().any(|wanted| wanted.to_lowercase() == *name))
        .filter(|name| {
            name != "content-type" && name != "content-md5" && !name.starts_with("x-oss-")
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// V4: the string to sign.
pub(super) fn v4_string(timestamp: &str, region: &str, product: &str, canonical: &str) -> String {
    let day = &timestamp[..8];
    let hash = hex(&sha256(canonical.as_bytes()));
    format!("OSS4-HMAC-SHA256\n{timestamp}\n{day}/{region}/{product}/aliyun_v4_request\n{hash}")
}

/// V4: the signature.
pub(super) fn v4_signature(secret: &str, string_to_sign: &str) -> String {
    let scope = string_to_sign.split('\n').nth(2).unwrap_or("");
    let mut key = format!("aliyun_v4{secret}").into_bytes();
    for part in scope.split('/') {
        key = hmac(sha256, &key, part.as_bytes());
    }
    hex(&hmac(sha256, &key, string_to_sign.as_bytes()))
}
