//! The pieces of a download that are fetched ahead of the client.
//!
//! Decides which ranges are asked for before they are needed, how many at a time, and that they
//! are delivered in order. Takes memory and threads only if they are free at once: without them
//! the reader goes on by itself, so that no download ever waits for another.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::gateway::mount::Process;
use crate::gateway::process::pace::Pace;
use crate::gateway::read::piece::{End, Piece, Room, Taken};
use crate::gateway::read::stream::Source;

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Bytes; if they are the last of a piece, also the piece's checksum and length.
    Bytes(Vec<u8>, Option<(u64, u64)>),
    /// Nothing yet: the caller looks whether it was cancelled, and asks again.
    NotYet,
    /// The piece ended without more bytes.
    Ended(End),
    /// Nothing is on its way: the caller may read the range of [`Ahead::leave`] by itself.
    Nothing,
}

/// What is on its way to one reader. Dropped, it stops all of it, and waits for nothing.
#[derive(Debug)]
pub(crate) struct Ahead {
    process: Arc<Process>,
    source: Arc<Source>,
    pace: Pace,
    /// The pieces in order, those included whose bytes have all come.
    queue: VecDeque<Arc<Piece>>,
    /// The piece whose buffer the reader has, and whether that was its last.
    lent: Option<(Arc<Piece>, bool)>,
    /// The memory of a piece that was delivered.
    room: Option<Room>,
    /// The first byte that nobody was asked for yet.
    next: u64,
    end: u64,
}

impl Ahead {
    /// Fetches the bytes from `range.0` to before `range.1`, once it is asked to. `None` if the
    /// settings want one request at a time.
    pub(crate) fn new(process: &Arc<Process>, source: &Source, range: (u64, u64)) -> Option<Self> {
        if !is_wanted(process) {
            return None;
        }
        let config = &process.config;
        Some(Self {
            pace: Pace::new(config.part_parallelism, config.max_parallelism),
            process: Arc::clone(process),
            source: Arc::new(Source {
                calls: source.calls.fork(),
                key: source.key.clone(),
                etag: source.etag.clone(),
            }),
            queue: VecDeque::new(),
            lent: None,
            room: None,
            next: range.0,
            end: range.1,
        })
    }

    /// The size of a piece in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.process.config.read_size.max(1)
    }

    /// Asks for as many pieces as may be under way, if `others` requests are besides them.
    pub(crate) fn top_up(&mut self, others: usize) {
        let size = self.size();
        while self.next < self.end && self.queue.len() + others < self.pace.limit() {
            let claim = || Room::claim(&self.process.budget, size);
            let Some(room) = self.room.take().or_else(claim) else {
                break;
            };
            let range = (self.next, self.end.min(self.next.saturating_add(size)));
            let piece = Piece::new(range, room);
            let work = piece.work(Arc::clone(&self.source));
            if self.process.lanes.start(work).is_err() {
                break;
            }
            self.queue.push_back(piece);
            self.next = range.1;
        }
        self.room = None;
    }

    /// What comes next, after a short wait at most. Takes back the buffer that it gave before.
    pub(crate) fn next(&mut self, used: Vec<u8>) -> Next {
        self.pace.begin(Instant::now());
        if let Some((piece, is_last)) = self.lent.take() {
            piece.give_back(used);
            if is_last {
                self.room = piece.into_room();
            }
        }
        self.top_up(0);
        let Some(piece) = self.queue.front() else {
            self.pace.pause();
            return Next::Nothing;
        };
        let (taken, waited) = piece.take();
        self.pace.waited(waited);
        match taken {
            Taken::NotYet => Next::NotYet,
            Taken::End(end) => {
                self.queue.pop_front();
                Next::Ended(end)
            }
            Taken::Bytes(bytes) => {
                let whole = piece.whole();
                self.lent = Some((Arc::clone(piece), whole.is_some()));
                if let Some((_, length)) = whole {
                    self.queue.pop_front();
                    self.pace.done(length, Instant::now());
                }
                Next::Bytes(bytes, whole)
            }
        }
    }

    /// Leaves the next bytes, `size` at most, to the caller, and gives their range.
    pub(crate) fn leave(&mut self, size: u64) -> (u64, u64) {
        let range = (self.next, self.end.min(self.next.saturating_add(size)));
        self.next = range.1;
        range
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.source.calls.stop();
    }
}

/// Whether the settings allow more than one request at a time.
pub(crate) fn is_wanted(process: &Process) -> bool {
    let config = &process.config;
    config.max_threads > 0 && config.part_parallelism.min(config.max_parallelism) > 1
}
