//! Objects: putting, reading, appending, deleting.

use ossftp_oss::crc64;
use redb::ReadableTable;

use super::record::{Kind, Object, decode, encode};
use super::{Change, OBJECTS, Origin, Pinned, SegmentWriter, Store, StoreError};

/// What to do when the object exists already; `x-oss-forbid-overwrite`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::devstore) enum Overwrite {
    /// Replace it.
    Allow,
    /// Fail with [`StoreError::Exists`].
    Forbid,
}

/// Bytes to be appended, already in a segment of their own.
#[derive(Debug)]
pub(in crate::devstore) struct Piece {
    pub(in crate::devstore) writer: SegmentWriter,
    pub(in crate::devstore) size: u64,
    pub(in crate::devstore) crc64: u64,
    /// Upper-case hex.
    pub(in crate::devstore) md5: String,
    /// Headers, class, tags and ACL of the object, if this piece makes it.
    pub(in crate::devstore) begun: Object,
    /// Unix time in seconds.
    pub(in crate::devstore) now: i64,
}

impl Store {
    /// Puts an object whose bytes are in `writer` (none for a copy, which shares them).
    pub(in crate::devstore) fn put_object(
        &self,
        bucket: &str,
        key: &str,
        object: &Object,
        overwrite: Overwrite,
        writer: Option<SegmentWriter>,
    ) -> Result<(), StoreError> {
        let origin = if writer.is_some() {
            Origin::Fresh
        } else {
            Origin::Shared
        };
        self.write(|change| {
            change.need_bucket(bucket)?;
            change.replace(bucket, key, object, overwrite, origin)
        })?;
        if let Some(writer) = writer {
            writer.keep();
        }
        Ok(())
    }

    /// What the index knows of an object.
    pub(in crate::devstore) fn object(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Object, StoreError> {
        let objects = self.db.begin_read()?.open_table(OBJECTS)?;
        let bytes = objects
            .get((bucket, key.as_bytes()))?
            .ok_or(StoreError::NoSuchKey)?;
        decode(bytes.value())
    }

    /// An object and its bytes, which stay readable however often it is overwritten or deleted meanwhile.
    pub(in crate::devstore) fn open_object(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<(Object, Pinned), StoreError> {
        let mut pins = self.segments.lock();
        let object = self.object(bucket, key)?;
        let pinned = pins.pin(&self.segments, object.slices.clone());
        Ok((object, pinned))
    }

    /// Appends at `position`, which must be the length so far; 0 makes the object. Returns it as it is now.
    pub(in crate::devstore) fn append(
        &self,
        bucket: &str,
        key: &str,
        position: u64,
        piece: Piece,
    ) -> Result<Object, StoreError> {
        let slices = piece.writer.slices();
        let object = self.write(|change| {
            change.need_bucket(bucket)?;
            let mut objects = change.transaction.open_table(OBJECTS)?;
            let old = objects
                .get((bucket, key.as_bytes()))?
                .map(|bytes| decode::<Object>(bytes.value()))
                .transpose()?;
            let mut object = match old {
                Some(old) => continued(old, position, &piece)?,
                None if position == 0 => begun(&piece),
                None => return Err(StoreError::WrongPosition(0)),
            };
            object.slices.extend_from_slice(&slices);
            objects.insert((bucket, key.as_bytes()), encode(&object)?.as_slice())?;
            drop(objects);
            change.refer(&slices, Origin::Fresh)?;
            Ok(object)
        })?;
        piece.writer.keep();
        Ok(object)
    }

    /// Changes what the index says of an object, its bytes aside. `change` sees it as it is now; if it fails, nothing
    /// is changed.
    pub(in crate::devstore) fn update_object<T, E>(
        &self,
        bucket: &str,
        key: &str,
        change: impl FnOnce(&mut Object) -> Result<T, E>,
    ) -> Result<Result<T, E>, StoreError> {
        self.write(|transaction| {
            transaction.need_bucket(bucket)?;
            let mut objects = transaction.transaction.open_table(OBJECTS)?;
            let mut object = match objects.get((bucket, key.as_bytes()))? {
                Some(bytes) => decode::<Object>(bytes.value())?,
                None => return Err(StoreError::NoSuchKey),
            };
            let result = change(&mut object);
            if result.is_ok() {
                objects.insert((bucket, key.as_bytes()), encode(&object)?.as_slice())?;
            }
            Ok(result)
        })
    }

    /// Deletes the objects; a missing one is as good as deleted.
    pub(in crate::devstore) fn delete_objects<K: AsRef<str>>(
        &self,
        bucket: &str,
        keys: &[K],
    ) -> Result<(), StoreError> {
        // No commit, and so no disk, where there is nothing to delete.
        self.bucket(bucket)?;
        if keys.is_empty() {
            return Ok(());
        }
        self.write(|change| {
            change.need_bucket(bucket)?;
            for key in keys {
                let old = change
                    .transaction
                    .open_table(OBJECTS)?
                    .remove((bucket, key.as_ref().as_bytes()))?
                    .map(|bytes| decode::<Object>(bytes.value()));
                if let Some(old) = old {
                    change.release(&old?.slices)?;
                }
            }
            Ok(())
        })
    }
}

fn begun(piece: &Piece) -> Object {
    Object {
        size: piece.size,
        crc64: piece.crc64,
        etag: piece.md5.clone(),
        modified: piece.now,
        kind: Kind::Appendable,
        ..piece.begun.clone()
    }
}

fn continued(old: Object, position: u64, piece: &Piece) -> Result<Object, StoreError> {
    if old.kind != Kind::Appendable {
        return Err(StoreError::NotAppendable);
    }
    if old.size != position {
        return Err(StoreError::WrongPosition(old.size));
    }
    // OSS promises of this ETag only that it changes with the content.
    let etag = format!("{:X}", md5::compute(format!("{}{}", old.etag, piece.md5)));
    Ok(Object {
        size: old.size + piece.size,
        crc64: crc64::combine(old.crc64, piece.crc64, piece.size),
        etag,
        modified: piece.now,
        ..old
    })
}

impl Change<'_> {
    /// Puts `object` in the place of whatever was there.
    pub(super) fn replace(
        &mut self,
        bucket: &str,
        key: &str,
        object: &Object,
        overwrite: Overwrite,
        origin: Origin,
    ) -> Result<(), StoreError> {
        self.refer(&object.slices, origin)?;
        let old = {
            let mut objects = self.transaction.open_table(OBJECTS)?;
            let record = encode(object)?;
            objects
                .insert((bucket, key.as_bytes()), record.as_slice())?
                .map(|bytes| decode::<Object>(bytes.value()))
                .transpose()?
        };
        match old {
            Some(_) if overwrite == Overwrite::Forbid => Err(StoreError::Exists),
            Some(old) => self.release(&old.slices),
            None => Ok(()),
        }
    }
}
