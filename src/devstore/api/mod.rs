//! The OSS APIs: from a request to an answer.
//!
//! Here a request is addressed (which bucket, which key), its signature verified and its API found; the modules below
//! carry the APIs out. Bytes and names are the store's business, the wire is `http`'s.

mod bucket;
mod conditions;
mod copy;
mod delete;
mod list;
mod multipart;
mod parts;
mod read;
mod restore;
mod write;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ossftp_oss::{encode, time};

use super::auth::{self, Keys, Target};
use super::error::ApiError;
use super::http::{Body, Request, Response};
use super::store::{Store, StoreError};

/// The smallest part but the last, in bytes.
pub(super) const MIN_PART: u64 = 100 * 1024;

/// The largest PutObject, part and appendable object, in bytes.
const MAX_PUT: u64 = 5 * 1024 * 1024 * 1024;

/// The longest key, in bytes.
const MAX_KEY: usize = 1023;

/// The longest XML body that a client may send, in bytes: 1,000 keys with every character escaped, 10,000 parts.
const MAX_XML: u64 = 8 * 1024 * 1024;

/// Sub-resources that OSS has and this store has not.
const NOT_HERE: [&str; 21] = [
    "symlink",
    "tagging",
    "x-oss-rename",
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
    "regions",
    "stat",
    "live",
    "versionId",
];

/// Everything that answering needs.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) store: Store,
    pub(super) keys: Keys,
    pub(super) region: String,
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
    fn bucket_of_host<'h>(&self, host: &'h str) -> Option<&'h str> {
        if host.parse::<IpAddr>().is_ok() {
            return None;
        }
        let (bucket, rest) = host.split_once('.')?;
        (rest == "localhost" || self.store.bucket(bucket).is_ok()).then_some(bucket)
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
        auth::verify(
            &self.keys,
            &self.region,
            request,
            Target { bucket, key },
            now,
        )?;
        let call = Call {
            service: self,
            request,
            bucket: bucket.unwrap_or(""),
            key: key.unwrap_or(""),
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
fn check_key(key: &str) -> Result<(), ApiError> {
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

    fn of_service(&self, api: &mut &'static str) -> Answer {
        match self.request.method.as_str() {
            "GET" => run(api, "ListBuckets", || self.list_buckets()),
            _ => Err(self.not_allowed()),
        }
    }

    fn of_bucket(&self, body: &mut Body<'_>, api: &mut &'static str) -> Answer {
        let has = |name| self.request.has(name);
        match self.request.method.as_str() {
            "GET" if has("bucketInfo") => run(api, "GetBucketInfo", || self.bucket_info()),
            "GET" if has("location") => run(api, "GetBucketLocation", || self.bucket_location()),
            "GET" if has("acl") => run(api, "GetBucketAcl", || self.bucket_acl()),
            "GET" if has("versioning") => {
                run(api, "GetBucketVersioning", || self.bucket_versioning())
            }
            "GET" if has("uploads") => run(api, "ListMultipartUploads", || self.list_uploads()),
            "GET" if self.request.param("list-type") == Some("2") => {
                run(api, "ListObjectsV2", || self.list_v2())
            }
            "GET" => run(api, "ListObjects", || self.list_v1()),
            "PUT" if has("acl") => run(api, "PutBucketAcl", || self.put_bucket_acl()),
            "PUT" => run(api, "PutBucket", || self.put_bucket()),
            "DELETE" => run(api, "DeleteBucket", || self.delete_bucket()),
            "POST" if has("delete") => {
                run(api, "DeleteMultipleObjects", || self.delete_multiple(body))
            }
            _ => Err(self.not_allowed()),
        }
    }

    fn of_object(&self, body: &mut Body<'_>, api: &mut &'static str) -> Answer {
        let has = |name| self.request.has(name);
        let is_copy = self.request.header("x-oss-copy-source").is_some();
        match self.request.method.as_str() {
            "HEAD" if has("objectMeta") => run(api, "GetObjectMeta", || self.head(true)),
            "HEAD" => run(api, "HeadObject", || self.head(false)),
            "GET" if has("uploadId") => run(api, "ListParts", || self.list_parts()),
            "GET" if has("acl") => run(api, "GetObjectAcl", || self.object_acl()),
            "GET" => run(api, "GetObject", || self.get()),
            "PUT" if has("uploadId") && is_copy => {
                run(api, "UploadPartCopy", || self.upload_part_copy())
            }
            "PUT" if has("uploadId") => run(api, "UploadPart", || self.upload_part(body)),
            "PUT" if has("acl") => Err(ApiError::not_implemented("acl")),
            "PUT" if is_copy => run(api, "CopyObject", || self.copy()),
            "PUT" => run(api, "PutObject", || self.put(body)),
            "POST" if has("restore") => run(api, "RestoreObject", || self.restore()),
            "POST" if has("append") => run(api, "AppendObject", || self.append(body)),
            "POST" if has("uploads") => run(api, "InitiateMultipartUpload", || self.initiate()),
            "POST" if has("uploadId") => {
                run(api, "CompleteMultipartUpload", || self.complete(body))
            }
            "DELETE" if has("uploadId") => run(api, "AbortMultipartUpload", || self.abort()),
            "DELETE" => run(api, "DeleteObject", || self.delete()),
            _ => Err(self.not_allowed()),
        }
    }

    fn not_allowed(&self) -> ApiError {
        ApiError::new(
            405,
            "MethodNotAllowed",
            "",
            "The specified method is not allowed against this resource.",
        )
        .field("Method", &self.request.method)
        .field(
            "ResourceType",
            if self.key.is_empty() {
                "BUCKET"
            } else {
                "OBJECT"
            },
        )
    }
}

/// Stands where the API's name goes, and says that nothing but the name is asked for.
const ONLY_NAME: &str = "?";

/// Notes the API's name for the log before carrying it out.
fn run(api: &mut &'static str, name: &'static str, carry_out: impl FnOnce() -> Answer) -> Answer {
    let only_name = *api == ONLY_NAME;
    *api = name;
    if only_name {
        return Ok(Response::empty(204));
    }
    carry_out()
}

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
