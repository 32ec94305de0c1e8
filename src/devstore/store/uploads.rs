//! Multipart uploads: parts come in any order and any number of times, and become an object in one commit.

use std::collections::BTreeMap;

use ossftp_oss::crc64;
use redb::ReadableTable;

use super::objects::Overwrite;
use super::record::{Kind, Object, Part, Upload, decode, encode};
use super::{Change, Origin, PARTS, SegmentWriter, Store, StoreError, UPLOADS};

/// What to list of the uploads.
#[derive(Clone, Debug)]
pub(in crate::devstore) struct UploadQuery<'a> {
    pub(in crate::devstore) prefix: &'a [u8],
    /// Uploads come after this key; with `after_id`, also those of this key with a greater id.
    pub(in crate::devstore) after_key: &'a [u8],
    pub(in crate::devstore) after_id: Option<&'a str>,
}

/// What only CompleteMultipartUpload says of its object.
#[derive(Clone, Debug)]
pub(in crate::devstore) struct Made {
    /// Unix time in seconds.
    pub(in crate::devstore) now: i64,
    /// The object's own ACL.
    pub(in crate::devstore) acl: Option<String>,
}

/// One upload of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::devstore) struct UploadEntry {
    pub(in crate::devstore) key: Vec<u8>,
    pub(in crate::devstore) id: String,
    pub(in crate::devstore) upload: Upload,
}

impl Store {
    /// Begins an upload under `id`, which the caller has made unique.
    pub(in crate::devstore) fn begin_upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        upload: &Upload,
    ) -> Result<(), StoreError> {
        self.write(|change| {
            change.need_bucket(bucket)?;
            change
                .transaction
                .open_table(UPLOADS)?
                .insert((bucket, key.as_bytes(), id), encode(upload)?.as_slice())?;
            Ok(())
        })
    }

    /// The upload, if it is under way.
    pub(in crate::devstore) fn upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> Result<Upload, StoreError> {
        let uploads = self.db.begin_read()?.open_table(UPLOADS)?;
        let bytes = uploads
            .get((bucket, key.as_bytes(), id))?
            .ok_or(StoreError::NoSuchUpload)?;
        decode(bytes.value())
    }

    /// Adds a part, or replaces the one with that number. `writer` is none for a copied part, which shares bytes.
    pub(in crate::devstore) fn put_part(
        &self,
        (bucket, key, id): (&str, &str, &str),
        number: u16,
        part: &Part,
        writer: Option<SegmentWriter>,
    ) -> Result<(), StoreError> {
        let origin = if writer.is_some() {
            Origin::Fresh
        } else {
            Origin::Shared
        };
        self.write(|change| {
            change.need_upload(bucket, key, id)?;
            change.refer(&part.slices, origin)?;
            let old = {
                let mut parts = change.transaction.open_table(PARTS)?;
                let record = encode(part)?;
                parts
                    .insert((id, number), record.as_slice())?
                    .map(|bytes| decode::<Part>(bytes.value()))
                    .transpose()?
            };
            old.map_or(Ok(()), |old| change.release(&old.slices))
        })?;
        if let Some(writer) = writer {
            writer.keep();
        }
        Ok(())
    }

    /// Up to `max` parts with numbers above `after`, and whether there are more.
    pub(in crate::devstore) fn parts(
        &self,
        id: &str,
        after: u16,
        max: usize,
    ) -> Result<(Vec<(u16, Part)>, bool), StoreError> {
        let parts = self.db.begin_read()?.open_table(PARTS)?;
        let mut found = Vec::new();
        for item in parts.range((id, after.saturating_add(1))..=(id, u16::MAX))? {
            if found.len() == max {
                return Ok((found, true));
            }
            let (name, record) = item?;
            found.push((name.value().1, decode(record.value())?));
        }
        Ok((found, false))
    }

    /// Makes the object out of the parts `chosen` (number and ETag without quotes, in order), or of all parts.
    /// Parts that were not chosen go. Every part but the last must have `smallest` bytes.
    pub(in crate::devstore) fn complete_upload(
        &self,
        (bucket, key, id): (&str, &str, &str),
        chosen: Option<&[(u16, String)]>,
        smallest: u64,
        overwrite: Overwrite,
        made: &Made,
    ) -> Result<Object, StoreError> {
        self.write(|change| {
            let upload = change.need_upload(bucket, key, id)?;
            let mut all = change.take_parts(id)?;
            let parts = choose(&mut all, chosen)?;
            let short = parts
                .iter()
                .rev()
                .skip(1)
                .find(|(_, part)| part.size < smallest);
            if let Some((number, _)) = short {
                return Err(StoreError::PartTooSmall {
                    number: *number,
                    smallest,
                });
            }
            let object = joined(&parts, upload, made);
            // The object takes its references over before the parts give theirs up.
            change.replace(bucket, key, &object, overwrite, Origin::Fresh)?;
            for part in parts.iter().map(|(_, part)| part).chain(all.values()) {
                change.release(&part.slices)?;
            }
            change
                .transaction
                .open_table(UPLOADS)?
                .remove((bucket, key.as_bytes(), id))?;
            Ok(object)
        })
    }

    /// Gives an upload up and removes its parts.
    pub(in crate::devstore) fn abort_upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> Result<(), StoreError> {
        self.write(|change| {
            change.need_upload(bucket, key, id)?;
            for part in change.take_parts(id)?.into_values() {
                change.release(&part.slices)?;
            }
            change
                .transaction
                .open_table(UPLOADS)?
                .remove((bucket, key.as_bytes(), id))?;
            Ok(())
        })
    }

    /// Calls `each` for the uploads that match, by key and id, until it says no.
    pub(in crate::devstore) fn uploads(
        &self,
        bucket: &str,
        query: &UploadQuery<'_>,
        mut each: impl FnMut(UploadEntry) -> bool,
    ) -> Result<(), StoreError> {
        self.bucket(bucket)?;
        let uploads = self.db.begin_read()?.open_table(UPLOADS)?;
        let start = query.prefix.max(query.after_key);
        for item in uploads.range((bucket, start, "")..)? {
            let (name, record) = item?;
            let (in_bucket, key, id) = name.value();
            if in_bucket != bucket || !key.starts_with(query.prefix) {
                break;
            }
            let listed_before = match query.after_id {
                _ if query.after_key.is_empty() => false,
                Some(after) => (key, id) <= (query.after_key, after),
                None => key <= query.after_key,
            };
            if listed_before {
                continue;
            }
            let entry = UploadEntry {
                key: key.to_vec(),
                id: id.to_owned(),
                upload: decode(record.value())?,
            };
            if !each(entry) {
                break;
            }
        }
        Ok(())
    }
}

