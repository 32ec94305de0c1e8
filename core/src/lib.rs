//! FTP as a pure state machine: bytes and events in, bytes and requests out.
//!
//! [`Session`] is one control connection. It owns no socket, file, thread, clock or random
//! source: its outputs are a function of its [`SessionConfig`] and of the sequence of
//! ([`Now`], [`Input`]) it was given. Whoever drives it (a *driver*) reads and writes the
//! sockets, asks the storage, and reports back.
//!
//! # The contract of a driver
//!
//! 1. Make a [`Session`] for an accepted connection and drain it: call
//!    [`Session::poll_output`] and perform what it says, **in order**, until it says
//!    [`Output::Wait`].
//! 2. Wait for the next thing that happens: control bytes (only while
//!    [`Session::wants_input`] is true), the end of the control connection, an answer to a
//!    request, or the deadline that `Wait` named.
//! 3. Give it to [`Session::handle`] and drain again.
//!
//! Every request carries an [`Id`] and gets exactly one answer with that id. Answers to
//! requests that the session has given up are ignored, so a driver never has to know which
//! ones are still wanted.
//!
//! A transfer goes through these steps; bulk bytes never pass through the session:
//!
//! ```text
//!  Output::Open(Transfer) ──> the storage is asked (GET opened, first page listed)
//!  Input::TransferReady   <── its answer; an error here is the command's only reply
//!  150                        goes out
//!  Output::Run            ──> the data connection is accepted or made, then pumped
//!  Input::DataConnected   <── stops the data-connect timer
//!  Input::TransferEof     <── uploads only: the client closed its data connection
//!  Output::Commit/Discard ──> uploads only: the session's verdict
//!  Input::TransferDone    <── the report; the data connection is closed by now
//!  226                        goes out
//! ```
//!
//! Before a driver hands in [`Input::TransferEof`] it hands in whatever the control connection
//! has received so far, without blocking: a client that was killed closes both connections, and
//! only so can the session tell a whole upload from half of one.
//!
//! # A conversation
//!
//! ```
//! use ossftp_core::{Input, Now, Output, Peer, Session, SessionConfig};
//! use std::{sync::Arc, time::Duration};
//!
//! let now = Now { mono: Duration::ZERO, unix: 1_700_000_000 };
//! let peer = Peer { addr: "192.0.2.7:50000".parse()?, local: "192.0.2.1:21".parse()? };
//! let mut session = Session::new(Arc::new(SessionConfig::default()), peer, now);
//! let mut said = Vec::new();
//! session.handle(now, Input::Control(b"SYST\r\nQUIT\r\n"));
//! loop {
//!     match session.poll_output() {
//!         Output::Send(bytes) => said.extend(bytes),
//!         Output::Close | Output::Wait(_) => break,
//!         _ => {}
//!     }
//! }
//! let said = String::from_utf8(said)?;
//! let codes: Vec<_> = said.lines().map(|l| &l[..3]).collect();
//! assert_eq!(codes, ["220", "215", "221"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! The crate is `no_std` with `alloc`. Feature `std` (default) adds the blocking
//! [`driver`] seam; feature `sim` adds the simulator `sim`.

#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub mod command;
mod config;
#[cfg(feature = "std")]
pub mod driver;
mod entry;
mod error;
mod io;
pub mod line;
pub mod listing;
mod path;
mod reply;
mod secret;
mod session;
#[cfg(feature = "sim")]
pub mod sim;
mod text;
mod time;
mod transfer;

pub use config::SessionConfig;
pub use entry::{Entry, EntryKind};
pub use error::{ErrorKind, StorageError};
pub use io::{Admin, Answer, Event, Id, Input, LoginInfo, Operation, Output, Peer};
pub use path::{FtpPath, MAX_PATH, PathError};
pub use reply::{Code, Reply};
pub use secret::Secret;
pub use session::{Session, Snapshot, TransferSnapshot};
pub use time::{Civil, Now};
pub use transfer::{
    AsciiDecoder, AsciiEncoder, DataError, DataRoute, Direction, ListFormat, StoreMode, Transfer,
    TransferFailure, TransferKind, TransferReport,
};
