//! What a console shows of a session.

use super::{Pending, Session, printable};
use crate::FtpPath;
use alloc::string::String;

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
    /// What the session is doing.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            user: self
                .login
                .as_ref()
                .and(self.user.as_ref())
                .map(|u| printable(u.as_slice())),
            cwd: self.cwd.clone(),
            transfer: match &self.pending {
                Pending::Transfer(running) => Some(TransferSnapshot {
                    verb: running.verb,
                    path: running.path.clone(),
                    bytes: running.bytes,
                }),
                _ => None,
            },
        }
    }
}
