//! Tags of objects: the header that sets them with an object, and the three APIs that read and change them.

use std::collections::HashSet;

use ossftp_oss::encode;

use super::{Answer, Call};
use crate::devstore::error::ApiError;
use crate::devstore::http::{Body, Response};
pub(super) use crate::devstore::store::Tags;
use crate::devstore::xml::{self, Xml};

/// The most tags of an object.
const MAX_TAGS: usize = 10;

/// The longest key and the longest value of a tag, in characters.
const MAX_KEY: usize = 128;
const MAX_VALUE: usize = 256;

/// Reads the header `x-oss-tagging`: `a=1&b=2`, both sides percent-encoded, a value may be missing.
pub(super) fn parse(header: &str) -> Result<Tags, ApiError> {
    let invalid = || ApiError::invalid_argument("x-oss-tagging", header);
    let decode = |text: &str| encode::decode(&text.replace('+', " ")).ok_or_else(invalid);
    let mut tags = Tags::new();
    for pair in header.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        tags.push((decode(key)?, decode(value)?));
    }
    check(tags)
}

/// OSS's rules: at most ten tags, keys that differ, lengths, and characters.
fn check(tags: Tags) -> Result<Tags, ApiError> {
    let plain = |text: &str| {
        text.chars()
            .all(|c| c.is_alphanumeric() || " +-=._:/".contains(c))
    };
    let mut keys = HashSet::new();
    let valid = |(key, value): &(String, String)| {
        (1..=MAX_KEY).contains(&key.chars().count())
            && value.chars().count() <= MAX_VALUE
            && plain(key)
            && plain(value)
    };
    let bad = tags
        .iter()
        .find(|tag| !valid(tag) || !keys.insert(tag.0.as_str()));
    let invalid = |message: &str| ApiError::new(400, "InvalidTag", "", message);
    if let Some((key, value)) = bad {
        return Err(invalid("The tag is not valid, or its key is there twice.")
            .field("TagKey", key)
            .field("TagValue", value));
    }
    if tags.len() > MAX_TAGS {
        return Err(invalid("Object tags cannot be more than 10."));
    }
    Ok(tags)
}

impl Call<'_> {
    pub(super) fn tagging(&self) -> Answer {
        self.need_bucket()?;
        let object = self
            .store()
            .object(self.bucket, self.key)
            .map_err(|error| self.failed(error))?;
        let mut xml = Xml::document("Tagging");
        xml.open("TagSet");
        for (key, value) in &object.tags {
            xml.open("Tag");
            xml.text("Key", key);
            xml.text("Value", value);
            xml.close();
        }
        Ok(Response::xml(200, xml.finish()))
    }

    pub(super) fn put_tagging(&self, body: &mut Body<'_>) -> Answer {
        self.need_bucket()?;
        let bytes = self.xml_body(body)?;
        let tags =
            xml::parse_tagging(&bytes).ok_or_else(|| ApiError::malformed_xml("0016-00000608"))?;
        self.set_tags(check(tags)?)?;
        Ok(Response::empty(200))
    }

    pub(super) fn delete_tagging(&self) -> Answer {
        self.need_bucket()?;
        self.set_tags(Tags::new())?;
        Ok(Response::empty(204))
    }

    /// Tags are no part of the object's content: its time stays.
    fn set_tags(&self, tags: Tags) -> Result<(), ApiError> {
        self.store()
            .update_object(self.bucket, self.key, |object| {
                object.tags = tags;
                Ok(())
            })
            .map_err(|error| self.failed(error))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_encoded_and_within_limits() {
        let tags = parse("a=1&%E4%B8%AD=a%20b&c").unwrap();
        let expected = [("a", "1"), ("中", "a b"), ("c", "")];
        assert!(
            tags.iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .eq(expected)
        );
        assert_eq!(parse("").unwrap(), Tags::new());
        let eleven: Vec<String> = (0..11).map(|number| format!("k{number}=v")).collect();
        for (header, code) in [
            ("a=1&a=2", "InvalidTag"),
            ("=1", "InvalidTag"),
            ("a=%21", "InvalidTag"),
            (&eleven.join("&"), "InvalidTag"),
            (&format!("{}=", "k".repeat(129)), "InvalidTag"),
            (&format!("k={}", "v".repeat(257)), "InvalidTag"),
            ("a=%FF", "InvalidArgument"),
        ] {
            assert_eq!(parse(header).unwrap_err().code, code, "{header}");
        }
    }
}
