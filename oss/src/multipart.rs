//! Multipart uploads.
//!
//! Decides how parts are sent and how an upload is completed, so that its outcome is known even when the answer is
//! lost. Part sizes and their order are left to the caller.

use std::time::Instant;

use log::debug;

use crate::bucket::{Bucket, put_headers, put_result};
use crate::call::Spec;
use crate::error::{Error, ProtocolError, Result};
use crate::object::{
    CompleteResult, CompleteUpload, CompletedPart, CopyResult, PartCopy, PutObject, PutResult,
};
use crate::payload::{Payload, SliceBody};
use crate::types::{PartPage, UploadPage};
use crate::xml;

impl Bucket {
    /// InitiateMultipartUpload. Returns the upload id. Tried once: if its answer was lost
    /// ([`Error::outcome_unknown`]), there may be an empty upload, and a second try would leave it behind.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn initiate_multipart(&self, key: &str, put: &PutObject) -> Result<String> {
        let put = PutObject {
            content_md5: None,
            ..put.clone()
        };
        let spec = put_headers(self.on_key("POST", key), &put)
            .flag("uploads")
            .query("encoding-type", "url")
            .once();
        Ok(xml::initiate_result(&self.client.call(&spec, None)?.body)?.upload_id)
    }

    /// UploadPart. The same number again replaces the part, so this is tried again as far as the body allows.
    ///
    /// A body of unknown length goes out in chunks. OSS's documents say so of PutObject, and nothing else of UploadPart:
    /// that it takes them here too is an assumption. Should it not, it answers 411 `MissingContentLength`.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn upload_part(
        &self,
        key: &str,
        upload_id: &str,
        number: u32,
        body: &mut dyn Payload,
    ) -> Result<PutResult> {
        let spec = self.on_part(key, upload_id, number)?.check_crc(0);
        put_result(&self.client.call(&spec, Some(body))?)
    }

    /// UploadPartCopy: bytes of an object of the same region become a part.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::is_precondition_failed`] if the source has changed.
    pub fn upload_part_copy(
        &self,
        key: &str,
        upload_id: &str,
        number: u32,
        copy: &PartCopy,
    ) -> Result<CopyResult> {
        let (first, last) = copy.range;
        if last < first {
            return Err(Error::Invalid("a range must not end before it begins"));
        }
        let spec = self
            .on_part(key, upload_id, number)?
            .header(
                "x-oss-copy-source",
                self.copy_source(copy.source_bucket.as_deref(), &copy.source_key)?,
            )
            .header(
                "x-oss-copy-source-range",
                format_args!("bytes={first}-{last}"),
            )
            .header_if("x-oss-copy-source-if-match", copy.if_match.as_ref())
            .patient(&self.client, (last - first).saturating_add(1));
        let answer = self.client.call(&spec, None)?;
        let copied = xml::copy_result(&answer.body)?;
        Ok(CopyResult {
            etag: copied.etag,
            last_modified: copied.last_modified,
            crc64: answer.headers.number("x-oss-hash-crc64ecma")?,
        })
    }

    fn on_part<'a>(&'a self, key: &'a str, upload_id: &str, number: u32) -> Result<Spec<'a>> {
        if !(1..=10_000).contains(&number) {
            return Err(Error::Invalid("part numbers go from 1 to 10,000"));
        }
        Ok(self
            .on_key("PUT", key)
            .query("partNumber", number)
            .query("uploadId", upload_id))
    }

    /// CompleteMultipartUpload: makes the object visible. `parts` in ascending order of their numbers.
    ///
    /// If the answer is lost or makes no sense, or a later try finds the upload gone, a HEAD settles it: an object of the expected size
    /// and CRC-64 means success. Without an expected CRC-64 nothing can be settled so, and the error is returned
    /// ([`Error::outcome_unknown`]).
    ///
    /// # Errors
    /// Any [`Error`]; [`ProtocolError::BadCrc`] if the object that is now visible is not the expected one.
    pub fn complete_multipart(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[CompletedPart],
        expect: &CompleteUpload,
    ) -> Result<CompleteResult> {
        let (began, until) = (Instant::now(), self.until());
        let mut attempt = 1;
        let mut unknown = false;
        loop {
            // One deadline for all the requests.
            let timed = self.with_until(until)?;
            let error = match timed.complete_once(key, upload_id, parts, expect) {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            self.client.check(until)?;
            // A later try finds the upload gone, or its own object in the way.
            let gone = unknown && matches!(error.code(), "NoSuchUpload" | "FileAlreadyExists");
            unknown |= error.outcome_unknown();
            // A wrong CRC-64 too may come from the answer alone.
            if (gone || error.outcome_unknown())
                && let Some(result) = self.with_until(until)?.completed_after_all(key, expect)
            {
                debug!("complete settled by HEAD after: {error}");
                return Ok(result);
            }
            if gone || !error.retryable() || matches!(error, Error::Protocol(_)) {
                return Err(error);
            }
            if attempt >= self.client.config.retry.attempts {
                return Err(error);
            }
            attempt += 1;
            self.client.pause(attempt, began, until, &error)?;
        }
    }

    fn complete_once(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[CompletedPart],
        expect: &CompleteUpload,
    ) -> Result<CompleteResult> {
        let body = xml::complete_multipart_upload(
            parts.iter().map(|part| (part.number, part.etag.as_str())),
        );
        let mut spec = self
            .on_key("POST", key)
            .query("uploadId", upload_id)
            .query("encoding-type", "url")
            .header("Content-Type", "application/xml")
            .with_md5()
            .once()
            .patient(&self.client, expect.size);
        if expect.forbid_overwrite {
            spec = spec.header("x-oss-forbid-overwrite", "true");
        }
        let mut body = SliceBody::new(body.as_bytes());
        let answer = self.client.call(&spec, Some(&mut body))?;
        let crc64 = answer.headers.number("x-oss-hash-crc64ecma")?;
        if let (Some(computed), Some(stated)) = (expect.crc64, crc64)
            && computed != stated
        {
            return Err(ProtocolError::BadCrc { computed, stated }.into());
        }
        Ok(CompleteResult {
            etag: xml::complete_result(&answer.body)?.etag,
            crc64,
        })
    }

    /// Whether the object is the one that was to be completed.
    fn completed_after_all(&self, key: &str, expect: &CompleteUpload) -> Option<CompleteResult> {
        let wanted = expect.crc64?;
        let meta = self.head_object(key).ok()?;
        // HEAD goes through a link, perhaps to an object that holds the same.
        let is_link = meta.object_type.as_deref() == Some("Symlink");
        let is_it = !is_link && meta.size == expect.size && meta.crc64 == Some(wanted);
        is_it.then_some(CompleteResult {
            etag: meta.etag,
            crc64: meta.crc64,
        })
    }

    /// AbortMultipartUpload: throws the parts away.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::is_not_found`] if there is no such upload (any more).
    pub fn abort_multipart(&self, key: &str, upload_id: &str) -> Result<()> {
        let spec = self.on_key("DELETE", key).query("uploadId", upload_id);
        self.client.call(&spec, None).map(|_| ())
    }

    /// ListParts: the parts after number `marker`, at most 1,000.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::is_not_found`] if there is no such upload.
    pub fn list_parts(&self, key: &str, upload_id: &str, marker: Option<u32>) -> Result<PartPage> {
        let mut spec = self
            .on_key("GET", key)
            .query("uploadId", upload_id)
            .query("encoding-type", "url")
            .query("max-parts", 1000);
        if let Some(marker) = marker {
            spec = spec.query("part-number-marker", marker);
        }
        xml::part_page(&self.client.call(&spec, None)?.body)
    }

    /// ListMultipartUploads: the unfinished uploads of keys that begin with `prefix`, after the markers (key, upload
    /// id) of the page before, at most 1,000.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn list_multipart_uploads(
        &self,
        prefix: &str,
        marker: Option<(&str, &str)>,
    ) -> Result<UploadPage> {
        let mut spec = self
            .on_bucket("GET")
            .flag("uploads")
            .query("encoding-type", "url")
            .query("max-uploads", 1000);
        if !prefix.is_empty() {
            spec = spec.query("prefix", prefix);
        }
        if let Some((key, upload_id)) = marker {
            spec = spec
                .query("key-marker", key)
                .query("upload-id-marker", upload_id);
        }
        xml::upload_page(&self.client.call(&spec, None)?.body)
    }
}
