//! USER, PASS and QUIT.

use super::{Pending, Session, printable};
use crate::listing::Facts;
use crate::{Code, ErrorKind, Event, FtpPath, Id, LoginInfo, Output, Secret, StorageError};
use alloc::format;
use alloc::vec::Vec;

impl Session {
    /// RFC 959 section 4.1.1: USER may come at any time and flushes the login that was; the
    /// transfer parameters stay, but not what was prepared for one command. Unknown names get 331
    /// too (RFC 2577 section 6).
    ///
    /// Only who was logged in gets new time for the login; else USER again and again would keep
    /// a stranger's connection for ever.
    pub(super) fn user(&mut self, name: Vec<u8>) {
        if self.refuse_in_clear() {
            return;
        }
        self.log_out();
        self.user = Some(name);
        self.say(Code::NEED_PASSWORD, "Password, please.");
    }

    /// Forgets who was logged in and what was prepared for one command.
    pub(super) fn log_out(&mut self) {
        if self.login.take().is_some() {
            self.started = self.now.mono;
        }
        self.user = None;
        (self.rest, self.range, self.allo) = (0, None, None);
        (self.rename_from, self.copy_from) = (None, None);
        self.stop_listening();
    }

    pub(super) fn pass(&mut self, password: Secret) {
        if self.refuse_in_clear() {
            return;
        }
        if self.login.is_some() {
            self.say(Code::BAD_SEQUENCE, "Already logged in. USER begins anew.");
            return;
        }
        let Some(user) = self.user.clone() else {
            self.say(Code::BAD_SEQUENCE, "USER comes first.");
            return;
        };
        let id = self.fresh_id();
        self.pending = Pending::Login { id };
        let (host, secure) = (self.host.clone(), self.is_secure());
        self.outputs.push_back(Output::Login {
            id,
            user,
            password,
            host,
            secure,
        });
    }

    pub(super) fn logged_in(&mut self, id: Id, result: Result<LoginInfo, StorageError>) {
        if !matches!(self.pending, Pending::Login { id: waiting } if waiting == id) {
            return;
        }
        self.done();
        let user = printable(self.user.as_deref().unwrap_or_default());
        match result {
            Ok(info) => {
                self.event(Event::LoggedIn { user });
                self.cwd = FtpPath::root();
                self.facts = Facts {
                    writable: info.writable,
                    ..self.facts
                };
                self.login_failures = 0;
                // The last user may have had another one.
                let charset = info.charset.or(self.config.charset);
                self.names = self.names.with_fallback(charset);
                self.say(Code::LOGGED_IN, info.welcome.as_bytes());
                self.login = Some(info);
                self.settle();
            }
            Err(error) => self.login_failed(user, &error),
        }
    }

    fn login_failed(&mut self, user: alloc::string::String, error: &StorageError) {
        self.user = None;
        self.event(Event::LoginFailed {
            user,
            reason: printable(error.message.as_bytes()),
        });
        if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Busy) {
            // The password was not judged, so this is no wrong guess.
            self.say(Code::LOCAL_ERROR, error.message.as_bytes());
            self.settle();
            return;
        }
        self.login_failures = self.login_failures.saturating_add(1);
        if self.login_failures >= self.config.max_login_failures {
            let text = format!("{} Too many attempts, closing.", error.message);
            self.say(Code::NOT_LOGGED_IN, text);
            self.close("too many failed logins");
            return;
        }
        self.say(Code::NOT_LOGGED_IN, error.message.as_bytes());
        self.settle();
    }

    pub(super) fn quit(&mut self) {
        self.quit_seen = true;
        self.say(Code::GOODBYE, "Goodbye.");
        self.close("the client said QUIT");
    }
}
