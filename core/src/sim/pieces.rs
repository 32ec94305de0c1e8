//! How the client's bytes are cut into pieces on their way to the session.

/// The rule by which pieces are cut. TCP may cut as it likes, so the session must do the same
/// with any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pieces {
    /// Of so many bytes, at least 1; what a step sends at once is never joined with the next.
    Of(usize),
    /// Of lengths that are drawn from this seed: from 1 to 32 bytes, or all there is.
    Drawn(u64),
}

impl Default for Pieces {
    fn default() -> Self {
        Self::Of(usize::MAX)
    }
}

impl Pieces {
    /// The length of the next piece, if there is as much.
    pub(super) fn next_length(&mut self) -> usize {
        match self {
            Self::Of(bytes) => (*bytes).max(1),
            Self::Drawn(seed) => {
                *seed = mixed(*seed);
                let draw = usize::try_from(*seed >> 58).unwrap_or(0);
                if draw < 32 { draw + 1 } else { usize::MAX }
            }
        }
    }
}

/// A number that looks like any other: one step of `SplitMix64`.
pub(super) fn mixed(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_lengths_are_short_and_whole() {
        let draw = || {
            let mut pieces = Pieces::Drawn(7);
            (0..100)
                .map(|_| pieces.next_length())
                .collect::<alloc::vec::Vec<_>>()
        };
        assert_eq!(draw(), draw());
        assert!(draw().contains(&usize::MAX));
        assert!(draw().iter().any(|length| *length < 4));
        assert!(
            draw()
                .iter()
                .all(|l| (1..=32).contains(l) || *l == usize::MAX)
        );
        assert_eq!(Pieces::Of(0).next_length(), 1);
    }
}
