//! What the client must believe: a map from path to bytes and the few rules of FTP.
//!
//! The model is fed with nothing but the client's own view: its commands, the replies to them,
//! and the bytes on its data connections. So whenever it and the storage disagree, somebody was
//! told something that is not so.

use super::conversation::{Command, Exchange};
use super::transcript::shown;
use crate::deflate::{InflateError, Inflater};
use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A normalised path: `/` before each component, so the root is empty.
type Path = Vec<u8>;

/// The files of one client, and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Model {
    files: BTreeMap<Path, Vec<u8>>,
    /// Those that have been made or kept; others are there because of what is below them.
    directories: BTreeSet<Path>,
    cwd: Path,
    image: bool,
    /// MODE Z.
    deflate: bool,
    rest: u64,
    rename_from: Option<Path>,
}

/// The bytes of the data connection that a command used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) sent: Vec<u8>,
    pub(super) received: Vec<u8>,
}

impl Model {
    /// One that begins with these files and directories, by absolute path.
    pub(super) fn new(files: BTreeMap<Vec<u8>, Vec<u8>>, directories: BTreeSet<Vec<u8>>) -> Self {
        let root = Vec::new();
        Self {
            files: files
                .into_iter()
                .map(|(path, bytes)| (resolve(&root, &path), bytes))
                .collect(),
            directories: directories
                .into_iter()
                .map(|path| resolve(&root, &path))
                .collect(),
            ..Self::default()
        }
    }

    /// Takes in one command with its final reply.
    ///
    /// # Errors
    /// The reply says what cannot be.
    pub(super) fn learn(&mut self, exchange: &Exchange, moved: &Moved) -> Result<(), String> {
        let Command { verb, argument, .. } = &exchange.command;
        let path = resolve(&self.cwd, argument);
        let done = matches!(exchange.code, 200..=399);
        // A command that came before login leaves everything as it was, as does a USER that was
        // not understood; the others use up what was prepared for them in any case.
        let counts = exchange.code != 530 && (verb != "USER" || exchange.code != 501);
        let rest = match verb.as_str() {
            "RETR" | "STOR" | "APPE" | "USER" if counts => core::mem::take(&mut self.rest),
            _ => self.rest,
        };
        if counts && matches!(verb.as_str(), "RNFR" | "RNTO" | "USER") {
            let from = self.rename_from.take();
            if verb == "RNTO" && done {
                return self.rename(from, path);
            }
        }
        if !done {
            return Ok(());
        }
        match verb.as_str() {
            "PASS" => self.cwd = Vec::new(),
            "CWD" | "XCWD" => {
                self.need_directory(&path)?;
                self.cwd = path;
            }
            "CDUP" | "XCUP" => self.cwd = parent(&self.cwd).to_vec(),
            "PWD" | "XPWD" => return self.check_pwd(&exchange.reply),
            "TYPE" => {
                // A server that leaves line ends alone says so.
                self.image = !argument.to_ascii_uppercase().starts_with(b"A")
                    || exchange.reply.ends_with(b"stay as they are.\r\n");
            }
            "MODE" => self.deflate = argument.eq_ignore_ascii_case(b"Z"),
            "REST" => self.rest = number(argument),
            "RNFR" => self.rename_from = Some(path),
            "DELE" => self.delete(&path)?,
            "MKD" | "XMKD" => self.make_directory(path)?,
            "RMD" | "XRMD" => self.remove_directory(&path)?,
            "SIZE" => return self.check_size(&path, &exchange.reply),
            "STOR" | "APPE" => {
                let sent = self.plain(&moved.sent)?;
                self.store(verb == "APPE", path, rest, &sent)?;
            }
            "RETR" => {
                return self.check_download(&path, rest, &self.plain(&moved.received)?);
            }
            "NLST" | "MLSD" => {
                let received = self.plain(&moved.received)?;
                return self.check_names(argument, &received, verb == "MLSD");
            }
            "LIST" => self.plain(&moved.received).map(drop)?,
            _ => {}
        }
        Ok(())
    }

