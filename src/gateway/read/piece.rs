//! A piece of a file on its way from OSS, between the thread that fetches it and the one that
//! delivers it.
//!
//! Decides how bytes change hands without another copy: in whole buffers, which come back when
//! they are used up. The memory of all of them is claimed before the first byte, so nobody waits
//! for memory in the middle of a piece.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ossftp_oss::Error;
use ossftp_oss::crc64::Crc64;

use crate::gateway::lock;
use crate::gateway::process::budget::{Budget, CONNECTION, Claim};
use crate::gateway::read::stream::{Source, Stream};

/// The size in bytes of a buffer.
const BUFFER: usize = 256 << 10;
/// So long the reader waits for a full buffer. Then it takes what there is, so that a client of a
/// slow OSS is not left without bytes, and looks whether it was cancelled.
const PATIENCE: Duration = Duration::from_millis(100);

/// Memory for one piece, the buffers of its connection included.
#[derive(Debug)]
pub(crate) struct Room {
    /// Buffers that a piece before has used. They go before their claim does.
    spare: Vec<Vec<u8>>,
    _claim: Claim,
}

impl Room {
    /// Room for a piece of at most `size` bytes, if it is free at this moment.
    pub(crate) fn claim(budget: &Budget, size: u64) -> Option<Self> {
        let buffer = BUFFER as u64;
        // One more than the bytes need: one at a time may change hands before it is full.
        let buffers = size.div_ceil(buffer) + 1;
        let claim = budget.spare(buffers.saturating_mul(buffer).saturating_add(CONNECTION));
        Some(Self {
            spare: Vec::new(),
            _claim: claim?,
        })
    }
}

/// What came at the end of a piece: its checksum and length, as far as it was fetched.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) result: Result<(), Error>,
    pub(crate) crc: u64,
    pub(crate) length: u64,
}

/// What the reader is given.
#[derive(Debug)]
pub(crate) enum Taken {
    /// The next bytes, never none.
    Bytes(Vec<u8>),
    /// There are none yet.
    NotYet,
    /// There are no more. Told once.
    End(End),
}

/// A piece that is being fetched, or was.
#[derive(Debug)]
pub(crate) struct Piece {
    range: (u64, u64),
    state: Mutex<State>,
    wake: Condvar,
    /// The reader has waited long: it takes less than a full buffer.
    hungry: AtomicBool,
}

#[derive(Debug)]
struct State {
    filled: VecDeque<Vec<u8>>,
    room: Option<Room>,
    end: Option<End>,
    is_over: bool,
}

impl Piece {
    /// The bytes from `range.0` to before `range.1`, and the memory for them.
    pub(crate) fn new(range: (u64, u64), room: Room) -> Arc<Self> {
        Arc::new(Self {
            range,
            state: Mutex::new(State {
                filled: VecDeque::new(),
                room: Some(room),
                end: None,
                is_over: false,
            }),
            wake: Condvar::new(),
            hungry: AtomicBool::new(false),
        })
    }

    /// The work of fetching it, for another thread. The piece has an end whatever becomes of it.
    pub(crate) fn work(self: &Arc<Self>, source: Arc<Source>) -> impl FnOnce() + Send + 'static {
        let work = Work {
            piece: Arc::clone(self),
            crc: Crc64::new(),
        };
        move || work.run(source)
    }

    /// What comes next, after a short wait at most. Also says how long that was.
    pub(crate) fn take(&self) -> (Taken, Duration) {
        let mut state = lock(&self.state);
        let mut waited = Duration::ZERO;
        if state.filled.is_empty() && state.end.is_none() {
            let began = Instant::now();
            let wait = self.wake.wait_timeout_while(state, PATIENCE, |state| {
                state.filled.is_empty() && state.end.is_none()
            });
            (state, _) = wait.unwrap_or_else(PoisonError::into_inner);
            waited = began.elapsed();
        }
        let taken = match state.filled.pop_front() {
            Some(bytes) => Taken::Bytes(bytes),
            None => match state.end.take() {
                Some(end) => Taken::End(end),
                None => Taken::NotYet,
            },
        };
        let is_hungry = matches!(taken, Taken::NotYet);
        self.hungry.store(is_hungry, Ordering::Relaxed);
        (taken, waited)
    }

    /// The checksum and length of the piece, if it is whole and what was taken last is its end.
    pub(crate) fn whole(&self) -> Option<(u64, u64)> {
        let state = lock(&self.state);
        let end = state.end.as_ref().filter(|end| end.result.is_ok());
        end.filter(|_| state.filled.is_empty())
            .map(|end| (end.crc, end.length))
    }

    /// A buffer whose bytes are used up.
    pub(crate) fn give_back(&self, buffer: Vec<u8>) {
        if let Some(room) = &mut lock(&self.state).room {
            room.spare.push(buffer);
        }
    }

    /// Its memory, for another piece, once it has ended.
    pub(crate) fn into_room(self: Arc<Self>) -> Option<Room> {
        let mut state = lock(&self.state);
        if state.is_over {
            state.room.take()
        } else {
            None
        }
    }

    fn spare(&self) -> Vec<u8> {
        let room = &mut lock(&self.state).room;
        let spare = room.as_mut().and_then(|room| room.spare.pop());
        spare.unwrap_or_else(|| Vec::with_capacity(BUFFER))
    }

    fn push(&self, bytes: Vec<u8>, end: Option<End>) {
        let mut state = lock(&self.state);
        if !bytes.is_empty() {
            state.filled.push_back(bytes);
        }
        if !state.is_over && end.is_some() {
            state.is_over = true;
            state.end = end;
        }
        drop(state);
        self.wake.notify_one();
    }
}

/// The side that fetches.
struct Work {
    piece: Arc<Piece>,
    /// Of what was handed over.
    crc: Crc64,
}

impl Work {
    fn run(mut self, source: Arc<Source>) {
        let mut stream = Stream::new(source, self.piece.range);
        loop {
            let mut bytes = self.piece.spare();
            let result = self.fill(&mut stream, &mut bytes);
            self.crc.update(&bytes);
            let is_over = result.is_err() || stream.left() == 0;
            // With the last bytes, so that whoever takes them knows that they are the last.
            let end = is_over.then(|| self.end(result));
            self.piece.push(bytes, end);
            if is_over {
                return;
            }
        }
    }

    /// Fills a buffer, or some of it if the reader has waited long.
    fn fill(&self, stream: &mut Stream, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let size = usize::try_from(stream.left()).map_or(BUFFER, |left| left.min(BUFFER));
        bytes.resize(size, 0);
        let mut filled = 0;
        let result = loop {
            match stream.read(bytes.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => break Ok(()),
                Ok(count) => filled += count,
                Err(error) => break Err(error),
            }
            if self.piece.hungry.swap(false, Ordering::Relaxed) {
                break Ok(());
            }
        };
        bytes.truncate(filled);
        result
    }

    fn end(&self, result: Result<(), Error>) -> End {
        End {
            result,
            crc: self.crc.finish(),
            length: self.crc.length(),
        }
    }
}

impl Drop for Work {
    /// Nobody shall wait for what has not run, or has panicked.
    fn drop(&mut self) {
        if !lock(&self.piece.state).is_over {
            let error = Error::Body {
                kind: std::io::ErrorKind::Other,
                message: "the thread of a download ended".to_owned(),
            };
            self.piece.push(Vec::new(), Some(self.end(Err(error))));
        }
    }
}
