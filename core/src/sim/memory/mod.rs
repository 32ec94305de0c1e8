//! A storage in memory: accounts, files and folders, deterministic to the last byte.
//!
//! [`MemoryStore`] behaves as an object store behind a gateway does: a file's parents need not
//! exist, a prefix with files below it is a directory, `MKD` makes a marker, and an upload is
//! seen only after its commit. A symbolic link stands for a file, as in OSS: it is followed by
//! what reads, and replaced or deleted by what writes.
//!
//! It is there for tests, for the simulator, and for who embeds the server and wants no cloud; it
//! is bounded, but it forgets everything when it is dropped.

mod fault;
mod operations;
mod stream;
mod tree;

pub use fault::Fault;

use super::model::Model;
use crate::driver::{
    Cancel, Lister, LoginRequest, ObjectReader, ObjectWriter, Storage, Volume, hash_file,
};
use crate::{
    Answer, Capabilities, ErrorKind, FtpPath, LoginInfo, Operation, StorageError, StoreMode,
};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use fault::Faults;
use std::sync::{Mutex, MutexGuard, PoisonError};
use stream::{Pages, Reader, Writer, check};
use tree::Tree;

/// Bytes of all names and contents, unless [`MemoryStore::with_capacity`] says another number.
const CAPACITY: usize = 256 * 1024 * 1024;

/// A storage in memory. Clones share it, so a test can look into the store that a server serves.
///
/// ```
/// use ossftp_core::sim::MemoryStore;
///
/// let store = MemoryStore::new()
///     .with_user("demo", "secret", true)
///     .with_file("/docs/a.txt", "hello");
/// assert_eq!(store.file("/docs/a.txt").as_deref(), Some(&b"hello"[..]));
/// assert!(store.directories().contains(&b"/docs"[..]));
/// ```
#[derive(Debug, Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    accounts: Arc<BTreeMap<Vec<u8>, Account>>,
    /// Entries of a page.
    page: usize,
    /// Bytes of a chunk.
    chunk: usize,
    capacity: usize,
    /// Of all logins.
    capabilities: Capabilities,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Shared with copies of the store until it changes.
    tree: Arc<Tree>,
    faults: Faults,
    unix: i64,
    open_uploads: usize,
}

#[derive(Clone)]
struct Account {
    password: Vec<u8>,
    writable: bool,
}

impl core::fmt::Debug for Account {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Account {{ writable: {} }}", self.writable)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the tree whole: no change to it is made in two steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The setting-up half. These take the store by value and are meant for one expression; on a
/// store that has been cloned already they make an independent copy.
impl MemoryStore {
    /// An empty store without accounts: pages of 1,000 entries, chunks of 64 KiB, room for
    /// 256 MiB, and a clock that stands at 1,700,000,000.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                accounts: Arc::default(),
                page: 1000,
                chunk: 64 * 1024,
                capacity: CAPACITY,
                capabilities: Capabilities::all(),
                state: Mutex::new(State {
                    tree: Arc::default(),
                    faults: Faults::default(),
                    unix: 1_700_000_000,
                    open_uploads: 0,
                }),
            }),
        }
    }

    fn configure(self, change: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = Arc::try_unwrap(self.shared).unwrap_or_else(|shared| shared.copy());
        change(&mut shared);
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Adds an account. All accounts see the same files.
    #[must_use]
    pub fn with_user(
        self,
        user: impl Into<Vec<u8>>,
        password: impl Into<Vec<u8>>,
        writable: bool,
    ) -> Self {
        let account = Account {
            password: password.into(),
            writable,
        };
        self.configure(|shared| {
            Arc::make_mut(&mut shared.accounts).insert(user.into(), account);
        })
    }

    /// Sets the number of entries of a listing's page, at least 1.
    #[must_use]
    pub fn with_page_size(self, entries: usize) -> Self {
        self.configure(|shared| shared.page = entries.max(1))
    }

    /// Sets the number of bytes that readers give and writers take at a time, at least 1. Those
    /// of less than 4 KiB double as a file goes on, to at most a sixteenth of what went before.
    #[must_use]
    pub fn with_chunk_size(self, bytes: usize) -> Self {
        self.configure(|shared| shared.chunk = bytes.max(1))
    }

    /// Sets how many bytes all names and contents together may have; beyond it uploads and new
    /// directories fail with [`ErrorKind::NoSpace`].
    #[must_use]
    pub fn with_capacity(self, bytes: usize) -> Self {
        self.configure(|shared| shared.capacity = bytes)
    }

    /// Sets what logins are told that this store can do; without it that is everything.
    #[must_use]
    pub fn with_capabilities(self, capabilities: Capabilities) -> Self {
        self.configure(|shared| shared.capabilities = capabilities)
    }

    /// Puts a file, as [`MemoryStore::put`] does.
    #[must_use]
    pub fn with_file(self, path: impl AsRef<[u8]>, bytes: impl Into<Vec<u8>>) -> Self {
        self.put(path, bytes);
        self
    }

    /// Makes an empty directory.
    #[must_use]
    pub fn with_directory(self, path: impl AsRef<[u8]>) -> Self {
        if let Ok(path) = FtpPath::root().join(path.as_ref()) {
            let mut state = self.shared.state();
            let now = state.unix;
            // One that is there already is what was asked for.
            let _ = state.tree_mut().make_directory(&path, now);
        }
        self
    }
}