    /// The model as it would be if `command`, whose reply nobody heard, was done.
    pub(super) fn supposing(&self, command: &Command, moved: &Moved) -> Option<Self> {
        let append = command.verb == "APPE";
        if command.verb != "STOR" && !append {
            return None;
        }
        let mut other = self.clone();
        let path = resolve(&self.cwd, &command.argument);
        let sent = self.plain(&moved.sent).ok()?;
        other.store(append, path, self.rest, &sent).ok()?;
        Some(other)
    }

    /// What the bytes of a data connection stand for.
    fn plain<'a>(&self, wire: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
        if self.deflate {
            return inflate(wire).map(Cow::Owned);
        }
        Ok(Cow::Borrowed(wire))
    }

    /// Whether these are the files and directories that the client knows of.
    pub(super) fn agrees(
        &self,
        files: &BTreeMap<Vec<u8>, Vec<u8>>,
        directories: &BTreeSet<Vec<u8>>,
    ) -> Result<(), String> {
        let stored = Self::new(files.clone(), directories.clone());
        if stored.files != self.files {
            let show = |files: &BTreeMap<Path, Vec<u8>>| -> Vec<String> {
                let lines = files
                    .iter()
                    .map(|(path, bytes)| format!("{}={}", text(path), shown(bytes)));
                lines.collect()
            };
            return Err(format!(
                "stored files {:?}, acknowledged files {:?}",
                show(&stored.files),
                show(&self.files)
            ));
        }
        let show = |model: &Self| -> Vec<String> {
            let all = model.all_directories();
            all.iter().map(text).collect()
        };
        if stored.all_directories() != self.all_directories() {
            return Err(format!(
                "stored directories {:?}, acknowledged directories {:?}",
                show(&stored),
                show(self)
            ));
        }
        Ok(())
    }

    fn all_directories(&self) -> BTreeSet<Path> {
        let mut all = self.directories.clone();
        for path in self.files.keys().chain(&self.directories) {
            let mut up = parent(path);
            // What is above one that is in already is in too, but for those that were made.
            while !up.is_empty() && all.insert(up.to_vec()) {
                up = parent(up);
            }
        }
        all
    }

    fn is_directory(&self, path: &Path) -> bool {
        path.is_empty()
            || self.directories.contains(path)
            || self
                .files
                .keys()
                .chain(&self.directories)
                .any(|other| below(other, path).is_some())
    }

    fn need_directory(&self, path: &Path) -> Result<(), String> {
        if self.is_directory(path) {
            return Ok(());
        }
        Err(format!("{} is no directory", text(path)))
    }

    /// A directory does not vanish with its last child.
    fn keep_parent(&mut self, path: &Path) {
        let parent = parent(path);
        if !parent.is_empty() {
            self.directories.insert(parent.to_vec());
        }
    }

    fn delete(&mut self, path: &Path) -> Result<(), String> {
        if self.files.remove(path).is_none() {
            return Err(format!("{} was deleted and was not there", text(path)));
        }
        self.keep_parent(path);
        Ok(())
    }

    fn make_directory(&mut self, path: Path) -> Result<(), String> {
        if self.is_directory(&path) {
            return Err(format!("{} was made and was there", text(&path)));
        }
        self.directories.insert(path);
        Ok(())
    }

    fn remove_directory(&mut self, path: &Path) -> Result<(), String> {
        self.need_directory(path)?;
        self.directories.remove(path);
        if path.is_empty() || self.is_directory(path) {
            return Err(format!("{} was removed and was not empty", text(path)));
        }
        self.keep_parent(path);
        Ok(())
    }

    fn rename(&mut self, from: Option<Path>, to: Path) -> Result<(), String> {
        let from = from.ok_or("a rename without RNFR")?;
        if from == to {
            return Ok(());
        }
        if let Some(bytes) = self.files.remove(&from) {
            self.files.insert(to, bytes);
            self.keep_parent(&from);
            return Ok(());
        }
        self.need_directory(&from)?;
        let moved = |path: &Path| {
            let rest = below(path, &from).or((*path == from).then_some(&[][..]))?;
            Some([to.as_slice(), rest].concat())
        };
        self.files = core::mem::take(&mut self.files)
            .into_iter()
            .map(|(path, bytes)| (moved(&path).unwrap_or(path), bytes))
            .collect();
        self.directories = core::mem::take(&mut self.directories)
            .into_iter()
            .map(|path| moved(&path).unwrap_or(path))
            .collect();
        self.keep_parent(&from);
        Ok(())
    }

    fn store(&mut self, append: bool, path: Path, rest: u64, sent: &[u8]) -> Result<(), String> {
        let old = self.files.get(&path).map(Vec::as_slice);
        let old = old.unwrap_or_default();
        let keep = match (rest, append) {
            (0, true) => old.len(),
            (rest, _) => usize::try_from(rest).unwrap_or(usize::MAX),
        };
        let mut bytes = old
            .get(..keep)
            .ok_or_else(|| format!("{} was stored with an offset beyond its end", text(&path)))?
            .to_vec();
        if self.image {
            bytes.extend_from_slice(sent);
        } else {
            let lines = sent.split_inclusive(|b| *b == b'\n');
            for line in lines {
                match line.strip_suffix(b"\r\n") {
                    Some(line) => bytes.extend_from_slice(&[line, b"\n"].concat()),
                    None => bytes.extend_from_slice(line),
                }
            }
        }
        self.files.insert(path, bytes);
        Ok(())
    }

    fn check_download(&self, path: &Path, rest: u64, received: &[u8]) -> Result<(), String> {
        let bytes = self.files.get(path).map(Vec::as_slice);
        let from = usize::try_from(rest).unwrap_or(usize::MAX);
        let expected = bytes.and_then(|bytes| bytes.get(from..));
        let expected = expected.ok_or_else(|| format!("{} has no byte {rest}", text(path)))?;
        let expected = if self.image {
            expected.to_vec()
        } else {
            let mut wire = Vec::new();
            for line in expected.split_inclusive(|b| *b == b'\n') {
                match (line.strip_suffix(b"\r\n"), line.strip_suffix(b"\n")) {
                    (None, Some(line)) => wire.extend_from_slice(&[line, b"\r\n"].concat()),
                    _ => wire.extend_from_slice(line),
                }
            }
            wire
        };
        if expected == received {
            return Ok(());
        }
        Err(format!(
            "{} is {} and came as {}",
            text(path),
            shown(&expected),
            shown(received)
        ))
    }

    /// The names of NLST, or those of MLSD after its facts.
    fn check_names(&self, argument: &[u8], received: &[u8], facts: bool) -> Result<(), String> {
        if argument.starts_with(b"-") {
            return Ok(());
        }
        let path = resolve(&self.cwd, argument);
        let lines = received.split_inclusive(|b| *b == b'\n');
        let mut listed: Vec<&[u8]> = Vec::new();
        for line in lines {
            let line = line.strip_suffix(b"\r\n").ok_or("a line without CRLF")?;
            let space = line.iter().position(|b| *b == b' ').filter(|_| facts);
            listed.push(line.get(space.map_or(0, |at| at + 1)..).unwrap_or_default());
        }
        listed.sort_unstable();
        let mut expected: Vec<&[u8]> = Vec::new();
        let directories = self.all_directories();
        if self.is_directory(&path) {
            let all = self.files.keys().chain(&directories);
            let names = all.filter_map(|other| below(other, &path)?.get(1..));
            expected.extend(names.filter(|name| !name.contains(&b'/')));
        } else if self.files.contains_key(&path) || facts || !argument.iter().any(is_wildcard) {
            // A file is called as it was asked for.
            let name = path.get(parent(&path).len() + 1..).unwrap_or_default();
            let end = argument.iter().rposition(|b| *b != b'/');
            let asked = argument.get(..end.map_or(0, |at| at + 1));
            let asked = asked.filter(|asked| !facts && asked.ends_with(name));
            expected.push(asked.unwrap_or(name));
        } else {
            let slash = argument.iter().rposition(|b| *b == b'/');
            let (before, _) = argument.split_at(slash.map_or(0, |at| at + 1));
            return self.check_matches(before, &parent(&path).to_vec(), &listed);
        }
        expected.sort_unstable();
        if listed == expected {
            return Ok(());
        }
        let show = |names: &[&[u8]]| names.iter().map(|n| shown(n)).collect::<Vec<_>>();
        Err(format!(
            "{} holds {:?} and was listed as {:?}",
            text(&path),
            show(&expected),
            show(&listed)
        ))
    }

    /// Names that a pattern is said to match: children of its directory, each once. Which of them
    /// match is a matter of the pattern's own tests.
    fn check_matches(&self, before: &[u8], path: &Path, listed: &[&[u8]]) -> Result<(), String> {
        self.need_directory(path)?;
        let directories = self.all_directories();
        for pair in listed.windows(2) {
            if pair.first() == pair.last() {
                return Err(format!("{} is listed twice", text(path)));
            }
        }
        for line in listed {
            let name = line.strip_prefix(before);
            let child = name.map(|name| [path.as_slice(), b"/", name].concat());
            let known = child.is_some_and(|child| {
                self.files.contains_key(&child) || directories.contains(&child)
            });
            if !known {
                return Err(format!("{} is not in {}", shown(line), text(path)));
            }
        }
        Ok(())
    }

    fn check_pwd(&self, reply: &[u8]) -> Result<(), String> {
        let mut expected = b"257 \"".to_vec();
        if self.cwd.is_empty() {
            expected.push(b'/');
        }
        for byte in &self.cwd {
            expected.push(*byte);
            // Doubled quotes (RFC 959 appendix II) and doubled IAC (RFC 854).
            if matches!(byte, b'"' | 0xFF) {
                expected.push(*byte);
            }
        }
        expected.extend_from_slice(b"\" ");
        if reply.starts_with(&expected) {
            return Ok(());
        }
        Err(format!("in {} PWD said {}", text(&self.cwd), shown(reply)))
    }

    fn check_size(&self, path: &Path, reply: &[u8]) -> Result<(), String> {
        let size = self.files.get(path).map(Vec::len);
        let expected = size.map(|size| format!("213 {size}\r\n"));
        if expected.as_ref().is_some_and(|e| e.as_bytes() == reply) {
            return Ok(());
        }
        Err(format!(
            "{} has {size:?} bytes: {}",
            text(path),
            shown(reply)
        ))
    }
}

