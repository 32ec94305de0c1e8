//! The memory of all transfers of a process.
//!
//! Decides who may take how much (DESIGN 4): a transfer claims one window when it is opened, or is
//! refused; it takes more only if it is free at once. Nobody ever waits for memory, so nobody can
//! wait for each other. What the memory is used for is left to the transfers.

use std::sync::{Arc, Mutex};

use ossftp_core::{ErrorKind, StorageError};

use crate::gateway::lock;

/// The least that a transfer can work with, in bytes, the buffers of its HTTP connection included.
pub(crate) const WINDOW: u64 = 1 << 20;

/// What the HTTP connection of one request takes, in bytes: four buffers of 32 KiB and those of
/// TLS below them.
pub(crate) const CONNECTION: u64 = 192 << 10;

/// So many bytes for all transfers. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<State>);

#[derive(Debug)]
struct State {
    total: u64,
    taken: Mutex<u64>,
}

impl Budget {
    /// A budget of `total` bytes; never less than one window.
    pub(crate) fn new(total: u64) -> Self {
        Self(Arc::new(State {
            total: total.max(WINDOW),
            taken: Mutex::new(0),
        }))
    }

    /// A transfer begins: its window.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if not even that is free.
    pub(crate) fn admit(&self) -> Result<Claim, StorageError> {
        self.claim(WINDOW).ok_or_else(|| {
            StorageError::new(
                ErrorKind::Busy,
                "The memory for transfers is used up by others: try again a little later.",
            )
        })
    }

    /// Takes `bytes` if they are free at this moment.
    pub(crate) fn claim(&self, bytes: u64) -> Option<Claim> {
        let mut claim = Claim {
            budget: self.clone(),
            bytes: 0,
        };
        claim.grow(bytes).then_some(claim)
    }

    /// Takes `bytes` for what a transfer can do without, if they are free at this moment and
    /// leave a quarter of the budget to transfers that are yet to begin.
    pub(crate) fn spare(&self, bytes: u64) -> Option<Claim> {
        let mut claim = Claim {
            budget: self.clone(),
            bytes: 0,
        };
        claim.grow_leaving(bytes, self.0.total / 4).then_some(claim)
    }

    /// How many bytes are taken now.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> u64 {
        *lock(&self.0.taken)
    }
}

/// What one transfer has taken; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    budget: Budget,
    bytes: u64,
}

impl Claim {
    /// How many bytes it holds.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes `more` bytes if all of them are free at this moment.
    #[must_use]
    pub(crate) fn grow(&mut self, more: u64) -> bool {
        self.grow_leaving(more, 0)
    }

    /// The same, if at least `rest` bytes are free after it.
    fn grow_leaving(&mut self, more: u64, rest: u64) -> bool {
        let state = &self.budget.0;
        let mut taken = lock(&state.taken);
        let free = state.total.saturating_sub(*taken);
        if more > free.saturating_sub(rest) {
            return false;
        }
        *taken += more;
        self.bytes += more;
        true
    }

    /// Gives `less` of its bytes back, all of them at most.
    pub(crate) fn shrink(&mut self, less: u64) {
        let less = less.min(self.bytes);
        *lock(&self.budget.0.taken) -= less;
        self.bytes -= less;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.shrink(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_window_each_until_there_is_none() {
        let budget = Budget::new(2 * WINDOW);
        let first = budget.admit().unwrap();
        let second = budget.admit().unwrap();
        assert_eq!(budget.admit().unwrap_err().kind, ErrorKind::Busy);
        drop(first);
        assert_eq!(budget.taken(), second.bytes());
        assert!(budget.admit().is_ok());
        assert!(Budget::new(0).admit().is_ok());
    }

    #[test]
    fn what_is_not_needed_leaves_room_for_others() {
        let budget = Budget::new(8 * WINDOW);
        let spare = budget.spare(6 * WINDOW).unwrap();
        assert!(budget.spare(1).is_none());
        let first = budget.admit().unwrap();
        let second = budget.admit().unwrap();
        drop(spare);
        assert_eq!(budget.taken(), first.bytes() + second.bytes());
        assert!(budget.spare(4 * WINDOW + 1).is_none());
        assert!(budget.spare(4 * WINDOW).is_some());
    }

    proptest! {
        #[test]
        fn never_more_than_there_is(steps in proptest::collection::vec((0u8..4, 0u64..20), 0..60)) {
            const TOTAL: u64 = WINDOW + 10;
            let budget = Budget::new(TOTAL);
            let mut claims: Vec<Claim> = Vec::new();
            for (what, amount) in steps {
                match what {
                    0 => claims.extend(budget.claim(amount)),
                    1 => drop(claims.pop()),
                    2 => {
                        if let Some(claim) = claims.last_mut() {
                            let before = claim.bytes();
                            let grown = claim.grow(amount);
                            prop_assert_eq!(claim.bytes(), before + if grown { amount } else { 0 });
                        }
                    }
                    _ => {
                        if let Some(claim) = claims.last_mut() {
                            claim.shrink(amount);
                        }
                    }
                }
                let sum: u64 = claims.iter().map(Claim::bytes).sum();
                prop_assert_eq!(budget.taken(), sum);
                prop_assert!(sum <= TOTAL);
            }
        }
    }
}
