//! CopyObject, and what UploadPartCopy shares with it. Copies share their source's bytes on the disk.

use std::io::Read;

use ossftp_oss::crc64::Crc64;
use ossftp_oss::{encode, time};

use super::conditions;
use super::{Answer, Call, check_key};
use crate::devstore::error::ApiError;
use crate::devstore::http::Response;
use crate::devstore::store::{Kind, Object, Pinned, StoreError};
use crate::devstore::xml::Xml;

/// How often a copy is tried anew when its source is replaced under it.
const TRIES: usize = 5;

/// The source of a copy, as the header names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    bucket: String,
    key: String,
}

/// Reads `x-oss-copy-source`: `/bucket/key`, the key percent-encoded in whole or in part.
fn parse_source(header: &str) -> Option<Source> {
    let path = header.split('?').next()?;
    let path = encode::decode(path)?;
    let (bucket, key) = path.strip_prefix('/').unwrap_or(&path).split_once('/')?;
    (!key.is_empty()).then(|| Source {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
    })
}

/// Checksums of bytes on the disk.
pub(super) struct Sums {
    pub(super) crc64: u64,
    /// Upper-case hex.
    pub(super) md5: String,
}

/// Reads `len` bytes from `offset` on, only to know their checksums.
pub(super) fn sums(content: &Pinned, offset: u64, len: u64) -> Result<Sums, StoreError> {
    let (mut crc, mut md5) = (Crc64::new(), md5::Context::new());
    let mut buffer = vec![0; 64 * 1024];
    content.for_each::<StoreError>(offset, len, |mut part| {
        loop {
            let count = part.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                return Ok(());
            };
            crc.update(bytes);
            md5.consume(bytes);
        }
    })?;
    Ok(Sums {
        crc64: crc.finish(),
        md5: format!("{:X}", md5.finalize()),
    })
}

impl Call<'_> {
    /// The source of this copy, its bytes held, its conditions met.
    pub(super) fn source(&self) -> Result<(Object, Pinned), ApiError> {
        let header = self.request.header("x-oss-copy-source").unwrap_or_default();
        let source = parse_source(header)
            .ok_or_else(|| ApiError::invalid_argument("x-oss-copy-source", header))?;
        check_key(&source.key)?;
        self.permit("oss:GetObject", &source.bucket, Some(&source.key))?;
        let found = self.open(&source.bucket, &source.key)?;
        conditions::check(self.request, conditions::COPY, &found.0)?;
        self.need_thawed(&found.0)?;
        Ok(found)
    }

    /// Tries `copy` again while its source is replaced under it.
    pub(super) fn while_source_moves<T>(
        &self,
        mut copy: impl FnMut() -> Result<Result<T, StoreError>, ApiError>,
    ) -> Result<T, ApiError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match copy()? {
                Err(StoreError::SourceGone) if tries < TRIES => {}
                result => return result.map_err(|error| self.failed(error)),
            }
        }
    }

    pub(super) fn copy(&self) -> Answer {
        self.check_overwrite()?;
        let object = self.while_source_moves(|| {
            let (source, content) = self.source()?;
            let largest = self.service.settings.limits.max_copy;
            if source.size > largest {
                return Err(ApiError::too_large(largest));
            }
            let object = self.copied(source, &content)?;
            Ok(self
                .store()
                .put_object(self.bucket, self.key, &object, self.overwrite(), None)
                .map(|()| object))
        })?;
        let mut xml = Xml::document("CopyObjectResult");
        xml.text("ETag", &format!("\"{}\"", object.etag));
        xml.text("LastModified", &time::format_iso(object.modified));
        Ok(Response::xml(200, xml.finish())
            .with("etag", format!("\"{}\"", object.etag))
            .with_crc64(object.crc64))
    }

    fn copied(&self, source: Object, content: &Pinned) -> Result<Object, ApiError> {
        let headers = match self.request.header("x-oss-metadata-directive") {
            None | Some("COPY") => source.headers,
            Some("REPLACE") => self.kept_headers()?,
            Some(other) => {
                return Err(ApiError::invalid_argument(
                    "x-oss-metadata-directive",
                    other,
                ));
            }
        };
        let tags = match self.request.header("x-oss-tagging-directive") {
            Some(directive) if directive.eq_ignore_ascii_case("replace") => self.tags()?,
            Some(directive) if !directive.eq_ignore_ascii_case("copy") => {
                return Err(ApiError::invalid_argument(
                    "x-oss-tagging-directive",
                    directive,
                ));
            }
            _ => source.tags,
        };
        // A copy is a Normal object whatever its source was, and a Normal object's ETag is its MD5.
        let etag = match source.kind {
            Kind::Normal => source.etag,
            Kind::Multipart | Kind::Appendable | Kind::Symlink => {
                sums(content, 0, source.size)
                    .map_err(|error| self.failed(error))?
                    .md5
            }
        };
        Ok(Object {
            etag,
            modified: self.now(),
            kind: Kind::Normal,
            headers,
            class: self.class()?,
            tags,
            acl: self.acl()?,
            restore: None,
            ..source
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_come_in_several_forms() {
        let source = |key: &str| {
            Some(Source {
                bucket: "b-1".into(),
                key: key.into(),
            })
        };
        assert_eq!(
            parse_source("/b-1/a%20b/%E4%B8%AD?versionId=x"),
            source("a b/中")
        );
        assert_eq!(parse_source("b-1/a%2Fb%3F+c"), source("a/b?+c"));
        assert_eq!(parse_source("%2Fb-1%2Fk"), source("k"));
        assert_eq!(parse_source("/b-1/"), None);
        assert_eq!(parse_source("k"), None);
        assert_eq!(parse_source("/b-1/%FF"), None);
    }
}
