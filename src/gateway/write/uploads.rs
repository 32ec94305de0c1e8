//! The multipart uploads of a process that are not over.
//!
//! Decides that each of them is known until it is completed, aborted or left to be gone on with,
//! and that aborts happen behind the back of the client, who need not wait for them (DESIGN 7.11).
//! An upload often breaks off because OSS is out of reach, and then its abort would fail too: it is
//! asked for again later, with growing pauses, as long as the process lives.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use log::{debug, warn};
use ossftp_oss::{Bucket, Error};

use crate::gateway::lock;

/// So many uploads wait for their abort at most; whoever comes then aborts by itself.
const MAX_WAITING: usize = 1_024;
/// The pauses in seconds between the tries of an abort, each of which has the client's own tries.
/// After the last one it is given up.
const PAUSES: [u64; 7] = [1, 5, 30, 120, 600, 1_800, 3_600];

/// The unfinished uploads. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uploads(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The ids of those that this process has begun or gone on with, and how many writers have
    /// each: two while one takes over from another.
    open: BTreeMap<String, usize>,
    /// Work that may still begin one.
    held: usize,
    aborts: VecDeque<Waiting>,
    /// The ids of those that are to be aborted, or are being so.
    given_up: BTreeSet<String>,
    has_thread: bool,
    /// How many wait for the end of it all: then there are no pauses.
    drains: usize,
}

/// An abort that is to be asked for.
#[derive(Debug)]
struct Waiting {
    abort: Abort,
    /// How often it was asked for in vain.
    failures: usize,
    due: Instant,
}

/// An upload to be thrown away.
#[derive(Debug)]
pub(crate) struct Abort {
    /// The bucket, through a client that nothing cancels and that has a deadline.
    pub(crate) bucket: Bucket,
    pub(crate) key: String,
    pub(crate) id: String,
}

impl Uploads {
    /// Takes an upload for this process's own. `false` if it is already.
    #[must_use]
    pub(crate) fn take(&self, id: &str) -> bool {
        let mut state = self.state();
        let is_new = !state.open.contains_key(id);
        if is_new {
            state.open.insert(id.to_owned(), 1);
        }
        is_new
    }

    /// Goes on with an upload, beside another writer of this process if one has it.
    pub(crate) fn join(&self, id: &str) {
        *self.state().open.entry(id.to_owned()).or_default() += 1;
    }

    /// It is over, or left in OSS to be gone on with.
    pub(crate) fn end(&self, id: &str) {
        let mut state = self.state();
        if let Some(writers) = state.open.get_mut(id) {
            *writers -= 1;
            if *writers == 0 {
                state.open.remove(id);
            }
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// Whether this process has it under way.
    pub(crate) fn is_open(&self, id: &str) -> bool {
        self.state().open.contains_key(id)
    }

    /// Whether this process is about to throw it away: nobody is to go on with it.
    pub(crate) fn is_given_up(&self, id: &str) -> bool {
        self.state().given_up.contains(id)
    }

    /// Counts as an unfinished upload as long as it is kept.
    pub(crate) fn hold(&self) -> Hold {
        self.state().held += 1;
        Hold(self.clone())
    }

    /// Aborts an upload, and ends it then: on a thread of its own if there can be one, and if not
    /// too many wait for it.
    pub(crate) fn abort(&self, abort: Abort) {
        let waiting = Waiting {
            abort,
            failures: 0,
            due: Instant::now(),
        };
        let mut state = self.state();
        state.given_up.insert(waiting.abort.id.clone());
        if state.aborts.len() >= MAX_WAITING {
            drop(state);
            return self.perform(waiting);
        }
        state.aborts.push_back(waiting);
        if state.has_thread {
            drop(state);
            return self.0.changed.notify_all();
        }
        state.has_thread = true;
        drop(state);
        let uploads = self.clone();
        let builder = thread::Builder::new().name("oss-abort".to_owned());
        if let Err(error) = builder.spawn(move || uploads.run()) {
            warn!("no thread for aborts: {error}");
            let mut state = self.state();
            state.has_thread = false;
            let due = std::mem::take(&mut state.aborts);
            drop(state);
            // What cannot be done now waits for the next one's thread.
            due.into_iter().for_each(|waiting| self.perform(waiting));
        }
    }

    /// Waits until all uploads are over, `timeout` at most. Says whether they are.
    pub(crate) fn drain(&self, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        let mut state = self.state();
        state.drains += 1;
        self.0.changed.notify_all();
        let is_over = loop {
            if state.open.is_empty() && state.held == 0 {
                break true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break false;
            }
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        state.drains -= 1;
        is_over
    }

    /// Aborts one after the other until there are no more.
    fn run(&self) {
        // Whatever becomes of this thread, the next abort has one.
        struct Leave<'a>(&'a Uploads);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.state().has_thread = false;
            }
        }
        let leave = Leave(self);
        let mut state = self.state();
        loop {
            let next = state.aborts.iter().enumerate().min_by_key(|(_, w)| w.due);
            let Some((place, due)) = next.map(|(place, waiting)| (place, waiting.due)) else {
                // With the lock held, so that nobody counts on a thread that ends.
                state.has_thread = false;
                drop(state);
                std::mem::forget(leave);
                return;
            };
            let left = due.saturating_duration_since(Instant::now());
            if !left.is_zero() && state.drains == 0 {
                let waited = self.0.changed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let waiting = state.aborts.remove(place);
            drop(state);
            if let Some(waiting) = waiting {
                self.perform(waiting);
            }
            state = self.state();
        }
    }

    /// Asks for an abort, which ends the upload, or puts it off.
    fn perform(&self, mut waiting: Waiting) {
        let Abort { bucket, key, id } = &waiting.abort;
        let error = match bucket.abort_multipart(key, id) {
            Ok(()) => return self.settled(id),
            Err(error) if error.code() == "NoSuchUpload" => return self.settled(id),
            Err(error) => error,
        };
        let is_passing = error.retryable() || error == Error::DeadlineExceeded;
        let pause = PAUSES.get(waiting.failures).filter(|_| is_passing);
        let mut state = self.state();
        let (Some(pause), true) = (pause, state.aborts.len() < MAX_WAITING) else {
            drop(state);
            warn!(
                "upload {id} of {key:?} in bucket {} was not aborted and its parts stay: {error}",
                bucket.name()
            );
            return self.settled(id);
        };
        debug!("the abort of upload {id} waits {pause} s after: {error}");
        waiting.failures += 1;
        waiting.due = Instant::now() + Duration::from_secs(*pause);
        state.aborts.push_back(waiting);
    }

    /// It is aborted, or stays where it is.
    fn settled(&self, id: &str) {
        self.state().given_up.remove(id);
        self.end(id);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}

/// Work that may still begin an upload.
pub(crate) struct Hold(Uploads);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.state().held -= 1;
        self.0.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drained_when_all_are_over() {
        let uploads = Uploads::default();
        assert!(uploads.drain(Duration::ZERO));
        assert!(uploads.take("a") && !uploads.take("a"));
        assert!(uploads.is_open("a") && !uploads.is_open("b"));
        assert!(!uploads.drain(Duration::ZERO));
        let hold = uploads.hold();
        uploads.join("a");
        uploads.end("a");
        assert!(uploads.is_open("a"));
        uploads.end("a");
        assert!(!uploads.drain(Duration::ZERO));
        let waiting = uploads.clone();
        let waiter = thread::spawn(move || waiting.drain(Duration::from_secs(60)));
        drop(hold);
        assert!(waiter.join().unwrap());
    }
}
