//! What a scripted client does, as data.
//!
//! A [`Script`] reads like the conversation it stands for. It holds no simulator, so the same
//! script can be played over real sockets too, and the transcripts compared.

use crate::Admin;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

/// How the client treats one data connection.
///
/// ```
/// use ossftp_core::sim::DataPlan;
/// use std::time::Duration;
///
/// let slow_upload = DataPlan::upload("hello").in_pieces(1, Duration::from_secs(5));
/// let gives_up = DataPlan::download().after(1000).breaks();
/// # let _ = (slow_upload, gives_up);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataPlan {
    /// When the client connects, or takes the server's connection.
    pub connect: Connect,
    /// What it sends.
    pub upload: Vec<u8>,
    /// At most so many bytes go one way at a time.
    pub piece: usize,
    /// So much time passes before each piece.
    pub pace: Duration,
    /// After so many received bytes it does what `then` says; `None`: after all of them.
    pub limit: Option<usize>,
    /// What it does when its upload is sent, or its download has reached `limit`.
    pub then: Then,
    /// In MODE Z the upload is sent as it is, whatever that means to the server.
    pub as_it_is: bool,
}

/// When a client's data connection comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Connect {
    /// As soon as the server is ready for it.
    AtOnce,
    /// So much later.
    After(Duration),
    /// Never.
    Never,
    /// As soon as the server is ready, but where the server wants TLS, the handshake fails.
    WithoutTls,
}

/// What a client does with its data connection in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Then {
    /// Closes it in order.
    Close,
    /// Resets it.
    Break,
    /// Leaves it open and silent, until a later step says what happens.
    Hold,
}

impl DataPlan {
    fn new(upload: Vec<u8>) -> Self {
        Self {
            connect: Connect::AtOnce,
            upload,
            piece: 64 * 1024,
            pace: Duration::ZERO,
            limit: None,
            then: Then::Close,
            as_it_is: false,
        }
    }

    /// Connects, sends `bytes`, closes.
    #[must_use]
    pub fn upload(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(bytes.into())
    }

    /// Connects, reads to the end, closes.
    #[must_use]
    pub fn download() -> Self {
        Self::new(Vec::new())
    }

    /// Never connects.
    #[must_use]
    pub fn never() -> Self {
        Self {
            connect: Connect::Never,
            ..Self::new(Vec::new())
        }
    }

    /// Fails the handshake of TLS, if the server wants one.
    #[must_use]
    pub fn without_tls(self) -> Self {
        Self {
            connect: Connect::WithoutTls,
            ..self
        }
    }

    /// Connects only after `delay`.
    #[must_use]
    pub fn delayed(self, delay: Duration) -> Self {
        Self {
            connect: Connect::After(delay),
            ..self
        }
    }

    /// In MODE Z does not deflate what it sends.
    #[must_use]
    pub fn as_it_is(self) -> Self {
        Self {
            as_it_is: true,
            ..self
        }
    }

    /// Moves at most `bytes` (at least 1) at a time, each after a pause of `pace`.
    #[must_use]
    pub fn in_pieces(self, bytes: usize, pace: Duration) -> Self {
        Self {
            piece: bytes.max(1),
            pace,
            ..self
        }
    }

    /// Stops reading after `bytes`.
    #[must_use]
    pub fn after(self, bytes: usize) -> Self {
        Self {
            limit: Some(bytes),
            ..self
        }
    }

    /// In the end resets the connection.
    #[must_use]
    pub fn breaks(self) -> Self {
        Self {
            then: Then::Break,
            ..self
        }
    }

    /// In the end leaves the connection open and silent.
    #[must_use]
    pub fn holds(self) -> Self {
        Self {
            then: Then::Hold,
            ..self
        }
    }
}

/// One thing that a scripted client does or waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Puts bytes on the control connection. Steps of this kind in a row are pipelined: they
    /// have all arrived before the server asks its storage anything.
    Send(Vec<u8>),
    /// Waits for the next reply: its code and, unless empty, a text that it holds.
    Expect {
        /// The code.
        code: u16,
        /// Bytes that occur somewhere in the reply.
        text: Vec<u8>,
    },
    /// Waits for the end of a download and compares what came.
    ExpectDownload(Vec<u8>),
    /// Waits until the server has closed the control connection.
    ExpectClosed,
    /// Says how the data connection of the next transfer shall go that comes after this step and
    /// gets as far as the storage. Without any plan it is [`DataPlan::download`].
    Data(DataPlan),
    /// Sends more on the open data connection.
    DataSend(Vec<u8>),
    /// Goes on with the open data connection and reads it to the end.
    DataResume,
    /// Closes the open data connection in order.
    DataClose,
    /// Resets the open data connection.
    DataBreak,
    /// Waits until the server has nothing left to do but to wait for time to pass or for the
    /// client.
    Quiet,
    /// Does nothing for so long.
    Sleep(Duration),
    /// Closes the control connection.
    Close,
    /// Ends the client's side of the control connection, and goes on reading.
    Finish,
    /// From now on the storage does not answer.
    HoldStorage,
    /// The storage answers the oldest request that it was holding back.
    AnswerOne,
    /// From now on the storage answers at once again.
    ReleaseStorage,
    /// From now on there are free passive ports, or none.
    Ports(bool),
    /// The next handshake on the control connection fails. Without this it succeeds at once.
    TlsFails,
    /// From now on TLS neither comes up nor goes down on the control connection. What the client
    /// sends meanwhile is handed in all the same, as from somebody who writes into the connection.
    HoldTls,
    /// TLS that was held back comes up or goes down, and from now on at once again.
    ReleaseTls,
    /// The operator wants something.
    Admin(Admin),
}

