//! `oss-ftp dev-store`: the OSS-compatible store in a process of its own.

use super::{catch_signals, failed, say};
use crate::cli::DevStore;
use crate::failure::Failure;
use crate::logging;
use ossftp::devstore::{Config, RequestLog, Server};
use std::net::{SocketAddr, ToSocketAddrs};

/// Runs the store until a signal comes.
pub(super) fn run(arguments: &DevStore) -> Result<(), Failure> {
    logging::start(arguments.log_level);
    let signals = catch_signals()?;
    let mut config = Config::new(&arguments.dir);
    config.listen = resolve(&arguments.listen.0, arguments.listen.1)?;
    config.credentials = vec![(
        arguments.access_key_id.clone(),
        arguments.access_key_secret.as_str().into(),
    )];
    config.buckets.clone_from(&arguments.buckets);
    if let Some(path) = &arguments.log {
        config.log = RequestLog::File(path.clone());
    }
    config.faults.clone_from(&arguments.faults);
    config.control = arguments.control;
    if !config.listen.ip().is_loopback() {
        log::warn!("the dev store is no server for production, and others can reach it here");
    }
    let server = Server::start(config).map_err(failed)?;
    for made in &arguments.generate {
        server
            .generate(&made.bucket, &made.prefix, made.count)
            .map_err(failed)?;
    }
    say(&format!(
        "Dev store on http://{}, objects in {}, buckets: {}\n",
        server.local_addr(),
        arguments.dir.display(),
        arguments.buckets.join(", ")
    ));
    signals.wait();
    server.stop();
    Ok(())
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, Failure> {
    (host, port)
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| {
            Failure::Run(format!(
                "{host} is no address of this machine; take 127.0.0.1"
            ))
        })
}
