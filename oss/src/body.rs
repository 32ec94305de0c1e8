//! The body of a GetObject answer.
//!
//! Decides that no damage passes unseen: a body that is too short or whose CRC-64 differs ends in an error, never in a
//! silent end of file. Going on after an error is left to the caller, who knows how far it came.

use std::fmt;
use std::io::{self, Read};

use ureq::BodyReader;

use crate::cancel::{Cancel, Registration};
use crate::crc64::Crc64;
use crate::error::{Error, ProtocolError};
use crate::object::ObjectMeta;
use crate::transport;

/// An object, or a range of it, to be read. Dropped before its end it closes its connection.
///
/// Errors of [`Read::read`] carry an [`Error`]: [`Error::of_io`] gets it out.
pub struct ObjectBody {
    /// What the headers say. The size is that of the whole object.
    pub meta: ObjectMeta,
    /// Where in the object the body begins.
    pub offset: u64,
    /// How long the body is, in bytes.
    pub length: u64,
    pub(crate) reader: BodyReader<'static>,
    pub(crate) received: u64,
    /// The sum so far and the one to reach, for a whole object.
    pub(crate) crc: Option<(Crc64, u64)>,
    pub(crate) cancel: Option<Cancel>,
    pub(crate) registration: Option<Registration>,
    /// The first error: a reader that goes on must not see an end of file after it.
    pub(crate) failed: Option<Error>,
}

impl ObjectBody {
    /// How many bytes were read.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    fn next(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            return Err(Error::Cancelled);
        }
        if self.received == self.length {
            return self.end();
        }
        let read = match self.reader.read(buf) {
            Ok(0) => Err(self.short()),
            Ok(read) => Ok(read),
            Err(error) if self.cancel.as_ref().is_some_and(Cancel::is_cancelled) => {
                log::debug!("read after a cancel: {error}");
                Err(Error::Cancelled)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.short()),
            Err(error) => Err(transport::error(error.into())),
        }?;
        self.received += read as u64;
        if self.received > self.length {
            return Err(ProtocolError::TooLarge.into());
        }
        if let Some((crc, _)) = &mut self.crc {
            crc.update(buf.get(..read).unwrap_or_default());
        }
        if self.received == self.length {
            // Before the caller gets the last bytes: it may not ask again.
            self.end()?;
        }
        Ok(read)
    }

    /// All bytes are there. Checks them and gives the connection back.
    fn end(&mut self) -> Result<usize, Error> {
        // From here on the socket may serve another call, which a cancel of this one must not hit.
        self.registration = None;
        let _ = self.reader.read(&mut [0]);
        if let Some((crc, stated)) = self.crc.take() {
            let computed = crc.finish();
            if computed != stated {
                return Err(ProtocolError::BadCrc { computed, stated }.into());
            }
        }
        Ok(0)
    }

    fn short(&self) -> Error {
        ProtocolError::ShortBody {
            expected: self.length,
            received: self.received,
        }
        .into()
    }
}

impl Read for ObjectBody {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.next(buf).map_err(|error| {
            self.failed = Some(error.clone());
            self.registration = None;
            error.into_io()
        })
    }
}

impl fmt::Debug for ObjectBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectBody")
            .field("meta", &self.meta)
            .field("offset", &self.offset)
            .field("length", &self.length)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
