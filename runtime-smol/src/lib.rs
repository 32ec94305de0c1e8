//! Serves FTP sessions as tasks of a smol executor: the async driver of [`ossftp_core`].
//!
//! [`Server::start`] takes a bound listener and a [`ServerConfig`], and serves until
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

mod control;
mod data;
mod pool;
mod server;
mod session;

pub use ossftp_core::driver::ServerConfig;
pub use server::Server;
