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
//! `examples/stdio.rs` is such a driver in full, and short: a server on standard input and output.
//! What drivers that block have in common stands in `driver`.
//!
//! # The states of a session
//!
//! A session waits for one thing at a time. Commands that need nobody are answered at once; the
//! others lead from Idle over a request, which the driver performs, and back to Idle.
//!
//! ```text
//!  ── 220 ──> Idle
//!              │ command                 request                      final reply
//!              ├─ PASS ───────────────── Login ────────────────────── 230, 530
//!              ├─ AUTH ── 234 ────────── StartTls ─────────────────── none; TlsUp
//!              ├─ CWD MKD SIZE … ─────── Perform ──────────────────── 250, 257, 213, 550 …
//!              ├─ PASV EPSV ──────────── Listen ───────────────────── 227, 229, 425
//!              ├─ RETR STOR LIST … ───── Open, Run, Commit, Discard ─ see below
//!              └─ QUIT ── 221 ──> closed
//!
//!  A transfer:
//!
//!   Opening ── 150 ──> Connecting ──> Moving ─┬─ download ─────────────────────────── 226
//!      │                   │             │    └─ upload ──> (Settling ──>) Committing ─ 226
//!      │                   │             │                                     │
//!   450, 550 …            425           426                                451, 552 …
//!
//!  Any state ── a timer, the operator, too much of something ── 421 ──> closed
//!  Any state ── ControlClosed ── what came whole before it is done ──> closed
//! ```
//!
//! | state | its timer | when that runs out |
//! |---|---|---|
//! | Idle, not logged in | [`SessionConfig::login_timeout`] | 421 |
//! | Idle | [`SessionConfig::idle_timeout`] | 421 |
//! | Login, Perform, Listen, Opening | [`SessionConfig::operation_timeout`] | 451 or 425, and all but Opening end in 421 |
//! | Connecting | [`SessionConfig::data_connect_timeout`] | 425 |
//! | Moving | [`SessionConfig::stall_timeout`], which whoever moves the bytes keeps | 426 |
//! | Settling | at most [`SessionConfig::hang_up_window`] | the upload is committed |
//!
//! Whoever performs a request sees to it that it ends; that timer is the last resort.
//!
//! Commands that come while a session waits keep their turn. From the 150 on NOOP and STAT are
//! answered at once. ABOR ends a transfer: 426 for the transfer, 226 for ABOR. An upload that is
//! being committed is not stopped any more, and ABOR and QUIT wait for its end. An operation of
//! the storage is asked to end, and its answer, 451 where it did, goes before that of ABOR.
//!
//! After the control connection is closed, the commands that came whole before are done, in order,
//! and their replies are sent: the client may have closed its own side alone. A control
//! connection that is closed cancels the transfer, unless an upload is known to be whole and
//! wanted: after QUIT, where [`SessionConfig::commit_on_disconnect`] says so, or when its commit
//! has been under way for longer than a client takes to die.
//!
//! # A conversation
//!
//! From greeting to QUIT, with a driver that knows one user and one file and has no sockets: it
//! answers each request as if a client had done its part.
//!
//! ```
//! use ossftp_core::{
//!     Direction, ErrorKind, Input, LoginInfo, Now, Output, Peer, Session, SessionConfig,
//!     StorageError, TransferReport,
//! };
//! use std::{sync::Arc, time::Duration};
//!
//! let now = Now { mono: Duration::ZERO, unix: 1_700_000_000 };
//! let peer = Peer { addr: "192.0.2.7:50000".parse()?, local: "192.0.2.1:21".parse()? };
//! let mut session = Session::new(Arc::new(SessionConfig::default()), peer, now);
//!
//! let content: &[u8] = b"hello"; // what the client uploads
//! let mut file = None;           // the one file, once it is there
//! let mut direction = None;      // which way the transfer goes
//! let mut download = Vec::new(); // what the client has received
//!
//! for (line, codes) in [
//!     ("", "220"),
//!     ("USER demo", "331"),
//!     ("PASS wrong", "530"),
//!     ("USER demo", "331"),
//!     ("PASS secret", "230"),
//!     ("TYPE I", "200"),
//!     ("PASV", "227"),
//!     ("RETR a.txt", "550"), // it is not there yet
//!     ("PASV", "227"),
//!     ("STOR a.txt", "150 226"),
//!     ("RETR a.txt", "425"), // each transfer needs a data connection of its own
//!     ("PASV", "227"),
//!     ("RETR a.txt", "150 226"),
//!     ("QUIT", "221"),
//! ] {
//!     session.handle(now, Input::Control(format!("{line}\r\n").as_bytes()));
//!     let mut said = Vec::new();
//!     loop {
//!         let answer = match session.poll_output() {
//!             Output::Send(replies) => {
//!                 said.extend(replies);
//!                 continue;
//!             }
//!             Output::Login { id, password, .. } => {
//!                 let refusal = StorageError::new(ErrorKind::Denied, "Login incorrect.");
//!                 let known = password.expose() == b"secret";
//!                 let result = known.then(|| LoginInfo::new("Welcome.")).ok_or(refusal);
//!                 Input::Login { id, result }
//!             }
//!             Output::Listen { id } => {
//!                 let address = Some("192.0.2.1:51000".parse()?);
//!                 Input::Listening { id, address }
//!             }
//!             Output::Open(transfer) => {
//!                 let (id, missing) = (transfer.id, file.is_none());
//!                 direction = Some(transfer.direction());
//!                 let result = if missing && direction == Some(Direction::Download) {
//!                     Err(StorageError::new(ErrorKind::NotFound, "No such file."))
//!                 } else {
//!                     Ok(None) // its length, if that is known
//!                 };
//!                 Input::TransferReady { id, result }
//!             }
//!             Output::Run { id, .. } => {
//!                 session.handle(now, Input::DataConnected { id });
//!                 let bytes = content.len() as u64;
//!                 if direction == Some(Direction::Upload) {
//!                     Input::TransferEof { id, bytes, stored: bytes, waited: Duration::ZERO }
//!                 } else {
//!                     download.extend_from_slice(file.unwrap_or_default());
//!                     Input::TransferDone { id, report: TransferReport::new(bytes, Ok(())) }
//!                 }
//!             }
//!             Output::Commit { id } => {
//!                 file = Some(content); // from now on it can be seen
//!                 let report = TransferReport::new(content.len() as u64, Ok(()));
//!                 Input::TransferDone { id, report }
//!             }
//!             Output::Close | Output::Wait(_) => break,
//!             _ => continue, // events for a log, and a listener that is to close
//!         };
//!         session.handle(now, answer);
//!     }
//!     let said = String::from_utf8(said)?;
//!     let heard: Vec<_> = said.lines().map(|reply| &reply[..3]).collect();
//!     assert_eq!(heard.join(" "), codes, "{line}: {said}");
//! }
//! assert_eq!(download, content);
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

mod capability;
pub mod charset;
pub mod command;
mod config;
pub mod deflate;
pub mod digest;
#[cfg(feature = "std")]
pub mod driver;
mod entry;
mod error;
pub mod glob;
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

pub use capability::{Capabilities, HashAlgorithms, Modes, Need};
pub use charset::{Charset, Names};
pub use config::{ActivePolicy, SessionConfig, TlsPolicy};
pub use digest::HashAlgorithm;
pub use entry::{Entry, EntryKind};
pub use error::{ErrorKind, StorageError};
pub use glob::Pattern;
pub use io::{Admin, Answer, Event, FactChanges, Id, Input, LoginInfo, Operation, Output, Peer};
pub use path::{FtpPath, MAX_PATH, PathError};
pub use reply::{Code, Reply};
pub use secret::Secret;
pub use session::{Session, Snapshot, TransferSnapshot};
pub use time::{Civil, Now};
pub use transfer::{
    AsciiDecoder, AsciiEncoder, DataError, DataRoute, Direction, ListFormat, StoreMode, Transfer,
    TransferFailure, TransferKind, TransferReport,
};
