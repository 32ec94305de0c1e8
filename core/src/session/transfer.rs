//! Transfer commands, from the first check to the last reply.
//!
//! The order of checks: a data connection prepared, its protection, the name, then the storage's own answer; an
//! error up to there is the only reply. Then 150, which does not wait for the data connection;
//! then exactly one final reply, after the data connection is closed and, for an upload, after
//! the storage has confirmed it.

use super::list::hidden;
use super::{NO_ANSWER, Pending, Session};
use crate::{
    Code, DataError, DataRoute, Direction, ErrorKind, Event, FtpPath, Id, Kept, Output, Reply,
    StorageError, StoreMode, Transfer, TransferFailure, TransferKind, TransferReport,
};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The storage was asked; no 150 yet.
    Opening,
    /// 150 is out; the data connection is being made.
    Connecting,
    /// Bytes move.
    Moving,
    /// The data of an upload has ended after a pause, as it does when the client is killed; a
    /// moment shows whether the control connection ends too.
    Settling,
    /// All bytes of an upload are there and the storage makes them visible. Not to be stopped.
    Committing,
}

/// The transfer that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: Id,
    pub(super) verb: &'static str,
    pub(super) path: FtpPath,
    pub(super) direction: Direction,
    pub(super) phase: Phase,
    pub(super) bytes: u64,
    pub(super) deadline: Option<Duration>,
    /// When the commit was ordered.
    pub(super) committing_since: Option<Duration>,
    route: DataRoute,
    /// What is listed.
    pub(super) listing: Option<Box<TransferKind>>,
    ascii: bool,
    deflate: bool,
    /// Bytes of the file that an upload brought.
    stored: u64,
    /// Bytes that ALLO named.
    expected: Option<u64>,
    /// Bytes of the file that stay before those of an upload.
    offset: u64,
    /// Bytes that RANG asked for.
    length: Option<u64>,
    /// The name that STOU has found.
    pub(super) unique: Option<Vec<u8>>,
    /// ABOR came while the upload was being committed; it is answered after that.
    pub(super) abort_asked: bool,
}

impl Running {
    /// The line of the log: it has ended, with this code.
    pub(super) fn ended(self, code: Code) -> Event {
        Event::Transfer {
            verb: self.verb,
            path: self.path,
            bytes: self.bytes,
            code: code.value(),
        }
    }
}

impl Session {
    pub(super) fn retr(&mut self, argument: &[u8]) {
        let rest = core::mem::take(&mut self.rest);
        let range = self.range.take();
        let Some((route, path)) = self.prepared(argument, false) else {
            return;
        };
        if path.is_root() {
            self.refuse(Code::FILE_UNAVAILABLE, "/ is a directory.");
            return;
        }
        if self.converts() && range.is_some() {
            self.refuse(Code::BAD_RANGE, "RANG needs TYPE I.");
            return;
        }
        let offset = range.map_or(rest, |(first, _)| first);
        let length = range.map(|(first, last)| (last - first).saturating_add(1));
        if self.converts() && offset > 0 {
            self.refuse(Code::BAD_OFFSET, "REST needs TYPE I.");
            return;
        }
        self.begin(
            "RETR",
            route,
            TransferKind::Retrieve {
                path,
                offset,
                length,
            },
        );
    }

    /// STOR and APPE. RFC 3659 section 5.3: REST before APPE makes it a STOR at that offset.
    pub(super) fn stor(&mut self, argument: &[u8], append: bool) {
        let offset = core::mem::take(&mut self.rest);
        let range = self.range.take();
        let expected = self.allo.take();
        let Some((route, path)) = self.prepared(argument, true) else {
            return;
        };
        if range.is_some() {
            self.refuse(Code::BAD_RANGE, "RANG is for downloads.");
            return;
        }
        if !is_file_name(argument, &path) {
            self.refuse(
                Code::NAME_NOT_ALLOWED,
                "That names a directory; a file needs a name of its own.",
            );
            return;
        }
        if self.converts() && offset > 0 {
            self.refuse(Code::BAD_OFFSET, "REST needs TYPE I.");
            return;
        }
        let mode = match (offset, append) {
            (0, false) => StoreMode::Replace,
            (0, true) => StoreMode::Append,
            (offset, _) => StoreMode::At(offset),
        };
        let kind = TransferKind::Store {
            path,
            mode,
            expected,
        };
        self.begin(if append { "APPE" } else { "STOR" }, route, kind);
    }

