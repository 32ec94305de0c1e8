//! The body of a request, read while the request is being handled.
//!
//! `100 Continue` goes out when the handler first reads: a request that is refused by its head alone gets its answer
//! instead, and a well-behaved client then sends nothing.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use ureq_proto::server::Reply;
use ureq_proto::server::state::{ProvideResponse, RecvBody, Send100};

use super::BUFFER;

/// A connection and the bytes read from it that nobody has used yet.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) stream: TcpStream,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Link {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    /// Bytes that have come and were not consumed.
    pub(super) fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Reads more behind what is pending. 0: the peer has closed, or the buffer is full.
    pub(super) fn fill(&mut self) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        let count = loop {
            match self.stream.read(free) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += count;
        Ok(count)
    }
}

/// How far the body has come.
pub(super) enum State {
    /// The client waits for `100 Continue`.
    Expect(Reply<Send100>),
    /// Bytes are coming.
    Open(Reply<RecvBody>),
    /// All there.
    Done(Reply<ProvideResponse>),
    /// The connection or the framing broke.
    Broken,
}

/// The body of the request being handled.
pub(in crate::devstore) struct Body<'a> {
    pub(super) link: &'a mut Link,
    pub(super) state: State,
    pub(super) length: Option<u64>,
    pub(super) received: u64,
}

impl Body<'_> {
    /// Its length, if the client said it beforehand (a chunked body does not).
    pub(in crate::devstore) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Reads all of a small body; an error if it is longer than `limit`.
    pub(in crate::devstore) fn read_all(&mut self, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.by_ref().take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }

    fn read_open(
        &mut self,
        mut reply: Reply<RecvBody>,
        out: &mut [u8],
    ) -> io::Result<(State, usize)> {
        loop {
            if reply.is_ended() {
                return Ok((State::Done(reply.proceed().map_err(bad)?), 0));
            }
            if self.link.pending().is_empty() && self.link.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (used, got) = reply.read(self.link.pending(), out).map_err(bad)?;
            self.link.consume(used);
            if got > 0 {
                self.received += got as u64;
                return Ok((State::Open(reply), got));
            }
            // Half of a chunk's size line: wait for the rest of it.
            if used == 0 && !reply.is_ended() && self.link.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn bad(error: ureq_proto::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl Read for Body<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let (state, count) = match std::mem::replace(&mut self.state, State::Broken) {
            State::Expect(reply) => {
                let mut line = [0; 64];
                let (len, reply) = reply.accept(&mut line).map_err(bad)?;
                self.link
                    .stream
                    .write_all(line.get(..len).unwrap_or_default())?;
                self.read_open(reply, out)?
            }
            State::Open(reply) => self.read_open(reply, out)?,
            State::Done(reply) => (State::Done(reply), 0),
            State::Broken => return Err(io::ErrorKind::NotConnected.into()),
        };
        self.state = state;
        Ok(count)
    }
}
