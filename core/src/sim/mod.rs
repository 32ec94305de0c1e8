//! Complete sessions without a network: deterministic, single-threaded, on a virtual clock.
//!
//! A [`Script`] tells a conversation from the client's side, data connections included. A
//! [`Simulator`] plays it against one [`Session`](crate::Session) and a storage, as a driver
//! would, and gives a [`Transcript`]. In every run it also holds the session against the rules
//! that must hold whatever the client does: the form and number of replies, the order of
//! requests, paths that stay inside the root, secrets that stay out of texts, a session that
//! always either waits for something or is closed, and a store that at rest holds exactly what
//! the client was told.
//!
//! [`MemoryStore`] is a storage in memory, for tests and for who embeds the server.

mod conversation;
mod data;
pub mod fuzz;
mod invariants;
mod memory;
mod model;
mod pieces;
mod script;
mod simulator;
pub mod targets;
mod tls;
mod transcript;
mod work;

pub use conversation::may_answer;
pub use memory::{Fault, MemoryStore};
pub use script::{Connect, DataPlan, Script, Step, Then};
pub use simulator::{Failure, Simulator};
pub use transcript::{Record, Transcript};
