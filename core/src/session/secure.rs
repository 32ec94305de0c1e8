//! AUTH, PBSZ, PROT and CCC (RFC 2228, RFC 4217), HOST (RFC 7151) and REIN.

use super::Session;
use crate::command::Protection;

/// How the connections of a session are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Security {
    /// The control connection is under TLS.
    pub(super) control: bool,
    /// PBSZ has come.
    pub(super) sized: bool,
    /// PROT P.
    pub(super) private: bool,
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

    pub(super) fn auth(&mut self, _private: bool) {
        self.not_implemented();
    }

    pub(super) fn tls_up(&mut self) {}

    pub(super) fn tls_down(&mut self) {}

    pub(super) fn tls_failed(&mut self) {}

    pub(super) fn pbsz(&mut self, _size: u32) {
        self.not_implemented();
    }

    pub(super) fn prot(&mut self, _level: Protection) {
        self.not_implemented();
    }

    pub(super) fn ccc(&mut self) {
        self.not_implemented();
    }

    pub(super) fn host(&mut self, _name: &[u8]) {
        self.not_implemented();
    }

    pub(super) fn rein(&mut self) {
        self.not_implemented();
    }
}
