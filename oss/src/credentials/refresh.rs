//! Temporary keys, renewed in time.
//!
//! Decides when a key is renewed and who does it: from the middle of its life on one caller renews it while the others
//! go on with the old one; once it has ended they wait for that caller. Where keys come from is left to the providers.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::warn;

use super::{Temporary, bad};
use crate::error::{Error, Result};
use crate::sign::Credentials;

/// The least time between two renewals, and how long a key is used that has ended by the clock when it comes: clocks
/// differ, and OSS has the last word.
const LEAST: Duration = Duration::from_secs(60);

/// The keys of a provider.
pub(super) struct Refreshing {
    state: Mutex<State>,
    changed: Condvar,
    /// How long to wait for the caller that renews. A renewal takes less.
    patience: Duration,
}

#[derive(Default)]
struct State {
    keys: Option<Keys>,
    /// Some caller is renewing them.
    busy: bool,
    /// How many renewals have ended.
    round: u32,
    /// Why the last one failed.
    failed: Option<Error>,
}

struct Keys {
    credentials: Credentials,
    since: Instant,
    renew: Option<Instant>,
    end: Option<Instant>,
}

impl Keys {
    fn new(key: Temporary, now: Instant) -> Self {
        let after = |time: Duration| now.checked_add(time.max(LEAST));
        Self {
            credentials: key.credentials,
            since: now,
            renew: key.life.and_then(|life| after(life / 2)),
            end: key.life.and_then(after),
        }
    }
}

impl State {
    /// The key, if it has not ended.
    fn valid(&self, now: Instant) -> Option<&Keys> {
        self.keys
            .as_ref()
            .filter(|keys| keys.end.is_none_or(|end| now < end))
    }
}

/// The caller that renews, until it is done, also when it panics.
struct Turn<'a>(&'a Refreshing);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.busy = false;
        state.round = state.round.wrapping_add(1);
        self.0.changed.notify_all();
    }
}

impl Refreshing {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            patience,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of the moment, renewed by `fetch` if it is this caller's turn.
    pub(super) fn get(
        &self,
        now: impl Fn() -> Instant,
        fetch: impl FnOnce() -> Result<Temporary>,
    ) -> Result<Credentials> {
        let mut state = self.lock();
        loop {
            if let Some(keys) = state.valid(now()) {
                let fresh = keys.renew.is_none_or(|renew| now() < renew);
                if fresh || state.busy {
                    return Ok(keys.credentials.clone());
                }
            }
            if !state.busy {
                break;
            }
            let round = state.round;
            state = self
                .changed
                .wait_timeout_while(state, self.patience, |state| state.round == round)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            if state.round == round {
                return Err(bad("they are being renewed, and that takes too long"));
            }
            // Of many callers that waited none tries by itself what has just failed.
            if state.valid(now()).is_none()
                && let Some(error) = &state.failed
            {
                return Err(error.clone());
            }
        }
        state.busy = true;
        drop(state);
        let _turn = Turn(self);
        let result = fetch();
        self.take(now(), result)
    }

    /// Forgets a key that OSS has refused, unless it is so new that another one would be no better. Returns whether
    /// the next [`Refreshing::get`] gives another key.
    pub(super) fn forget(&self, now: Instant) -> bool {
        let mut state = self.lock();
        let new = |keys: &Keys| now.saturating_duration_since(keys.since) < LEAST;
        if state.keys.as_ref().is_some_and(new) {
            return false;
        }
        state.keys = None;
        true
    }

    fn take(&self, now: Instant, result: Result<Temporary>) -> Result<Credentials> {
        let mut state = self.lock();
        match result {
            Ok(key) => {
                let keys = Keys::new(key, now);
                let credentials = keys.credentials.clone();
                state.keys = Some(keys);
                state.failed = None;
                Ok(credentials)
            }
            Err(error) => {
                state.failed = Some(error.clone());
                if state.valid(now).is_none() {
                    return Err(error);
                }
                warn!("access keys not renewed, the old ones are used: {error}");
                match &mut state.keys {
                    Some(keys) => {
                        keys.renew = now.checked_add(LEAST);
                        Ok(keys.credentials.clone())
                    }
                    None => Err(error),
                }
            }
        }
    }
}

