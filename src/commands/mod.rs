//! What each command does: its parts put together, started, and stopped in order.

#[cfg(feature = "dev-store")]
mod demo;
#[cfg(feature = "dev-store")]
mod dev_store;
mod serve;

use crate::cli::Invocation;
use crate::failure::Failure;
use crate::signals::Signals;
use ossftp::gateway::OssStorage;
use ossftp::server::Running;
use std::io::Write;
use std::time::Duration;

/// How long running transfers may go on after a signal.
const GRACE: Duration = Duration::from_secs(10);
/// What a stop keeps of its own grace for cancelling the transfers that have not ended by then.
const CANCELLING: Duration = Duration::from_secs(5);
/// How long the uploads that were broken off may take to be thrown away.
const CLEARING: Duration = Duration::from_secs(10);

/// Does what the arguments say. Returns when it is done.
pub(crate) fn run(invocation: Invocation) -> Result<(), Failure> {
    match invocation {
        Invocation::Show(text) => {
            say(&text);
            Ok(())
        }
        Invocation::Serve(arguments) => serve::run(&arguments),
        #[cfg(feature = "dev-store")]
        Invocation::Demo(arguments) => demo::run(&arguments),
        #[cfg(feature = "dev-store")]
        Invocation::DevStore(arguments) => dev_store::run(&arguments),
    }
}

/// Writes to standard output, at once. Whether anybody reads it is not the program's business.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Catches signals before anybody is told that the program is ready.
fn catch_signals() -> Result<Signals, Failure> {
    Signals::catch().map_err(|error| {
        Failure::Run(format!(
            "cannot catch signals ({error}); see whether this machine is out of open files"
        ))
    })
}

/// Serves until a signal comes, then stops in order, and leaves no broken upload in the buckets.
fn serve_until_signal(server: Running, signals: Signals, storage: &OssStorage) {
    signals.wait();
    let sessions = server.sessions();
    log::info!(
        "stopping: {sessions} sessions, their transfers may take {} s",
        GRACE.as_secs()
    );
    if server.stop(GRACE + CANCELLING) {
        log::info!("stopped");
    } else {
        log::warn!("stopped; some transfers were cut off");
    }
    if !storage.drain(CLEARING) {
        log::warn!("some uploads that were broken off stay in their buckets: OSS did not answer");
    }
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Run(error.to_string())
}
