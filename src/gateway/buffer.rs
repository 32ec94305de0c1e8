//! The bytes of one part, in memory.
//!
//! Decides how much memory a part takes: windows of 1 MiB, one more whenever the ones there are
//! full, so that a small file costs little. When a part is sent is left to the writer.

use std::io::{self, Read};

use ossftp_oss::Payload;

/// The size of a window in bytes, unless parts are smaller.
const WINDOW: u64 = 1 << 20;

/// One part in the making.
pub(crate) struct PartBuffer {
    windows: Vec<Vec<u8>>,
    window: usize,
    capacity: usize,
    filled: usize,
}

impl PartBuffer {
    /// An empty buffer for a part of up to `capacity` bytes.
    pub(crate) fn new(capacity: u64) -> Self {
        Self {
            windows: Vec::new(),
            window: usize::try_from(capacity.clamp(1, WINDOW)).unwrap_or(1),
            capacity: usize::try_from(capacity).unwrap_or(usize::MAX),
            filled: 0,
        }
    }

    /// Empties it for a part of another size; its windows are used again.
    pub(crate) fn reset(&mut self, capacity: u64) {
        self.capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        self.filled = 0;
    }

    /// Room for the next bytes: the rest of the current window. Empty only if the part is full.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        let (index, at) = (self.filled / self.window, self.filled % self.window);
        let room = (self.window - at).min(self.capacity.saturating_sub(self.filled));
        if room == 0 {
            return &mut [];
        }
        if index == self.windows.len() {
            // Zeroed memory comes from the system page by page: only what is written to counts.
            self.windows.push(vec![0; self.window]);
        }
        self.windows
            .get_mut(index)
            .and_then(|window| window.get_mut(at..at + room))
            .unwrap_or_default()
    }

    /// Says that the first `count` bytes of the room are filled; never more than there is.
    pub(crate) fn advance(&mut self, count: usize) {
        let window_end = (self.filled / self.window + 1) * self.window;
        let limit = window_end.min(self.capacity);
        self.filled = self.filled.saturating_add(count).min(limit);
    }

    /// The number of bytes in it.
    pub(crate) fn len(&self) -> usize {
        self.filled
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Whether it has no room left.
    pub(crate) fn is_full(&self) -> bool {
        self.filled >= self.capacity
    }

    /// Calls `with` for each window's bytes, in order.
    pub(crate) fn each(&self, mut with: impl FnMut(&[u8])) {
        let mut left = self.filled;
        for window in &self.windows {
            let count = left.min(self.window);
            with(window.get(..count).unwrap_or_default());
            left -= count;
        }
    }

    /// Its bytes as the body of a request, which can be sent again.
    pub(crate) fn body(&self) -> PartBody<'_> {
        PartBody {
            buffer: self,
            read: 0,
        }
    }
}

/// The bytes of a [`PartBuffer`], to send.
pub(crate) struct PartBody<'a> {
    buffer: &'a PartBuffer,
    read: usize,
}

impl Read for PartBody<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let buffer = self.buffer;
        let (index, at) = (self.read / buffer.window, self.read % buffer.window);
        let end = (buffer.filled - self.read).min(buffer.window - at) + at;
        let bytes = buffer.windows.get(index).and_then(|w| w.get(at..end));
        let bytes = bytes.unwrap_or_default();
        let count = bytes.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(from);
        }
        self.read += count;
        Ok(count)
    }
}

impl Payload for PartBody<'_> {
    fn length(&self) -> u64 {
        self.buffer.filled as u64
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.read = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put(buffer: &mut PartBuffer, mut bytes: &[u8]) -> usize {
        let mut taken = 0;
        while !bytes.is_empty() {
            let space = buffer.space();
            let count = space.len().min(bytes.len());
            if count == 0 {
                break;
            }
            space[..count].copy_from_slice(&bytes[..count]);
            buffer.advance(count);
            bytes = &bytes[count..];
            taken += count;
        }
        taken
    }

    fn all(buffer: &PartBuffer) -> Vec<u8> {
        let mut out = Vec::new();
        let mut body = buffer.body();
        body.read_to_end(&mut out).unwrap();
        assert_eq!(body.length(), out.len() as u64);
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
        let mut buffer = PartBuffer::new(3 << 20);
        assert!(buffer.windows.is_empty());
        assert_eq!(buffer.space().len(), 1 << 20);
        buffer.advance(1 << 20);
        assert_eq!(buffer.windows.len(), 1);
        assert_eq!(buffer.space().len(), 1 << 20);
        buffer.advance(usize::MAX);
        assert_eq!(buffer.len(), 2 << 20);
        assert!(!buffer.is_full());
        buffer.space();
        buffer.advance(1 << 20);
        assert!(buffer.is_full() && buffer.space().is_empty());
    }

    #[test]
    fn nothing_is_a_body_too() {
        assert!(all(&PartBuffer::new(5)).is_empty());
    }

    proptest! {
        #[test]
        fn gives_back_what_was_put_in(
            capacity in 1u64..64,
            later in 1u64..200,
            first in proptest::collection::vec(any::<u8>(), 0..100),
            second in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut buffer = PartBuffer::new(capacity);
            let taken = put(&mut buffer, &first);
            prop_assert_eq!(taken, first.len().min(capacity as usize));
            prop_assert_eq!(all(&buffer), &first[..taken]);
            buffer.reset(later);
            prop_assert!(buffer.is_empty());
            let taken = put(&mut buffer, &second);
            prop_assert_eq!(taken, second.len().min(later as usize));
            prop_assert_eq!(all(&buffer), &second[..taken]);
        }
    }
}
