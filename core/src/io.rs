//! What goes into a [`Session`](crate::Session) and what comes out of it.

use crate::{
    Capabilities, Charset, DataRoute, Entry, FtpPath, HashAlgorithm, Secret, StorageError,
    Transfer, TransferFailure, TransferReport,
};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

/// Names one request of one session. An answer carries the id of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub(crate) u64);

impl Id {
    /// The number itself, for logs. Ids of a session are never used twice.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// The two ends of the control connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Peer {
    /// The client's address.
    pub addr: SocketAddr,
    /// The server's own address on this connection: what PASV names, and where data connections
    /// are made from.
    pub local: SocketAddr,
}

impl Peer {
    /// The ends `addr` and `local` as a socket names them. An IPv4 client of an IPv6 socket counts
    /// as IPv4; the scope of an IPv6 address is kept.
    #[must_use]
    pub fn new(addr: SocketAddr, local: SocketAddr) -> Self {
        let canonical = |address: SocketAddr| match address.ip().to_canonical() {
            IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
            IpAddr::V6(_) => address,
        };
        Self {
            addr: canonical(addr),
            local: canonical(local),
        }
    }
}

/// Something that happened, handed to [`Session::handle`](crate::Session::handle). `Debug` shows
/// of control bytes how many there are: a password may be among them.
#[non_exhaustive]
pub enum Input<'a> {
    /// Bytes from the control connection, in order, in whatever pieces they came.
    Control(&'a [u8]),
    /// Nothing more comes on the control connection: it broke, or the client has ended its side
    /// and may still read. Commands that came whole are done; what is sent may be lost.
    ControlClosed,
    /// The handshake that [`Output::StartTls`] asked for is done: what is read and written from
    /// here on is protected.
    TlsUp,
    /// The control connection is clear again, as [`Output::StopTls`] asked for.
    TlsDown,
    /// The handshake failed, or the end of TLS that was asked for, or this driver has no TLS. The
    /// session closes (RFC 4217 section 10.1).
    TlsFailed,
    /// The answer to [`Output::Login`].
    Login {
        /// The request.
        id: Id,
        /// Who logged in, or why not.
        result: Result<LoginInfo, StorageError>,
    },
    /// The answer to [`Output::Perform`].
    Performed {
        /// The request.
        id: Id,
        /// What the storage said.
        result: Result<Answer, StorageError>,
    },
    /// The answer to [`Output::Listen`]: the address that the listener has, or `None` when no
    /// port could be had.
    Listening {
        /// The request.
        id: Id,
        /// The listener's own address.
        address: Option<SocketAddr>,
    },
    /// The answer to [`Output::Open`].
    TransferReady {
        /// The transfer.
        id: Id,
        /// The number of bytes of the file that will come, if the storage knows it, or why it
        /// cannot begin.
        result: Result<Option<u64>, StorageError>,
    },
    /// The data connection of a transfer is open (TCP is enough).
    DataConnected {
        /// The transfer.
        id: Id,
    },
    /// How far a transfer is. Handed in before control bytes while a transfer runs, so that STAT
    /// can say it; at other times it need not be.
    TransferProgress {
        /// The transfer.
        id: Id,
        /// Bytes on the data connection so far.
        bytes: u64,
    },
    /// An upload's data connection has ended in order. The session answers with
    /// [`Output::Commit`] or [`Output::Discard`], perhaps after a moment.
    TransferEof {
        /// The transfer.
        id: Id,
        /// Bytes on the data connection.
        bytes: u64,
        /// Bytes of the file that they are: in TYPE A and MODE Z another number.
        stored: u64,
        /// How long the end was waited for after the last byte. A client that has sent a file
        /// ends the connection at once; after a pause it may have been killed.
        waited: Duration,
    },
    /// A transfer is over: committed, discarded, or failed; its data connection is closed.
    TransferDone {
        /// The transfer.
        id: Id,
        /// How it went.
        report: TransferReport,
    },
    /// Time has passed. Needed only when the deadline of [`Output::Wait`] comes; harmless else.
    Tick,
    /// The operator wants something.
    Admin(Admin),
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control(bytes) => write!(f, "Control({} bytes)", bytes.len()),
            Self::ControlClosed => f.write_str("ControlClosed"),
            Self::TlsUp => f.write_str("TlsUp"),
            Self::TlsDown => f.write_str("TlsDown"),
            Self::TlsFailed => f.write_str("TlsFailed"),
            Self::Login { id, result } => write!(f, "Login({id:?}, {result:?})"),
            Self::Performed { id, result } => write!(f, "Performed({id:?}, {result:?})"),
            Self::Listening { id, address } => write!(f, "Listening({id:?}, {address:?})"),
            Self::TransferReady { id, result } => write!(f, "TransferReady({id:?}, {result:?})"),
            Self::DataConnected { id } => write!(f, "DataConnected({id:?})"),
            Self::TransferProgress { id, bytes } => write!(f, "TransferProgress({id:?}, {bytes})"),
            Self::TransferEof {
                id,
                bytes,
                stored,
                waited,
            } => write!(f, "TransferEof({id:?}, {bytes}, {stored}, {waited:?})"),
            Self::TransferDone { id, report } => write!(f, "TransferDone({id:?}, {report:?})"),
            Self::Tick => f.write_str("Tick"),
            Self::Admin(admin) => write!(f, "Admin({admin:?})"),
        }
    }
}