/// A whole zlib stream.
pub(super) fn inflate(wire: &[u8]) -> Result<Vec<u8>, String> {
    let (mut inflater, mut bytes) = (Inflater::new(), Vec::new());
    let result: Result<(), InflateError> = inflater.write(wire, |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    });
    result
        .and_then(|()| inflater.finish())
        .map_err(|error| format!("{error} {}", shown(wire)))?;
    Ok(bytes)
}

fn is_wildcard(byte: &u8) -> bool {
    matches!(byte, b'*' | b'?' | b'[')
}

/// What an argument names (RFC 3659 section 6).
fn resolve(cwd: &Path, argument: &[u8]) -> Path {
    let mut path = if argument.starts_with(b"/") {
        Vec::new()
    } else {
        cwd.clone()
    };
    for name in argument.split(|b| *b == b'/') {
        match name {
            b"" | b"." => {}
            b".." => path.truncate(parent(&path).len()),
            name => {
                path.push(b'/');
                path.extend_from_slice(name);
            }
        }
    }
    path
}

fn parent(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|b| *b == b'/').unwrap_or(0);
    path.get(..end).unwrap_or_default()
}

/// What follows `directory` in a path below it, its `/` included.
fn below<'a>(path: &'a [u8], directory: &[u8]) -> Option<&'a [u8]> {
    path.strip_prefix(directory)
        .filter(|rest| rest.starts_with(b"/"))
}

