//! Listing a directory, page by page.
//!
//! Decides what stands in a listing: files, directories, and those that live on in the session's
//! memory; not the directory's own marker, nor keys that FTP cannot name, which are counted. A
//! symbolic link shows as what it points to. Memory does not grow with the directory, but for the
//! names that the session may remember of it: one page is held, and one is fetched ahead.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use log::info;
use ossftp_core::driver::Lister;
use ossftp_core::{Answer, Entry, ErrorKind, FtpPath, StorageError};
use ossftp_oss::{ListObjects, ObjectMeta, ObjectPage, ObjectSummary};

use crate::gateway::config::Mtime;
use crate::gateway::errors::{Action, is_missing, not_found, told};
use crate::gateway::keys::name_in;
use crate::gateway::memory::Listing;
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::times;

/// How many entries a page has at most.
const PAGE: u32 = 1000;

type Asked = Result<ObjectPage, StorageError>;

/// A directory, or one file, that is being listed.
pub(crate) struct OssLister {
    mount: Arc<Mount>,
    calls: Calls,
    directory: String,
    /// The next entries, if they are there already.
    ready: Option<Vec<Entry>>,
    /// Where the page after them comes from.
    next: Next,
    /// Whether the next page is fetched while this one is sent.
    ahead: bool,
    /// Directories that live on and have not been listed yet.
    living: BTreeSet<String>,
    /// What the session will remember.
    listing: Option<Listing>,
    hidden: u64,
    is_directory: bool,
}

/// The next page.
enum Next {
    /// There is none.
    Nothing,
    /// Its token; it has not been asked for.
    Token(String),
    /// Another thread asks for it.
    Coming(Receiver<Asked>),
}

impl OssLister {
    /// Asks for the first page of `path`. With `files_too` the one entry of a file is a listing.
    pub(crate) fn open(
        mount: &Arc<Mount>,
        calls: Calls,
        path: &FtpPath,
        files_too: bool,
    ) -> Result<Self, StorageError> {
        let mut lister = Self::of(mount, calls, mount.keys.directory(path)?);
        lister.ahead = true;
        lister.begin(path, files_too)?;
        Ok(lister)
    }

    /// At most `limit` entries of a directory, or the one of a file, in one answer: for STAT.
    pub(crate) fn collect(
        mount: &Arc<Mount>,
        calls: Calls,
        path: &FtpPath,
        limit: usize,
    ) -> Result<Answer, StorageError> {
        let mut lister = Self::of(mount, calls, mount.keys.directory(path)?);
        lister.begin(path, true)?;
        let mut entries = Vec::new();
        while entries.len() <= limit
            && let Some(page) = lister.next_page()?
        {
            entries.extend(page);
        }
        let more = entries.len() > limit;
        entries.truncate(limit);
        Ok(Answer::Listing {
            entries,
            more,
            directory: lister.is_directory,
            hidden: lister.hidden,
        })
    }

    fn of(mount: &Arc<Mount>, calls: Calls, directory: String) -> Self {
        Self {
            living: mount.memory().living_in(&directory),
            listing: Some(Listing::of(&directory)),
            mount: Arc::clone(mount),
            calls,
            directory,
            ready: None,
            next: Next::Nothing,
            ahead: false,
            hidden: 0,
            is_directory: true,
        }
    }

    fn begin(&mut self, path: &FtpPath, files_too: bool) -> Result<(), StorageError> {
        // The reply waits for what is asked here.
        let first = self.calls.before(self.mount.reply_by());
        let is_there = self.first_page(&first)?;
        if !is_there && !self.exists_in_memory() {
            self.become_file(&first, path, files_too)?;
        }
        Ok(())
    }

    /// Whether OSS has anything of the directory.
    fn first_page(&mut self, calls: &Calls) -> Result<bool, StorageError> {
        let mut page = ask(calls, &self.directory, None)?;
        loop {
            let is_there = !page.objects.is_empty() || !page.common_prefixes.is_empty();
            // An empty page says nothing as long as there are more.
            if is_there || !page.is_truncated {
                self.ready = Some(self.take(page)?);
                return Ok(is_there);
            }
            calls.check()?;
            page = ask(calls, &self.directory, page.next)?;
        }
    }

    fn exists_in_memory(&self) -> bool {
        self.mount.keys.is_root(&self.directory)
            || !self.living.is_empty()
            || self.mount.memory().lives_on(&self.directory)
    }

