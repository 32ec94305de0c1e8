//! Preconditions: `If-Match` and its kin, on reads and on the sources of copies.

use ossftp_oss::time;

use crate::devstore::error::ApiError;
use crate::devstore::http::Request;
use crate::devstore::store::Object;

/// The four headers of a read, then those of a copy.
pub(super) const READ: [&str; 4] = [
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
];
pub(super) const COPY: [&str; 4] = [
    "x-oss-copy-source-if-match",
    "x-oss-copy-source-if-none-match",
    "x-oss-copy-source-if-modified-since",
    "x-oss-copy-source-if-unmodified-since",
];

/// Checks the conditions of the request that go by `names`: 412 where the object is another one or newer than wanted,
/// 304 where it is the one that the client has. Times that cannot be read are ignored, as HTTP has it.
pub(super) fn check(request: &Request, names: [&str; 4], object: &Object) -> Result<(), ApiError> {
    let [matches, none, modified, unmodified] = names;
    let time_of = |name| request.header(name).and_then(time::parse_http);
    if request
        .header(matches)
        .is_some_and(|wanted| !lists(wanted, object))
    {
        return Err(ApiError::precondition("If-Match"));
    }
    if time_of(unmodified).is_some_and(|since| object.modified > since) {
        return Err(ApiError::precondition("If-Unmodified-Since"));
    }
    let same = request.header(none).is_some_and(|have| lists(have, object));
    if same || time_of(modified).is_some_and(|since| object.modified <= since) {
        return Err(not_modified(object));
    }
    Ok(())
}

fn not_modified(object: &Object) -> ApiError {
    ApiError::new(304, "NotModified", "", "")
        .header("etag", format!("\"{}\"", object.etag))
        .header("last-modified", time::format_http(object.modified))
}

fn lists(etags: &str, object: &Object) -> bool {
    etags
        .split(',')
        .map(|etag| etag.trim().trim_matches('"'))
        .any(|etag| etag == "*" || etag.eq_ignore_ascii_case(&object.etag))
}
