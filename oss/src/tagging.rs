//! The tags of an object.
//!
//! Decides how they are read and replaced. Tags of a new object go with its upload
//! ([`crate::PutObject::tagging`]).

use crate::bucket::Bucket;
use crate::error::{Error, Result};
use crate::payload::SliceBody;
use crate::xml;

impl Bucket {
    /// GetObjectTagging: pairs of name and value; none if the object has no tags. Needs a right of its own.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::is_not_found`] if there is no such object.
    pub fn get_object_tagging(&self, key: &str) -> Result<Vec<(String, String)>> {
        let spec = self.on_key("GET", key).flag("tagging");
        xml::tagging(&self.client.call(&spec, None)?.body)
    }

    /// PutObjectTagging: replaces all tags, at most 10, with names of at most 128 bytes and values of at most 256. Needs a
    /// right of its own.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Invalid`] if a tag has a character that XML can't carry.
    pub fn put_object_tagging(&self, key: &str, tags: &[(String, String)]) -> Result<()> {
        let good = |text: &String| text.chars().all(xml::is_char);
        if !tags.iter().all(|(name, value)| good(name) && good(value)) {
            return Err(Error::Invalid(
                "a tag must not have such control characters",
            ));
        }
        let body = xml::put_tagging(tags);
        let spec = self
            .on_key("PUT", key)
            .flag("tagging")
            .header("Content-Type", "application/xml")
            .with_md5();
        let mut body = SliceBody::new(body.as_bytes());
        self.client.call(&spec, Some(&mut body)).map(|_| ())
    }

    /// DeleteObjectTagging: takes all tags away.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn delete_object_tagging(&self, key: &str) -> Result<()> {
        let spec = self.on_key("DELETE", key).flag("tagging");
        self.client.call(&spec, None).map(|_| ())
    }
}