/// What an operator asks of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admin {
    /// End it now: a running transfer is cancelled, the client gets 421.
    Kick,
    /// End it when its transfer, if any, is done; the client gets 421 then.
    Drain,
}

/// Who logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginInfo {
    /// The text of the 230 reply.
    pub welcome: String,
    /// Whether this user may change anything.
    pub writable: bool,
    /// What this user's storage can do besides the file actions.
    pub capabilities: Capabilities,
    /// The charset of this user's old clients, in place of
    /// [`SessionConfig::charset`](crate::SessionConfig::charset).
    pub charset: Option<Charset>,
    /// Whether this user's uploads may be kept in part when they break off, so that the session
    /// must not say, before it knows, that nothing is there.
    pub keeps_partial: bool,
}

impl LoginInfo {
    /// A login that may write.
    #[must_use]
    pub fn new(welcome: impl Into<String>) -> Self {
        Self {
            welcome: welcome.into(),
            writable: true,
            capabilities: Capabilities::default(),
            charset: None,
            keeps_partial: false,
        }
    }
}

/// A request to the storage that moves no file content. It is answered by [`Answer::Done`] where no
/// other answer is named, or by a [`StorageError`], whose [`ErrorKind`](crate::ErrorKind) decides on
/// the reply.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// What is there (SIZE, MDTM, MLST, RNFR): [`Answer::Entry`]. Always asked anew, never
    /// answered from memory.
    Stat(FtpPath),
    /// Whether this is a directory that one may enter (CWD): [`Answer::Done`].
    ChangeDirectory(FtpPath),
    /// Make a directory; one that exists is [`ErrorKind::Exists`](crate::ErrorKind::Exists).
    MakeDirectory(FtpPath),
    /// Remove an empty directory.
    RemoveDirectory(FtpPath),
    /// Delete a file; one that does not exist is
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound).
    Delete(FtpPath),
    /// Rename or move a file or directory (RNTO). A file replaces a file; the source goes last.
    Rename {
        /// What is there now.
        from: FtpPath,
        /// Its new name.
        to: FtpPath,
    },
    /// The entries of a directory, or the one of a file, for STAT over the control connection:
    /// [`Answer::Listing`] with at most `limit` entries.
    List {
        /// What to list.
        path: FtpPath,
        /// At most so many entries.
        limit: usize,
    },
    /// Change what is known about a file (MFMT, MFCT, MFF, MDTM with a time, SITE UTIME, SITE
    /// CHMOD): [`Answer::Done`]. Asked only where [`Capabilities`] allow each of the changes.
    SetFacts {
        /// The file or directory.
        path: FtpPath,
        /// What changes; at least one thing does.
        changes: FactChanges,
    },
    /// The hash of a file or a part of it, as it is stored (HASH, XCRC and its like):
    /// [`Answer::Hash`].
    Hash {
        /// The file.
        path: FtpPath,
        /// Which hash.
        algorithm: HashAlgorithm,
        /// From which byte, inclusive, to which, exclusive; `None` is the whole file. An end
        /// beyond the file's own is [`ErrorKind::BadOffset`](crate::ErrorKind::BadOffset).
        range: Option<(u64, u64)>,
    },
    /// How many bytes can still be stored in this directory (AVBL): [`Answer::Bytes`].
    Space(FtpPath),
    /// Copy a file inside the storage (SITE COPY, SITE CPTO). A file replaces a file.
    Copy {
        /// What is there.
        from: FtpPath,
        /// The name of the copy.
        to: FtpPath,
    },
    /// Join files, in this order, into one file, which takes the place of what stands there
    /// (COMB); they are gone when it stands. The target may be the first of them.
    Combine {
        /// The whole.
        target: FtpPath,
        /// Its parts; at least one.
        sources: Vec<FtpPath>,
    },
    /// Make a symbolic link (SITE SYMLINK).
    Symlink {
        /// What it points to.
        target: FtpPath,
        /// Its own name, which must be free.
        link: FtpPath,
    },
    /// Ask an archived file back (SITE RESTORE). [`Answer::Done`] when the storage has taken the
    /// request or the file can be read already.
    Restore(FtpPath),
    /// Remove a directory and everything in it (SITE RMDIR); never the root.
    RemoveTree(FtpPath),
}