    /// The prepared data connection and the path, or a reply that says what is missing.
    pub(super) fn prepared(
        &mut self,
        argument: &[u8],
        new_name: bool,
    ) -> Option<(DataRoute, FtpPath)> {
        let Some(route) = self.route else {
            self.say(
                Code::NO_DATA_CONNECTION,
                "No data connection is prepared; PASV, EPSV, PORT or EPRT comes first.",
            );
            return None;
        };
        // RFC 4217 section 10.2: not earlier, for PROT may come between PASV and this.
        if self.config.tls.required_for_data && !self.is_private() {
            self.refuse(
                Code::BAD_PROT,
                "Data connections have to be protected here; AUTH TLS, PBSZ 0 and PROT P come first.",
            );
            return None;
        }
        let path = self.path(argument, new_name);
        if path.is_none() {
            self.stop_listening();
        }
        Some((route, path?))
    }

    /// The only reply of a transfer command that does not reach the storage. What was prepared
    /// is used up as by any other: see [`Session::end`].
    pub(super) fn refuse(&mut self, code: Code, text: &str) {
        self.stop_listening();
        self.say(code, text);
    }

    pub(super) fn begin(&mut self, verb: &'static str, route: DataRoute, kind: TransferKind) {
        let id = self.fresh_id();
        let (expected, offset, length) = match &kind {
            TransferKind::Store { expected, mode, .. } => match mode {
                StoreMode::At(offset) => (*expected, *offset, None),
                _ => (*expected, 0, None),
            },
            TransferKind::Retrieve { length, .. } => (None, 0, *length),
            TransferKind::List { .. } => (None, 0, None),
        };
        let listing = match &kind {
            TransferKind::List { .. } => Some(Box::new(kind.clone())),
            _ => None,
        };
        let deadline = self.now.mono.saturating_add(self.config.operation_timeout);
        let transfer = Transfer {
            id,
            kind,
            ascii: self.converts(),
            began_unix: self.now.unix,
            peer: self.peer_ip(),
            stall_timeout: self.config.stall_timeout,
            connect_timeout: self.config.data_connect_timeout,
            linger_timeout: self.config.linger_timeout,
            deflate: self.deflate.then_some(self.deflate_level),
            secure: self.is_private(),
            names: self.names,
        };
        self.pending = Pending::Transfer(Running {
            id,
            verb,
            path: transfer.path().clone(),
            direction: transfer.direction(),
            phase: Phase::Opening,
            bytes: 0,
            deadline: Some(deadline),
            committing_since: None,
            route,
            listing,
            ascii: transfer.ascii && verb != "MLSD",
            deflate: transfer.deflate.is_some(),
            stored: 0,
            expected,
            offset,
            length,
            unique: None,
            abort_asked: false,
        });
        self.outputs.push_back(Output::Open(Box::new(transfer)));
    }

    /// The running transfer, if it has this id.
    fn running(&mut self, id: Id) -> Option<&mut Running> {
        match &mut self.pending {
            Pending::Transfer(running) if running.id == id => Some(running),
            _ => None,
        }
    }

    pub(super) fn transfer_ready(&mut self, id: Id, result: Result<Option<u64>, StorageError>) {
        let now = self.now.mono;
        let patience = self.config.data_connect_timeout;
        let Some(running) = self.running(id).filter(|r| r.phase == Phase::Opening) else {
            return;
        };
        let size = match result {
            Ok(size) => size,
            Err(error) => {
                if let Some(kind) = running.second_try(&error) {
                    let (verb, route) = (running.verb, running.route);
                    let named = running.path.clone();
                    self.begin(verb, route, kind);
                    if let Pending::Transfer(running) = &mut self.pending {
                        running.path = named;
                    }
                    return;
                }
                let code = storage_code(running, &error);
                self.end(code, error.message);
                return;
            }
        };
        if let (Some(length), Some(size)) = (running.length, size)
            && size < length
        {
            self.cancel_running();
            let text = String::from("The range ends beyond the end of the file.");
            self.end(Code::BAD_RANGE, text);
            return;
        }
        running.phase = Phase::Connecting;
        running.deadline = Some(now.saturating_add(patience));
        let route = running.route;
        let unique = running.unique.take();
        let text = opening(running, size);
        if route == DataRoute::Passive {
            // The listener is the transfer's now.
            self.route = None;
        }
        match unique {
            Some(name) => {
                let text = [b"FILE: ", name.as_slice()].concat();
                self.reply_as_it_is(&Reply::new(Code::OPENING_DATA, text));
            }
            None => self.say(Code::OPENING_DATA, text),
        }
        self.outputs.push_back(Output::Run { id, route });
        self.look_ahead();
    }

    pub(super) fn data_connected(&mut self, id: Id) {
        if let Some(running) = self.running(id).filter(|r| r.phase == Phase::Connecting) {
            running.phase = Phase::Moving;
            running.deadline = None;
        }
    }

