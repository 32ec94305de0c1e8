//! One FTP server, whatever its driver: opens the port, starts the chosen runtime on it, stops it.
//!
//! What the files are is the [`Storage`]'s business, how sessions are driven the runtime crates'.
//! This module is the place to embed a whole server: hand [`start`] a listener and a storage.

use ossftp_core::SessionConfig;
use ossftp_core::driver::Storage;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// What drives the sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Runtime {
    /// The async driver: an idle session costs no thread. Feature `smol`.
    Smol,
    /// The blocking driver: threads alone, the smallest program. Feature `threads`.
    Threads,
}

impl Runtime {
    /// All of them, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Smol, Self::Threads];

    /// Whether this build has it.
    #[must_use]
    pub const fn is_built(self) -> bool {
        match self {
            Self::Smol => cfg!(feature = "smol"),
            Self::Threads => cfg!(feature = "threads"),
        }
    }

    /// The one to take when nobody chose: the first of [`Runtime::ALL`] that this build has.
    #[must_use]
    pub fn preferred() -> Option<Self> {
        Self::ALL.into_iter().find(|runtime| runtime.is_built())
    }

    /// Its name, as `--runtime` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smol => "smol",
            Self::Threads => "threads",
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Runtime {
    type Err = ServerError;

    fn from_str(name: &str) -> Result<Self, ServerError> {
        Self::ALL
            .into_iter()
            .find(|runtime| runtime.name().eq_ignore_ascii_case(name))
            .ok_or(ServerError::UnknownRuntime)
    }
}

/// Why a server did not start. Its text is one sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerError {
    /// There is no runtime of that name.
    UnknownRuntime,
    /// This build lacks the runtime.
    NotBuilt(Runtime),
    /// This build has no runtime at all.
    NoRuntime,
    /// The address cannot be listened on.
    Listen {
        /// Host and port as they were asked for.
        address: String,
        /// The kind of the system's error.
        kind: io::ErrorKind,
        /// The system's own words.
        reason: String,
    },
    /// The runtime did not start.
    Start {
        /// The system's own words.
        reason: String,
    },
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRuntime => write!(f, "the runtimes are smol and threads"),
            Self::NotBuilt(runtime) => write!(
                f,
                "this program was built without the runtime {runtime}; build it with --features {runtime}"
            ),
            Self::NoRuntime => write!(
                f,
                "this program was built without a runtime; build it with --features threads or --features smol"
            ),
            Self::Listen {
                address,
                kind,
                reason,
            } => match kind {
                io::ErrorKind::AddrInUse => write!(
                    f,
                    "{address} is taken by another program; stop that program or choose another port"
                ),
                io::ErrorKind::PermissionDenied => write!(
                    f,
                    "this user may not listen on {address}; choose a port from 1024 up or give the program the right to"
                ),
                io::ErrorKind::AddrNotAvailable => write!(
                    f,
                    "{address} is no address of this machine; choose one of its own, or 0.0.0.0 for all"
                ),
                _ => write!(
                    f,
                    "cannot listen on {address} ({reason}); choose another address or port"
                ),
            },
            Self::Start { reason } => write!(
                f,
                "the server could not start ({reason}); see whether this machine is out of threads, memory or open files"
            ),
        }
    }
}

impl std::error::Error for ServerError {}

/// Opens the port that clients connect to. Port 0 is any free one.
///
/// # Errors
/// [`ServerError::Listen`].
pub fn listen(host: &str, port: u16) -> Result<TcpListener, ServerError> {
    let bind = || {
        let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
        TcpListener::bind(addresses.as_slice())
    };
    bind().map_err(|error| ServerError::Listen {
        address: format!("{host}:{port}"),
        kind: error.kind(),
        reason: error.to_string(),
    })
}

/// What a server needs to know. Its sessions share it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Texts, limits and timers of a session.
    pub session: SessionConfig,
    /// The ports that passive data connections may use.
    pub passive_ports: RangeInclusive<u16>,
    /// The driver.
    pub runtime: Runtime,
}

impl Settings {
    /// The ports of the Python tool, TYPE I until a client says another one, no MODE Z, and else
    /// what the session's defaults say.
    #[must_use]
    pub fn new(runtime: Runtime) -> Self {
        let mut session = SessionConfig::default();
        // What is stored are pictures more often than text, and devices that never send TYPE do
        // not notice that their line ends were changed.
        session.image_by_default = true;
        // lftp takes MODE Z for listings wherever it is offered, and lftp 4.9.2 throws away what it
        // has decompressed but not yet passed on when it meets the end of the stream: a long
        // listing ends early, without an error, and `mirror --delete` believes it. Levels and
        // flushes do not change that, not even stored blocks, and pauses help only as long as the
        // client keeps up.
        session.offer_deflate = false;
        Self {
            session,
            passive_ports: 51000..=53000,
            runtime,
        }
    }
}

