//! What an outsider knows of TLS in a run, and the rules that it makes.
//!
//! Like the [conversation](super::conversation) this is a second reading of the RFCs, of 2228 and
//! 4217 here: from replies alone it knows whether data connections must be protected.

use crate::{Input, Output, TlsPolicy, Transfer};
use alloc::format;
use alloc::string::String;

/// How far TLS is on the control connection, and what PROT says.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    pub(super) policy: TlsPolicy,
    /// The control connection is protected.
    up: bool,
    /// Data connections are to be.
    private: bool,
    /// What REIN makes of that.
    private_at_first: bool,
    /// A reply has promised this, and it has to be the next thing.
    promised: Option<Change>,
    /// It was begun and has not happened yet.
    changing: Option<Change>,
    spoken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Up { private: bool },
    Down,
}

impl Watch {
    /// Whether bytes from the client are lost now.
    pub(super) fn is_deaf(&self) -> bool {
        self.changing.is_some()
    }

    /// Sees an input, before the session does.
    pub(super) fn input(&mut self, input: &Input<'_>) {
        match (input, self.changing) {
            (Input::TlsUp, Some(Change::Up { private })) => {
                self.changing = None;
                (self.up, self.private, self.private_at_first) = (true, private, private);
            }
            (Input::TlsDown, Some(Change::Down)) => {
                self.changing = None;
                self.up = false;
            }
            _ => {}
        }
    }

    /// Takes in a command and its final reply.
    pub(super) fn learn(&mut self, verb: &[u8], argument: &[u8], code: u16) {
        let argument = argument.to_ascii_uppercase();
        match (verb, code) {
            (b"AUTH", 234) => {
                let private = matches!(argument.as_slice(), b"SSL" | b"TLS-P");
                self.promised = Some(Change::Up { private });
            }
            (b"CCC", 200) => self.promised = Some(Change::Down),
            (b"PROT", 200) => self.private = argument == b"P",
            (b"REIN", 220) => self.private = self.private_at_first,
            _ => {}
        }
    }

    /// Sees an output, before the driver does it.
    ///
    /// # Errors
    /// It is not allowed here.
    pub(super) fn output(&mut self, output: &Output) -> Result<(), String> {
        if let Some(change) = self.changing {
            // A listener may be closed with the session.
            let silent = matches!(output, Output::Event(_) | Output::StopListening);
            let ends = matches!(output, Output::Close | Output::Wait(Some(_)));
            return if silent || ends {
                Ok(())
            } else {
                Err(format!("{output:?} during {change:?}"))
            };
        }
        let promised = match output {
            Output::Event(_) => return Ok(()),
            Output::Send(_) => {
                self.spoken = true;
                return Ok(());
            }
            _ => self.promised.take(),
        };
        let implicit = self.policy.implicit && !self.spoken && !self.up;
        match (output, promised) {
            (Output::StartTls, None) if implicit => {
                self.changing = Some(Change::Up { private: true });
            }
            (Output::StartTls, Some(Change::Up { .. })) | (Output::StopTls, Some(Change::Down)) => {
                self.changing = promised;
            }
            (Output::StartTls | Output::StopTls, _) | (_, Some(_)) => {
                return Err(format!("{output:?} where {promised:?} was promised"));
            }
            (Output::Login { secure, .. }, None) => return self.login(*secure),
            (Output::Open(transfer), None) => return self.transfer(transfer),
            _ => {}
        }
        Ok(())
    }

    fn login(&self, secure: bool) -> Result<(), String> {
        if secure != self.up {
            return Err(format!("a login that is told {secure} of TLS"));
        }
        if self.policy.required_for_login && !secure {
            return Err(String::from("a login in clear"));
        }
        Ok(())
    }

    fn transfer(&self, transfer: &Transfer) -> Result<(), String> {
        if transfer.secure != self.private {
            return Err(format!(
                "a transfer with secure {} where PROT makes it {}",
                transfer.secure, self.private
            ));
        }
        if self.policy.required_for_data && !transfer.secure {
            return Err(String::from("a transfer in clear"));
        }
        Ok(())
    }
}
