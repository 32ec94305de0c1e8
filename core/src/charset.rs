//! Stub.
use alloc::borrow::Cow;
/// Charsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Charset {
    /// GBK.
    Gbk,
}
/// The rule of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Names {
    fallback: Option<Charset>,
    utf8: bool,
}
/// Not readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NotReadable;
impl Names {
    /// New.
    #[must_use]
    pub const fn new(fallback: Option<Charset>, utf8: bool) -> Self {
        Self { fallback, utf8 }
    }
    /// Reads.
    /// # Errors
    /// Not.
    pub fn read<'a>(&self, wire: &'a [u8]) -> Result<Cow<'a, [u8]>, NotReadable> {
        let _ = (self.fallback, self.utf8);
        Ok(Cow::Borrowed(wire))
    }
    /// Writes.
    #[must_use]
    pub fn write<'a>(&self, name: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        Some(Cow::Borrowed(name))
    }
}
