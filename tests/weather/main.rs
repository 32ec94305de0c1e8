//! The gateway over FTP when the cloud misbehaves, and what it asks of the cloud when all is well.

mod aborts;
mod counts;
mod matrix;
mod mixture;
mod renames;
mod rights;
mod weather;
mod world;

#[path = "../conformance/client.rs"]
#[allow(
    dead_code,
    reason = "shared with other tests, each of which uses a part of it"
)]
mod client;

/// How long a client waits for anything.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(60);
