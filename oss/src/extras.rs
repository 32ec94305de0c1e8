//! Symbolic links and tags of objects.
//!
//! Decides what each API is sent and how its answer is read. When they are asked for is left to the caller.

use crate::bucket::{Bucket, put_headers};
use crate::encode;
use crate::error::{ProtocolError, Result};
use crate::object::PutObject;
use crate::xml;

impl Bucket {
    /// GetSymlink: the key that the link leads to, in the same bucket.
    ///
    /// # Errors
    /// Any [`crate::Error`]; `NotSymlink` (400) if the object is no link.
    pub fn get_symlink(&self, key: &str) -> Result<String> {
        let spec = self.on_key("GET", key).flag("symlink");
        let answer = self.client.call(&spec, None)?;
        let target = answer.headers.get("x-oss-symlink-target");
        Ok(target
            .and_then(|target| encode::decode(&target))
            .ok_or(ProtocolError::BadHeader("x-oss-symlink-target"))?)
    }

    /// PutSymlink: makes `key` a link to the key `target` in the same bucket, whether or not there is such an object.
    ///
    /// # Errors
    /// Any [`crate::Error`].
    pub fn put_symlink(&self, key: &str, target: &str, put: &PutObject) -> Result<()> {
        let mut spec = put_headers(self.on_key("PUT", key), put)
            .flag("symlink")
            .header("x-oss-symlink-target", encode::component(target));
        if put.forbid_overwrite {
            spec = spec.once();
        }
        self.client.call(&spec, None).map(|_| ())
    }

    /// GetObjectTagging: names and values of the object's tags. Needs a right of its own.
    ///
    /// # Errors
    /// Any [`crate::Error`].
    pub fn get_object_tagging(&self, key: &str) -> Result<Vec<(String, String)>> {
        let spec = self.on_key("GET", key).flag("tagging");
        xml::tagging(&self.client.call(&spec, None)?.body)
    }
}
