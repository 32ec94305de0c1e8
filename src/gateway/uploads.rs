//! The multipart uploads of a process that are not over.
//!
//! Decides that each of them is known until it is completed, aborted or left to be gone on with,
//! and that aborts happen behind the back of the client, who need not wait for them (DESIGN 7.11).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use log::{debug, warn};
use ossftp_oss::Bucket;

use super::lock;

/// So many uploads wait for their abort at most; whoever comes then aborts by itself.
const MAX_WAITING: usize = 1_024;
/// How often an abort is asked for at most, each time with the client's own tries.
const TRIES: u32 = 3;

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
    aborts: VecDeque<Abort>,
    has_thread: bool,
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

    /// Counts as an unfinished upload as long as it is kept.
    pub(crate) fn hold(&self) -> Hold {
        self.state().held += 1;
        Hold(self.clone())
    }

    /// Aborts an upload, and ends it then: on a thread of its own if there can be one, and if not
    /// too many wait for it.
    pub(crate) fn abort(&self, abort: Abort) {
        let mut state = self.state();
        if state.aborts.len() >= MAX_WAITING {
            drop(state);
            return self.perform(&abort);
        }
        state.aborts.push_back(abort);
        if state.has_thread {
            return;
        }
        state.has_thread = true;
        drop(state);
        let uploads = self.clone();
        let builder = thread::Builder::new().name("oss-abort".to_owned());
        if let Err(error) = builder.spawn(move || uploads.run()) {
            warn!("no thread for aborts: {error}");
            self.run();
        }
    }

    /// Waits until all uploads are over, `timeout` at most. Says whether they are.
    pub(crate) fn drain(&self, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        let mut state = self.state();
        while !state.open.is_empty() || state.held > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Aborts one after the other until there are no more.
    fn run(&self) {
        loop {
            let mut state = self.state();
            let Some(abort) = state.aborts.pop_front() else {
                state.has_thread = false;
                return;
            };
            drop(state);
            self.perform(&abort);
        }
    }

    fn perform(&self, abort: &Abort) {
        let Abort { bucket, key, id } = abort;
        for attempt in 1..=TRIES {
            match bucket.abort_multipart(key, id) {
                Ok(()) => break,
                Err(error) if error.code() == "NoSuchUpload" => break,
                Err(error) if attempt == TRIES || !error.retryable() => {
                    warn!(
                        "upload {id} of {key:?} in bucket {} was not aborted and its parts stay: {error}",
                        bucket.name()
                    );
                    break;
                }
                Err(error) => debug!("abort again after: {error}"),
            }
        }
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
