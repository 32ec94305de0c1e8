//! Commands on files and directories that move no content.

use super::list::hidden;
use super::transfer::is_file_name;
use super::{Pending, Session, facts as change, hash, site, unique};
use crate::command::quoted;
use crate::listing::{facts, time_val, write_entry};
use crate::{
    Answer, Code, Entry, ErrorKind, FtpPath, Id, ListFormat, Operation, Reply, StorageError,
};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// STAT with a path shows at most so many entries: its lines go over the control connection.
const STAT_ENTRIES: usize = 200;
/// And at most so many bytes, within what may wait to be sent.
const STAT_BYTES: usize = 32 * 1024;

/// What an answer of the storage is for.
#[derive(Debug)]
pub(super) enum After {
    Cwd(FtpPath),
    /// And what the client called it.
    Made(FtpPath, Vec<u8>),
    Deleted(FtpPath),
    Removed(FtpPath),
    RenameFrom(FtpPath),
    Renamed,
    Size(FtpPath),
    Mlst(FtpPath),
    Stat(FtpPath),
    Facts(change::After),
    Hash(hash::After),
    Site(site::After),
    Unique(unique::After),
}

impl Session {
    /// The path that `argument` names, or a reply that says why it names none: 553 where a new
    /// name is meant, else 550.
    pub(super) fn path(&mut self, argument: &[u8], new_name: bool) -> Option<FtpPath> {
        let joined = match self.names.read(argument) {
            Ok(name) => self.cwd.join(&name).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        self.names.hear(argument);
        match joined {
            Ok(path) => Some(path),
            Err(error) => {
                let code = if new_name {
                    Code::NAME_NOT_ALLOWED
                } else {
                    Code::FILE_UNAVAILABLE
                };
                self.say(code, error);
                None
            }
        }
    }

    /// Whether this path can be told to the client exactly; if not, says so with 550.
    fn can_say(&mut self, path: &FtpPath) -> bool {
        let can = self.names.write(path.as_bytes()).is_some();
        if !can {
            let text = "That name cannot be written in the character set of this session.";
            self.say(Code::FILE_UNAVAILABLE, text);
        }
        can
    }

    /// Asks `operation` of the path that `argument` names.
    pub(super) fn on_file(
        &mut self,
        argument: &[u8],
        operation: fn(FtpPath) -> Operation,
        after: fn(FtpPath) -> After,
    ) {
        if let Some(path) = self.path(argument, false) {
            self.perform(operation(path.clone()), after(path));
        }
    }

    pub(super) fn cwd(&mut self, argument: &[u8]) {
        self.on_file(argument, Operation::ChangeDirectory, After::Cwd);
    }

    /// The parent of a directory that exists exists, so nobody is asked.
    pub(super) fn cdup(&mut self) {
        self.cwd = self.cwd.parent();
        let text = format!("Directory is {}.", self.cwd.display());
        self.say(Code::FILE_DONE, text);
    }

    pub(super) fn pwd(&mut self) {
        if !self.can_say(&self.cwd.clone()) {
            return;
        }
        let mut text = quoted(self.cwd.as_bytes());
        text.extend_from_slice(b" is the working directory.");
        self.say(Code::PATH, text);
    }

    /// A name that ends in `/` means a directory, and no file of the same name is to go for it.
    pub(super) fn dele(&mut self, argument: &[u8]) {
        let Some(path) = self.path(argument, false) else {
            return;
        };
        if is_file_name(argument, &path) {
            self.perform(Operation::Delete(path.clone()), After::Deleted(path));
        } else {
            let text = "That names a directory; RMD removes it.";
            self.say(Code::FILE_UNAVAILABLE, text);
        }
    }

    pub(super) fn mkd(&mut self, argument: &[u8]) {
        if let Some(path) = self.path(argument, true) {
            let typed = argument.to_vec();
            self.perform(
                Operation::MakeDirectory(path.clone()),
                After::Made(path, typed),
            );
        }
    }

    /// A failed RNFR forgets an earlier one.
    pub(super) fn rnfr(&mut self, argument: &[u8]) {
        self.rename_from = None;
        self.on_file(argument, Operation::Stat, After::RenameFrom);
    }

    pub(super) fn rnto(&mut self, argument: &[u8]) {
        let Some(from) = self.rename_from.take() else {
            self.say(Code::BAD_SEQUENCE, "RNFR comes first.");
            return;
        };
        if let Some(to) = self.path(argument, true) {
            self.perform(Operation::Rename { from, to }, After::Renamed);
        }
    }

    /// RFC 3659 section 4: the size that a transfer would have; in ASCII it is not known without
    /// reading the file.
    pub(super) fn size(&mut self, argument: &[u8]) {
        if self.converts() {
            self.say(
                Code::FILE_UNAVAILABLE,
                "The size in TYPE A is not known; TYPE I comes first.",
            );
            return;
        }
        self.on_file(argument, Operation::Stat, After::Size);
    }

    pub(super) fn mlst(&mut self, argument: Option<&[u8]>) {
        self.on_file(argument.unwrap_or_default(), Operation::Stat, After::Mlst);
    }

    pub(super) fn stat_path(&mut self, argument: &[u8]) {
        if let Some(path) = self.path(argument, false) {
            let operation = Operation::List {
                path: path.clone(),
                limit: STAT_ENTRIES,
            };
            self.perform(operation, After::Stat(path));
        }
    }

    pub(super) fn performed(&mut self, id: Id, result: Result<Answer, StorageError>) {
        if !matches!(&self.pending, Pending::Operation { id: waiting, .. } if *waiting == id) {
            return;
        }
        let Pending::Operation {
            after, abort_asked, ..
        } = core::mem::replace(&mut self.pending, Pending::Nothing)
        else {
            return;
        };
        let aborted = match result {
            Ok(answer) => {
                self.answered(after, answer);
                "Too late to abort: it was done."
            }
            Err(error) if error.kind == ErrorKind::Cancelled => {
                if matches!(after, After::Unique(_)) {
                    // It was the first step of a transfer.
                    self.stop_listening();
                    self.say(Code::TRANSFER_ABORTED, "The transfer was aborted.");
                } else {
                    self.say(Code::LOCAL_ERROR, "Aborted.");
                }
                "Aborted."
            }
            Err(error) => {
                self.refused(after, &error);
                "Nothing was left to abort."
            }
        };
        if abort_asked {
            match self.pending {
                Pending::Nothing => self.say(Code::TRANSFER_COMPLETE, aborted),
                // The command goes on with its next step, which is to be aborted as well.
                _ => self.abor(),
            }
        }
        self.settle();
    }

    fn refused(&mut self, after: After, error: &StorageError) {
        match after {
            After::Facts(after) => self.facts_refused(after, error),
            After::Hash(after) => self.hash_refused(&after, error),
            After::Unique(after) => self.unique_refused(after, error),
            _ => self.say(error.code(), error.message.as_bytes()),
        }
    }

    fn answered(&mut self, after: After, answer: Answer) {
        match (after, answer) {
            (After::Cwd(path), _) => {
                let text = format!("Directory is {}.", path.display());
                self.cwd = path;
                self.say(Code::FILE_DONE, text);
            }
            (After::Made(path, typed), _) => self.say_made(&path, &typed),
            (After::Deleted(path), _) => self.file_done(&path, "deleted"),
            (After::Removed(path), _) => self.file_done(&path, "removed"),
            (After::Renamed, _) => self.say(Code::FILE_DONE, "Renamed."),
            (After::RenameFrom(_), Answer::Entry(entry)) if entry.unfinished => {
                self.say_unfinished();
            }
            (After::RenameFrom(path), _) => {
                self.rename_from = Some(path);
                self.say(Code::NEED_MORE, "It is there; RNTO names the new name.");
            }
            (After::Size(path), Answer::Entry(entry)) => self.say_size(&path, &entry),
            (After::Mlst(path), Answer::Entry(entry)) => self.say_facts(&path, &entry),
            (
                After::Stat(path),
                Answer::Listing {
                    entries,
                    more,
                    directory,
                    hidden,
                },
            ) => self.say_listing(path, &entries, (more, directory), hidden),
            (After::Facts(after), answer) => self.facts_answered(after, answer),
            (After::Hash(after), answer) => self.hash_answered(after, answer),
            (After::Site(after), answer) => self.site_answered(after, answer),
            (After::Unique(after), answer) => self.unique_answered(after, answer),
            _ => self.no_usable_answer(),
        }
    }

    pub(super) fn say_unfinished(&mut self) {
        self.say(
            Code::FILE_UNAVAILABLE,
            "The upload of this file broke off; it must be whole first.",
        );
    }

    /// The storage answered something else than it was asked for.
    pub(super) fn no_usable_answer(&mut self) {
        self.say(Code::LOCAL_ERROR, "The storage gave no usable answer.");
    }

    pub(super) fn file_done(&mut self, path: &FtpPath, what: &str) {
        let text = format!("{} {what}.", path.display());
        self.say(Code::FILE_DONE, text);
    }

    /// The whole path, where it can be told; else what the client called it, which it understands.
    fn say_made(&mut self, path: &FtpPath, typed: &[u8]) {
        let exact = self.names.write(path.as_bytes()).is_some();
        let mut text = quoted(if exact { path.as_bytes() } else { typed });
        text.extend_from_slice(b" created.");
        if exact {
            self.say(Code::PATH, text);
        } else {
            self.reply_as_it_is(&Reply::new(Code::PATH, text));
        }
    }

    fn say_size(&mut self, path: &FtpPath, entry: &Entry) {
        if entry.is_dir() {
            let text = format!("{} is a directory.", path.display());
            self.say(Code::FILE_UNAVAILABLE, text);
        } else {
            self.say(Code::FILE_STATUS, entry.size.to_string());
        }
    }

    pub(super) fn say_time(&mut self, path: &FtpPath, entry: &Entry) {
        match entry.modified {
            Some(unix) if !entry.is_dir() => self.say(Code::FILE_STATUS, time_val(unix)),
            _ => {
                let text = format!("{} has no time of change.", path.display());
                self.say(Code::FILE_UNAVAILABLE, text);
            }
        }
    }

    fn say_facts(&mut self, path: &FtpPath, entry: &Entry) {
        if !self.can_say(path) {
            return;
        }
        let mut line = Vec::new();
        facts(self.shown_facts(), entry, path.as_bytes(), &mut line);
        self.reply(&Reply::lines(
            Code::FILE_DONE,
            "Facts:",
            alloc::vec![line],
            "End",
        ));
    }

    fn say_listing(
        &mut self,
        path: FtpPath,
        entries: &[Entry],
        (mut more, directory): (bool, bool),
        mut left_out: u64,
    ) {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        for entry in entries {
            if self.names.write(&entry.name).is_none() {
                left_out += 1;
                continue;
            }
            let mut line = Vec::new();
            write_entry(ListFormat::Long, entry, self.now.unix, &mut line);
            // The reply ends its lines itself.
            line.truncate(line.len().saturating_sub(2));
            bytes += line.len();
            if bytes > STAT_BYTES {
                more = true;
                break;
            }
            if !line.is_empty() {
                lines.push(line);
            }
        }
        let last = if more {
            "There are more; LIST shows them all"
        } else {
            "End"
        };
        let last = match left_out {
            0 if more => format!("{last}."),
            0 => String::from(last),
            count => format!("{last}; {}.", hidden(count)),
        };
        self.hidden = (left_out > 0).then_some((path, left_out));
        let code = if directory {
            Code::DIRECTORY_STATUS
        } else {
            Code::FILE_STATUS
        };
        self.reply(&Reply::lines(code, "Status:", lines, last));
    }
}
