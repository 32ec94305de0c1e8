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
//! 3. Give it to [`Session::handle`] and drain again, until [`Output::Close`].
//!
//! Every request carries an [`Id`] and gets one answer with that id; those that concern TLS carry
//! none. Answers to requests that the session has given up are ignored, so a driver never has to
//! know which ones are still wanted. After `Close` nothing is asked and every answer is ignored.
//!
//! ## Transfers
//!
//! All steps of a transfer carry the id of its [`Transfer`]; bulk bytes never pass through the
//! session:
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
//! What the [`Transfer`] says is done to the bytes on their way is the driver's: line ends
//! (`ascii`), a zlib stream (`deflate`), TLS (`secure`). So `TransferEof` brings two numbers: the
//! bytes that came over the data connection, and as `stored` those of the file that they are. Only
//! the latter can be compared with what ALLO and REST said.
//!
//! Where a listing's name is not there and could be a pattern, a second `Open` with an id of its
//! own follows the error to the first.
//!
//! Before a driver hands in [`Input::TransferEof`] it hands in whatever the control connection
//! has received so far, without blocking: a client that was killed closes both connections, and
//! only so can the session tell a whole upload from half of one.
//!
//! ## Giving up
//!
//! [`Output::Cancel`] means two things, and its id tells them apart:
//!
//! - Of a transfer it is an order: its data connection is closed, and an upload is dropped. The
//!   session has gone on already; it does not wait for a report.
//! - Of an operation ([`Output::Perform`]) it is a wish, as ABOR has it: the session still waits for
//!   its [`Input::Performed`], which is an error of [`ErrorKind::Cancelled`] if it was ended, and
//!   what became of it otherwise. A driver that cannot end operations ignores it.
//!
//! ## TLS
//!
//! A driver without TLS leaves [`TlsPolicy`] as it is by default: then AUTH is 502, and nothing of
//! this section happens. [`Output::StartTls`] it answers with [`Input::TlsFailed`].
//!
//! [`Output::StartTls`] comes after the 234 to AUTH, or before the greeting where TLS is implicit,
//! and [`Output::StopTls`] after the 200 to CCC. The driver first sends all that was said before,
//! then makes the change, and answers with [`Input::TlsUp`] or [`Input::TlsDown`]; if that fails,
//! with [`Input::TlsFailed`]. Until then the session says nothing and [`Session::wants_input`] is
//! false. Lines that it had been given before are dropped, and bytes that the driver has read
//! and not handed in belong to the handshake: nothing that was said in clear may count as said
//! under TLS. After a failure, or after [`SessionConfig::tls_timeout`], `Close` follows without a
//! 421, since there is nothing to say it on.
//!
//! A data connection with [`Transfer::secure`] is under TLS as well, with the server as its server,
//! whoever made the connection. [`Input::DataConnected`] need not wait for that handshake. If it
//! fails the report says [`DataError::Tls`], and [`DataError::NoCloseNotify`] where an upload ends
//! without close_notify.
//!
//! ## The end of the control connection
//!
//! [`Input::ControlClosed`] says that nothing more comes from the client, which may have ended its
//! own side alone and still read: the driver goes on performing outputs, `Send` included, until
//! `Close`. A reply that cannot be sent is dropped, and `ControlClosed` handed in if it was not.
//! What the session does then is [below](#the-states-of-a-session).
//!
//! ## Examples
//!
//! `examples/stdio.rs` is such a driver in full, and short: a server on standard input and output,
//! `cargo run -p ossftp-core --features sim --example stdio`. What drivers that block have in
//! common stands in the module `driver`.
//!
//! # The states of a session
//!
//! A session waits for one thing at a time. Commands that need nobody are answered at once; the
//! others lead from Idle over a request, which the driver performs, and back to Idle.
//!
//! ```text
//!  accepted ─┬─ 220 ──────────────────────> Idle
//!            └─ StartTls ── TlsUp ── 220 ─> Idle        (TLS is implicit)
//!
//!  Idle
//!    │ command                 request                      final reply
//!    ├─ PASS ───────────────── Login ────────────────────── 230, 451, 530
//!    ├─ AUTH ── 234 ────────── StartTls ─────────────────── none; TlsUp
//!    ├─ CCC ─── 200 ────────── StopTls ──────────────────── none; TlsDown
//!    ├─ CWD MKD SIZE HASH … ── Perform ──────────────────── 250, 257, 213, 550 …
//!    ├─ PASV EPSV ──────────── Listen ───────────────────── 227, 229, 425
//!    ├─ RETR STOR LIST … ───── Open, Run, Commit, Discard ─ see below
//!    ├─ STOU ───────────────── Perform until a name is free, then as STOR
//!    └─ QUIT ── 221 ──> closed
//!
//!  A transfer:
//!
//!   Opening ── 150 ──> Connecting ──> Moving ─┬─ download ─────────────────────────── 226
//!      │                   │             │    └─ upload ──> (Settling ──>) Committing ─ 226
//!      │                   │             │                                     │
//!   450, 550 …            425      426, 451, 522 …                      426, 451, 552 …
//!
//!  TLS being changed ── TlsFailed, ControlClosed or its timer ──> closed
//!  Any other state ── a timer, the operator, too much of something ── 421 ──> closed
//!  Any other state ── ControlClosed ── what came whole before it is done ──> closed
//! ```
//!
//! | state | its timer | when that runs out |
//! |---|---|---|
//! | Idle, not logged in | [`SessionConfig::login_timeout`], which commands do not prolong | 421 |
//! | Idle | [`SessionConfig::idle_timeout`], or what SITE IDLE said | 421 |
//! | Login, Perform, Listen, Opening | [`SessionConfig::operation_timeout`] | 451 or 425, and all but Opening end in 421 |
//! | TLS being changed | [`SessionConfig::tls_timeout`] | closed, without a reply |
//! | Connecting | [`SessionConfig::data_connect_timeout`] | 425 |
//! | Moving | [`SessionConfig::stall_timeout`], which whoever moves the bytes keeps | 426 |
//! | Settling | ten times the pause before the end, at most [`SessionConfig::hang_up_window`] | the upload is committed |
//! | Committing | none | |
//!
//! Whoever performs a request sees to it that it ends; the timer of operations is the last resort.
//!
//! Commands that come while a session waits keep their turn. From the 150 on NOOP and STAT are
//! answered at once. ABOR ends a transfer: 426 for the transfer, 226 for ABOR. An upload that is
//! being committed is not stopped any more: its reply comes first, then the 226. An operation of
//! the storage is asked to end, and its reply, 451 where it did, goes before that of ABOR.
//!
//! After the control connection is closed, the commands that came whole before are done, in order,
//! and their replies are sent. Only a hash with no command behind it is not waited for. A transfer is given up, unless it is an upload that is known to be whole and wanted:
//! after QUIT, where [`SessionConfig::commit_on_disconnect`] says so, or when its commit has been
//! under way for longer than a client takes to die.
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
//! # What is where
//!
//! The names of this page are all at the root of the crate. What a session is made of stands in
//! modules of its own, and is of use alone:
//!
//! | module | what it has |
//! |---|---|
//! | [`mod@line`] | bytes to lines: CRLF and bare LF, Telnet, the limit of a line |
//! | [`command`] | the table of commands, and lines to commands and back |
//! | [`listing`] | entries as LIST, NLST, MLSD and MLST write them |
//! | [`charset`] | names that are not UTF-8 |
//! | [`glob`] | the patterns of LIST and NLST |
//! | [`deflate`] | the zlib streams of MODE Z |
//! | [`digest`] | the checksums of HASH, XCRC and their like |
//! | `driver` | what drivers that block have in common, and the seam to a storage |
//! | `sim` | the simulator: whole sessions without a network, and the rules they are held to |
//!
//! # Features
//!
//! The crate is `no_std` with `alloc`. Feature `std` (default) adds `driver`; feature `sim`, which
//! no server needs, adds `sim`.

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
pub use error::{ErrorKind, Kept, StorageError};
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
