//! Requests side by side, whose answers are wanted together.
//!
//! Decides only who makes them: the thread that asks, and as many others as there are lanes free,
//! up to a bound. With no lane free it makes them all by itself, so it always ends.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::lanes::Lanes;
use super::lock;

struct Shared<T, R> {
    state: Mutex<State<T, R>>,
    /// Told when a helper has ended.
    ended: Condvar,
}

struct State<T, R> {
    left: VecDeque<(usize, T)>,
    done: Vec<Option<R>>,
    helpers: usize,
}

/// Does `work` to each of `all`, at most `at_once` at a time, and gives the results in their
/// order. `None` is one whose thread panicked.
pub(crate) fn together<T, R, F>(
    lanes: &Lanes,
    at_once: usize,
    all: Vec<T>,
    work: F,
) -> Vec<Option<R>>
where
    T: Send + 'static,
    R: Send + 'static,
    F: Fn(T) -> R + Send + Sync + 'static,
{
    let wanted = at_once.min(all.len()).saturating_sub(1);
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            done: all.iter().map(|_| None).collect(),
            left: all.into_iter().enumerate().collect(),
            helpers: 0,
        }),
        ended: Condvar::new(),
    });
    let work = Arc::new(work);
    for _ in 0..wanted {
        let helper = Helper::of(&shared);
        let work = Arc::clone(&work);
        if lanes.start(move || helper.0.run(&*work)).is_err() {
            break;
        }
    }
    shared.run(&*work);
    let state = lock(&shared.state);
    let mut state = shared
        .ended
        .wait_while(state, |state| state.helpers > 0)
        .unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut state.done)
}

impl<T, R> Shared<T, R> {
    fn run(&self, work: &impl Fn(T) -> R) {
        loop {
            let next = lock(&self.state).left.pop_front();
            let Some((place, what)) = next else {
                return;
            };
            let result = work(what);
            if let Some(slot) = lock(&self.state).done.get_mut(place) {
                *slot = Some(result);
            }
        }
    }
}

/// Counted as long as it is there, also when its work panics or never begins.
struct Helper<T, R>(Arc<Shared<T, R>>);

impl<T, R> Helper<T, R> {
    fn of(shared: &Arc<Shared<T, R>>) -> Self {
        lock(&shared.state).helpers += 1;
        Self(Arc::clone(shared))
    }
}

impl<T, R> Drop for Helper<T, R> {
    fn drop(&mut self) {
        lock(&self.0.state).helpers -= 1;
        self.0.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn results_keep_their_order() {
        for threads in [0, 1, 8] {
            let lanes = Lanes::new(threads);
            let squares = together(&lanes, 4, (0..100).collect(), |n: u64| n * n);
            let wanted: Vec<_> = (0..100).map(|n| Some(n * n)).collect();
            assert_eq!(squares, wanted, "{threads}");
        }
        assert!(together(&Lanes::new(1), 4, Vec::new(), |n: u64| n).is_empty());
    }

    #[test]
    fn so_many_at_a_time() {
        // Each waits for the three others.
        let barrier = Barrier::new(4);
        let meet = move |()| barrier.wait().is_leader();
        let leaders = together(&Lanes::new(8), 4, vec![(); 4], meet);
        assert_eq!(leaders.iter().filter(|l| **l == Some(true)).count(), 1);
    }

    #[test]
    fn a_panic_in_a_helper_costs_one_result() {
        let caller = std::thread::current().id();
        let barrier = Barrier::new(2);
        let work = move |()| {
            barrier.wait();
            assert_eq!(std::thread::current().id(), caller, "on purpose");
        };
        let done = together(&Lanes::new(1), 2, vec![(); 2], work);
        assert_eq!(done.iter().filter(|done| done.is_none()).count(), 1);
    }
}
