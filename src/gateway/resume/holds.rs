//! Which unfinished uploads are being written in this process, and by whom.
//!
//! Decides that an upload has one writer here: a client that comes back before its old session has
//! ended takes its upload from that one, which can then send nothing more to it. What another
//! instance of the gateway does is seen in OSS only, elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use log::debug;
use ossftp_core::{ErrorKind, StorageError};

use crate::gateway::lock;

/// The uploads that writers of this process have in hand, by id.
#[derive(Debug, Default)]
pub(crate) struct Holds(Mutex<HashMap<String, Arc<Token>>>);

/// What two writers of one upload share: one must stop before the other one begins.
#[derive(Debug, Default)]
struct Token {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_taken: bool,
    /// How many parts are on their way.
    sending: usize,
}

impl Holds {
    /// Takes an upload in hand. Another writer that has it can send nothing more to it.
    pub(crate) fn take(self: &Arc<Self>, id: &str) -> Hold {
        let token = Arc::<Token>::default();
        let before = lock(&self.0).insert(id.to_owned(), Arc::clone(&token));
        if let Some(before) = &before {
            debug!("upload {id} is taken over from a session that has not ended");
            lock(&before.state).is_taken = true;
        }
        Hold {
            holds: Arc::clone(self),
            id: id.to_owned(),
            token,
            before,
        }
    }

    /// Whether a writer of this process has it.
    pub(crate) fn is_held(&self, id: &str) -> bool {
        lock(&self.0).contains_key(id)
    }
}

/// A writer's hold on its upload; let go when dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    holds: Arc<Holds>,
    id: String,
    token: Arc<Token>,
    /// Who had it before.
    before: Option<Arc<Token>>,
}

impl Hold {
    /// Whether another session has taken the upload over: nothing more may be sent to it.
    pub(crate) fn is_taken(&self) -> bool {
        lock(&self.token.state).is_taken
    }

    /// A part is on its way, until what this gives is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if another session goes on with this upload.
    pub(crate) fn sending(&self) -> Result<Busy, StorageError> {
        let mut state = lock(&self.token.state);
        if state.is_taken {
            return Err(StorageError::new(
                ErrorKind::Unavailable,
                "Another session goes on with this upload.",
            ));
        }
        state.sending += 1;
        Ok(Busy(Arc::clone(&self.token)))
    }

    /// Waits for the parts that the writer before had under way. Says whether there was one.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if they take too long.
    pub(crate) fn settle(&mut self, timeout: Duration) -> Result<bool, StorageError> {
        let Some(before) = self.before.take() else {
            return Ok(false);
        };
        let state = lock(&before.state);
        let (state, _) = before
            .changed
            .wait_timeout_while(state, timeout, |state| state.sending > 0)
            .unwrap_or_else(PoisonError::into_inner);
        if state.sending > 0 {
            return Err(busy());
        }
        Ok(true)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut all = lock(&self.holds.0);
        if all
            .get(&self.id)
            .is_some_and(|now| Arc::ptr_eq(now, &self.token))
        {
            all.remove(&self.id);
        }
    }
}

/// A part on its way.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Token>);

impl Drop for Busy {
    fn drop(&mut self) {
        lock(&self.0.state).sending -= 1;
        self.0.changed.notify_all();
    }
}

/// The client comes back too soon.
pub(crate) fn busy() -> StorageError {
    StorageError::new(
        ErrorKind::Busy,
        "Parts of this file are still under way from before: try again a little later.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_has_one_writer() {
        let holds = Arc::new(Holds::default());
        let first = holds.take("a");
        let other = holds.take("b");
        let busy = first.sending().unwrap();
        let mut second = holds.take("a");
        assert!(first.is_taken() && first.sending().is_err());
        assert!(!second.is_taken() && !other.is_taken());
        drop(busy);
        assert_eq!(second.settle(Duration::ZERO), Ok(true));
        let busy = second.sending().unwrap();
        let mut third = holds.take("a");
        let too_soon = third.settle(Duration::ZERO).unwrap_err();
        assert_eq!(too_soon.kind, ErrorKind::Busy);
        drop((busy, second));
        drop(first);
        assert!(holds.is_held("a") && holds.is_held("b"));
        drop((third, other));
        assert!(!holds.is_held("a") && !holds.is_held("b"));
    }
}
