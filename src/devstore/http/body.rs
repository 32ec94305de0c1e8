//! The body of a request, read while the request is being handled.
//!
//! `100 Continue` goes out when the handler first reads: a request that is refused by its head alone gets its answer
//! instead, and a well-behaved client then sends nothing.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use ureq_proto::server::Reply;
use ureq_proto::server::state::{ProvideResponse, RecvBody, Send100};

use super::BUFFER;
use super::trouble::{Pace, damage};
use crate::devstore::faults::{Break, Event, Faults, Place, Plan};
use crate::devstore::log::Ticket;

/// A connection and the bytes read from it that nobody has used yet.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) stream: TcpStream,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// The rate from the client, and to it.
    pub(super) up: Pace,
    pub(super) down: Pace,
    /// How the connection is to end at once, if it is.
    pub(super) ending: Option<Break>,
    /// The place of the present answer in the log, once it has begun.
    pub(super) ticket: Option<Ticket>,
    /// Whether the head of the present answer is out.
    pub(super) head_sent: bool,
}

impl Link {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
            up: Pace::default(),
            down: Pace::default(),
            ending: None,
            ticket: None,
            head_sent: false,
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
        let end = self
            .end
            .saturating_add(self.up.step())
            .min(self.buffer.len());
        let free = self.buffer.get_mut(self.end..end).unwrap_or_default();
        let count = loop {
            match self.stream.read(free) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += count;
        self.up.pay(count);
        Ok(count)
    }

    /// Whether the client has closed or is unreachable. It cannot be told while more bytes of it wait than the buffer
    /// takes.
    pub(super) fn client_is_gone(&mut self) -> bool {
        if self.end - self.start == self.buffer.len() {
            return false;
        }
        if self.stream.set_nonblocking(true).is_err() {
            return true;
        }
        let read = self.fill();
        let gone = match read {
            Ok(count) => count == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        gone || self.stream.set_nonblocking(false).is_err()
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
    length: Option<u64>,
    pub(super) received: u64,
    trouble: Option<Trouble>,
}

/// What happens while a body is read.
struct Trouble {
    faults: Faults,
    /// By position, the last one first.
    events: Vec<(u64, Event)>,
    /// When all of it has come.
    at_end: Vec<Event>,
    damage: Vec<u64>,
}

impl<'a> Body<'a> {
    pub(super) fn new(link: &'a mut Link, state: State, length: Option<u64>) -> Self {
        Self {
            link,
            state,
            length,
            received: 0,
            trouble: None,
        }
    }

    /// From here on the body suffers what is planned. An error: the connection is to end.
    pub(super) fn begin_trouble(&mut self, plan: &Plan) -> io::Result<()> {
        (self.link.up.rate, self.link.down.rate) = plan.rates();
        if plan.is_empty() {
            return Ok(());
        }
        let mut events = plan.in_request(self.length);
        events.reverse();
        self.trouble = Some(Trouble {
            faults: plan.faults().clone(),
            events,
            at_end: plan.events(Place::Received),
            damage: plan.damage_in_request(self.length),
        });
        self.link
            .suffer(plan.faults(), plan.events(Place::Request))?;
        if matches!(self.state, State::Done(_)) {
            self.has_come()?;
        }
        Ok(())
    }

    /// What happens before the next bytes are read; how many of them may be read then.
    fn suffer(&mut self) -> io::Result<u64> {
        let Some(trouble) = &mut self.trouble else {
            return Ok(u64::MAX);
        };
        let received = self.received;
        while let Some((_, event)) = trouble.events.pop_if(|(at, _)| *at <= received) {
            self.link.suffer(&trouble.faults, [event])?;
        }
        let next = trouble.events.last();
        Ok(next.map_or(u64::MAX, |(at, _)| at - received))
    }

    /// All of the body is there.
    fn has_come(&mut self) -> io::Result<()> {
        match &mut self.trouble {
            Some(trouble) => {
                let events = std::mem::take(&mut trouble.at_end);
                self.link.suffer(&trouble.faults, events)
            }
            None => Ok(()),
        }
    }
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
        let room = match self.state {
            State::Expect(_) | State::Open(_) => self.suffer()?,
            State::Done(_) | State::Broken => u64::MAX,
        };
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(out.len());
        let out = out.get_mut(..room).unwrap_or_default();
        let before = self.received;
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
        if matches!(self.state, State::Done(_)) {
            self.has_come()?;
        } else if let (Some(trouble), Some(bytes)) = (&self.trouble, out.get_mut(..count)) {
            damage(&trouble.damage, before, bytes);
        }
        Ok(count)
    }
}
