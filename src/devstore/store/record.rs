//! What the index keeps about buckets, objects, uploads and parts.
//!
//! Records are JSON: they are read by people when something is odd, and a field can be added without a migration.
//! Keys are not in the records; they are the index's keys, so that ranges come in OSS's order (bytes).

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::StoreError;

/// A run of bytes of one segment file. An object is a list of them, so completing a multipart upload and copying move
/// no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::devstore) struct Slice {
    /// Number of the segment file.
    #[serde(rename = "s")]
    pub(in crate::devstore) segment: u64,
    /// First byte.
    #[serde(rename = "o")]
    pub(in crate::devstore) offset: u64,
    /// Count of bytes, never 0.
    #[serde(rename = "n")]
    pub(in crate::devstore) len: u64,
}

/// How the object came to be; `x-oss-object-type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::devstore) enum Kind {
    /// PutObject or CopyObject.
    #[default]
    Normal,
    /// CompleteMultipartUpload.
    Multipart,
    /// AppendObject.
    Appendable,
    /// PutSymlink. Its size is that of the link, and there are no bytes.
    Symlink,
}

impl Kind {
    /// As it stands in `x-oss-object-type` and in listings.
    pub(in crate::devstore) fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Multipart => "Multipart",
            Self::Appendable => "Appendable",
            Self::Symlink => "Symlink",
        }
    }
}

/// Names (lower case) and values of the headers kept with an object: content headers, `x-oss-meta-*`, storage class.
pub(in crate::devstore) type Headers = Vec<(String, String)>;

/// Names and values of an object's tags, in the order in which they were set.
pub(in crate::devstore) type Tags = Vec<(String, String)>;

/// `x-oss-storage-class`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StorageClass {
    /// The one without a name in old clients.
    #[default]
    Standard,
    /// Infrequent access: read like Standard.
    #[serde(rename = "IA")]
    InfrequentAccess,
    /// Not readable until it is restored.
    Archive,
    /// As Archive, with tiers of speed.
    ColdArchive,
    /// As ColdArchive.
    DeepColdArchive,
}

impl StorageClass {
    /// All of them.
    const ALL: [Self; 5] = [
        Self::Standard,
        Self::InfrequentAccess,
        Self::Archive,
        Self::ColdArchive,
        Self::DeepColdArchive,
    ];

    /// As it stands in headers and listings.
    pub(in crate::devstore) fn name(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::InfrequentAccess => "IA",
            Self::Archive => "Archive",
            Self::ColdArchive => "ColdArchive",
            Self::DeepColdArchive => "DeepColdArchive",
        }
    }

    /// The class of this name.
    pub(in crate::devstore) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Whether objects of this class must be restored before they can be read.
    pub(in crate::devstore) fn freezes(self) -> bool {
        !matches!(self, Self::Standard | Self::InfrequentAccess)
    }

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it
    fn is_standard(&self) -> bool {
        *self == Self::Standard
    }
}

/// A RestoreObject: when the bytes can be read, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::devstore) struct Restore {
    /// Unix time in milliseconds: tests have no patience.
    pub(in crate::devstore) ready_ms: i64,
    /// Unix time in seconds.
    pub(in crate::devstore) expires: i64,
}

/// One object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::devstore) struct Object {
    pub(in crate::devstore) size: u64,
    /// CRC-64/XZ of all bytes.
    pub(in crate::devstore) crc64: u64,
    /// Without quotes.
    pub(in crate::devstore) etag: String,
    /// Base64; only where the bytes came in one PutObject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::devstore) content_md5: Option<String>,
    /// Unix time in seconds.
    pub(in crate::devstore) modified: i64,
    pub(in crate::devstore) kind: Kind,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::devstore) headers: Headers,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::devstore) slices: Vec<Slice>,
    #[serde(default, skip_serializing_if = "StorageClass::is_standard")]
    pub(in crate::devstore) class: StorageClass,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::devstore) tags: Tags,
    /// Its own ACL; none: the bucket's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::devstore) acl: Option<String>,
    /// The last RestoreObject of a class that freezes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::devstore) restore: Option<Restore>,
    /// The key that a link leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::devstore) target: Option<String>,
}

/// How readable an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::devstore) enum Frost {
    /// Its class never freezes.
    Never,
    /// It must be restored first.
    Frozen,
    /// A restore is under way.
    Thawing,
    /// Readable until this Unix time in seconds.
    Thawed(i64),
}

impl Object {
    /// Whether it can be read at the Unix time `now_ms`, in milliseconds.
    pub(in crate::devstore) fn frost(&self, now_ms: i64) -> Frost {
        if !self.class.freezes() {
            return Frost::Never;
        }
        match self.restore {
            Some(restore) if now_ms < restore.ready_ms => Frost::Thawing,
            Some(restore) if now_ms / 1000 < restore.expires => Frost::Thawed(restore.expires),
            _ => Frost::Frozen,
        }
    }
}

