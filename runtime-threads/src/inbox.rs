//! What a session's thread waits for: everything reaches it through one channel.
//!
//! The channel itself has no bound and needs none. The reader puts in one message per credit,
//! a worker at most three per task, the session's thread one per task that no worker can be had
//! for, and the server one per order of its operator.

use ossftp_core::Admin;
use ossftp_core::driver::Report;

/// One thing that happened to a session.
pub(crate) enum Message {
    /// So many bytes of the buffer came on the control connection.
    Control(Vec<u8>, usize),
    /// The control connection ended or broke.
    ControlClosed,
    /// A worker has something to say.
    Report(Report),
    /// The worker of this number has done a task.
    Idle(u32),
    /// The operator wants something.
    Admin(Admin),
}
