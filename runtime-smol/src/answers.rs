//! What comes back to a session: answers of the storage, and the steps of a transfer.
//!
//! Here is decided whether the session still waits for it, and what becomes of a job for which
//! it does not.

use crate::session::{Message, SessionTask};
use crate::transfer::{Held, Phase};
use ossftp_core::{DataError, Id, Input, StorageError, TransferFailure, TransferReport};
use std::net::TcpStream;
use std::time::Duration;

/// Before the end of an upload is handed in, at most so many chunks of control bytes are.
const CATCH_UP: usize = 16;

impl SessionTask {
    /// Deals with what came.
    pub(crate) async fn take(&mut self, message: Message) {
        match message {
            Message::Readable => {
                self.read();
            }
            Message::Tick => {
                self.handle(Input::Tick);
                self.begin_waiting();
            }
            Message::Login { id, result } => {
                let result = result.map(|(volume, info)| {
                    self.volume = Some(volume);
                    info
                });
                self.handle(Input::Login { id, result });
            }
            Message::Performed { id, result } => self.handle(Input::Performed { id, result }),
            Message::Opened { id, result } => self.opened(id, result),
            Message::Connected { id, result } => self.connected(id, result),
            Message::Pumped {
                id,
                bytes,
                waited,
                held,
            } => {
                self.pumped(id, (bytes, waited), held).await;
            }
            Message::Ended { id, report } => self.finished(id, report),
            Message::Admin(admin) => self.handle(Input::Admin(admin)),
        }
    }

    fn opened(&mut self, id: Id, result: Result<(Held, Option<u64>), StorageError>) {
        let current = self.running(id).is_some();
        match result {
            Ok((held, size)) if current => {
                if let (Some(running), Some(job)) = (self.running(id), held.job()) {
                    running.progress = job.progress();
                }
                self.set_phase(Phase::Held(held));
                self.handle(Input::TransferReady {
                    id,
                    result: Ok(size),
                });
            }
            Ok((held, _)) => self.end(held, Some(TransferFailure::Cancelled)),
            Err(error) if current => {
                self.transfer = None;
                let result = Err(error);
                self.handle(Input::TransferReady { id, result });
            }
            Err(_) => self.tie_up(),
        }
    }

    fn connected(&mut self, id: Id, result: Result<TcpStream, DataError>) {
        let Some(held) = self.take_held(id) else {
            return;
        };
        match result {
            Ok(socket) => {
                self.pump(id, held, socket);
                self.handle(Input::DataConnected { id });
            }
            Err(error) => self.end(held, Some(TransferFailure::Data(error))),
        }
    }

    /// The end of an upload. A client that was killed has closed its control connection too, and
    /// the session is to know that first.
    async fn pumped(&mut self, id: Id, (bytes, waited): (u64, Duration), held: Held) {
        if self.running(id).is_none() {
            self.end(held, Some(TransferFailure::Cancelled));
            return;
        }
        self.set_phase(Phase::Held(held));
        for _ in 0..CATCH_UP {
            let more = self.read();
            if self.drain().await.is_break() || !more {
                break;
            }
        }
        if self.running(id).is_some() {
            self.handle(Input::TransferEof { id, bytes, waited });
        }
    }

    fn finished(&mut self, id: Id, report: TransferReport) {
        if self.running(id).is_none() {
            self.tie_up();
            return;
        }
        self.transfer = None;
        self.handle(Input::TransferDone { id, report });
    }

    /// A transfer that was given up has ended.
    fn tie_up(&mut self) {
        self.loose = self.loose.saturating_sub(1);
        self.begin_waiting();
    }
}