/// Moves the chosen parts out of `all`.
fn choose(
    all: &mut BTreeMap<u16, Part>,
    chosen: Option<&[(u16, String)]>,
) -> Result<Vec<(u16, Part)>, StoreError> {
    let parts = match chosen {
        None => std::mem::take(all).into_iter().collect::<Vec<_>>(),
        Some(chosen) => {
            let mut parts = Vec::with_capacity(chosen.len());
            for (number, etag) in chosen {
                let part = all
                    .remove(number)
                    .filter(|part| part.etag.eq_ignore_ascii_case(etag));
                parts.push((*number, part.ok_or(StoreError::InvalidPart(*number))?));
            }
            parts
        }
    };
    if parts.is_empty() {
        Err(StoreError::NoParts)
    } else {
        Ok(parts)
    }
}

fn joined(parts: &[(u16, Part)], upload: Upload, made: &Made) -> Object {
    let (mut size, mut crc, mut etags, mut slices) = (0_u64, 0_u64, String::new(), Vec::new());
    for (_, part) in parts {
        crc = crc64::combine(crc, part.crc64, part.size);
        size += part.size;
        etags.push_str(&part.etag);
        slices.extend_from_slice(&part.slices);
    }
    Object {
        size,
        crc64: crc,
        etag: format!("{:X}-{}", md5::compute(etags), parts.len()),
        modified: made.now,
        kind: Kind::Multipart,
        headers: upload.headers,
        slices,
        class: upload.class,
        tags: upload.tags,
        acl: made.acl.clone(),
        ..Object::default()
    }
}

impl Change<'_> {
    fn need_upload(&self, bucket: &str, key: &str, id: &str) -> Result<Upload, StoreError> {
        self.need_bucket(bucket)?;
        let uploads = self.transaction.open_table(UPLOADS)?;
        let bytes = uploads
            .get((bucket, key.as_bytes(), id))?
            .ok_or(StoreError::NoSuchUpload)?;
        decode(bytes.value())
    }

    /// Removes all parts of the upload from the index and returns them; their references are still counted.
    fn take_parts(&mut self, id: &str) -> Result<BTreeMap<u16, Part>, StoreError> {
        let mut parts = self.transaction.open_table(PARTS)?;
        let mut taken = BTreeMap::new();
        for item in parts.range((id, 0)..=(id, u16::MAX))? {
            let (name, record) = item?;
            taken.insert(name.value().1, decode(record.value())?);
        }
        for number in taken.keys() {
            parts.remove((id, *number))?;
        }
        Ok(taken)
    }
}
