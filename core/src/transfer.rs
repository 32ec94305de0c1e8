//! One transfer: what is to be moved, how its bytes are changed on the way, and how it ended.
//!
//! A [`Transfer`] is made by the session, owned by whoever moves the bytes, and knows the rules
//! that hold for each chunk; it touches neither socket nor storage itself. TYPE I passes bytes
//! as they are; TYPE A goes through [`AsciiEncoder`] and [`AsciiDecoder`], which keep their
//! state across chunk borders.

use crate::{FtpPath, Id, Kept, Names, Pattern, StorageError};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

/// Which way the bytes go, seen from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Direction {
    /// To the client: RETR and listings.
    Download,
    /// From the client: STOR, STOU and APPE.
    Upload,
}

/// Where the bytes of an upload go in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreMode {
    /// They are the whole file (STOR).
    Replace,
    /// They follow the first so many bytes of what is there (REST and STOR, RFC 3659 section 5).
    /// An offset beyond the end is [`ErrorKind::BadOffset`](crate::ErrorKind::BadOffset).
    At(u64),
    /// They follow all that is there, or are the file if there is none (APPE).
    Append,
    /// They are a new file (STOU). A file that stands there, when the upload begins or when it is
    /// to become visible, is [`ErrorKind::Exists`](crate::ErrorKind::Exists).
    New,
}

/// The form of a listing on the data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListFormat {
    /// As `ls -l` (LIST).
    Long,
    /// Names alone (NLST).
    Names,
    /// Facts and names (MLSD, RFC 3659 section 7), with these facts.
    Facts(crate::listing::Facts),
}

/// What a transfer moves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransferKind {
    /// A file to the client, from `offset` on.
    Retrieve {
        /// The file.
        path: FtpPath,
        /// The first byte, counted from 0 (REST and RANG). Beyond the end it is
        /// [`ErrorKind::BadOffset`](crate::ErrorKind::BadOffset).
        offset: u64,
        /// At most so many bytes from there on (RANG); `None` is all.
        length: Option<u64>,
    },
    /// A file from the client.
    Store {
        /// The file.
        path: FtpPath,
        /// Where the bytes go.
        mode: StoreMode,
        /// How many bytes ALLO promised; a hint for the part size, never a limit.
        expected: Option<u64>,
    },
    /// A directory to the client.
    List {
        /// The directory, or a file whose one entry is listed (not with MLSD).
        path: FtpPath,
        /// How it is written.
        format: ListFormat,
        /// Only names that this matches are listed, and `path` has to be a directory.
        pattern: Option<Pattern>,
        /// What stands before the names of a file and of what a pattern matches in NLST, so that
        /// they can be asked for as they are listed: `d/` in `NLST d/*.txt`. The names in a
        /// directory have nothing before them.
        prefix: Vec<u8>,
        /// Only the entry of `path` itself is listed, under this name (`-d`).
        itself: Option<Vec<u8>>,
    },
}

/// How the data connection comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DataRoute {
    /// The client connects to the listener.
    Passive,
    /// The server connects to this address of the client.
    Active(SocketAddr),
}

/// One transfer, handed to the driver with [`Output::Open`](crate::Output::Open).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transfer {
    /// Names it in all inputs and outputs.
    pub id: Id,
    /// What is moved.
    pub kind: TransferKind,
    /// Whether line ends are changed (TYPE A). Listings have CRLF in any type.
    pub ascii: bool,
    /// Seconds since 1970 when it began; LIST shows the year of what is older than half a year.
    pub began_unix: i64,
    /// Only a data connection from this address is accepted.
    pub peer: IpAddr,
    /// No byte for so long on the data connection ends the transfer.
    pub stall_timeout: Duration,
    /// How long to wait for the client's data connection.
    pub connect_timeout: Duration,
    /// How long to wait, after a download, for the client to close its side.
    pub linger_timeout: Duration,
    /// The bytes on the data connection are a zlib stream (MODE Z); downloads are deflated at
    /// this level, 0 to 9.
    pub deflate: Option<u8>,
    /// The data connection is under TLS, with the server as its server (RFC 4217 section 7).
    pub secure: bool,
    /// How names are written in a listing.
    pub names: Names,
}

impl Transfer {
    /// Which way the bytes go.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self.kind {
            TransferKind::Store { .. } => Direction::Upload,
            TransferKind::Retrieve { .. } | TransferKind::List { .. } => Direction::Download,
        }
    }

    /// What is moved.
    #[must_use]
    pub fn path(&self) -> &FtpPath {
        match &self.kind {
            TransferKind::Retrieve { path, .. }
            | TransferKind::Store { path, .. }
            | TransferKind::List { path, .. } => path,
        }
    }
}

