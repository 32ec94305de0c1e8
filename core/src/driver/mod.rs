//! The blocking seam between a driver and a storage (feature `std`).
//!
//! [`Storage`] is what a server's files live in: it checks a login and gives back the
//! [`Volume`] that this user sees. [`Job`] is the one pump that all drivers share: it opens a
//! [`Transfer`](crate::Transfer) on a volume, moves its bytes over a [`DataStream`], and commits
//! or discards it. What every driver has to do alike stands here as well: [`Requests`] makes
//! what a session asks for into [`Task`]s that may block, and their [`Report`]s into inputs;
//! [`TransferHandle`] sees to it that no upload is forgotten; [`Roll`] knows who is there, and
//! [`PassivePorts`] which port comes next. A driver brings threads and sockets, and nothing else.

mod cancel;
mod coding;
mod config;
mod handle;
mod job;
mod journal;
mod listed;
mod part;
mod ports;
mod report;
mod requests;
mod roll;
mod storage;

pub use cancel::{Cancel, OnCancel};
pub use config::ServerConfig;
pub use handle::TransferHandle;
pub use job::{DataStream, Job, Progress};
pub use journal::log_event;
pub use part::hash_file;
pub use ports::{PORT_REST, PassivePorts};
pub use report::{Report, Task};
pub use requests::Requests;
pub use roll::{Place, Roll, Seat};
pub use storage::{Lister, LoginRequest, ObjectReader, ObjectWriter, Storage, Volume, write_all};
