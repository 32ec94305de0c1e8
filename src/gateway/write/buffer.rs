//! The bytes of one part, in memory.
//!
//! Decides how much memory a part takes: windows of 1 MiB out of the process's budget, one more
//! whenever the ones there are full, so that a small file costs little. When a part is sent, and
//! what to do when no window is to be had, is left to the writer.

use std::io::{self, Read};

use ossftp_core::StorageError;
use ossftp_oss::Payload;

use crate::gateway::process::budget::{Budget, CONNECTION, Claim, WINDOW};

/// Some memory of a part, claimed from the budget as long as it lives.
pub(crate) struct Window {
    bytes: Vec<u8>,
    _claim: Claim,
}

impl Window {
    fn new(size: u64, claim: Claim) -> Self {
        Self {
            // Zeroed memory comes from the system page by page: only what is written to counts.
            bytes: vec![0; usize::try_from(size).unwrap_or_default()],
            _claim: claim,
        }
    }
}

/// Where one transfer has its windows from.
///
/// A window that was given back is used again, so a transfer that has nothing under way always
/// has at least its first one.
pub(crate) struct Windows {
    budget: Budget,
    /// The claim that the transfer was admitted with, until it becomes a window.
    first: Option<Claim>,
    free: Vec<Window>,
}

impl Windows {
    /// Admits a transfer.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`](ossftp_core::ErrorKind::Busy) if there is no memory for another one.
    pub(crate) fn admit(budget: &Budget) -> Result<Self, StorageError> {
        Ok(Self {
            budget: budget.clone(),
            first: Some(budget.admit()?),
            free: Vec::new(),
        })
    }

    /// A window, if there is one at this moment.
    pub(crate) fn take(&mut self) -> Option<Window> {
        if let Some(window) = self.free.pop() {
            return Some(window);
        }
        if let Some(mut claim) = self.first.take() {
            // The first claim is for the transfer's first connection as well.
            let whole = claim.grow(CONNECTION);
            let size = if whole { WINDOW } else { WINDOW - CONNECTION };
            return Some(Window::new(size, claim));
        }
        let claim = self.budget.spare(WINDOW)?;
        Some(Window::new(WINDOW, claim))
    }

    /// Takes back the windows of a part, and keeps as many as a part of `size` bytes needs.
    pub(crate) fn give(&mut self, part: PartBuffer, size: u64) {
        let most = usize::try_from(size.div_ceil(WINDOW)).unwrap_or(usize::MAX);
        self.free.extend(part.windows);
        self.free.truncate(most.max(1));
    }
}

/// One part in the making.
pub(crate) struct PartBuffer {
    windows: Vec<Window>,
    capacity: usize,
    filled: usize,
    /// The window that is being filled, and how far it is.
    at: (usize, usize),
}

impl PartBuffer {
    /// An empty buffer for a part of up to `capacity` bytes, without any window yet.
    pub(crate) fn new(capacity: u64) -> Self {
        Self {
            windows: Vec::new(),
            capacity: usize::try_from(capacity).unwrap_or(usize::MAX),
            filled: 0,
            at: (0, 0),
        }
    }

    /// Whether it cannot take another byte without another window.
    pub(crate) fn needs_window(&self) -> bool {
        !self.is_full() && self.at.0 >= self.windows.len()
    }

    /// Gives it another window.
    pub(crate) fn add(&mut self, window: Window) {
        self.windows.push(window);
    }

    /// Room for the next bytes: the rest of the current window. Empty only if the part is full or
    /// needs a window.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        let left = self.capacity.saturating_sub(self.filled);
        let (index, at) = self.at;
        self.windows
            .get_mut(index)
            .and_then(|window| {
                let end = window.bytes.len().min(at.saturating_add(left));
                window.bytes.get_mut(at..end)
            })
            .unwrap_or_default()
    }

    /// Says that the first `count` bytes of the room are filled; never more than there is.
    pub(crate) fn advance(&mut self, count: usize) {
        let count = count.min(self.space().len());
        let (index, at) = self.at;
        self.filled += count;
        let size = self.windows.get(index).map_or(0, |w| w.bytes.len());
        self.at = if size > 0 && at + count >= size {
            (index + 1, 0)
        } else {
            (index, at + count)
        };
    }

    /// The number of bytes in it.
    pub(crate) fn len(&self) -> usize {
        self.filled
    }

    /// How many bytes more the part may have.
    pub(crate) fn left(&self) -> u64 {
        self.capacity.saturating_sub(self.filled) as u64
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Whether it has as many bytes as the part may have.
    pub(crate) fn is_full(&self) -> bool {
        self.filled >= self.capacity
    }

    /// Calls `with` for each window's bytes, in order.
    pub(crate) fn each(&self, mut with: impl FnMut(&[u8])) {
        let mut left = self.filled;
        for window in &self.windows {
            let count = left.min(window.bytes.len());
            with(window.bytes.get(..count).unwrap_or_default());
            left -= count;
        }
    }

    /// Its bytes as the body of a request, which can be sent again.
    pub(crate) fn body(&self) -> PartBody<'_> {
        PartBody {
            buffer: self,
            cursor: Cursor::default(),
        }
    }
}

