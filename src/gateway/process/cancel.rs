//! Carries a driver's cancel over to the OSS client: setting the flag shuts down the socket that
//! a call waits on.

use ossftp_core::driver::{Cancel, OnCancel};

/// A handle for calls that is cancelled with the driver's flag, as long as the link is kept.
#[derive(Debug)]
pub(crate) struct Link {
    cancel: Cancel,
    handle: ossftp_oss::Cancel,
    _hook: OnCancel,
}

impl Link {
    /// Ties a fresh handle to `cancel`.
    pub(crate) fn new(cancel: &Cancel) -> Self {
        let handle = ossftp_oss::Cancel::new();
        let calls = handle.clone();
        Self {
            _hook: cancel.on_cancel(move || calls.cancel()),
            cancel: cancel.clone(),
            handle,
        }
    }

    /// Another handle that is cancelled with the same flag.
    pub(crate) fn fork(&self) -> Self {
        Self::new(&self.cancel)
    }

    /// Cancels the calls of this handle alone.
    pub(crate) fn stop(&self) {
        self.handle.cancel();
    }

    /// The handle.
    pub(crate) fn handle(&self) -> ossftp_oss::Cancel {
        self.handle.clone()
    }

    /// Whether the driver's flag is set.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_stops_alone_and_with_the_flag() {
        let flag = Cancel::new();
        let link = Link::new(&flag);
        let (first, second) = (link.fork(), link.fork());
        first.stop();
        assert!(first.handle().is_cancelled());
        assert!(!second.handle().is_cancelled() && !link.handle().is_cancelled());
        flag.cancel();
        assert!(second.handle().is_cancelled() && link.handle().is_cancelled());
    }

    #[test]
    fn the_flag_reaches_the_handle_and_no_other() {
        let (first, second) = (Cancel::new(), Cancel::new());
        let (one, two) = (Link::new(&first), Link::new(&second));
        first.cancel();
        assert!(one.handle().is_cancelled() && one.is_cancelled());
        assert!(!two.handle().is_cancelled() && !two.is_cancelled());
        assert!(Link::new(&first).handle().is_cancelled());
    }
}
