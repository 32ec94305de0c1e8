//! Doing many things of one kind side by side.
//!
//! Decides that the caller works too, that others help only where the process has threads to
//! spare, and that the first failure ends it all. What is done is left to the callers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use ossftp_core::{ErrorKind, StorageError};

use crate::gateway::lock;
use crate::gateway::process::lanes::Lanes;

/// Does `work` for each item, at most `limit` at a time, until one fails. Returns the first
/// failure, when all that were under way have ended. Then nothing of `items` and `work` is kept.
///
/// Never waits for a thread: without one the caller does it all, one after the other.
pub(crate) fn at_once<I, F>(
    lanes: &Lanes,
    limit: usize,
    items: I,
    work: F,
) -> Result<(), StorageError>
where
    I: IntoIterator,
    I::IntoIter: Send + 'static,
    F: Fn(I::Item) -> Result<(), StorageError> + Send + Sync + 'static,
{
    let items = items.into_iter();
    let most = items.size_hint().1.unwrap_or(usize::MAX);
    let job = Arc::new(Job {
        items: Mutex::new(items),
        work,
        failed: AtomicBool::new(false),
        failure: Mutex::new(None),
    });
    let crew = Arc::new(Crew::default());
    for _ in 1..limit.min(most) {
        lock(&crew.state).helpers += 1;
        let helper = Helper {
            job: Arc::clone(&job),
            _leave: Leave(Arc::clone(&crew)),
        };
        if lanes.start(move || helper.help()).is_err() {
            break;
        }
    }
    job.run();
    let broken = crew.wait();
    let failure = lock(&job.failure).take();
    let broken = broken.then(|| {
        let sentence = "The server failed inside.";
        StorageError::new(ErrorKind::Unavailable, sentence)
    });
    failure.or(broken).map_or(Ok(()), Err)
}

struct Job<I, F> {
    items: Mutex<I>,
    work: F,
    failed: AtomicBool,
    failure: Mutex<Option<StorageError>>,
}

impl<I: Iterator, F: Fn(I::Item) -> Result<(), StorageError>> Job<I, F> {
    fn run(&self) {
        while !self.failed.load(Ordering::Relaxed) {
            let Some(item) = lock(&self.items).next() else {
                return;
            };
            if let Err(error) = (self.work)(item) {
                self.failed.store(true, Ordering::Relaxed);
                lock(&self.failure).get_or_insert(error);
            }
        }
    }
}

/// One that helps. Its share of the job goes before it is counted out.
struct Helper<I, F> {
    job: Arc<Job<I, F>>,
    _leave: Leave,
}

impl<I: Iterator, F: Fn(I::Item) -> Result<(), StorageError>> Helper<I, F> {
    fn help(self) {
        self.job.run();
    }
}

#[derive(Default)]
struct Crew {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Default)]
struct State {
    helpers: usize,
    broken: bool,
}

impl Crew {
    /// Waits until nobody helps any more. Returns whether one of them panicked.
    fn wait(&self) -> bool {
        let state = self
            .left
            .wait_while(lock(&self.state), |state| state.helpers > 0)
            .unwrap_or_else(PoisonError::into_inner);
        state.broken
    }
}

/// Counts a helper out, also when its work panicked.
struct Leave(Arc<Crew>);

impl Drop for Leave {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.helpers -= 1;
        state.broken |= thread::panicking();
        drop(state);
        self.0.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn all_items_are_worked_on_once() {
        for threads in [0, 2, 8] {
            let sum = Arc::new(AtomicUsize::new(0));
            let total = Arc::clone(&sum);
            at_once(&Lanes::new(threads), 4, 1..=100, move |i: usize| {
                total.fetch_add(i, Ordering::Relaxed);
                Ok(())
            })
            .unwrap();
            // The work is gone, and what it held with it.
            assert_eq!(
                Arc::into_inner(sum).map(AtomicUsize::into_inner),
                Some(5050)
            );
        }
        at_once(&Lanes::new(1), 4, Vec::new(), |(): ()| Ok(())).unwrap();
    }

    #[test]
    fn the_first_failure_ends_it() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let error = at_once(&Lanes::new(4), 1, vec![1, 2, 3], move |i| {
            counted.fetch_add(1, Ordering::Relaxed);
            if i == 2 {
                return Err(StorageError::new(ErrorKind::Busy, "two"));
            }
            Ok(())
        });
        assert_eq!(error.unwrap_err().message, "two");
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_helper_that_panics_is_a_failure() {
        let meet = Arc::new(Barrier::new(2));
        let caller = thread::current().id();
        let result = at_once(&Lanes::new(1), 2, 0..2, move |_| {
            // Both have one item, so one of them is the helper's.
            meet.wait();
            assert_eq!(thread::current().id(), caller, "on purpose");
            Ok(())
        });
        assert_eq!(result.unwrap_err().kind, ErrorKind::Unavailable);
    }
}
