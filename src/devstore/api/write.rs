//! PutObject and AppendObject, and how the bytes of a body get to the disk.

use std::io::{Read, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ossftp_oss::crc64::Crc64;

use super::{Answer, Call, MAX_PUT};
use crate::devstore::error::ApiError;
use crate::devstore::http::{Body, Response};
use crate::devstore::store::{Headers, Kind, Object, Overwrite, Piece, SegmentWriter, StoreError};

/// The largest user meta of an object, names and values together, in bytes.
const MAX_META: usize = 8 * 1024;

/// Request headers that are kept with an object, besides `x-oss-meta-*`.
const KEPT: [&str; 6] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
];

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
    /// Takes the body to the disk, through one small buffer, and checks its Content-MD5.
    pub(super) fn receive(&self, body: &mut Body<'_>) -> Result<Received, ApiError> {
        let too_large = || {
            ApiError::new(
                400,
                "EntityTooLarge",
                "",
                "Your proposed upload exceeds the maximum allowed size.",
            )
        };
        if body.length().is_some_and(|length| length > MAX_PUT) {
            return Err(too_large());
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
            if size > MAX_PUT {
                return Err(too_large());
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

    /// The headers of this request that are kept with the object.
    pub(super) fn kept_headers(&self) -> Result<Headers, ApiError> {
        let mut headers = Headers::new();
        let mut meta = 0;
        for (name, value) in &self.request.headers {
            if name.starts_with("x-oss-meta-") {
                meta += name.len() + value.len();
            } else if !KEPT.contains(&name.as_str()) {
                continue;
            }
            headers.push((name.clone(), value.trim().to_owned()));
        }
        if meta > MAX_META {
            return Err(ApiError::invalid_argument(
                "x-oss-meta-",
                "user meta of more than 8 KB",
            ));
        }
        if !headers.iter().any(|(name, _)| name == "content-type") {
            headers.push(("content-type".into(), "application/octet-stream".into()));
        }
        Ok(headers)
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
        let headers = self.kept_headers()?;
        let received = self.receive(body)?;
        let object = Object {
            size: received.size,
            crc64: received.crc64,
            etag: received.md5_hex(),
            content_md5: Some(received.md5_base64()),
            modified: self.now(),
            kind: Kind::Normal,
            headers,
            slices: received.writer.slices(),
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
            Err(StoreError::NoSuchKey) if position != 0 => {
                return Err(self.failed(StoreError::WrongPosition(0)));
            }
            Err(StoreError::NoSuchKey) | Ok(_) => {}
            Err(error) => return Err(self.failed(error)),
        }
        let headers = self.kept_headers()?;
        let received = self.receive(body)?;
        if position.saturating_add(received.size) > MAX_PUT {
            return Err(ApiError::new(
                400,
                "EntityTooLarge",
                "",
                "Your proposed append exceeds the maximum allowed object size.",
            ));
        }
        let piece = Piece {
            size: received.size,
            crc64: received.crc64,
            md5: received.md5_hex(),
            headers,
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
