//! What an object is besides its bytes.
//!
//! Decides the headers of new files, and which of an old file's stay when it is written anew from
//! its own bytes or copied.

use ossftp_core::StorageError;
use ossftp_oss::{ObjectMeta, PutObject};

use crate::gateway::errors::{Action, told};
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::times::MTIME;

/// For a new file: the type by the extension of its name, and the storage class that is set for
/// the bucket, else for all.
pub(crate) fn of_new(mount: &Mount, key: &str) -> PutObject {
    let class = mount.config().storage_class_of(mount.bucket().name());
    PutObject {
        content_type: Some(content_type(key).to_owned()),
        storage_class: class.map(str::to_owned),
        ..PutObject::default()
    }
}

/// What becomes of the time that was set for a file (`x-oss-meta-mtime`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetTime<'a> {
    /// It is the same file.
    Stays,
    /// The file has changed, so that is not its time any more.
    Goes,
    /// It gets another one.
    Becomes(&'a str),
}

/// For a file that takes the place of this one or is a copy of it: all that it was. OSS takes
/// `tags` along only where it copies a whole object by itself; for all else they are
/// [asked for](tags_of).
pub(crate) fn of_old(
    old: &ObjectMeta,
    tags: Vec<(String, String)>,
    time: SetTime<'_>,
) -> PutObject {
    let mut meta = old.user_meta.clone();
    if time != SetTime::Stays {
        meta.retain(|(name, _)| name != MTIME);
    }
    if let SetTime::Becomes(text) = time {
        meta.push((MTIME.to_owned(), text.to_owned()));
    }
    PutObject {
        content_type: old.content_type.clone(),
        cache_control: old.cache_control.clone(),
        content_disposition: old.content_disposition.clone(),
        content_encoding: old.content_encoding.clone(),
        expires: old.expires.clone(),
        storage_class: old.storage_class.clone(),
        meta,
        tagging: tags,
        ..PutObject::default()
    }
}

/// The tags of an object, which HEAD only counts: a request if it has any.
///
/// # Errors
/// Without them, what takes its place would not be what it was.
pub(crate) fn tags_of(
    calls: &Calls,
    key: &str,
    meta: &ObjectMeta,
) -> Result<Vec<(String, String)>, StorageError> {
    if meta.tagging_count == 0 {
        return Ok(Vec::new());
    }
    let tags = calls.bucket().get_object_tagging(key);
    tags.map_err(|error| told(&error, Action::Tags))
}

/// The content type by the extension of the name.
fn content_type(key: &str) -> &'static str {
    let name = key.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    mime_guess::from_ext(extension)
        .first_raw()
        .unwrap_or("application/octet-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for (key, expected) in [
            ("a/图片.JPG", "image/jpeg"),
            ("a.html", "text/html"),
            ("a.tar.gz", "application/gzip"),
            ("a.b/c", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            (".png", "image/png"),
            ("a.nothing", "application/octet-stream"),
        ] {
            assert_eq!(content_type(key), expected, "{key}");
        }
    }
    #[test]
    fn the_time_that_was_set() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut old = ObjectMeta::default();
        old.user_meta = vec![pair(MTIME, "1"), pair("owner", "me")];
        let tags = vec![pair("a", "b")];
        for (time, expected) in [
            (SetTime::Stays, vec![pair(MTIME, "1"), pair("owner", "me")]),
            (SetTime::Goes, vec![pair("owner", "me")]),
            (
                SetTime::Becomes("2"),
                vec![pair("owner", "me"), pair(MTIME, "2")],
            ),
        ] {
            let put = of_old(&old, tags.clone(), time);
            assert_eq!(put.meta, expected);
            assert_eq!(put.tagging, tags);
        }
    }
}
