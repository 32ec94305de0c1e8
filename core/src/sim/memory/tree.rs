//! The tree itself: keys and contents, and what an object store makes of files and folders.
//!
//! A key is a path without its leading `/`. A directory is a key prefix; its marker is the key
//! with a trailing `/`. A directory does not vanish because its last child went away: the marker
//! is written then, as a gateway with `keep_directories` does.

use crate::{Entry, ErrorKind, FtpPath};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;

/// The longest key in bytes, as OSS has it.
pub(super) const MAX_KEY: usize = 1023;

/// So many links in a row are followed.
const MAX_LINKS: usize = 8;

/// A file's bytes or, under a key that ends in `/`, a directory's marker.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) modified: i64,
    /// These two are known only where somebody has said them.
    pub(super) created: Option<i64>,
    pub(super) mode: Option<u32>,
    /// A symbolic link to this file, without bytes of its own.
    pub(super) target: Option<FtpPath>,
}

impl Object {
    pub(super) fn new(bytes: Arc<Vec<u8>>, modified: i64) -> Self {
        Self {
            bytes,
            modified,
            created: None,
            mode: None,
            target: None,
        }
    }

    /// What listings show of it. `shown` is what it points to, or itself.
    fn entry(&self, name: &[u8], shown: &Self) -> Entry {
        let mut entry = Entry::file(name, length(shown), Some(shown.modified));
        entry.created = shown.created;
        entry.mode = shown.mode;
        entry.target = self.target.as_ref().map(|path| path.as_bytes().to_vec());
        entry
    }
}

fn directory(name: &[u8], marker: Option<&Object>) -> Entry {
    let mut entry = Entry::directory(name, marker.map(|o| o.modified));
    entry.created = marker.and_then(|o| o.created);
    entry.mode = marker.and_then(|o| o.mode);
    entry
}

/// All objects of a store.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    objects: BTreeMap<Vec<u8>, Object>,
    /// Bytes of all keys and contents.
    used: usize,
}

/// The key prefix of a directory: empty for the root, else with a trailing `/`.
pub(super) fn prefix(path: &FtpPath) -> Vec<u8> {
    let mut key = path.relative().to_vec();
    if !path.is_root() {
        key.push(b'/');
    }
    key
}

