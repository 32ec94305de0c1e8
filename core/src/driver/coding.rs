//! How the bytes of a file become those of the data connection, and back.
//!
//! TYPE A is inside, MODE Z outside: line ends are changed before a stream is deflated. Where
//! neither is asked for, the bytes are passed on where they lie. Each step holds one chunk and no
//! more, however much a stream grows or shrinks; the pump is the [`Job`](super::Job)'s.

use super::storage::{ObjectWriter, write_all};
use crate::deflate::{Deflater, InflateError, Inflater};
use crate::{AsciiDecoder, AsciiEncoder, DataError, Transfer, TransferFailure, TransferKind};
use alloc::vec::Vec;

/// How many bytes are converted at a time.
pub(super) const CHUNK: usize = 32 * 1024;

/// From the file to the data connection.
pub(super) struct Outgoing {
    text: Option<AsciiEncoder>,
    deflater: Option<Deflater>,
    lines: Vec<u8>,
    wire: Vec<u8>,
}

impl Outgoing {
    /// The coding of a download. Listings have CRLF already, in any type.
    pub(super) fn new(transfer: &Transfer) -> Self {
        let listing = matches!(transfer.kind, TransferKind::List { .. });
        Self {
            text: (transfer.ascii && !listing).then(AsciiEncoder::default),
            deflater: transfer.deflate.map(Deflater::new),
            lines: Vec::new(),
            wire: Vec::new(),
        }
    }

    /// How many of `bytes` were taken, at least one, and what they are on the data connection:
    /// perhaps nothing yet.
    pub(super) fn encode<'a>(&'a mut self, bytes: &'a [u8]) -> (usize, &'a [u8]) {
        if self.text.is_none() && self.deflater.is_none() {
            return (bytes.len(), bytes);
        }
        let chunk = bytes.get(..CHUNK).unwrap_or(bytes);
        let lines = match &mut self.text {
            Some(encoder) => {
                self.lines.clear();
                encoder.encode(chunk, &mut self.lines);
                &self.lines
            }
            None => chunk,
        };
        let Some(deflater) = &mut self.deflater else {
            return (chunk.len(), lines);
        };
        self.wire.clear();
        deflater.write(lines, &mut self.wire);
        (chunk.len(), &self.wire)
    }

    /// What follows the last byte.
    pub(super) fn finish(&mut self) -> &[u8] {
        self.wire.clear();
        if let Some(deflater) = &mut self.deflater {
            deflater.finish(&mut self.wire);
        }
        &self.wire
    }
}

/// From the data connection to the file.
pub(super) struct Incoming {
    inflater: Option<Inflater>,
    text: Text,
}

/// The last step before the file.
struct Text {
    decoder: Option<AsciiDecoder>,
    lines: Vec<u8>,
    /// Bytes of the file so far.
    stored: u64,
}

impl Incoming {
    /// The coding of an upload; `None` where bytes are stored as they come.
    pub(super) fn new(transfer: &Transfer) -> Option<Self> {
        if !transfer.ascii && transfer.deflate.is_none() {
            return None;
        }
        Some(Self {
            inflater: transfer.deflate.map(|_| Inflater::new()),
            text: Text {
                decoder: transfer.ascii.then(AsciiDecoder::default),
                lines: Vec::new(),
                stored: 0,
            },
        })
    }

    /// Stores what `wire` stands for. `go_on` is asked before each piece: a few bytes can stand
    /// for a great many.
    ///
    /// # Errors
    /// It is no zlib stream, the storage failed, or `go_on` says so.
    pub(super) fn store(
        &mut self,
        wire: &[u8],
        writer: &mut dyn ObjectWriter,
        go_on: impl Fn() -> Result<(), TransferFailure>,
    ) -> Result<(), TransferFailure> {
        let text = &mut self.text;
        match &mut self.inflater {
            Some(inflater) => inflater.write(wire, |piece| {
                go_on()?;
                text.store(piece, writer)
            }),
            None => text.store(wire, writer),
        }
    }

    /// The data connection has ended; gives the number of bytes of the file.
    ///
    /// # Errors
    /// The zlib stream has not ended, or the storage failed.
    pub(super) fn finish(mut self, writer: &mut dyn ObjectWriter) -> Result<u64, TransferFailure> {
        if let Some(inflater) = &self.inflater {
            inflater.finish()?;
        }
        self.text.finish(writer)?;
        Ok(self.text.stored)
    }
}

impl Text {
    fn store(
        &mut self,
        piece: &[u8],
        writer: &mut dyn ObjectWriter,
    ) -> Result<(), TransferFailure> {
        let Some(decoder) = &mut self.decoder else {
            return Self::write(&mut self.stored, piece, writer);
        };
        self.lines.clear();
        decoder.decode(piece, &mut self.lines);
        Self::write(&mut self.stored, &self.lines, writer)
    }

    fn finish(&mut self, writer: &mut dyn ObjectWriter) -> Result<(), TransferFailure> {
        self.lines.clear();
        if let Some(decoder) = &mut self.decoder {
            decoder.finish(&mut self.lines);
        }
        Self::write(&mut self.stored, &self.lines, writer)
    }

    fn write(
        stored: &mut u64,
        bytes: &[u8],
        writer: &mut dyn ObjectWriter,
    ) -> Result<(), TransferFailure> {
        write_all(writer, bytes).map_err(TransferFailure::Storage)?;
        *stored = stored.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }
}

impl From<InflateError> for TransferFailure {
    fn from(_: InflateError) -> Self {
        Self::Data(DataError::Deflate)
    }
}
