//! The tags of an object.
//!
//! Decides how they are read. Tags of a new object go with its upload ([`crate::PutObject::tagging`]).

use crate::bucket::Bucket;
use crate::error::Result;
use crate::xml;

impl Bucket {
    /// GetObjectTagging: pairs of name and value; none if the object has no tags. Needs a right of its own.
    ///
    /// # Errors
    /// Any [`crate::Error`].
    pub fn get_object_tagging(&self, key: &str) -> Result<Vec<(String, String)>> {
        let spec = self.on_key("GET", key).flag("tagging");
        xml::tagging(&self.client.call(&spec, None)?.body)
    }
}