/// A server that is running. Dropped without [`Running::stop`], it is left to its runtime.
pub struct Running(Box<dyn Driver>);

/// What both runtimes' servers can do.
trait Driver: Send {
    fn local_addr(&self) -> SocketAddr;
    fn sessions(&self) -> usize;
    fn stop(self: Box<Self>, grace: Duration) -> bool;
}

#[cfg(feature = "smol")]
impl Driver for ossftp_runtime_smol::Server {
    fn local_addr(&self) -> SocketAddr {
        self.local_addr()
    }

    fn sessions(&self) -> usize {
        self.sessions()
    }

    fn stop(self: Box<Self>, grace: Duration) -> bool {
        (*self).stop(grace)
    }
}

#[cfg(feature = "threads")]
impl Driver for ossftp_runtime_threads::Server {
    fn local_addr(&self) -> SocketAddr {
        self.local_addr()
    }

    fn sessions(&self) -> usize {
        self.sessions()
    }

    fn stop(self: Box<Self>, grace: Duration) -> bool {
        (*self).stop(grace)
    }
}

/// Serves `storage` on `listener` until [`Running::stop`].
///
/// # Errors
/// [`ServerError::NotBuilt`], or [`ServerError::Start`] when the system refuses threads or
/// sockets.
pub fn start(
    listener: TcpListener,
    storage: Arc<dyn Storage>,
    settings: &Settings,
) -> Result<Running, ServerError> {
    match settings.runtime {
        #[cfg(feature = "smol")]
        Runtime::Smol => start_smol(listener, storage, settings),
        #[cfg(feature = "threads")]
        Runtime::Threads => start_threads(listener, storage, settings),
        #[allow(
            unreachable_patterns,
            reason = "the features decide which arms there are"
        )]
        runtime => {
            drop((listener, storage));
            Err(ServerError::NotBuilt(runtime))
        }
    }
}

#[cfg(feature = "smol")]
fn start_smol(
    listener: TcpListener,
    storage: Arc<dyn Storage>,
    settings: &Settings,
) -> Result<Running, ServerError> {
    let mut config = ossftp_runtime_smol::ServerConfig::new(storage);
    config.session = Arc::new(settings.session.clone());
    config.passive_ports = settings.passive_ports.clone();
    let server = ossftp_runtime_smol::Server::start(listener, config).map_err(not_started)?;
    Ok(Running(Box::new(server)))
}

#[cfg(feature = "threads")]
fn start_threads(
    listener: TcpListener,
    storage: Arc<dyn Storage>,
    settings: &Settings,
) -> Result<Running, ServerError> {
    let mut config = ossftp_runtime_threads::ServerConfig::new(storage);
    config.session = Arc::new(settings.session.clone());
    config.passive_ports = settings.passive_ports.clone();
    let server = ossftp_runtime_threads::Server::start(listener, config).map_err(not_started)?;
    Ok(Running(Box::new(server)))
}

#[cfg(any(feature = "smol", feature = "threads"))]
fn not_started(error: io::Error) -> ServerError {
    ServerError::Start {
        reason: error.to_string(),
    }
}

impl Running {
    /// The address that clients connect to, with the real port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local_addr()
    }

    /// How many sessions there are now.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.0.sessions()
    }

    /// Accepts nobody any more, lets running transfers end, and ends the sessions. The later half
    /// of `grace`, but no more than 5 s, is kept for cancelling what has not ended by then. True
    /// when nothing is left.
    pub fn stop(self, grace: Duration) -> bool {
        self.0.stop(grace)
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("local_addr", &self.local_addr())
            .field("sessions", &self.sessions())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for runtime in Runtime::ALL {
            assert_eq!(runtime.to_string().parse(), Ok(runtime));
        }
        assert_eq!("tokio".parse::<Runtime>(), Err(ServerError::UnknownRuntime));
    }

    #[test]
    fn a_taken_port_is_said() {
        let first = listen("127.0.0.1", 0).unwrap();
        let port = first.local_addr().unwrap().port();
        let error = listen("127.0.0.1", port).unwrap_err();
        assert!(
            error.to_string().contains("taken by another program"),
            "{error}"
        );
    }
}