fn number(argument: &[u8]) -> u64 {
    let text = core::str::from_utf8(argument).unwrap_or_default();
    text.parse().unwrap_or(0)
}

fn text(path: &Path) -> String {
    if path.is_empty() {
        return String::from("/");
    }
    shown(path)
}

#[cfg(test)]
mod tests {
    use super::super::conversation::Conversation;
    use super::*;

    /// What the model thinks of a conversation of commands and replies, each with what its data
    /// connection moved.
    fn learn(exchanges: &[(&str, &str, &str)]) -> Result<Model, String> {
        let files = [(b"/a".to_vec(), b"one\ntwo".to_vec())].into();
        let mut model = Model::new(files, [b"/d".to_vec()].into());
        let mut talk = Conversation::default();
        talk.said(b"220 Hi\r\n")?;
        for (command, reply, data) in exchanges {
            talk.heard(format!("{command}\r\n").as_bytes());
            if reply.starts_with("226") {
                talk.said(b"150 x\r\n")?;
            }
            let moved = Moved {
                sent: data.as_bytes().to_vec(),
                received: data.as_bytes().to_vec(),
            };
            if let Some(exchange) = talk.said(format!("{reply}\r\n").as_bytes())? {
                model.learn(&exchange, &moved)?;
            }
        }
        Ok(model)
    }

