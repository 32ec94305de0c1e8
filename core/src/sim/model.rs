//! What the client must believe: a map from path to bytes and the few rules of FTP.
//!
//! The model is fed with nothing but the client's own view: its commands, the replies to them,
//! and the bytes on its data connections. So whenever it and the storage disagree, somebody was
//! told something that is not so.

mod more;

use super::conversation::{Command, Exchange};
use super::transcript::shown;
use crate::deflate::{InflateError, Inflater};
use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use more::{part, two_numbers};
use verbs::*;

/// The verbs as numbers: to find one among them takes no comparisons of bytes.
mod verbs {
    use crate::text::key;

    macro_rules! verbs {
        ($($verb:ident)*) => {
            $(pub(super) const $verb: u64 = key(stringify!($verb).as_bytes());)*
        };
    }

    verbs! {
        APPE AUTH CDUP COMB CPFR CPTO CWD DELE HASH LIST MD5 MKD MLSD MODE NLST OPTS PASS PWD RANG
        REIN REST RETR RMD RNFR RNTO SITE SIZE STOR STOU TYPE USER XCRC XCUP XCWD XMD5 XMKD XPWD
        XRMD XSHA XSHA1 XSHA256 XSHA512
    }
}

/// A normalised path: `/` before each component, so the root is empty.
type Path = Vec<u8>;

