//! What an outsider knows of TLS in a run, and the rules that it makes.
//!
//! Like the [conversation](super::conversation) this is a second reading of the RFCs, of 2228 and
//! 4217 here: from replies alone it knows whether data connections must be protected.

use crate::{Input, Output, TlsPolicy};
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
        let is = |word: &[u8]| argument.eq_ignore_ascii_case(word);
        match (verb, code) {
            (b"AUTH", 234) => {
                let private = is(b"SSL") || is(b"TLS-P");
                self.promised = Some(Change::Up { private });
            }
            (b"CCC", 200) => self.promised = Some(Change::Down),
            (b"PROT", 200) => self.private = is(b"P"),
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
            (Output::Open(transfer), None) => return self.transfer(transfer.secure),
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

    fn transfer(&self, secure: bool) -> Result<(), String> {
        if secure != self.private {
            let private = self.private;
            return Err(format!(
                "a transfer with secure {secure} where PROT makes it {private}"
            ));
        }
        if self.policy.required_for_data && !secure {
            return Err(String::from("a transfer in clear"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Id, Secret};
    use core::time::Duration;

    fn watch(policy: TlsPolicy) -> Watch {
        Watch {
            policy,
            ..Watch::default()
        }
    }

    fn send() -> Output {
        Output::Send(b"200 x\r\n".to_vec())
    }

    fn login(secure: bool) -> Output {
        Output::Login {
            id: Id(1),
            user: b"u".to_vec(),
            password: Secret::new("p"),
            host: None,
            secure,
        }
    }

    /// One that has seen a greeting and, if told, TLS coming up after `AUTH` with this argument.
    fn greeted(policy: TlsPolicy, auth: Option<&[u8]>) -> Watch {
        let mut watch = watch(policy);
        assert_eq!(watch.output(&send()), Ok(()));
        if let Some(argument) = auth {
            watch.learn(b"AUTH", argument, 234);
            assert_eq!(watch.output(&Output::StartTls), Ok(()));
            assert!(watch.is_deaf());
            assert_eq!(watch.output(&Output::Wait(Some(Duration::ZERO))), Ok(()));
            watch.input(&Input::TlsUp);
            assert!(!watch.is_deaf());
        }
        watch
    }

    #[test]
    fn tls_comes_where_it_was_promised() {
        let none = TlsPolicy::default();
        assert!(greeted(none, None).output(&Output::StartTls).is_err());
        assert!(greeted(none, None).output(&Output::StopTls).is_err());
        assert!(watch(none).output(&Output::StartTls).is_err());
        for other in [Output::StopTls, Output::Wait(None), Output::Close] {
            let mut watch = greeted(none, None);
            watch.learn(b"AUTH", b"TLS", 234);
            assert!(watch.output(&other).is_err(), "{other:?}");
        }
        let mut clear = greeted(none, Some(b"TLS"));
        clear.learn(b"CCC", b"", 200);
        assert_eq!(clear.output(&Output::StopTls), Ok(()));
        clear.input(&Input::TlsUp);
        assert!(clear.is_deaf());
        clear.input(&Input::TlsDown);
        assert!(!clear.is_deaf() && clear.output(&login(true)).is_err());
        let mut policy = none;
        policy.implicit = true;
        assert_eq!(watch(policy).output(&Output::StartTls), Ok(()));
        assert!(greeted(policy, None).output(&Output::StartTls).is_err());
    }

    #[test]
    fn nothing_is_said_or_asked_while_it_changes() {
        for output in [send(), login(false), Output::StartTls, Output::Wait(None)] {
            let mut watch = greeted(TlsPolicy::default(), None);
            watch.learn(b"AUTH", b"TLS", 234);
            assert_eq!(watch.output(&Output::StartTls), Ok(()));
            assert!(watch.output(&output).is_err(), "{output:?}");
            assert_eq!(watch.output(&Output::Close), Ok(()));
        }
    }

    #[test]
    fn logins_and_transfers_are_as_protected_as_they_say() {
        let mut policy = TlsPolicy::default();
        assert_eq!(greeted(policy, None).output(&login(false)), Ok(()));
        assert!(greeted(policy, None).output(&login(true)).is_err());
        assert!(greeted(policy, Some(b"TLS")).output(&login(false)).is_err());
        policy.required_for_login = true;
        assert!(greeted(policy, None).output(&login(false)).is_err());
        let mut watch = greeted(policy, Some(b"ssl"));
        assert_eq!(watch.output(&login(true)), Ok(()));
        assert_eq!(watch.transfer(true), Ok(()));
        assert!(watch.transfer(false).is_err());
        watch.learn(b"PROT", b"c", 200);
        assert_eq!(watch.transfer(false), Ok(()));
        watch.policy.required_for_data = true;
        assert!(watch.transfer(false).is_err());
        watch.learn(b"REIN", b"", 220);
        assert_eq!(watch.transfer(true), Ok(()));
    }
}
