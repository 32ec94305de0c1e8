//! Listing a directory, page by page.
//!
//! Decides what stands in a listing: files, directories, and those that live on in the session's
//! memory; not the directory's own marker, nor keys that FTP cannot name. Memory does not grow
//! with the directory, but for the names that the session may remember of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use log::info;
use ossftp_core::driver::Lister;
use ossftp_core::{Answer, Entry, ErrorKind, FtpPath, StorageError};
use ossftp_oss::{ListObjects, ObjectMeta, ObjectPage};

use super::errors::{Action, is_missing, not_found, told};
use super::keys::name_in;
use super::memory::Listing;
use super::mount::{Calls, Mount};
use super::times;

/// How many entries a page has at most.
const PAGE: u32 = 1000;

/// A directory, or one file, that is being listed.
pub(crate) struct OssLister {
    mount: Arc<Mount>,
    calls: Calls,
    directory: String,
    /// The next entries, if they are there already.
    ready: Option<Vec<Entry>>,
    /// The token of the page after them.
    next: Option<String>,
    /// Directories that live on and have not been listed yet.
    living: BTreeSet<String>,
    /// What the session will remember.
    listing: Option<Listing>,
    hidden: u64,
    is_directory: bool,
}

impl OssLister {
    /// Asks for the first page of `path`. With `files_too` the one entry of a file is a listing.
    pub(crate) fn open(
        mount: &Arc<Mount>,
        calls: Calls,
        path: &FtpPath,
        files_too: bool,
    ) -> Result<Self, StorageError> {
        let directory = mount.keys.directory(path)?;
        let mut lister = Self {
            living: mount.memory().living_in(&directory),
            listing: Some(Listing::of(&directory)),
            mount: Arc::clone(mount),
            calls,
            directory,
            ready: None,
            next: None,
            hidden: 0,
            is_directory: true,
        };
        let is_there = lister.first_page()?;
        if !is_there && !lister.exists_in_memory() {
            lister.become_file(path, files_too)?;
        }
        Ok(lister)
    }

    /// Whether OSS has anything of the directory.
    fn first_page(&mut self) -> Result<bool, StorageError> {
        let mut page = self.ask(None)?;
        loop {
            let is_there = !page.objects.is_empty() || !page.common_prefixes.is_empty();
            // An empty page says nothing as long as there are more.
            if is_there || !page.is_truncated {
                self.ready = Some(self.take(page));
                return Ok(is_there);
            }
            page = self.ask(page.next)?;
        }
    }

    fn exists_in_memory(&self) -> bool {
        self.mount.keys.is_root(&self.directory)
            || !self.living.is_empty()
            || self.mount.memory().lives_on(&self.directory)
    }

    /// There is no such directory: perhaps a file.
    fn become_file(&mut self, path: &FtpPath, files_too: bool) -> Result<(), StorageError> {
        let key = self.mount.keys.file(path)?;
        let meta = match self.calls.bucket().head_object(&key) {
            Ok(meta) => meta,
            Err(error) if is_missing(&error) => return Err(not_found()),
            Err(error) => return Err(told(&error, Action::Read)),
        };
        if !files_too {
            return Err(StorageError::new(
                ErrorKind::NotADirectory,
                "This is a file, not a directory.",
            ));
        }
        self.is_directory = false;
        self.listing = None;
        self.ready = Some(vec![file_entry(&self.mount, path, &meta)]);
        Ok(())
    }

    fn ask(&self, token: Option<String>) -> Result<ObjectPage, StorageError> {
        let list = ListObjects {
            prefix: self.directory.clone(),
            delimiter: "/".to_owned(),
            continuation_token: token,
            max_keys: Some(PAGE),
            ..ListObjects::default()
        };
        let page = self.calls.bucket().list_objects_v2(&list);
        page.map_err(|error| told(&error, Action::List))
    }

    /// The entries of a page, in the order of their keys.
    fn take(&mut self, page: ObjectPage) -> Vec<Entry> {
        self.next = page.next.filter(|_| page.is_truncated);
        let mut entries = Vec::with_capacity(page.objects.len() + page.common_prefixes.len());
        for object in page.objects {
            if object.key == self.directory {
                continue;
            }
            let modified = Some(object.last_modified).filter(|at| *at != 0);
            match self.name(&object.key, false) {
                Some(name) => entries.push(Entry::file(name, object.size, modified)),
                None => self.hidden += 1,
            }
        }
        for prefix in page.common_prefixes {
            match self.name(&prefix, true) {
                Some(name) => entries.push(Entry::directory(name, None)),
                None => self.hidden += 1,
            }
        }
        // A file and a directory of the same name: the file first.
        entries.sort_by(|a, b| a.name.cmp(&b.name).then(a.is_dir().cmp(&b.is_dir())));
        if self.next.is_none() {
            self.end(&mut entries);
        }
        entries
    }

    fn name(&mut self, key: &str, is_directory: bool) -> Option<String> {
        let name = name_in(&self.directory, key)?;
        if is_directory {
            self.living.remove(name);
        }
        if let Some(listing) = &mut self.listing {
            listing.add(name, is_directory);
        }
        Some(name.to_owned())
    }

    /// The last page is there: adds what lives on, and remembers what was listed.
    fn end(&mut self, entries: &mut Vec<Entry>) {
        for name in std::mem::take(&mut self.living) {
            if let Some(listing) = &mut self.listing {
                listing.add(&name, true);
            }
            entries.push(Entry::directory(name, None));
        }
        if self.hidden > 0 {
            info!(
                "bucket {}: {} keys below {:?} have names that FTP cannot say, and are not listed",
                self.calls.bucket().name(),
                self.hidden,
                self.directory
            );
        }
        if let Some(listing) = self.listing.take() {
            self.mount.memory().listed(listing, Instant::now());
        }
    }

    /// At most `limit` entries in one answer, for STAT.
    pub(crate) fn collect(mut self, limit: usize) -> Result<Answer, StorageError> {
        let mut entries = Vec::new();
        while entries.len() <= limit
            && let Some(page) = self.next_page()?
        {
            entries.extend(page);
        }
        let more = entries.len() > limit;
        entries.truncate(limit);
        Ok(Answer::Listing {
            entries,
            more,
            directory: self.is_directory,
        })
    }

    /// The directory that is listed; `None` if it is a file.
    pub(crate) fn directory(&self) -> Option<&str> {
        self.is_directory.then_some(self.directory.as_str())
    }
}

impl Lister for OssLister {
    fn next_page(&mut self) -> Result<Option<Vec<Entry>>, StorageError> {
        self.calls.check()?;
        if let Some(entries) = self.ready.take() {
            return Ok(Some(entries));
        }
        let Some(token) = self.next.take() else {
            return Ok(None);
        };
        let page = self.ask(Some(token))?;
        Ok(Some(self.take(page)))
    }
}

/// The entry of a file that was asked for by its path.
pub(crate) fn file_entry(mount: &Mount, path: &FtpPath, meta: &ObjectMeta) -> Entry {
    Entry::file(path.name(), meta.size, times::shown(mount.config(), meta))
}