/// What [`Operation::SetFacts`] changes; `None` stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct FactChanges {
    /// The time of change in Unix seconds.
    pub modified: Option<i64>,
    /// The time of creation in Unix seconds.
    pub created: Option<i64>,
    /// The mode, 0 to 0o7777.
    pub mode: Option<u32>,
}

impl FactChanges {
    /// Another time of change, in Unix seconds, and nothing else.
    #[must_use]
    pub fn modified(unix: i64) -> Self {
        Self {
            modified: Some(unix),
            ..Self::default()
        }
    }

    /// Another time of creation, in Unix seconds, and nothing else.
    #[must_use]
    pub fn created(unix: i64) -> Self {
        Self {
            created: Some(unix),
            ..Self::default()
        }
    }

    /// Another mode, 0 to 0o7777, and nothing else.
    #[must_use]
    pub fn mode(mode: u32) -> Self {
        Self {
            mode: Some(mode),
            ..Self::default()
        }
    }
}

/// What the storage answers to an [`Operation`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// It is done.
    Done,
    /// What stands at the path. The name is the path's last component.
    Entry(Entry),
    /// The entries.
    Listing {
        /// At most as many as were asked for.
        entries: Vec<Entry>,
        /// Whether there are more.
        more: bool,
        /// Whether the path is a directory.
        directory: bool,
        /// How many names were left out because FTP cannot say them.
        hidden: u64,
    },
    /// The hash, its bytes in the order in which they are written down, and how many bytes of
    /// the file it covers.
    Hash {
        /// The hash.
        digest: Vec<u8>,
        /// Bytes of the file that went into it.
        bytes: u64,
    },
    /// A number of bytes.
    Bytes(u64),
}