    /// There is no such directory: perhaps a file.
    fn become_file(
        &mut self,
        calls: &Calls,
        path: &FtpPath,
        files_too: bool,
    ) -> Result<(), StorageError> {
        let key = self.mount.keys.file(path)?;
        let meta = match calls.bucket().head_object(&key) {
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

    /// The entries of a page, in the order of their keys.
    fn take(&mut self, page: ObjectPage) -> Result<Vec<Entry>, StorageError> {
        // First, so that it is under way while this page is worked on.
        self.next = self.following(page.next.filter(|_| page.is_truncated));
        let mut entries = Vec::with_capacity(page.objects.len() + page.common_prefixes.len());
        let mut links = Vec::new();
        for object in page.objects {
            if object.key == self.directory {
                continue;
            }
            let modified = Some(object.last_modified).filter(|at| *at != 0);
            match self.name(&object.key, false) {
                // Its size is that of the link.
                Some(name) if is_link(&object) => links.push(Entry::file(name, 0, modified)),
                Some(name) => entries.push(Entry::file(name, object.size, modified)),
                None => self.hidden += 1,
            }
        }
        self.follow(&mut links)?;
        entries.append(&mut links);
        for prefix in page.common_prefixes {
            match self.name(&prefix, true) {
                Some(name) => entries.push(Entry::directory(name, None)),
                None => self.hidden += 1,
            }
        }
        // A file and a directory of the same name: the file first.
        entries.sort_by(|a, b| a.name.cmp(&b.name).then(a.is_dir().cmp(&b.is_dir())));
        if matches!(self.next, Next::Nothing) {
            self.end(&mut entries);
        }
        Ok(entries)
    }

    /// The page of this token, asked for by another thread if there is one.
    fn following(&self, token: Option<String>) -> Next {
        let Some(token) = token else {
            return Next::Nothing;
        };
        if !self.ahead {
            return Next::Token(token);
        }
        let (tell, coming) = mpsc::sync_channel(1);
        let (calls, directory) = (self.calls.clone(), self.directory.clone());
        let asked = token.clone();
        let started = self.mount.process.lanes.start(move || {
            // Nobody listens any more where the listing was given up.
            let _ = tell.send(ask(&calls, &directory, Some(asked)));
        });
        match started {
            Ok(()) => Next::Coming(coming),
            Err(_) => Next::Token(token),
        }
    }

    /// Shows links as what they point to; one that points nowhere as an empty file, so that it
    /// can be seen and deleted.
    fn follow(&self, links: &mut [Entry]) -> Result<(), StorageError> {
        // With that setting every file is asked for anyway.
        if links.is_empty() || self.mount.config().mtime == Mtime::Meta {
            return Ok(());
        }
        times::ask(&self.mount, &self.calls, &self.directory, links)
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
                "bucket {}: {} names in {:?} cannot be said in FTP, and are not listed",
                self.calls.bucket().name(),
                self.hidden,
                self.directory
            );
        }
        if let Some(listing) = self.listing.take() {
            self.mount.memory().listed(listing, Instant::now());
        }
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
        let page = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Nothing => return Ok(None),
            Next::Token(token) => ask(&self.calls, &self.directory, Some(token))?,
            // A cancel ends the request that is waited for.
            Next::Coming(page) => page.recv().unwrap_or_else(|_| Err(not_asked()))?,
        };
        self.take(page).map(Some)
    }

    fn hidden(&self) -> u64 {
        self.hidden
    }
}

/// One page of a directory.
fn ask(calls: &Calls, directory: &str, token: Option<String>) -> Asked {
    let list = ListObjects {
        prefix: directory.to_owned(),
        delimiter: "/".to_owned(),
        continuation_token: token,
        max_keys: Some(PAGE),
        ..ListObjects::default()
    };
    let page = calls.bucket().list_objects_v2(&list);
    let page = page.map_err(|error| told(&error, Action::List))?;
    check_progress(&list, &page)?;
    Ok(page)
}

/// A page that leads to itself would be listed for ever.
pub(crate) fn check_progress(list: &ListObjects, page: &ObjectPage) -> Result<(), StorageError> {
    if page.is_truncated && (page.next.is_none() || page.next == list.continuation_token) {
        return Err(StorageError::new(
            ErrorKind::Unavailable,
            "The answer of OSS makes no sense: the listing does not go on.",
        ));
    }
    Ok(())
}

/// The thread that was to ask is gone, and that is a fault of this program.
fn not_asked() -> StorageError {
    StorageError::new(ErrorKind::Unavailable, "The request to OSS failed.")
}

fn is_link(object: &ObjectSummary) -> bool {
    object.kind.as_deref() == Some("Symlink")
}

/// The entry of a file that was asked for by its path.
pub(crate) fn file_entry(mount: &Mount, path: &FtpPath, meta: &ObjectMeta) -> Entry {
    Entry::file(path.name(), meta.size, times::shown(mount.config(), meta))
}
