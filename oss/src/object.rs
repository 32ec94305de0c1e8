//! Requests about objects, and what the headers of their answers say.
//!
//! Decides the shapes of requests and how headers are read. Sending is in `bucket` and `multipart`.

use crate::call::Headers;
use crate::error::{ProtocolError, Result};
use crate::time;

/// What to list (ListObjectsV2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListObjects {
    /// Only keys that begin so.
    pub prefix: String,
    /// Rolls up keys that have this after the prefix: `/` for one directory, empty for all keys.
    pub delimiter: String,
    /// Only keys after this one.
    pub start_after: Option<String>,
    /// The [`crate::ObjectPage::next`] of the page before.
    pub continuation_token: Option<String>,
    /// The most entries in a page, 1 to 1,000; `None` for 1,000.
    pub max_keys: Option<u32>,
}

/// How to get an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetObject {
    /// First and last byte, the last one included; `None` as last is the end of the object.
    pub range: Option<(u64, Option<u64>)>,
    /// Only if the ETag is this one, quotes included; else the answer is 412.
    pub if_match: Option<String>,
}

/// How to put an object, or start a multipart upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutObject {
    /// The Content-Type; OSS takes `application/octet-stream` if there is none.
    pub content_type: Option<String>,
    /// The MD5 of the body in base64. Over plain http a body that can be replayed gets one by itself.
    pub content_md5: Option<String>,
    /// The Cache-Control that downloads of the object carry.
    pub cache_control: Option<String>,
    /// The Content-Disposition that downloads carry.
    pub content_disposition: Option<String>,
    /// The Content-Encoding that downloads carry.
    pub content_encoding: Option<String>,
    /// The Expires that downloads carry.
    pub expires: Option<String>,
    /// User metadata: names without `x-oss-meta-`, of letters, digits and hyphens; values of printable ASCII.
    pub meta: Vec<(String, String)>,
    /// Tags, at most 10: names of at most 128 bytes, values of at most 256. Needs a right of its own.
    pub tagging: Vec<(String, String)>,
    /// Fails with `FileAlreadyExists` (409) if the object exists. Such a call is tried once.
    pub forbid_overwrite: bool,
    /// The storage class, such as `IA`; the bucket's own if `None`.
    pub storage_class: Option<String>,
}

/// How to copy an object on OSS's side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyObject {
    /// The bucket of the source; `None` for the same one. It must be in the same region.
    pub source_bucket: Option<String>,
    /// The key of the source.
    pub source_key: String,
    /// The size of the source if known: the larger, the longer the answer is waited for.
    pub source_size: u64,
    /// Only if the ETag of the source is this one; else the answer is 412.
    pub if_match: Option<String>,
    /// New metadata in place of that of the source: all of it, the content type included. Its `forbid_overwrite` does
    /// not count, the one below does.
    pub replace: Option<PutObject>,
    /// The storage class of the copy, which is the bucket's own otherwise, whatever the source has. The one in `replace`
    /// goes before it.
    pub storage_class: Option<String>,
    /// New tags in place of those of the source, none of them if empty; `None` for those of `replace` if it has any,
    /// else those of the source.
    pub tagging: Option<Vec<(String, String)>>,
    /// Fails with `FileAlreadyExists` (409) if the target exists. Such a call is tried once.
    pub forbid_overwrite: bool,
}

/// Which bytes of which object become a part (UploadPartCopy).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartCopy {
    /// The bucket of the source; `None` for the same one.
    pub source_bucket: Option<String>,
    /// The key of the source.
    pub source_key: String,
    /// First and last byte, both included.
    pub range: (u64, u64),
    /// Only if the ETag of the source is this one; else the answer is 412.
    pub if_match: Option<String>,
}

/// A part of a multipart upload, as CompleteMultipartUpload names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompletedPart {
    /// The part number, 1 to 10,000.
    pub number: u32,
    /// The ETag that the upload of the part returned.
    pub etag: String,
}

/// What the whole object must be when its multipart upload is completed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompleteUpload {
    /// The size of all parts together. Also decides how long the answer is waited for.
    pub size: u64,
    /// The CRC-64 of all parts together ([`crate::crc64::combine`]); `None` if it is not known.
    pub crc64: Option<u64>,
    /// Fails with `FileAlreadyExists` (409) if the object exists.
    pub forbid_overwrite: bool,
}

