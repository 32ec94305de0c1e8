//! What a session's thread waits for: everything reaches it through one channel.
//!
//! The channel itself has no bound and needs none. The reader puts in one message per credit,
//! a worker at most two per task, and the server one per order of its operator.

use crate::worker::Report;
use ossftp_core::{Admin, Id};
use std::net::SocketAddr;

/// One thing that happened to a session.
pub(crate) enum Message {
    /// The first `count` bytes of `buffer` came on the control connection.
    Control { buffer: Vec<u8>, count: usize },
    /// The control connection ended or broke.
    ControlClosed,
    /// A listener stands, or none could be had.
    Listening { id: Id, address: Option<SocketAddr> },
    /// Worker `number` says something; `idle` when it has done a task.
    Worker {
        number: u32,
        report: Option<Report>,
        idle: bool,
    },
    /// The operator wants something.
    Admin(Admin),
}
