//! Carries a driver's cancel over to the OSS client.
//!
//! A driver sets a flag and wakes nobody; the client's own handle shuts down the socket that a
//! call waits on. One thread for all sessions looks at the flags of the calls under way, ten times
//! a second, and ends when there has been none for a while.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use log::warn;
use ossftp_core::driver::Cancel;

/// How often the flags are looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long the thread waits for a call to look after before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// Looks after the calls under way. Clones are the same watcher.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watcher(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: bool,
    next: u64,
    links: Vec<(u64, Cancel, ossftp_oss::Cancel)>,
}

impl Watcher {
    /// Ties `cancel` to a handle for calls, for as long as the link is kept.
    pub(crate) fn link(&self, cancel: &Cancel) -> Link {
        let handle = ossftp_oss::Cancel::new();
        if cancel.is_cancelled() {
            handle.cancel();
        }
        let mut state = self.0.lock();
        state.next += 1;
        let id = state.next;
        state.links.push((id, cancel.clone(), handle.clone()));
        if !state.running {
            let shared = Arc::clone(&self.0);
            let builder = thread::Builder::new().name("oss-cancel".to_owned());
            match builder.spawn(move || shared.watch()) {
                Ok(_) => state.running = true,
                Err(error) => warn!("no thread to cancel OSS requests with: {error}"),
            }
        }
        drop(state);
        self.0.wake.notify_one();
        Link {
            watcher: self.clone(),
            id,
            cancel: cancel.clone(),
            handle,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) {
        let mut state = self.lock();
        loop {
            if state.links.is_empty() {
                let wait = self
                    .wake
                    .wait_timeout_while(state, IDLE, |state| state.links.is_empty());
                state = wait.unwrap_or_else(PoisonError::into_inner).0;
                if state.links.is_empty() {
                    state.running = false;
                    return;
                }
            }
            let due = state
                .links
                .extract_if(.., |(_, flag, _)| flag.is_cancelled());
            let due: Vec<_> = due.collect();
            drop(state);
            for (_, _, handle) in due {
                handle.cancel();
            }
            thread::sleep(TICK);
            state = self.lock();
        }
    }
}

/// A handle for calls that is cancelled soon after the driver's flag is set.
#[derive(Debug)]
pub(crate) struct Link {
    watcher: Watcher,
    id: u64,
    cancel: Cancel,
    handle: ossftp_oss::Cancel,
}

impl Link {
    /// The handle.
    pub(crate) fn handle(&self) -> ossftp_oss::Cancel {
        self.handle.clone()
    }

    /// Whether the driver's flag is set; true a little earlier than the handle is cancelled.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut state = self.watcher.0.lock();
        state.links.retain(|(id, _, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn the_flag_reaches_the_handle() {
        let watcher = Watcher::default();
        let (first, second) = (Cancel::new(), Cancel::new());
        let (one, two) = (watcher.link(&first), watcher.link(&second));
        first.cancel();
        let until = Instant::now() + Duration::from_secs(10);
        while !one.handle().is_cancelled() {
            assert!(Instant::now() < until);
            thread::yield_now();
        }
        assert!(!two.handle().is_cancelled());
        assert!(watcher.link(&first).handle().is_cancelled());
        drop(two);
        drop(one);
        assert!(watcher.0.lock().links.is_empty());
    }
}
