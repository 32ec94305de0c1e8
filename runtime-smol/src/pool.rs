//! A bounded pool of threads for work that blocks.
//!
//! It decides when a thread is started and ended and when work is refused; what the work is, and
//! who is told of its end, is its owner's matter. Not the `blocking` crate's pool: that one is
//! one for the whole process, and transfers that stall there would hold up logins.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A thread without work ends after so long.
const IDLE: Duration = Duration::from_secs(10);

/// Something to be done on a thread of the pool.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// Threads that grow on demand to a limit, and a bounded queue before them.
pub(crate) struct Pool {
    name: &'static str,
    limit: usize,
    queue_limit: usize,
    state: Mutex<State>,
    work: Condvar,
    quiet: Condvar,
}

#[derive(Default)]
struct State {
    urgent: VecDeque<Work>,
    queue: VecDeque<Work>,
    /// Work that was taken on and is not finished, queued work included.
    pending: usize,
    threads: usize,
    closed: bool,
}

impl Pool {
    /// A pool of at most `limit` threads (at least one), before which at most `queue_limit`
    /// pieces of work wait.
    pub(crate) fn new(name: &'static str, limit: usize, queue_limit: usize) -> Arc<Self> {
        Arc::new(Self {
            name,
            limit: limit.max(1),
            queue_limit,
            state: Mutex::default(),
            work: Condvar::new(),
            quiet: Condvar::new(),
        })
    }

    /// Takes on `work`, or gives it back when the queue is full.
    pub(crate) fn submit(self: &Arc<Self>, work: Work) -> Result<(), Work> {
        let mut state = self.lock();
        if state.pending >= self.limit + self.queue_limit {
            return Err(work);
        }
        state.queue.push_back(work);
        if !self.staff(&mut state) {
            // There is no thread and none can be had.
            return state.queue.pop_back().map_or(Ok(()), |work| {
                state.pending -= 1;
                Err(work)
            });
        }
        Ok(())
    }

    /// Takes on `work` whatever the queue, and before all that waits there. For work that ends
    /// what was taken on earlier, which bounds it.
    pub(crate) fn submit_urgent(self: &Arc<Self>, work: Work) {
        let mut state = self.lock();
        state.urgent.push_back(work);
        self.staff(&mut state);
    }

    /// Counts the new work and sees to a thread for it; false if there is not even one.
    fn staff(self: &Arc<Self>, state: &mut State) -> bool {
        state.pending += 1;
        if state.threads < self.limit.min(state.pending) {
            let pool = Arc::clone(self);
            let thread = thread::Builder::new().name(self.name.into());
            match thread.spawn(move || pool.serve()) {
                Ok(_) => state.threads += 1,
                Err(e) => log::warn!("no new thread for {}: {e}", self.name),
            }
        }
        self.work.notify_one();
        state.threads > 0
    }

    fn serve(&self) {
        let mut state = self.lock();
        loop {
            let next = state.urgent.pop_front();
            if let Some(work) = next.or_else(|| state.queue.pop_front()) {
                drop(state);
                if catch_unwind(AssertUnwindSafe(work)).is_err() {
                    log::error!("a piece of work of {} panicked", self.name);
                }
                state = self.lock();
                state.pending -= 1;
                if state.pending == 0 {
                    self.quiet.notify_all();
                }
                continue;
            }
            if state.closed {
                break;
            }
            let waited = self.work.wait_timeout(state, IDLE);
            let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if timeout.timed_out() && state.urgent.is_empty() && state.queue.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }

    /// Waits until all work is finished; false if it is not by `until`.
    pub(crate) fn wait_quiet(&self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        let waited = self
            .quiet
            .wait_timeout_while(self.lock(), left, |state| state.pending > 0);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.pending == 0
    }

    /// Lets threads end as soon as they have nothing to do. Work that comes later is still done.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const SOON: Duration = Duration::from_secs(10);

    fn soon() -> Instant {
        Instant::now() + SOON
    }

    /// Fills the only thread of a pool; it goes on when the sender is dropped.
    fn block(pool: &Arc<Pool>) -> mpsc::Sender<()> {
        let (hold, held) = mpsc::channel::<()>();
        let work = Box::new(move || assert!(held.recv().is_err()));
        assert!(pool.submit(work).is_ok());
        hold
    }

    #[test]
    fn a_full_queue_gives_the_work_back_and_urgent_work_goes_first() {
        let pool = Pool::new("test", 1, 1);
        let hold = block(&pool);
        let (said, heard) = mpsc::channel();
        let say = |word: &'static str| -> Work {
            let said = said.clone();
            Box::new(move || said.send(word).unwrap())
        };
        assert!(pool.submit(say("queued")).is_ok());
        assert!(pool.submit(say("refused")).is_err());
        pool.submit_urgent(say("urgent"));
        assert!(!pool.wait_quiet(Instant::now()));
        drop(hold);
        assert_eq!(heard.recv_timeout(SOON), Ok("urgent"));
        assert_eq!(heard.recv_timeout(SOON), Ok("queued"));
        assert!(pool.wait_quiet(soon()));
        assert!(heard.try_recv().is_err());
    }

    #[test]
    fn threads_grow_to_the_limit_and_end_when_the_pool_is_closed() {
        let pool = Pool::new("test", 2, 8);
        let holds: Vec<_> = (0..5).map(|_| block(&pool)).collect();
        assert_eq!(pool.lock().threads, 2);
        drop(holds);
        assert!(pool.wait_quiet(soon()));
        pool.close();
        while pool.lock().threads > 0 {
            thread::yield_now();
        }
        // What comes late is done all the same.
        drop(block(&pool));
        assert!(pool.wait_quiet(soon()));
    }

    #[test]
    fn a_panic_costs_neither_the_thread_nor_the_count() {
        let pool = Pool::new("test", 1, 1);
        assert!(pool.submit(Box::new(|| panic!("on purpose"))).is_ok());
        drop(block(&pool));
        assert!(pool.wait_quiet(soon()));
        assert_eq!(pool.lock().threads, 1);
    }
}
