//! The calls on a bucket and its objects.
//!
//! Decides what each API is sent and what is checked of its answer, as the OSS API pages of the same names describe.
//! Multipart uploads are in `multipart`, deletes, symlinks, tags and signed URLs in `delete`, `symlink`, `tagging` and
//! `presign`. When to use which call is left to the caller.

use std::sync::Arc;
use std::time::Instant;

use crate::body::ObjectBody;
use crate::call::{Answer, Spec, Stream};
use crate::cancel::Cancel;
use crate::client::Client;
use crate::crc64::Crc64;
use crate::encode;
use crate::error::{Error, ProtocolError, Result};
use crate::object::{
    AppendResult, CopyObject, CopyResult, GetObject, ListObjects, ObjectMeta, PutObject, PutResult,
    content_range,
};
use crate::payload::{Payload, SliceBody};
use crate::types::{BucketInfo, ObjectPage};
use crate::xml;

/// A bucket, as seen through a client. Cheap to clone.
///
/// Every call returns any [`Error`]; what is said of one here comes on top.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(crate) client: Client,
    name: Arc<str>,
}

impl Bucket {
    pub(crate) fn new(client: Client, name: &str) -> Self {
        Self {
            client,
            name: name.into(),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The same bucket through a client that stops when `cancel` says so.
    #[must_use]
    pub fn with_cancel(&self, cancel: Cancel) -> Self {
        Self {
            client: self.client.with_cancel(cancel),
            ..self.clone()
        }
    }

    /// The same bucket through a client with this deadline ([`Client::with_deadline`]).
    #[must_use]
    pub fn with_deadline(&self, deadline: Option<std::time::Duration>) -> Self {
        Self {
            client: self.client.with_deadline(deadline),
            ..self.clone()
        }
    }

    /// The same bucket with what is left until `until`, for a call of more than one request.
    pub(crate) fn with_until(&self, until: Option<Instant>) -> Result<Self> {
        self.client.check(until)?;
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        Ok(self.with_deadline(left))
    }

    /// When a call that begins now must have ended.
    pub(crate) fn until(&self) -> Option<Instant> {
        let time = self.client.deadline?;
        Instant::now().checked_add(time)
    }

    pub(crate) fn on_bucket(&self, method: &'static str) -> Spec<'_> {
        Spec::new(method, Some(&self.name), None)
    }

    pub(crate) fn on_key<'a>(&'a self, method: &'static str, key: &'a str) -> Spec<'a> {
        Spec::new(method, Some(&self.name), Some(key))
    }

    /// GetBucketInfo: location, endpoints, ACL, versioning. Needs a right of its own.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn info(&self) -> Result<BucketInfo> {
        xml::bucket_info(
            &self
                .client
                .call(&self.on_bucket("GET").flag("bucketInfo"), None)?
                .body,
        )
    }

