//! The control connection's bytes: reading without waiting, writing with patience and no more.
//!
//! What the bytes mean is the session's matter.

use async_io::{Async, Timer};
use smol::future;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// How many bytes are read at a time.
const CHUNK: usize = 4096;
/// How long a closed connection waits for the client to close its side, and how many of its
/// bytes are dropped meanwhile: a socket closed with unread bytes resets what was sent last.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_CHUNKS: usize = 16;

/// What [`Control::read`] found.
pub(crate) enum Found {
    /// So many bytes at the start of the buffer.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// The end, or an error, which is the end too.
    End,
}

/// An accepted control connection.
pub(crate) struct Control {
    stream: Async<TcpStream>,
    patience: Duration,
    /// Nothing more can be read. The client may have ended its own side alone, and still read.
    ended: bool,
    /// Nothing more can be written.
    broken: bool,
}

/// A buffer for [`Control::read`]. It lives only while there is something to read, so that an
/// idle session does not keep one.
pub(crate) const fn buffer() -> [u8; CHUNK] {
    [0; CHUNK]
}

impl Control {
    /// `patience` is how long a write may stand still.
    pub(crate) const fn new(stream: Async<TcpStream>, patience: Duration) -> Self {
        Self {
            stream,
            patience,
            ended: false,
            broken: false,
        }
    }

    /// Whether nothing more can be read: the connection has ended or broken.
    pub(crate) const fn lost(&self) -> bool {
        self.ended || self.broken
    }

    /// Waits until there may be something to read.
    pub(crate) async fn readable(&self) {
        if let Err(e) = self.stream.readable().await {
            // The read that follows will find out.
            log::debug!("waiting for a control connection: {e}");
        }
    }

    /// Reads what is there, without waiting.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Found {
        match self.stream.get_ref().read(buffer) {
            Ok(count) if count > 0 => return Found::Bytes(count),
            Err(e) if passing(&e) => return Found::Nothing,
            Err(e) => log::debug!("a control connection broke: {e}"),
            Ok(_) => {}
        }
        self.ended = true;
        Found::End
    }

    /// Writes all of `bytes`. A connection that breaks or stands still is lost, and what is sent
    /// later is dropped.
    pub(crate) async fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.broken {
            match self.stream.get_ref().write(bytes) {
                Ok(count) if count > 0 => bytes = bytes.get(count..).unwrap_or_default(),
                Err(e) if passing(&e) => self.broken = !self.writable_again().await,
                Ok(_) => self.broken = true,
                Err(e) => {
                    log::debug!("a control connection broke: {e}");
                    self.broken = true;
                }
            }
        }
    }

    async fn writable_again(&self) -> bool {
        let writable = async { self.stream.writable().await.is_ok() };
        let stalled = async {
            Timer::after(self.patience).await;
            log::info!("a client does not read its control connection");
            false
        };
        future::or(writable, stalled).await
    }

    /// Ends the connection so that the last reply arrives; dropping this closes it.
    pub(crate) async fn finish(&mut self) {
        if self.lost() || self.stream.get_ref().shutdown(Shutdown::Write).is_err() {
            return;
        }
        let drained = async {
            let mut chunks = 0;
            while !self.lost() && chunks < LINGER_CHUNKS {
                self.readable().await;
                self.read(&mut buffer());
                chunks += 1;
            }
        };
        let expiry = async {
            Timer::after(LINGER).await;
        };
        future::or(drained, expiry).await;
    }
}

fn passing(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted)
}
