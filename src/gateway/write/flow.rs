//! A part that is sent while it comes from the client, since it is too large to be held in memory.
//!
//! Decides how its bytes get from the thread of the session to the one that sends them: in buffers
//! that change hands without a copy, a few at a time, and come back when they are sent. What goes
//! into a part and when it ends is the writer's. It can't be sent again (DESIGN 7.5), and OSS never
//! takes it for whole unless the writer has said that it ends.

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use ossftp_oss::Payload;

use crate::gateway::write::buffer::{Cursor, PartBuffer};

/// So many buffers at most wait to be sent.
pub(crate) const FLOWING: u64 = 4;

/// The writer's side of its parts that are sent so, one after the other.
pub(crate) struct Flow {
    /// Where the buffers of the part under way go; `None` is its end.
    open: Option<Sender<Option<PartBuffer>>>,
    tell: Sender<PartBuffer>,
    back: Receiver<PartBuffer>,
    /// Buffers that have not come back.
    out: u64,
}

/// The part does not take any more: sending it has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

impl Flow {
    /// Without a part under way.
    pub(crate) fn new() -> Self {
        let (tell, back) = mpsc::channel();
        Self {
            open: None,
            tell,
            back,
            out: 0,
        }
    }

    /// Begins a part, whose bytes are read from what this gives, on another thread.
    pub(crate) fn begin(&mut self) -> FlowBody {
        let (open, pieces) = mpsc::channel();
        self.open = Some(open);
        FlowBody {
            pieces,
            tell: self.tell.clone(),
            piece: None,
            count: 0,
            is_whole: false,
        }
    }

    /// Whether a part has begun and not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether a buffer must come back before another one goes.
    pub(crate) fn is_full(&self) -> bool {
        self.out >= FLOWING
    }

    /// Whether buffers are still to come back.
    pub(crate) fn has_more(&self) -> bool {
        self.out > 0
    }

    /// The next bytes of the part.
    ///
    /// # Errors
    /// The part failed.
    pub(crate) fn push(&mut self, piece: PartBuffer) -> Result<(), Gone> {
        let open = self.open.as_ref().ok_or(Gone)?;
        open.send(Some(piece)).map_err(|_| Gone)?;
        self.out += 1;
        Ok(())
    }

    /// The part has all its bytes.
    ///
    /// # Errors
    /// The part failed.
    pub(crate) fn end(&mut self) -> Result<(), Gone> {
        let open = self.open.take().ok_or(Gone)?;
        open.send(None).map_err(|_| Gone)
    }

    /// The part will never be whole.
    pub(crate) fn abandon(&mut self) {
        self.open = None;
    }

    /// A buffer that has come back, after so long at most.
    pub(crate) fn take_back(&mut self, wait: Duration) -> Option<PartBuffer> {
        if self.out == 0 {
            return None;
        }
        let piece = self.back.recv_timeout(wait).ok()?;
        self.out -= 1;
        Some(piece)
    }
}

/// The bytes of a part that is still coming.
pub(crate) struct FlowBody {
    pieces: Receiver<Option<PartBuffer>>,
    tell: Sender<PartBuffer>,
    /// What is being sent, and how far.
    piece: Option<(PartBuffer, Cursor)>,
    count: u64,
    is_whole: bool,
}

impl FlowBody {
    /// How many bytes were read.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    fn give_back(&mut self, piece: PartBuffer) {
        // Nobody may be there any more; then its memory goes back at once.
        let _ = self.tell.send(piece);
    }
}

impl Read for FlowBody {
    /// Waits for the client, for as long as the writer does.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.is_whole && !out.is_empty() {
            if let Some((piece, cursor)) = &mut self.piece {
                let count = cursor.read(piece, out);
                if count > 0 {
                    self.count += count as u64;
                    return Ok(count);
                }
            }
            if let Some((piece, _)) = self.piece.take() {
                self.give_back(piece);
            }
            match self.pieces.recv() {
                Ok(Some(piece)) => self.piece = Some((piece, Cursor::default())),
                Ok(None) => self.is_whole = true,
                Err(_) => return Err(io::Error::other("the upload was broken off")),
            }
        }
        Ok(0)
    }
}

