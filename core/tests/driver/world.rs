//! The memory store with something happening at its doors.

use ossftp_core::driver::{
    Cancel, Lister, LoginRequest, ObjectReader, ObjectWriter, Storage, Volume,
};
use ossftp_core::sim::MemoryStore;
use ossftp_core::{Answer, FtpPath, LoginInfo, Operation, StorageError, StoreMode};
use std::sync::{Arc, Mutex};

type Hook = Arc<dyn Fn(&str, &Cancel) + Send + Sync>;

/// The store, and what happens whenever it is asked: the hook hears which door it is (`login`,
/// `perform`, `open`, `opened`, `fill`, `filled`, `commit`) and gets the flag of who asks.
pub(crate) struct World {
    store: MemoryStore,
    hook: Hook,
    /// The logins that were asked for.
    pub(crate) logins: Arc<Mutex<Vec<LoginRequest>>>,
}

impl World {
    pub(crate) fn new(
        store: &MemoryStore,
        hook: impl Fn(&str, &Cancel) + Send + Sync + 'static,
    ) -> Self {
        Self {
            store: store.clone(),
            hook: Arc::new(hook),
            logins: Arc::default(),
        }
    }

    /// One that panics at this door.
    pub(crate) fn panicking(store: &MemoryStore, at: &'static str) -> Self {
        Self::new(store, move |door, _| {
            assert!(door != at, "as the test wants it");
        })
    }

    /// One that says at which doors it was asked.
    pub(crate) fn listening(store: &MemoryStore) -> (Self, Arc<Mutex<Vec<String>>>) {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&asked);
        let hook = move |door: &str, _: &Cancel| heard.lock().unwrap().push(door.to_owned());
        (Self::new(store, hook), asked)
    }
}

impl Storage for World {
    fn login(
        &self,
        request: &LoginRequest,
        cancel: &Cancel,
    ) -> Result<(Arc<dyn Volume>, LoginInfo), StorageError> {
        (self.hook)("login", cancel);
        self.logins.lock().unwrap().push(request.clone());
        let (volume, info) = self.store.login(request, cancel)?;
        let hook = Arc::clone(&self.hook);
        Ok((Arc::new(Rooms { volume, hook }), info))
    }
}

struct Rooms {
    volume: Arc<dyn Volume>,
    hook: Hook,
}

impl Volume for Rooms {
    fn perform(&self, operation: &Operation, cancel: &Cancel) -> Result<Answer, StorageError> {
        (self.hook)("perform", cancel);
        self.volume.perform(operation, cancel)
    }

    fn open_read(
        &self,
        path: &FtpPath,
        offset: u64,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectReader>, StorageError> {
        (self.hook)("open", cancel);
        Ok(Box::new(Reader {
            inner: self.volume.open_read(path, offset, cancel)?,
            hook: Arc::clone(&self.hook),
            cancel: cancel.clone(),
        }))
    }

    fn open_write(
        &self,
        path: &FtpPath,
        mode: StoreMode,
        expected: Option<u64>,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectWriter>, StorageError> {
        (self.hook)("open", cancel);
        let inner = self.volume.open_write(path, mode, expected, cancel)?;
        (self.hook)("opened", cancel);
        Ok(Box::new(Writer {
            inner,
            hook: Arc::clone(&self.hook),
            cancel: cancel.clone(),
        }))
    }

    fn open_list(
        &self,
        path: &FtpPath,
        files_too: bool,
        cancel: &Cancel,
    ) -> Result<Box<dyn Lister>, StorageError> {
        (self.hook)("open", cancel);
        self.volume.open_list(path, files_too, cancel)
    }
}

struct Reader {
    inner: Box<dyn ObjectReader>,
    hook: Hook,
    cancel: Cancel,
}

impl ObjectReader for Reader {
    fn remaining(&self) -> Option<u64> {
        self.inner.remaining()
    }

    fn fill(&mut self) -> Result<&[u8], StorageError> {
        (self.hook)("fill", &self.cancel);
        self.inner.fill()
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
    }
}

struct Writer {
    inner: Box<dyn ObjectWriter>,
    hook: Hook,
    cancel: Cancel,
}

impl ObjectWriter for Writer {
    fn space(&mut self) -> Result<&mut [u8], StorageError> {
        self.inner.space()
    }

    fn filled(&mut self, count: usize) -> Result<(), StorageError> {
        (self.hook)("filled", &self.cancel);
        self.inner.filled(count)
    }

    fn commit(self: Box<Self>) -> Result<(), StorageError> {
        (self.hook)("commit", &self.cancel);
        self.inner.commit()
    }

    fn discard(self: Box<Self>) {
        self.inner.discard();
    }
}