/// What the driver is to do next. Outputs are performed in order.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "an output that is not performed leaves the session waiting for ever"]
pub enum Output {
    /// Write these bytes to the control connection, in one write.
    Send(Vec<u8>),
    /// Make the control connection a TLS server (RFC 4217), after what was sent before has gone out in
    /// clear; answered by [`Input::TlsUp`] or [`Input::TlsFailed`]. What had been read and not
    /// yet handed in belongs to the handshake.
    StartTls,
    /// End TLS on the control connection with close_notify, after what was sent before, and go on
    /// in clear (CCC); answered by [`Input::TlsDown`], or by [`Input::ControlClosed`].
    StopTls,
    /// Log in; answered by [`Input::Login`]. A later login replaces this one.
    Login {
        /// The request.
        id: Id,
        /// The argument of USER.
        user: Vec<u8>,
        /// The argument of PASS.
        password: Secret,
        /// The argument of HOST in lower case, if it was given (RFC 7151).
        host: Option<String>,
        /// Whether the control connection is under TLS.
        secure: bool,
    },
    /// Ask the storage; answered by [`Input::Performed`].
    Perform {
        /// The request.
        id: Id,
        /// What to do.
        operation: Operation,
    },
    /// Listen for one data connection on the control connection's own address, any port of the
    /// range; answered by [`Input::Listening`]. Replaces the listener that stands.
    Listen {
        /// The request.
        id: Id,
    },
    /// Close the listener that stands.
    StopListening,
    /// Ask the storage to begin this transfer; answered by [`Input::TransferReady`].
    Open(Box<Transfer>),
    /// Make or accept the data connection of the opened transfer and move the bytes. Answered
    /// by [`Input::DataConnected`], for uploads [`Input::TransferEof`], and always
    /// [`Input::TransferDone`]. With [`DataRoute::Passive`] the listener that stands now belongs
    /// to the transfer and closes with its first accepted connection.
    Run {
        /// The transfer.
        id: Id,
        /// Which way the data connection comes about.
        route: DataRoute,
    },
    /// Make the upload visible; answered by [`Input::TransferDone`].
    Commit {
        /// The transfer.
        id: Id,
    },
    /// Drop the upload so that nothing of it can be seen; answered by [`Input::TransferDone`]
    /// with this reason.
    Discard {
        /// The transfer.
        id: Id,
        /// What the report shall say.
        reason: TransferFailure,
    },
    /// Give a transfer up, whatever its state: close its data connection and drop an upload.
    /// The session no longer waits for it; its report is welcome and ignored.
    ///
    /// With the id of an [`Output::Perform`] it is a wish: the operation shall end soon, and the
    /// session still waits for its [`Input::Performed`], which says what became of it.
    Cancel {
        /// The transfer or operation.
        id: Id,
    },
    /// Something for logs and metrics.
    Event(Event),
    /// Close the control connection, after what was sent before has gone out. Nothing follows.
    Close,
    /// Nothing more to do until an input comes, or until this moment of
    /// [`Now::mono`](crate::Now) if there is one; then hand in [`Input::Tick`].
    Wait(Option<Duration>),
}

/// Something worth a line in a log. Texts hold no control characters and no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A line came. The argument of PASS shows as `***`; of what is no command, or may hold a
    /// password otherwise, only its length is shown.
    Command(String),
    /// A reply went out: its code and first line.
    Reply(String),
    /// A login succeeded.
    LoggedIn {
        /// The argument of USER.
        user: String,
    },
    /// A login failed.
    LoginFailed {
        /// The argument of USER.
        user: String,
        /// The storage's sentence.
        reason: String,
    },
    /// The control connection is under TLS.
    TlsUp,
    /// The control connection is clear again, after CCC.
    TlsDown,
    /// A transfer ended.
    Transfer {
        /// `RETR`, `STOR`, `APPE` or a listing verb.
        verb: &'static str,
        /// What was moved.
        path: FtpPath,
        /// Bytes on the data connection.
        bytes: u64,
        /// The code of the final reply, or 426 where the session ended before it.
        code: u16,
    },
    /// The session is closing, and why.
    Closing(&'static str),
}

impl Event {
    /// Whether it is said only where everything is said: commands and replies.
    #[must_use]
    pub const fn is_detail(&self) -> bool {
        matches!(self, Self::Command(_) | Self::Reply(_))
    }
}

/// The event as a line of a log, without the session's number.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(line) => write!(f, "> {line}"),
            Self::Reply(line) => write!(f, "< {line}"),
            Self::LoggedIn { user } => write!(f, "{user} logged in"),
            Self::LoginFailed { user, reason } => write!(f, "login of {user} refused: {reason}"),
            Self::TlsUp => f.write_str("TLS is up"),
            Self::TlsDown => f.write_str("TLS was given up, as CCC asks for"),
            Self::Transfer {
                verb,
                path,
                bytes,
                code,
            } => write!(f, "{verb} {}: {bytes} bytes, {code}", path.display()),
            Self::Closing(reason) => write!(f, "closing: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests;
