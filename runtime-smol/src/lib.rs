//! Serves FTP sessions as tasks of a smol executor: the async driver of [`ossftp_core`].
//!
//! [`Server::start`] takes a bound listener and a [`Storage`], and serves until
//! [`Server::stop`]. An idle session costs a task and no thread: one or two threads run all
//! sessions, wait for all their sockets and timers, and never block. What blocks runs on two
//! bounded pools of this crate, so that transfers that stall cannot hold up logins:
//!
//! - *operations*: logins, [`Volume::perform`], the opening of transfers;
//! - *transfers*: the pump of [`Job`], commits and discards.
//!
//! The data connection is waited for in the session's task; then its socket is made blocking and
//! given to the pump, and no byte is copied twice. What FTP means is the core's matter and what a
//! file is the storage's; here are only sockets, tasks and threads.
//!
//! ```
//! use ossftp_core::sim::MemoryStore;
//! use ossftp_runtime_smol::{Server, ServerConfig};
//! use std::io::{BufRead, BufReader};
//! use std::net::{TcpListener, TcpStream};
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! let store = Arc::new(MemoryStore::new().with_user("demo", "secret", true));
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let server = Server::start(listener, ServerConfig::new(store))?;
//!
//! let mut greeting = String::new();
//! BufReader::new(TcpStream::connect(server.local_addr())?).read_line(&mut greeting)?;
//! assert!(greeting.starts_with("220 "));
//! assert!(server.stop(Duration::from_secs(5)));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! [`Volume::perform`]: ossftp_core::driver::Volume::perform
//! [`Job`]: ossftp_core::driver::Job

mod answers;
mod control;
mod data;
mod pool;
mod server;
mod session;
mod transfer;

use ossftp_core::SessionConfig;
use ossftp_core::driver::Storage;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

pub use server::Server;

/// What a [`Server`] is told once.
#[derive(Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The settings of all sessions.
    pub session: Arc<SessionConfig>,
    /// Where the files are.
    pub storage: Arc<dyn Storage>,
    /// The ports of passive listeners; `0..=0`, the default, means any free port.
    pub passive_ports: RangeInclusive<u16>,
    /// At most so many sessions at a time (512); who comes beyond that gets 421.
    pub max_connections: usize,
    /// At most so many threads for logins and operations (32). Four times as many may wait;
    /// beyond that the storage counts as busy.
    pub operation_threads: usize,
    /// At most so many threads for transfers (256). As many transfers may wait; beyond that the
    /// storage counts as busy.
    pub transfer_threads: usize,
    /// A write to the control connection that makes no progress for so long (30 s) ends the
    /// session.
    pub write_timeout: Duration,
}

impl ServerConfig {
    /// The defaults, with the files of `storage`.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            session: Arc::default(),
            storage,
            passive_ports: 0..=0,
            max_connections: 512,
            operation_threads: 32,
            transfer_threads: 256,
            write_timeout: Duration::from_secs(30),
        }
    }
}
