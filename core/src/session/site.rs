//! SITE, and what else only some servers have: COMB and AVBL.

use super::{Session, files};
use crate::command::{self, SITE_COMMANDS, Site};
use crate::{Answer, Code, FtpPath, Operation, Reply};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

/// The least that SITE IDLE may ask for.
const MIN_IDLE: Duration = Duration::from_secs(10);

/// The paths that COMB takes at once have at most so many bytes. What a client writes in one line
/// grows by the working directory, once for each name.
const MAX_PARTS_BYTES: usize = 256 * 1024;

/// What an answer of the storage is for.
#[derive(Debug)]
pub(super) enum After {
    /// It is done: this code, the path and these words.
    Done(Code, FtpPath, &'static str),
    /// SITE CPFR asked for this path.
    CopyFrom(FtpPath),
    /// AVBL.
    Space,
}

impl Session {
    pub(super) fn site(&mut self, command: Site) {
        match command {
            Site::Help(verb) => self.site_help(verb.as_deref()),
            Site::Chmod(mode, path) => self.chmod(mode, &path),
            Site::Utime(unix, path) => self.utime(unix, &path),
            Site::Mkdir(path) => {
                if let Some(path) = self.path(&path, true) {
                    let after = done(Code::FILE_DONE, &path, "created.");
                    self.perform(Operation::MakeDirectory(path), after);
                }
            }
            Site::Rmdir(path) => self.remove_tree(&path),
            Site::Copy(from, to) => {
                if let Some(from) = self.path(&from, false) {
                    self.copy(from, &to, Code::OK);
                }
            }
            Site::Cpfr(path) => self.copy_from(&path),
            Site::Cpto(path) => self.copy_to(&path),
            Site::Symlink(target, link) => self.symlink(&target, &link),
            Site::Restore(path) => {
                if let Some(path) = self.path(&path, false) {
                    let words = "can be read, or will be when the storage has it back.";
                    let after = done(Code::FILE_DONE, &path, words);
                    self.perform(Operation::Restore(path), after);
                }
            }
            Site::Idle(seconds) => self.idle(seconds),
        }
    }

    /// All that works here, or one of it.
    fn site_help(&mut self, verb: Option<&[u8]>) {
        let Some(verb) = verb else {
            let usable = SITE_COMMANDS.iter().filter(|spec| self.has(spec.need));
            let lines = usable.map(|spec| format!("{} {}", spec.verb, spec.syntax));
            let lines = lines.map(|line| Vec::from(line.trim_end()));
            let last = "SITE HELP command says more.";
            self.reply(&Reply::lines(Code::HELP, "Commands:", lines, last));
            return;
        };
        let both = [b"SITE ", verb.trim_ascii()].concat();
        match command::find(&both) {
            Some(spec) if self.has(spec.need) => {
                let syntax = format!("{} {}", spec.verb, spec.syntax);
                let text = format!("{}: {}", syntax.trim_end(), spec.help);
                self.say(Code::HELP, text);
            }
            _ => self.say(Code::NOT_IMPLEMENTED, "There is no such command."),
        }
    }

    /// The root is nobody's to remove.
    fn remove_tree(&mut self, argument: &[u8]) {
        let Some(path) = self.path(argument, false) else {
            return;
        };
        if path.is_root() {
            self.say(Code::FILE_UNAVAILABLE, "/ cannot be removed.");
            return;
        }
        let after = done(Code::FILE_DONE, &path, "and all in it removed.");
        self.perform(Operation::RemoveTree(path), after);
    }

    fn copy(&mut self, from: FtpPath, to: &[u8], code: Code) {
        if let Some(to) = self.path(to, true) {
            let after = done(code, &to, "is the copy.");
            self.perform(Operation::Copy { from, to }, after);
        }
    }

    /// As RNFR: one that fails forgets an earlier one.
    fn copy_from(&mut self, argument: &[u8]) {
        self.copy_from = None;
        self.on_file(argument, Operation::Stat, |path| {
            files::After::Site(After::CopyFrom(path))
        });
    }

    fn copy_to(&mut self, argument: &[u8]) {
        match self.copy_from.take() {
            Some(from) => self.copy(from, argument, Code::FILE_DONE),
            None => self.say(Code::BAD_SEQUENCE, "SITE CPFR comes first."),
        }
    }

    fn symlink(&mut self, target: &[u8], link: &[u8]) {
        let Some(target) = self.path(target, false) else {
            return;
        };
        if let Some(link) = self.path(link, true) {
            let after = done(Code::OK, &link, "is the link.");
            self.perform(Operation::Symlink { target, link }, after);
        }
    }

    /// Shows the idle timeout, or sets it for this session.
    fn idle(&mut self, seconds: Option<u64>) {
        let most = self.config.max_idle_timeout;
        if let Some(seconds) = seconds {
            let asked = Duration::from_secs(seconds);
            if !(MIN_IDLE..=most).contains(&asked) {
                let (least, most) = (MIN_IDLE.as_secs(), most.as_secs());
                let text = format!("The idle timeout can be {least} to {most} seconds.");
                self.say(Code::SYNTAX, text);
                return;
            }
            self.idle_timeout = asked;
        }
        let text = format!(
            "The idle timeout is {} seconds; it can be up to {}.",
            self.idle_timeout.as_secs(),
            most.as_secs()
        );
        self.say(Code::OK, text);
    }

    pub(super) fn comb(&mut self, target: &[u8], sources: &[Vec<u8>]) {
        let Some(target) = self.path(target, true) else {
            return;
        };
        let (mut parts, mut bytes) = (Vec::with_capacity(sources.len()), 0);
        for source in sources {
            let Some(path) = self.path(source, false) else {
                return;
            };
            bytes += path.as_bytes().len();
            if bytes > MAX_PARTS_BYTES {
                self.say(Code::SYNTAX, "These are too many files to join at once.");
                return;
            }
            parts.push(path);
        }
        let after = done(Code::FILE_DONE, &target, "is the whole.");
        let sources = parts;
        self.perform(Operation::Combine { target, sources }, after);
    }

    pub(super) fn avbl(&mut self, argument: Option<&[u8]>) {
        let argument = argument.unwrap_or_default();
        self.on_file(argument, Operation::Space, |_| {
            files::After::Site(After::Space)
        });
    }

    pub(super) fn site_answered(&mut self, after: After, answer: Answer) {
        match (after, answer) {
            (After::Done(code, path, words), _) => {
                let text = format!("{} {words}", path.display());
                self.say(code, text);
            }
            (After::CopyFrom(_), Answer::Entry(entry)) if entry.unfinished => self.say_unfinished(),
            (After::CopyFrom(path), Answer::Entry(_)) => {
                self.copy_from = Some(path);
                self.say(Code::NEED_MORE, "It is there; SITE CPTO names the copy.");
            }
            (After::Space, Answer::Bytes(bytes)) => {
                self.say(Code::FILE_STATUS, bytes.to_string());
            }
            _ => self.no_usable_answer(),
        }
    }
}

fn done(code: Code, path: &FtpPath, words: &'static str) -> files::After {
    files::After::Site(After::Done(code, path.clone(), words))
}
