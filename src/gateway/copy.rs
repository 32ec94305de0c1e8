//! Copying objects within a bucket, for renames and copies.
//!
//! Decides how one object is copied: whole by CopyObject up to a size, else in parts by
//! UploadPartCopy. Every copy carries If-Match with the ETag of a HEAD, and its CRC-64 is compared
//! with the one that HEAD stated (DESIGN 7.6). Which objects, and what follows, is left to others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use ossftp_core::{ErrorKind, StorageError};
use ossftp_oss::{CopyObject, ObjectMeta, PutObject};

use super::errors::{Action, told};
use super::lock;
use super::mount::{Calls, Mount};
use super::parts;
use super::upload::Upload;

/// Copies the object that `meta` describes.
///
/// A single request for a copy is not cancelled once it is sent: what it did would not be known.
///
/// # Errors
/// There is no copy, or it was damaged and has been deleted.
pub(crate) fn copy(
    mount: &Arc<Mount>,
    calls: &Calls,
    from: &str,
    to: &str,
    meta: &ObjectMeta,
) -> Result<(), StorageError> {
    calls.check()?;
    if meta.size > mount.config().copy_limit {
        return copy_parts(mount, calls, from, to, meta);
    }
    let copy = CopyObject {
        source_key: from.to_owned(),
        source_size: meta.size,
        if_match: Some(meta.etag.clone()).filter(|etag| !etag.is_empty()),
        ..CopyObject::default()
    };
    let crc64 = match mount.bucket().copy_object(to, &copy) {
        Ok(copied) => copied.crc64,
        Err(error) if error.outcome_unknown() => match mount.bucket().head_object(to) {
            Ok(copied) if is_same(meta, &copied) && meta.crc64.is_some() => copied.crc64,
            _ => return Err(told(&error, Action::Copy)),
        },
        Err(error) => return Err(told(&error, Action::Copy)),
    };
    if let (Some(wanted), Some(stated)) = (meta.crc64, crc64)
        && wanted != stated
    {
        // Whatever stood there before is lost already, and this must not pass for the source.
        let _ = mount.bucket().delete_object(to);
        return Err(StorageError::new(
            ErrorKind::Unavailable,
            "OSS made a damaged copy: its checksum differs.",
        ));
    }
    Ok(())
}

fn copy_parts(
    mount: &Arc<Mount>,
    calls: &Calls,
    from: &str,
    to: &str,
    meta: &ObjectMeta,
) -> Result<(), StorageError> {
    let put = PutObject {
        content_type: meta.content_type.clone(),
        meta: meta.user_meta.clone(),
        ..PutObject::default()
    };
    let pieces = parts::copied(meta.size, mount.config().copy_part_size)?;
    let mut upload = Upload::begin(mount, to, &put)?;
    let mut numbered = Vec::with_capacity(pieces.len());
    for piece in pieces {
        numbered.push((upload.number()?, piece));
    }
    let done = Mutex::new(Vec::with_capacity(numbered.len()));
    at_once(
        mount.config().copies_at_once,
        numbered,
        |(number, piece)| {
            calls.check()?;
            let source = (from, meta.etag.as_str());
            let part = upload.copy(&calls.bucket(), number, source, piece);
            lock(&done).push(part.map_err(|error| told(&error, Action::Copy))?);
            Ok(())
        },
    )?;
    for part in done.into_inner().unwrap_or_default() {
        upload.add(part);
    }
    calls.check()?;
    upload
        .complete(meta.crc64, false)
        .map_err(|error| told(&error, Action::Copy))
}

/// Whether two objects have the same bytes, as far as OSS says: same size and CRC-64, or, for old
/// objects that have none, same ETag.
pub(crate) fn is_same(one: &ObjectMeta, other: &ObjectMeta) -> bool {
    let same = match (one.crc64, other.crc64) {
        (Some(one), Some(other)) => one == other,
        _ => one.etag == other.etag,
    };
    one.size == other.size && same
}

/// Does `work` for each item, `limit` at a time, until one fails. Returns the first failure, when
/// all that were under way have ended.
pub(crate) fn at_once<T: Send>(
    limit: usize,
    items: Vec<T>,
    work: impl Fn(T) -> Result<(), StorageError> + Sync,
) -> Result<(), StorageError> {
    let threads = limit.min(items.len());
    let queue = Mutex::new(items.into_iter());
    let (failed, failure) = (AtomicBool::new(false), Mutex::new(None));
    let run = || {
        while !failed.load(Ordering::Relaxed) {
            let Some(item) = lock(&queue).next() else {
                return;
            };
            if let Err(error) = work(item) {
                failed.store(true, Ordering::Relaxed);
                lock(&failure).get_or_insert(error);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // Without a thread the work still gets done, only later.
            let builder = thread::Builder::new().name("oss-copy".to_owned());
            let _ = builder.spawn_scoped(scope, run);
        }
        run();
    });
    failure.into_inner().unwrap_or_default().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn all_items_are_worked_on_once() {
        let sum = AtomicUsize::new(0);
        let items: Vec<usize> = (1..=100).collect();
        at_once(4, items, |i| {
            sum.fetch_add(i, Ordering::Relaxed);
            Ok(())
        })
        .unwrap();
        assert_eq!(sum.into_inner(), 5050);
        at_once(4, Vec::new(), |(): ()| Ok(())).unwrap();
    }

    #[test]
    fn the_first_failure_ends_it() {
        let calls = AtomicUsize::new(0);
        let error = at_once(1, vec![1, 2, 3], |i| {
            calls.fetch_add(1, Ordering::Relaxed);
            if i == 2 {
                return Err(StorageError::new(ErrorKind::Busy, "two"));
            }
            Ok(())
        });
        assert_eq!(error.unwrap_err().message, "two");
        assert_eq!(calls.into_inner(), 2);
    }
}
