//! Renaming a directory with all that is in it.
//!
//! Decides the order, by which a failure never loses anything (DESIGN 7.6): all is listed, copied
//! and checked, then what was listed is deleted. Up to the first delete a failure or cancel removes
//! the copies that this rename made; from then on nothing is rolled back, and the same rename again,
//! in any process, finds every source that is left with its copy and only deletes. What came below
//! the source meanwhile stays, and so does what was changed.
//!
//! A copy takes no other object's place (`x-oss-forbid-overwrite`), so that one that someone else
//! writes meanwhile is neither lost to a copy nor taken for one. How one object is copied is
//! `copy`'s.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use log::info;
use ossftp_core::{ErrorKind, FtpPath, StorageError};
use ossftp_oss::{Bucket, Error, ListObjects, ObjectPage, ObjectSummary};

use crate::gateway::deletes::{self, BATCH};
use crate::gateway::dirs::keep_parent;
use crate::gateway::errors::{Action, is_missing, not_found, told};
use crate::gateway::keys::MAX_KEY;
use crate::gateway::list::check_progress;
use crate::gateway::lock;
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::process::crew::at_once;
use crate::gateway::rename::copy::{
    Failed, Left, Onto, Simple, Source, copy, copy_simple, is_link, is_same, link,
};
use crate::gateway::rename::native::{self, What};
use crate::gateway::rename::undo::Made;
use crate::gateway::rename::{exists, left_over};
use crate::gateway::tree::fits_xml;
use crate::gateway::volume::first_keys;

/// Gives the directory `from` the name `to`.
pub(crate) fn rename_directory(
    mount: &Arc<Mount>,
    calls: &Calls,
    from: &FtpPath,
    to: &FtpPath,
) -> Result<(), StorageError> {
    let (source, target) = (mount.keys.directory(from)?, mount.keys.directory(to)?);
    let file = mount.keys.file(to)?;
    match calls.bucket().head_object(&file) {
        Ok(_) => return Err(exists("There is a file of the new name.")),
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(told(&error, Action::Read)),
    }
    let is_taken = !first_keys(calls, &target, 1)?.is_empty() || mount.memory().lives_on(&target);
    if !is_taken && native::is_offered(mount, calls, true) {
        let from = mount.keys.file(from)?;
        if native::rename(mount, calls, What::Directory, &from, &file)? {
            mount.memory().moved(&source, &target, Instant::now());
            return Ok(());
        }
    }
    let items = list(mount, calls, &source, &target)?;
    if items.is_empty() && !mount.memory().lives_on(&source) {
        return Err(not_found());
    }
    let tree = Arc::new(Tree {
        mount: Arc::clone(mount),
        calls: calls.clone(),
        source,
        target,
        items,
    });
    let copies = if is_taken {
        tree.check_copies()?;
        info!(
            "the rename of {:?} to {:?} is finished",
            tree.source, tree.target
        );
        Made::default()
    } else {
        tree.copy_all()?
    };
    match tree.delete_sources() {
        Ok(()) => {}
        Err(Undeleted::All(error)) => return Err(tree.undo(copies, error)),
        Err(Undeleted::Some(error)) => {
            mount.memory().forget(&tree.source);
            return Err(error);
        }
    }
    mount
        .memory()
        .moved(&tree.source, &tree.target, Instant::now());
    keep_parent(mount, &tree.source);
    Ok(())
}

/// What is renamed, and under which names.
pub(super) struct Tree {
    pub(super) mount: Arc<Mount>,
    calls: Calls,
    source: String,
    pub(super) target: String,
    /// What the source held when it was listed, its marker included, in the order of their keys.
    pub(super) items: Vec<Item>,
}

/// An object of the source.
pub(super) struct Item {
    pub(super) key: Box<str>,
    size: u64,
    modified: i64,
    pub(super) etag: Box<str>,
    class: Option<Arc<str>>,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its ETag is its MD5.
    Simple,
    Link,
    /// A HEAD must tell.
    Other,
}

