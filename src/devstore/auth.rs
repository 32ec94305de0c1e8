//! Who asks: verifies V1 and V4 signatures, in the header and in the URL.
//!
//! It decides whether a request is from the holder of a known key, fresh and for this region. What that holder may do
//! is asked elsewhere.

use std::collections::HashMap;

use ossftp_oss::sign::{self, Secret, v1, v4};
use ossftp_oss::time;

use super::error::ApiError;
use super::http::Request;

/// OSS's tolerance for wrong clocks, in seconds.
const MAX_SKEW: i64 = 15 * 60;

/// The longest life of a V4 URL: seven days, in seconds.
const MAX_EXPIRES: i64 = 604_800;

/// The known keys by AccessKeyId.
pub(super) type Keys = HashMap<String, Key>;

/// A known key.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) secret: Secret,
    /// The security token without which a temporary key is not known.
    pub(super) token: Option<Secret>,
    /// Unix time in seconds.
    pub(super) expires: Option<i64>,
}

/// What is signed, besides the request: where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) bucket: Option<&'a str>,
    pub(super) key: Option<&'a str>,
}

/// Verifies the signature of `request` at the Unix time `now` and returns the AccessKeyId. A V4 signature must be for
/// `region`, if there is one.
pub(super) fn verify(
    keys: &Keys,
    region: Option<&str>,
    request: &Request,
    target: Target<'_>,
    now: i64,
) -> Result<String, ApiError> {
    let check = Check {
        keys,
        region,
        request,
        target,
        now,
    };
    match request.header("authorization") {
        Some(header) if header.starts_with(v4::ALGORITHM) => check.v4_header(header),
        Some(header) => check.v1_header(header),
        None if request.has("x-oss-signature-version") => check.v4_url(),
        None if request.has("Signature") => check.v1_url(),
        None => Err(ApiError::new(
            403,
            "AccessDenied",
            "0003-00000001",
            "You have no right to access this object because of bucket acl.",
        )),
    }
}

struct Check<'a> {
    keys: &'a Keys,
    region: Option<&'a str>,
    request: &'a Request,
    target: Target<'a>,
    now: i64,
}