/// One bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::devstore) struct Bucket {
    /// Unix time in seconds.
    pub(in crate::devstore) created: i64,
    /// `private`, `public-read` or `public-read-write`; shown, and no more: every request must be signed.
    pub(in crate::devstore) acl: String,
    /// The class of objects that are put without one.
    #[serde(default, skip_serializing_if = "StorageClass::is_standard")]
    pub(in crate::devstore) class: StorageClass,
    /// Whether it has a hierarchical namespace, and so a Rename.
    #[serde(default)]
    pub(in crate::devstore) hierarchical: bool,
}

/// One unfinished multipart upload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::devstore) struct Upload {
    /// Unix time in seconds.
    pub(in crate::devstore) initiated: i64,
    #[serde(default)]
    pub(in crate::devstore) headers: Headers,
    #[serde(default, skip_serializing_if = "StorageClass::is_standard")]
    pub(in crate::devstore) class: StorageClass,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::devstore) tags: Tags,
}

/// One uploaded part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::devstore) struct Part {
    pub(in crate::devstore) size: u64,
    pub(in crate::devstore) crc64: u64,
    /// MD5 of the part, upper-case hex, without quotes. A copied part, whose bytes nobody read, has its CRC here.
    pub(in crate::devstore) etag: String,
    /// Unix time in seconds.
    pub(in crate::devstore) modified: i64,
    #[serde(default)]
    pub(in crate::devstore) slices: Vec<Slice>,
}

/// Writes a record.
pub(super) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(|error| StoreError::Broken(error.to_string()))
}

/// Reads a record.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| StoreError::Broken(error.to_string()))
}

/// Those bytes of `slices` that lie in `offset .. offset + len`, in order.
pub(in crate::devstore) fn cut(slices: &[Slice], mut offset: u64, mut len: u64) -> Vec<Slice> {
    let mut out = Vec::new();
    for slice in slices {
        if len == 0 {
            break;
        }
        if offset >= slice.len {
            offset -= slice.len;
            continue;
        }
        let take = (slice.len - offset).min(len);
        out.push(Slice {
            segment: slice.segment,
            offset: slice.offset + offset,
            len: take,
        });
        len -= take;
        offset = 0;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(segment: u64, offset: u64, len: u64) -> Slice {
        Slice {
            segment,
            offset,
            len,
        }
    }

    #[test]
    fn cuts_across_slices() {
        let all = [s(1, 0, 10), s(2, 5, 10), s(3, 0, 1)];
        assert_eq!(cut(&all, 0, 21), all.to_vec());
        assert_eq!(cut(&all, 9, 3), vec![s(1, 9, 1), s(2, 5, 2)]);
        assert_eq!(cut(&all, 10, 10), vec![s(2, 5, 10)]);
        assert_eq!(cut(&all, 20, 1), vec![s(3, 0, 1)]);
        assert_eq!(cut(&all, 4, 0), vec![]);
    }

    #[test]
    fn records_come_back_as_written() {
        let object = Object {
            size: 3,
            crc64: u64::MAX,
            etag: "A".into(),
            content_md5: None,
            modified: -1,
            kind: Kind::Appendable,
            headers: vec![("content-type".into(), "text/plain; charset=\"ü\"".into())],
            slices: vec![s(7, 0, 3)],
            class: StorageClass::InfrequentAccess,
            tags: vec![("a".into(), String::new())],
            acl: None,
            restore: None,
            target: None,
        };
        let bytes = encode(&object).unwrap();
        assert_eq!(decode::<Object>(&bytes).unwrap(), object);
        assert!(decode::<Object>(b"{}").is_err());
    }

    #[test]
    fn an_archived_object_thaws_and_freezes_again() {
        let mut object = Object {
            class: StorageClass::Archive,
            ..Object::default()
        };
        assert_eq!(object.frost(0), Frost::Frozen);
        object.restore = Some(Restore {
            ready_ms: 1500,
            expires: 60,
        });
        assert_eq!(object.frost(1499), Frost::Thawing);
        assert_eq!(object.frost(1500), Frost::Thawed(60));
        assert_eq!(object.frost(60_000), Frost::Frozen);
        object.class = StorageClass::Standard;
        assert_eq!(object.frost(0), Frost::Never);
        assert_eq!(
            StorageClass::parse("IA"),
            Some(StorageClass::InfrequentAccess)
        );
        assert_eq!(StorageClass::parse("ia"), None);
    }
}
