//! The conformance suite: whole sessions over real sockets, the same for every runtime.
//!
//! A runtime's own `tests/conformance.rs` includes this folder by path, says how a server of its
//! kind is started, and gets one test per scenario:
//!
//! ```text
//! #[macro_use]
//! #[path = "../../tests/conformance/mod.rs"]
//! mod conformance;
//! conformance_suite!(start); // fn start(Setup) -> Box<dyn Running>
//! ```
//!
//! It needs `socket2` and `ossftp-core` with the feature `sim`. A scenario never sleeps for
//! luck: every read has a deadline, and what has no reply is polled until a deadline.

pub(crate) mod aborts;
pub(crate) mod client;
pub(crate) mod gate;
pub(crate) mod sessions;
pub(crate) mod stops;
pub(crate) mod transfers;

use ossftp_core::SessionConfig;
use ossftp_core::driver::Storage;
use ossftp_core::sim::MemoryStore;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longer than anything may take, short enough to find out.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// What ABOR, STAT, NOOP and QUIT may take during a transfer.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(1);

/// What a server is started with, on a free port of 127.0.0.1.
pub(crate) struct Setup {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) session: Arc<SessionConfig>,
    pub(crate) passive_ports: RangeInclusive<u16>,
    pub(crate) max_connections: usize,
}

/// A server that runs.
pub(crate) trait Running: Send {
    /// Where it listens.
    fn addr(&self) -> SocketAddr;
    /// How many sessions are open.
    fn sessions(&self) -> usize;
    /// `Server::stop`.
    fn stop(self: Box<Self>, grace: Duration) -> bool;
}

/// Starts a server of the runtime under test.
pub(crate) type Start = fn(Setup) -> Box<dyn Running>;

/// The store that most scenarios use: one user, `demo` with the password `secret`, and one file.
pub(crate) fn store() -> MemoryStore {
    MemoryStore::new()
        .with_user("demo", "secret", true)
        .with_file("/old.txt", "the old file")
}

impl Setup {
    /// Defaults over `storage`.
    pub(crate) fn new(storage: impl Storage) -> Self {
        Self {
            storage: Arc::new(storage),
            session: Arc::default(),
            passive_ports: 0..=0,
            max_connections: 512,
        }
    }

    /// With another session configuration.
    pub(crate) fn session(mut self, change: impl FnOnce(&mut SessionConfig)) -> Self {
        let mut config = SessionConfig::default();
        change(&mut config);
        self.session = Arc::new(config);
        self
    }
}

/// Waits until `condition` holds, and fails at the deadline.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// `count` bytes that show where they belong.
pub(crate) fn pattern(count: usize) -> Vec<u8> {
    (0u32..)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .take(count)
        .collect()
}

/// One `#[test]` for each scenario.
macro_rules! scenarios {
    ($start:expr; $($family:ident: $($name:ident)*;)*) => {
        $($(
            #[test]
            fn $name() {
                conformance::$family::$name($start);
            }
        )*)*
    };
}

/// All scenarios against the servers that `$start` starts.
macro_rules! conformance_suite {
    ($start:expr) => {
        scenarios! { $start;
            sessions:
                login_and_quit wrong_password pipelined_commands sixty_four_sessions
                too_many_connections no_login_in_time a_client_that_hangs_up_frees_its_place
                a_flood_is_held_back half_a_line_and_gone
                all_said_at_once_and_gone a_storage_that_panics tls_that_cannot_be_had;
            transfers:
                passive_both_ways active_both_ways pasv_and_port large_files listings
                ascii_both_ways resume_and_append an_empty_file data_connection_after_the_150
                errors_before_the_150 a_storage_error_in_the_middle no_data_connection
                active_to_a_closed_port one_passive_port many_transfers_in_a_row
                a_foreign_peer_is_refused status_during_a_transfer;
            aborts:
                abort_of_a_stalled_download abort_of_a_stalled_upload
                abort_before_the_data_connection abort_with_urgent_data
                abort_while_the_storage_opens abort_while_the_storage_hangs
                abort_when_idle abort_of_an_operation stalled_upload_times_out client_closes_a_download_early
                killed_client_stores_nothing killed_client_keeps_the_old_file
                reset_upload_stores_nothing quit_during_an_upload_stores_it
                commit_on_disconnect_stores_it a_commit_outlives_its_client
                quit_waits_for_the_transfer;
            stops:
                stop_with_nobody_there stop_drains stop_ends_a_stalled_upload
                stop_ends_a_wait_for_a_data_connection stop_says_when_a_storage_hangs;
        }
    };
}
