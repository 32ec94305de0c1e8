//! The listening half: accepts control connections, starts their tasks, and stops them all.

use crate::ServerConfig;
use crate::control::Control;
use crate::data::ACCEPT_PAUSE;
use crate::pool::Pool;
use crate::session::{Message, SessionTask};
use async_io::{Async, Timer, block_on};
use ossftp_core::driver::{PassivePorts, Roll};
use ossftp_core::{Now, Peer};
use smol::channel::{Receiver, Sender, bounded, unbounded};
use smol::future::{self, FutureExt};
use smol::{Executor, Task};
use socket2::SockRef;
use std::convert::Infallible;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

/// At most so much of a stop's grace is kept for the pools.
const POOL_TIME: Duration = Duration::from_secs(1);

/// Where the monotonic time of all sessions of a server begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn mono(self) -> Duration {
        self.0.elapsed()
    }

    /// The instant of a deadline. One beyond all calendars comes in a day, to be set anew.
    pub(crate) fn instant(self, mono: Duration) -> Instant {
        let far = || Instant::now() + Duration::from_secs(86_400);
        self.0.checked_add(mono).unwrap_or_else(far)
    }

    pub(crate) fn now(self) -> Now {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Now {
            mono: self.mono(),
            unix: unix.map_or(0, |since| {
                i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
            }),
        }
    }
}

/// What all sessions of a server share.
pub(crate) struct Shared {
    pub(crate) config: ServerConfig,
    pub(crate) clock: Clock,
    pub(crate) operations: Arc<Pool>,
    pub(crate) transfers: Arc<Pool>,
    pub(crate) ports: Arc<PassivePorts>,
    /// Weak, since the executor owns the tasks and the tasks own this.
    executor: Weak<Executor<'static>>,
    roll: Arc<Roll<Sender<Message>>>,
}

impl Shared {
    /// Runs `task`, unless the server is gone.
    pub(crate) fn spawn(
        &self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Option<Task<()>> {
        Some(self.executor.upgrade()?.spawn(task))
    }

    /// Makes an accepted connection a session, or refuses it.
    fn admit(self: &Arc<Self>, stream: Async<TcpStream>, from: SocketAddr) -> io::Result<()> {
        stream.get_ref().set_nodelay(true)?;
        // Some clients send ABOR as urgent data (RFC 959 section 4.1.3).
        SockRef::from(stream.get_ref()).set_out_of_band_inline(true)?;
        let peer = Peer::new(from, stream.get_ref().local_addr()?);
        let (sender, inbox) = unbounded();
        let Some(seat) = self.roll.enter(sender.clone()) else {
            log::warn!("{from} was refused: there are too many connections");
            return stream
                .get_ref()
                .write_all(ServerConfig::TOO_MANY_CONNECTIONS);
        };
        let (shared, number) = (Arc::clone(self), seat.number());
        let control = Control::new(stream, self.config.write_timeout);
        let session = SessionTask::new(shared, number, peer, control, (sender, inbox));
        let task = self.spawn(async move {
            let ended = AssertUnwindSafe(session.run()).catch_unwind().await;
            if ended.is_err() {
                log::error!("[{number}] the session panicked");
            }
            drop(seat);
        });
        if let Some(task) = task {
            task.detach();
        }
        Ok(())
    }

    async fn accept(self: Arc<Self>, listener: Async<TcpListener>) {
        loop {
            let admitted = match listener.accept().await {
                Ok((stream, from)) => self.admit(stream, from),
                Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => Err(e),
                Err(e) => {
                    log::warn!("accepting a connection: {e}");
                    Timer::after(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if let Err(e) = admitted {
                log::debug!("a connection was gone at once: {e}");
            }
            // A crowd at the door must not keep the others from being served.
            future::yield_now().await;
        }
    }
}

/// A server that runs. Dropped without [`Server::stop`], it ends at once.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Option<Task<()>>,
    executor: Option<Arc<Executor<'static>>>,
    /// The executor's threads run until this is dropped.
    running: Option<Sender<Infallible>>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Serves the connections of `listener`, which has to be bound and listening.
    ///
    /// # Errors
    /// The listener's, or that no thread can be started.
    pub fn start(listener: TcpListener, config: ServerConfig) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let listener = Async::new(listener)?;
        let executor = Arc::new(Executor::new());
        let (operations, transfers) = (config.operation_threads, config.transfer_threads);
        let shared = Arc::new(Shared {
            operations: Pool::new("ftp-operation", operations, operations.saturating_mul(4)),
            transfers: Pool::new("ftp-transfer", transfers, transfers),
            ports: Arc::new(PassivePorts::new(config.passive_ports.clone())),
            clock: Clock::start(),
            executor: Arc::downgrade(&executor),
            roll: Roll::new(config.max_connections),
            config,
        });
        let (running, stopped) = bounded(1);
        let mut server = Self {
            accepting: None,
            executor: Some(Arc::clone(&executor)),
            running: Some(running),
            threads: Vec::new(),
            shared,
            address,
        };
        let count = thread::available_parallelism().map_or(1, |n| n.get().min(2));
        for _ in 0..count {
            let (executor, stopped) = (Arc::clone(&executor), stopped.clone());
            let thread = thread::Builder::new().name("ftp-sessions".into());
            let thread = thread.spawn(move || run(&executor, &stopped))?;
            server.threads.push(thread);
        }
        let accepting = Arc::clone(&server.shared).accept(listener);
        server.accepting = Some(executor.spawn(accepting));
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// How many sessions there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.shared.roll.sessions()
    }

    /// Stops within `grace`: no connection is accepted any more, each session ends with 421 when
    /// its transfer is done, and near the end of the grace what still runs is cancelled.
    ///
    /// True if nothing is left behind: all sessions have ended, all uploads are committed or
    /// discarded. Otherwise threads that wait for the storage are left to end by themselves.
    #[must_use = "false means that something still runs"]
    pub fn stop(mut self, grace: Duration) -> bool {
        let end = Clock::start().instant(grace);
        if let Some(accepting) = self.accepting.take() {
            block_on(accepting.cancel());
        }
        let left = grace.saturating_sub(POOL_TIME.min(grace / 8));
        self.shared.roll.stop(left, |session, admin| {
            // One that has just ended needs no telling.
            let _ = session.try_send(Message::Admin(admin));
        });
        self.halt();
        // Both, since an opening that ends late leaves a discard behind.
        self.shared.operations.wait_quiet(end) && self.shared.transfers.wait_quiet(end)
    }

    /// Ends all tasks that are left, with their sockets; uploads go to the pool.
    fn halt(&mut self) {
        drop(self.accepting.take());
        drop(self.running.take());
        for thread in self.threads.drain(..) {
            // It has caught its panics.
            let _ = thread.join();
        }
        drop(self.executor.take());
        self.shared.operations.close();
        self.shared.transfers.close();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.halt();
    }
}

fn run(executor: &Executor<'_>, stopped: &Receiver<Infallible>) {
    // Sessions catch their own panics; this keeps the others served after any other.
    let serve = || block_on(executor.run(stopped.recv()));
    while catch_unwind(AssertUnwindSafe(serve)).is_err() {}
}
