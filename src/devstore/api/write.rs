//! PutObject and AppendObject, and how the bytes of a body get to the disk.

use std::io::{Read, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ossftp_oss::crc64::Crc64;

use super::delete::unreadable;
use super::{Answer, Call, MAX_XML};
use crate::devstore::error::ApiError;
use crate::devstore::http::{Body, Response};
use crate::devstore::store::{
    Kind, Object, Overwrite, Piece, SegmentWriter, StorageClass, StoreError,
};

/// A body that is on the disk and not yet visible.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) writer: SegmentWriter,
    pub(super) size: u64,
    pub(super) crc64: u64,
    md5: [u8; 16],
}

impl Received {
    /// The MD5 as ETags show it: upper-case hex.
    pub(super) fn md5_hex(&self) -> String {
        format!("{:X}", md5::Digest(self.md5))
    }

    /// The MD5 as Content-MD5 shows it.
    pub(super) fn md5_base64(&self) -> String {
        STANDARD.encode(self.md5)
    }
}

impl Call<'_> {
    /// Takes the body, of up to `largest` bytes, to the disk through one small buffer, and checks its Content-MD5.
    pub(super) fn receive(&self, body: &mut Body<'_>, largest: u64) -> Result<Received, ApiError> {
        if body.length().is_some_and(|length| length > largest) {
            return Err(ApiError::too_large(largest));
        }
        let broken = |error: std::io::Error| self.failed(StoreError::from(error));
        let mut writer = self.store().new_segment();
        let (mut crc, mut md5, mut size) = (Crc64::new(), md5::Context::new(), 0_u64);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = body
                .read(&mut buffer)
                .map_err(|_| ApiError::incomplete_body())?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            size += bytes.len() as u64;
            if size > largest {
                return Err(ApiError::too_large(largest));
            }
            writer.write_all(bytes).map_err(broken)?;
            crc.update(bytes);
            md5.consume(bytes);
        }
        let received = Received {
            writer,
            size,
            crc64: crc.finish(),
            md5: md5.finalize().0,
        };
        match self.request.header("content-md5") {
            Some(given) if given != received.md5_base64() => Err(invalid_digest(given)),
            _ => Ok(received),
        }
    }

    pub(super) fn overwrite(&self) -> Overwrite {
        match self.request.header("x-oss-forbid-overwrite") {
            Some("true") => Overwrite::Forbid,
            _ => Overwrite::Allow,
        }
    }

    /// Refuses before the body comes what would be refused after it.
    pub(super) fn check_overwrite(&self) -> Result<(), ApiError> {
        self.need_bucket()?;
        if self.overwrite() == Overwrite::Forbid
            && self.store().object(self.bucket, self.key).is_ok()
        {
            return Err(self.failed(StoreError::Exists));
        }
        Ok(())
    }

    pub(super) fn put(&self, body: &mut Body<'_>) -> Answer {
        if self.request.header("if-modified-since").is_some() {
            return Err(ApiError::not_implemented("If-Modified-Since"));
        }
        self.check_overwrite()?;
        let labels = self.labels()?;
        let received = self.receive(body, self.service.settings.limits.max_put)?;
        let object = Object {
            size: received.size,
            crc64: received.crc64,
            etag: received.md5_hex(),
            content_md5: Some(received.md5_base64()),
            modified: self.now(),
            kind: Kind::Normal,
            slices: received.writer.slices(),
            ..labels
        };
        self.store()
            .put_object(
                self.bucket,
                self.key,
                &object,
                self.overwrite(),
                Some(received.writer),
            )
            .map_err(|error| self.failed(error))?;
        Ok(Response::empty(200)
            .with("etag", format!("\"{}\"", object.etag))
            .with("content-md5", object.content_md5.unwrap_or_default())
            .with_crc64(object.crc64))
    }

    pub(super) fn append(&self, body: &mut Body<'_>) -> Answer {
        let position = self.text("position");
        let position: u64 = position
            .parse()
            .map_err(|_| ApiError::invalid_argument("position", position))?;
        self.need_bucket()?;
        match self.store().object(self.bucket, self.key) {
            Ok(object) if object.kind != Kind::Appendable => {
                return Err(self.failed(StoreError::NotAppendable));
            }
            Ok(object) if object.size != position => {
                return Err(self.failed(StoreError::WrongPosition(object.size)));
            }
            Ok(object) => self.need_thawed(&object)?,
            Err(StoreError::NoSuchKey) if position != 0 => {
                return Err(self.failed(StoreError::WrongPosition(0)));
            }
            Err(StoreError::NoSuchKey) => {}
            Err(error) => return Err(self.failed(error)),
        }
        let begun = self.labels()?;
        if matches!(
            begun.class,
            StorageClass::ColdArchive | StorageClass::DeepColdArchive
        ) {
            return Err(ApiError::not_supported("0016-00000503"));
        }
        let largest = self.service.settings.limits.max_put;
        let received = self.receive(body, largest.saturating_sub(position))?;
        let piece = Piece {
            size: received.size,
            crc64: received.crc64,
            md5: received.md5_hex(),
            begun,
            now: self.now(),
            writer: received.writer,
        };
        let object = self
            .store()
            .append(self.bucket, self.key, position, piece)
            .map_err(|error| self.failed(error))?;
        Ok(Response::empty(200)
            .with("etag", format!("\"{}\"", object.etag))
            .with("x-oss-next-append-position", object.size.to_string())
            .with_crc64(object.crc64))
    }

    /// A body of XML, its Content-MD5 checked if there is one.
    pub(super) fn xml_body(&self, body: &mut Body<'_>) -> Result<Vec<u8>, ApiError> {
        let bytes = body.read_all(MAX_XML).map_err(|error| unreadable(&error))?;
        match self.request.header("content-md5") {
            Some(given) if given != STANDARD.encode(md5::compute(&bytes).0) => {
                Err(invalid_digest(given))
            }
            _ => Ok(bytes),
        }
    }

    /// The time at which the object appears: after its body has come, which may be long after the request.
    pub(super) fn now(&self) -> i64 {
        super::unix_now()
            .saturating_add(self.request.clock)
            .max(self.now)
    }
}

pub(super) fn invalid_digest(given: &str) -> ApiError {
    ApiError::new(
        400,
        "InvalidDigest",
        "",
        "The Content-MD5 you specified was invalid.",
    )
    .field("Content-MD5", given)
}
