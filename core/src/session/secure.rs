//! AUTH, PBSZ, PROT and CCC (RFC 2228, RFC 4217), HOST (RFC 7151) and REIN.
//!
//! TLS itself is the driver's: the session says [`Output::StartTls`] or [`Output::StopTls`] and
//! waits. While it waits it says nothing and reads nothing, and what had come before is dropped:
//! whoever could write into the clear connection must not speak for the protected one
//! (CVE-2011-0411 and its like).
//!
//! PROT stays what it is when CCC makes the control connection clear: no clear command can take
//! the protection from the data.

use super::{DEFLATE_LEVEL, Pending, Session};
use crate::command::Protection;
use crate::listing::Facts;
use crate::{Code, Event, FtpPath, HashAlgorithm, Names, Output, Reply};
use alloc::format;
use alloc::string::String;
use core::net::IpAddr;

/// How the connections of a session are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Security {
    /// The control connection is under TLS.
    pub(super) control: bool,
    /// PBSZ has come.
    pub(super) sized: bool,
    /// PROT P.
    pub(super) private: bool,
    /// What PROT is when nothing was said: P where TLS is implicit, and after AUTH SSL and TLS-P.
    private_at_first: bool,
}

/// What becomes of TLS on the control connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It comes up before anything was said.
    Implicit,
    /// It comes up after AUTH; `private` means PROT P from the start.
    Auth { private: bool },
    /// It goes down after CCC.
    Down,
}

