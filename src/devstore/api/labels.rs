//! What a request says of an object besides its bytes: headers, storage class, tags and ACL.

use super::{Call, tagging};
use crate::devstore::error::ApiError;
use crate::devstore::store::{Headers, Object, StorageClass};

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

/// What an object's own ACL may be; `default` is none of its own.
const ACLS: [&str; 4] = ["default", "private", "public-read", "public-read-write"];

impl Call<'_> {
    /// An object without bytes, with everything that this request says of it.
    pub(super) fn labels(&self) -> Result<Object, ApiError> {
        Ok(Object {
            headers: self.kept_headers()?,
            class: self.class()?,
            tags: self.tags()?,
            acl: self.acl()?,
            ..Object::default()
        })
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

    /// The storage class that the request wants, or else the bucket's.
    pub(super) fn class(&self) -> Result<StorageClass, ApiError> {
        match self.request.header("x-oss-storage-class") {
            Some(name) => StorageClass::parse(name)
                .ok_or_else(|| ApiError::invalid_argument("x-oss-storage-class", name)),
            None => self
                .store()
                .bucket(self.bucket)
                .map(|bucket| bucket.class)
                .map_err(|error| self.failed(error)),
        }
    }

    /// The tags that the request sets with the object.
    pub(super) fn tags(&self) -> Result<tagging::Tags, ApiError> {
        self.request
            .header("x-oss-tagging")
            .map_or(Ok(tagging::Tags::new()), tagging::parse)
    }

    /// The ACL that the request gives the object.
    pub(super) fn acl(&self) -> Result<Option<String>, ApiError> {
        match self.request.header("x-oss-object-acl") {
            None | Some("default") => Ok(None),
            Some(acl) if ACLS.contains(&acl) => Ok(Some(acl.to_owned())),
            Some(acl) => Err(ApiError::invalid_argument("x-oss-object-acl", acl)),
        }
    }
}
