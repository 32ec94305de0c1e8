//! UploadPart and UploadPartCopy.

use ossftp_oss::time;

use super::copy::sums;
use super::{Answer, Call};
use crate::devstore::error::ApiError;
use crate::devstore::http::{Body, Response};
use crate::devstore::store::{Part, cut};
use crate::devstore::xml::Xml;

/// The highest part number.
pub(super) const MAX_PARTS: u16 = 10_000;

impl Call<'_> {
    fn part_number(&self) -> Result<u16, ApiError> {
        let text = self.text("partNumber");
        let number = text
            .parse()
            .ok()
            .filter(|number| (1..=MAX_PARTS).contains(number));
        number.ok_or_else(|| ApiError::invalid_argument("partNumber", text))
    }

    /// The upload that the request names, under way.
    pub(super) fn need_upload(&self) -> Result<&str, ApiError> {
        self.need_bucket()?;
        let id = self.text("uploadId");
        self.store()
            .upload(self.bucket, self.key, id)
            .map_err(|error| self.failed(error))?;
        Ok(id)
    }

    pub(super) fn upload_part(&self, body: &mut Body<'_>) -> Answer {
        let number = self.part_number()?;
        let id = self.need_upload()?;
        let received = self.receive(body, self.service.settings.limits.max_part)?;
        let part = Part {
            size: received.size,
            crc64: received.crc64,
            etag: received.md5_hex(),
            modified: self.now(),
            slices: received.writer.slices(),
        };
        let md5 = received.md5_base64();
        self.store()
            .put_part(
                (self.bucket, self.key, id),
                number,
                &part,
                Some(received.writer),
            )
            .map_err(|error| self.failed(error))?;
        Ok(Response::empty(200)
            .with("etag", format!("\"{}\"", part.etag))
            .with("content-md5", md5)
            .with_crc64(part.crc64))
    }

    pub(super) fn upload_part_copy(&self) -> Answer {
        let number = self.part_number()?;
        let id = self.need_upload()?;
        let part = self.while_source_moves(|| {
            let (source, content) = self.source()?;
            let (offset, len) = self.source_range(source.size)?;
            let largest = self.service.settings.limits.max_part;
            if len > largest {
                return Err(ApiError::too_large(largest));
            }
            let sums = sums(&content, offset, len).map_err(|error| self.failed(error))?;
            let part = Part {
                size: len,
                crc64: sums.crc64,
                etag: sums.md5,
                modified: self.now(),
                slices: cut(content.slices(), offset, len),
            };
            let name = (self.bucket, self.key, id);
            Ok(self
                .store()
                .put_part(name, number, &part, None)
                .map(|()| part))
        })?;
        let mut xml = Xml::document("CopyPartResult");
        xml.text("LastModified", &time::format_iso(part.modified));
        xml.text("ETag", &format!("\"{}\"", part.etag));
        Ok(Response::xml(200, xml.finish())
            .with("etag", format!("\"{}\"", part.etag))
            .with_crc64(part.crc64))
    }

    /// The bytes of the source to copy. Unlike a GET's, a copy's range must lie within the source.
    fn source_range(&self, size: u64) -> Result<(u64, u64), ApiError> {
        let Some(header) = self.request.header("x-oss-copy-source-range") else {
            return Ok((0, size));
        };
        let invalid = || ApiError::invalid_argument("x-oss-copy-source-range", header);
        let (first, last) = header
            .strip_prefix("bytes=")
            .and_then(|range| range.split_once('-'))
            .ok_or_else(invalid)?;
        let first: u64 = first.parse().map_err(|_| invalid())?;
        let last: u64 = if last.is_empty() {
            size.saturating_sub(1)
        } else {
            last.parse().map_err(|_| invalid())?
        };
        if first >= size || last >= size {
            return Err(ApiError::new(
                416,
                "InvalidRange",
                "",
                "The requested range cannot be satisfied",
            )
            .field("ActualObjectSize", size.to_string())
            .field("RangeRequested", header));
        }
        if last < first {
            Err(invalid())
        } else {
            Ok((first, last - first + 1))
        }
    }
}
