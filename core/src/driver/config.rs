//! What a server is told once, on whichever runtime.

use super::Storage;
use crate::SessionConfig;
use alloc::sync::Arc;
use core::ops::RangeInclusive;
use core::time::Duration;

/// The settings of a server.
#[derive(Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// What all sessions share: names, limits and timers of the protocol. No runtime has TLS yet:
    /// where [`SessionConfig::tls`] offers it, a connection is closed when its handshake is due.
    pub session: Arc<SessionConfig>,
    /// Where the files live, and who may log in.
    pub storage: Arc<dyn Storage>,
    /// The ports of passive listeners; `0..=0`, the default, is any port that is free.
    pub passive_ports: RangeInclusive<u16>,
    /// Beyond so many connections a new one gets 421; 512 by default.
    pub max_connections: usize,
    /// A client that reads nothing of its replies for so long is disconnected; 30 s by default.
    pub write_timeout: Duration,
    /// Where sessions share their threads: at most so many for logins and operations (32). Four
    /// times as many may wait; beyond that the storage counts as busy.
    pub operation_threads: usize,
    /// Where sessions share their threads: at most so many for transfers (256). As many transfers
    /// may wait; beyond that the storage counts as busy.
    pub transfer_threads: usize,
}

impl ServerConfig {
    /// What a connection beyond [`ServerConfig::max_connections`] is told.
    pub const TOO_MANY_CONNECTIONS: &[u8] = b"421 Too many connections, try again later.\r\n";

    /// The defaults over `storage`.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            session: Arc::default(),
            storage,
            passive_ports: 0..=0,
            max_connections: 512,
            write_timeout: Duration::from_secs(30),
            operation_threads: 32,
            transfer_threads: 256,
        }
    }
}