    pub(super) fn transfer_progress(&mut self, id: Id, bytes: u64) {
        if let Some(running) = self.running(id) {
            running.bytes = bytes;
        }
    }

    /// The end of the data is not yet a whole file: see [`Session::control_closed`], which
    /// has cancelled the upload by now if the control connection had gone before.
    pub(super) fn transfer_eof(&mut self, id: Id, bytes: u64, stored: u64, waited: Duration) {
        let patience = waited.saturating_mul(10).min(self.config.hang_up_window);
        let settled = self.now.mono.saturating_add(patience);
        let suspicious = waited >= self.config.pause_before_end
            && !self.quit_seen
            && !self.config.commit_on_disconnect;
        let Some(running) = self.running(id) else {
            return;
        };
        let moving = matches!(running.phase, Phase::Connecting | Phase::Moving);
        if running.direction != Direction::Upload || !moving {
            return;
        }
        (running.bytes, running.stored) = (bytes, stored);
        if suspicious {
            running.phase = Phase::Settling;
            running.deadline = Some(settled);
        } else {
            self.commit();
        }
    }

    /// Orders the upload that has ended to be made visible, or dropped if it is known to be short.
    fn commit(&mut self) {
        let strict = self.config.strict_allo;
        let now = self.now.mono;
        let Pending::Transfer(running) = &mut self.pending else {
            return;
        };
        let id = running.id;
        running.deadline = None;
        running.phase = Phase::Committing;
        running.committing_since = Some(now);
        let promised = running.expected.unwrap_or(0);
        // After REST some clients name the whole file, others what is left of it.
        let there = running.offset.saturating_add(running.stored);
        let output = if strict && !running.ascii && there < promised {
            Output::Discard {
                id,
                reason: TransferFailure::Truncated,
            }
        } else {
            Output::Commit { id }
        };
        self.outputs.push_back(output);
    }

    pub(super) fn transfer_done(&mut self, id: Id, report: &TransferReport) {
        let Some(running) = self.running(id) else {
            return;
        };
        running.bytes = report.bytes;
        let upload = running.direction == Direction::Upload;
        let abort_asked = running.abort_asked;
        let too_late = match &report.outcome {
            Ok(()) => "Too late to abort: the file is there.",
            Err(_) => "Nothing was left to abort.",
        };
        let stored = match &report.outcome {
            Err(TransferFailure::Storage(error)) => Some(storage_code(running, error)),
            _ => None,
        };
        let listed = running.listing.is_some() && report.outcome.is_ok();
        let left_out = listed.then(|| (running.path.clone(), report.hidden));
        if let Some(left_out) = left_out {
            self.hidden = Some(left_out).filter(|(_, count)| *count > 0);
        }
        let (code, text) = match &report.outcome {
            Ok(()) => (Code::TRANSFER_COMPLETE, complete(report)),
            Err(failure) => {
                let (code, text) = failed(failure);
                (code, text + &after_failure(upload, report.kept))
            }
        };
        let code = stored.unwrap_or(code);
        self.end(code, text);
        if abort_asked {
            self.say(Code::TRANSFER_COMPLETE, too_late);
        }
    }

    /// The one final reply of a transfer command.
    fn end(&mut self, code: Code, text: String) {
        let Pending::Transfer(running) = core::mem::replace(&mut self.pending, Pending::Nothing)
        else {
            return;
        };
        // A listener or address serves one transfer command, whether it went well or not: what
        // waits in a listener's queue may be a connection that the client has given up.
        self.stop_listening();
        self.say(code, text);
        self.event(running.ended(code));
        self.settle();
    }

    fn cancel_running(&mut self) {
        if let Pending::Transfer(running) = &self.pending {
            let id = running.id;
            self.outputs.push_back(Output::Cancel { id });
        }
    }

    /// The timer of the transfer has run out.
    pub(super) fn transfer_timer(&mut self) {
        let Pending::Transfer(running) = &self.pending else {
            return;
        };
        let (code, text) = match running.phase {
            Phase::Settling => return self.commit(),
            Phase::Opening => (Code::LOCAL_ERROR, NO_ANSWER),
            _ => (Code::NO_DATA_CONNECTION, "No data connection came in time."),
        };
        self.cancel_running();
        self.end(code, String::from(text));
    }

