//! What an object is besides its bytes.
//!
//! Decides the headers of new files, and which of an old file's stay when it is written anew from
//! its own bytes.

use ossftp_oss::{ObjectMeta, PutObject};

use super::mount::Mount;
use super::times::MTIME;

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

/// For a file that takes the place of this one and keeps bytes of it: all that it was, with the
/// tags that HEAD does not tell.
pub(crate) fn of_old(old: &ObjectMeta, tags: &[(String, String)]) -> PutObject {
    PutObject {
        content_type: old.content_type.clone(),
        cache_control: old.cache_control.clone(),
        content_disposition: old.content_disposition.clone(),
        content_encoding: old.content_encoding.clone(),
        expires: old.expires.clone(),
        storage_class: old.storage_class.clone(),
        // Of a file that changes, the time that was set for it is not the time any more.
        meta: old
            .user_meta
            .iter()
            .filter(|(name, _)| name != MTIME)
            .cloned()
            .collect(),
        tagging: tags.to_vec(),
        ..PutObject::default()
    }
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
}
