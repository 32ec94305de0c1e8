//! What a session's thread waits for: everything reaches it through one channel.
//!
//! The channel itself has no bound and needs none. The reader puts in one message per credit,
//! a worker at most three per task, the session's thread one per request that it can answer
//! itself, and the server one per order of its operator.

use crate::worker::Report;
use ossftp_core::{Admin, Id};
use std::net::SocketAddr;

/// One thing that happened to a session.
pub(crate) enum Message {
    /// So many bytes of the buffer came on the control connection.
    Control(Vec<u8>, usize),
    /// The control connection ended or broke.
    ControlClosed,
    /// A listener stands, or none could be had.
    Listening(Id, Option<SocketAddr>),
    /// A worker has something to say.
    Report(Report),
    /// The worker of this number has done a task.
    Idle(u32),
    /// The operator wants something.
    Admin(Admin),
}
