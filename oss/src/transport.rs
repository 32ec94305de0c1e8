//! The seam to ureq.
//!
//! Decides how the HTTP agent is set up, and learns two things that ureq does not tell: whether a request went out on a
//! reused connection and had any answer, and which socket it uses, so that another thread can shut it down. ureq runs a
//! request, its connector included, on the calling thread, so a thread-local carries both.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, ShutdownHandle, Transport,
};
use ureq::{Agent, config::Config};

use crate::cancel::{Cancel, Registration};
use crate::client::ClientConfig;
use crate::error::{Error, TransportKind};

/// The agent for a configuration: no redirects, no proxy, no status as error, nothing but what is asked for.
pub(crate) fn agent(config: &ClientConfig) -> Agent {
    let timeouts = &config.timeouts;
    let ureq = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .user_agent(config.user_agent.as_str())
        .accept("")
        .accept_encoding("identity")
        .timeout_connect(Some(timeouts.connect))
        .timeout_per_read(Some(timeouts.read))
        .timeout_per_write(Some(timeouts.write))
        .input_buffer_size(config.buffer_size)
        .output_buffer_size(config.buffer_size)
        .max_idle_connections(config.max_idle_connections)
        .max_idle_connections_per_host(config.max_idle_per_host)
        .max_idle_age(config.max_idle_age)
        .max_response_header_size(32 << 10)
        .build();
    Agent::with_parts(ureq, Watching(DefaultConnector::new()), Later)
}

/// What is known of a request after it ran.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    cancel: Option<Cancel>,
    /// When it must have its answer, unless ureq sees to that by itself.
    until: Option<Instant>,
    /// A connection was opened for it, or at least tried.
    pub(crate) fresh: bool,
    /// Some byte of an answer came.
    pub(crate) answered: bool,
    /// Its socket, for as long as the answer is being read.
    pub(crate) registration: Option<Registration>,
}

thread_local! {
    static CURRENT: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// Runs a request and watches it. `until` is the end of every wait for the network.
pub(crate) fn watched<T>(
    cancel: Option<&Cancel>,
    until: Option<Instant>,
    run: impl FnOnce() -> T,
) -> (T, Watch) {
    /// Puts an outer watch back, also when the body to send panics.
    struct Restore(Option<Watch>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let outer = self.0.take();
            CURRENT.with(|current| *current.borrow_mut() = outer);
        }
    }
    let watch = Watch {
        cancel: cancel.cloned(),
        until,
        ..Watch::default()
    };
    // A body to send may itself be read from OSS by another call on this thread.
    let _restore = Restore(CURRENT.with(|current| current.replace(Some(watch))));
    let result = run();
    let watch = CURRENT.with(|current| current.take()).unwrap_or_default();
    (result, watch)
}

fn note(change: impl FnOnce(&mut Watch)) {
    CURRENT.with(|current| {
        if let Some(watch) = current.borrow_mut().as_mut() {
            change(watch);
        }
    });
}

/// The timeout, but no later than the deadline of the request. ureq has none that ends with the headers of the answer.
fn within_deadline(timeout: NextTimeout) -> NextTimeout {
    let until = CURRENT.with(|current| current.borrow().as_ref().and_then(|watch| watch.until));
    let Some(until) = until else { return timeout };
    let left = at_least_a_moment(until.saturating_duration_since(Instant::now()));
    if left >= *timeout.after {
        return timeout;
    }
    NextTimeout {
        after: left.into(),
        reason: ureq::Timeout::Global,
        ..timeout
    }
}

fn note_socket(socket: &Weak<dyn ShutdownHandle>) {
    note(|watch| {
        if watch.registration.is_none()
            && let Some(cancel) = &watch.cancel
        {
            watch.registration = Some(cancel.register(socket.clone()));
        }
    });
}

/// Resolves nothing: ureq asks before it looks into its pool, and a request on a pooled connection needs no look-up.
#[derive(Debug)]
struct Later;

impl Resolver for Later {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

/// The default connector, with the look-up in front and the watch behind.
struct Watching(DefaultConnector);

impl Connector<()> for Watching {
    type Out = Watched;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<()>,
    ) -> Result<Option<Watched>, ureq::Error> {
        note(|watch| watch.fresh = true);
        let socket: Arc<Mutex<Option<Weak<dyn ShutdownHandle>>>> = Arc::default();
        let (slot, register) = (socket.clone(), details.register_shutdown.clone());
        let details = ConnectionDetails {
            uri: details.uri,
            addrs: resolve(details)?,
            resolver: details.resolver,
            config: details.config,
            // All that our requests change in the agent's configuration are timeouts. ureq caches its TLS
            // configuration, and with it the TLS sessions, only for requests that change nothing.
            request_level: false,
            now: details.now,
            timeout: within_deadline(details.timeout),
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: Arc::new(move |handle: Weak<dyn ShutdownHandle>| {
                note_socket(&handle);
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle.clone());
                register(handle)
            }),
        };
        let Some(inner) = self.0.connect(&details, chained)? else {
            return Ok(None);
        };
        let socket = socket.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Some(Watched { inner, socket }))
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watching")
    }
}

fn resolve(details: &ConnectionDetails) -> Result<ResolvedSocketAddrs, ureq::Error> {
    DefaultResolver::default()
        .resolve(details.uri, details.config, details.timeout)
        .map_err(|error| match error {
            ureq::Error::Io(_) => ureq::Error::HostNotFound,
            other => other,
        })
}

/// A connection that reports to the watch of the request it serves.
struct Watched {
    inner: Box<dyn Transport>,
    socket: Option<Weak<dyn ShutdownHandle>>,
}

impl Transport for Watched {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        if let Some(socket) = &self.socket {
            note_socket(socket);
        }
        self.inner.transmit_output(amount, within_deadline(timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let progress = self.inner.await_input(within_deadline(timeout))?;
        if progress {
            note(|watch| watch.answered = true);
        }
        Ok(progress)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

/// What an error of ureq means here.
pub(crate) fn error(error: ureq::Error) -> Error {
    let kind = match &error {
        ureq::Error::Io(inner) => io_kind(inner),
        ureq::Error::Timeout(ureq::Timeout::Global) => return Error::DeadlineExceeded,
        ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
            TransportKind::Connect
        }
        ureq::Error::Timeout(_) => TransportKind::Timeout,
        ureq::Error::HostNotFound => TransportKind::Resolve,
        ureq::Error::ConnectionFailed => TransportKind::Connect,
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::TlsRequired => {
            TransportKind::Tls
        }
        ureq::Error::Protocol(_)
        | ureq::Error::LargeResponseHeader(..)
        | ureq::Error::BodyStalled => TransportKind::Http,
        _ => TransportKind::Other,
    };
    let message = match &error {
        ureq::Error::Io(inner) => inner.to_string(),
        other => other.to_string(),
    };
    Error::Transport { kind, message }
}

fn io_kind(error: &io::Error) -> TransportKind {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused
        | Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::AddrNotAvailable => TransportKind::Connect,
        Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::UnexpectedEof
        | Kind::NotConnected
        | Kind::WriteZero => TransportKind::Closed,
        Kind::TimedOut | Kind::WouldBlock => TransportKind::Timeout,
        // rustls reports its own errors so.
        Kind::InvalidData => TransportKind::Tls,
        _ => TransportKind::Other,
    }
}

/// The time that is left, but never zero, which would mean none at all.
pub(crate) fn at_least_a_moment(time: Duration) -> Duration {
    time.max(Duration::from_millis(1))
}
