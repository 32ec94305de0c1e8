//! Bytes as a source of choices.

use alloc::vec::Vec;

/// The most bytes of one name or text.
const MAX_TEXT: usize = 1200;

/// Gives values in the order of its bytes. When they have run out, everything is zero or empty,
/// so every input is a whole one.
#[derive(Debug, Clone)]
pub(super) struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// A number below `end`, which is 1 at the least and 256 at the most.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// One of these; there must be one.
    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Something, or nothing.
    pub(super) fn maybe<T>(&mut self, get: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| get(self))
    }

    /// A number that is small, or near a border, or anything.
    pub(super) fn number(&mut self) -> u64 {
        let near = u64::from(self.byte());
        match near {
            0..=199 => near,
            200..=219 => u64::from(self.byte()) << 8 | u64::from(self.byte()),
            220..=229 => (u64::from(u32::MAX) - 4).saturating_add(near - 220),
            230..=239 => (i64::MAX as u64 - 4).saturating_add(near - 230),
            240..=247 => u64::MAX - (near - 240),
            _ => (0..8).fold(0, |n, _| n << 8 | u64::from(self.byte())),
        }
    }

    /// The same with a sign.
    pub(super) fn signed(&mut self) -> i64 {
        let number = self.number();
        if self.flag() {
            return number.wrapping_neg() as i64;
        }
        number as i64
    }

    /// Up to the next LF, which is taken away, or to the end: a seed can be read that way.
    pub(super) fn line(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|b| *b == b'\n');
        let (line, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        line.get(..MAX_TEXT).unwrap_or(line)
    }

    /// A text of one byte or more without control characters: what a path argument can be.
    pub(super) fn text(&mut self) -> Vec<u8> {
        let mut text: Vec<u8> = self.line().to_vec();
        for byte in &mut text {
            if byte.is_ascii_control() {
                *byte ^= 0x40;
            }
        }
        if text.is_empty() {
            text.push(b'x');
        }
        text
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    /// Sizes of pieces, to cut something with.
    pub(super) fn cuts(&mut self) -> Cuts {
        let count = self.below(8);
        Cuts {
            sizes: (0..count).map(|_| usize::from(self.byte())).collect(),
            at: 0,
        }
    }
}

/// Sizes of pieces, one after the other, over and over.
#[derive(Debug, Clone)]
pub(super) struct Cuts {
    sizes: Vec<usize>,
    at: usize,
}

impl Cuts {
    /// One byte at a time.
    pub(super) fn bytes() -> Self {
        Self {
            sizes: alloc::vec![0],
            at: 0,
        }
    }

    /// The next size, 1 at the least. Without any sizes, all at once.
    pub(super) fn size(&mut self) -> usize {
        let size = self.sizes.get(self.at % self.sizes.len().max(1));
        self.at += 1;
        match size {
            None => usize::MAX,
            // A few large ones, since chunks and windows are large.
            Some(large @ 240..) => (large - 239) * 2500,
            Some(size) => size + 1,
        }
    }

    /// Cuts `bytes`; no piece is empty.
    pub(super) fn of<'b>(&self, mut bytes: &'b [u8]) -> Vec<&'b [u8]> {
        let mut cuts = self.clone();
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(cuts.size().min(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}
