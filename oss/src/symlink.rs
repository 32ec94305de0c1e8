//! Symbolic links: objects that stand for another object of the same bucket.

use crate::bucket::{Bucket, put_headers};
use crate::encode;
use crate::error::Result;
use crate::object::PutObject;

impl Bucket {
    /// PutSymlink: makes the object `key` a link to the object `target`, which need not exist.
    ///
    /// # Errors
    /// Any [`Error`](crate::Error); `FileAlreadyExists` (409) where
    /// [`PutObject::forbid_overwrite`] is set and there is such an object.
    pub fn put_symlink(&self, key: &str, target: &str, put: &PutObject) -> Result<()> {
        let mut spec = put_headers(self.on_key("PUT", key), put)
            .flag("symlink")
            .header("x-oss-symlink-target", encode::component(target));
        if put.forbid_overwrite {
            spec = spec.once();
        }
        self.client().call(&spec, None).map(|_| ())
    }
}
