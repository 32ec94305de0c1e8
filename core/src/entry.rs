//! What a directory holds, as listings show it.

use alloc::vec::Vec;

/// What an [`Entry`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// A file.
    File,
    /// A directory.
    Directory,
}

/// One file or directory, as `LIST`, `MLSD`, `SIZE` and `MDTM` show it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The last component of its path, as bytes on the wire. Empty for the root itself.
    pub name: Vec<u8>,
    /// File or directory.
    pub kind: EntryKind,
    /// Bytes; 0 for a directory.
    pub size: u64,
    /// Last change in Unix seconds; `None` where the storage knows none.
    pub modified: Option<i64>,
    /// Creation in Unix seconds; `None` where the storage knows none.
    pub created: Option<i64>,
    /// The mode, 0 to 0o7777, where the storage keeps one.
    pub mode: Option<u32>,
    /// What it points to, if it is a symbolic link; the other fields describe what is there.
    pub target: Option<Vec<u8>>,
    /// It is what there is of a file whose upload broke off: one that can only be written on.
    pub unfinished: bool,
}

impl Entry {
    /// A file of `size` bytes.
    #[must_use]
    pub fn file(name: impl Into<Vec<u8>>, size: u64, modified: Option<i64>) -> Self {
        Self {
            name: name.into(),
            kind: EntryKind::File,
            size,
            modified,
            created: None,
            mode: None,
            target: None,
            unfinished: false,
        }
    }

    /// A directory.
    #[must_use]
    pub fn directory(name: impl Into<Vec<u8>>, modified: Option<i64>) -> Self {
        Self {
            name: name.into(),
            kind: EntryKind::Directory,
            size: 0,
            modified,
            created: None,
            mode: None,
            target: None,
            unfinished: false,
        }
    }

    /// Whether this is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.kind == EntryKind::Directory
    }
}
