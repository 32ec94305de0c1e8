//! The OSS APIs: from a request to an answer.
//!
//! Here a request is addressed (which bucket, which key) and its signature verified; `route` finds its API, `rights`
//! says whether the key may use it, and the other modules carry it out. Bytes and names are the store's business, the wire is `http`'s.

mod bucket;
mod conditions;
mod copy;
mod delete;
mod labels;
mod list;
mod multipart;
mod parts;
mod read;
mod rename;
mod restore;
mod rights;
mod route;
mod symlink;
mod tagging;
mod write;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ossftp_oss::{encode, time};

use super::auth::{self, Target};
use super::error::ApiError;
use super::http::{Body, Request, Response};
use super::settings::Settings;
use super::store::{Store, StoreError};

/// The longest key, in bytes.
const MAX_KEY: usize = 1023;

/// The longest XML body that a client may send, in bytes: 1,000 keys with every character escaped, 10,000 parts.
const MAX_XML: u64 = 8 * 1024 * 1024;

/// Sub-resources that OSS has and this store has not.
const NOT_HERE: [&str; 17] = [
    "x-oss-process",
    "x-oss-async-process",
    "seal",
    "versions",
    "cors",
    "lifecycle",
    "logging",
    "policy",
    "referer",
    "website",
    "encryption",
    "replication",
    "inventory",
    "worm",
    "stat",
    "live",
    "versionId",
];

/// Everything that answering needs.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) store: Store,
    pub(super) settings: Settings,
    /// Makes request ids and upload ids differ.
    pub(super) sequence: AtomicU64,
}

/// One addressed request.
#[derive(Clone, Copy, Debug)]
struct Call<'a> {
    service: &'a Service,
    request: &'a Request,
    /// Empty for a call of the service itself.
    bucket: &'a str,
    /// Empty for a call of a bucket.
    key: &'a str,
    /// The AccessKeyId of who asks.
    id: &'a str,
    /// Unix time in seconds.
    now: i64,
}

type Answer = Result<Response, ApiError>;

/// The bucket and the key that a request names.
#[derive(Debug, Default)]
struct Address {
    bucket: Option<String>,
    key: Option<String>,
}

