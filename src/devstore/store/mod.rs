//! The storage engine: buckets, objects and uploads on a local disk.
//!
//! It decides when something is visible and what is shared; it knows neither HTTP nor OSS's error codes beyond
//! [`StoreError`]. Names live in one ordered index (redb), bytes in segment files. A commit of the index is the only
//! moment at which anything becomes visible, so a process killed at any point shows the old state or the new one.

mod backend;
mod generate;
mod list;
mod objects;
mod record;
mod rename;
mod segments;
mod uploads;

use std::fmt;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};

pub(super) use list::{Entry, Position, Query};
pub(super) use objects::{Overwrite, Piece};
pub use record::StorageClass;
pub(super) use record::{Bucket, Frost, Headers, Kind, Object, Part, Restore, Tags, Upload, cut};
pub(super) use segments::{Pinned, SegmentWriter};
pub(super) use uploads::{Made, UploadEntry, UploadQuery};

use backend::Unsynced;
use record::{Slice, decode, encode};
use segments::Segments;

const BUCKETS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("buckets");
/// Bucket and key.
const OBJECTS: TableDefinition<'_, (&str, &[u8]), &[u8]> = TableDefinition::new("objects");
/// Bucket, key and upload id.
const UPLOADS: TableDefinition<'_, (&str, &[u8], &str), &[u8]> = TableDefinition::new("uploads");
/// Upload id and part number.
const PARTS: TableDefinition<'_, (&str, u16), &[u8]> = TableDefinition::new("parts");
/// Segment number and how many slices refer to it.
const SEGMENTS: TableDefinition<'_, u64, u64> = TableDefinition::new("segments");

/// Memory for index pages. Bounded: redb's own default is 1 GiB.
const CACHE: usize = 32 * 1024 * 1024;

/// What the store cannot do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StoreError {
    /// The bucket does not exist.
    NoSuchBucket,
    /// The bucket still holds objects or uploads.
    BucketNotEmpty,
    /// The object does not exist.
    NoSuchKey,
    /// The upload does not exist: never begun, aborted or completed.
    NoSuchUpload,
    /// The object exists and must not be overwritten.
    Exists,
    /// The object was not made by appending.
    NotAppendable,
    /// The position given is not the object's length, which is this.
    WrongPosition(u64),
    /// A part named in the list was not uploaded, or has another ETag.
    InvalidPart(u16),
    /// A part other than the last is below the smallest size.
    PartTooSmall {
        /// Which.
        number: u16,
        /// The smallest size, in bytes.
        smallest: u64,
    },
    /// Nothing to complete.
    NoParts,
    /// The directory that a renamed thing is to go into does not exist.
    NoParent,
    /// A directory cannot become a part of itself.
    IntoItself,
    /// The bytes to be shared were deleted meanwhile: look the source up again.
    SourceGone,
    /// Disk or index failed.
    Broken(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(why) => write!(f, "storage failed: {why}"),
            other => write!(f, "{other:?}"),
        }
    }
}

macro_rules! broken_from {
    ($($error:ty),+) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Broken(error.to_string())
            }
        }
    )+};
}
broken_from!(
    std::io::Error,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::DatabaseError
);

/// Why a store cannot be opened.
#[derive(Debug)]
pub(super) enum OpenError {
    /// Another process has it.
    InUse,
    /// The folder or the index file cannot be used.
    Failed(String),
}

/// The store in one folder.
#[derive(Debug)]
pub(super) struct Store {
    db: Database,
    segments: Arc<Segments>,
}

