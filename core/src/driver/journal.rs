//! The log line of an [`Event`].

use crate::Event;
use log::Level;

/// Logs what session number `session` has to say: commands and replies where everything is said
/// (`debug`), the rest as `info`.
pub fn log_event(session: u64, event: &Event) {
    let level = if event.is_detail() {
        Level::Debug
    } else {
        Level::Info
    };
    log::log!(level, "[{session}] {event}");
}