/// The files of one client, and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Model {
    /// Shared until it changes: many runs begin with the same files.
    files: Arc<BTreeMap<Path, Vec<u8>>>,
    /// Those that have been made or kept; others are there because of what is below them.
    directories: Arc<BTreeSet<Path>>,
    cwd: Path,
    image: bool,
    /// MODE Z.
    deflate: bool,
    rest: u64,
    rename_from: Option<Path>,
    copy_from: Option<Path>,
    /// RANG: the first and the last byte.
    range: Option<(u64, u64)>,
    /// OPTS HASH, as the server named it.
    hash: Option<Vec<u8>>,
    /// There are symbolic links, of which this model knows nothing: it knows no files any more.
    lost: bool,
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
            files: Arc::new(
                files
                    .into_iter()
                    .map(|(path, bytes)| (resolve(&root, &path), bytes))
                    .collect(),
            ),
            directories: Arc::new(
                directories
                    .into_iter()
                    .map(|path| resolve(&root, &path))
                    .collect(),
            ),
            ..Self::default()
        }
    }

    /// Takes in one command with its final reply.
    ///
    /// # Errors
    /// The reply says what cannot be.
    pub(super) fn learn(&mut self, exchange: &Exchange<'_>, moved: &Moved) -> Result<(), String> {
        let (verb, argument) = (exchange.command.key(), exchange.command.argument());
        let done = matches!(exchange.code, 200..=399);
        // A command that came before login leaves everything as it was, as does a USER that was
        // not taken; the others use up what was prepared for them in any case.
        let counts = exchange.code != 530 && (verb != USER || done);
        let range = self.used_range(verb, counts);
        let rest = match verb {
            RETR | STOR | APPE | STOU | USER if counts => core::mem::take(&mut self.rest),
            _ => self.rest,
        };
        if counts && matches!(verb, RNFR | RNTO | USER) {
            let from = self.rename_from.take();
            if verb == RNTO && done {
                return self.rename(from, resolve(&self.cwd, argument));
            }
        }
        let copy_from = self.used_copy_from(verb, argument, counts);
        if matches!(verb, REST | RANG) && exchange.code == 501 {
            // Refused, it leaves no earlier one in force.
            (self.rest, self.range) = (0, None);
        }
        if !done {
            return Ok(());
        }
        let path = || resolve(&self.cwd, argument);
        match verb {
            PASS => self.cwd = Vec::new(),
            AUTH | REIN => self.begin_anew(),
            CWD | XCWD => {
                let path = path();
                self.need_directory(&path)?;
                self.cwd = path;
            }
            CDUP | XCUP => self.cwd = parent(&self.cwd).to_vec(),
            PWD | XPWD => return self.check_pwd(exchange.reply),
            TYPE => {
                // A server that leaves line ends alone says so.
                self.image = !matches!(argument.first(), Some(b'a' | b'A'))
                    || exchange.reply.ends_with(b"stay as they are.\r\n");
            }
            MODE => self.deflate = argument.eq_ignore_ascii_case(b"Z"),
            REST => (self.rest, self.range) = (number(argument), None),
            RANG => {
                self.rest = 0;
                self.range = two_numbers(argument).filter(|(first, last)| first <= last);
            }
            RNFR => self.rename_from = Some(path()),
            DELE => self.delete(&path())?,
            MKD | XMKD => self.make_directory(path())?,
            RMD | XRMD => self.remove_directory(&path())?,
            SIZE => return self.check_size(&path(), exchange.reply),
            STOR | APPE => {
                let sent = self.plain(&moved.sent)?;
                self.store(verb == APPE, path(), rest, &sent)?;
            }
            STOU => {
                let sent = self.plain(&moved.sent)?;
                self.store_new(exchange.command.file.as_deref(), &sent)?;
            }
            RETR => {
                let received = self.plain(&moved.received)?;
                return self.check_download(&path(), rest, range, &received);
            }
            NLST | MLSD => {
                let received = self.plain(&moved.received)?;
                return self.check_names(argument, &received, verb == MLSD);
            }
            LIST => self.plain(&moved.received).map(drop)?,
            verb => return self.learn_more(verb, argument, exchange.reply, range, copy_from),
        }
        Ok(())
    }

    /// Whether it still knows all files.
    pub(super) fn is_sure(&self) -> bool {
        !self.lost
    }

    /// Only the files stay.
    fn begin_anew(&mut self) {
        *self = Self {
            files: core::mem::take(&mut self.files),
            directories: core::mem::take(&mut self.directories),
            lost: self.lost,
            ..Self::default()
        };
    }

    /// The model as it would be if `command`, whose reply nobody heard, was done.
    pub(super) fn supposing(&self, command: &Command, moved: &Moved) -> Option<Self> {
        let append = command.verb() == b"APPE";
        if command.verb() == b"STOU" {
            let mut other = self.clone();
            let file = command.file.as_deref();
            return other.store_new(file, &moved.sent).ok().map(|()| other);
        }
        if command.verb() != b"STOR" && !append {
            return None;
        }
        let mut other = self.clone();
        let path = resolve(&self.cwd, command.argument());
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

    /// Whether the client knows of just these objects, by key and in order; a key that ends in
    /// `/` marks a directory. It is [`Model::agrees`] without a reason and without a copy.
    pub(super) fn is<'a>(&self, objects: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> bool {
        let mut files = self.files.iter();
        let mut directories = Vec::with_capacity(16);
        for (key, bytes) in objects {
            add_parents(key, &mut directories);
            if key.ends_with(b"/") {
                continue;
            }
            let known = files.next();
            if known.is_none_or(|(path, held)| path.get(1..) != Some(key) || held != bytes) {
                return false;
            }
        }
        if files.next().is_some() {
            return false;
        }
        directories.sort_unstable();
        directories.dedup();
        let own = self.all_directories();
        let own = own.iter().map(|path| path.get(1..).unwrap_or_default());
        own.eq(directories)
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
        let (stored, own) = (stored.all_directories(), self.all_directories());
        if stored != own {
            let show = |all: &[&[u8]]| -> Vec<String> { all.iter().map(|p| text(p)).collect() };
            return Err(format!(
                "stored directories {:?}, acknowledged directories {:?}",
                show(&stored),
                show(&own)
            ));
        }
        Ok(())
    }

    /// Without the root, in order.
    fn all_directories(&self) -> Vec<&[u8]> {
        let mut all: Vec<&[u8]> = Vec::with_capacity(16);
        for path in self.files.keys() {
            add_parents(path, &mut all);
        }
        for path in self.directories.iter() {
            add_parents(path, &mut all);
            all.push(path);
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    fn is_directory(&self, path: &Path) -> bool {
        path.is_empty()
            || self.directories.contains(path)
            || self
                .files
                .keys()
                .chain(self.directories.iter())
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
            Arc::make_mut(&mut self.directories).insert(parent.to_vec());
        }
    }

    fn delete(&mut self, path: &Path) -> Result<(), String> {
        if Arc::make_mut(&mut self.files).remove(path).is_none() {
            return Err(format!("{} was deleted and was not there", text(path)));
        }
        self.keep_parent(path);
        Ok(())
    }

    fn make_directory(&mut self, path: Path) -> Result<(), String> {
        if self.is_directory(&path) {
            return Err(format!("{} was made and was there", text(&path)));
        }
        Arc::make_mut(&mut self.directories).insert(path);
        Ok(())
    }

    fn remove_directory(&mut self, path: &Path) -> Result<(), String> {
        self.need_directory(path)?;
        Arc::make_mut(&mut self.directories).remove(path);
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
        let files = Arc::make_mut(&mut self.files);
        if let Some(bytes) = files.remove(&from) {
            files.insert(to, bytes);
            self.keep_parent(&from);
            return Ok(());
        }
        self.need_directory(&from)?;
        let moved = |path: &Path| {
            let rest = below(path, &from).or((*path == from).then_some(&[][..]))?;
            Some([to.as_slice(), rest].concat())
        };
        let files = core::mem::take(Arc::make_mut(&mut self.files));
        let files = files
            .into_iter()
            .map(|(path, bytes)| (moved(&path).unwrap_or(path), bytes));
        self.files = Arc::new(files.collect());
        let directories = core::mem::take(Arc::make_mut(&mut self.directories));
        let directories = directories
            .into_iter()
            .map(|path| moved(&path).unwrap_or(path));
        self.directories = Arc::new(directories.collect());
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
        let kept = old
            .get(..keep)
            .ok_or_else(|| format!("{} was stored with an offset beyond its end", text(&path)))?;
        let mut bytes = Vec::with_capacity(kept.len() + sent.len());
        bytes.extend_from_slice(kept);
        if self.image {
            bytes.extend_from_slice(sent);
        } else {
            let lines = sent.split_inclusive(|b| *b == b'\n');
            for line in lines {
                if let Some(line) = line.strip_suffix(b"\r\n") {
                    bytes.extend_from_slice(line);
                    bytes.push(b'\n');
                } else {
                    bytes.extend_from_slice(line);
                }
            }
        }
        Arc::make_mut(&mut self.files).insert(path, bytes);
        Ok(())
    }

    fn check_download(
        &self,
        path: &Path,
        rest: u64,
        range: Option<(u64, u64)>,
        received: &[u8],
    ) -> Result<(), String> {
        let bytes = self.files.get(path).map(Vec::as_slice);
        let from = usize::try_from(rest).unwrap_or(usize::MAX);
        let expected = match range {
            Some(range) => bytes.and_then(|bytes| part(bytes, range)),
            None => bytes.and_then(|bytes| bytes.get(from..)),
        };
        let expected = expected.ok_or_else(|| format!("{} has no byte {rest}", text(path)))?;
        let expected = if self.image {
            Cow::Borrowed(expected)
        } else {
            let mut wire = Vec::with_capacity(received.len());
            for line in expected.split_inclusive(|b| *b == b'\n') {
                match (line.strip_suffix(b"\r\n"), line.strip_suffix(b"\n")) {
                    (None, Some(line)) => {
                        wire.extend_from_slice(line);
                        wire.extend_from_slice(b"\r\n");
                    }
                    _ => wire.extend_from_slice(line),
                }
            }
            Cow::Owned(wire)
        };
        if *expected == *received {
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
        if self.is_directory(&path) {
            let directories = self.all_directories();
            let files = self.files.keys().map(Vec::as_slice);
            let all = files.chain(directories);
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
                self.files.contains_key(&child) || directories.contains(&child.as_slice())
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

/// Adds all directories above `path` but the root.
fn add_parents<'a>(path: &'a [u8], all: &mut Vec<&'a [u8]>) {
    for (end, byte) in path.iter().enumerate().skip(1) {
        let parent = path.get(..end).filter(|_| *byte == b'/');
        all.extend(parent);
    }
}

fn text(path: &[u8]) -> String {
    if path.is_empty() {
        return String::from("/");
    }
    shown(path)
}

#[cfg(test)]
mod tests;