/// The half for tests: to steer a store that is being served, and to look into it.
impl MemoryStore {
    /// Puts a file past all rights and faults; a path that FTP cannot name is ignored.
    pub fn put(&self, path: impl AsRef<[u8]>, bytes: impl Into<Vec<u8>>) {
        if let Ok(path) = FtpPath::root().join(path.as_ref())
            && !path.is_root()
        {
            let mut state = self.shared.state();
            let now = state.unix;
            let key = path.relative().to_vec();
            state.tree_mut().insert(key, Arc::new(bytes.into()), now);
        }
    }

    /// Sets the time, in Unix seconds, that changes from now on have happened at.
    pub fn set_time(&self, unix: i64) {
        self.shared.state().unix = unix;
    }

    /// Asks for one failure of `kind`. Failures at the same point come in the order in which
    /// they were asked for; one that was never reached stays asked for.
    pub fn fail_next(&self, at: Fault, kind: ErrorKind) {
        self.shared.state().faults.push(at, kind);
    }

    /// All files by absolute path, without symbolic links.
    #[must_use]
    pub fn files(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let state = self.shared.state();
        state
            .tree
            .objects()
            .filter(|(key, object)| !key.ends_with(b"/") && object.target.is_none())
            .map(|(key, object)| (absolute(key), object.bytes.to_vec()))
            .collect()
    }

    /// All symbolic links and what they point to, by absolute path.
    #[must_use]
    pub fn links(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let state = self.shared.state();
        let links = state.tree.objects().filter_map(|(key, object)| {
            let target = object.target.as_ref()?;
            Some((absolute(key), target.as_bytes().to_vec()))
        });
        links.collect()
    }

    /// The bytes of one file; links are followed.
    #[must_use]
    pub fn file(&self, path: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        let path = FtpPath::root().join(path.as_ref()).ok()?;
        let state = self.shared.state();
        state.tree.read(&path).map(|object| object.bytes.to_vec())
    }

    /// All directories by absolute path, without the root: those with a marker and those that
    /// only have files below them.
    #[must_use]
    pub fn directories(&self) -> BTreeSet<Vec<u8>> {
        let state = self.shared.state();
        let mut found = BTreeSet::new();
        for (key, _) in state.tree.objects() {
            let ends = key.iter().enumerate().filter(|(_, b)| **b == b'/');
            for (end, _) in ends {
                found.insert(absolute(key.get(..end).unwrap_or_default()));
            }
        }
        found
    }

    /// A store with the same accounts and files that goes its own way from here on.
    pub(super) fn copy(&self) -> Self {
        Self {
            shared: Arc::new(self.shared.copy()),
        }
    }

    /// Whether the model holds just these files and directories.
    pub(super) fn is(&self, model: &Model) -> bool {
        let state = self.shared.state();
        let objects = state.tree.objects();
        model.is(objects.map(|(key, object)| (key.as_slice(), object.bytes.as_slice())))
    }

    /// The passwords, to look for where they must not be.
    pub(super) fn passwords(&self) -> impl Iterator<Item = Vec<u8>> {
        self.shared.accounts.values().map(|a| a.password.clone())
    }