    /// RFC 959 section 4.1.3: 426 for the transfer, then 226 for ABOR. A commit that has begun
    /// is waited for, and so is an operation: only its answer says whether it was in time.
    pub(super) fn abor(&mut self) {
        match &mut self.pending {
            Pending::Transfer(running) if running.phase == Phase::Committing => {
                running.abort_asked = true;
            }
            Pending::Transfer(running) => {
                let upload = running.direction == Direction::Upload;
                let appends = running.verb == "APPE";
                self.cancel_running();
                // An APPE may show what came at once; and what is kept of a STOR is not known yet.
                let keeps = appends || self.login.as_ref().is_some_and(|l| l.keeps_partial);
                let (code, mut text) = failed(&TransferFailure::Cancelled);
                let kept = if keeps { Kept::Unknown } else { Kept::Nothing };
                text.push_str(&after_failure(upload, kept));
                self.end(code, text);
                self.say(Code::TRANSFER_COMPLETE, "Aborted.");
            }
            Pending::Operation {
                id, abort_asked, ..
            } => {
                *abort_asked = true;
                let id = *id;
                self.outputs.push_back(Output::Cancel { id });
            }
            _ => self.say(Code::NO_TRANSFER, "There is no transfer to abort."),
        }
    }
}

/// Whether the argument, which names `path`, may name a file.
pub(super) fn is_file_name(argument: &[u8], path: &FtpPath) -> bool {
    let last = argument.rsplit(|b| *b == b'/').next();
    !path.is_root() && !matches!(last, Some(b"" | b"." | b".."))
}

/// The code of a storage's error, which to some commands is another one than usual.
fn storage_code(running: &Running, error: &StorageError) -> Code {
    match (running.verb, error.kind) {
        // RFC 3659 section 7.2.1.
        ("MLSD", ErrorKind::NotADirectory) => Code::SYNTAX,
        ("STOU", ErrorKind::Exists) => Code::NAME_NOT_ALLOWED,
        ("RETR", ErrorKind::BadOffset) if running.length.is_some() => Code::BAD_RANGE,
        _ => error.code(),
    }
}

/// The text of the 150. `(N bytes)` is what some clients read the size from.
fn opening(running: &Running, size: Option<u64>) -> String {
    let mode = if running.ascii { "ASCII" } else { "BINARY" };
    let path = running.path.display();
    let as_it_is = !running.ascii && !running.deflate;
    match size.filter(|_| as_it_is && running.verb == "RETR") {
        Some(size) => format!("Opening {mode} mode data connection for {path} ({size} bytes)."),
        None => format!("Opening {mode} mode data connection for {path}."),
    }
}

/// The text of the 226.
fn complete(report: &TransferReport) -> String {
    let bytes = match report.bytes {
        1 => String::from("1 byte"),
        bytes => format!("{bytes} bytes"),
    };
    match report.hidden {
        0 => format!("Transfer complete, {bytes}."),
        count => format!("Transfer complete, {bytes}; {}.", hidden(count)),
    }
}

/// What is said of an upload that failed, from which the client knows how to go on.
fn after_failure(upload: bool, kept: Kept) -> String {
    match kept {
        _ if !upload => String::new(),
        Kept::Nothing => String::from(" Nothing of it was kept, send the whole file."),
        Kept::Bytes(bytes) => format!(" The file has {bytes} bytes now, go on from there."),
        Kept::Unknown => String::from(" SIZE says what there is of the file now."),
    }
}

/// Code and text for a transfer that failed after its 150.
fn failed(failure: &TransferFailure) -> (Code, String) {
    let (code, text) = match failure {
        TransferFailure::Data(DataError::NotConnected) => (
            Code::NO_DATA_CONNECTION,
            "The data connection could not be made.",
        ),
        TransferFailure::Data(DataError::Stalled) => {
            (Code::TRANSFER_ABORTED, "No data came or went for too long.")
        }
        TransferFailure::Data(DataError::Broken) => (
            Code::TRANSFER_ABORTED,
            "The data connection was broken off.",
        ),
        TransferFailure::Data(DataError::Tls) => (
            Code::BAD_PROTOCOL,
            "The handshake of TLS on the data connection failed.",
        ),
        TransferFailure::Data(DataError::NoCloseNotify) => (
            Code::TRANSFER_ABORTED,
            "TLS on the data connection was not ended, so the file may be cut off.",
        ),
        TransferFailure::Data(DataError::Deflate) => (
            Code::TRANSFER_ABORTED,
            "What came is not a whole zlib stream, as MODE Z wants it.",
        ),
        TransferFailure::Cancelled => (Code::TRANSFER_ABORTED, "The transfer was aborted."),
        TransferFailure::Truncated => (
            Code::TRANSFER_ABORTED,
            "Fewer bytes came than had been announced.",
        ),
        TransferFailure::Storage(error) => (error.code(), error.message.as_str()),
    };
    (code, String::from(text))
}
