//! What is known about a file, and changed: MDTM, MFMT, MFCT, MFF, SITE UTIME and SITE CHMOD.
//!
//! Whoever may not write gets 550 from the table already; only MDTM, which is a question as well,
//! looks for itself.

use super::{Session, files};
use crate::command::{fact_text, maybe_time_and_path};
use crate::listing::time_val;
use crate::{
    Answer, Capabilities, Code, ErrorKind, FactChanges, FtpPath, Modes, Operation, Reply,
    StorageError,
};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What an answer of the storage is for.
#[derive(Debug)]
pub(super) enum After {
    /// MDTM asked for this path. If nothing is there, `set` is what else it may have meant.
    Mdtm {
        path: FtpPath,
        set: Option<(i64, FtpPath)>,
    },
    /// MDTM with a time has set it.
    TimeSet,
    /// The text of the 213 to MFMT, MFCT or MFF, its name in the bytes that the client sent.
    Changed(Vec<u8>),
    /// SITE UTIME or SITE CHMOD has changed this.
    Done(FtpPath),
    /// SITE CHMOD where no modes are kept: the file is there.
    Ignored(FtpPath),
}

impl Session {
    /// RFC 3659 section 3.1 has the whole argument a path. Only when nothing is there and it
    /// reads as a time and a path, it is taken for the way of some servers to set the time.
    pub(super) fn mdtm(&mut self, argument: &[u8]) {
        let Some(path) = self.path(argument, false) else {
            return;
        };
        let set = maybe_time_and_path(argument).and_then(|(unix, argument)| {
            let name = self.names.read(&argument).ok()?;
            let path = self.cwd.join(&name).ok()?;
            Some((unix, path))
        });
        let after = After::Mdtm {
            path: path.clone(),
            set,
        };
        self.perform(Operation::Stat(path), files::After::Facts(after));
    }

    pub(super) fn mfmt(&mut self, unix: i64, argument: &[u8]) {
        let answer = format!("Modify={}; ", time_val(unix));
        self.change(FactChanges::modified(unix), answer.as_bytes(), argument);
    }

    pub(super) fn mfct(&mut self, unix: i64, argument: &[u8]) {
        let answer = format!("Create={}; ", time_val(unix));
        self.change(FactChanges::created(unix), answer.as_bytes(), argument);
    }

    /// A fact that this storage cannot change is a bad parameter, and then none is changed.
    pub(super) fn mff(&mut self, changes: FactChanges, argument: &[u8]) {
        let [times, created, modes] = changeable(&self.capabilities());
        if changes.modified.is_some() && !times
            || changes.created.is_some() && !created
            || changes.mode.is_some() && !modes
        {
            let text = format!("Of the facts only these change: {}", self.changes_feature());
            self.say(Code::BAD_PARAMETER, text);
            return;
        }
        let mut answer = fact_text(&changes);
        answer.push(b' ');
        self.change(changes, &answer, argument);
    }

    /// Changes facts; the answer ends with the path as the client said it.
    fn change(&mut self, changes: FactChanges, answer: &[u8], argument: &[u8]) {
        let text = [answer, argument].concat();
        self.set_facts(changes, argument, |_| After::Changed(text));
    }

    fn set_facts(
        &mut self,
        changes: FactChanges,
        argument: &[u8],
        after: impl FnOnce(&FtpPath) -> After,
    ) {
        if let Some(path) = self.path(argument, false) {
            let after = files::After::Facts(after(&path));
            self.perform(Operation::SetFacts { path, changes }, after);
        }
    }

    pub(super) fn utime(&mut self, unix: i64, argument: &[u8]) {
        let changes = FactChanges::modified(unix);
        self.set_facts(changes, argument, |path| After::Done(path.clone()));
    }

    pub(super) fn chmod(&mut self, mode: u32, argument: &[u8]) {
        if self.capabilities().modes == Modes::Kept {
            let changes = FactChanges::mode(mode);
            self.set_facts(changes, argument, |path| After::Done(path.clone()));
        } else {
            self.on_file(argument, Operation::Stat, |path| {
                files::After::Facts(After::Ignored(path))
            });
        }
    }

    /// `MFF` and the facts that can be changed.
    pub(super) fn changes_feature(&self) -> String {
        let names = ["modify;", "create;", "UNIX.mode;"];
        let able = changeable(&self.capabilities());
        let names = names.into_iter().zip(able).filter(|(_, able)| *able);
        let names: String = names.map(|(name, _)| name).collect();
        format!("MFF {names}")
    }

    pub(super) fn facts_answered(&mut self, after: After, answer: Answer) {
        match (after, answer) {
            (After::Mdtm { path, .. }, Answer::Entry(entry)) => self.say_time(&path, &entry),
            (After::TimeSet, _) => self.say(Code::FILE_STATUS, "The time of change is set."),
            (After::Changed(text), _) => self.reply_as_it_is(&Reply::new(Code::FILE_STATUS, text)),
            (After::Done(path), _) => {
                let text = format!("{} changed.", path.display());
                self.say(Code::OK, text);
            }
            (After::Ignored(path), Answer::Entry(_)) => {
                let path = path.display();
                let text = format!(
                    "{path} is there; this storage keeps no modes, so nothing was changed."
                );
                self.say(Code::OK, text);
            }
            _ => self.no_usable_answer(),
        }
    }

    pub(super) fn facts_refused(&mut self, after: After, error: &StorageError) {
        if let After::Mdtm {
            set: Some((unix, path)),
            ..
        } = after
            && error.kind == ErrorKind::NotFound
            && self.capabilities().modify_times
        {
            if self.login.as_ref().is_some_and(|login| login.writable) {
                let changes = FactChanges::modified(unix);
                let after = files::After::Facts(After::TimeSet);
                self.perform(Operation::SetFacts { path, changes }, after);
            } else {
                self.say(Code::FILE_UNAVAILABLE, "This login is read-only.");
            }
            return;
        }
        self.say(error.code(), error.message.as_bytes());
    }
}

/// Whether time of change, time of creation and mode can be set.
fn changeable(capabilities: &Capabilities) -> [bool; 3] {
    [
        capabilities.modify_times,
        capabilities.create_times,
        capabilities.modes == Modes::Kept,
    ]
}
