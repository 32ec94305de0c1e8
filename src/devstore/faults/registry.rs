//! The rules of a running server: which there are, what they have met, and who waits on them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{FaultRule, Plan, Subject};

/// How long a stall without a time lasts at most: nothing waits forever.
const LONGEST_STALL: Duration = Duration::from_secs(600);

/// How often a stalled connection is asked whether its client is still there.
const WATCH: Duration = Duration::from_millis(20);

/// The faults of a [`Server`](crate::devstore::Server). A copy of this value is about the same server.
///
/// Rules take effect with the next request whose head is read. A request that stalls because of a rule goes on when the
/// rule is removed, so a test can hold a request for as long as it needs.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    /// Signalled when a rule goes or meets a request, a stall begins, and when the server stops.
    changed: Condvar,
    /// Whether there are rules; so a server without any pays nothing for them.
    any: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    rules: Vec<ActiveFault>,
    stopping: bool,
}

/// A rule of a running server, and what became of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ActiveFault {
    /// The number that [`Faults::add`] gave it; never used twice.
    pub id: u64,
    /// The rule.
    pub rule: FaultRule,
    /// Requests that fulfilled its conditions, whether they were met or let go.
    pub seen: u64,
    /// Requests that were met.
    pub hits: u64,
    /// Requests that are being held by it at this moment.
    pub held: u64,
}

/// How a wait on a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::devstore) enum Waited {
    /// The time is over, or the rule is gone: go on.
    Over,
    /// Nobody waits for the answer any more: the client has gone, the server stops, or it took too long.
    Pointless,
}

impl Faults {
    /// Adds a rule and returns its number.
    pub fn add(&self, rule: FaultRule) -> u64 {
        let mut state = self.lock();
        state.last_id += 1;
        let id = state.last_id;
        state.rules.push(ActiveFault {
            id,
            rule,
            seen: 0,
            hits: 0,
            held: 0,
        });
        self.inner.any.store(true, Ordering::SeqCst);
        id
    }

    /// Replaces all rules; returns the new ones' numbers, in order.
    pub fn set(&self, rules: impl IntoIterator<Item = FaultRule>) -> Vec<u64> {
        self.clear();
        rules.into_iter().map(|rule| self.add(rule)).collect()
    }

    /// Removes a rule; `false` if it is not there.
    pub fn remove(&self, id: u64) -> bool {
        let mut state = self.lock();
        let before = state.rules.len();
        state.rules.retain(|active| active.id != id);
        let removed = state.rules.len() < before;
        self.removed(&state);
        removed
    }

