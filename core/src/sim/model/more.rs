//! What the commands beyond RFC 959 do to the files, as far as they do anything to their names
//! and bytes: times, modes and space are not modelled, and after SITE SYMLINK nothing is.

use super::verbs::*;
use super::{Model, Path, below, number, resolve, text};
use crate::digest::{Digest, HashAlgorithm, hex};
use crate::sim::transcript::shown;
use crate::text::key;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The first and the last byte of a part of a file.
type Range = (u64, u64);

impl Model {
    fn files_mut(&mut self) -> &mut BTreeMap<Path, Vec<u8>> {
        Arc::make_mut(&mut self.files)
    }

    /// The range that this command is about; used up.
    pub(super) fn used_range(&mut self, verb: u64, counts: bool) -> Option<Range> {
        let uses = matches!(verb, RETR | STOR | APPE | STOU | HASH | USER);
        if counts && uses {
            return self.range.take();
        }
        None
    }

    /// What SITE CPFR named, for the SITE CPTO that this may be; used up.
    pub(super) fn used_copy_from(
        &mut self,
        verb: u64,
        argument: &[u8],
        counts: bool,
    ) -> Option<Path> {
        let (sub, _) = split(argument);
        let copies = verb == SITE && matches!(key(sub), CPFR | CPTO);
        if counts && (copies || verb == USER) {
            return self.copy_from.take();
        }
        None
    }

    /// Takes in a command that succeeded.
    pub(super) fn learn_more(
        &mut self,
        verb: u64,
        argument: &[u8],
        reply: &[u8],
        range: Option<Range>,
        copy_from: Option<Path>,
    ) -> Result<(), String> {
        match verb {
            SITE => self.learn_site(argument, copy_from),
            COMB => self.combine(&words(argument)),
            OPTS => {
                if first_word(argument).0 == b"HASH" {
                    self.hash = Some(line(reply).to_vec());
                }
                Ok(())
            }
            HASH => self.check_hash(argument, reply, range),
            MD5 => {
                let (name, range) = checksum_argument(argument);
                let digest = self.digest(&name, range, HashAlgorithm::Md5)?;
                expect(line(reply), &[&name, &b" "[..], digest.as_bytes()].concat())
            }
            XCRC => self.check_checksum(argument, reply, HashAlgorithm::Crc32),
            XMD5 => self.check_checksum(argument, reply, HashAlgorithm::Md5),
            XSHA | XSHA1 => self.check_checksum(argument, reply, HashAlgorithm::Sha1),
            XSHA256 => self.check_checksum(argument, reply, HashAlgorithm::Sha256),
            XSHA512 => self.check_checksum(argument, reply, HashAlgorithm::Sha512),
            _ => Ok(()),
        }
    }