impl Tree {
    pub(super) fn used(&self) -> usize {
        self.used
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = (&Vec<u8>, &Object)> {
        self.objects.iter()
    }

    pub(super) fn file(&self, path: &FtpPath) -> Option<&Object> {
        self.objects
            .get(path.relative())
            .filter(|_| !path.is_root())
    }

    /// The file that is read at `path`: links are followed. `None` too if they lead nowhere, or
    /// to a directory: a link stands for a file.
    pub(super) fn read(&self, path: &FtpPath) -> Option<&Object> {
        let mut object = self.file(path)?;
        for _ in 0..MAX_LINKS {
            match &object.target {
                Some(target) => object = self.file(target)?,
                None => return Some(object),
            }
        }
        None
    }

    /// The object of a file or, with a marker that is written if need be, of a directory.
    pub(super) fn object_mut(&mut self, path: &FtpPath, now: i64) -> Option<&mut Object> {
        let mut key = path.relative().to_vec();
        if self.file(path).is_some() {
            for _ in 0..MAX_LINKS {
                match self.objects.get(&key)?.target.as_ref() {
                    Some(target) => key = target.relative().to_vec(),
                    None => return self.objects.get_mut(&key),
                }
            }
            return None;
        }
        if path.is_root() || !self.is_directory(path) {
            return None;
        }
        let marker = prefix(path);
        if !self.objects.contains_key(&marker) {
            self.insert(marker.clone(), Arc::default(), now);
        }
        self.objects.get_mut(&marker)
    }

    /// Whether any key begins with the directory's prefix. The root is always there.
    pub(super) fn is_directory(&self, path: &FtpPath) -> bool {
        path.is_root() || self.below(&prefix(path)).next().is_some()
    }

    pub(super) fn below<'a>(
        &'a self,
        prefix: &'a [u8],
    ) -> impl Iterator<Item = (&'a Vec<u8>, &'a Object)> {
        self.objects
            .range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// What stands at `path`: a file before a directory of the same name.
    pub(super) fn entry(&self, path: &FtpPath) -> Option<Entry> {
        if let Some(object) = self.file(path) {
            return Some(object.entry(path.name(), self.read(path)?));
        }
        let marker = self.objects.get(&prefix(path));
        self.is_directory(path)
            .then(|| directory(path.name(), marker))
    }

    /// At most `limit` entries of a directory, from the key `from` on, and the key to go on
    /// from if there may be more.
    pub(super) fn page(
        &self,
        above: &[u8],
        mut from: Vec<u8>,
        limit: usize,
    ) -> (Vec<Entry>, Option<Vec<u8>>) {
        let mut entries = Vec::new();
        loop {
            let start = (Bound::Included(from.as_slice()), Bound::Unbounded);
            let next = self.objects.range::<[u8], _>(start).next();
            let Some((key, object)) = next.filter(|(k, _)| k.starts_with(above)) else {
                return (entries, None);
            };
            if entries.len() >= limit {
                return (entries, Some(from));
            }
            let rest = key.get(above.len()..).unwrap_or_default();
            from = above.to_vec();
            if let Some(end) = rest.iter().position(|b| *b == b'/') {
                let name = rest.get(..end).unwrap_or_default();
                let marker = (rest.len() == end + 1).then_some(object);
                entries.push(directory(name, marker));
                // Past all keys that begin with `name/`.
                from.extend_from_slice(name);
                from.push(b'/' + 1);
            } else {
                if !rest.is_empty() {
                    // A link that leads nowhere is still there.
                    let target = object.target.as_ref().and_then(|path| self.read(path));
                    entries.push(object.entry(rest, target.unwrap_or(object)));
                }
                // The very next key.
                from.extend_from_slice(rest);
                from.push(0);
            }
        }
    }

    pub(super) fn insert(&mut self, key: Vec<u8>, bytes: Arc<Vec<u8>>, modified: i64) {
        self.insert_object(key, Object::new(bytes, modified));
    }

    pub(super) fn insert_object(&mut self, key: Vec<u8>, object: Object) {
        self.used = self.used.saturating_add(key.len() + object.bytes.len());
        let length = key.len();
        if let Some(old) = self.objects.insert(key, object) {
            self.used = self.used.saturating_sub(length + old.bytes.len());
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Object> {
        let object = self.objects.remove(key)?;
        self.used = self.used.saturating_sub(key.len() + object.bytes.len());
        Some(object)
    }

    /// Writes the marker of `path` if nothing else makes it a directory.
    pub(super) fn keep(&mut self, path: &FtpPath, now: i64) {
        if !self.is_directory(path) {
            self.insert(prefix(path), Arc::default(), now);
        }
    }

    pub(super) fn make_directory(&mut self, path: &FtpPath, now: i64) -> Result<(), ErrorKind> {
        if self.is_directory(path) {
            return Err(ErrorKind::Exists);
        }
        check_key(&prefix(path))?;
        self.insert(prefix(path), Arc::default(), now);
        Ok(())
    }

    pub(super) fn remove_directory(&mut self, path: &FtpPath, now: i64) -> Result<(), ErrorKind> {
        if path.is_root() {
            return Err(ErrorKind::Denied);
        }
        let marker = prefix(path);
        if !self.is_directory(path) {
            return Err(match self.file(path) {
                Some(_) => ErrorKind::NotADirectory,
                None => ErrorKind::NotFound,
            });
        }
        if self.below(&marker).any(|(key, _)| *key != marker) {
            return Err(ErrorKind::NotEmpty);
        }
        self.remove(&marker);
        self.keep(&path.parent(), now);
        Ok(())
    }

    pub(super) fn delete(&mut self, path: &FtpPath, now: i64) -> Result<(), ErrorKind> {
        if self.file(path).is_none() {
            return Err(if self.is_directory(path) {
                ErrorKind::IsADirectory
            } else {
                ErrorKind::NotFound
            });
        }
        self.remove(path.relative());
        self.keep(&path.parent(), now);
        Ok(())
    }

    pub(super) fn rename(
        &mut self,
        from: &FtpPath,
        to: &FtpPath,
        now: i64,
    ) -> Result<(), ErrorKind> {
        let is_file = self.file(from).is_some();
        if !is_file && !self.is_directory(from) {
            return Err(ErrorKind::NotFound);
        }
        if from == to {
            return Ok(());
        }
        if to.is_below(from) {
            return Err(ErrorKind::BadName);
        }
        if is_file {
            self.rename_file(from, to)?;
        } else {
            self.rename_directory(from, to)?;
        }
        self.keep(&from.parent(), now);
        Ok(())
    }

    fn rename_file(&mut self, from: &FtpPath, to: &FtpPath) -> Result<(), ErrorKind> {
        if self.is_directory(to) {
            return Err(ErrorKind::IsADirectory);
        }
        check_key(to.relative())?;
        if let Some(object) = self.remove(from.relative()) {
            self.insert_object(to.relative().to_vec(), object);
        }
        Ok(())
    }

    fn rename_directory(&mut self, from: &FtpPath, to: &FtpPath) -> Result<(), ErrorKind> {
        if self.file(to).is_some() || self.is_directory(to) {
            return Err(ErrorKind::Exists);
        }
        let (old, new) = (prefix(from), prefix(to));
        let moved: Vec<_> = self.below(&old).map(|(key, _)| key.clone()).collect();
        let target = |key: &[u8]| {
            let mut target = new.clone();
            target.extend_from_slice(key.get(old.len()..).unwrap_or_default());
            target
        };
        for key in &moved {
            check_key(&target(key))?;
        }
        for key in moved {
            if let Some(object) = self.remove(&key) {
                self.insert_object(target(&key), object);
            }
        }
        Ok(())
    }
}

/// The size of a file.
pub(super) fn length(object: &Object) -> u64 {
    u64::try_from(object.bytes.len()).unwrap_or(u64::MAX)
}

/// Whether OSS could hold this key.
pub(super) fn check_key(key: &[u8]) -> Result<(), ErrorKind> {
    if key.len() > MAX_KEY {
        return Err(ErrorKind::BadName);
    }
    Ok(())
}
