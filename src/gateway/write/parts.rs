//! How a file is cut into parts.
//!
//! Decides part numbers and sizes (DESIGN 7.2 and 7.5), both of uploads and of copies. Who sends
//! the parts is left to others.
//!
//! An upload's length is not known beforehand, and there are 10,000 numbers. So the size of a part
//! depends on its number alone and doubles every 1,000 numbers up to the largest size that is set. Numbers begin at 2, which tells our uploads from those of other tools.

use ossftp_core::{ErrorKind, StorageError};

/// The number of the first part.
pub(crate) const FIRST_NUMBER: u32 = 2;
/// The number of the last part (OSS's limit).
pub(crate) const LAST_NUMBER: u32 = 10_000;
/// A part other than the last has at least so many bytes (OSS's limit).
pub(crate) const MIN_PART: u64 = 100 << 10;
/// A copied part has at most so many bytes, unless the file is so large that it must.
const COPIED_PART: u64 = 1 << 30;
/// OSS's limit is 5 GB; powers of two stay below it.
const LARGEST_PART: u64 = 4 << 30;
/// After so many numbers the size doubles.
const STEP: u32 = 1_000;
/// So many numbers at most go to the part of a file that is kept, so that enough are left.
const KEPT_NUMBERS: u64 = 4_000;

/// The sizes of the parts of one upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    base: u64,
    largest: u64,
}

impl Schedule {
    /// Parts of `base` bytes at first and `largest` at most. Both are brought within OSS's limits.
    pub(crate) fn new(base: u64, largest: u64) -> Self {
        let base = base.clamp(MIN_PART, LARGEST_PART);
        Self {
            base,
            largest: largest.clamp(base, LARGEST_PART),
        }
    }

    /// The same with larger parts at first, if `length` bytes from part `first` on need it.
    pub(crate) fn holding(mut self, first: u32, length: u64) -> Self {
        while self.capacity(first) < length && self.base < self.largest {
            self.base = self.base.saturating_mul(2).min(self.largest);
        }
        self
    }

    /// The size of the part with this number in bytes, unless it is the last.
    pub(crate) fn size(self, number: u32) -> u64 {
        let doublings = number.saturating_sub(1) / STEP;
        let factor = 1u64.checked_shl(doublings).unwrap_or(u64::MAX);
        self.base.saturating_mul(factor).min(self.largest)
    }

    /// How many bytes all parts from `first` on hold together.
    pub(crate) fn capacity(self, first: u32) -> u64 {
        (first..=LAST_NUMBER).fold(0, |sum: u64, number| sum.saturating_add(self.size(number)))
    }
}

/// A range of a file: its first byte and its length, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The first byte.
    pub(crate) start: u64,
    /// How many bytes.
    pub(crate) length: u64,
}

/// Cuts the first `length` bytes of a file into as few pieces as UploadPartCopy takes, all of
/// about the same size: so none but a file that is too short as a whole is too short for a part.
///
/// # Errors
/// [`ErrorKind::NoSpace`] if they would take too many part numbers.
pub(crate) fn kept(length: u64) -> Result<Vec<Piece>, StorageError> {
    let mut size = COPIED_PART;
    while length.div_ceil(size) > KEPT_NUMBERS && size < LARGEST_PART {
        size *= 2;
    }
    if length.div_ceil(size) > KEPT_NUMBERS {
        return Err(too_large());
    }
    Ok(even(length, length.div_ceil(size)))
}

/// Cuts a whole file of `length` bytes into pieces of about `size` bytes for a copy; into larger
/// ones if there are not enough numbers.
///
/// # Errors
/// [`ErrorKind::NoSpace`] if OSS cannot hold such a file.
pub(crate) fn copied(length: u64, size: u64) -> Result<Vec<Piece>, StorageError> {
    let numbers = u64::from(LAST_NUMBER - FIRST_NUMBER + 1);
    let size = size
        .clamp(MIN_PART, LARGEST_PART)
        .max(length.div_ceil(numbers));
    // Rounded down, so that no piece is shorter than was asked for.
    let count = (length / size).max(length.div_ceil(LARGEST_PART));
    if count > numbers {
        return Err(too_large());
    }
    Ok(even(length, count))
}

/// `count` pieces that differ by one byte at most.
fn even(length: u64, count: u64) -> Vec<Piece> {
    let mut start = 0;
    let mut pieces = Vec::new();
    for left in (1..=count).rev() {
        let piece = (length - start).div_ceil(left);
        pieces.push(Piece {
            start,
            length: piece,
        });
        start += piece;
    }
    pieces
}

