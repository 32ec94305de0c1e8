//! A data connection in memory that does what a test tells it, step by step.

use ossftp_core::driver::DataStream;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

/// What a read, a write or an end comes to.
pub(crate) enum Step {
    /// These bytes arrive; or of the written ones at most so many leave.
    Bytes(Vec<u8>),
    /// It fails so.
    Fails(ErrorKind),
    /// This happens first, and then the next step.
    First(Box<dyn FnOnce()>),
}

pub(crate) fn bytes(bytes: impl Into<Vec<u8>>) -> Step {
    Step::Bytes(bytes.into())
}

pub(crate) fn first(what: impl FnOnce() + 'static) -> Step {
    Step::First(Box::new(what))
}

/// What has become of a [`Wire`], also after it is gone.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) written: Vec<u8>,
    pub(crate) timeouts: Vec<Duration>,
    pub(crate) reads: usize,
    pub(crate) finished: bool,
    pub(crate) closed: bool,
}

/// The server's end of the connection. Reads and writes go through their steps; then the client
/// has ended its side, and takes everything.
#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) reads: VecDeque<Step>,
    pub(crate) writes: VecDeque<Step>,
    /// The moments when the timeout is set and the server's side is ended, in this order.
    pub(crate) settings: VecDeque<Option<ErrorKind>>,
    pub(crate) waited: Duration,
    /// Happens when the server closes the connection.
    pub(crate) closing: Option<Box<dyn FnOnce()>>,
    seen: Rc<RefCell<Seen>>,
}

impl Wire {
    pub(crate) fn reading(steps: impl IntoIterator<Item = Step>) -> Self {
        let mut wire = Self::default();
        wire.reads.extend(steps);
        wire
    }

    pub(crate) fn writing(steps: impl IntoIterator<Item = Step>) -> Self {
        let mut wire = Self::default();
        wire.writes.extend(steps);
        wire
    }

    /// The `count`-th setting fails, counted from 0.
    pub(crate) fn failing(count: usize) -> Self {
        let mut wire = Self::default();
        wire.settings.extend((0..count).map(|_| None));
        wire.settings.push_back(Some(ErrorKind::NotConnected));
        wire
    }

    pub(crate) fn seen(&self) -> Rc<RefCell<Seen>> {
        Rc::clone(&self.seen)
    }

    fn setting(&mut self) -> io::Result<()> {
        match self.settings.pop_front().flatten() {
            Some(kind) => Err(kind.into()),
            None => Ok(()),
        }
    }
}

/// The next step that is not [`Step::First`].
fn next(steps: &mut VecDeque<Step>) -> Option<io::Result<Vec<u8>>> {
    loop {
        match steps.pop_front()? {
            Step::First(what) => what(),
            Step::Bytes(bytes) => return Some(Ok(bytes)),
            Step::Fails(kind) => return Some(Err(kind.into())),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.seen.borrow_mut().reads += 1;
        let Some(arrived) = next(&mut self.reads) else {
            return Ok(0);
        };
        let mut arrived = arrived?;
        let count = arrived.len().min(space.len());
        space[..count].copy_from_slice(&arrived[..count]);
        let rest = arrived.split_off(count);
        if !rest.is_empty() {
            self.reads.push_front(Step::Bytes(rest));
        }
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = match next(&mut self.writes) {
            Some(room) => room?.len().min(bytes.len()),
            None => bytes.len(),
        };
        self.seen.borrow_mut().written.extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DataStream for Wire {
    fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.seen.borrow_mut().timeouts.push(timeout);
        self.setting()
    }

    fn waited(&self) -> Duration {
        self.waited
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.seen.borrow_mut().finished = true;
        self.setting()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.seen.borrow_mut().closed = true;
        if let Some(closing) = self.closing.take() {
            closing();
        }
    }
}
