//! "Nobody waits for this any more": a flag between threads, and whom it wakes.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A flag that one thread sets and another looks at.
///
/// Clones share the flag. A storage looks at it between requests and between chunks, and gives
/// up with [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled). Where it blocks longer than
/// that, it has itself woken by [`Cancel::on_cancel`].
///
/// ```
/// use ossftp_core::driver::Cancel;
/// use std::sync::mpsc::channel;
///
/// let cancel = Cancel::new();
/// let (wake, woken) = channel();
/// let hook = cancel.on_cancel(move || drop(wake.send(())));
/// cancel.clone().cancel();
/// assert!(cancel.is_cancelled() && woken.try_recv().is_ok());
/// drop(hook);
/// ```
#[derive(Clone, Default)]
pub struct Cancel(Arc<Shared>);

#[derive(Default)]
struct Shared {
    cancelled: AtomicBool,
    hooks: Mutex<Hooks>,
}

#[derive(Default)]
struct Hooks {
    next: u64,
    waiting: BTreeMap<u64, Box<dyn FnOnce() + Send>>,
}

impl Cancel {
    /// A flag that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets it, for all clones and for good, and runs the hooks on this thread.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        let waiting = core::mem::take(&mut self.hooks().waiting);
        for hook in waiting.into_values() {
            hook();
        }
    }

    /// Whether it is set.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// Runs `wake` once when the flag is set, at once if it is set already; not any more when
    /// the guard is dropped. `wake` runs on the thread that cancels, so it must not block.
    #[must_use = "dropping the guard takes the hook away"]
    pub fn on_cancel(&self, wake: impl FnOnce() + Send + 'static) -> OnCancel {
        let id = {
            let mut hooks = self.hooks();
            hooks.next += 1;
            let id = hooks.next;
            hooks.waiting.insert(id, Box::new(wake));
            id
        };
        // Whoever set the flag before the hook was there did not see it.
        if self.is_cancelled() {
            let hook = self.hooks().waiting.remove(&id);
            if let Some(hook) = hook {
                hook();
            }
        }
        let cancel = self.clone();
        OnCancel { cancel, id }
    }

    fn hooks(&self) -> MutexGuard<'_, Hooks> {
        self.0.hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}

/// Keeps a hook of [`Cancel::on_cancel`] in place.
#[derive(Debug)]
pub struct OnCancel {
    cancel: Cancel,
    id: u64,
}

impl Drop for OnCancel {
    fn drop(&mut self) {
        let hook = self.cancel.hooks().waiting.remove(&self.id);
        drop(hook);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicU32;

    fn counter() -> (Arc<AtomicU32>, impl FnOnce() + Send + 'static) {
        let count = Arc::new(AtomicU32::new(0));
        let hook = Arc::clone(&count);
        (count, move || {
            hook.fetch_add(1, Ordering::Relaxed);
        })
    }

    #[test]
    fn a_hook_runs_once() {
        let cancel = Cancel::new();
        let (count, hook) = counter();
        let _guard = cancel.on_cancel(hook);
        assert_eq!(count.load(Ordering::Relaxed), 0);
        cancel.cancel();
        cancel.cancel();
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn it_shows_whether_it_is_set() {
        let cancel = Cancel::new();
        let clone = cancel.clone();
        assert_eq!(alloc::format!("{clone:?}"), "Cancel(false)");
        cancel.cancel();
        assert_eq!(alloc::format!("{clone:?}"), "Cancel(true)");
    }

    #[test]
    fn a_hook_that_comes_late_runs_at_once() {
        let cancel = Cancel::new();
        cancel.cancel();
        let (count, hook) = counter();
        let _guard = cancel.on_cancel(hook);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_hook_that_was_taken_away_does_not_run() {
        let cancel = Cancel::new();
        let (count, hook) = counter();
        drop(cancel.on_cancel(hook));
        cancel.cancel();
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }
}