/// A file has more bytes than 10,000 parts hold.
pub(crate) fn too_large() -> StorageError {
    StorageError::new(
        ErrorKind::NoSpace,
        "The file is larger than the parts of one upload can hold.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn sizes_double_every_thousand() {
        let schedule = Schedule::new(8 * MIB, 32 * MIB);
        for (number, size) in [
            (2, 8),
            (1000, 8),
            (1001, 16),
            (2000, 16),
            (2001, 32),
            (3001, 32),
            (10_000, 32),
        ] {
            assert_eq!(schedule.size(number), size * MIB, "{number}");
        }
    }

    #[test]
    fn unknown_lengths_go_to_almost_eight_terabytes() {
        let schedule = Schedule::new(8 * MIB, LARGEST_PART);
        let steps = (0..10).map(|step| (8_000 * MIB) << step);
        // All but the first number.
        let whole = steps.sum::<u64>() - 8 * MIB;
        assert_eq!(schedule.capacity(FIRST_NUMBER), whole);
        assert_eq!((whole * 10) >> 40, 78);
        for (number, size) in [
            (3000, 32),
            (3001, 64),
            (9000, 2048),
            (9001, 4096),
            (10_000, 4096),
        ] {
            assert_eq!(schedule.size(number), size * MIB, "{number}");
        }
        // So much comes before the first part that is not held in memory.
        let held = (FIRST_NUMBER..).take_while(|number| schedule.size(*number) <= 32 * MIB);
        let held: u64 = held.map(|number| schedule.size(number)).sum();
        assert_eq!(held >> 30, 54);
        // What is promised to be more begins with larger parts, as far as they go.
        assert_eq!(schedule.holding(FIRST_NUMBER, whole), schedule);
        let raised = schedule.holding(FIRST_NUMBER, whole + 1);
        assert_eq!(raised.size(FIRST_NUMBER), 16 * MIB);
        assert!(raised.capacity(FIRST_NUMBER) > whole + 1);
        let most = schedule.holding(FIRST_NUMBER, u64::MAX);
        assert_eq!(most.capacity(FIRST_NUMBER), 9_999 * LARGEST_PART);
        // On small devices.
        let small = Schedule::new(MIB, LARGEST_PART);
        assert_eq!((small.capacity(FIRST_NUMBER) * 100) >> 40, 97);
    }

    #[test]
    fn limits_hold() {
        assert_eq!(Schedule::new(0, 0).size(2), MIN_PART);
        assert_eq!(Schedule::new(u64::MAX, 0).size(2), LARGEST_PART);
        assert_eq!(Schedule::new(MIB, u64::MAX).size(10_000), 512 * MIB);
    }

    #[test]
    fn a_promised_length_raises_the_start() {
        let schedule = Schedule::new(MIB, 32 * MIB);
        assert_eq!(schedule.holding(2, 0), schedule);
        assert_eq!(schedule.holding(2, schedule.capacity(2)), schedule);
        let raised = schedule.holding(2, schedule.capacity(2) + 1);
        assert_eq!(raised.size(2), 2 * MIB);
        assert_eq!(schedule.holding(2, u64::MAX).size(2), 32 * MIB);
    }

    #[test]
    fn files_beyond_all_limits() {
        assert!(kept(u64::MAX).is_err());
        assert!(copied(u64::MAX, MIB).is_err());
        assert_eq!(kept(MIN_PART).unwrap().len(), 1);
        assert_eq!(kept(COPIED_PART + 1).unwrap().len(), 2);
        assert!(kept(8 << 40).unwrap().len() <= 4_000);
    }

    proptest! {
        #[test]
        fn pieces_cover_the_file_and_fit(length in 1u64..(16 << 40), size in 0u64..(8 << 30)) {
            for (pieces, numbers) in [(kept(length), 4_000), (copied(length, size), 9_999)] {
                let Ok(pieces) = pieces else { continue };
                prop_assert!(pieces.len() <= numbers);
                let mut at = 0;
                for piece in &pieces {
                    prop_assert_eq!(piece.start, at);
                    prop_assert!(piece.length >= 1 && piece.length <= LARGEST_PART);
                    prop_assert!(pieces.len() == 1 || piece.length >= MIN_PART);
                    at += piece.length;
                }
                prop_assert_eq!(at, length);
            }
        }

        #[test]
        fn kept_pieces_are_never_too_short(length in MIN_PART..(16 << 40)) {
            if let Ok(pieces) = kept(length) {
                prop_assert!(pieces.iter().all(|piece| piece.length >= MIN_PART));
            }
        }
    }
}
