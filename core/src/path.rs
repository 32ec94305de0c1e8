//! Names: absolute, normalised paths that cannot leave their root.
//!
//! Names are bytes (RFC 2640 section 3.2). What they mean to a storage, and which of them it can
//! hold, is the storage's matter; here stands only what FTP itself decides: `/` separates
//! (TVFS, RFC 3659 section 6), `.` and `..` are resolved before anyone sees them, empty
//! components fall away, and control characters are refused since no listing could show them.

use crate::text::{has_control, without_control};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The longest path in bytes, the leading `/` included. OSS keys end at 1,023 bytes; the rest is
/// room for `cwd` and argument before they are judged.
pub const MAX_PATH: usize = 4096;

/// Why an argument is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathError {
    /// It holds a control character (0x00 to 0x1F, or 0x7F).
    ControlCharacter,
    /// The joined path would be longer than [`MAX_PATH`].
    TooLong,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ControlCharacter => "The name holds a control character.",
            Self::TooLong => "The name is too long.",
        })
    }
}

impl core::error::Error for PathError {}

/// An absolute path without `.`, `..`, empty components, or control characters.
///
/// ```
/// use ossftp_core::FtpPath;
/// let cwd = FtpPath::root().join(b"a/b")?;
/// assert_eq!(cwd.join(b"../c//./d")?.as_bytes(), b"/a/c/d");
/// assert_eq!(cwd.join(b"../../../..")?, FtpPath::root());
/// # Ok::<(), ossftp_core::PathError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FtpPath {
    /// Starts with `/`; ends with it only when it is the root.
    bytes: Vec<u8>,
}

impl FtpPath {
    /// `/`.
    #[must_use]
    pub fn root() -> Self {
        Self {
            bytes: Vec::from(*b"/"),
        }
    }

    /// `argument` seen from this directory: absolute if it starts with `/`, else below `self`.
    /// `..` at the root stays at the root.
    ///
    /// # Errors
    /// [`PathError`] when the argument holds a control character or the result is too long.
    pub fn join(&self, argument: &[u8]) -> Result<Self, PathError> {
        if has_control(argument) {
            return Err(PathError::ControlCharacter);
        }
        let start: &[u8] = if argument.first() == Some(&b'/') {
            b"/"
        } else {
            &self.bytes
        };
        let mut bytes = Vec::with_capacity(start.len() + 1 + argument.len().min(MAX_PATH));
        bytes.extend_from_slice(start);
        let mut joined = Self { bytes };
        for component in argument.split(|b| *b == b'/') {
            match component {
                b"" | b"." => {}
                b".." => joined.pop(),
                name => joined.push(name)?,
            }
        }
        Ok(joined)
    }

    fn pop(&mut self) {
        let cut = self.bytes.iter().rposition(|b| *b == b'/').unwrap_or(0);
        self.bytes.truncate(cut.max(1));
    }

    fn push(&mut self, name: &[u8]) -> Result<(), PathError> {
        if self.bytes.len() + 1 + name.len() > MAX_PATH {
            return Err(PathError::TooLong);
        }
        if !self.is_root() {
            self.bytes.push(b'/');
        }
        self.bytes.extend_from_slice(name);
        Ok(())
    }

    /// The whole path, starting with `/`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The path without its leading `/`; empty for the root.
    #[must_use]
    pub fn relative(&self) -> &[u8] {
        self.bytes.get(1..).unwrap_or_default()
    }

    /// Whether this is `/`.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.bytes.len() == 1
    }

    /// The last component; empty for the root.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.bytes.rsplit(|b| *b == b'/').next().unwrap_or_default()
    }

    /// The directory that holds it; the root for the root.
    #[must_use]
    pub fn parent(&self) -> Self {
        let mut up = self.clone();
        up.pop();
        up
    }

    /// The components from the root down.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.relative()
            .split(|b| *b == b'/')
            .filter(|c| !c.is_empty())
    }

    /// Whether `self` lies below `directory` (not whether it is `directory` itself).
    #[must_use]
    pub fn is_below(&self, directory: &Self) -> bool {
        if directory.is_root() {
            return !self.is_root();
        }
        self.bytes
            .strip_prefix(directory.as_bytes())
            .is_some_and(|rest| rest.first() == Some(&b'/'))
    }

    /// The path as text for people: what is not UTF-8, and the control characters of Unicode that
    /// are not ASCII, show as U+FFFD.
    #[must_use]
    pub fn display(&self) -> String {
        without_control(self.as_bytes(), char::REPLACEMENT_CHARACTER)
    }
}

impl fmt::Debug for FtpPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> FtpPath {
        FtpPath::root().join(text.as_bytes()).unwrap()
    }

    #[test]
    fn known_answers() {
        for (cwd, argument, expected) in [
            ("/", "", "/"),
            ("/", ".", "/"),
            ("/", "..", "/"),
            ("/a", "..", "/"),
            ("/a/b", "..", "/a"),
            ("/a", "b", "/a/b"),
            ("/a", "/b", "/b"),
            ("/a", "//b//c/", "/b/c"),
            ("/a", "../../../x", "/x"),
            ("/a", " x ", "/a/ x "),
            ("/a", "...", "/a/..."),
            ("/a", "b/../..", "/"),
            ("/a", "中文/图片.jpg", "/a/中文/图片.jpg"),
        ] {
            let got = at(cwd).join(argument.as_bytes()).unwrap();
            assert_eq!(got.display(), expected, "{cwd} + {argument}");
        }
    }

    #[test]
    fn refusals() {
        for bad in [&b"a\0b"[..], b"a\rb", b"\n", b"\x7f", b"a\x1bb"] {
            assert_eq!(FtpPath::root().join(bad), Err(PathError::ControlCharacter));
        }
        let long = [b'x'; MAX_PATH];
        assert_eq!(FtpPath::root().join(&long), Err(PathError::TooLong));
    }

    #[test]
    fn a_terminal_that_shows_it_obeys_nothing() {
        // U+009B begins a control sequence.
        assert_eq!(at("/a\u{9b}2Jb").display(), "/a\u{fffd}2Jb");
        assert_eq!(
            FtpPath::root().join(b"\xff").unwrap().display(),
            "/\u{fffd}"
        );
    }

    #[test]
    fn families() {
        assert_eq!(at("/a/b").parent(), at("/a"));
        assert_eq!(at("/").parent(), at("/"));
        assert_eq!(at("/a/b").name(), b"b");
        assert_eq!(at("/").name(), b"");
        assert!(at("/a/b").is_below(&at("/a")));
        assert!(!at("/ab").is_below(&at("/a")));
        assert!(!at("/a").is_below(&at("/a")));
        assert!(at("/a").is_below(&at("/")));
    }

    proptest! {
        #[test]
        fn never_leaves_the_root_and_is_idempotent(
            cwd in proptest::collection::vec(any::<u8>(), 0..40),
            argument in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let Ok(cwd) = FtpPath::root().join(&cwd) else { return Ok(()) };
            let Ok(joined) = cwd.join(&argument) else { return Ok(()) };
            prop_assert_eq!(joined.as_bytes().first(), Some(&b'/'));
            prop_assert!(joined.components().all(|c| !matches!(c, b"" | b"." | b"..")));
            prop_assert_eq!(FtpPath::root().join(joined.as_bytes()).unwrap(), joined.clone());
            prop_assert!(joined.is_root() || joined.parent().join(joined.name()).unwrap() == joined);
        }
    }
}