impl Payload for FlowBody {
    fn length(&self) -> Option<u64> {
        None
    }

    fn replayable(&self) -> bool {
        false
    }

    fn rewind(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Drop for FlowBody {
    /// Buffers are never lost with a part that failed.
    fn drop(&mut self) {
        let current = self.piece.take().map(|(piece, _)| piece);
        let waiting: Vec<_> = self.pieces.try_iter().flatten().collect();
        for piece in current.into_iter().chain(waiting) {
            self.give_back(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::process::budget::{Budget, CONNECTION, WINDOW};
    use crate::gateway::write::buffer::Windows;
    use std::thread;

    fn piece(windows: &mut Windows, bytes: &[u8]) -> PartBuffer {
        let mut piece = PartBuffer::new(WINDOW);
        piece.add(windows.take().unwrap());
        piece.space()[..bytes.len()].copy_from_slice(bytes);
        piece.advance(bytes.len());
        piece
    }

    #[test]
    fn bytes_come_in_order_and_buffers_come_back() {
        let budget = Budget::new(64 * WINDOW);
        let mut windows = Windows::admit(&budget).unwrap();
        let mut flow = Flow::new();
        for round in 0u8..3 {
            let mut body = flow.begin();
            assert!(flow.is_open() && body.length().is_none() && !body.replayable());
            let reading = thread::spawn(move || {
                let mut bytes = Vec::new();
                body.read_to_end(&mut bytes).map(|_| (bytes, body.count()))
            });
            for number in 0u8..20 {
                while flow.is_full() {
                    if let Some(piece) = flow.take_back(Duration::from_secs(20)) {
                        windows.give(piece, WINDOW);
                    }
                }
                let bytes = [number, round];
                flow.push(piece(&mut windows, &bytes[..2 - usize::from(number == 7)]))
                    .unwrap();
                assert!(budget.taken() <= (FLOWING + 1) * WINDOW + CONNECTION);
            }
            flow.end().unwrap();
            assert!(!flow.is_open());
            let (bytes, count) = reading.join().unwrap().unwrap();
            assert_eq!((bytes.len(), count), (39, 39));
            assert_eq!(bytes[..6], [0, round, 1, round, 2, round]);
        }
        while let Some(piece) = flow.take_back(Duration::from_secs(20)) {
            windows.give(piece, WINDOW);
        }
        assert!(!flow.has_more());
        drop(windows);
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn what_is_let_go_of_is_never_whole() {
        let budget = Budget::new(64 * WINDOW);
        let mut windows = Windows::admit(&budget).unwrap();
        let mut flow = Flow::new();
        let mut body = flow.begin();
        flow.push(piece(&mut windows, b"ab")).unwrap();
        flow.abandon();
        let mut bytes = Vec::new();
        assert!(body.read_to_end(&mut bytes).is_err());
        assert_eq!(bytes, b"ab");
        assert_eq!(flow.push(piece(&mut windows, b"c")), Err(Gone));
    }

    #[test]
    fn a_part_that_fails_gives_its_buffers_back() {
        let budget = Budget::new(64 * WINDOW);
        let mut windows = Windows::admit(&budget).unwrap();
        let mut flow = Flow::new();
        let mut body = flow.begin();
        for _ in 0..3 {
            flow.push(piece(&mut windows, b"ab")).unwrap();
        }
        assert_eq!(body.read(&mut [0; 1]).unwrap(), 1);
        drop(body);
        assert_eq!(flow.push(piece(&mut windows, b"c")), Err(Gone));
        assert_eq!(flow.end(), Err(Gone));
        for _ in 0..3 {
            assert!(flow.take_back(Duration::ZERO).is_some());
        }
        assert!(flow.take_back(Duration::from_secs(20)).is_none());
        drop(windows);
        assert_eq!(budget.taken(), 0);
    }
}