impl Store {
    /// Opens or makes the store in `dir` and removes what a killed process left behind.
    pub(super) fn open(dir: &Path) -> Result<Self, OpenError> {
        let failed = |error: &dyn fmt::Display| OpenError::Failed(error.to_string());
        fs::create_dir_all(dir).map_err(|e| failed(&e))?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join("index.redb"))
            .map_err(|e| failed(&e))?;
        let in_use_or = |error: redb::DatabaseError| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => OpenError::InUse,
            other => OpenError::Failed(other.to_string()),
        };
        let backend = Unsynced::new(file).map_err(in_use_or)?;
        let db = Database::builder()
            .set_cache_size(CACHE)
            .create_with_file_format_v3(true)
            .create_with_backend(backend)
            .map_err(in_use_or)?;
        let next = prepare(&db).map_err(|e| failed(&e))?;
        let segments = Segments::open(dir.join("data"), next).map_err(|e| failed(&e))?;
        let store = Self {
            db,
            segments: Arc::new(segments),
        };
        store.sweep().map_err(|e| failed(&e))?;
        Ok(store)
    }

    fn sweep(&self) -> Result<(), StoreError> {
        let read = self.db.begin_read()?;
        let known = read.open_table(SEGMENTS)?;
        // A read error counts as known: better a file too many than one too few.
        let removed = self
            .segments
            .sweep(|number| !matches!(known.get(number), Ok(None)))?;
        if removed > 0 {
            log::info!("removed {removed} unfinished segment files of an earlier run");
        }
        Ok(())
    }

    /// Runs `change` in one transaction: all of it becomes visible, or, on an error, nothing. The segment files that
    /// nothing refers to any more are removed afterwards.
    fn write<T>(
        &self,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = self.db.begin_write()?;
        let mut dead = Vec::new();
        let value = change(&mut Change {
            transaction: &transaction,
            dead: &mut dead,
        })?;
        transaction.commit()?;
        self.segments.discard(&dead);
        Ok(value)
    }

    /// A new segment file for bytes that are about to come.
    pub(super) fn new_segment(&self) -> SegmentWriter {
        self.segments.create()
    }

    /// Makes the bucket, or takes the one that is there, and lets `change` have its way with it.
    pub(super) fn put_bucket(
        &self,
        name: &str,
        now: i64,
        change: impl FnOnce(&mut Bucket),
    ) -> Result<(), StoreError> {
        let set = change;
        self.write(|change| {
            let mut buckets = change.transaction.open_table(BUCKETS)?;
            let old = buckets
                .get(name)?
                .map(|bytes| decode::<Bucket>(bytes.value()))
                .transpose()?;
            let mut bucket = old.unwrap_or_else(|| Bucket {
                created: now,
                acl: "private".into(),
                ..Bucket::default()
            });
            set(&mut bucket);
            buckets.insert(name, encode(&bucket)?.as_slice())?;
            Ok(())
        })
    }

    /// Removes an empty bucket.
    pub(super) fn delete_bucket(&self, name: &str) -> Result<(), StoreError> {
        self.write(|change| {
            let objects = change.transaction.open_table(OBJECTS)?;
            let uploads = change.transaction.open_table(UPLOADS)?;
            let first = |key: Option<&str>| key == Some(name);
            let no_key: &[u8] = &[];
            let object = objects.range((name, no_key)..)?.next().transpose()?;
            let upload = uploads.range((name, no_key, "")..)?.next().transpose()?;
            if first(object.as_ref().map(|(k, _)| k.value().0))
                || first(upload.as_ref().map(|(k, _)| k.value().0))
            {
                return Err(StoreError::BucketNotEmpty);
            }
            match change.transaction.open_table(BUCKETS)?.remove(name)? {
                Some(_) => Ok(()),
                None => Err(StoreError::NoSuchBucket),
            }
        })
    }

    /// The bucket called `name`.
    pub(super) fn bucket(&self, name: &str) -> Result<Bucket, StoreError> {
        let buckets = self.db.begin_read()?.open_table(BUCKETS)?;
        let bytes = buckets.get(name)?.ok_or(StoreError::NoSuchBucket)?;
        decode(bytes.value())
    }

    /// Up to `max` buckets whose names begin with `prefix` and come after `after`, and whether there are more.
    pub(super) fn buckets(
        &self,
        prefix: &str,
        after: &str,
        max: usize,
    ) -> Result<(Vec<(String, Bucket)>, bool), StoreError> {
        let buckets = self.db.begin_read()?.open_table(BUCKETS)?;
        let mut found = Vec::new();
        for item in buckets.range(prefix.max(after)..)? {
            let (name, record) = item?;
            if !name.value().starts_with(prefix) {
                break;
            }
            if name.value() <= after && !after.is_empty() {
                continue;
            }
            if found.len() == max {
                return Ok((found, true));
            }
            found.push((name.value().to_owned(), decode(record.value())?));
        }
        Ok((found, false))
    }
}

/// Makes the tables and returns the first free segment number.
fn prepare(db: &Database) -> Result<u64, StoreError> {
    let transaction = db.begin_write()?;
    let next = {
        transaction.open_table(BUCKETS)?;
        transaction.open_table(OBJECTS)?;
        transaction.open_table(UPLOADS)?;
        transaction.open_table(PARTS)?;
        let segments = transaction.open_table(SEGMENTS)?;
        log::debug!("{} segments", segments.len()?);
        segments.last()?.map_or(1, |(number, _)| number.value() + 1)
    };
    transaction.commit()?;
    Ok(next)
}

/// Where the bytes of a new object or part come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Just written into a segment of their own.
    Fresh,
    /// Slices that another object has too.
    Shared,
}

/// One transaction under way, and the segments it has left without a reference.
struct Change<'a> {
    transaction: &'a WriteTransaction,
    dead: &'a mut Vec<u64>,
}

impl Change<'_> {
    /// Fails unless the bucket exists.
    fn need_bucket(&self, name: &str) -> Result<(), StoreError> {
        match self.transaction.open_table(BUCKETS)?.get(name)? {
            Some(_) => Ok(()),
            None => Err(StoreError::NoSuchBucket),
        }
    }

    /// Counts one more reference for each slice. Done before references go, so that no shared segment dies in between.
    /// A shared slice must still be referred to by somebody: otherwise its file is about to be removed.
    fn refer(&mut self, slices: &[Slice], origin: Origin) -> Result<(), StoreError> {
        let mut table = self.transaction.open_table(SEGMENTS)?;
        for slice in slices {
            let count = table.get(slice.segment)?.map_or(0, |count| count.value());
            if count == 0 && origin == Origin::Shared {
                return Err(StoreError::SourceGone);
            }
            table.insert(slice.segment, count + 1)?;
        }
        Ok(())
    }

    /// Counts one reference less for each slice.
    fn release(&mut self, slices: &[Slice]) -> Result<(), StoreError> {
        let mut table = self.transaction.open_table(SEGMENTS)?;
        for slice in slices {
            let count = table.get(slice.segment)?.map_or(0, |count| count.value());
            if count > 1 {
                table.insert(slice.segment, count - 1)?;
            } else {
                table.remove(slice.segment)?;
                self.dead.push(slice.segment);
            }
        }
        Ok(())
    }
}
