//! The time of a file.
//!
//! Decides which time every command shows, where one that a client sets is kept, and what that
//! costs (DESIGN 7.8). With `Mtime::Listing` it is the time of the object, which cannot be set.
//! With `Mtime::Meta` it is what `x-oss-meta-mtime` says, seconds since 1970 with or without a
//! fraction, as ossfs and rclone write it, else the time of the object; no listing of OSS shows
//! that, so each file that is listed costs a HEAD.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use ossftp_core::driver::Lister;
use ossftp_core::{Answer, Entry, ErrorKind, FtpPath, StorageError};
use ossftp_oss::ObjectMeta;

use crate::gateway::config::{GatewayConfig, Mtime};
use crate::gateway::errors::{Action, is_missing, told};
use crate::gateway::links::is_dangling;
use crate::gateway::list::OssLister;
use crate::gateway::lock;
use crate::gateway::memory::Found;
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::process::crew::at_once;
use crate::gateway::rename::copy::{Onto, Source, copy, is_link};
use crate::gateway::volume::look;

/// The user metadata that holds the time.
pub(crate) const MTIME: &str = "mtime";

/// How many HEADs of a listing are under way at a time.
const AT_ONCE: usize = 16;
/// How many entries are given out together: they wait for each other.
const CHUNK: usize = 128;

/// The time of a file in Unix seconds, if it has one.
pub(crate) fn shown(config: &GatewayConfig, meta: &ObjectMeta) -> Option<i64> {
    let set = meta.user(MTIME).filter(|_| config.mtime == Mtime::Meta);
    let written = Some(meta.last_modified).filter(|at| *at != 0);
    set.and_then(parse).or(written)
}

/// Whole seconds, rounded down.
fn parse(text: &str) -> Option<i64> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let rest = whole.starts_with('-') && fraction.bytes().any(|b| b != b'0');
    seconds.checked_sub(i64::from(rest))
}

/// Gives a file another time: a HEAD, and a copy onto itself with all that it has.
///
/// # Errors
/// A directory has no time, and that of a link is not changed. After a failure the file stands as
/// it was, or with its new time.
pub(crate) fn set(
    mount: &Arc<Mount>,
    calls: &Calls,
    path: &FtpPath,
    modified: Option<i64>,
) -> Result<(), StorageError> {
    let Some(modified) = modified.filter(|_| mount.config().mtime == Mtime::Meta) else {
        return Err(StorageError::new(
            ErrorKind::Unsupported,
            "OSS keeps no such fact of a file.",
        ));
    };
    let meta = match look(mount, calls, path)? {
        Found::File(meta) => meta,
        Found::Directory => {
            return Err(StorageError::new(
                ErrorKind::IsADirectory,
                "This is a directory: OSS keeps no time of it.",
            ));
        }
    };
    if is_link(&meta) {
        return Err(StorageError::new(
            ErrorKind::Unsupported,
            "This is a link: its time cannot be set.",
        ));
    }
    if meta.user(MTIME).and_then(parse) == Some(modified) {
        return Ok(());
    }
    let key = mount.keys.file(path)?;
    // It describes what is about to change.
    drop(mount.memory().take_found(&key));
    let source = Source {
        key: &key,
        meta: &meta,
    };
    let text = modified.to_string();
    copy(mount, calls, source, &key, Onto::Anything, Some(&text)).map_err(|failed| failed.error)
}

/// Opens a listing whose files have the time that every other command shows.
pub(crate) fn lister(
    mount: &Arc<Mount>,
    calls: Calls,
    path: &FtpPath,
    files_too: bool,
) -> Result<Box<dyn Lister>, StorageError> {
    let lister = OssLister::open(mount, calls.clone(), path, files_too)?;
    Ok(with_times(mount, calls, lister))
}

/// At most `limit` entries in one answer, for STAT.
pub(crate) fn status(
    mount: &Arc<Mount>,
    calls: Calls,
    path: &FtpPath,
    limit: usize,
) -> Result<Answer, StorageError> {
    let mut answer = OssLister::collect(mount, calls.clone(), path, limit)?;
    // The entry of a single file has its time already.
    if let Answer::Listing {
        entries,
        directory: true,
        ..
    } = &mut answer
        && mount.config().mtime == Mtime::Meta
    {
        ask(mount, &calls, &mount.keys.directory(path)?, entries)?;
    }
    Ok(answer)
}

