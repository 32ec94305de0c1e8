//! Signature version 1: HMAC-SHA1, in a header or in a URL.
//!
//! Decides the string to sign and the two places of the signature, as the OSS page "Include a V1 signature in the
//! Authorization header" describes them. Alibaba Cloud withdraws V1: new accounts accept [`super::v4`] only.

use super::{Credentials, Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;

/// The query parameters that V1 signs, besides every name that starts with `x-oss-`. Sorted.
const SUBRESOURCES: &[&str] = &[
    "accessPoint",
    "accessPointConfigForObjectProcess",
    "accessPointForObjectProcess",
    "accessPointPolicy",
    "accessPointPolicyForObjectProcess",
    "accessmonitor",
    "acl",
    "append",
    "asyncFetch",
    "bucketArchiveDirectRead",
    "bucketInfo",
    "callback",
    "callback-var",
    "cleanRestoredObject",
    "cname",
    "comp",
    "continuation-token",
    "cors",
    "delete",
    "encryption",
    "endTime",
    "group",
    "httpsConfig",
    "img",
    "inventory",
    "inventoryId",
    "lifecycle",
    "link",
    "live",
    "location",
    "logging",
    "metaQuery",
    "objectInfo",
    "objectMeta",
    "partNumber",
    "policy",
    "policyStatus",
    "position",
    "processConfiguration",
    "publicAccessBlock",
    "qos",
    "qosInfo",
    "qosRequester",
    "redundancyTransition",
    "referer",
    "regionList",
    "regions",
    "replication",
    "replicationLocation",
    "replicationProgress",
    "requestPayment",
    "requesterQosInfo",
    "resourceGroup",
    "resourcePool",
    "resourcePoolBuckets",
    "resourcePoolInfo",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "seal",
    "security-token",
    "sequential",
    "startTime",
    "stat",
    "status",
    "style",
    "styleName",
    "symlink",
    "tagging",
    "transferAcceleration",
    "udf",
    "udfApplication",
    "udfApplicationLog",
    "udfId",
    "udfImage",
    "udfImageDesc",
    "udfName",
    "uploadId",
    "uploads",
    "userDefinedLogFieldsConfig",
    "versionId",
    "versioning",
    "versions",
    "vod",
    "website",
    "worm",
    "wormExtend",
    "wormId",
    "x-oss-process",
];

/// A finished V1 header signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The string to sign.
    pub string_to_sign: String,
    /// The signature in base64.
    pub signature: String,
    /// The value of the `Authorization` header.
    pub authorization: String,
}

/// A finished V1 URL signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presigned {
    /// The string to sign.
    pub string_to_sign: String,
    /// The signature in base64.
    pub signature: String,
    /// All parameters of the URL: those of the request, then those of the signature, `Signature` last.
    pub query: Vec<(String, Option<String>)>,
}

/// The string to sign. `date` stands in the date line: for a header signature the `x-oss-date` header if there is one,
/// else `Date`; for a URL the expiry in Unix seconds.
#[must_use]
pub fn string_to_sign(request: &Request<'_>, date: &str) -> String {
    format!(
        "{}\n{}\n{}\n{date}\n{}{}",
        request.method,
        request.header("content-md5").unwrap_or_default(),
        request.header("content-type").unwrap_or_default(),
        request.canonical_headers(|name| name.starts_with("x-oss-")),
        canonical_resource(request),
    )
}

/// Whether V1 signs a query parameter of this name.
pub(crate) fn signs(name: &str) -> bool {
    name.starts_with("x-oss-") || SUBRESOURCES.binary_search(&name).is_ok()
}

/// The raw resource and its signed parameters, sorted by name, raw as well.
fn canonical_resource(request: &Request<'_>) -> String {
    let mut pairs: Vec<(&str, &str)> = request
        .query
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default()))
        .filter(|(name, _)| signs(name))
        .collect();
    pairs.sort_unstable();
    let mut out = request.resource();
    for (index, (name, value)) in pairs.into_iter().enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        out.push_str(name);
        if !value.is_empty() {
            out.push('=');
            out.push_str(value);
        }
    }
    out
}

/// The signature of a string to sign, in base64.
#[must_use]
pub fn signature(secret: &str, string_to_sign: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    STANDARD.encode(hmac::sign(&key, string_to_sign.as_bytes()))
}

/// The header that a temporary key needs; put it into the request before [`sign`].
#[must_use]
pub fn headers(credentials: &Credentials) -> Vec<(String, String)> {
    credentials
        .security_token
        .iter()
        .map(|token| ("x-oss-security-token".to_owned(), token.reveal().to_owned()))
        .collect()
}

/// Signs a request that carries the [`headers`] already. `date` is the value of its `Date` header; an `x-oss-date`
/// header in the request goes before it.
#[must_use]
pub fn sign(request: &Request<'_>, credentials: &Credentials, date: &str) -> Signed {
    let date = request.header("x-oss-date").unwrap_or(date);
    let string_to_sign = string_to_sign(request, date);
    let signature = signature(credentials.access_key_secret.reveal(), &string_to_sign);
    Signed {
        authorization: format!("OSS {}:{signature}", credentials.access_key_id),
        string_to_sign,
        signature,
    }
}

/// Signs a URL that is valid until `expires` (Unix seconds). The headers of the request are those that the user of the
/// URL will send.
#[must_use]
pub fn presign(request: &Request<'_>, credentials: &Credentials, expires: i64) -> Presigned {
    let mut query = request.query.to_vec();
    if let Some(token) = &credentials.security_token {
        query.push(("security-token".to_owned(), Some(token.reveal().to_owned())));
    }
    let expires = expires.to_string();
    let string_to_sign = string_to_sign(
        &Request {
            query: &query,
            ..*request
        },
        &expires,
    );
    let signature = signature(credentials.access_key_secret.reveal(), &string_to_sign);
    for (name, value) in [
        ("OSSAccessKeyId", credentials.access_key_id.clone()),
        ("Expires", expires),
        ("Signature", signature.clone()),
    ] {
        query.push((name.to_owned(), Some(value)));
    }
    Presigned {
        string_to_sign,
        signature,
        query,
    }
}

/// Splits the `Authorization` header of a V1 request into AccessKeyId and signature, for a server that verifies.
#[must_use]
pub fn parse_authorization(header: &str) -> Option<(&str, &str)> {
    header
        .trim()
        .strip_prefix("OSS ")?
        .split_once(':')
        .filter(|(id, signature)| !id.is_empty() && !signature.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(SUBRESOURCES.is_sorted());
    }

    #[test]
    fn parses_its_own_header_only() {
        assert_eq!(parse_authorization("OSS ak:c2ln="), Some(("ak", "c2ln=")));
        assert_eq!(parse_authorization("OSS4-HMAC-SHA256 Credential=x"), None);
        assert_eq!(parse_authorization("OSS :x"), None);
    }
}
