//! Starting and stopping: the listener, its threads, and how all of them end.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Config;
use super::api::{Service, valid_bucket};
use super::faults::{FaultRule, Faults};
use super::front::Front;
use super::http::{Handler, Traffic, serve, turn_away};
use super::log::{Log, RequestCount, RequestRecord};
use super::settings::Settings;
use super::store::{OpenError, Store};

/// How long [`Server::stop`] waits for requests under way after it has closed their connections.
const STOP_WAIT: Duration = Duration::from_secs(10);

/// Why a [`Server`] does not start. Its text says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on: taken, not of this machine, or not allowed.
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        reason: String,
    },
    /// Another process uses the folder.
    DirInUse {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder cannot be made, read or written.
    Dir {
        /// The folder.
        dir: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A bucket has a name that OSS does not allow.
    BucketName {
        /// The name.
        name: String,
    },
    /// The region is not a region id.
    Region {
        /// What was given.
        region: String,
    },
    /// The file of the request log cannot be written.
    Log {
        /// What the system says.
        reason: String,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, reason } => write!(
                f,
                "cannot listen on {address}: {reason}; end the program that uses the port, or choose another one"
            ),
            Self::DirInUse { dir } => write!(
                f,
                "another process uses the folder {}; stop it, or choose another folder",
                dir.display()
            ),
            Self::Dir { dir, reason } => write!(
                f,
                "cannot use the folder {}: {reason}; make it writable, or choose another folder",
                dir.display()
            ),
            Self::BucketName { name } => write!(
                f,
                "{name:?} is not a bucket name; take 3 to 63 of a-z, 0-9 and -, with a letter or digit at both ends"
            ),
            Self::Region { region } => {
                write!(
                    f,
                    "{region:?} is not a region id; write one such as cn-hangzhou, of a-z, 0-9 and -"
                )
            }
            Self::Log { reason } => write!(
                f,
                "cannot write the request log: {reason}; choose another file"
            ),
        }
    }
}

impl std::error::Error for StartError {}

/// A running store. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
    /// Weak: the folder is free as soon as the threads have ended.
    pub(super) front: Weak<Front>,
    faults: Faults,
}

/// What the threads share.
#[derive(Debug)]
struct Shared {
    stopping: AtomicBool,
    max_connections: usize,
    connections: Mutex<Connections>,
    /// Signalled whenever a connection ends.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Connections {
    next: u64,
    open: HashMap<u64, TcpStream>,
}