/// How a data connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DataError {
    /// It never came about: 425.
    NotConnected,
    /// It was reset or closed by the client before the end: 426.
    Broken,
    /// No byte moved for the stall timeout: 426.
    Stalled,
    /// The handshake of TLS failed: 522 (RFC 4217 section 10.2).
    Tls,
    /// Under TLS an upload ended without close_notify, so that it may be cut off: 426.
    NoCloseNotify,
    /// In MODE Z what came is no zlib stream, or not all of one: 426.
    Deflate,
}

/// Why a transfer did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransferFailure {
    /// The data connection failed.
    Data(DataError),
    /// The storage failed.
    Storage(StorageError),
    /// It was cancelled.
    Cancelled,
    /// The upload ended before it was whole: the control connection was gone, or fewer bytes
    /// came than ALLO had promised.
    Truncated,
}

/// How a transfer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferReport {
    /// Bytes that went over the data connection.
    pub bytes: u64,
    /// Success, or what failed.
    pub outcome: Result<(), TransferFailure>,
    /// How many names a listing left out because they cannot be said.
    pub hidden: u64,
    /// What is there of an upload that failed.
    pub kept: Kept,
}

impl TransferReport {
    /// A report of `bytes` on the data connection with this outcome.
    #[must_use]
    pub fn new(bytes: u64, outcome: Result<(), TransferFailure>) -> Self {
        Self {
            bytes,
            outcome,
            hidden: 0,
            kept: Kept::Nothing,
        }
    }
}

/// Turns stored bytes into NVT-ASCII for RETR in TYPE A (RFC 959 section 3.1.1.1): a bare LF becomes
/// CRLF, a CRLF stays.
///
/// ```
/// use ossftp_core::AsciiEncoder;
/// let mut out = Vec::new();
/// let mut encoder = AsciiEncoder::default();
/// encoder.encode(b"a\nb\r", &mut out);
/// encoder.encode(b"\nc", &mut out);
/// assert_eq!(out, b"a\r\nb\r\nc");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AsciiEncoder {
    after_cr: bool,
}

impl AsciiEncoder {
    /// Appends the encoded form of `input` to `out`: at most twice as many bytes.
    pub fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) {
        out.reserve(input.len() + input.len() / 16);
        for &byte in input {
            if byte == b'\n' && !self.after_cr {
                out.push(b'\r');
            }
            out.push(byte);
            self.after_cr = byte == b'\r';
        }
    }
}

/// Turns NVT-ASCII into stored bytes for STOR in TYPE A (RFC 959 section 3.1.1.1): CRLF becomes LF, a
/// lone CR stays.
///
/// ```
/// use ossftp_core::AsciiDecoder;
/// let mut decoder = AsciiDecoder::default();
/// let mut out = Vec::new();
/// decoder.decode(b"a\r\nb\r", &mut out);
/// decoder.decode(b"\nc\rd\r", &mut out);
/// decoder.finish(&mut out);
/// assert_eq!(out, b"a\nb\nc\rd\r");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AsciiDecoder {
    held_cr: bool,
}

impl AsciiDecoder {
    /// Appends the decoded form of `input` to `out`: at most `input.len() + 1` bytes. A CR at
    /// the very end is held back until the next byte is known.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) {
        out.reserve(input.len() + 1);
        for &byte in input {
            if self.held_cr && byte != b'\n' {
                out.push(b'\r');
            }
            self.held_cr = byte == b'\r';
            if !self.held_cr {
                out.push(byte);
            }
        }
    }

    /// Appends the CR that was held back, if the input ended in one.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if core::mem::take(&mut self.held_cr) {
            out.push(b'\r');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut codec, mut out) = (AsciiEncoder::default(), Vec::new());
        for piece in pieces {
            codec.encode(piece, &mut out);
        }
        out
    }

    fn decode(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut codec, mut out) = (AsciiDecoder::default(), Vec::new());
        for piece in pieces {
            codec.decode(piece, &mut out);
        }
        codec.finish(&mut out);
        out
    }

    #[test]
    fn known_answers() {
        assert_eq!(encode(&[b"line1\nline2\r\nend"]), b"line1\r\nline2\r\nend");
        assert_eq!(encode(&[b"\n\n"]), b"\r\n\r\n");
        assert_eq!(decode(&[b"a\r\nb\nc\rd\r\r\n\r"]), b"a\nb\nc\rd\r\n\r");
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(
            data in proptest::collection::vec(
                prop_oneof![Just(b'\r'), Just(b'\n'), any::<u8>()], 0..60),
            cut in 0usize..60,
        ) {
            let cut = cut.min(data.len());
            let (head, tail) = data.split_at(cut);
            prop_assert_eq!(encode(&[head, tail]), encode(&[&data]));
            prop_assert_eq!(decode(&[head, tail]), decode(&[&data]));
        }

        #[test]
        fn a_text_without_cr_survives_both_ways(
            data in proptest::collection::vec(
                prop_oneof![Just(b'\n'), b' '..=b'~'], 0..60),
        ) {
            let wire = encode(&[&data]);
            prop_assert_eq!(decode(&[&wire]), data);
        }
    }
}