impl Kind {
    pub(super) fn of(object: &ObjectSummary) -> Self {
        let is_md5 = |etag: &str| {
            let hex = etag
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'));
            hex.is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        match object.kind.as_deref() {
            Some("Normal") if is_md5(&object.etag) => Self::Simple,
            Some("Symlink") => Self::Link,
            _ => Self::Other,
        }
    }
}

/// All below a directory. Memory is bounded by the number of objects that a rename takes.
fn list(
    mount: &Mount,
    calls: &Calls,
    source: &str,
    target: &str,
) -> Result<Vec<Item>, StorageError> {
    let limit = mount.config().max_rename;
    let mut items: Vec<Item> = Vec::new();
    let mut classes: HashSet<Arc<str>> = HashSet::new();
    let mut longest = 0;
    let mut pages = Pages::of(source);
    while let Some(page) = pages.next(&calls.bucket()) {
        calls.check()?;
        for object in page?.objects {
            longest = longest.max(object.key.len());
            let kind = Kind::of(&object);
            // There are five classes, and any number of objects.
            let class = object.storage_class.map(|class| {
                let class: Arc<str> = class.into();
                classes.get(&class).cloned().unwrap_or_else(|| {
                    classes.insert(Arc::clone(&class));
                    class
                })
            });
            items.push(Item {
                key: object.key.into(),
                size: object.size,
                modified: object.last_modified,
                etag: object.etag.into(),
                class,
                kind,
            });
        }
        if items.len() > limit {
            return Err(StorageError::new(
                ErrorKind::NoSpace,
                format!("The directory holds more than {limit} files: too many to rename."),
            ));
        }
    }
    if longest.saturating_sub(source.len()) + target.len() > MAX_KEY {
        return Err(StorageError::new(
            ErrorKind::BadName,
            "A path below the new name would be longer than the 1023 bytes that OSS holds.",
        ));
    }
    Ok(items)
}

/// The pages of a listing of all keys with one prefix.
pub(super) struct Pages(Option<ListObjects>);

impl Pages {
    pub(super) fn of(prefix: &str) -> Self {
        Self(Some(ListObjects {
            prefix: prefix.to_owned(),
            ..ListObjects::default()
        }))
    }

    /// The next page; `None` after the last one, or after a failure.
    pub(super) fn next(&mut self, bucket: &Bucket) -> Option<Result<ObjectPage, StorageError>> {
        let list = self.0.take()?;
        let page = bucket.list_objects_v2(&list);
        let page = page.map_err(|error| told(&error, Action::List));
        let page = page.and_then(|page| check_progress(&list, &page).map(|()| page));
        if let Ok(page) = &page {
            let next = page.next.clone().filter(|_| page.is_truncated);
            self.0 = next.map(|token| ListObjects {
                continuation_token: Some(token),
                ..list
            });
        }
        Some(page)
    }
}

/// Why sources were not deleted.
enum Undeleted {
    /// All stand: nothing was asked to be deleted.
    All(StorageError),
    /// Some may be gone; every one has its copy.
    Some(StorageError),
}

impl Tree {
    pub(super) fn renamed(&self, key: &str) -> String {
        let rest = key.strip_prefix(&self.source).unwrap_or_default();
        format!("{}{rest}", self.target)
    }

    /// The place of the source whose copy has this name.
    pub(super) fn place_of(&self, copy: &str) -> Option<usize> {
        let key = format!("{}{}", self.source, copy.strip_prefix(&self.target)?);
        self.items
            .binary_search_by(|item| (*item.key).cmp(key.as_str()))
            .ok()
    }

    /// Copies everything: small objects side by side, then large ones one after the other, whose
    /// parts go side by side. Returns which copies there are.
    ///
    /// # Errors
    /// No copy that was made is left, or the message says how many.
    fn copy_all(self: &Arc<Self>) -> Result<Made, StorageError> {
        let made = Arc::new(Mutex::new(Made::default()));
        let (tree, log) = (Arc::clone(self), Arc::clone(&made));
        let work = Arc::new(move |place: usize| {
            let Some(item) = tree.items.get(place) else {
                return Ok(());
            };
            let copied = tree.copy_one(item);
            let mut log = lock(&log);
            match copied.as_ref().map_err(|failed| failed.left) {
                Ok(()) | Err(Left::Unknown) => drop(log.copies.insert(place)),
                Err(Left::Copy) => drop(log.damaged.insert(place)),
                Err(Left::Nothing) => {}
            }
            copied.map_err(|failed| failed.error)
        });
        let config = self.mount.config();
        let is_large = |place: &usize| {
            let item = self.items.get(*place);
            item.is_some_and(|item| item.size > config.copy_limit)
        };
        let (large, small): (Vec<_>, Vec<_>) = (0..self.items.len()).partition(is_large);
        let each = Arc::clone(&work);
        let one = move |place| each(place);
        let result = at_once(&self.mount.process.lanes, config.copies_at_once, small, one)
            .and_then(|()| large.into_iter().try_for_each(|place| work(place)));
        let made = std::mem::take(&mut *lock(&made));
        match result {
            Ok(()) => Ok(made),
            Err(error) => Err(self.undo(made, error)),
        }
    }