impl fmt::Debug for Refreshing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refreshing")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, mpsc};

    use super::*;

    fn key(id: &str, life: u64) -> Temporary {
        Temporary {
            credentials: Credentials::new(id, "s"),
            life: Some(Duration::from_secs(life)),
        }
    }

    fn keys() -> Refreshing {
        Refreshing::new(Duration::from_secs(10))
    }

    #[test]
    fn renewed_from_the_middle_of_their_life_on() {
        let (keys, start) = (keys(), Instant::now());
        let fetches = AtomicU32::new(0);
        let ask = |after: u64| {
            let now = start + Duration::from_secs(after);
            let got = keys.get(
                || now,
                || {
                    let number = fetches.fetch_add(1, Ordering::Relaxed);
                    Ok(key(&number.to_string(), 1000))
                },
            );
            got.unwrap().access_key_id
        };
        let got = [0, 499, 500, 999, 1000, 5000].map(ask);
        assert_eq!(got, ["0", "0", "1", "1", "2", "3"]);
    }

    #[test]
    fn a_failed_renewal_is_an_error_only_after_the_end() {
        let (keys, start) = (keys(), Instant::now());
        let at = |after: u64| move || start + Duration::from_secs(after);
        keys.get(at(0), || Ok(key("old", 1000))).unwrap();
        let old = keys.get(at(600), || Err(bad("down"))).unwrap();
        assert_eq!(old.access_key_id, "old");
        // Not asked again within a minute.
        let old = keys.get(at(630), || unreachable!()).unwrap();
        assert_eq!(old.access_key_id, "old");
        assert_eq!(
            keys.get(at(1000), || Err(bad("down"))).unwrap_err(),
            bad("down")
        );
        let new = keys.get(at(1001), || Ok(key("new", 1000))).unwrap();
        assert_eq!(new.access_key_id, "new");
    }

    #[test]
    fn refused_keys_are_forgotten_once_a_minute() {
        let (keys, start) = (keys(), Instant::now());
        let at = |after: u64| start + Duration::from_secs(after);
        keys.get(|| at(0), || Ok(key("a", 9000))).unwrap();
        assert!(!keys.forget(at(59)));
        keys.get(|| at(59), || unreachable!()).unwrap();
        assert!(keys.forget(at(60)));
        let new = keys.get(|| at(60), || Ok(key("b", 9000))).unwrap();
        assert_eq!(new.access_key_id, "b");
        assert!(!keys.forget(at(61)));
    }

    #[test]
    fn keys_that_seem_to_have_ended_are_used_for_a_minute() {
        let (keys, start) = (keys(), Instant::now());
        keys.get(|| start, || Ok(key("a", 0))).unwrap();
        let later = || start + Duration::from_secs(59);
        keys.get(later, || unreachable!()).unwrap();
    }

    #[test]
    fn one_renews_while_the_others_go_on() {
        let keys = Arc::new(keys());
        let start = Instant::now();
        keys.get(|| start, || Ok(key("old", 1000))).unwrap();
        let late = move || start + Duration::from_secs(600);
        let (entered, wait_entered) = mpsc::channel();
        let (release, wait_release) = mpsc::channel::<()>();
        let renewing = {
            let keys = Arc::clone(&keys);
            std::thread::spawn(move || {
                keys.get(late, || {
                    entered.send(()).unwrap();
                    wait_release.recv().unwrap();
                    Ok(key("new", 1000))
                })
            })
        };
        wait_entered.recv().unwrap();
        let old = keys.get(late, || unreachable!()).unwrap();
        assert_eq!(old.access_key_id, "old");
        release.send(()).unwrap();
        assert_eq!(renewing.join().unwrap().unwrap().access_key_id, "new");
        let new = keys.get(late, || unreachable!()).unwrap();
        assert_eq!(new.access_key_id, "new");
    }

    #[test]
    fn callers_without_a_key_share_one_renewal_and_its_failure() {
        let keys = Arc::new(keys());
        let (entered, wait_entered) = mpsc::channel();
        let (release, wait_release) = mpsc::channel::<()>();
        let renewing = {
            let keys = Arc::clone(&keys);
            std::thread::spawn(move || {
                keys.get(Instant::now, || {
                    entered.send(()).unwrap();
                    wait_release.recv().unwrap();
                    Err(bad("down"))
                })
            })
        };
        wait_entered.recv().unwrap();
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let keys = Arc::clone(&keys);
                std::thread::spawn(move || keys.get(Instant::now, || Ok(key("late", 1000))))
            })
            .collect();
        release.send(()).unwrap();
        assert_eq!(renewing.join().unwrap().unwrap_err(), bad("down"));
        // Whoever waited fails with the one that renewed; whoever came after it renews by itself.
        for thread in waiting {
            match thread.join().unwrap() {
                Ok(key) => assert_eq!(key.access_key_id, "late"),
                Err(error) => assert_eq!(error, bad("down")),
            }
        }
    }

    #[test]
    fn a_panic_does_not_block_the_next() {
        let keys = Arc::new(keys());
        let for_thread = Arc::clone(&keys);
        let panicked =
            std::thread::spawn(move || for_thread.get(Instant::now, || panic!("wanted")));
        assert!(panicked.join().is_err());
        keys.get(Instant::now, || Ok(key("a", 1000))).unwrap();
    }
}
