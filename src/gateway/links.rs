//! Symbolic links: SITE SYMLINK, and what a link that points nowhere is.
//!
//! Decides what may be linked to: a file in the user's own root that is no link itself, since OSS
//! follows none twice. Reading goes through links on OSS's side; DELE takes the link.

use std::time::Instant;

use ossftp_core::{ErrorKind, FtpPath, StorageError};
use ossftp_oss::{Error, PutObject};

use crate::gateway::errors::{Action, is_missing, told};
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::rename::copy::is_link;
use crate::gateway::volume::no_file;

/// Makes `link` point to the file `target`: a HEAD of the target, and the link.
pub(crate) fn make(
    mount: &Mount,
    calls: &Calls,
    target: &FtpPath,
    link: &FtpPath,
) -> Result<(), StorageError> {
    let (from, to) = (mount.keys.file(link)?, mount.keys.file(target)?);
    if mount.is_known_directory(link) {
        return Err(StorageError::new(
            ErrorKind::Exists,
            "There is a directory of the link's name.",
        ));
    }
    if from == to {
        return Err(no_target("A link cannot point to itself."));
    }
    match calls.bucket().head_object(&to) {
        Ok(meta) if is_link(&meta) => {
            return Err(no_target(
                "The target is a link itself: name what it points to.",
            ));
        }
        Ok(_) => {}
        Err(error) if is_missing(&error) => return Err(no_file(mount, target)),
        Err(error) => return Err(told(&error, Action::Read)),
    }
    let put = PutObject {
        forbid_overwrite: true,
        ..PutObject::default()
    };
    calls
        .bucket()
        .put_symlink(&from, &to, &put)
        .map_err(|error| told(&error, Action::Write))?;
    mount.memory().wrote(&from, Instant::now());
    Ok(())
}

fn no_target(sentence: &str) -> StorageError {
    StorageError::new(ErrorKind::BadName, sentence)
}

/// Whether OSS says that there is a link, but not what it points to.
pub(crate) fn is_dangling(error: &Error) -> bool {
    matches!(error.code(), "SymlinkTargetNotExist" | "InvalidTargetType")
}