    fn copy_one(&self, item: &Item) -> Result<(), Failed> {
        let (mount, calls) = (&self.mount, &self.calls);
        let to = self.renamed(&item.key);
        if item.kind == Kind::Simple && item.size <= mount.config().copy_limit {
            let source = Simple {
                key: &item.key,
                size: item.size,
                etag: &item.etag,
                class: item.class.as_deref(),
            };
            return copy_simple(mount, calls, source, &to);
        }
        calls.check()?;
        if item.kind == Kind::Link {
            return link(mount, calls, &to, &self.leads_to(item)?, Onto::Nothing);
        }
        let meta = match calls.bucket().head_object(&item.key) {
            Ok(meta) if !is_link(&meta) => meta,
            Err(error) if error.code() != "SymlinkTargetNotExist" => {
                return Err(told(&error, Action::Read).into());
            }
            _ => return link(mount, calls, &to, &self.leads_to(item)?, Onto::Nothing),
        };
        let source = Source {
            key: &item.key,
            meta: &meta,
        };
        copy(mount, calls, source, &to, Onto::Nothing, None)
    }

    /// Where a link leads to when all is renamed: those to a file of the same directory go with it.
    fn leads_to(&self, item: &Item) -> Result<String, StorageError> {
        let target = self.calls.bucket().get_symlink(&item.key);
        let target = target.map_err(|error| told(&error, Action::Read))?.target;
        Ok(if target.starts_with(&self.source) {
            self.renamed(&target)
        } else {
            target
        })
    }

    /// Whether there is a copy of this object under its new name.
    pub(super) fn is_copied(&self, item: &Item) -> Result<bool, StorageError> {
        let bucket = self.mount.bucket();
        let to = self.renamed(&item.key);
        let none = |error: Error| {
            if is_missing(&error) || error.code() == "NotSymlink" {
                Ok(false)
            } else {
                Err(told(&error, Action::Read))
            }
        };
        if item.kind == Kind::Link {
            let wanted = self.leads_to(item)?;
            return bucket
                .get_symlink(&to)
                .map_or_else(none, |found| Ok(found.target == wanted));
        }
        let copied = match bucket.head_object(&to) {
            Ok(meta) => meta,
            Err(error) => return none(error),
        };
        // HEAD goes through a link, perhaps to the source itself.
        if is_link(&copied) || copied.size != item.size {
            return Ok(false);
        }
        if item.kind == Kind::Simple && *copied.etag == *item.etag {
            return Ok(true);
        }
        let meta = bucket.head_object(&item.key);
        let meta = meta.map_err(|error| told(&error, Action::Read))?;
        Ok(is_same(&meta, &copied))
    }

    /// There is a directory of the new name. Succeeds if a rename to it was broken off while it
    /// deleted its sources: every one that is left has its copy, which is no older.
    ///
    /// Two directories made by MKD alone look the same too: there must be a file.
    fn check_copies(self: &Arc<Self>) -> Result<(), StorageError> {
        if self.items.iter().all(|item| item.key.ends_with('/')) {
            return Err(exists("There is a directory of the new name."));
        }
        let mut sources = self.items.iter().enumerate().peekable();
        let mut doubtful = Vec::new();
        let mut pages = Pages::of(&self.target);
        // Both listings are in the order of what comes after their prefix.
        'pages: while let Some(page) = pages.next(&self.calls.bucket()) {
            self.calls.check()?;
            for object in page?.objects {
                let Some((place, item)) = sources.peek() else {
                    break 'pages;
                };
                let to = self.renamed(&item.key);
                if object.key < to {
                    // Its source is deleted already.
                    continue;
                }
                let is_link = item.kind == Kind::Link;
                let is_equal = object.size == item.size || is_link;
                let is_same_kind = is_link == (Kind::of(&object) == Kind::Link);
                let is_newer = object.last_modified >= item.modified;
                if object.key != to || !is_equal || !is_same_kind || !is_newer {
                    return Err(changed());
                }
                if item.kind != Kind::Simple || *object.etag != *item.etag {
                    doubtful.push(*place);
                }
                sources.next();
            }
        }
        if sources.next().is_some() {
            return Err(changed());
        }
        let tree = Arc::clone(self);
        let config = self.mount.config();
        at_once(
            &self.mount.process.lanes,
            config.copies_at_once,
            doubtful,
            move |place| {
                tree.calls.check()?;
                let is_copied = tree.items.get(place).map(|item| tree.is_copied(item));
                match is_copied.unwrap_or(Ok(false))? {
                    true => Ok(()),
                    false => Err(changed()),
                }
            },
        )
    }

