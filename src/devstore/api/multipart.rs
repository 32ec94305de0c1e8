//! Multipart uploads: begin, complete, abort, and the two listings.

use ossftp_oss::time;

use super::list::Names;
use super::parts::MAX_PARTS;
use super::{Answer, Call};
use crate::devstore::error::ApiError;
use crate::devstore::http::{Body, Response};
use crate::devstore::store::{Made, Upload, UploadEntry, UploadQuery};
use crate::devstore::xml::{self, Xml};

/// One line of ListMultipartUploads.
enum Line {
    Upload(UploadEntry),
    Prefix(Vec<u8>),
}

impl Call<'_> {
    pub(super) fn initiate(&self) -> Answer {
        self.check_overwrite()?;
        let id = self.service.id(true);
        let upload = Upload {
            initiated: self.now,
            headers: self.kept_headers()?,
            class: self.class()?,
            tags: self.tags()?,
        };
        self.store()
            .begin_upload(self.bucket, self.key, &id, &upload)
            .map_err(|error| self.failed(error))?;
        let names = self.names()?;
        let mut xml = Xml::document("InitiateMultipartUploadResult");
        names.declare(&mut xml);
        xml.text("Bucket", self.bucket);
        xml.text("Key", &names.show(self.key.as_bytes()));
        xml.text("UploadId", &id);
        Ok(Response::xml(200, xml.finish()))
    }

    pub(super) fn complete(&self, body: &mut Body<'_>) -> Answer {
        let id = self.need_upload()?;
        let bytes = self.xml_body(body)?;
        let all = self
            .request
            .header("x-oss-complete-all")
            .is_some_and(|value| value.eq_ignore_ascii_case("yes"));
        let chosen = if all {
            if !bytes.is_empty() {
                return Err(ApiError::new(
                    400,
                    "InvalidArgument",
                    "0042-00000216",
                    "Should not speficy both complete all header and http body.",
                ));
            }
            None
        } else {
            Some(self.chosen_parts(&bytes)?)
        };
        let name = (self.bucket, self.key, id);
        let object = self
            .store()
            .complete_upload(
                name,
                chosen.as_deref(),
                self.service.settings.limits.min_part,
                self.overwrite(),
                &Made {
                    now: self.now(),
                    acl: self.acl()?,
                },
            )
            .map_err(|error| self.failed(error))?;
        let names = self.names()?;
        let mut xml = Xml::document("CompleteMultipartUploadResult");
        names.declare(&mut xml);
        let path = ossftp_oss::encode::component(self.key);
        xml.text(
            "Location",
            &format!(
                "http://{}.oss-{}.aliyuncs.com/{path}",
                self.bucket, self.service.settings.region
            ),
        );
        xml.text("Bucket", self.bucket);
        xml.text("Key", &names.show(self.key.as_bytes()));
        xml.text("ETag", &format!("\"{}\"", object.etag));
        Ok(Response::xml(200, xml.finish())
            .with("etag", format!("\"{}\"", object.etag))
            .with_crc64(object.crc64))
    }

    fn chosen_parts(&self, body: &[u8]) -> Result<Vec<(u16, String)>, ApiError> {
        let parts = xml::parse_complete(body)
            .filter(|parts| (1..=usize::from(MAX_PARTS)).contains(&parts.len()))
            .ok_or_else(|| ApiError::malformed_xml("0042-00000205"))?;
        let ascending = parts
            .iter()
            .zip(parts.iter().skip(1))
            .all(|((a, _), (b, _))| a < b);
        if !ascending {
            return Err(ApiError::new(
                400,
                "InvalidPartOrder",
                "",
                "The list of parts was not in ascending order. Parts list must specified in order by part number.",
            ));
        }
        Ok(parts)
    }

    pub(super) fn abort(&self) -> Answer {
        self.need_bucket()?;
        self.store()
            .abort_upload(self.bucket, self.key, self.text("uploadId"))
            .map_err(|error| self.failed(error))?;
        Ok(Response::empty(204))
    }

    pub(super) fn list_parts(&self) -> Answer {
        let id = self.need_upload()?;
        let upload = self
            .store()
            .upload(self.bucket, self.key, id)
            .map_err(|error| self.failed(error))?;
        let max = self.max("max-parts", 1000)?;
        let marker = self.text("part-number-marker");
        let after: u16 = match marker {
            "" => 0,
            text => text
                .parse()
                .map_err(|_| ApiError::invalid_argument("part-number-marker", text))?,
        };
        let (parts, more) = self
            .store()
            .parts(id, after, max)
            .map_err(|error| self.failed(error))?;
        let names = self.names()?;
        let mut xml = Xml::document("ListPartsResult");
        names.declare(&mut xml);
        xml.text("Bucket", self.bucket);
        xml.text("Key", &names.show(self.key.as_bytes()));
        xml.text("UploadId", id);
        xml.text("StorageClass", upload.class.name());
        xml.text("PartNumberMarker", &after.to_string());
        xml.text(
            "NextPartNumberMarker",
            &parts
                .last()
                .map_or(after, |(number, _)| *number)
                .to_string(),
        );
        xml.text("MaxParts", &max.to_string());
        xml.text("IsTruncated", if more { "true" } else { "false" });
        for (number, part) in &parts {
            xml.open("Part");
            xml.text("PartNumber", &number.to_string());
            xml.text("LastModified", &time::format_iso(part.modified));
            xml.text("ETag", &format!("\"{}\"", part.etag));
            xml.text("HashCrc64ecma", &part.crc64.to_string());
            xml.text("Size", &part.size.to_string());
            xml.close();
        }
        Ok(Response::xml(200, xml.finish()))
    }

    pub(super) fn list_uploads(&self) -> Answer {
        let max = self.max("max-uploads", 1000)?;
        let (lines, more) = self.upload_page(max)?;
        let names = self.names()?;
        let mut xml = Xml::document("ListMultipartUploadsResult");
        names.declare(&mut xml);
        xml.text("Bucket", self.bucket);
        xml.text("KeyMarker", &names.show(self.text("key-marker").as_bytes()));
        xml.text("UploadIdMarker", self.text("upload-id-marker"));
        let (next_key, next_id) = match (more, lines.last()) {
            (true, Some(Line::Upload(upload))) => (names.show(&upload.key), upload.id.as_str()),
            (true, Some(Line::Prefix(prefix))) => (names.show(prefix), ""),
            _ => (String::new(), ""),
        };
        xml.text("NextKeyMarker", &next_key);
        xml.text("NextUploadIdMarker", next_id);
        xml.text("Delimiter", &names.show(self.text("delimiter").as_bytes()));
        xml.text("Prefix", &names.show(self.text("prefix").as_bytes()));
        xml.text("MaxUploads", &max.to_string());
        xml.text("IsTruncated", if more { "true" } else { "false" });
        upload_lines(&mut xml, &lines, names);
        Ok(Response::xml(200, xml.finish()))
    }

    fn upload_page(&self, max: usize) -> Result<(Vec<Line>, bool), ApiError> {
        let (prefix, delimiter) = (
            self.text("prefix").as_bytes(),
            self.text("delimiter").as_bytes(),
        );
        let key_marker = self.text("key-marker").as_bytes();
        let query = UploadQuery {
            prefix,
            after_key: key_marker,
            after_id: self
                .request
                .param("upload-id-marker")
                .filter(|id| !id.is_empty()),
        };
        let mut lines: Vec<Line> = Vec::new();
        let mut more = false;
        // A marker that is itself a common prefix stands for all of it.
        let past = |common: &[u8]| common == key_marker;
        let each = |upload: UploadEntry| {
            let common = common_prefix(&upload.key, prefix, delimiter);
            let seen = match (common, lines.last()) {
                (Some(common), Some(Line::Prefix(last))) => common == last.as_slice(),
                _ => false,
            };
            if seen || common.is_some_and(past) {
                return true;
            }
            if lines.len() == max {
                more = true;
                return false;
            }
            lines.push(match common {
                Some(common) => Line::Prefix(common.to_vec()),
                None => Line::Upload(upload),
            });
            true
        };
        self.store()
            .uploads(self.bucket, &query, each)
            .map_err(|error| self.failed(error))?;
        Ok((lines, more))
    }
}

fn common_prefix<'k>(key: &'k [u8], prefix: &[u8], delimiter: &[u8]) -> Option<&'k [u8]> {
    if delimiter.is_empty() {
        return None;
    }
    let at = key
        .get(prefix.len()..)?
        .windows(delimiter.len())
        .position(|window| window == delimiter)?;
    key.get(..prefix.len() + at + delimiter.len())
}

fn upload_lines(xml: &mut Xml, lines: &[Line], names: Names) {
    for line in lines {
        let Line::Upload(upload) = line else { continue };
        xml.open("Upload");
        xml.text("Key", &names.show(&upload.key));
        xml.text("UploadId", &upload.id);
        xml.text("StorageClass", upload.upload.class.name());
        xml.text("Initiated", &time::format_iso(upload.upload.initiated));
        xml.close();
    }
    for line in lines {
        let Line::Prefix(prefix) = line else { continue };
        xml.open("CommonPrefixes");
        xml.text("Prefix", &names.show(prefix));
        xml.close();
    }
}
