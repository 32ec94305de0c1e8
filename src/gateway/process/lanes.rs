//! The threads that carry the requests of transfers side by side.
//!
//! Decides how many there are in the whole process, and that a thread that has nothing to do for a
//! while ends. Work that finds no thread is given back: its transfer does it by itself, so no
//! transfer ever waits for a thread. What the work is, is left to the transfers.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::gateway::lock;

/// A thread without work ends after this time.
const IDLE: Duration = Duration::from_secs(10);

type Work = Box<dyn FnOnce() + Send>;

/// A bounded set of threads. Clones share them.
#[derive(Clone)]
pub(crate) struct Lanes(Arc<Shared>);

struct Shared {
    limit: usize,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    threads: usize,
    idle: usize,
    /// Never longer than `idle`.
    queue: VecDeque<Work>,
}

impl Lanes {
    /// At most `limit` threads; none is started before there is work.
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Shared {
            limit,
            state: Mutex::default(),
            wake: Condvar::new(),
        }))
    }

    /// Does `work` on another thread, at once.
    ///
    /// # Errors
    /// The work itself, if all threads are busy and no more may or can be started.
    pub(crate) fn start<F: FnOnce() + Send + 'static>(&self, work: F) -> Result<(), F> {
        let mut state = lock(&self.0.state);
        if state.idle > state.queue.len() {
            state.queue.push_back(Box::new(work));
            drop(state);
            self.0.wake.notify_one();
            return Ok(());
        }
        if state.threads >= self.0.limit {
            return Err(work);
        }
        state.threads += 1;
        drop(state);
        // The work must come back if there is no thread for it.
        let slot = Arc::new(Mutex::new(Some(work)));
        let (shared, first) = (Arc::clone(&self.0), Arc::clone(&slot));
        let builder = thread::Builder::new().name("oss-transfer".to_owned());
        let spawned = builder.spawn(move || {
            let leave = Leave(shared);
            let work = lock(&first).take();
            if let Some(work) = work {
                work();
            }
            leave.0.run();
        });
        match spawned {
            Ok(_) => Ok(()),
            Err(error) => {
                log::warn!("no thread for a transfer: {error}");
                lock(&self.0.state).threads -= 1;
                let work = lock(&slot).take();
                work.map_or(Ok(()), Err)
            }
        }
    }
}

impl Shared {
    /// Does what comes until nothing has come for a while.
    fn run(&self) {
        let mut state = lock(&self.state);
        loop {
            state.idle += 1;
            let (guard, _) = self
                .wake
                .wait_timeout_while(state, IDLE, |state| state.queue.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            state = guard;
            state.idle -= 1;
            let Some(work) = state.queue.pop_front() else {
                return;
            };
            drop(state);
            work();
            state = lock(&self.state);
        }
    }
}

/// Counts a thread out, also when its work panicked.
struct Leave(Arc<Shared>);

impl Drop for Leave {
    fn drop(&mut self) {
        lock(&self.0.state).threads -= 1;
    }
}

impl std::fmt::Debug for Lanes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lanes")
            .field("limit", &self.0.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn work_without_a_thread_comes_back() {
        let lanes = Lanes::new(2);
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let (tell, done) = mpsc::channel();
        for _ in 0..2 {
            let (gate, tell) = (Arc::clone(&gate), tell.clone());
            let started = lanes.start(move || {
                let _ = lock(&gate).recv();
                tell.send(()).unwrap();
            });
            assert!(started.is_ok());
        }
        assert!(lanes.start(|| {}).is_err());
        for _ in 0..2 {
            open.send(()).unwrap();
            done.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        assert!(Lanes::new(0).start(|| {}).is_err());
    }

    #[test]
    fn a_panic_costs_its_thread_only() {
        let lanes = Lanes::new(1);
        assert!(lanes.start(|| panic!("on purpose")).is_ok());
        let (tell, done) = mpsc::channel();
        // Until the thread that panicked has been counted out.
        let work = || {
            let tell = tell.clone();
            move || tell.send(()).unwrap()
        };
        while lanes.start(work()).is_err() {
            thread::yield_now();
        }
        done.recv_timeout(Duration::from_secs(10)).unwrap();
    }
}
