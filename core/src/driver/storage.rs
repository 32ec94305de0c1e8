//! The traits that a storage implements.

use super::Cancel;
use crate::{Answer, Entry, FtpPath, Kept, LoginInfo, Operation, Secret, StorageError, StoreMode};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

/// What a storage learns about a login.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LoginRequest {
    /// The argument of USER.
    pub user: Vec<u8>,
    /// The argument of PASS.
    pub password: Secret,
    /// The client's address.
    pub peer: IpAddr,
    /// The argument of HOST in lower case, if it was given (RFC 7151).
    pub host: Option<String>,
    /// Whether the control connection is under TLS, so that nobody has read the password on its
    /// way.
    pub secure: bool,
}

impl LoginRequest {
    /// A login from `peer`.
    #[must_use]
    pub fn new(user: impl Into<Vec<u8>>, password: Secret, peer: IpAddr) -> Self {
        Self {
            user: user.into(),
            password,
            peer,
            host: None,
            secure: false,
        }
    }
}

/// Where the files of a server live.
pub trait Storage: Send + Sync + 'static {
    /// Checks a login and gives what this user sees, for one session.
    ///
    /// # Errors
    /// Any error refuses the login with 530 and its message, except
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) and
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy), which answer 451 and may be tried again.
    fn login(
        &self,
        request: &LoginRequest,
        cancel: &Cancel,
    ) -> Result<(Arc<dyn Volume>, LoginInfo), StorageError>;
}

/// The files of one logged-in session. Paths are seen from the user's root.
///
/// All calls block. At most one operation and one transfer of a session run at a time, possibly
/// on different threads.
pub trait Volume: Send + Sync + 'static {
    /// Does what `operation` says and answers as its documentation says. What the login's
    /// [`Capabilities`](crate::Capabilities) leave out is never asked. A storage that knows no
    /// better way answers [`Operation::Hash`] with [`hash_file`](super::hash_file).
    ///
    /// # Errors
    /// A [`StorageError`] whose kind chooses the reply code.
    fn perform(&self, operation: &Operation, cancel: &Cancel) -> Result<Answer, StorageError>;

    /// Opens a file for reading from byte `offset` on (RETR). An offset at the end of the file
    /// gives a reader without bytes.
    ///
    /// # Errors
    /// [`ErrorKind::BadOffset`](crate::ErrorKind::BadOffset) beyond the end; else as for any
    /// file.
    fn open_read(
        &self,
        path: &FtpPath,
        offset: u64,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectReader>, StorageError>;

    /// Opens a file for writing (STOR, APPE). Nothing becomes visible before
    /// [`ObjectWriter::commit`]. `expected` is the number of bytes that ALLO named, a hint.
    ///
    /// # Errors
    /// A name that cannot be written, or a bad offset.
    fn open_write(
        &self,
        path: &FtpPath,
        mode: StoreMode,
        expected: Option<u64>,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectWriter>, StorageError>;

    /// Opens a directory for listing and fetches its first page. With `files_too`, a path that
    /// names a file gives that one entry; else it is
    /// [`ErrorKind::NotADirectory`](crate::ErrorKind::NotADirectory).
    ///
    /// # Errors
    /// The path is missing, or may not be listed.
    fn open_list(
        &self,
        path: &FtpPath,
        files_too: bool,
        cancel: &Cancel,
    ) -> Result<Box<dyn Lister>, StorageError>;
}

/// A file that is being read, in order.
pub trait ObjectReader: Send {
    /// The number of bytes from the offset to the end, if known.
    fn remaining(&self) -> Option<u64>;

    /// The next bytes; an empty slice is the end of the file. Calling it again without
    /// [`ObjectReader::consume`] gives the same bytes.
    ///
    /// # Errors
    /// The storage failed; the stream is not whole.
    fn fill(&mut self) -> Result<&[u8], StorageError>;

    /// Marks the first `count` bytes of what [`ObjectReader::fill`] gave as used.
    fn consume(&mut self, count: usize);
}

/// A file that is being written, in order. It lends its own buffer, so that the bytes of a
/// socket land where they are sent from. Dropped without commit, it is discarded.
pub trait ObjectWriter: Send {
    /// Room for the next bytes, never empty. May block while earlier bytes are sent on.
    ///
    /// # Errors
    /// The storage failed; the upload can only be discarded.
    fn space(&mut self) -> Result<&mut [u8], StorageError>;

    /// Says that the first `count` bytes of what [`ObjectWriter::space`] gave are the next
    /// bytes of the file.
    ///
    /// # Errors
    /// The storage failed; the upload can only be discarded.
    fn filled(&mut self, count: usize) -> Result<(), StorageError>;

    /// Makes the file visible. Returns only when the storage has it whole.
    ///
    /// # Errors
    /// It is not visible; the old file, if any, stands as it was, unless
    /// [`StorageError::kept`] says something else.
    fn commit(self: Box<Self>) -> Result<(), StorageError>;

    /// Drops what was written so that nothing of it can be seen or is left behind.
    fn discard(self: Box<Self>);

    /// As [`ObjectWriter::discard`], but what can be kept may be; says what that is.
    fn break_off(self: Box<Self>) -> Kept {
        self.discard();
        Kept::Nothing
    }
}

/// A directory that is being listed, page by page, so that memory does not grow with it.
pub trait Lister: Send {
    /// The next page, in the storage's order; `None` after the last one. Pages may be empty.
    ///
    /// # Errors
    /// The storage failed; the listing is not whole.
    fn next_page(&mut self) -> Result<Option<Vec<Entry>>, StorageError>;

    /// How many names the pages so far left out because FTP cannot say them.
    fn hidden(&self) -> u64 {
        0
    }
}

/// Writes all of `bytes` through the writer's own buffer.
///
/// # Errors
/// As [`ObjectWriter::space`] and [`ObjectWriter::filled`].
pub fn write_all(writer: &mut dyn ObjectWriter, mut bytes: &[u8]) -> Result<(), StorageError> {
    while !bytes.is_empty() {
        let space = writer.space()?;
        let count = space.len().min(bytes.len());
        let (head, rest) = bytes.split_at(count);
        if let Some(room) = space.get_mut(..count) {
            room.copy_from_slice(head);
        }
        writer.filled(count)?;
        bytes = rest;
    }
    Ok(())
}
