//! A storage that hangs or panics where a scenario wants it to.

use super::DEADLINE;
use ossftp_core::driver::{
    Cancel, Lister, LoginRequest, ObjectReader, ObjectWriter, Storage, Volume,
};
use ossftp_core::{Answer, FtpPath, LoginInfo, Operation, StorageError, StoreMode};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A door at which threads wait until it is opened, whatever their cancel flag says.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    waiting: usize,
}

impl Gate {
    /// From now on whoever comes waits.
    pub(crate) fn close(&self) {
        self.state().closed = true;
    }

    /// Lets all through.
    pub(crate) fn open(&self) {
        self.state().closed = false;
        self.changed.notify_all();
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting
    }

    fn pass(&self) {
        let mut state = self.state();
        state.waiting += 1;
        let mut state = self
            .changed
            .wait_while(state, |state| state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a [`Gated`] storage waits.
#[derive(Clone, Default)]
pub(crate) struct Gates {
    /// Before a transfer is opened.
    pub(crate) open: Arc<Gate>,
    /// Before each chunk of a download.
    pub(crate) fill: Arc<Gate>,
    /// Before a commit.
    pub(crate) commit: Arc<Gate>,
}

/// `S` with gates. It panics when a directory `/panic` is to be made, and makes `/held` only when
/// nobody wants it any more.
pub(crate) struct Gated<S> {
    pub(crate) storage: S,
    pub(crate) gates: Gates,
}

struct GatedVolume(Arc<dyn Volume>, Gates);
struct GatedReader(Box<dyn ObjectReader>, Gates);
struct GatedWriter(Box<dyn ObjectWriter>, Gates);

impl<S: Storage> Storage for Gated<S> {
    fn login(
        &self,
        request: &LoginRequest,
        cancel: &Cancel,
    ) -> Result<(Arc<dyn Volume>, LoginInfo), StorageError> {
        let (volume, info) = self.storage.login(request, cancel)?;
        Ok((Arc::new(GatedVolume(volume, self.gates.clone())), info))
    }
}

impl Volume for GatedVolume {
    fn perform(&self, operation: &Operation, cancel: &Cancel) -> Result<Answer, StorageError> {
        if let Operation::MakeDirectory(path) = operation {
            assert_ne!(path.as_bytes(), b"/panic", "as the scenario asked for");
            if path.as_bytes() == b"/held" {
                let (wake, woken) = channel();
                let _hook = cancel.on_cancel(move || {
                    let _ = wake.send(());
                });
                woken.recv_timeout(DEADLINE).expect("it is cancelled");
            }
        }
        self.0.perform(operation, cancel)
    }

    fn open_read(
        &self,
        path: &FtpPath,
        offset: u64,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectReader>, StorageError> {
        self.1.open.pass();
        let reader = self.0.open_read(path, offset, cancel)?;
        Ok(Box::new(GatedReader(reader, self.1.clone())))
    }

    fn open_write(
        &self,
        path: &FtpPath,
        mode: StoreMode,
        expected: Option<u64>,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.1.open.pass();
        let writer = self.0.open_write(path, mode, expected, cancel)?;
        Ok(Box::new(GatedWriter(writer, self.1.clone())))
    }

    fn open_list(
        &self,
        path: &FtpPath,
        files_too: bool,
        cancel: &Cancel,
    ) -> Result<Box<dyn Lister>, StorageError> {
        self.1.open.pass();
        self.0.open_list(path, files_too, cancel)
    }
}

impl ObjectReader for GatedReader {
    fn remaining(&self) -> Option<u64> {
        self.0.remaining()
    }

    fn fill(&mut self) -> Result<&[u8], StorageError> {
        self.1.fill.pass();
        self.0.fill()
    }

    fn consume(&mut self, count: usize) {
        self.0.consume(count);
    }
}

impl ObjectWriter for GatedWriter {
    fn space(&mut self) -> Result<&mut [u8], StorageError> {
        self.0.space()
    }

    fn filled(&mut self, count: usize) -> Result<(), StorageError> {
        self.0.filled(count)
    }

    fn commit(self: Box<Self>) -> Result<(), StorageError> {
        self.1.commit.pass();
        self.0.commit()
    }

    fn discard(self: Box<Self>) {
        self.0.discard();
    }
}
