//! What a storage can answer besides success, and the reply code each failure gets.

use crate::reply::Code;
use alloc::string::String;
use core::fmt;

/// Why a storage could not do what it was asked. The session chooses the reply code from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such file or directory: 550.
    NotFound,
    /// It exists already: 550, and 553 to STOU.
    Exists,
    /// The directory is not empty: 550.
    NotEmpty,
    /// A directory was needed and this is a file: 550, and 501 to MLSD (RFC 3659 section 7.2.1).
    NotADirectory,
    /// A file was needed and this is a directory: 550.
    IsADirectory,
    /// No right to do this: 550, and 530 as the answer to a login.
    Denied,
    /// The storage cannot hold this name: 553.
    BadName,
    /// The offset of REST does not fit the file: 554. The range of RANG does not: 551 to RETR and
    /// HASH. That of XCRC and its like does not: 501.
    BadOffset,
    /// Try again a little later (throttled, archived, no memory free): 450.
    Busy,
    /// The storage cannot be reached or failed inside: 451.
    Unavailable,
    /// A limit on size or space: 552.
    NoSpace,
    /// This storage cannot do that at all: 504.
    Unsupported,
    /// The caller cancelled it: 426 for a transfer, 451 for an operation.
    Cancelled,
}

/// What there is of an upload that did not succeed: the client has to know from where to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Kept {
    /// Nothing: what was there before stands as it was.
    #[default]
    Nothing,
    /// The file, or what there is of it, has this length now, and the client may go on there.
    Bytes(u64),
    /// Nobody knows.
    Unknown,
}

/// A failure of the storage: its kind, and a sentence for the person at the other end.
///
/// The sentence is shown to the client as it is, so it holds neither secrets nor internals.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// One sentence for the client, without line breaks.
    pub message: String,
    /// What is there all the same of an upload whose commit failed.
    pub kept: Kept,
}

impl StorageError {
    /// An error of `kind` with a sentence that the client may read.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            kept: Kept::Nothing,
        }
    }

    /// The same error of an upload of which this is there.
    #[must_use]
    pub fn keeping(mut self, kept: Kept) -> Self {
        self.kept = kept;
        self
    }

    /// The reply code for a file action that failed so (RFC 959 section 5.4, RFC 3659), where
    /// [`ErrorKind`] names no other one for the command.
    #[must_use]
    pub fn code(&self) -> Code {
        match self.kind {
            ErrorKind::NotFound
            | ErrorKind::Exists
            | ErrorKind::NotEmpty
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::Denied => Code::FILE_UNAVAILABLE,
            ErrorKind::BadName => Code::NAME_NOT_ALLOWED,
            ErrorKind::BadOffset => Code::BAD_OFFSET,
            ErrorKind::Busy => Code::FILE_BUSY,
            ErrorKind::Unavailable => Code::LOCAL_ERROR,
            ErrorKind::NoSpace => Code::NO_SPACE,
            ErrorKind::Unsupported => Code::BAD_PARAMETER,
            ErrorKind::Cancelled => Code::TRANSFER_ABORTED,
        }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for StorageError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn what_the_caller_cancelled_is_a_broken_transfer() {
        let error = StorageError::new(ErrorKind::Cancelled, "A sentence.");
        assert_eq!(error.code(), Code::TRANSFER_ABORTED);
        assert_eq!(error.to_string(), "A sentence.");
    }
}
