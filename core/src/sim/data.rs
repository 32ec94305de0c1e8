//! The client's end of a data connection, and the server's view of it as a stream.
//!
//! The pump of [`Job`](crate::driver::Job) blocks, and there is one thread. So whenever the
//! stream cannot go on by itself it lets the simulator go on in its place: commands arrive,
//! the clock moves, the session may cancel the transfer; then the pump comes back.

use super::model::Moved;
use super::script::{DataPlan, Then};
use super::simulator::{Simulator, Waited};
use crate::Id;
use crate::deflate::Deflater;
use crate::driver::DataStream;
use alloc::vec::Vec;
use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};

/// The client's end of an open data connection.
#[derive(Debug)]
pub(super) struct DataClient {
    plan: DataPlan,
    /// How much of the plan's upload has been taken.
    taken: usize,
    received: Vec<u8>,
    /// What the client does in the end; steps of the script may change it.
    end: Then,
    /// The server has ended its side.
    finished: bool,
    /// The connection is in MODE Z.
    deflates: bool,
    /// What deflates the upload, until its end.
    deflater: Option<Deflater>,
}

impl DataClient {
    /// `level` is that of MODE Z, where that holds. A client that has nothing to send on a download
    /// sends no stream either.
    pub(super) fn new(mut plan: DataPlan, level: Option<u8>, upload: bool) -> Self {
        let bytes = core::mem::take(&mut plan.upload);
        let sends = upload || !bytes.is_empty();
        let sends = sends && !plan.as_it_is;
        let mut client = Self {
            end: plan.then,
            deflater: level.filter(|_| sends).map(Deflater::new),
            deflates: level.is_some(),
            plan,
            taken: 0,
            received: Vec::new(),
            finished: false,
        };
        client.send(&bytes);
        client.end_stream();
        client
    }

    /// Whether the connection is in MODE Z.
    pub(super) fn deflates(&self) -> bool {
        self.deflates
    }

    /// More to send.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        match &mut self.deflater {
            Some(deflater) => deflater.write(bytes, &mut self.plan.upload),
            None => self.plan.upload.extend_from_slice(bytes),
        }
    }

    /// A client that will close in order sends the end of its zlib stream before.
    fn end_stream(&mut self) {
        if self.end == Then::Close
            && let Some(mut deflater) = self.deflater.take()
        {
            deflater.finish(&mut self.plan.upload);
        }
    }

    /// Goes on: nothing limits the download any more, and then comes this end.
    pub(super) fn resume(&mut self, end: Then) {
        self.end = end;
        self.end_stream();
        if end == Then::Close && !self.finished {
            self.plan.limit = None;
        }
    }

    /// Breaks the connection off now.
    pub(super) fn reset(&mut self) {
        self.end = Then::Break;
        self.deflater = None;
        self.plan.upload.truncate(self.taken);
        self.plan.limit = Some(self.received.len());
    }

    pub(super) fn into_moved(mut self) -> Moved {
        self.plan.upload.truncate(self.taken);
        Moved {
            sent: self.plan.upload,
            received: self.received,
        }
    }

    fn room(&self) -> usize {
        let limit = self.plan.limit.unwrap_or(usize::MAX);
        limit
            .saturating_sub(self.received.len())
            .min(self.plan.piece)
    }

    fn can_give(&self) -> bool {
        self.taken < self.plan.upload.len() || self.end != Then::Hold
    }

    fn can_take(&self) -> bool {
        self.room() > 0 || self.end != Then::Hold
    }

    fn give(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let rest = self.plan.upload.get(self.taken..).unwrap_or_default();
        if rest.is_empty() {
            return match self.end {
                Then::Close | Then::Hold => Ok(0),
                Then::Break => Err(ErrorKind::ConnectionReset.into()),
            };
        }
        let count = rest.len().min(space.len()).min(self.plan.piece);
        let (from, to) = (rest.get(..count), space.get_mut(..count));
        if let (Some(from), Some(to)) = (from, to) {
            to.copy_from_slice(from);
        }
        self.taken += count;
        Ok(count)
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.room().min(bytes.len());
        if count == 0 {
            return Err(match self.end {
                Then::Break => ErrorKind::ConnectionReset.into(),
                Then::Close | Then::Hold => ErrorKind::BrokenPipe.into(),
            });
        }
        self.received
            .extend_from_slice(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// The server's end, for the pump.
pub(super) struct SimStream<'a> {
    pub(super) simulator: &'a mut Simulator,
    pub(super) id: Id,
    pub(super) timeout: Duration,
    pub(super) waited: Duration,
}

impl SimStream<'_> {
    /// Lets the world go on until `ready`, at most for the timeout.
    fn wait(&mut self, ready: fn(&DataClient) -> bool) -> io::Result<()> {
        let pace = self
            .simulator
            .client()
            .map_or(Duration::ZERO, |c| c.plan.pace);
        if pace >= self.timeout {
            self.pause(self.timeout)?;
            return Err(ErrorKind::TimedOut.into());
        }
        if !pace.is_zero() {
            self.pause(pace)?;
        }
        let ready = move |simulator: &Simulator| simulator.client().is_some_and(ready);
        let rest = self.timeout.saturating_sub(pace);
        match self.simulator.wait(self.id, rest, ready) {
            Waited::Ready => Ok(()),
            Waited::TimedOut => Err(ErrorKind::TimedOut.into()),
            Waited::GivenUp => Err(ErrorKind::ConnectionAborted.into()),
        }
    }

    fn pause(&mut self, time: Duration) -> io::Result<()> {
        match self.simulator.wait(self.id, time, |_| false) {
            Waited::GivenUp => Err(ErrorKind::ConnectionAborted.into()),
            Waited::Ready | Waited::TimedOut => Ok(()),
        }
    }
}

impl Read for SimStream<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let began = self.simulator.now().mono;
        self.wait(DataClient::can_give)?;
        self.waited = self.simulator.now().mono.saturating_sub(began);
        let client = self.simulator.client_mut();
        client.map_or(Ok(0), |client| client.give(space))
    }
}

impl Write for SimStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait(DataClient::can_take)?;
        let client = self.simulator.client_mut();
        client.map_or(Ok(0), |client| client.take(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DataStream for SimStream<'_> {
    fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.timeout = timeout;
        Ok(())
    }

    fn waited(&self) -> Duration {
        self.waited
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        if let Some(client) = self.simulator.client_mut() {
            client.finished = true;
        }
        Ok(())
    }
}
