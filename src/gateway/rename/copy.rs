//! Copying one object within a bucket, for renames and copies.
//!
//! Decides how it is copied: whole by CopyObject up to a size, else in parts by UploadPartCopy, and
//! links by PutSymlink; and that a copy has all that its source has. Every copy carries If-Match,
//! and is compared with its source (DESIGN 7.6). Which objects are copied, and what follows, is
//! left to others.
//!
//! How they are compared: by CRC-64, where a HEAD has stated that of the source. Where only a
//! listing is known, and it shows a simple object, its ETag is the MD5 of its bytes; a copy with the
//! same ETag has the same bytes, and a HEAD is saved. Where the ETags differ, a HEAD is asked after
//! all and the CRC-64 decides.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use ossftp_core::{ErrorKind, StorageError};
use ossftp_oss::{CopyObject, CopyResult, Error, ObjectMeta, ProtocolError, PutObject};

use crate::gateway::errors::{Action, is_missing, told};
use crate::gateway::lock;
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::process::crew::at_once;
use crate::gateway::times::MTIME;
use crate::gateway::write::headers::{self, SetTime};
use crate::gateway::write::parts;
use crate::gateway::write::upload::Upload;

/// A copy that was not made, and what may stand under its name all the same.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: StorageError,
    pub(crate) left: Left,
}

/// What a copy that failed left under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// What stood there before.
    Nothing,
    /// A copy that is damaged.
    Copy,
    /// Perhaps a copy: OSS did not say.
    Unknown,
}

impl From<StorageError> for Failed {
    fn from(error: StorageError) -> Self {
        Self {
            error,
            left: Left::Nothing,
        }
    }
}

/// Whether a copy may take the place of what stands under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Onto {
    /// It does.
    Anything,
    /// It must not: there is nothing, or it fails.
    Nothing,
}

/// An object that is to be copied, as its HEAD describes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) key: &'a str,
    pub(crate) meta: &'a ObjectMeta,
}

impl Source<'_> {
    fn etag(&self) -> Option<String> {
        Some(self.meta.etag.clone()).filter(|etag| !etag.is_empty())
    }

    fn action(&self) -> Action {
        if self.meta.tagging_count > 0 {
            Action::CopyTagged
        } else {
            Action::Copy
        }
    }
}

/// Makes `to` a copy of a file, with all that belongs to it. `modified` is its new
/// `x-oss-meta-mtime`; without it the copy has the one of its source.
///
/// A single request for a copy is not cancelled once it is sent: what it did would not be known.
///
/// # Errors
/// There is no good copy, and [`Left`] says what there may be. A copy that is damaged in parts does
/// not become visible.
pub(crate) fn copy(
    mount: &Arc<Mount>,
    calls: &Calls,
    source: Source<'_>,
    to: &str,
    onto: Onto,
    modified: Option<&str>,
) -> Result<(), Failed> {
    calls.check()?;
    let meta = source.meta;
    if meta.size > mount.config().copy_limit {
        return copy_parts(mount, calls, source, to, onto, modified);
    }
    let order = CopyObject {
        source_key: source.key.to_owned(),
        source_size: meta.size,
        if_match: source.etag(),
        replace: modified
            .map(|modified| headers::of_old(meta, Vec::new(), SetTime::Becomes(modified))),
        storage_class: meta.storage_class.clone(),
        forbid_overwrite: onto == Onto::Nothing,
        ..CopyObject::default()
    };
    let is_copy = |found: &ObjectMeta| {
        meta.crc64.is_some()
            && is_same(meta, found)
            && modified.is_none_or(|modified| found.user(MTIME) == Some(modified))
    };
    let copied = ask(mount, calls, to, &order, source.action(), is_copy)?;
    if !is_good(mount, meta, &copied, to)? {
        return Err(damaged());
    }
    Ok(())
}