    /// Deletes the sources, all of whose copies are whole. They are listed once more, page by page,
    /// so that what was changed or added meanwhile stays.
    fn delete_sources(&self) -> Result<(), Undeleted> {
        let all = self.items.len();
        let (mut done, mut stay, mut begun) = (0, 0, false);
        let mut pages = Pages::of(&self.source);
        loop {
            // The first delete settles it: nothing cancels what is left.
            let page = if begun {
                pages.next(self.mount.bucket())
            } else {
                self.calls.check().map_err(Undeleted::All)?;
                pages.next(&self.calls.bucket())
            };
            let page = match page {
                None => break,
                Some(Ok(page)) => page,
                Some(Err(error)) if !begun => return Err(Undeleted::All(error)),
                Some(Err(error)) => {
                    return Err(Undeleted::Some(left_over(stay + all - done, all, &error)));
                }
            };
            let end = match page.objects.last() {
                Some(last) if page.is_truncated => {
                    self.items.partition_point(|item| *item.key <= *last.key)
                }
                Some(_) | None if !page.is_truncated => all,
                _ => done,
            };
            let mut keys = Vec::with_capacity(page.objects.len());
            for object in page.objects {
                let Ok(place) = self
                    .items
                    .binary_search_by(|item| (*item.key).cmp(object.key.as_str()))
                else {
                    info!(
                        "{:?} came while its directory was renamed, and stays",
                        object.key
                    );
                    continue;
                };
                match self.items.get(place) {
                    Some(item) if is_unchanged(item, &object) => keys.push(object.key),
                    _ => stay += 1,
                }
            }
            if stay > 0 && !begun {
                return Err(Undeleted::All(StorageError::new(
                    ErrorKind::Busy,
                    "Someone else changed a file meanwhile: try again.",
                )));
            }
            begun |= !keys.is_empty();
            let (left, failure) = delete(self.mount.bucket(), keys);
            done = end.max(done);
            if let Some(error) = failure {
                let left = stay + left + all - done;
                let error = told(&error, Action::Delete);
                return Err(Undeleted::Some(left_over(left, all, &error)));
            }
        }
        if stay > 0 {
            return Err(Undeleted::Some(StorageError::new(
                ErrorKind::Unavailable,
                format!(
                    "Copied whole, {stay} of {all} sources left: someone else changed them meanwhile, \
                     and they are to be moved one by one."
                ),
            )));
        }
        Ok(())
    }
}

fn is_unchanged(item: &Item, object: &ObjectSummary) -> bool {
    *item.etag == *object.etag && item.size == object.size && item.modified == object.last_modified
}

fn changed() -> StorageError {
    exists(
        "There is a directory of the new name, and it does not hold the same files. If it is what \
         is left of a rename that was broken off, remove it (SITE RMDIR) and rename again.",
    )
}

/// Deletes in order; stops at the first failure. Returns how many are left, and why.
pub(super) fn delete(bucket: &Bucket, keys: Vec<String>) -> (usize, Option<Error>) {
    let mut left = keys.len();
    let (together, mut alone): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| fits_xml(key));
    for batch in together.chunks(BATCH) {
        let deleted = match deletes::many(bucket, batch) {
            Ok(deleted) => deleted,
            Err(error) => return (left, Some(error)),
        };
        for key in batch {
            if deleted.contains(key) {
                left -= 1;
            } else {
                // A batch does not say why; a request of its own does.
                alone.push(key.clone());
            }
        }
    }
    for key in alone {
        if let Err(error) = deletes::one(bucket, || bucket.clone(), &key) {
            return (left, Some(error));
        }
        left -= 1;
    }
    (left, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_etag_says() {
        let kind = |kind: &str, etag: &str| {
            let mut object = ObjectSummary::default();
            object.kind = Some(kind.to_owned()).filter(|kind| !kind.is_empty());
            object.etag = etag.to_owned();
            Kind::of(&object)
        };
        let md5 = "\"5B3C1A2E053D763E1B002CC607C5A0FE\"";
        assert_eq!(kind("Normal", md5), Kind::Simple);
        assert_eq!(kind("Symlink", md5), Kind::Link);
        for (other, etag) in [
            ("", md5),
            ("Multipart", md5),
            ("Appendable", md5),
            ("Normal", "\"5B3C1A2E053D763E1B002CC607C5A0FE-3\""),
            ("Normal", "5B3C1A2E053D763E1B002CC607C5A0FE"),
            ("Normal", ""),
        ] {
            assert_eq!(kind(other, etag), Kind::Other, "{other} {etag}");
        }
    }
}
