//! Stopping a call from another thread.
//!
//! Decides how a call is told to stop: before its next try, in the pause before it, or in the middle of a read or
//! write, by shutting its socket down. When to stop is left to the caller.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ureq::unversioned::transport::ShutdownHandle;

/// A handle that stops all calls made with it. Clones are the same handle; it can't be taken back.
#[derive(Clone, Default)]
pub struct Cancel(Arc<State>);

#[derive(Default)]
struct State {
    cancelled: AtomicBool,
    sockets: Mutex<Sockets>,
    wake: Condvar,
}

/// The sockets that calls with this handle are using now.
#[derive(Default)]
struct Sockets {
    next: u64,
    open: Vec<(u64, Weak<dyn ShutdownHandle>)>,
}

impl Cancel {
    /// A handle that nothing uses yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the calls: pauses end, blocked reads and writes fail, and each call returns [`crate::Error::Cancelled`].
    /// Does not wait for them. Only a name look-up and a TCP connect go on until their own time is over.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        let sockets = std::mem::take(&mut self.lock().open);
        self.0.wake.notify_all();
        for (_, socket) in sockets {
            if let Some(socket) = socket.upgrade() {
                socket.shutdown();
            }
        }
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// Sleeps, but not after a cancel. Returns whether it was cancelled.
    pub(crate) fn sleep(&self, time: Duration) -> bool {
        let guard = self.lock();
        let _ = self
            .0
            .wake
            .wait_timeout_while(guard, time, |_| !self.is_cancelled());
        self.is_cancelled()
    }

    /// Has the socket shut down on cancel, until the registration is dropped.
    pub(crate) fn register(&self, socket: Weak<dyn ShutdownHandle>) -> Registration {
        let mut sockets = self.lock();
        sockets.next += 1;
        let id = sockets.next;
        sockets.open.push((id, socket.clone()));
        drop(sockets);
        // A cancel that came before the push has not seen this socket.
        if self.is_cancelled()
            && let Some(socket) = socket.upgrade()
        {
            socket.shutdown();
        }
        Registration {
            cancel: self.clone(),
            id,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sockets> {
        self.0
            .sockets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}

/// A socket in use by one call.
#[derive(Debug)]
pub(crate) struct Registration {
    cancel: Cancel,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.cancel.lock().open.retain(|(id, _)| *id != self.id);
    }
}
