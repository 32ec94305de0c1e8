//! The requests of one session: what they need to be done, and who still waits for them.
//!
//! The session says what it wants in [`Output`]s; here they become [`Task`]s with the volume,
//! the flags and the transfer that they are about, and [`Report`]s become [`Input`]s again. Which
//! thread does a task, and how the data connection comes about, is the runtime's matter.

use super::report::Kind;
use super::{Cancel, LoginRequest, Report, Storage, Task, TransferHandle, Volume};
use crate::{Id, Input, Output};
use alloc::sync::Arc;
use core::net::IpAddr;

/// What one session has asked for.
pub struct Requests {
    storage: Arc<dyn Storage>,
    peer: IpAddr,
    /// The login whose answer brings the volume.
    login: Option<Id>,
    volume: Option<Arc<dyn Volume>>,
    /// Set at the end: nobody waits for a login any more.
    ended: Cancel,
    /// The last operation, and the flag that cancels it.
    operation: Option<(Id, Cancel)>,
    transfer: Option<TransferHandle>,
    /// The transfer is an upload that is whole and wanted, whatever becomes of the session.
    committing: bool,
}

impl Requests {
    /// None so far, of a session with the client at `peer`.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, peer: IpAddr) -> Self {
        Self {
            storage,
            peer,
            login: None,
            volume: None,
            ended: Cancel::new(),
            operation: None,
            transfer: None,
            committing: false,
        }
    }

    /// The task that `output` asks for.
    ///
    /// # Errors
    /// Gives back every output that is not a login, an operation, or the opening, commit or
    /// discard of a transfer.
    pub fn task(&mut self, output: Output) -> Result<Task, Output> {
        Ok(Task(match output {
            Output::Login {
                id,
                user,
                password,
                host,
                secure,
            } => {
                self.login = Some(id);
                let mut request = LoginRequest::new(user, password, self.peer);
                request.host = host;
                request.secure = secure;
                Kind::Login(id, Arc::clone(&self.storage), request, self.ended.clone())
            }
            Output::Perform { id, operation } => {
                let cancel = Cancel::new();
                self.operation = Some((id, cancel.clone()));
                Kind::Perform(id, self.volume.clone(), operation, cancel)
            }
            Output::Open(transfer) => {
                let handle = TransferHandle::new(transfer.id);
                self.transfer = Some(handle.clone());
                self.committing = false;
                Kind::Open(handle, self.volume.clone(), transfer)
            }
            Output::Commit { id } => {
                self.committing = true;
                Kind::End(self.handle(id), None)
            }
            Output::Discard { id, reason } => Kind::End(self.handle(id), Some(reason)),
            output => return Err(output),
        }))
    }

    /// The transfer of this id, if the session still waits for it.
    #[must_use]
    pub fn transfer(&self, id: Id) -> Option<&TransferHandle> {
        self.transfer.as_ref().filter(|t| t.id() == id)
    }

    fn handle(&self, id: Id) -> TransferHandle {
        let known = self.transfer(id).cloned();
        known.unwrap_or_else(|| TransferHandle::new(id))
    }

    /// Gives the transfer up for [`Output::Cancel`]. It is over when no task is at it any more;
    /// one that discards it is still to be done. An operation is told that nobody wants it, and
    /// its report comes as ever.
    #[must_use]
    pub fn cancel(&mut self, id: Id) -> Option<TransferHandle> {
        if let Some((_, operation)) = self.operation.as_ref().filter(|(at, _)| *at == id) {
            operation.cancel();
        }
        let transfer = self.transfer.take_if(|t| t.id() == id)?;
        transfer.cancel().cancel();
        Some(transfer)
    }

    /// Gives everything up, for the session has ended, except a commit that has begun. Of the
    /// transfer that comes back the same is true as with [`Requests::cancel`].
    #[must_use]
    pub fn end(&mut self) -> Option<TransferHandle> {
        self.ended.cancel();
        if let Some((_, operation)) = self.operation.take() {
            operation.cancel();
        }
        let transfer = self.transfer.take().filter(|_| !self.committing)?;
        transfer.cancel().cancel();
        Some(transfer)
    }

    /// How far the transfer is: to be handed in before control bytes.
    #[must_use]
    pub fn progress(&self) -> Option<Input<'static>> {
        let transfer = self.transfer.as_ref()?;
        let (id, bytes) = (transfer.id(), transfer.bytes());
        Some(Input::TransferProgress { id, bytes })
    }

    /// What a report is to the session, which ignores it if it does not wait for it any more.
    #[must_use]
    pub fn input(&mut self, report: Report) -> Input<'static> {
        match &report.input {
            Input::Login { id, .. } if self.login == Some(*id) && report.volume.is_some() => {
                self.volume = report.volume;
            }
            Input::Performed { id, .. } => {
                self.operation.take_if(|(at, _)| at == id);
            }
            Input::TransferReady { id, result: Err(_) } | Input::TransferDone { id, .. } => {
                self.transfer.take_if(|t| t.id() == *id);
            }
            _ => {}
        }
        report.input
    }
}
