//! The blocking seam as a runtime uses it, one side at a time: requests and reports of a real
//! session, transfers over a data connection that a test tells what to do, and a storage that
//! fails, panics or does something else in the middle.
//!
//! No test looks at a clock or races: what happens "meanwhile" happens inside a call of the storage
//! or of the data connection.

mod handle;
mod job;
mod journal;
mod listings;
mod ports;
mod reports;
mod requests;
mod roll;
mod talk;
mod tasks;
mod wire;
mod world;

use ossftp_core::driver::Report;
use ossftp_core::sim::MemoryStore;
use ossftp_core::{Input, TransferFailure};
use talk::Talk;

/// A store with an account and a few files.
fn store() -> MemoryStore {
    MemoryStore::new()
        .with_user("demo", "s3cr3t-pw", true)
        .with_file("/a.txt", "one\ntwo\r\nthree")
        .with_file("/dir/b", "b")
        .with_file("/dir/c", "cc")
        .with_directory("/dir/sub")
}

/// What a transfer's last report says: its bytes and how it went.
#[track_caller]
fn outcome(talk: &mut Talk, report: Report) -> (u64, Result<(), TransferFailure>) {
    match talk.requests.input(report) {
        Input::TransferDone { report, .. } => (report.bytes, report.outcome),
        other => panic!("{other:?} is no end of a transfer"),
    }
}