/// A conversation, told from the client's side.
///
/// ```
/// use ossftp_core::sim::Script;
///
/// let script = Script::new()
///     .expect(220)
///     .send("USER demo").expect(331)
///     .send("PASS secret").expect(230)
///     .stores("a.txt", "hello")
///     .retrieves("a.txt", "hello")
///     .send("QUIT").expect(221)
///     .expect_closed();
/// # let _ = script;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    steps: VecDeque<Step>,
}

impl Script {
    /// One that does nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The steps, first to last.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter()
    }

    /// One that does nothing, with room for so many steps, within reason.
    pub(super) fn with_room(steps: usize) -> Self {
        Self {
            steps: VecDeque::with_capacity(steps.min(128)),
        }
    }

    pub(super) fn into_steps(self) -> VecDeque<Step> {
        self.steps
    }

    /// Adds any step.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }

    /// Adds all steps of another script.
    #[must_use]
    pub fn then(mut self, other: &Self) -> Self {
        self.steps.extend(other.steps.iter().cloned());
        self
    }

    /// Sends one command line; CRLF is added.
    #[must_use]
    pub fn send(self, line: impl AsRef<[u8]>) -> Self {
        let mut bytes = line.as_ref().to_vec();
        bytes.extend_from_slice(b"\r\n");
        self.step(Step::Send(bytes))
    }

    /// Sends bytes as they are, in a piece of their own.
    #[must_use]
    pub fn raw(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Send(bytes.as_ref().to_vec()))
    }

    /// Waits for the next reply, which has this code.
    #[must_use]
    pub fn expect(self, code: u16) -> Self {
        self.expect_text(code, "")
    }

    /// Waits for the next reply, which has this code and holds this text.
    #[must_use]
    pub fn expect_text(self, code: u16, text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref().to_vec();
        self.step(Step::Expect { code, text })
    }

    /// Waits for the end of a download, which gave exactly these bytes.
    #[must_use]
    pub fn expect_download(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::ExpectDownload(bytes.as_ref().to_vec()))
    }

    /// Waits until the server has closed the control connection.
    #[must_use]
    pub fn expect_closed(self) -> Self {
        self.step(Step::ExpectClosed)
    }

    /// Says how the data connection of the next transfer shall go.
    #[must_use]
    pub fn data(self, plan: DataPlan) -> Self {
        self.step(Step::Data(plan))
    }

    /// Waits until the server has nothing left to do: what a data connection can move without
    /// its client's help has been moved.
    #[must_use]
    pub fn quiet(self) -> Self {
        self.step(Step::Quiet)
    }

    /// Lets time pass.
    #[must_use]
    pub fn sleep(self, time: Duration) -> Self {
        self.step(Step::Sleep(time))
    }

    /// Closes the control connection.
    #[must_use]
    pub fn close(self) -> Self {
        self.step(Step::Close)
    }

    /// Ends the client's side of the control connection, and goes on reading.
    #[must_use]
    pub fn finish(self) -> Self {
        self.step(Step::Finish)
    }

    /// Greeting, USER and PASS, as an account that exists.
    #[must_use]
    pub fn login(self, user: &str, password: &str) -> Self {
        self.expect(220)
            .send([b"USER ", user.as_bytes()].concat())
            .expect(331)
            .send([b"PASS ", password.as_bytes()].concat())
            .expect(230)
    }

    /// EPSV, and a transfer command that succeeds with `plan` as its data connection.
    #[must_use]
    pub fn transfers(self, command: impl AsRef<[u8]>, plan: DataPlan) -> Self {
        self.send("EPSV")
            .expect(229)
            .data(plan)
            .send(command)
            .expect(150)
            .expect(226)
    }

    /// EPSV and STOR of these bytes.
    #[must_use]
    pub fn stores(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.transfers(
            [b"STOR ", path.as_bytes()].concat(),
            DataPlan::upload(bytes),
        )
    }

    /// EPSV and RETR, which gives these bytes.
    #[must_use]
    pub fn retrieves(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.transfers([b"RETR ", path.as_bytes()].concat(), DataPlan::download())
            .expect_download(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_its_steps() {
        let quit = Script::new().send("QUIT").expect(221);
        let script = Script::new().expect_text(220, "Hi").then(&quit).close();
        let steps: Vec<_> = script.steps().cloned().collect();
        let expect = |code, text: &str| Step::Expect {
            code,
            text: text.into(),
        };
        assert_eq!(
            steps,
            [
                expect(220, "Hi"),
                Step::Send(b"QUIT\r\n".to_vec()),
                expect(221, ""),
                Step::Close
            ]
        );
        let again = steps.into_iter().fold(Script::new(), Script::step);
        assert_eq!(again, script);
    }
}
