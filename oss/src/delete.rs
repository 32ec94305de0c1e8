//! Deleting objects.
//!
//! Decides which of the two APIs a key is deleted by. Whether a key exists is left to the caller: OSS deletes what
//! does not exist too.

use crate::bucket::Bucket;
use crate::error::{Error, Result};
use crate::payload::SliceBody;
use crate::types::DeletedKey;
use crate::xml;

impl Bucket {
    /// DeleteObject. An object that does not exist is no error.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn delete_object(&self, key: &str) -> Result<()> {
        self.client
            .call(&self.on_key("DELETE", key), None)
            .map(|_| ())
    }

    /// DeleteMultipleObjects: at most 1,000 keys. Returns those that OSS reports as deleted; one that is missing from
    /// them was not deleted. Keys that did not exist are reported too.
    ///
    /// Keys with characters that XML can't carry (control characters other than tab, line feed and carriage return,
    /// U+FFFE, U+FFFF) are deleted one by one by DeleteObject, after the others, and stand at the end of the result.
    ///
    /// # Errors
    /// Any [`Error`]. Some keys may be deleted then; the same call again does no harm.
    pub fn delete_objects<S: AsRef<str>>(&self, keys: &[S]) -> Result<Vec<DeletedKey>> {
        if keys.len() > 1000 || keys.iter().any(|key| key.as_ref().is_empty()) {
            return Err(Error::Invalid("at most 1,000 keys, none of them empty"));
        }
        let until = self.until();
        let (together, single): (Vec<&str>, Vec<&str>) = keys
            .iter()
            .map(AsRef::as_ref)
            .partition(|key| key.chars().all(xml::is_char));
        let mut deleted = Vec::new();
        if !together.is_empty() {
            deleted = self.delete_together(&together)?;
        }
        for key in single {
            self.with_until(until)?.delete_object(key)?;
            deleted.push(DeletedKey {
                key: key.to_owned(),
                ..DeletedKey::default()
            });
        }
        Ok(deleted)
    }

    fn delete_together(&self, keys: &[&str]) -> Result<Vec<DeletedKey>> {
        let body = xml::delete_objects(keys, false);
        let spec = self
            .on_bucket("POST")
            .flag("delete")
            .query("encoding-type", "url")
            .header("Content-Type", "application/xml")
            .with_md5();
        let answer = self
            .client
            .call(&spec, Some(&mut SliceBody::new(body.as_bytes())))?;
        xml::delete_result(&answer.body)
    }
}
