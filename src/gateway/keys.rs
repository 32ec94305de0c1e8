//! How FTP paths and OSS keys stand for each other.
//!
//! Decides which paths OSS can hold, which keys FTP can name, and how one becomes the other.
//! Whether anything is there is asked elsewhere.
//!
//! A file's key is the user's root prefix and the path without its leading `/`. A directory's key
//! ends in `/`: it is the prefix of what the directory holds, and the key of its marker.

use ossftp_core::{ErrorKind, FtpPath, StorageError};

/// The longest key in bytes (OSS object naming conventions).
pub(crate) const MAX_KEY: usize = 1023;

/// The keys below a user's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    /// Empty, or a directory's key.
    root: String,
}

impl Keys {
    /// The keys below the directory `home`; an empty path is the whole bucket.
    ///
    /// # Errors
    /// The home is no name that a key can have.
    pub(crate) fn below(home: &FtpPath) -> Result<Self, StorageError> {
        let whole = Self {
            root: String::new(),
        };
        let root = whole.directory(home)?;
        Ok(Self { root })
    }

    /// The key of the file at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::IsADirectory`] for the root; [`ErrorKind::BadName`] where OSS cannot hold
    /// such a key.
    pub(crate) fn file(&self, path: &FtpPath) -> Result<String, StorageError> {
        if path.is_root() {
            return Err(StorageError::new(
                ErrorKind::IsADirectory,
                "This is the root directory.",
            ));
        }
        let key = format!("{}{}", self.root, text(path.relative())?);
        checked(key)
    }

    /// The key of the directory at `path`: empty, or ending in `/`.
    ///
    /// # Errors
    /// [`ErrorKind::BadName`] where OSS cannot hold such a key.
    pub(crate) fn directory(&self, path: &FtpPath) -> Result<String, StorageError> {
        if path.is_root() {
            return Ok(self.root.clone());
        }
        let mut key = self.file(path)?;
        key.push('/');
        checked(key)
    }

    /// The root's key: empty, or ending in `/`.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// Whether this directory's key is the root's.
    pub(crate) fn is_root(&self, directory: &str) -> bool {
        directory == self.root
    }
}

/// The names of OSS are UTF-8 (object naming conventions); those of FTP need not be.
fn text(name: &[u8]) -> Result<&str, StorageError> {
    std::str::from_utf8(name).map_err(|_| {
        StorageError::new(
            ErrorKind::BadName,
            "The name is not UTF-8, and OSS holds no other names.",
        )
    })
}

fn checked(key: String) -> Result<String, StorageError> {
    if key.starts_with('\\') {
        return Err(StorageError::new(
            ErrorKind::BadName,
            "OSS holds no name that begins with a backslash.",
        ));
    }
    if key.len() > MAX_KEY {
        return Err(StorageError::new(
            ErrorKind::BadName,
            "The path is longer than the 1023 bytes that OSS holds.",
        ));
    }
    Ok(key)
}

/// The directory that holds this key, of a file or of a directory; empty for the bucket itself.
pub(crate) fn parent(key: &str) -> &str {
    let end = key.strip_suffix('/').unwrap_or(key);
    let cut = end.rfind('/').map_or(0, |at| at + 1);
    key.get(..cut).unwrap_or_default()
}