    /// How many uploads have been opened and neither committed nor discarded.
    #[must_use]
    pub fn open_uploads(&self) -> usize {
        self.shared.state().open_uploads
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    fn copy(&self) -> Self {
        let state = self.state();
        Self {
            accounts: Arc::clone(&self.accounts),
            page: self.page,
            chunk: self.chunk,
            capacity: self.capacity,
            capabilities: self.capabilities,
            state: Mutex::new(State {
                tree: Arc::clone(&state.tree),
                faults: Faults::default(),
                unix: state.unix,
                open_uploads: 0,
            }),
        }
    }
}

impl State {
    fn tree_mut(&mut self) -> &mut Tree {
        Arc::make_mut(&mut self.tree)
    }
}

fn absolute(key: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(key.len() + 1);
    path.push(b'/');
    path.extend_from_slice(key);
    path
}

impl Storage for MemoryStore {
    fn login(
        &self,
        request: &LoginRequest,
        cancel: &Cancel,
    ) -> Result<(Arc<dyn Volume>, LoginInfo), StorageError> {
        check(cancel)?;
        self.shared.state().faults.check(Fault::Login)?;
        let account = self.shared.accounts.get(&request.user);
        let known = account.filter(|a| a.password == request.password.expose());
        let Some(account) = known else {
            return Err(StorageError::new(ErrorKind::Denied, "Login incorrect."));
        };
        let mut info = LoginInfo::new("Welcome.");
        info.writable = account.writable;
        info.capabilities = self.shared.capabilities;
        let volume = MemoryVolume {
            shared: Arc::clone(&self.shared),
            writable: account.writable,
        };
        Ok((Arc::new(volume), info))
    }
}

/// What one account sees.
#[derive(Debug)]
struct MemoryVolume {
    shared: Arc<Shared>,
    writable: bool,
}

impl MemoryVolume {
    fn may_write(&self) -> Result<(), ErrorKind> {
        if self.writable {
            Ok(())
        } else {
            Err(ErrorKind::Denied)
        }
    }

    fn answer(&self, state: &mut State, operation: &Operation) -> Result<Answer, ErrorKind> {
        let now = state.unix;
        let tree = &state.tree;
        match operation {
            Operation::Stat(path) => {
                let entry = tree.entry(path).ok_or(ErrorKind::NotFound)?;
                return Ok(Answer::Entry(entry));
            }
            Operation::List { path, limit } => return list(tree, path, *limit),
            Operation::ChangeDirectory(path) => {
                if !tree.is_directory(path) {
                    return Err(match tree.file(path) {
                        Some(_) => ErrorKind::NotADirectory,
                        None => ErrorKind::NotFound,
                    });
                }
                return Ok(Answer::Done);
            }
            Operation::Space(path) => return operations::space(tree, path, self.shared.capacity),
            Operation::Restore(path) => return operations::restore(tree, path),
            _ => self.may_write()?,
        }
        let tree = state.tree_mut();
        match operation {
            Operation::MakeDirectory(path) => {
                let room = self.shared.capacity.saturating_sub(tree.used());
                if path.as_bytes().len() > room {
                    return Err(ErrorKind::NoSpace);
                }
                tree.make_directory(path, now)?;
            }
            Operation::RemoveDirectory(path) => tree.remove_directory(path, now)?,
            Operation::Delete(path) => tree.delete(path, now)?,
            Operation::Rename { from, to } => tree.rename(from, to, now)?,
            other => operations::change(tree, other, now, self.shared.capacity)?,
        }
        Ok(Answer::Done)
    }
}

/// A directory before a file of the same name, as for CWD.
fn list(tree: &Tree, path: &FtpPath, limit: usize) -> Result<Answer, ErrorKind> {
    if tree.is_directory(path) {
        let directory = tree::prefix(path);
        let (entries, next) = tree.page(&directory, directory.clone(), limit);
        return Ok(Answer::Listing {
            entries,
            more: next.is_some(),
            directory: true,
            hidden: 0,
        });
    }
    let entry = tree.entry(path).ok_or(ErrorKind::NotFound)?;
    Ok(Answer::Listing {
        entries: alloc::vec![entry],
        more: false,
        directory: false,
        hidden: 0,
    })
}

impl Volume for MemoryVolume {
    fn perform(&self, operation: &Operation, cancel: &Cancel) -> Result<Answer, StorageError> {
        check(cancel)?;
        let mut state = self.shared.state();
        state.faults.check(Fault::Perform)?;
        if let Operation::Hash {
            path,
            algorithm,
            range,
        } = operation
        {
            drop(state);
            return hash_file(self, path, *algorithm, *range, cancel);
        }
        self.answer(&mut state, operation).map_err(failure)
    }

