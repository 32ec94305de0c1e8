//! Stub.
use alloc::vec::Vec;
/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(Vec<u8>);
impl Pattern {
    /// New.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        Self(text.to_vec())
    }
    /// Matches.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        self.0 == name
    }
}
