//! The blocking driver of [`ossftp_core`]: threads and sockets, no executor.
//!
//! A [`Server`] accepts control connections and gives each its own thread, which owns the
//! protocol's [`Session`](ossftp_core::Session). Beside it stand a reader with a very small
//! stack, which moves raw bytes on credit, and, from the first request to the storage on, a
//! worker that waits for the storage and for data connections. Replies, order and timers are
//! decided by the core; files, rights and errors by the
//! [`Storage`](ossftp_core::driver::Storage); here are only the sockets
//! and the threads.
//!
//! What is bounded: connections ([`ServerConfig::max_connections`]), the time for a control
//! write ([`ServerConfig::write_timeout`]), threads (two to a session, one more once it works,
//! and at most 64 that hang in a storage after a cancel), and what is read ahead.
//!
//! # Example
//!
//! ```
//! use ossftp_core::sim::MemoryStore;
//! use ossftp_runtime_threads::{Server, ServerConfig};
//! use std::{net::TcpListener, sync::Arc, time::Duration};
//!
//! let storage = Arc::new(MemoryStore::new().with_user("demo", "secret", true));
//! let server = Server::start(TcpListener::bind("127.0.0.1:0")?, ServerConfig::new(storage))?;
//! println!("ftp://{}", server.local_addr());
//! assert!(server.stop(Duration::from_secs(5)));
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

mod control;
mod crew;
mod data;
mod drive;
mod inbox;
mod ports;
mod server;

pub use ossftp_core::driver::ServerConfig;
pub use server::Server;

/// The stack of a thread that needs `kib` KiB of it in a release build. Code that is not
/// optimised needs several times as much.
const fn stack(kib: usize) -> usize {
    if cfg!(debug_assertions) {
        1024 * 1024
    } else {
        kib * 1024
    }
}
