//! STOU: an upload under a name that nothing has yet.
//!
//! The storage is asked for one name after the other until one is free. The upload is then begun
//! as a new file, so that another client that took the name meanwhile loses nothing: this one
//! gets 553. While names are tried the session waits as for any operation: what comes meanwhile
//! waits too, but for an ABOR, which ends the command with 426.
//!
//! The 150 says the name (RFC 1123 section 4.1.2.9) in the client's own words: relative to where it
//! stands if it asked so, and in the bytes that it would send.
//!
//! REST before STOU has no meaning, for there is nothing to go on with: it is dropped.

use super::transfer::is_file_name;
use super::{Pending, Session, files};
use crate::{
    Answer, Civil, Code, DataRoute, ErrorKind, FtpPath, Operation, StorageError, StoreMode,
    TransferKind,
};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// So many names are tried.
const MAX_TRIES: u32 = 100;

/// What an answer of the storage is for: whether this name is free.
#[derive(Debug)]
pub(super) struct After {
    route: DataRoute,
    /// The name as it was asked for; each try after the first adds a number.
    wanted: Vec<u8>,
    tries: u32,
    /// The name of this try, as the client would say it.
    name: Vec<u8>,
    path: FtpPath,
    /// Bytes that ALLO named.
    expected: Option<u64>,
}

impl Session {
    /// The argument is the name that is tried first, and the server's choice without one.
    pub(super) fn stou(&mut self, argument: Option<&[u8]>) {
        self.rest = 0;
        let range = self.range.take();
        let expected = self.allo.take();
        let wanted = match argument {
            Some(argument) => argument.to_vec(),
            None => self.invented_name().into_bytes(),
        };
        let Some((route, path)) = self.prepared(&wanted, true) else {
            return;
        };
        if range.is_some() {
            self.refuse(Code::BAD_RANGE, "RANG is for downloads.");
            return;
        }
        if !is_file_name(&wanted, &path) {
            self.refuse(
                Code::NAME_NOT_ALLOWED,
                "That names a directory; a file needs a name of its own.",
            );
            return;
        }
        self.try_name(After {
            route,
            name: wanted.clone(),
            wanted,
            tries: 0,
            path,
            expected,
        });
    }

    /// Time, the client's port and a number that is used once in a session: another session has
    /// another port, or another time.
    fn invented_name(&self) -> String {
        let t = Civil::from_unix(self.now.unix);
        format!(
            "ossftp-{:04}{:02}{:02}-{:02}{:02}{:02}-{}-{}",
            t.year,
            t.month,
            t.day,
            t.hour,
            t.minute,
            t.second,
            self.peer.addr.port(),
            self.next_id
        )
    }

    fn try_name(&mut self, after: After) {
        let operation = Operation::Stat(after.path.clone());
        self.perform(operation, files::After::Unique(after));
    }

    /// Something has that name.
    pub(super) fn unique_answered(&mut self, mut after: After, _answer: Answer) {
        after.tries += 1;
        if after.tries >= MAX_TRIES {
            self.refuse(
                Code::NAME_NOT_ALLOWED,
                "There are too many files of that name.",
            );
            return;
        }
        let number = format!(".{}", after.tries);
        let name = [after.wanted.as_slice(), number.as_bytes()].concat();
        // The working directory is what it was: nothing is done in between.
        match self.path(&name, true) {
            Some(path) => {
                (after.name, after.path) = (name, path);
                self.try_name(after);
            }
            None => self.stop_listening(),
        }
    }

    /// Nothing has that name, or it cannot be known.
    pub(super) fn unique_refused(&mut self, after: After, error: &StorageError) {
        if error.kind != ErrorKind::NotFound {
            self.stop_listening();
            self.say(error.code(), error.message.as_bytes());
            return;
        }
        let kind = TransferKind::Store {
            path: after.path,
            mode: StoreMode::New,
            expected: after.expected,
        };
        self.begin("STOU", after.route, kind);
        if let Pending::Transfer(running) = &mut self.pending {
            running.unique = Some(after.name);
        }
        // What came while the names were tried.
        self.look_ahead();
        if self.control_closed {
            self.transfer_without_control();
        }
    }
}