impl Check<'_> {
    fn v4_header(&self, header: &str) -> Result<String, ApiError> {
        let bad = |ec, why: &str| ApiError::new(400, "InvalidArgument", ec, why);
        let names = header
            .split(',')
            .find_map(|field| field.trim().strip_prefix("AdditionalHeaders="));
        match names {
            Some("") => {
                return Err(bad(
                    "0002-00000209",
                    "AdditionalHeaders in Authorization header is empty.",
                ));
            }
            Some(names) if names.ends_with(';') => {
                return Err(bad(
                    "0002-00000210",
                    "AdditionalHeaders in Authorization header ends with a semicolon.",
                ));
            }
            _ => {}
        }
        let auth = v4::Authorization::parse(header)
            .ok_or_else(|| bad("", "Invalid credential in Authorization header."))?;
        if self.request.header("x-oss-content-sha256") != Some(sign::UNSIGNED_PAYLOAD) {
            return Err(bad(
                "",
                "The x-oss-content-sha256 header must be UNSIGNED-PAYLOAD.",
            ));
        }
        let date = self
            .request
            .header("x-oss-date")
            .or_else(|| self.request.header("date"));
        let date = date
            .ok_or_else(|| ApiError::access_denied("OSS authentication requires a valid Date."))?;
        let signed_at = time::parse_basic(date).or_else(|| time::parse_http(date));
        let signed_at = signed_at
            .ok_or_else(|| ApiError::access_denied("OSS authentication requires a valid Date."))?;
        self.fresh(signed_at)?;
        self.v4_signature(&auth, &time::format_basic(signed_at), &self.request.query)
    }

    fn v4_url(&self) -> Result<String, ApiError> {
        let bad = || {
            ApiError::new(
                400,
                "InvalidArgument",
                "",
                "Invalid signature parameters in the URL.",
            )
        };
        let auth = v4::Authorization::from_query(&self.request.query).ok_or_else(bad)?;
        let date = self.request.param("x-oss-date").unwrap_or_default();
        let signed_at = time::parse_basic(date).ok_or_else(bad)?;
        let expires: i64 = self
            .request
            .param("x-oss-expires")
            .and_then(|text| text.parse().ok())
            .ok_or_else(bad)?;
        if !(1..=MAX_EXPIRES).contains(&expires) {
            return Err(bad());
        }
        if signed_at - self.now > MAX_SKEW {
            return Err(self.skewed(signed_at));
        }
        if self.now > signed_at + expires {
            return Err(expired(signed_at + expires, self.now));
        }
        let mut query = self.request.query.clone();
        query.retain(|(name, _)| name != "x-oss-signature");
        self.v4_signature(&auth, date, &query)
    }

    fn v4_signature(
        &self,
        auth: &v4::Authorization,
        timestamp: &str,
        query: &[(String, Option<String>)],
    ) -> Result<String, ApiError> {
        let secret = self.secret(&auth.access_key_id)?;
        let invalid = |why: &str| ApiError::new(400, "InvalidArgument", "", why);
        if self.region.is_some_and(|region| auth.region != region) {
            return Err(invalid("Invalid signing region in Authorization header."));
        }
        if auth.product != "oss" {
            return Err(invalid("Invalid signing product in Authorization header."));
        }
        if !timestamp.starts_with(&auth.day) {
            return Err(invalid("Invalid signing date in Authorization header."));
        }
        let scope = v4::Scope {
            timestamp,
            region: &auth.region,
            product: &auth.product,
        };
        let request = self.signed(query);
        let canonical = v4::canonical_request(&request, &auth.additional_headers);
        let string_to_sign = v4::string_to_sign(&scope, &canonical);
        let expected = v4::signature(secret.reveal(), &scope, &string_to_sign);
        self.compare(
            &expected,
            &auth.signature,
            &auth.access_key_id,
            &string_to_sign,
        )
        .map_err(|error| error.field("CanonicalRequest", canonical))
    }

    fn v1_header(&self, header: &str) -> Result<String, ApiError> {
        let (id, signature) = v1::parse_authorization(header).ok_or_else(|| {
            ApiError::new(
                400,
                "InvalidArgument",
                "",
                "Authorization header is invalid.",
            )
        })?;
        let secret = self.secret(id)?;
        let date = self
            .request
            .header("x-oss-date")
            .or_else(|| self.request.header("date"))
            .unwrap_or_default();
        let signed_at = time::parse_http(date)
            .ok_or_else(|| ApiError::access_denied("OSS authentication requires a valid Date."))?;
        self.fresh(signed_at)?;
        let string_to_sign = v1::string_to_sign(&self.signed(&self.request.query), date);
        self.compare(
            &v1::signature(secret.reveal(), &string_to_sign),
            signature,
            id,
            &string_to_sign,
        )
    }

    fn v1_url(&self) -> Result<String, ApiError> {
        let param = |name| self.request.param(name).unwrap_or_default();
        let (id, signature, expires) = (
            param("OSSAccessKeyId"),
            param("Signature"),
            param("Expires"),
        );
        let secret = self.secret(id)?;
        let until: i64 = expires.parse().map_err(|_| {
            ApiError::access_denied("Invalid date (should be seconds since epoch).")
        })?;
        if self.now > until {
            return Err(expired(until, self.now));
        }
        let string_to_sign = v1::string_to_sign(&self.signed(&self.request.query), expires);
        self.compare(
            &v1::signature(secret.reveal(), &string_to_sign),
            signature,
            id,
            &string_to_sign,
        )
    }

    /// The secret of the key, if the security token of the request is the one that belongs to it: none for a lasting
    /// key. A temporary key without its token is as good as unknown.
    fn secret(&self, id: &str) -> Result<&Secret, ApiError> {
        let denied = |code, message: &str| ApiError::new(403, code, "", message);
        let unknown = || {
            ApiError::new(
                403,
                "InvalidAccessKeyId",
                "0002-00000902",
                "The OSS Access Key Id you provided does not exist in our records.",
            )
            .field("OSSAccessKeyId", id)
        };
        let key = self.keys.get(id).ok_or_else(unknown)?;
        match (&key.token, self.token()) {
            (None, None) => {}
            (Some(_), None) => return Err(unknown()),
            (Some(token), Some(given)) if sign::matches(token.reveal(), given) => {}
            (_, Some(given)) => {
                return Err(if self.is_known_token(given) {
                    denied(
                        "AccessKeyIdAndSecurityTokenNotMatch",
                        "The access key id and the security token you provided do not match.",
                    )
                } else {
                    denied(
                        "InvalidSecurityToken",
                        "The security token you provided is invalid.",
                    )
                });
            }
        }
        match key.expires {
            Some(expires) if self.now >= expires => Err(denied(
                "SecurityTokenExpired",
                "The security token you provided has expired.",
            )),
            _ => Ok(&key.secret),
        }
    }

    /// The security token of the request, wherever the kind of signature has it.
    fn token(&self) -> Option<&str> {
        self.request
            .header("x-oss-security-token")
            .or_else(|| self.request.param("x-oss-security-token"))
            .or_else(|| self.request.param("security-token"))
            .filter(|token| !token.is_empty())
    }

    fn is_known_token(&self, given: &str) -> bool {
        self.keys
            .values()
            .filter_map(|key| key.token.as_ref())
            .any(|token| sign::matches(token.reveal(), given))
    }

    fn signed<'b>(&'b self, query: &'b [(String, Option<String>)]) -> sign::Request<'b> {
        sign::Request {
            method: &self.request.method,
            bucket: self.target.bucket,
            key: self.target.key,
            query,
            headers: &self.request.headers,
        }
    }

    fn fresh(&self, signed_at: i64) -> Result<(), ApiError> {
        if (self.now - signed_at).abs() > MAX_SKEW {
            Err(self.skewed(signed_at))
        } else {
            Ok(())
        }
    }

    fn skewed(&self, signed_at: i64) -> ApiError {
        ApiError::new(
            403,
            "RequestTimeTooSkewed",
            "0002-00000504",
            "The difference between the request time and the current time is too large.",
        )
        .field("MaxAllowedSkewMilliseconds", (MAX_SKEW * 1000).to_string())
        .field("RequestTime", time::format_iso(signed_at))
        .field("ServerTime", time::format_iso(self.now))
    }

    fn compare(
        &self,
        expected: &str,
        given: &str,
        id: &str,
        string_to_sign: &str,
    ) -> Result<String, ApiError> {
        if sign::matches(expected, given) {
            return Ok(id.to_owned());
        }
        let bytes: Vec<String> = string_to_sign
            .bytes()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        Err(ApiError::new(
            403,
            "SignatureDoesNotMatch",
            "0002-00000040",
            "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        )
        .field("OSSAccessKeyId", id)
        .field("SignatureProvided", given)
        .field("StringToSign", string_to_sign)
        .field("StringToSignBytes", bytes.join(" ")))
    }
}

fn expired(until: i64, now: i64) -> ApiError {
    ApiError::access_denied("Request has expired.")
        .field("Expires", time::format_iso(until))
        .field("ServerTime", time::format_iso(now))
}