/// The name, in the listing of `directory`, of a key or common prefix, with its trailing `/` taken
/// off; `None` where FTP cannot name it: it would be empty, `.` or `..`, or holds a control
/// character that no listing could show. It holds no other `/` if the listing had the delimiter.
pub(crate) fn name_in<'a>(directory: &str, key: &'a str) -> Option<&'a str> {
    let name = key.strip_prefix(directory)?;
    let name = name.strip_suffix('/').unwrap_or(name);
    let nameable = !matches!(name, "" | "." | "..") && !name.bytes().any(|b| b.is_ascii_control());
    nameable.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> FtpPath {
        FtpPath::root().join(text.as_bytes()).unwrap()
    }

    fn whole() -> Keys {
        Keys::below(&FtpPath::root()).unwrap()
    }

    #[test]
    fn known_answers() {
        let keys = whole();
        assert_eq!(keys.file(&at("/a/b")).unwrap(), "a/b");
        assert_eq!(keys.directory(&at("/a/b")).unwrap(), "a/b/");
        assert_eq!(keys.directory(&at("/")).unwrap(), "");
        assert_eq!(keys.file(&at("/中文 #%+")).unwrap(), "中文 #%+");
        let home = Keys::below(&at("/home/u")).unwrap();
        assert_eq!(home.file(&at("/a")).unwrap(), "home/u/a");
        assert_eq!(home.directory(&at("/")).unwrap(), "home/u/");
        assert!(home.is_root("home/u/") && !home.is_root(""));
        // Only the beginning of the whole key counts.
        assert_eq!(home.file(&at("/\\a")).unwrap(), "home/u/\\a");
    }

    #[test]
    fn refusals() {
        let keys = whole();
        assert_eq!(
            keys.file(&at("/")).unwrap_err().kind,
            ErrorKind::IsADirectory
        );
        let long = at(&"x".repeat(MAX_KEY));
        assert!(keys.file(&long).is_ok());
        for path in [
            FtpPath::root().join(b"\xff").unwrap(),
            at("\\a"),
            at(&"x".repeat(MAX_KEY + 1)),
        ] {
            assert_eq!(keys.file(&path).unwrap_err().kind, ErrorKind::BadName);
            assert_eq!(keys.directory(&path).unwrap_err().kind, ErrorKind::BadName);
        }
        assert_eq!(keys.directory(&long).unwrap_err().kind, ErrorKind::BadName);
    }

    #[test]
    fn parents() {
        for (key, directory) in [
            ("a", ""),
            ("a/", ""),
            ("a/b", "a/"),
            ("a/b/", "a/"),
            ("", ""),
        ] {
            assert_eq!(parent(key), directory, "{key}");
        }
    }

    #[test]
    fn names_that_ftp_cannot_say() {
        for key in ["d/", "d//", "d/./", "d/../", "d/.", "d/a\nb", "d/\x7f", "e"] {
            assert_eq!(name_in("d/", key), None, "{key:?}");
        }
        assert_eq!(name_in("d/", "d/..."), Some("..."));
        assert_eq!(name_in("", "a/"), Some("a"));
    }

    proptest! {
        #[test]
        fn a_path_comes_back_from_its_key(argument in "\\PC{0,40}") {
            let Ok(path) = FtpPath::root().join(argument.as_bytes()) else { return Ok(()) };
            let keys = whole();
            let (Ok(file), Ok(directory)) = (keys.file(&path), keys.directory(&path)) else {
                return Ok(());
            };
            let above = keys.directory(&path.parent()).unwrap();
            prop_assert_eq!(parent(&file), above.as_str());
            prop_assert_eq!(parent(&directory), above.as_str());
            prop_assert_eq!(name_in(&above, &file).map(str::as_bytes), Some(path.name()));
            prop_assert_eq!(name_in(&above, &directory).map(str::as_bytes), Some(path.name()));
            prop_assert_eq!(path.parent().join(path.name()).unwrap(), path);
        }

        #[test]
        fn a_listed_name_leads_to_its_key(key in "[a-z/.\u{1}中]{1,12}") {
            // Whatever lists as a name can be asked for by it, and gives the same key.
            let Some(name) = name_in("", &key).filter(|name| !name.contains('/')) else {
                return Ok(());
            };
            let path = FtpPath::root().join(name.as_bytes()).unwrap();
            let keys = whole();
            let found = if key.ends_with('/') { keys.directory(&path) } else { keys.file(&path) };
            prop_assert_eq!(found.unwrap(), key);
        }
    }
}