    fn open_read(
        &self,
        path: &FtpPath,
        offset: u64,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectReader>, StorageError> {
        check(cancel)?;
        let mut state = self.shared.state();
        state.faults.check(Fault::Open)?;
        let Some(object) = state.tree.read(path) else {
            return Err(failure(if state.tree.is_directory(path) {
                ErrorKind::IsADirectory
            } else {
                ErrorKind::NotFound
            }));
        };
        let bytes = Arc::clone(&object.bytes);
        let at = usize::try_from(offset)
            .ok()
            .filter(|at| *at <= bytes.len())
            .ok_or_else(|| failure(ErrorKind::BadOffset))?;
        Ok(Box::new(Reader {
            bytes,
            at,
            chunk: self.shared.chunk,
            fault: state.faults.take_chunk(),
            cancel: cancel.clone(),
            given: false,
        }))
    }

    fn open_write(
        &self,
        path: &FtpPath,
        mode: StoreMode,
        _expected: Option<u64>,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectWriter>, StorageError> {
        check(cancel)?;
        self.may_write().map_err(failure)?;
        let mut state = self.shared.state();
        state.faults.check(Fault::Open)?;
        if state.tree.is_directory(path) {
            return Err(failure(ErrorKind::IsADirectory));
        }
        tree::check_key(path.relative()).map_err(failure)?;
        let old = state.tree.read(path).map(|o| o.bytes.as_slice());
        let old = old.unwrap_or_default();
        let kept = match mode {
            StoreMode::Replace => Vec::new(),
            StoreMode::New if state.tree.file(path).is_some() => {
                return Err(failure(ErrorKind::Exists));
            }
            StoreMode::New => Vec::new(),
            StoreMode::Append => old.to_vec(),
            StoreMode::At(offset) => usize::try_from(offset)
                .ok()
                .and_then(|end| old.get(..end))
                .ok_or_else(|| failure(ErrorKind::BadOffset))?
                .to_vec(),
        };
        state.open_uploads += 1;
        let fault = state.faults.take_chunk();
        drop(state);
        Ok(Box::new(Writer::new(
            &self.shared,
            path,
            kept,
            mode == StoreMode::New,
            fault,
            cancel,
        )))
    }

    fn open_list(
        &self,
        path: &FtpPath,
        files_too: bool,
        cancel: &Cancel,
    ) -> Result<Box<dyn Lister>, StorageError> {
        check(cancel)?;
        let mut state = self.shared.state();
        state.faults.check(Fault::Open)?;
        let directory = tree::prefix(path);
        let (ready, next) = if state.tree.is_directory(path) {
            state
                .tree
                .page(&directory, directory.clone(), self.shared.page)
        } else {
            match state.tree.entry(path) {
                Some(entry) if files_too => (alloc::vec![entry], None),
                Some(_) => return Err(failure(ErrorKind::NotADirectory)),
                None => return Err(failure(ErrorKind::NotFound)),
            }
        };
        Ok(Box::new(Pages {
            shared: Arc::clone(&self.shared),
            directory,
            ready: Some(ready),
            next,
            fault: state.faults.take_chunk(),
            cancel: cancel.clone(),
        }))
    }
}

/// The sentence that goes with a kind.
fn failure(kind: ErrorKind) -> StorageError {
    let sentence = match kind {
        ErrorKind::NotFound => "No such file or directory.",
        ErrorKind::Exists => "It exists already.",
        ErrorKind::NotEmpty => "The directory is not empty.",
        ErrorKind::NotADirectory => "That is not a directory.",
        ErrorKind::IsADirectory => "That is a directory.",
        ErrorKind::Denied => "Permission denied.",
        ErrorKind::BadName => "The store cannot hold that name.",
        ErrorKind::BadOffset => "The offset lies beyond the end of the file.",
        ErrorKind::Busy => "The store is busy, try again later.",
        ErrorKind::NoSpace => "The store is full.",
        ErrorKind::Cancelled => "Cancelled.",
        ErrorKind::Unsupported => "The store cannot do that.",
        ErrorKind::Unavailable => "The store failed.",
    };
    StorageError::new(kind, String::from(sentence))
}

#[cfg(test)]
mod tests;
