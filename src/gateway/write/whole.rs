//! A file that goes to OSS in one request.
//!
//! Decides what is done when the answer to it is lost. That a file is short enough for it is the
//! writer's to say.

use log::debug;
use ossftp_core::StorageError;
use ossftp_oss::PutObject;
use ossftp_oss::crc64::Crc64;

use crate::gateway::errors::{Action, told};
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::write::buffer::PartBuffer;

/// The whole file in one request. A cancel that comes before its last byte has gone out
/// leaves nothing behind; after that OSS has the file, and nobody waits to hear it.
///
/// A put that must not overwrite is sent only once by the client, since a second one would find
/// the first one's object in its way. Here that object can be told from another's, so it is
/// sent again once.
pub(crate) fn put(
    mount: &Mount,
    calls: &Calls,
    key: &str,
    part: &PartBuffer,
    put: &PutObject,
) -> Result<(), StorageError> {
    let bucket = calls.bucket();
    let (mut again, mut unknown) = (put.forbid_overwrite, false);
    loop {
        let sent = bucket.put_object(key, &mut part.body(), put);
        let Err(error) = sent else {
            return Ok(());
        };
        let is_in_the_way = unknown && error.code() == "FileAlreadyExists";
        unknown |= error.outcome_unknown();
        let in_doubt = is_in_the_way || error.outcome_unknown();
        if in_doubt && is_there_after_all(mount, key, part) {
            debug!("put of {key:?} settled by HEAD after: {error}");
            return Ok(());
        }
        if !again || !error.outcome_unknown() {
            return Err(told(&error, Action::Write));
        }
        again = false;
        calls.check()?;
    }
}

/// The answer was lost: is the object the one that was sent?
fn is_there_after_all(mount: &Mount, key: &str, part: &PartBuffer) -> bool {
    let mut crc = Crc64::new();
    part.each(|bytes| crc.update(bytes));
    let meta = mount.bucket().head_object(key);
    meta.is_ok_and(|m| m.size == part.len() as u64 && m.crc64 == Some(crc.finish()))
}