    fn learn_site(&mut self, argument: &[u8], copy_from: Option<Path>) -> Result<(), String> {
        let (sub, rest) = first_word(argument);
        let path = resolve(&self.cwd, rest);
        match sub.as_slice() {
            b"MKDIR" => self.make_directory(path),
            b"RMDIR" => self.remove_tree(&path),
            b"CPFR" => {
                self.copy_from = Some(path);
                Ok(())
            }
            b"CPTO" => {
                let from = copy_from.ok_or("a copy without CPFR")?;
                self.copy(&from, path)
            }
            b"COPY" => match words(rest).as_slice() {
                [from, to] => self.copy(&resolve(&self.cwd, from), resolve(&self.cwd, to)),
                other => Err(format!("a copy of {} names", other.len())),
            },
            b"SYMLINK" => {
                self.lost = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn copy(&mut self, from: &Path, to: Path) -> Result<(), String> {
        let bytes = self.bytes(from)?.to_vec();
        self.files_mut().insert(to, bytes);
        Ok(())
    }

    fn remove_tree(&mut self, path: &Path) -> Result<(), String> {
        self.need_directory(path)?;
        if path.is_empty() {
            return Err(String::from("the root was removed"));
        }
        let stays = |other: &Path| below(other, path).is_none();
        self.files_mut().retain(|other, _| stays(other));
        let directories = self.directories.iter();
        let directories = directories.filter(|other| stays(other) && *other != path);
        self.directories = Arc::new(directories.cloned().collect());
        self.keep_parent(path);
        Ok(())
    }

    /// The first name is the whole, the others its parts.
    fn combine(&mut self, names: &[Vec<u8>]) -> Result<(), String> {
        let mut paths = names.iter().map(|name| resolve(&self.cwd, name));
        let target = paths.next().ok_or("COMB of nothing")?;
        let parts: Vec<_> = paths.collect();
        let mut whole = Vec::new();
        for part in &parts {
            whole.extend_from_slice(self.bytes(part)?);
        }
        for part in &parts {
            self.files_mut().remove(part);
            self.keep_parent(part);
        }
        self.files_mut().insert(target, whole);
        Ok(())
    }

    /// STOU: the name is what the server said.
    pub(super) fn store_new(&mut self, file: Option<&[u8]>, sent: &[u8]) -> Result<(), String> {
        let path = resolve(&self.cwd, file.ok_or("STOU without a name in its 150")?);
        if self.files.contains_key(&path) || self.is_directory(&path) {
            return Err(format!("STOU chose {}, which was there", text(&path)));
        }
        self.store(false, path, 0, sent)
    }

    fn bytes(&self, path: &Path) -> Result<&[u8], String> {
        let bytes = self.files.get(path).map(Vec::as_slice);
        bytes.ok_or_else(|| format!("{} is no file", text(path)))
    }

    /// `213 SHA-256 0-49 <hex> name`.
    fn check_hash(
        &self,
        argument: &[u8],
        reply: &[u8],
        range: Option<Range>,
    ) -> Result<(), String> {
        let said = line(reply);
        let (name, _) = split(said);
        if self.hash.as_ref().is_some_and(|hash| hash != name) {
            return Err(format!("not the hash that was chosen: {}", shown(said)));
        }
        let algorithm = core::str::from_utf8(name).ok().and_then(|n| n.parse().ok());
        let algorithm = algorithm.ok_or_else(|| format!("no hash: {}", shown(said)))?;
        let path = resolve(&self.cwd, argument);
        let size = u64::try_from(self.bytes(&path)?.len()).unwrap_or(u64::MAX);
        let (first, last) = range.unwrap_or((0, size.saturating_sub(1)));
        let digest = self.digest_of(&path, range, algorithm)?;
        let expected = format!(" {first}-{last} {digest} ");
        expect(said, &[name, expected.as_bytes(), argument].concat())
    }

    fn check_checksum(
        &self,
        argument: &[u8],
        reply: &[u8],
        algorithm: HashAlgorithm,
    ) -> Result<(), String> {
        let (name, range) = checksum_argument(argument);
        let digest = self.digest(&name, range, algorithm)?;
        expect(line(reply), digest.to_ascii_uppercase().as_bytes())
    }

    /// Of the bytes from the first number on and before the second.
    fn digest(
        &self,
        name: &[u8],
        range: Option<(u64, u64)>,
        algorithm: HashAlgorithm,
    ) -> Result<String, String> {
        let path = resolve(&self.cwd, name);
        match range {
            Some((from, to)) if from == to => Ok(hex(&Digest::new(algorithm).finish())),
            Some((from, to)) => {
                let inclusive = (from, to.saturating_sub(1));
                self.digest_of(&path, Some(inclusive), algorithm)
            }
            None => self.digest_of(&path, None, algorithm),
        }
    }

    fn digest_of(
        &self,
        path: &Path,
        range: Option<Range>,
        algorithm: HashAlgorithm,
    ) -> Result<String, String> {
        let bytes = self.bytes(path)?;
        let bytes = match range {
            Some(range) => {
                part(bytes, range).ok_or_else(|| format!("{} has no {range:?}", text(path)))?
            }
            None => bytes,
        };
        let mut digest = Digest::new(algorithm);
        digest.update(bytes);
        Ok(hex(&digest.finish()))
    }
}

/// The bytes from the first to the last, both inclusive.
pub(super) fn part(bytes: &[u8], (first, last): Range) -> Option<&[u8]> {
    let first = usize::try_from(first).ok()?;
    let end = usize::try_from(last).ok()?.checked_add(1)?;
    bytes.get(first..end)
}

pub(super) fn two_numbers(argument: &[u8]) -> Option<(u64, u64)> {
    let (first, last) = split(argument);
    (!last.is_empty()).then(|| (number(first), number(last)))
}

/// The text of a reply of one line.
fn line(reply: &[u8]) -> &[u8] {
    let text = reply.get(4..).unwrap_or_default();
    text.strip_suffix(b"\r\n").unwrap_or(text)
}

/// Compares a text of the server with what it should be; IAC is doubled on the wire (RFC 854).
fn expect(said: &[u8], expected: &[u8]) -> Result<(), String> {
    let mut wire = Vec::new();
    for byte in expected {
        wire.push(*byte);
        if *byte == 255 {
            wire.push(255);
        }
    }
    if said == wire {
        return Ok(());
    }
    Err(format!("{} should be {}", shown(said), shown(expected)))
}

fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| *b == b' ').unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    (head, rest.get(1..).unwrap_or_default())
}

/// In upper case, and what follows it.
fn first_word(argument: &[u8]) -> (Vec<u8>, &[u8]) {
    let (word, rest) = split(argument);
    (word.to_ascii_uppercase(), rest)
}

/// Names with a space between, each perhaps in quotes.
fn words(mut rest: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    while !rest.is_empty() {
        let (word, after) = quoted(rest).unwrap_or_else(|| {
            let (word, _) = split(rest);
            (word.to_vec(), rest.get(word.len()..).unwrap_or_default())
        });
        words.push(word);
        rest = after.strip_prefix(b" ").unwrap_or(after);
    }
    words
}

/// A name in quotes at the beginning, and what follows it.
fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut name = Vec::new();
    loop {
        rest = match rest {
            [b'"', b'"', tail @ ..] => {
                name.push(b'"');
                tail
            }
            [b'"', tail @ ..] => {
                let ends = tail.is_empty() || tail.starts_with(b" ");
                return (ends && !name.is_empty()).then_some((name, tail));
            }
            [byte, tail @ ..] => {
                name.push(*byte);
                tail
            }
            [] => return None,
        };
    }
}

