//! The blocking seam between a driver and a storage (feature `std`).
//!
//! [`Storage`] is what a server's files live in: it checks a login and gives back the
//! [`Volume`] that this user sees. [`Job`] is the one pump that all drivers share: it opens a
//! [`Transfer`](crate::Transfer) on a volume, moves its bytes over a [`DataStream`], and commits
//! or discards it. A driver brings threads and sockets, and nothing else.

mod cancel;
mod job;
mod ports;
mod storage;

pub use cancel::{Cancel, OnCancel};
pub use job::{DataStream, Job, Progress};
pub use ports::{PORT_REST, PassivePorts};
pub use storage::{Lister, LoginRequest, ObjectReader, ObjectWriter, Storage, Volume, write_all};