/// Whether the copy at `to`, as OSS describes it, has the bytes of its source.
fn is_good(
    mount: &Mount,
    meta: &ObjectMeta,
    copied: &CopyResult,
    to: &str,
) -> Result<bool, Failed> {
    let Some(wanted) = meta.crc64 else {
        // An old object, of which nothing better is known.
        return Ok(true);
    };
    let unknown = |error: &Error| Failed {
        error: told(error, Action::Read),
        left: Left::Unknown,
    };
    if copied.crc64 == Some(wanted) {
        return Ok(true);
    }
    // The answer states none, or another one; but a header may be damaged where the copy is not.
    let found = mount.bucket().head_object(to).map_err(|e| unknown(&e))?;
    Ok(match found.crc64 {
        Some(stated) => stated == wanted,
        None => copied.crc64.is_none(),
    })
}

fn damaged() -> Failed {
    Failed {
        error: StorageError::new(
            ErrorKind::Unavailable,
            "OSS made a damaged copy: its checksum differs.",
        ),
        left: Left::Copy,
    }
}

/// A simple object of a listing that is to be copied: its ETag is the MD5 of its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Simple<'a> {
    pub(crate) key: &'a str,
    pub(crate) size: u64,
    pub(crate) etag: &'a str,
    pub(crate) class: Option<&'a str>,
}

/// Makes `to`, where there is nothing, a copy of what a listing has shown: one request.
///
/// # Errors
/// As [`copy`].
pub(crate) fn copy_simple(
    mount: &Mount,
    calls: &Calls,
    source: Simple<'_>,
    to: &str,
) -> Result<(), Failed> {
    calls.check()?;
    let order = CopyObject {
        source_key: source.key.to_owned(),
        source_size: source.size,
        if_match: Some(source.etag.to_owned()),
        storage_class: source.class.map(str::to_owned),
        forbid_overwrite: true,
        ..CopyObject::default()
    };
    let is_copy = |found: &ObjectMeta| found.size == source.size && found.etag == source.etag;
    // Whether there are tags, a listing does not say.
    let copied = ask(mount, calls, to, &order, Action::Copy, is_copy)?;
    if copied.etag == source.etag {
        return Ok(());
    }
    let meta = mount.bucket().head_object(source.key);
    let meta = meta.map_err(|error| Failed {
        error: told(&error, Action::Read),
        left: Left::Copy,
    })?;
    if meta.etag == source.etag && is_good(mount, &meta, &copied, to)? {
        return Ok(());
    }
    Err(damaged())
}

/// Sends a CopyObject until its outcome is known. `is_copy` says whether what stands at `to` is
/// what it makes.
fn ask(
    mount: &Mount,
    calls: &Calls,
    to: &str,
    order: &CopyObject,
    action: Action,
    is_copy: impl Fn(&ObjectMeta) -> bool,
) -> Result<CopyResult, Failed> {
    let bucket = mount.bucket();
    let find = || match bucket.head_object(to) {
        // HEAD goes through a link, perhaps to the source itself.
        Ok(found) if !is_link(&found) && is_copy(&found) => {
            let mut copied = CopyResult::default();
            copied.crc64 = found.crc64;
            copied.etag = found.etag;
            Ok(Found::Copy(copied))
        }
        Ok(_) => Ok(Found::Other),
        Err(error) if is_missing(&error) => Ok(Found::Nothing),
        Err(error) => Err(error),
    };
    let send = || bucket.copy_object(to, order);
    settle(mount, calls, order.forbid_overwrite, action, send, find)
}

/// What stands under the name of a copy whose answer was lost.
enum Found<T> {
    Copy(T),
    Other,
    Nothing,
}

/// Sends a request until its outcome is known. The client does not try those again that must not
/// overwrite anything (`is_new`), since after a lost answer they find their own work in the way.
fn settle<T>(
    mount: &Mount,
    calls: &Calls,
    is_new: bool,
    action: Action,
    send: impl Fn() -> Result<T, Error>,
    find: impl Fn() -> Result<Found<T>, Error>,
) -> Result<T, Failed> {
    let retry = &mount.config().retry;
    let tries = if is_new { retry.attempts } else { 1 };
    let (mut attempt, mut doubt) = (1, false);
    let began = Instant::now();
    loop {
        let error = match send() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        doubt |= error.outcome_unknown();
        let failed = |left| Failed {
            error: told(&error, action),
            left,
        };
        if doubt {
            match find() {
                Ok(Found::Copy(done)) => return Ok(done),
                Ok(Found::Other) => return Err(failed(Left::Nothing)),
                Ok(Found::Nothing) => {}
                Err(_) => return Err(failed(Left::Unknown)),
            }
        }
        // A request that is still on its way may be carried out yet.
        let left = if doubt { Left::Unknown } else { Left::Nothing };
        if attempt >= tries || !error.retryable() {
            return Err(failed(left));
        }
        attempt += 1;
        let bucket = calls.bucket();
        let waited = bucket.client().wait_before(attempt, began, &error);
        waited.map_err(|error| Failed {
            error: told(&error, action),
            left,
        })?;
    }
}

