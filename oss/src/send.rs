//! A body on its way out.
//!
//! Decides that exactly the stated number of bytes is sent, if one is stated, and sums them up. Whether they arrived is
//! found out in `call`.

use std::io::{self, Read};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::cancel::Cancel;
use crate::crc64::Crc64;
use crate::error::{Error, Result};
use crate::payload::Payload;

/// The body on its way out: exactly its length, summed up, and stopped by a cancel.
pub(crate) struct Sender<'a> {
    payload: Option<&'a mut dyn Payload>,
    /// The bytes that are still to be sent; `None` for all that there are.
    pub(crate) left: Option<u64>,
    /// The sum of those that were.
    pub(crate) crc: Crc64,
    cancel: Option<Cancel>,
    /// Why the body ended before its length, which ureq reports as an error of the transport.
    pub(crate) failed: Option<Error>,
}

impl<'a> Sender<'a> {
    pub(crate) fn new(payload: &'a mut dyn Payload, cancel: Option<Cancel>) -> Self {
        Self {
            left: payload.length(),
            payload: Some(payload),
            cancel,
            ..Self::empty()
        }
    }

    pub(crate) fn empty() -> Self {
        Self {
            payload: None,
            left: Some(0),
            crc: Crc64::new(),
            cancel: None,
            failed: None,
        }
    }

    /// The Content-MD5 of the whole body, which is then at its beginning again.
    pub(crate) fn md5(&mut self) -> Result<String> {
        let mut context = md5::Context::new();
        if let Some(payload) = self.payload.as_deref_mut() {
            let mut chunk = vec![0; 32 << 10];
            loop {
                let read = payload
                    .read(&mut chunk)
                    .map_err(|error| body_error(&error))?;
                match chunk.get(..read) {
                    Some(data) if read > 0 => context.consume(data),
                    _ => break,
                }
            }
            payload.rewind().map_err(|error| body_error(&error))?;
        }
        Ok(STANDARD.encode(context.finalize().0))
    }

    fn fail(&mut self, error: Error) -> io::Error {
        self.failed = Some(error.clone());
        error.into_io()
    }
}

impl Read for Sender<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            return Err(self.fail(Error::Cancelled));
        }
        let left = self.left.map_or(usize::MAX, |left| {
            usize::try_from(left).unwrap_or(usize::MAX)
        });
        let room = left.min(buf.len());
        let Some(payload) = self.payload.as_deref_mut().filter(|_| room > 0) else {
            return Ok(0);
        };
        let chunk = buf.get_mut(..room).unwrap_or_default();
        match payload.read(chunk) {
            Ok(0) if self.left.is_none() => Ok(0),
            Ok(0) => Err(self.fail(Error::Body {
                kind: io::ErrorKind::UnexpectedEof,
                message: "it ended before its length".to_owned(),
            })),
            Ok(read) => {
                self.crc.update(chunk.get(..read).unwrap_or_default());
                self.left = self.left.map(|left| left - read as u64);
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.fail(body_error(&error))),
        }
    }
}

/// A failure of the caller's own reader.
pub(crate) fn body_error(error: &io::Error) -> Error {
    Error::Body {
        kind: error.kind(),
        message: error.to_string(),
    }
}
