//! Symlinks of OSS: objects that stand for another object of their bucket.
//!
//! Decides how a target goes over the wire: percent-encoded, whatever it holds. What a link may point to is left to
//! OSS, which finds out when the link is read.

use crate::bucket::{Bucket, put_headers};
use crate::encode;
use crate::error::{Error, ProtocolError, Result};
use crate::object::PutObject;

/// What GetSymlink says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Symlink {
    /// The key that the link stands for, decoded. It need not exist.
    pub target: String,
    /// The ETag of the link itself, quotes included.
    pub etag: String,
}

impl Bucket {
    /// PutSymlink: makes `key` a link to the object `target` of this bucket, in place of what was there. Of `put`
    /// metadata, tags, storage class and `forbid_overwrite` count.
    ///
    /// # Errors
    /// Any [`Error`]. That there is no such target shows only when the link is read (`SymlinkTargetNotExist`, 404).
    pub fn put_symlink(&self, key: &str, target: &str, put: &PutObject) -> Result<()> {
        crate::call::check_names(None, Some(target))?;
        let put = PutObject {
            content_md5: None,
            ..put.clone()
        };
        let mut spec = put_headers(self.on_key("PUT", key), &put)
            .flag("symlink")
            .header("x-oss-symlink-target", encode::component(target));
        if put.forbid_overwrite {
            spec = spec.once();
        }
        self.client.call(&spec, None).map(|_| ())
    }

    /// GetSymlink: what a link stands for.
    ///
    /// # Errors
    /// Any [`Error`]; `NotSymlink` (400) if the object is none, [`Error::is_not_found`] if there is no object.
    pub fn get_symlink(&self, key: &str) -> Result<Symlink> {
        const NAME: &str = "x-oss-symlink-target";
        let spec = self.on_key("GET", key).flag("symlink");
        let headers = self.client.call(&spec, None)?.headers;
        let target = headers.get(NAME).as_deref().and_then(encode::decode);
        Ok(Symlink {
            target: target
                .filter(|target| !target.is_empty())
                .ok_or(Error::Protocol(ProtocolError::BadHeader(NAME)))?,
            etag: headers.get("etag").unwrap_or_default(),
        })
    }
}