    /// GetBucketLocation: the location, such as `oss-cn-hangzhou`.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn location(&self) -> Result<String> {
        xml::bucket_location(
            &self
                .client
                .call(&self.on_bucket("GET").flag("location"), None)?
                .body,
        )
    }

    /// GetBucketAcl: `private`, `public-read` or `public-read-write`.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn acl(&self) -> Result<String> {
        let answer = self.client.call(&self.on_bucket("GET").flag("acl"), None)?;
        Ok(xml::bucket_acl(&answer.body)?.0)
    }

    /// GetBucketVersioning: `Enabled` or `Suspended` if versioning was ever on.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn versioning(&self) -> Result<Option<String>> {
        let spec = self.on_bucket("GET").flag("versioning");
        xml::versioning(&self.client.call(&spec, None)?.body)
    }

    /// ListObjectsV2: one page. A prefix that does not exist is an empty page.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn list_objects_v2(&self, list: &ListObjects) -> Result<ObjectPage> {
        let mut spec = self
            .on_bucket("GET")
            .query("list-type", 2)
            .query("encoding-type", "url")
            .query("max-keys", list.max_keys.unwrap_or(1000).clamp(1, 1000));
        for (name, value) in [
            ("prefix", Some(&list.prefix)),
            ("delimiter", Some(&list.delimiter)),
            ("start-after", list.start_after.as_ref()),
            ("continuation-token", list.continuation_token.as_ref()),
        ] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                spec = spec.query(name, value);
            }
        }
        xml::object_page(&self.client.call(&spec, None)?.body)
    }

    /// HeadObject.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::is_not_found`] if there is no such object.
    pub fn head_object(&self, key: &str) -> Result<ObjectMeta> {
        ObjectMeta::read(&self.client.call(&self.on_key("HEAD", key), None)?.headers)
    }

    /// GetObjectMeta: size, ETag, time and CRC-64, which costs OSS less than HeadObject. Of a symlink it describes the
    /// link itself.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::is_not_found`] if there is no such object.
    pub fn object_meta(&self, key: &str) -> Result<ObjectMeta> {
        let spec = self.on_key("HEAD", key).flag("objectMeta");
        ObjectMeta::read(&self.client.call(&spec, None)?.headers)
    }

    /// GetObject: opens an object, or a range of it, for reading.
    ///
    /// A range always has `x-oss-range-behavior: standard`, so its end is clipped to the object. An answer with another
    /// range, or with more than the range, is an error.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::is_range_unsatisfiable`] if the range begins at or beyond the end.
    pub fn get_object(&self, key: &str, get: &GetObject) -> Result<ObjectBody> {
        let mut spec = self
            .on_key("GET", key)
            .header_if("If-Match", get.if_match.as_ref());
        if let Some((first, last)) = get.range {
            if last.is_some_and(|last| last < first) {
                return Err(Error::Invalid("a range must not end before it begins"));
            }
            let last = last.map(|last| last.to_string()).unwrap_or_default();
            spec = spec
                .header("Range", format_args!("bytes={first}-{last}"))
                .header("x-oss-range-behavior", "standard");
        }
        let stream = self.client.open(&spec)?;
        self.object_body(stream, get.range)
    }

    fn object_body(&self, stream: Stream, range: Option<(u64, Option<u64>)>) -> Result<ObjectBody> {
        let mut meta = ObjectMeta::read(&stream.headers)?;
        let length = meta.size;
        let mut offset = 0;
        // The whole object is what was asked for if none of it lies outside the range.
        let is_all = |(first, last): (u64, Option<u64>)| {
            stream.status == 200 && first == 0 && last.is_none_or(|last| length <= last)
        };
        if let Some((first, last)) = range.filter(|range| !is_all(*range)) {
            let (from, to, total) = stream
                .headers
                .get("content-range")
                .as_deref()
                .and_then(content_range)
                .filter(|_| stream.status == 206)
                .ok_or(ProtocolError::BadRange)?;
            let wanted = last.unwrap_or(u64::MAX).min(total - 1);
            if from != first || to != wanted || to - from + 1 != length {
                return Err(ProtocolError::BadRange.into());
            }
            (offset, meta.size) = (first, total);
        } else if stream.status != 200 {
            return Err(ProtocolError::BadRange.into());
        }
        let whole = offset == 0 && length == meta.size;
        Ok(ObjectBody {
            crc: meta
                .crc64
                .filter(|_| whole)
                .map(|stated| (Crc64::new(), stated)),
            meta,
            offset,
            length,
            reader: stream.reader,
            received: 0,
            cancel: self.client.cancel.clone(),
            registration: stream.registration,
            failed: None,
        })
    }

    /// PutObject. The body's CRC-64 is compared with the one OSS states; over plain http a body that can be replayed
    /// carries a Content-MD5, so that OSS refuses damage before anything becomes visible.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn put_object(
        &self,
        key: &str,
        body: &mut dyn Payload,
        put: &PutObject,
    ) -> Result<PutResult> {
        let mut spec = put_headers(self.on_key("PUT", key), put).check_crc(0);
        if put.forbid_overwrite {
            spec = spec.once();
        }
        put_result(&self.client.call(&spec, Some(body))?)
    }

    /// AppendObject: adds to an appendable object, or makes one at position 0. `crc64` is that of the object so far, if
    /// known; the sum of the whole is then checked.
    ///
    /// Tried once, since a second append would be refused or, after another writer's, be put in the wrong place. When
    /// the answer is lost ([`Error::outcome_unknown`]), [`Bucket::head_object`] settles it for the only writer of the
    /// object: a size of `position` plus the body means that it was appended (its CRC-64 proves that it was this
    /// body), a size of `position`, or no object at position 0, that it was not and may be sent again. Any other size,
    /// or an object that is not `Appendable`, is another writer's.
    ///
    /// # Errors
    /// Any [`Error`]; `PositionNotEqualToLength` (409) has the right position in
    /// [`crate::ServiceError::next_append_position`].
    pub fn append_object(
        &self,
        key: &str,
        position: u64,
        crc64: Option<u64>,
        body: &mut dyn Payload,
        put: &PutObject,
    ) -> Result<AppendResult> {
        let mut spec = put_headers(self.on_key("POST", key), put)
            .flag("append")
            .query("position", position)
            .once();
        if let Some(before) = crc64.or((position == 0).then_some(0)) {
            spec = spec.check_crc(before);
        }
        let length = body
            .length()
            .ok_or(Error::Invalid("what is appended must have a known length"))?;
        let answer = self.client.call(&spec, Some(body))?;
        let next = answer.headers.number("x-oss-next-append-position")?;
        Ok(AppendResult {
            etag: answer.headers.get("etag").unwrap_or_default(),
            next_position: next.unwrap_or(position.saturating_add(length)),
            crc64: answer.headers.number("x-oss-hash-crc64ecma")?,
        })
    }

    /// CopyObject, at most 1 GB, within a region. Metadata goes along unless replaced.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::is_precondition_failed`] if the source has changed.
    pub fn copy_object(&self, key: &str, copy: &CopyObject) -> Result<CopyResult> {
        let mut spec = self
            .on_key("PUT", key)
            .header(
                "x-oss-copy-source",
                self.copy_source(copy.source_bucket.as_deref(), &copy.source_key)?,
            )
            .header_if("x-oss-copy-source-if-match", copy.if_match.as_ref())
            .patient(&self.client, copy.source_size);
        let mut class = copy.storage_class.as_ref();
        let mut tags = copy.tagging.as_ref();
        if let Some(put) = &copy.replace {
            class = put.storage_class.as_ref().or(class);
            tags = tags.or(Some(&put.tagging).filter(|tags| !tags.is_empty()));
            let put = PutObject {
                forbid_overwrite: false,
                storage_class: None,
                tagging: Vec::new(),
                ..put.clone()
            };
            spec = put_headers(spec, &put).header("x-oss-metadata-directive", "REPLACE");
        }
        spec = spec.header_if("x-oss-storage-class", class);
        if let Some(tags) = tags {
            spec = tag_header(spec, tags).header("x-oss-tagging-directive", "Replace");
        }
        if copy.forbid_overwrite {
            spec = spec.header("x-oss-forbid-overwrite", "true").once();
        }
        let answer = self.client.call(&spec, None)?;
        let copied = xml::copy_result(&answer.body)?;
        Ok(CopyResult {
            etag: copied.etag,
            last_modified: copied.last_modified,
            crc64: answer.headers.number("x-oss-hash-crc64ecma")?,
        })
    }

    pub(crate) fn copy_source(&self, bucket: Option<&str>, key: &str) -> Result<String> {
        if key.is_empty() {
            return Err(Error::Invalid("this can't be an object key"));
        }
        Ok(format!(
            "/{}/{}",
            bucket.unwrap_or(&self.name),
            encode::path(key)
        ))
    }

    /// RestoreObject: thaws an archived object for some days. `tier` (`Expedited`, `Standard`, `Bulk`) is for the cold
    /// archives. `RestoreAlreadyInProgress` (409) is an answer too.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn restore_object(&self, key: &str, days: u32, tier: Option<&str>) -> Result<()> {
        let body = xml::restore_request(days, tier);
        let spec = self
            .on_key("POST", key)
            .flag("restore")
            .header("Content-Type", "application/xml")
            .with_md5();
        let mut body = SliceBody::new(body.as_bytes());
        self.client.call(&spec, Some(&mut body)).map(|_| ())
    }

    /// Rename, in a bucket with a hierarchical namespace only: files and directories. The target must not exist. Tried
    /// once.
    ///
    /// # Errors
    /// Any [`Error`]; `NoSuchKey` (404), `FileAlreadyExists` (409).
    pub fn rename_object(&self, source_key: &str, key: &str) -> Result<()> {
        let spec = self
            .on_key("POST", key)
            .flag("x-oss-rename")
            .header("x-oss-rename-source", encode::path(source_key))
            .once();
        self.client.call(&spec, None).map(|_| ())
    }
}