impl Server {
    /// Opens the folder, makes the buckets and listens. When it returns, requests are answered.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(config: Config) -> Result<Self, StartError> {
        let listen_error = |error: io::Error| StartError::Listen {
            address: config.listen,
            reason: error.to_string(),
        };
        let front = front(&config)?;
        let faults = front.faults.clone();
        let listener = TcpListener::bind(config.listen).map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let shared = Arc::new(Shared {
            stopping: AtomicBool::new(false),
            max_connections: config.max_connections.max(1),
            connections: Mutex::default(),
            ended: Condvar::new(),
        });
        let weak = Arc::downgrade(&front);
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("devstore-accept".into())
                .spawn(move || accept(&listener, &shared, &front))
                .map_err(listen_error)?
        };
        Ok(Self {
            address,
            shared,
            acceptor: Some(acceptor),
            front: weak,
            faults,
        })
    }

    /// Where it listens; the real port if the configuration said 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The faults: add rules, count what they met, remove them, while the server runs.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Adds a rule: short for [`Faults::add`].
    pub fn add_fault(&self, rule: FaultRule) -> u64 {
        self.faults.add(rule)
    }

    /// The last requests in the order in which their answers began, as many as [`RequestLog`](super::RequestLog) keeps. It waits, for a second at
    /// most, for answers that are being sent at this moment: a request whose answer a client has read is there.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.front
            .upgrade()
            .map(|front| front.log.last())
            .unwrap_or_default()
    }

    /// How often each API was called since the start or the last [`Server::clear_requests`]. It waits like
    /// [`Server::requests`].
    #[must_use]
    pub fn request_counts(&self) -> BTreeMap<String, RequestCount> {
        self.front
            .upgrade()
            .map(|front| front.log.counts())
            .unwrap_or_default()
    }

    /// Forgets requests and counts; a log file keeps its lines.
    pub fn clear_requests(&self) {
        if let Some(front) = self.front.upgrade() {
            front.log.clear();
        }
    }

    /// Stops: no more connections, those there are closed, requests under way ended. The folder is free afterwards.
    pub fn stop(mut self) {
        self.shut_down();
    }

    /// Waits until the server ends by itself, which it does only when its listener fails. For a program that does
    /// nothing else.
    pub fn wait(mut self) {
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        self.shut_down();
    }

    fn shut_down(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.faults.stop();
        if let Some(acceptor) = self.acceptor.take() {
            // The acceptor sleeps in accept(); a connection wakes it.
            let _ = TcpStream::connect_timeout(&reachable(self.address), Duration::from_secs(1));
            let _ = acceptor.join();
        }
        let until = Instant::now() + STOP_WAIT;
        let mut connections = self.shared.lock();
        for stream in connections.open.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        while !connections.open.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                ::log::warn!(
                    "dev store: {} connections did not end in time",
                    connections.open.len()
                );
                return;
            }
            connections = self
                .shared
                .ended
                .wait_timeout(connections, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address at which a listener can be reached that may listen on all.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn front(config: &Config) -> Result<Arc<Front>, StartError> {
    if let Some(name) = config.buckets.iter().find(|name| !valid_bucket(name)) {
        return Err(StartError::BucketName { name: name.clone() });
    }
    let region = &config.region;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.is_empty() || !region.bytes().all(plain) {
        return Err(StartError::Region {
            region: region.clone(),
        });
    }
    let log = Log::open(&config.log).map_err(|error| StartError::Log {
        reason: error.to_string(),
    })?;
    let dir_error = |reason: String| StartError::Dir {
        dir: config.dir.clone(),
        reason,
    };
    let store = Store::open(&config.dir).map_err(|error| match error {
        OpenError::InUse => StartError::DirInUse {
            dir: config.dir.clone(),
        },
        OpenError::Failed(reason) => dir_error(reason),
    })?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    for bucket in &config.buckets {
        store
            .put_bucket(bucket, seconds, |made| {
                made.hierarchical |= config.hierarchical.contains(bucket);
                let class = config
                    .storage_classes
                    .iter()
                    .find(|(name, _)| name == bucket);
                made.class = class.map_or(made.class, |(_, class)| *class);
            })
            .map_err(|error| dir_error(error.to_string()))?;
    }
    let faults = Faults::default();
    faults.set(config.faults.iter().cloned());
    Ok(Arc::new(Front {
        service: Service {
            store,
            settings: Settings::new(config),
            sequence: AtomicU64::new(1),
        },
        faults,
        control: config.control,
        log,
    }))
}

/// Accepts until the server stops or the listener fails.
fn accept(listener: &TcpListener, shared: &Arc<Shared>, front: &Arc<Front>) {
    loop {
        let accepted = listener.accept();
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        match accepted {
            Ok((stream, _)) => welcome(stream, shared, front),
            Err(error) if is_passing(&error) => {
                // Out of descriptors, most likely: give connections a moment to end.
                ::log::warn!("dev store: cannot accept: {error}");
                thread::sleep(Duration::from_millis(50));
            }
            Err(error) => {
                ::log::error!("dev store: the listener failed: {error}");
                return;
            }
        }
    }
}

/// Whether the listener may well work again after this error.
fn is_passing(error: &io::Error) -> bool {
    // EBADF and EINVAL: the listener itself is gone.
    !matches!(error.raw_os_error(), Some(9 | 22))
}

/// Gives a connection its thread, or turns it away.
fn welcome(stream: TcpStream, shared: &Arc<Shared>, front: &Arc<Front>) {
    let number = {
        let mut connections = shared.lock();
        let copy = (connections.open.len() < shared.max_connections)
            .then(|| stream.try_clone().ok())
            .flatten();
        copy.map(|copy| {
            let number = connections.next;
            connections.next += 1;
            connections.open.insert(number, copy);
            number
        })
    };
    let Some(number) = number else {
        let response = front.reject(503, "Too many connections. Please try again.");
        let ticket = Some(front.sending());
        turn_away(stream, &response);
        let traffic = Traffic {
            ticket,
            answered: true,
            ..Traffic::default()
        };
        front.rejected(&response, traffic);
        return;
    };
    let leave = Leave {
        shared: Arc::clone(shared),
        number,
    };
    let front = Arc::clone(front);
    let spawned = thread::Builder::new()
        .name("devstore".into())
        .spawn(move || {
            let leave = leave;
            serve(stream, number, front.as_ref());
            // The folder is free only when the last store is gone; so first that, then the sign that this thread ended.
            drop(front);
            drop(leave);
        });
    if let Err(error) = spawned {
        ::log::warn!("dev store: cannot start a thread: {error}");
    }
}

/// Takes a connection off the list, also when its thread panics or never starts.
struct Leave {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.shared.lock().open.remove(&self.number);
        self.shared.ended.notify_all();
    }
}
