//! The conformance suite on this runtime.

#[macro_use]
#[path = "../../tests/conformance/mod.rs"]
mod conformance;

use conformance::{Running, Setup};
use ossftp_runtime_threads::{Server, ServerConfig};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

struct Threads(Server);

impl Running for Threads {
    fn addr(&self) -> SocketAddr {
        self.0.local_addr()
    }

    fn sessions(&self) -> usize {
        self.0.sessions()
    }

    fn stop(self: Box<Self>, grace: Duration) -> bool {
        self.0.stop(grace)
    }
}

fn start(setup: Setup) -> Box<dyn Running> {
    let mut config = ServerConfig::new(setup.storage);
    config.session = setup.session;
    config.passive_ports = setup.passive_ports;
    config.max_connections = setup.max_connections;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    Box::new(Threads(Server::start(listener, config).expect("it starts")))
}

conformance_suite!(start);
