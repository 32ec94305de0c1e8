//! Who is there: the sessions of a server, how many there may be, and how they are ended.
//!
//! How a session is told something, and what it does then, is the runtime's matter and its own.

use crate::Admin;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The later half of a stop's grace, but no more than this, is for those who have to be kicked.
const KICK_TIME: Duration = Duration::from_secs(5);

/// The sessions of one server; `S` is how one is reached from outside.
pub struct Roll<S> {
    limit: usize,
    state: Mutex<State<S>>,
    changed: Condvar,
}

struct State<S> {
    last_number: u64,
    places: usize,
    sessions: BTreeMap<u64, S>,
}

/// A connection's place among all. Free again when nothing is left that holds it.
pub struct Place<S>(Arc<Roll<S>>);

/// A session's line in the roll, which ends when this is dropped.
pub struct Seat<S> {
    number: u64,
    place: Arc<Place<S>>,
}

impl<S> Roll<S> {
    /// An empty roll with at most `limit` places.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            state: Mutex::new(State {
                last_number: 0,
                places: 0,
                sessions: BTreeMap::new(),
            }),
            changed: Condvar::new(),
        })
    }

    /// A seat for one more session; `None` when all places are taken.
    pub fn enter(self: &Arc<Self>, session: S) -> Option<Seat<S>> {
        let mut state = self.lock();
        if state.places >= self.limit {
            return None;
        }
        state.places += 1;
        state.last_number += 1;
        let number = state.last_number;
        state.sessions.insert(number, session);
        let place = Arc::new(Place(Arc::clone(self)));
        Some(Seat { number, place })
    }

    /// How many sessions there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.lock().sessions.len()
    }

    /// Does something with each session. It must not wait, and must not touch the roll.
    pub fn for_each(&self, mut visit: impl FnMut(&S)) {
        for session in self.lock().sessions.values() {
            visit(session);
        }
    }

    /// Has all sessions drain, and near the end of `grace` those that are left kicked; returns
    /// as soon as all places are free. False if one is not when `grace` is over (blocks).
    pub fn stop(&self, grace: Duration, tell: impl Fn(&S, Admin)) -> bool {
        let kick = KICK_TIME.min(grace / 2);
        self.for_each(|session| tell(session, Admin::Drain));
        if self.wait_empty(grace.saturating_sub(kick)) {
            return true;
        }
        self.for_each(|session| tell(session, Admin::Kick));
        self.wait_empty(kick)
    }

    fn wait_empty(&self, at_most: Duration) -> bool {
        let taken = |state: &mut State<S>| state.places > 0;
        let waited = self.changed.wait_timeout_while(self.lock(), at_most, taken);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.places == 0
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Seat<S> {
    /// The session's number, for logs; never used twice.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The place, for whoever works for the session and may outlive it.
    #[must_use]
    pub fn place(&self) -> Arc<Place<S>> {
        Arc::clone(&self.place)
    }
}

impl<S> Drop for Seat<S> {
    fn drop(&mut self) {
        self.place.0.lock().sessions.remove(&self.number);
    }
}

impl<S> Drop for Place<S> {
    fn drop(&mut self) {
        self.0.lock().places -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::cell::RefCell;

    #[test]
    fn a_place_is_free_when_nothing_of_its_session_is_left() {
        let roll = Roll::new(1);
        let seat = roll.enter(()).unwrap();
        assert!(roll.enter(()).is_none());
        let worker = seat.place();
        drop(seat);
        assert_eq!(roll.sessions(), 0);
        assert!(roll.enter(()).is_none(), "its worker is still there");
        drop(worker);
        assert_eq!(roll.enter(()).unwrap().number(), 2);
    }

    #[test]
    fn who_does_not_drain_is_kicked() {
        let roll = Roll::new(2);
        let seats = (roll.enter("one"), roll.enter("two"));
        let told = RefCell::new(Vec::new());
        let tell = |who: &&'static str, what| told.borrow_mut().push((*who, what));
        assert!(!roll.stop(Duration::from_millis(20), tell));
        let expected = [Admin::Drain, Admin::Kick]
            .into_iter()
            .flat_map(|what| [("one", what.clone()), ("two", what)]);
        assert!(told.take().into_iter().eq(expected));
        drop(seats);
        assert!(roll.stop(Duration::from_secs(10), tell));
        assert_eq!(told.take(), []);
    }
}