pub(super) fn unix_now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Unix time in milliseconds.
fn unix_now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Service {
    /// 24 or 32 hex digits: the time, so that ids differ between runs, and a number that differs within one.
    pub(super) fn id(&self, upload: bool) -> String {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let number = self.sequence.fetch_add(1, Ordering::Relaxed);
        if upload {
            return format!(
                "{:016X}{number:016X}",
                since.as_nanos() & u128::from(u64::MAX)
            );
        }
        format!(
            "{:08X}{:016X}",
            since.as_secs(),
            (since.as_nanos() as u64 ^ number.rotate_right(20))
        )
    }

    /// Whether the bucket of a request stands in its host name, and which one it is.
    fn bucket_of_host<'h>(&'h self, host: &'h str) -> Option<&'h str> {
        let settings = &self.settings;
        if let Some(bucket) = settings.cnames.get(host) {
            return Some(bucket);
        }
        if host.parse::<IpAddr>().is_ok() || settings.hosts.iter().any(|own| own == host) {
            return None;
        }
        let (bucket, rest) = host.split_once('.')?;
        let known = rest == "localhost"
            || settings.hosts.iter().any(|own| own == rest)
            || settings.elsewhere.contains_key(bucket)
            || self.store.bucket(bucket).is_ok();
        known.then_some(bucket)
    }

    fn address(&self, request: &Request) -> Result<Address, ApiError> {
        let path = request.path.strip_prefix('/').unwrap_or(&request.path);
        let (bucket, key) = match self.bucket_of_host(&request.host) {
            Some(bucket) => (bucket.to_owned(), path),
            None => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                (encode::decode(bucket).unwrap_or_default(), key)
            }
        };
        let key = encode::decode(key).ok_or_else(|| invalid_name(""))?;
        let some = |text: String| (!text.is_empty()).then_some(text);
        Ok(Address {
            bucket: some(bucket),
            key: some(key),
        })
    }

    fn answer(
        &self,
        request: &Request,
        address: &Address,
        body: &mut Body<'_>,
        api: &mut &'static str,
    ) -> Answer {
        let now = unix_now().saturating_add(request.clock);
        let (bucket, key) = (address.bucket.as_deref(), address.key.as_deref());
        let settings = &self.settings;
        let elsewhere = bucket.and_then(|name| Some((name, settings.elsewhere.get(name)?)));
        // Who knows the bucket's region already and not its endpoint signs for a region that is not this one.
        let region = elsewhere.is_none().then_some(settings.region.as_str());
        let id = auth::verify(&settings.keys, region, request, Target { bucket, key }, now)?;
        if let Some((bucket, region)) = elsewhere {
            let endpoint = format!("oss-{region}.aliyuncs.com");
            return Err(ApiError::elsewhere(bucket, endpoint));
        }
        let call = Call {
            service: self,
            request,
            bucket: bucket.unwrap_or(""),
            key: key.unwrap_or(""),
            id: &id,
            now,
        };
        if let Some(name) = NOT_HERE.iter().find(|name| request.has(name)) {
            return Err(ApiError::not_implemented(name));
        }
        match (bucket, key) {
            (None, _) => call.of_service(api),
            (Some(_), None) => call.of_bucket(body, api),
            (Some(_), Some(key)) => {
                check_key(key)?;
                call.of_object(body, api)
            }
        }
    }

    /// Headers that every answer has.
    fn finish(&self, response: Response, request_id: String, now: i64, begun: Instant) -> Response {
        let mut response = response
            .with("server", "AliyunOSS")
            .with("date", time::format_http(now))
            .with("x-oss-request-id", request_id.clone())
            .with("x-oss-server-time", begun.elapsed().as_millis().to_string());
        response.note.request_id = request_id;
        response
    }

    /// Which API a request asks for, and its bucket and key; nothing is verified or carried out.
    pub(super) fn name(
        &self,
        request: &Request,
        body: &mut Body<'_>,
    ) -> (&'static str, Option<String>, Option<String>) {
        let Ok(address) = self.address(request) else {
            return ("Unknown", None, None);
        };
        let (bucket, key) = (address.bucket.as_deref(), address.key.as_deref());
        let call = Call {
            service: self,
            request,
            bucket: bucket.unwrap_or(""),
            key: key.unwrap_or(""),
            id: "",
            now: 0,
        };
        let mut api = ONLY_NAME;
        let _ = match (bucket, key) {
            (None, _) => call.of_service(&mut api),
            (Some(_), None) => call.of_bucket(body, &mut api),
            (Some(_), Some(_)) => call.of_object(body, &mut api),
        };
        let api = if api == ONLY_NAME { "Unknown" } else { api };
        (api, address.bucket, address.key)
    }

    /// Answers a request.
    pub(super) fn handle(&self, request: &Request, body: &mut Body<'_>) -> Response {
        let begun = Instant::now();
        let request_id = self.id(false);
        let mut api = "Unknown";
        let (address, answer) = match self.address(request) {
            Ok(address) => {
                let answer = self.answer(request, &address, body, &mut api);
                (address, answer)
            }
            Err(error) => (Address::default(), Err(error)),
        };
        let response = answer.unwrap_or_else(|error| {
            log::debug!(
                "dev store: {} {}: {}",
                request.method,
                request.path,
                error.code
            );
            error.response(&request.method, &request_id, &request.host)
        });
        let now = unix_now().saturating_add(request.clock);
        let mut response = self.finish(response, request_id, now, begun);
        response.note.api = api;
        response.note.bucket = address.bucket;
        response.note.key = address.key;
        response
    }

    /// The answer to something that is not a request.
    pub(super) fn reject(&self, status: u16, why: &str) -> Response {
        let code = match status {
            411 => "MissingContentLength",
            501 => "NotImplemented",
            503 => "ServiceUnavailable",
            _ => "BadRequest",
        };
        let request_id = self.id(false);
        let mut response = ApiError::new(status, code, "", why).response("", &request_id, "");
        response.note.request_id.clone_from(&request_id);
        response
            .with("server", "AliyunOSS")
            .with("date", time::format_http(unix_now()))
            .with("x-oss-request-id", request_id)
    }
}

fn invalid_name(key: &str) -> ApiError {
    ApiError::new(
        400,
        "InvalidObjectName",
        "0016-00000002",
        "The specified object is not valid.",
    )
    .field("ObjectName", key)
}

/// OSS's rules for keys: 1 to 1,023 bytes of UTF-8, not beginning with `/` or `\`. Everything else goes.
pub(super) fn check_key(key: &str) -> Result<(), ApiError> {
    if key.len() > MAX_KEY || key.starts_with(['/', '\\']) {
        return Err(invalid_name(key));
    }
    Ok(())
}

/// OSS's rules for bucket names: 3 to 63 of `a-z`, `0-9` and `-`, the first and the last no `-`.
pub(super) fn valid_bucket(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

impl Call<'_> {
    fn store(&self) -> &Store {
        &self.service.store
    }

    /// The error that a failure of the store is for this request.
    fn failed(&self, error: StoreError) -> ApiError {
        ApiError::from_store(
            error,
            self.bucket,
            self.key,
            self.request.param("uploadId").unwrap_or_default(),
        )
    }

    fn need_bucket(&self) -> Result<(), ApiError> {
        self.store()
            .bucket(self.bucket)
            .map(drop)
            .map_err(|error| self.failed(error))
    }
}

/// Stands where the API's name goes, and says that nothing but the name is asked for.
const ONLY_NAME: &str = "?";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_buckets_follow_oss_rules() {
        for key in ["a", "a//b", "./..", "中", "\u{1}", &"x".repeat(1023)] {
            assert!(check_key(key).is_ok(), "{key:?}");
        }
        for key in ["/a", "\\a", &"x".repeat(1024)] {
            assert_eq!(
                check_key(key).unwrap_err().code,
                "InvalidObjectName",
                "{key:?}"
            );
        }
        for (name, valid) in [
            ("abc", true),
            ("a-1", true),
            ("ab", false),
            ("-ab", false),
            ("ab-", false),
            ("A-b", false),
        ] {
            assert_eq!(valid_bucket(name), valid, "{name}");
        }
    }
}