/// The name and the range of XCRC and its like.
fn checksum_argument(argument: &[u8]) -> (Vec<u8>, Option<(u64, u64)>) {
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let numbers = |text: &[u8]| {
        let (from, to) = split(text);
        (digits(from) && digits(to)).then(|| (number(from), number(to)))
    };
    if let Some((name, rest)) = quoted(argument) {
        if rest.is_empty() {
            return (name, None);
        }
        if let Some(range) = rest.strip_prefix(b" ").and_then(numbers) {
            return (name, Some(range));
        }
    }
    let spaces = argument.iter().enumerate().rev();
    let mut spaces = spaces.filter(|(_, b)| **b == b' ').map(|(at, _)| at);
    if let Some(at) = spaces.nth(1).filter(|at| *at > 0)
        && let Some(range) = argument.get(at + 1..).and_then(numbers)
    {
        return (argument.get(..at).unwrap_or_default().to_vec(), Some(range));
    }
    (argument.to_vec(), None)
}

#[cfg(test)]
mod tests {
    use super::super::tests::learn;
    use super::*;

    const MD5_OF_ONE: &str = "f97c5d29941bfb1b2fdab0874906ab82";

    #[test]
    fn what_can_be() {
        let model = learn(&[
            ("TYPE I", "200 x", ""),
            ("SITE COPY a \"b \"\"c\"\"\"", "200 x", ""),
            ("SITE CPFR a", "350 x", ""),
            ("SITE CPTO d/e f", "250 x", ""),
            ("SITE MKDIR x/y", "250 x", ""),
            ("SITE RMDIR x", "250 x", ""),
            ("RANG 0 2", "350 x", ""),
            ("RETR a", "226 x", "one"),
            ("RETR a", "226 x", "one\ntwo"),
            ("RANG 0 2", "350 x", ""),
            ("REST 4", "350 x", ""),
            ("RETR a", "226 x", "two"),
            ("OPTS HASH md5", "200 MD5", ""),
            ("RANG 0 2", "350 x", ""),
            ("HASH a", &format!("213 MD5 0-2 {MD5_OF_ONE} a"), ""),
            ("MD5 a 0 3", &format!("251 a {MD5_OF_ONE}"), ""),
            (
                "XMD5 \"a\" 0 3",
                &format!("250 {}", MD5_OF_ONE.to_ascii_uppercase()),
                "",
            ),
            ("STOU d", "226 FILE: d.1", "new"),
            ("COMB whole d.1 a", "250 x", ""),
        ])
        .unwrap();
        let files = [
            (b"/b \"c\"".to_vec(), b"one\ntwo".to_vec()),
            (b"/d/e f".to_vec(), b"one\ntwo".to_vec()),
            (b"/whole".to_vec(), b"newone\ntwo".to_vec()),
        ];
        assert_eq!(
            model.agrees(&files.into(), &[b"/d".to_vec()].into()),
            Ok(())
        );
        let lost = learn(&[("SITE SYMLINK a b", "200 x", "")]).unwrap();
        assert!(!lost.is_sure() && model.is_sure());
    }