    #[test]
    fn what_can_be() {
        let model = learn(&[
            ("TYPE I", "200 x", ""),
            ("PWD", "257 \"/\" x", ""),
            ("RETR a", "226 x", "one\ntwo"),
            ("REST 4", "350 x", ""),
            ("STOR a", "226 x", "three"),
            ("SIZE a", "213 9", ""),
            ("APPE d/e", "226 x", "x"),
            ("NLST d", "226 x", "e\r\n"),
            ("STOR f", "426 x", "lost"),
            ("CWD d", "250 x", ""),
            ("RNFR e", "350 x", ""),
            ("RNTO ../g/h", "250 x", ""),
            ("CDUP", "250 x", ""),
            ("RMD d", "250 x", ""),
            ("MKD q\"", "257 x", ""),
            ("CWD q\"", "250 x", ""),
            ("PWD", "257 \"/q\"\"\" x", ""),
            ("NLST /", "226 x", "a\r\ng\r\nq\"\r\n"),
        ])
        .unwrap();
        let files = [
            (b"/a".to_vec(), b"one\nthree".to_vec()),
            (b"/g/h".to_vec(), b"x".to_vec()),
        ];
        let directories: BTreeSet<_> = [b"/g".to_vec(), b"/q\"".to_vec()].into();
        assert_eq!(model.agrees(&files.clone().into(), &directories), Ok(()));
        assert!(model.agrees(&files.into(), &BTreeSet::new()).is_err());
        assert!(model.agrees(&BTreeMap::new(), &directories).is_err());
    }

    #[test]
    fn what_cannot_be() {
        for (command, reply, data) in [
            ("CWD nowhere", "250 x", ""),
            ("PWD", "257 \"/d\" x", ""),
            ("DELE nothing", "250 x", ""),
            ("MKD d", "257 x", ""),
            ("RMD nothing", "250 x", ""),
            ("RMD /", "250 x", ""),
            ("RNTO x", "250 x", ""),
            ("SIZE a", "213 8", ""),
            ("SIZE d", "213 0", ""),
            ("RETR a", "226 x", "one\ntwo"),
            ("NLST", "226 x", "a\r\n"),
            ("NLST", "226 x", "a\r\nd"),
            ("MLSD", "226 x", "type=file; a\r\n"),
        ] {
            assert!(learn(&[(command, reply, data)]).is_err(), "{command}");
        }
        let text = learn(&[("RETR a", "226 x", "one\r\ntwo")]);
        assert!(text.is_ok(), "{text:?}");
    }
}