/// How far a [`PartBuffer`] has been read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    done: usize,
    at: (usize, usize),
}

impl Cursor {
    /// Reads what comes next; 0 bytes at the end.
    pub(crate) fn read(&mut self, buffer: &PartBuffer, out: &mut [u8]) -> usize {
        let (index, at) = self.at;
        let window = buffer.windows.get(index);
        let bytes = window.map_or(&[][..], |w| w.bytes.get(at..).unwrap_or_default());
        let left = buffer.filled.saturating_sub(self.done);
        let count = bytes.len().min(out.len()).min(left);
        if let (Some(to), Some(from)) = (out.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(from);
        }
        self.done += count;
        self.at = if count == bytes.len() {
            (index + 1, 0)
        } else {
            (index, at + count)
        };
        count
    }
}

/// The bytes of a [`PartBuffer`], to send.
pub(crate) struct PartBody<'a> {
    buffer: &'a PartBuffer,
    cursor: Cursor,
}

impl Read for PartBody<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        Ok(self.cursor.read(self.buffer, out))
    }
}

impl Payload for PartBody<'_> {
    fn length(&self) -> Option<u64> {
        Some(self.buffer.filled as u64)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.cursor = Cursor::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ossftp_core::ErrorKind;
    use proptest::prelude::*;

    const SIZE: usize = WINDOW as usize;

    fn window(size: u64) -> Window {
        let claim = Budget::new(WINDOW).claim(0).unwrap();
        Window::new(size, claim)
    }

    fn put(buffer: &mut PartBuffer, mut bytes: &[u8], mut windows: impl Iterator<Item = u64>) {
        while !bytes.is_empty() && !buffer.is_full() {
            if buffer.needs_window() {
                assert!(buffer.space().is_empty());
                let Some(size) = windows.next() else { return };
                buffer.add(window(size));
            }
            let space = buffer.space();
            let count = space.len().min(bytes.len());
            assert!(count > 0);
            space[..count].copy_from_slice(&bytes[..count]);
            buffer.advance(count);
            bytes = &bytes[count..];
        }
    }

    fn all(buffer: &PartBuffer) -> Vec<u8> {
        let mut out = Vec::new();
        let mut body = buffer.body();
        body.read_to_end(&mut out).unwrap();
        assert_eq!(body.length(), Some(out.len() as u64));
        let mut again = Vec::new();
        body.rewind().unwrap();
        body.read_to_end(&mut again).unwrap();
        assert_eq!(out, again);
        let mut pieces = Vec::new();
        buffer.each(|bytes| pieces.extend_from_slice(bytes));
        assert_eq!(out, pieces);
        out
    }

    #[test]
    fn grows_by_windows() {
        let budget = Budget::new(64 * WINDOW);
        let mut windows = Windows::admit(&budget).unwrap();
        let mut buffer = PartBuffer::new(3 * WINDOW - 5);
        for count in [SIZE, SIZE, SIZE - 5] {
            assert!(buffer.needs_window() && !buffer.is_full());
            buffer.add(windows.take().unwrap());
            assert_eq!(buffer.space().len(), count);
            buffer.advance(usize::MAX);
        }
        assert!(buffer.is_full() && !buffer.needs_window() && buffer.space().is_empty());
        assert_eq!(buffer.len(), 3 * SIZE - 5);
        assert_eq!(budget.taken(), 3 * WINDOW + CONNECTION);
        // Only what the next part needs is kept.
        windows.give(buffer, 2 * WINDOW);
        assert_eq!(budget.taken(), 2 * WINDOW + CONNECTION);
        drop(windows);
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn the_least_budget_gives_one_window() {
        let budget = Budget::new(WINDOW);
        let mut windows = Windows::admit(&budget).unwrap();
        let refused = Windows::admit(&budget).err().unwrap();
        assert_eq!(refused.kind, ErrorKind::Busy);
        let mut buffer = PartBuffer::new(8 * WINDOW);
        buffer.add(windows.take().unwrap());
        assert_eq!(buffer.space().len() as u64, WINDOW - CONNECTION);
        assert!(windows.take().is_none());
        windows.give(buffer, 0);
        assert!(windows.take().is_some());
    }

    #[test]
    fn nothing_is_a_body_too() {
        assert!(all(&PartBuffer::new(5)).is_empty());
    }

    proptest! {
        #[test]
        fn gives_back_what_was_put_in(
            capacity in 1u64..64,
            windows in proptest::collection::vec(1u64..20, 0..6),
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut buffer = PartBuffer::new(capacity);
            let room: u64 = windows.iter().sum();
            put(&mut buffer, &bytes, windows.into_iter());
            let taken = bytes.len().min(capacity as usize).min(room as usize);
            prop_assert_eq!(all(&buffer), &bytes[..taken]);
        }
    }
}