    /// Removes all rules.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.rules.clear();
        self.removed(&state);
    }

    fn removed(&self, state: &State) {
        self.inner
            .any
            .store(!state.rules.is_empty(), Ordering::SeqCst);
        self.inner.changed.notify_all();
    }

    /// The rules in the order they were added, with their counts.
    #[must_use]
    pub fn list(&self) -> Vec<ActiveFault> {
        self.lock().rules.clone()
    }

    /// How many requests a rule has met; 0 if there is no such rule any more.
    #[must_use]
    pub fn hits(&self, id: u64) -> u64 {
        self.lock().find(id).map_or(0, |active| active.hits)
    }

    /// Waits until a rule has met so many requests. `false` if that has not happened within `limit`, or if the rule
    /// goes.
    #[must_use]
    pub fn wait_hits(&self, id: u64, count: u64, limit: Duration) -> bool {
        self.wait_until(id, limit, |active| active.hits >= count)
    }

    /// Waits until so many requests are held by a rule of [`Fault::Stall`](super::Fault::Stall) at the same time:
    /// all of them have come to its [`Place`](super::Place). `false` if that has not happened within `limit`, or if the
    /// rule goes.
    #[must_use]
    pub fn wait_held(&self, id: u64, count: u64, limit: Duration) -> bool {
        self.wait_until(id, limit, |active| active.held >= count)
    }

    fn wait_until(&self, id: u64, limit: Duration, done: impl Fn(&ActiveFault) -> bool) -> bool {
        let end = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            let Some(active) = state.find(id) else {
                return false;
            };
            if done(active) {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.pause(state, left);
        }
    }

    /// Whether there is no rule at all.
    pub(in crate::devstore) fn is_empty(&self) -> bool {
        !self.inner.any.load(Ordering::SeqCst)
    }

    /// What this request is to suffer; counts it.
    pub(in crate::devstore) fn plan(&self, subject: &Subject<'_>) -> Plan {
        let mut plan = Plan::new(self.clone(), subject);
        let mut state = self.lock();
        for active in &mut state.rules {
            if active.meets(subject) {
                plan.push(active.id, active.rule.fault.clone());
            }
        }
        drop(state);
        if !plan.is_empty() {
            self.inner.changed.notify_all();
        }
        plan
    }

    /// Holds a request. `gone` tells whether the client has left; it is asked now and then, and only where no time is
    /// given: a client that has closed its half may still wait for an answer.
    pub(in crate::devstore) fn hold(
        &self,
        id: u64,
        time: Option<Duration>,
        gone: &mut dyn FnMut() -> bool,
    ) -> Waited {
        let end = Instant::now() + time.unwrap_or(LONGEST_STALL);
        let mut state = self.lock();
        let Some(active) = state.find_mut(id) else {
            return Waited::Over;
        };
        active.held += 1;
        self.inner.changed.notify_all();
        let waited = loop {
            if state.stopping {
                break Waited::Pointless;
            }
            if state.find(id).is_none() {
                break Waited::Over;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break match time {
                    Some(_) => Waited::Over,
                    None => Waited::Pointless,
                };
            }
            if time.is_some() {
                state = self.pause(state, left);
                continue;
            }
            drop(state);
            let is_gone = gone();
            state = self.lock();
            if is_gone {
                break Waited::Pointless;
            }
            if state.find(id).is_some() && !state.stopping {
                state = self.pause(state, left.min(WATCH));
            }
        };
        if let Some(active) = state.find_mut(id) {
            active.held -= 1;
        }
        waited
    }

    /// The server stops: nothing is held any more.
    pub(in crate::devstore) fn stop(&self) {
        self.lock().stopping = true;
        self.inner.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn pause<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.inner
            .changed
            .wait_timeout(state, time)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

impl State {
    fn find(&self, id: u64) -> Option<&ActiveFault> {
        self.rules.iter().find(|active| active.id == id)
    }

    fn find_mut(&mut self, id: u64) -> Option<&mut ActiveFault> {
        self.rules.iter_mut().find(|active| active.id == id)
    }
}

impl ActiveFault {
    /// Whether the rule meets this request; counts it.
    fn meets(&mut self, subject: &Subject<'_>) -> bool {
        if !self.rule.concerns(subject) {
            return false;
        }
        let number = self.seen;
        self.seen += 1;
        let met = number >= self.rule.skip
            && self.rule.times.is_none_or(|times| self.hits < times)
            && (self.rule.rate >= 1.0 || share(self.rule.seed, number) < self.rule.rate);
        self.hits += u64::from(met);
        met
    }
}

/// A number from 0 to below 1 that depends on both and looks random (the finisher of SplitMix64).
fn share(seed: u64, number: u64) -> f64 {
    let mut bits = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::super::Fault;
    use super::*;

    fn subject<'a>(api: &'static str, key: &'a str) -> Subject<'a> {
        Subject {
            api,
            method: "PUT",
            bucket: Some("b"),
            key: Some(key),
            source: None,
        }
    }

    #[test]
    fn a_rule_meets_what_its_conditions_say() {
        let faults = Faults::default();
        assert!(faults.is_empty());
        let rule = |rule: FaultRule| {
            let id = faults.add(rule);
            move |faults: &Faults| faults.hits(id)
        };
        let any = rule(FaultRule::new(Fault::WrongCrc));
        let parts = rule(
            FaultRule::new(Fault::WrongCrc)
                .api("UploadPart*")
                .prefix("x/"),
        );
        let exact = rule(FaultRule::new(Fault::WrongCrc).api("PutObject").key("x/a"));
        let later = rule(FaultRule::new(Fault::WrongCrc).skip(2).times(1));
        let get = rule(FaultRule::new(Fault::WrongCrc).method("GET"));
        let other = rule(FaultRule::new(Fault::WrongCrc).bucket("c"));
        for (api, key) in [
            ("PutObject", "x/a"),
            ("UploadPart", "x/b"),
            ("UploadPartCopy", "x/"),
            ("UploadPart", "y"),
        ] {
            faults.plan(&subject(api, key));
        }
        let hits = [
            any(&faults),
            parts(&faults),
            exact(&faults),
            later(&faults),
            get(&faults),
            other(&faults),
        ];
        assert_eq!(hits, [4, 2, 1, 1, 0, 0]);
        faults.clear();
        assert!(faults.is_empty());
        assert!(faults.plan(&subject("PutObject", "x/a")).is_empty());
    }

    #[test]
    fn a_rate_is_kept_and_comes_again_with_its_seed() {
        let run = |seed| {
            let faults = Faults::default();
            faults.add(FaultRule::new(Fault::WrongCrc).rate(0.25, seed));
            let met: Vec<bool> = (0..4000)
                .map(|_| !faults.plan(&subject("PutObject", "k")).is_empty())
                .collect();
            met
        };
        let first = run(1);
        assert_eq!(first, run(1));
        assert_ne!(first, run(2));
        let count = first.iter().filter(|met| **met).count();
        assert!((900..1100).contains(&count), "{count}");
    }

    #[test]
    fn a_held_request_goes_on_when_its_rule_goes() {
        let faults = Faults::default();
        let id = faults.add(FaultRule::new(Fault::stall(super::super::Place::Answer)));
        let holder = {
            let faults = faults.clone();
            std::thread::spawn(move || faults.hold(id, None, &mut || false))
        };
        assert!(faults.wait_held(id, 1, Duration::from_secs(10)));
        assert!(faults.remove(id));
        assert_eq!(holder.join().unwrap(), Waited::Over);
        let id = faults.add(FaultRule::new(Fault::WrongCrc));
        assert_eq!(faults.hold(id, None, &mut || true), Waited::Pointless);
        faults.stop();
        assert_eq!(faults.hold(id, None, &mut || false), Waited::Pointless);
    }
}
