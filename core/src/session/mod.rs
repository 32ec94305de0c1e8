//! The session (work in progress).
use crate::{FtpPath, Input, Now, Output, Peer, SessionConfig};
use alloc::string::String;
use alloc::sync::Arc;

/// One control connection.
#[derive(Debug)]
pub struct Session {}

/// What a session is doing, for a console.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The argument of USER, once logged in.
    pub user: Option<String>,
    /// The working directory.
    pub cwd: FtpPath,
    /// The running transfer.
    pub transfer: Option<TransferSnapshot>,
}

/// A running transfer, for a console.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferSnapshot {
    /// The command.
    pub verb: &'static str,
    /// What is moved.
    pub path: FtpPath,
    /// Bytes so far, as last reported.
    pub bytes: u64,
}

impl Session {
    /// A session for a connection that was just accepted; queues the greeting.
    #[must_use]
    pub fn new(_config: Arc<SessionConfig>, _peer: Peer, _now: Now) -> Self {
        Self {}
    }
    /// Takes in what happened.
    pub fn handle(&mut self, _now: Now, _input: Input<'_>) {}
    /// The next thing to do.
    pub fn poll_output(&mut self) -> Output {
        Output::Wait(None)
    }
    /// Whether control bytes are welcome.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        true
    }
    /// What the session is doing.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            user: None,
            cwd: FtpPath::root(),
            transfer: None,
        }
    }
}