    #[test]
    fn what_cannot_be() {
        for (command, reply, data) in [
            ("SITE COPY b c", "200 x", ""),
            ("SITE COPY d c", "200 x", ""),
            ("SITE CPTO b", "250 x", ""),
            ("SITE MKDIR d", "250 x", ""),
            ("SITE RMDIR a", "250 x", ""),
            ("SITE RMDIR /", "250 x", ""),
            ("COMB b a c", "250 x", ""),
            (
                "HASH b",
                "213 MD5 0-0 d41d8cd98f00b204e9800998ecf8427e b",
                "",
            ),
            (
                "HASH a",
                "213 MD5 0-6 d41d8cd98f00b204e9800998ecf8427e a",
                "",
            ),
            (
                "HASH a",
                "213 MD6 0-6 d41d8cd98f00b204e9800998ecf8427e a",
                "",
            ),
            ("XCRC a", "250 00000000", ""),
            ("XSHA1 a 6 9", "250 00000000", ""),
            ("MD5 a", "251 f97c5d29941bfb1b2fdab0874906ab82", ""),
            ("STOU a", "226 FILE: a", "x"),
            ("STOU a", "226 FILE: d", "x"),
            ("STOU a", "226 x", "x"),
        ] {
            assert!(learn(&[(command, reply, data)]).is_err(), "{command}");
        }
        let used = [
            ("TYPE I", "200 x", ""),
            ("RANG 0 2", "350 x", ""),
            ("STOR b", "551 x", ""),
            ("RETR a", "226 x", "one"),
        ];
        assert!(learn(&used).is_err());
        let copied = [
            ("SITE CPFR a", "350 x", ""),
            ("SITE CPTO b", "553 x", ""),
            ("SITE CPTO b", "250 x", ""),
        ];
        assert!(learn(&copied).is_err());
    }

    #[test]
    fn arguments_of_checksums() {
        for (argument, name, range) in [
            ("a b", "a b", None),
            ("a b 1 2", "a b", Some((1, 2))),
            ("\"a 1 2\"", "a 1 2", None),
            ("\"a\" 1 2", "a", Some((1, 2))),
            ("\"a\"x", "\"a\"x", None),
            ("1 2", "1 2", None),
            ("a 1 x", "a 1 x", None),
        ] {
            let expected = (name.as_bytes().to_vec(), range);
            assert_eq!(checksum_argument(argument.as_bytes()), expected);
        }
    }
}