fn with_times(mount: &Arc<Mount>, calls: Calls, inner: OssLister) -> Box<dyn Lister> {
    // The entry of a single file has its time already.
    let directory = inner
        .directory()
        .filter(|_| mount.config().mtime == Mtime::Meta);
    let Some(directory) = directory.map(str::to_owned) else {
        return Box::new(inner);
    };
    Box::new(TimedLister {
        mount: Arc::clone(mount),
        calls,
        directory,
        inner,
        page: VecDeque::new(),
    })
}

/// A listing that asks for the time of each file, in the same order, with no more than one page in
/// memory.
struct TimedLister {
    mount: Arc<Mount>,
    calls: Calls,
    directory: String,
    inner: OssLister,
    page: VecDeque<Entry>,
}

impl Lister for TimedLister {
    fn next_page(&mut self) -> Result<Option<Vec<Entry>>, StorageError> {
        if self.page.is_empty() {
            let Some(page) = self.inner.next_page()? else {
                return Ok(None);
            };
            self.page = page.into();
        }
        let end = self.page.len().min(CHUNK);
        let mut entries: Vec<Entry> = self.page.drain(..end).collect();
        ask(&self.mount, &self.calls, &self.directory, &mut entries)?;
        Ok(Some(entries))
    }

    fn hidden(&self) -> u64 {
        self.inner.hidden()
    }
}

/// Asks for the size and time of each file, several at a time.
pub(crate) fn ask(
    mount: &Arc<Mount>,
    calls: &Calls,
    directory: &str,
    entries: &mut [Entry],
) -> Result<(), StorageError> {
    let mut keys = Vec::with_capacity(entries.len());
    for (place, entry) in entries.iter().enumerate() {
        // The names of a listing were made from keys, which are UTF-8.
        if let (false, Ok(name)) = (entry.is_dir(), std::str::from_utf8(&entry.name)) {
            keys.push((place, format!("{directory}{name}")));
        }
    }
    let answers = Arc::new(Mutex::new(Vec::with_capacity(keys.len())));
    let work = {
        let (answers, calls) = (Arc::clone(&answers), calls.clone());
        let mount = Arc::clone(mount);
        move |(place, key): (usize, String)| {
            calls.check()?;
            match calls.bucket().head_object(&key) {
                Ok(meta) => {
                    let modified = shown(mount.config(), &meta);
                    lock(&answers).push((place, meta.size, modified));
                    Ok(())
                }
                // A link that leads nowhere stays as it is.
                Err(error) if is_dangling(&error) => Ok(()),
                // Gone since it was listed, or not this key's to read, so that no other command
                // shows another time.
                Err(error) if is_missing(&error) || error.is_denied() => Ok(()),
                Err(error) => Err(told(&error, Action::Read)),
            }
        }
    };
    at_once(&mount.process.lanes, AT_ONCE, keys, work)?;
    for (place, size, modified) in std::mem::take(&mut *lock(&answers)) {
        if let Some(entry) = entries.get_mut(place) {
            entry.size = size;
            entry.modified = modified;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_other_programs() {
        for (text, seconds) in [
            ("0", 0),
            ("1354040105", 1_354_040_105),
            ("1354040105.123456789", 1_354_040_105),
            (" 7. ", 7),
            ("-5", -5),
            ("-5.5", -6),
            ("-0.5", -1),
            ("-5.000", -5),
        ] {
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            ".5",
            "x",
            "1.x",
            "1.2.3",
            "1e9",
            "0x1",
            "99999999999999999999",
            "2012-11-27",
            "-9223372036854775808.5",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_where_it_is_switched_on() {
        let mut config = GatewayConfig::default();
        let mut meta = ObjectMeta::default();
        meta.user_meta = vec![("mtime".to_owned(), "5".to_owned())];
        assert_eq!(shown(&config, &meta), None);
        meta.last_modified = 9;
        assert_eq!(shown(&config, &meta), Some(9));
        config.mtime = Mtime::Meta;
        assert_eq!(shown(&config, &meta), Some(5));
        meta.user_meta = vec![("mtime".to_owned(), "soon".to_owned())];
        assert_eq!(shown(&config, &meta), Some(9));
    }
}