fn copy_parts(
    mount: &Arc<Mount>,
    calls: &Calls,
    source: Source<'_>,
    to: &str,
    onto: Onto,
    modified: Option<&str>,
) -> Result<(), Failed> {
    let meta = source.meta;
    let tags = headers::tags_of(calls, source.key, meta)?;
    let time = modified.map_or(SetTime::Stays, SetTime::Becomes);
    let put = headers::of_old(meta, tags, time);
    let pieces = parts::copied(meta.size, mount.config().copy_part_size)?;
    let mut upload = Upload::begin(mount, to, &put)?;
    let mut numbered = Vec::with_capacity(pieces.len());
    for piece in pieces {
        numbered.push((upload.number()?, piece));
    }
    let upload = Arc::new(upload);
    let done = Arc::new(Mutex::new(Vec::with_capacity(numbered.len())));
    let work = {
        let (upload, done, calls) = (Arc::clone(&upload), Arc::clone(&done), calls.clone());
        let (key, etag, action) = (source.key.to_owned(), meta.etag.clone(), source.action());
        move |(number, piece)| {
            calls.check()?;
            let source = (key.as_str(), etag.as_str());
            let part = upload.copy(&calls.bucket(), number, source, piece);
            lock(&done).push(part.map_err(|error| told(&error, action))?);
            Ok(())
        }
    };
    let lanes = &mount.process.lanes;
    at_once(lanes, mount.config().copies_at_once, numbered, work)?;
    let Some(mut upload) = Arc::into_inner(upload) else {
        let sentence = "The server failed inside.";
        return Err(StorageError::new(ErrorKind::Unavailable, sentence).into());
    };
    for part in std::mem::take(&mut *lock(&done)) {
        upload.add(part);
    }
    calls.check()?;
    if let (Some(stated), Some(computed)) = (meta.crc64, upload.crc_beyond(0).0)
        && stated != computed
    {
        // Nothing of it is visible, so what stands under the name is not ours to remove.
        return Err(Failed {
            left: Left::Nothing,
            ..damaged()
        });
    }
    let is_new = onto == Onto::Nothing;
    upload.complete(meta.crc64, is_new).map_err(|error| {
        let left = match &error {
            Error::Protocol(ProtocolError::BadCrc { .. }) if is_new => Left::Copy,
            error if error.outcome_unknown() => Left::Unknown,
            _ => Left::Nothing,
        };
        Failed {
            error: told(&error, source.action()),
            left,
        }
    })
}

/// Makes `to` a link to `target`.
///
/// # Errors
/// As [`copy`].
pub(crate) fn link(
    mount: &Mount,
    calls: &Calls,
    to: &str,
    target: &str,
    onto: Onto,
) -> Result<(), Failed> {
    calls.check()?;
    let put = PutObject {
        forbid_overwrite: onto == Onto::Nothing,
        ..PutObject::default()
    };
    let bucket = mount.bucket();
    let send = || bucket.put_symlink(to, target, &put);
    let find = || match bucket.get_symlink(to) {
        Ok(found) if found.target == target => Ok(Found::Copy(())),
        Ok(_) => Ok(Found::Other),
        Err(error) if is_missing(&error) => Ok(Found::Nothing),
        Err(error) if error.code() == "NotSymlink" => Ok(Found::Other),
        Err(error) => Err(error),
    };
    settle(
        mount,
        calls,
        put.forbid_overwrite,
        Action::Write,
        send,
        find,
    )
}

/// Whether this is a link, which HEAD follows.
pub(crate) fn is_link(meta: &ObjectMeta) -> bool {
    meta.object_type.as_deref() == Some("Symlink")
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
