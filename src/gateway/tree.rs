//! Removing a directory with all that is in it: SITE RMDIR.
//!
//! Decides what is deleted and in which order. Keys go page by page, so that memory does not grow
//! with the tree; the directory's own marker goes last, so that what is left after a failure or a
//! cancel is still a directory. Keys that FTP cannot name are not touched.

use log::info;
use ossftp_core::{ErrorKind, FtpPath, StorageError};
use ossftp_oss::ListObjects;

use crate::gateway::deletes;
use crate::gateway::dirs::keep_parent;
use crate::gateway::errors::{Action, told};
use crate::gateway::keys::name_in;
use crate::gateway::list::check_progress;
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::volume::no_directory;

/// Deletes all below `path`, then `path`.
///
/// # Errors
/// [`ErrorKind::NotEmpty`] if all is deleted but what FTP cannot name. After any other error, too,
/// some of it may be gone.
pub(crate) fn remove(mount: &Mount, calls: &Calls, path: &FtpPath) -> Result<(), StorageError> {
    if path.is_root() {
        return Err(StorageError::new(
            ErrorKind::Denied,
            "The root directory cannot be removed.",
        ));
    }
    let directory = mount.keys.directory(path)?;
    let mut list = ListObjects {
        prefix: directory.clone(),
        ..ListObjects::default()
    };
    let (mut found, mut marked, mut hidden) = (false, false, 0_u64);
    loop {
        calls.check()?;
        let page = calls.bucket().list_objects_v2(&list);
        let page = page.map_err(|error| told(&error, Action::List))?;
        check_progress(&list, &page)?;
        let mut keys = Vec::with_capacity(page.objects.len());
        for object in page.objects {
            found = true;
            if object.key == directory {
                marked = true;
            } else if is_nameable(&directory, &object.key) {
                keys.push(object.key);
            } else {
                hidden += 1;
            }
        }
        delete(mount, calls, &directory, keys)?;
        list.continuation_token = page.next.filter(|_| page.is_truncated);
        if list.continuation_token.is_none() {
            break;
        }
    }
    if !found && !mount.memory().lives_on(&directory) {
        return Err(no_directory(mount, path));
    }
    if hidden > 0 {
        info!("{hidden} keys below {directory:?} have names that FTP cannot say, and stay");
        return Err(StorageError::new(
            ErrorKind::NotEmpty,
            format!(
                "The rest is removed, but {hidden} objects have names that FTP cannot say, and stay."
            ),
        ));
    }
    if marked {
        delete_one(mount, calls, &directory)?;
    }
    mount.memory().removed(&directory);
    keep_parent(mount, &directory);
    Ok(())
}

/// Whether FTP can name the object, so that someone may have seen what is to be deleted.
fn is_nameable(directory: &str, key: &str) -> bool {
    let below = key.strip_prefix(directory).unwrap_or_default();
    let below = below.strip_suffix('/').unwrap_or(below);
    below.split('/').all(|name| name_in("", name).is_some())
}

/// Whether a body of XML says the key as it is: its reader may trim white space, and XML 1.0 does
/// not hold every character. What it holds wrongly would be another object's name.
pub(crate) fn fits_xml(key: &str) -> bool {
    let is_odd = |c: char| c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}');
    key.trim() == key && !key.contains(is_odd)
}

/// Deletes a page of keys.
fn delete(
    mount: &Mount,
    calls: &Calls,
    directory: &str,
    keys: Vec<String>,
) -> Result<(), StorageError> {
    if keys.is_empty() {
        return Ok(());
    }
    calls.check()?;
    // What the session knew of the tree is forgotten first: OSS may delete it and not say so.
    mount.memory().removed(directory);
    let (together, mut alone): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| fits_xml(key));
    let deleted = deletes::many(&calls.bucket(), &together);
    let deleted = deleted.map_err(|error| told(&error, Action::Delete))?;
    for key in together {
        if deleted.contains(&key) {
            mount.note_end(&key);
        } else {
            // A batch does not say why; a request of its own does.
            alone.push(key);
        }
    }
    for key in alone {
        calls.check()?;
        delete_one(mount, calls, &key)?;
    }
    Ok(())
}

fn delete_one(mount: &Mount, calls: &Calls, key: &str) -> Result<(), StorageError> {
    let deleted = calls.delete(key);
    deleted.map_err(|error| told(&error, Action::Delete))?;
    mount.note_end(key);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ftp_can_name() {
        for key in ["d/a", "d/a/", "d/a/b.c", "d/ a ", "d/...", "d/中/\u{FFFE}"] {
            assert!(is_nameable("d/", key), "{key:?}");
        }
        for key in [
            "d//", "d//a", "d/a//b", "d/a//", "d/./a", "d/a/..", "d/a\n", "d/\x7f/a",
        ] {
            assert!(!is_nameable("d/", key), "{key:?}");
        }
    }

    #[test]
    fn what_xml_can_hold() {
        assert!(fits_xml("d/a b") && fits_xml("d/<&>\"'") && fits_xml("中"));
        for key in [" d/a", "d/a ", "d/a\u{3000}", "d/\u{FFFF}a", "d/\u{85}a"] {
            assert!(!fits_xml(key), "{key:?}");
        }
    }
}
