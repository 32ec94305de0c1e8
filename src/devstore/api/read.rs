//! HeadObject, GetObjectMeta and GetObject.

use ossftp_oss::time;
use ureq_proto::http;

use super::conditions;
use super::{Answer, Call, restore, unix_now_ms};
use crate::devstore::error::ApiError;
use crate::devstore::http::{Payload, Response};
use crate::devstore::store::{Kind, Object};

/// The headers that a query parameter `response-…` replaces.
const OVERRIDES: [(&str, &str); 6] = [
    ("response-content-type", "content-type"),
    ("response-content-language", "content-language"),
    ("response-expires", "expires"),
    ("response-cache-control", "cache-control"),
    ("response-content-disposition", "content-disposition"),
    ("response-content-encoding", "content-encoding"),
];

/// What a Range header asks of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// 200 and everything.
    Whole,
    /// 206 and these bytes: first, and count.
    Part(u64, u64),
    /// 416.
    Nothing,
}

/// Reads a Range header as OSS does. Without `standard` (`x-oss-range-behavior: standard`) a range with an end out of
/// bounds is ignored; with it, the end is clipped and a start out of bounds is an error. Several ranges, an inverted
/// one or nonsense are always ignored.
pub(super) fn wanted(range: &str, standard: bool, size: u64) -> Wanted {
    let Some((first, last)) = range
        .trim()
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Wanted::Whole;
    };
    let outside = if standard {
        Wanted::Nothing
    } else {
        Wanted::Whole
    };
    match (first.trim(), last.trim()) {
        ("", count) => match count.parse::<u64>() {
            Ok(0) => outside,
            Ok(_) if size == 0 => outside,
            Ok(count) if count > size && !standard => Wanted::Whole,
            Ok(count) => Wanted::Part(size - count.min(size), count.min(size)),
            Err(_) => Wanted::Whole,
        },
        (first, last) => {
            let Ok(first) = first.parse::<u64>() else {
                return Wanted::Whole;
            };
            let last = match last {
                "" => size.saturating_sub(1).max(first),
                last => match last.parse::<u64>() {
                    Ok(last) if last >= first => last,
                    _ => return Wanted::Whole,
                },
            };
            if first >= size {
                outside
            } else if last >= size && !standard {
                Wanted::Whole
            } else {
                Wanted::Part(first, last.min(size - 1) - first + 1)
            }
        }
    }
}

impl Call<'_> {
    pub(super) fn head(&self, brief: bool) -> Answer {
        if brief {
            return self.brief_head();
        }
        let (object, _) = self.open(self.bucket, self.key)?;
        conditions::check(self.request, conditions::READ, &object)?;
        let mut response = described(&object);
        response.payload = Payload::Length(object.size);
        Ok(response)
    }

    /// GetObjectMeta: a few headers, and of a link its own.
    fn brief_head(&self) -> Answer {
        self.need_bucket()?;
        let object = self
            .store()
            .object(self.bucket, self.key)
            .map_err(|error| self.failed(error))?;
        let mut response =
            basics(&object).with("x-oss-last-access-time", time::format_http(object.modified));
        response.payload = Payload::Length(object.size);
        Ok(response)
    }

    pub(super) fn get(&self) -> Answer {
        let (object, content) = self.open(self.bucket, self.key)?;
        conditions::check(self.request, conditions::READ, &object)?;
        self.need_thawed(&object)?;
        let standard = self.request.header("x-oss-range-behavior") == Some("standard");
        let wanted = self
            .request
            .header("range")
            .map_or(Wanted::Whole, |range| wanted(range, standard, object.size));
        let mut response = described(&object);
        let (offset, len) = match wanted {
            Wanted::Whole => (0, object.size),
            Wanted::Part(offset, len) => {
                response.status = 206;
                let last = offset + len - 1;
                response = response.with(
                    "content-range",
                    format!("bytes {offset}-{last}/{}", object.size),
                );
                (offset, len)
            }
            Wanted::Nothing => {
                return Err(ApiError::new(
                    416,
                    "InvalidRange",
                    "",
                    "The requested range cannot be satisfied",
                )
                .field("ActualObjectSize", object.size.to_string())
                .field(
                    "RangeRequested",
                    self.request.header("range").unwrap_or_default(),
                )
                .header("content-range", format!("bytes */{}", object.size)));
            }
        };
        for (param, header) in OVERRIDES {
            if let Some(value) = self.request.param(param) {
                if http::HeaderValue::from_bytes(value.as_bytes()).is_err() {
                    return Err(ApiError::invalid_argument(param, value));
                }
                response.meta.retain(|(name, _)| name != header);
                response.headers.push((header, value.to_owned()));
            }
        }
        response.payload = Payload::Object {
            content,
            offset,
            len,
        };
        Ok(response)
    }
}

/// The headers that GetObjectMeta has.
fn basics(object: &Object) -> Response {
    Response::empty(200)
        .with("etag", format!("\"{}\"", object.etag))
        .with("last-modified", time::format_http(object.modified))
        .with_crc64(object.crc64)
}

/// The headers of an object, stored ones included.
fn described(object: &Object) -> Response {
    let mut response = basics(object)
        .with("accept-ranges", "bytes")
        .with("x-oss-object-type", object.kind.name())
        .with("x-oss-storage-class", object.class.name());
    if let Some(state) = restore::state(object, unix_now_ms()) {
        response = response.with("x-oss-restore", state);
    }
    if !object.tags.is_empty() {
        response = response.with("x-oss-tagging-count", object.tags.len().to_string());
    }
    if let Some(md5) = &object.content_md5 {
        response = response.with("content-md5", md5);
    }
    if object.kind == Kind::Appendable {
        response = response.with("x-oss-next-append-position", object.size.to_string());
    }
    response.meta.clone_from(&object.headers);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_without_standard_are_all_or_nothing() {
        for (range, expected) in [
            ("bytes=0-0", Wanted::Part(0, 1)),
            ("bytes=2-9", Wanted::Part(2, 8)),
            ("bytes=2-", Wanted::Part(2, 8)),
            ("bytes=-3", Wanted::Part(7, 3)),
            ("bytes=-10", Wanted::Part(0, 10)),
            ("bytes=2-10", Wanted::Whole),
            ("bytes=10-", Wanted::Whole),
            ("bytes=-11", Wanted::Whole),
            ("bytes=-0", Wanted::Whole),
            ("bytes=5-4", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=x-", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
        ] {
            assert_eq!(wanted(range, false, 10), expected, "{range}");
        }
    }

    #[test]
    fn standard_ranges_are_clipped_or_refused() {
        for (range, expected) in [
            ("bytes=2-10", Wanted::Part(2, 8)),
            ("bytes=9-99", Wanted::Part(9, 1)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=10-20", Wanted::Nothing),
            ("bytes=-11", Wanted::Part(0, 10)),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=5-4", Wanted::Whole),
        ] {
            assert_eq!(wanted(range, true, 10), expected, "{range}");
        }
        assert_eq!(wanted("bytes=0-", true, 0), Wanted::Nothing);
        assert_eq!(wanted("bytes=-1", true, 0), Wanted::Nothing);
        assert_eq!(wanted("bytes=0-", false, 0), Wanted::Whole);
    }
}
