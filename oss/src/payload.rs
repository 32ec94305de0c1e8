//! Bodies to send.
//!
//! Decides what the client needs of a body: its length beforehand, if that is known, and whether it can be read once
//! more. Where the bytes come from is left to the caller.

use std::io::{self, Read};

/// A body. A call reads it from its beginning to its end, and reads it again for another try if it can be rewound.
pub trait Payload: Read {
    /// The whole length in bytes, wherever reading stands now. `None` if it is known only at the end: then the body
    /// goes out in chunks (RFC 9112, 7.1).
    fn length(&self) -> Option<u64>;

    /// Whether [`Payload::rewind`] works. Without it a call is tried once.
    fn replayable(&self) -> bool {
        true
    }

    /// Goes back to the beginning.
    ///
    /// # Errors
    /// Any error ends the call.
    fn rewind(&mut self) -> io::Result<()>;
}

/// Bytes in memory as a body.
#[derive(Clone, Debug)]
pub struct SliceBody<'a> {
    data: &'a [u8],
    left: &'a [u8],
}

impl<'a> SliceBody<'a> {
    /// A body of these bytes.
    #[must_use]
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, left: data }
    }
}

impl Read for SliceBody<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.left.read(buf)
    }
}

impl Payload for SliceBody<'_> {
    fn length(&self) -> Option<u64> {
        Some(self.data.len() as u64)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.left = self.data;
        Ok(())
    }
}

/// A reader as a body that can't be sent again.
#[derive(Debug)]
pub struct StreamBody<R> {
    reader: R,
    length: Option<u64>,
}

impl<R: Read> StreamBody<R> {
    /// A body of the next `length` bytes of the reader. If it has fewer, the call fails.
    pub fn new(reader: R, length: u64) -> Self {
        Self {
            reader,
            length: Some(length),
        }
    }

    /// A body of all that the reader has, whose length is not known beforehand.
    pub fn to_end(reader: R) -> Self {
        Self {
            reader,
            length: None,
        }
    }

    /// The reader, where the call left it.
    pub fn into_inner(self) -> R {
        self.reader
    }
}

impl<R: Read> Read for StreamBody<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buf)
    }
}

impl<R: Read> Payload for StreamBody<R> {
    fn length(&self) -> Option<u64> {
        self.length
    }

    fn replayable(&self) -> bool {
        false
    }

    fn rewind(&mut self) -> io::Result<()> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a stream can't be sent again",
        ))
    }
}
