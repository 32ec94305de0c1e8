//! The log on stderr: how a line looks, and whose lines are shown.
//!
//! Only this project's crates speak at the chosen level. Others are heard from WARNING up, since
//! an HTTP client's debug lines would show signed requests.

use log::LevelFilter;
use ossftp_core::Civil;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the name of every crate of this project begins with.
const OWN_CRATES: &str = "ossftp";

/// The level that `name` stands for, in any case, with the names of the Python tool.
pub(crate) fn level(name: &str) -> Option<LevelFilter> {
    match name.to_ascii_uppercase().as_str() {
        "DEBUG" => Some(LevelFilter::Debug),
        "INFO" => Some(LevelFilter::Info),
        "WARNING" | "WARN" => Some(LevelFilter::Warn),
        // There is nothing above an error here.
        "ERROR" | "CRITICAL" => Some(LevelFilter::Error),
        _ => None,
    }
}

/// Starts the log. A second call changes nothing.
pub(crate) fn start(level: LevelFilter) {
    let started = env_logger::Builder::new()
        .filter_level(level.min(LevelFilter::Warn))
        .filter_module(OWN_CRATES, level)
        .format(|out, record| {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs());
            let at = Civil::from_unix(i64::try_from(now).unwrap_or(0));
            writeln!(
                out,
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z {:5} {}",
                at.year,
                at.month,
                at.day,
                at.hour,
                at.minute,
                at.second,
                record.level(),
                record.args()
            )
        })
        .try_init();
    if started.is_err() {
        log::debug!("the log had been started before");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_python_tool() {
        assert_eq!(level("debug"), Some(LevelFilter::Debug));
        assert_eq!(level("Warning"), Some(LevelFilter::Warn));
        assert_eq!(level("CRITICAL"), Some(LevelFilter::Error));
        assert_eq!(level("loud"), None);
    }
}
