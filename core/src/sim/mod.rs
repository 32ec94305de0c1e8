//! Complete sessions without a network: deterministic, single-threaded, on a virtual clock.
//!
//! [`MemoryStore`] is a storage in memory, for tests and for who embeds the server.

mod memory;

pub use memory::{Fault, MemoryStore};