/// What an upload returned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutResult {
    /// The ETag, quotes included.
    pub etag: String,
    /// The CRC-64 of what was sent, checked against the one OSS stated.
    pub crc64: u64,
}

/// What a copy returned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyResult {
    /// The ETag, quotes included.
    pub etag: String,
    /// When the copy was made.
    pub last_modified: i64,
    /// The CRC-64 of the copy, if OSS states it.
    pub crc64: Option<u64>,
}

/// What CompleteMultipartUpload returned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompleteResult {
    /// The ETag, quotes included: not an MD5.
    pub etag: String,
    /// The CRC-64 of the whole object, if OSS states it.
    pub crc64: Option<u64>,
}

/// What AppendObject returned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendResult {
    /// The ETag, quotes included.
    pub etag: String,
    /// Where the next append goes: the length of the object now.
    pub next_position: u64,
    /// The CRC-64 of the whole object, if OSS states it.
    pub crc64: Option<u64>,
}

/// What the headers of an object say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectMeta {
    /// The size of the whole object.
    pub size: u64,
    /// The ETag, quotes included.
    pub etag: String,
    /// When it was last written, in Unix seconds; 0 if the answer does not say.
    pub last_modified: i64,
    /// The CRC-64 of the whole object. Old objects have none.
    pub crc64: Option<u64>,
    /// The content type.
    pub content_type: Option<String>,
    /// The MD5 in base64, if the object was uploaded with one.
    pub content_md5: Option<String>,
    /// The Cache-Control that was put with it.
    pub cache_control: Option<String>,
    /// The Content-Disposition that was put with it.
    pub content_disposition: Option<String>,
    /// The Content-Encoding that was put with it.
    pub content_encoding: Option<String>,
    /// The Expires that was put with it.
    pub expires: Option<String>,
    /// How many tags it has.
    pub tagging_count: u32,
    /// `Normal`, `Multipart`, `Appendable` or `Symlink`.
    pub object_type: Option<String>,
    /// The storage class, such as `Standard` or `Archive`.
    pub storage_class: Option<String>,
    /// The state of a restore, such as `ongoing-request="true"`.
    pub restore: Option<String>,
    /// User metadata: names in lower case without `x-oss-meta-`.
    pub user_meta: Vec<(String, String)>,
    /// Where the next append goes, for an appendable object.
    pub next_append_position: Option<u64>,
}

impl ObjectMeta {
    /// Reads the headers of an answer to HEAD or GET. The size is the caller's to fill in for a range.
    pub(crate) fn read(headers: &Headers) -> Result<Self> {
        let last_modified = match headers.get("last-modified") {
            Some(text) => {
                time::parse_http(&text).ok_or(ProtocolError::BadHeader("Last-Modified"))?
            }
            None => 0,
        };
        Ok(Self {
            size: headers
                .number("content-length")?
                .ok_or(ProtocolError::BadHeader("Content-Length"))?,
            etag: headers.get("etag").unwrap_or_default(),
            last_modified,
            crc64: headers.number("x-oss-hash-crc64ecma")?,
            content_type: headers.get("content-type"),
            content_md5: headers.get("content-md5"),
            cache_control: headers.get("cache-control"),
            content_disposition: headers.get("content-disposition"),
            content_encoding: headers.get("content-encoding"),
            expires: headers.get("expires"),
            tagging_count: headers
                .number("x-oss-tagging-count")?
                .and_then(|count| count.try_into().ok())
                .unwrap_or(0),
            object_type: headers.get("x-oss-object-type"),
            storage_class: headers.get("x-oss-storage-class"),
            restore: headers.get("x-oss-restore"),
            user_meta: headers
                .iter()
                .filter_map(|(name, value)| {
                    Some((name.strip_prefix("x-oss-meta-")?.to_owned(), value))
                })
                .collect(),
            next_append_position: headers.number("x-oss-next-append-position")?,
        })
    }

    /// The value of a user metadata entry, by its lower-case name.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&str> {
        self.user_meta
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }
}

/// `bytes a-b/total`.
pub(crate) fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total) = (first.parse().ok()?, last.parse().ok()?, total.parse().ok()?);
    (first <= last && last < total).then_some((first, last, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        assert_eq!(content_range("bytes 0-9/100"), Some((0, 9, 100)));
        for text in [
            "",
            "bytes */100",
            "bytes 9-0/100",
            "bytes 0-100/100",
            "bytes 0-9/*",
            "0-9/10",
        ] {
            assert_eq!(content_range(text), None, "{text}");
        }
    }
}