impl Session {
    /// Whether the control connection is under TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.security.control
    }

    /// Whether data connections are.
    pub(super) fn is_private(&self) -> bool {
        self.security.private
    }

    pub(super) fn offers_tls(&self) -> bool {
        self.config.tls.offered || self.config.tls.implicit
    }

    /// The greeting, or what comes before it.
    pub(super) fn open(&mut self) {
        if self.config.tls.implicit {
            self.change_tls(Change::Implicit);
        } else {
            self.greet();
        }
    }

    fn greet(&mut self) {
        let greeting = Reply::new(Code::READY, self.config.greeting.as_bytes());
        self.reply(&greeting);
    }

    fn change_tls(&mut self, change: Change) {
        self.lines.clear();
        self.ahead.clear();
        // A QUIT among them would make an upload count that was cut off later.
        self.quit_seen = false;
        let since = self.now.mono;
        self.pending = Pending::Tls { since, change };
        self.outputs.push_back(match change {
            Change::Implicit | Change::Auth { .. } => Output::StartTls,
            Change::Down => Output::StopTls,
        });
    }

    /// RFC 4217 section 4.2. A login in clear does not forbid it; it is forgotten.
    pub(super) fn auth(&mut self, private: bool) {
        if self.is_secure() {
            self.say(Code::BAD_SEQUENCE, "TLS is up already.");
            return;
        }
        self.say(Code::SECURITY_OK, "TLS begins.");
        self.change_tls(Change::Auth { private });
    }

    pub(super) fn tls_up(&mut self) {
        let Pending::Tls { change, .. } = self.pending else {
            return;
        };
        let private = match change {
            Change::Implicit => true,
            Change::Auth { private } => private,
            Change::Down => return,
        };
        self.done();
        self.security = Security {
            control: true,
            sized: false,
            private,
            private_at_first: private,
        };
        self.event(Event::TlsUp);
        self.reset();
        if change == Change::Implicit {
            self.greet();
        }
        self.settle();
    }

    pub(super) fn tls_down(&mut self) {
        let down = Change::Down;
        if !matches!(self.pending, Pending::Tls { change, .. } if change == down) {
            return;
        }
        self.done();
        self.security.control = false;
        self.event(Event::TlsDown);
        self.settle();
    }

    /// Nothing can be said on a connection where a handshake has failed (RFC 4217 section 10.1).
    pub(super) fn tls_failed(&mut self) {
        if matches!(self.pending, Pending::Tls { .. }) {
            self.close("TLS could not be had on the control connection");
        }
    }

    /// TLS has no buffers of a size to agree on, so that any size becomes 0 (RFC 4217 section 8).
    pub(super) fn pbsz(&mut self, _size: u32) {
        if !self.is_secure() {
            self.say(Code::BAD_SEQUENCE, "AUTH TLS comes first.");
            return;
        }
        self.security.sized = true;
        self.say(Code::OK, "PBSZ=0");
    }

    /// RFC 2228 section 3 and RFC 4217 section 9. What it means is looked at when a transfer
    /// begins.
    pub(super) fn prot(&mut self, level: Protection) {
        if !self.is_secure() {
            self.say(Code::BAD_SEQUENCE, "AUTH TLS comes first.");
            return;
        }
        if !self.security.sized {
            self.say(Code::BAD_SEQUENCE, "PBSZ 0 comes first.");
            return;
        }
        match level {
            Protection::Clear if self.config.tls.required_for_data => {
                self.say(Code::POLICY, "Data connections have to be protected here.");
            }
            Protection::Clear => {
                self.security.private = false;
                self.say(Code::OK, "Data connections are clear.");
            }
            Protection::Private => {
                self.security.private = true;
                self.say(Code::OK, "Data connections are under TLS.");
            }
            Protection::Safe | Protection::Confidential => {
                self.say(Code::BAD_LEVEL, "TLS has the levels C and P only.");
            }
        }
    }

    /// RFC 4217 section 6.
    pub(super) fn ccc(&mut self) {
        if !self.is_secure() {
            self.say(
                Code::PROTECTION_REQUIRED,
                "The control connection is clear already.",
            );
        } else if self.config.tls.allow_ccc {
            self.say(Code::OK, "The control connection becomes clear.");
            self.change_tls(Change::Down);
        } else {
            self.say(
                Code::POLICY,
                "The control connection has to stay protected here.",
            );
        }
    }

    /// Whether USER or PASS was refused because everybody on the way could have read it.
    pub(super) fn refuse_in_clear(&mut self) -> bool {
        let refused = self.config.tls.required_for_login && !self.is_secure();
        if refused {
            self.say(
                Code::POLICY,
                "Logins have to be protected here; AUTH TLS comes first.",
            );
        }
        refused
    }

    /// RFC 7151 section 3: before USER; one that comes later before USER takes its place.
    pub(super) fn host(&mut self, name: &[u8]) {
        if self.user.is_some() || self.login.is_some() {
            self.say(Code::BAD_SEQUENCE, "HOST comes before USER.");
            return;
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let hosts = &self.config.hosts;
        if !hosts.is_empty() && !hosts.iter().any(|host| same_host(host, &name)) {
            self.say(Code::BAD_PARAMETER, "There is no such host here.");
            return;
        }
        let text = format!("Host {name}.");
        self.host = Some(name);
        self.say(Code::READY, text);
    }

    /// RFC 959 section 4.1.1, and RFC 7151 section 3.2.1 for HOST. TLS stays up: a command that
    /// made the connection clear would undo what the operator may demand; PBSZ and PROT begin anew.
    ///
    /// As with USER, a stranger gets no new time for it.
    pub(super) fn rein(&mut self) {
        let security = &mut self.security;
        security.sized = false;
        security.private = security.private_at_first;
        self.reset();
        self.say(Code::READY, "Ready for a new user.");
    }

    /// Everything that a client has said of itself and of its transfers is as at the greeting
    /// (RFC 959 section 4.1.1 for REIN, RFC 4217 section 4.2 for AUTH). What counts against it
    /// stays: wrong logins, unknown commands, and the time that a stranger has.
    fn reset(&mut self) {
        self.log_out();
        self.host = None;
        self.cwd = FtpPath::root();
        self.ascii = !self.config.image_by_default;
        (self.deflate, self.deflate_level) = (false, DEFLATE_LEVEL);
        self.facts = Facts::default();
        self.hash = HashAlgorithm::Sha256;
        self.names = Names::new(self.config.charset, self.config.utf8);
        self.idle_timeout = self.config.idle_timeout;
        self.epsv_all = false;
    }
}

/// Whether two names or addresses mean the same host. An IPv6 address may have its brackets.
fn same_host(one: &str, other: &str) -> bool {
    let address = |name: &str| -> Option<IpAddr> {
        let inner = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
        inner.unwrap_or(name).parse().ok()
    };
    match (address(one), address(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.eq_ignore_ascii_case(other),
    }
}