/// What uploads, and copies with new metadata, send of a [`PutObject`].
pub(crate) fn put_headers<'a>(spec: Spec<'a>, put: &PutObject) -> Spec<'a> {
    let mut spec = spec
        .header_if("Content-Type", put.content_type.as_ref())
        .header_if("Content-MD5", put.content_md5.as_ref())
        .header_if("Cache-Control", put.cache_control.as_ref())
        .header_if("Content-Disposition", put.content_disposition.as_ref())
        .header_if("Content-Encoding", put.content_encoding.as_ref())
        .header_if("Expires", put.expires.as_ref())
        .header_if("x-oss-storage-class", put.storage_class.as_ref())
        .header_if(
            "x-oss-forbid-overwrite",
            put.forbid_overwrite.then_some("true"),
        );
    spec = tag_header(spec, &put.tagging);
    for (name, value) in &put.meta {
        spec = spec.header(&format!("x-oss-meta-{name}"), value);
    }
    spec
}

fn tag_header<'a>(spec: Spec<'a>, tags: &[(String, String)]) -> Spec<'a> {
    if tags.is_empty() {
        return spec;
    }
    let tags: Vec<_> = tags
        .iter()
        .map(|(name, value)| (name.clone(), Some(value.clone())))
        .collect();
    spec.header("x-oss-tagging", encode::query(&tags))
}

pub(crate) fn put_result(answer: &Answer) -> Result<PutResult> {
    Ok(PutResult {
        etag: answer
            .headers
            .get("etag")
            .ok_or(ProtocolError::BadHeader("ETag"))?,
        crc64: answer.sent_crc64,
    })
}
