//! PutSymlink and GetSymlink, and how a read finds its way through a link.

use ossftp_oss::crc64;
use ossftp_oss::{encode, time};

use super::{Answer, Call, check_key};
use crate::devstore::error::ApiError;
use crate::devstore::http::Response;
use crate::devstore::store::{Frost, Kind, Object, Pinned, StoreError};

impl Call<'_> {
    /// What is not asked here is asked when the link is read: whether there is a target, and what kind of one.
    pub(super) fn put_symlink(&self) -> Answer {
        self.check_overwrite()?;
        let header = self.request.header("x-oss-symlink-target").unwrap_or("");
        let target = encode::decode(header)
            .filter(|target| !target.is_empty())
            .ok_or_else(|| ApiError::invalid_argument("x-oss-symlink-target", header))?;
        check_key(&target)?;
        let object = Object {
            size: target.len() as u64,
            crc64: crc64::checksum(target.as_bytes()),
            etag: format!("{:X}", md5::compute(&target)),
            modified: self.now(),
            kind: Kind::Symlink,
            target: Some(target),
            ..self.labels()?
        };
        self.store()
            .put_object(self.bucket, self.key, &object, self.overwrite(), None)
            .map_err(|error| self.failed(error))?;
        Ok(Response::empty(200).with("etag", format!("\"{}\"", object.etag)))
    }

    pub(super) fn symlink(&self) -> Answer {
        self.need_bucket()?;
        let object = self
            .store()
            .object(self.bucket, self.key)
            .map_err(|error| self.failed(error))?;
        let Some(target) = &object.target else {
            return Err(ApiError::new(
                400,
                "NotSymlink",
                "",
                "The object is not a symbolic link.",
            ));
        };
        let mut response = Response::empty(200)
            .with("etag", format!("\"{}\"", object.etag))
            .with("last-modified", time::format_http(object.modified))
            .with("x-oss-symlink-target", encode::path(target));
        response.meta = object
            .headers
            .into_iter()
            .filter(|(name, _)| name.starts_with("x-oss-meta-"))
            .collect();
        Ok(response)
    }

    /// The object called `key` as readers see it: for a link, the bytes, checksums and class of its target, the later
    /// of both times, and all else from the link.
    pub(super) fn open(&self, bucket: &str, key: &str) -> Result<(Object, Pinned), ApiError> {
        let failed = |error| ApiError::from_store(error, bucket, key, "");
        self.store().bucket(bucket).map_err(failed)?;
        let (link, content) = self.store().open_object(bucket, key).map_err(failed)?;
        let Some(target) = &link.target else {
            return Ok((link, content));
        };
        let (object, content) =
            self.store()
                .open_object(bucket, target)
                .map_err(|error| match error {
                    StoreError::NoSuchKey => ApiError::new(
                        404,
                        "SymlinkTargetNotExist",
                        "",
                        "The target of the symbolic link does not exist.",
                    )
                    .field("Key", key),
                    other => failed(other),
                })?;
        if object.kind == Kind::Symlink {
            return Err(ApiError::new(
                400,
                "InvalidTargetType",
                "0026-00000011",
                "The target of the symbolic link is itself a symbolic link.",
            ));
        }
        let seen = Object {
            headers: link.headers,
            tags: link.tags,
            modified: link.modified.max(object.modified),
            kind: Kind::Symlink,
            ..object
        };
        Ok((seen, content))
    }

    /// Fails if the object's bytes cannot be read: archived and not restored.
    pub(super) fn need_thawed(&self, object: &Object) -> Result<(), ApiError> {
        match object.frost(super::unix_now_ms()) {
            Frost::Never | Frost::Thawed(_) => Ok(()),
            Frost::Frozen | Frost::Thawing => Err(ApiError::new(
                403,
                "InvalidObjectState",
                "",
                "The operation is not valid for the object's state",
            )
            .field("ObjectName", self.key)),
        }
    }
}
