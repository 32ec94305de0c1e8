//! Making and removing directories: MKD and RMD.
//!
//! Decides that a directory that is made gets a marker, a zero-byte object whose key ends in `/`,
//! and that only an empty one is removed (DESIGN 7.7). Parents need not exist. Also what becomes of
//! a directory whose last child is gone, where the settings say that it stays for all.

use std::time::Instant;

use log::warn;
use ossftp_core::driver::Cancel;
use ossftp_core::{ErrorKind, FtpPath, StorageError};
use ossftp_oss::{Bucket, PutObject, SliceBody};

use crate::gateway::errors::{Action, told};
use crate::gateway::keys::parent;
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::volume::{first_keys, no_directory};

/// The content type of markers, by which ossfs knows them too.
const MARKER_TYPE: &str = "application/x-directory";

/// MKD: one listing and the marker.
pub(crate) fn make(mount: &Mount, calls: &Calls, path: &FtpPath) -> Result<(), StorageError> {
    let directory = mount.keys.directory(path)?;
    if path.is_root() || mount.memory().lives_on(&directory) {
        return Err(exists("The directory exists already."));
    }
    let file = mount.keys.file(path)?;
    if mount.memory().knows_file(&file, Instant::now()) {
        return Err(exists("There is a file of this name."));
    }
    if !first_keys(calls, &directory, 1)?.is_empty() {
        return Err(exists("The directory exists already."));
    }
    put_marker(&calls.bucket(), &directory).map_err(|error| told(&error, Action::Write))?;
    mount.memory().made(&directory, Instant::now());
    Ok(())
}

fn put_marker(bucket: &Bucket, directory: &str) -> ossftp_oss::Result<()> {
    let put = PutObject {
        content_type: Some(MARKER_TYPE.to_owned()),
        ..PutObject::default()
    };
    let mut nothing = SliceBody::new(&[]);
    bucket.put_object(directory, &mut nothing, &put).map(|_| ())
}

/// The session has taken away `key`, of a file or a directory, perhaps the last of what its
/// directory held. With [`keep_directories`](crate::gateway::GatewayConfig::keep_directories) that one then
/// gets a marker: one listing, and one put where it is needed. Without, or if that fails, it lives
/// on in the session's memory alone.
pub(crate) fn keep_parent(mount: &Mount, key: &str) {
    let directory = parent(key);
    if !mount.config().keep_directories || mount.keys.is_root(directory) {
        return;
    }
    // What the client asked for is done; nothing cancels what belongs to it.
    let calls = mount.prompt_calls(&Cancel::new());
    let kept = first_keys(&calls, directory, 1).and_then(|keys| {
        if keys.is_empty() {
            let put = put_marker(&calls.bucket(), directory);
            put.map_err(|error| told(&error, Action::Write))?;
        }
        Ok(())
    });
    match kept {
        Ok(()) => mount.memory().kept(directory),
        Err(error) => warn!("{directory:?} may be gone with its last file: {error}"),
    }
}

fn exists(sentence: &str) -> StorageError {
    StorageError::new(ErrorKind::Exists, sentence)
}

/// RMD: one listing, and the marker if there is one.
pub(crate) fn remove(mount: &Mount, calls: &Calls, path: &FtpPath) -> Result<(), StorageError> {
    if path.is_root() {
        return Err(StorageError::new(
            ErrorKind::Denied,
            "The root directory cannot be removed.",
        ));
    }
    let directory = mount.keys.directory(path)?;
    let keys = first_keys(calls, &directory, 2)?;
    let (living_in, lives_on) = {
        let memory = mount.memory();
        (memory.living_in(&directory), memory.lives_on(&directory))
    };
    if keys.iter().any(|key| *key != directory) || !living_in.is_empty() {
        return Err(StorageError::new(
            ErrorKind::NotEmpty,
            "The directory is not empty.",
        ));
    }
    if !keys.is_empty() {
        calls
            .delete(&directory)
            .map_err(|error| told(&error, Action::Delete))?;
    } else if !lives_on {
        return Err(no_directory(mount, path));
    }
    mount.memory().removed(&directory);
    keep_parent(mount, &directory);
    Ok(())
}
