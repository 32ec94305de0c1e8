//! The rules that hold in every run, whatever the client does.
//!
//! The [`Monitor`] stands between session and driver and sees all inputs and outputs. It knows
//! the contract of the [crate documentation](crate), and keeps the client's view of the
//! conversation and of its files. It never stops a run; it collects what it has against it.

use super::MemoryStore;
use super::conversation::{Conversation, has_control};
use super::model::{Model, Moved};
use super::tls::Watch;
use super::transcript::{code, shown};
use crate::{
    DataRoute, Event, FtpPath, Id, Input, MAX_PATH, Now, Operation, Output, TlsPolicy, Transfer,
    TransferKind,
};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use memchr::memchr;
use memchr::memmem::Finder;

/// The most bytes of one write: the bound on pending replies, and one long reply (STAT of 200
/// entries).
const MAX_WRITE: usize = 320 * 1024;
/// More objections than these say nothing new.
const MAX_OBJECTIONS: usize = 8;

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Asked, not answered.
    Asked,
    /// A transfer that the storage has opened.
    Opened,
    /// Its data connection is being made or moves bytes.
    Running,
    /// Its upload has ended and no verdict has come.
    Ended,
    /// Commit or discard was ordered.
    Judged,
}

/// What has been seen of a run, and what was wrong with it.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    conversation: Conversation,
    tls: Watch,
    /// What may be stored: more than one state where nobody heard the last reply.
    models: Vec<Model>,
    moved: Moved,
    /// The request that the session waits for. There is never a second one.
    request: Option<(Id, Stage)>,
    /// The last operation that was asked for: it can be cancelled, and is waited for all the same.
    operation: Option<Id>,
    last_id: Option<Id>,
    /// Whether somebody is logged in, and if so, whether with the right to write.
    login: Option<bool>,
    listener: Listener,
    closed: bool,
    /// An upload was committed and no reply has said so yet.
    unheard_commit: bool,
    /// 421 or 221 has been said, so the session must close.
    must_close: bool,
    ticked: bool,
    secrets: Secrets,
    /// The client has said a secret where it may be shown.
    spilled: bool,
    objections: Vec<String>,
}

/// What is known of the passive listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Listener {
    #[default]
    None,
    Asked,
    Stands,
}

impl Monitor {
    /// One that looks for these secrets, and if it has a model, holds the store against it.
    pub(super) fn new(model: Option<Model>, secrets: Secrets) -> Self {
        Self {
            models: model.into_iter().collect(),
            secrets,
            ..Self::default()
        }
    }

    /// What the session is told to do about TLS.
    pub(super) fn tls_policy(&mut self, policy: TlsPolicy) {
        self.tls.policy = policy;
    }

    /// What was wrong.
    pub(super) fn objections(&self) -> &[String] {
        &self.objections
    }

    pub(super) fn object(&mut self, text: impl Into<String>) {
        if self.objections.len() < MAX_OBJECTIONS {
            self.objections.push(text.into());
        }
    }

    fn demand(&mut self, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.object(text());
        }
    }

    /// What the data connection of the running transfer has moved.
    pub(super) fn moved(&mut self, moved: Moved) {
        self.moved = moved;
    }

    /// Sees an input, before the session does.
    pub(super) fn input(&mut self, input: &Input<'_>) {
        self.ticked = matches!(input, Input::Tick);
        self.tls.input(input);
        match input {
            Input::Control(_) if self.tls.is_deaf() => {}
            Input::Control(bytes) => {
                for line in self.conversation.heard(bytes) {
                    let shown = line.verb() != b"PASS";
                    self.spilled |= shown && self.secrets.occur_in(line.argument());
                }
            }
            Input::Login { id, result } if self.waits_for(*id) => {
                self.request = None;
                self.login = result.as_ref().ok().map(|info| info.writable);
            }
            Input::Performed { id, .. } if self.waits_for(*id) => self.request = None,
            Input::Listening { id, address } if self.waits_for(*id) => {
                self.request = None;
                self.listener = match address {
                    Some(_) => Listener::Stands,
                    None => Listener::None,
                };
            }
            Input::TransferReady { id, result } if self.waits_for(*id) => {
                self.request = result.is_ok().then_some((*id, Stage::Opened));
            }
            Input::TransferEof { id, .. } if self.waits_for(*id) => {
                self.request = Some((*id, Stage::Ended));
            }
            Input::TransferDone { id, report } if self.waits_for(*id) => {
                let judged = self.request == Some((*id, Stage::Judged));
                self.unheard_commit = judged && report.outcome.is_ok();
                self.request = None;
            }
            _ => {}
        }
    }

    fn waits_for(&self, id: Id) -> bool {
        self.request.is_some_and(|(waiting, _)| waiting == id)
    }

    /// Sees an output, before the driver does it.
    pub(super) fn output(&mut self, now: Now, output: &Output) {
        if self.closed {
            let nothing = matches!(output, Output::Wait(None));
            self.demand(nothing, || format!("after Close came {output:?}"));
            return;
        }
        if let Err(objection) = self.tls.output(output) {
            self.object(objection);
        }
        match output {
            Output::Send(bytes) => self.send(bytes),
            Output::Login { id, .. } => {
                self.asks(*id);
                self.secret(&format!("{output:?}"));
            }
            Output::Perform { id, operation } => {
                self.asks(*id);
                self.operation = Some(*id);
                self.operation(operation);
            }
            Output::Listen { id } => {
                self.asks(*id);
                self.needs_login("Listen", false);
                self.listener = Listener::Asked;
            }
            Output::StopListening => self.listener = Listener::None,
            Output::Open(transfer) => {
                self.asks(transfer.id);
                self.transfer(transfer);
            }
            Output::Run { id, route } => {
                self.advance(*id, Stage::Opened, Stage::Running, "Run");
                if *route == DataRoute::Passive {
                    let stands = self.listener == Listener::Stands;
                    self.demand(stands, || String::from("a passive Run without a listener"));
                    self.listener = Listener::None;
                }
            }
            Output::Commit { id } => self.advance(*id, Stage::Ended, Stage::Judged, "Commit"),
            Output::Discard { id, .. } => self.advance(*id, Stage::Ended, Stage::Judged, "Discard"),
            Output::Cancel { id } => {
                let known = self.waits_for(*id);
                self.demand(known, || format!("{id:?} was cancelled and does not run"));
                if self.operation != Some(*id) {
                    self.request = None;
                }
            }
            Output::StartTls | Output::StopTls => self.conversation.forget(),
            Output::Event(event) => self.event(event),
            Output::Close => self.close(),
            Output::Wait(deadline) => self.wait(now, *deadline),
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        let small = bytes.len() <= MAX_WRITE;
        self.demand(small, || format!("one write of {} bytes", bytes.len()));
        for reply in Conversation::replies(bytes) {
            match reply {
                Ok(reply) => self.reply(reply),
                Err(error) => self.object(error),
            }
        }
    }

    fn reply(&mut self, reply: &[u8]) {
        match code(reply) {
            // To USER, REIN, and AUTH.
            331 | 220 | 234 => self.login = None,
            221 | 421 => self.must_close = true,
            _ => {}
        }
        match self.conversation.said(reply) {
            Ok(None) => {}
            Ok(Some(exchange)) => {
                self.unheard_commit = false;
                let command = &exchange.command;
                self.tls
                    .learn(command.verb(), command.argument(), exchange.code);
                let moved = core::mem::take(&mut self.moved);
                let mut models = core::mem::take(&mut self.models);
                for model in &mut models {
                    if let Err(error) = model.learn(&exchange, &moved) {
                        self.object(error);
                    }
                }
                models.retain(Model::is_sure);
                self.models = models;
                if !exchange.command.transfers() {
                    // An urgent command was answered; the transfer still runs.
                    self.moved = moved;
                }
            }
            Err(error) => self.object(error),
        }
    }

    fn asks(&mut self, id: Id) {
        let fresh = self.last_id.is_none_or(|last| last < id);
        self.demand(fresh, || format!("{id:?} was used before"));
        self.last_id = Some(id);
        if let Some((other, stage)) = self.request.replace((id, Stage::Asked)) {
            self.object(format!("{id:?} was asked while {other:?} was {stage:?}"));
        }
    }

    fn advance(&mut self, id: Id, from: Stage, to: Stage, what: &str) {
        let fits = self.request == Some((id, from));
        let request = self.request;
        self.demand(fits, || format!("{what} of {id:?} while {request:?}"));
        self.request = Some((id, to));
    }

    fn needs_login(&mut self, what: &str, writes: bool) {
        match self.login {
            None => self.object(format!("{what} before login")),
            Some(false) if writes => self.object(format!("{what} without the right to write")),
            Some(_) => {}
        }
    }

    fn operation(&mut self, operation: &Operation) {
        let (path, other, writes) = match operation {
            Operation::Stat(path)
            | Operation::ChangeDirectory(path)
            | Operation::List { path, .. } => (path, None, false),
            Operation::MakeDirectory(path)
            | Operation::RemoveDirectory(path)
            | Operation::Delete(path) => (path, None, true),
            Operation::Hash { path, .. } | Operation::Space(path) | Operation::Restore(path) => {
                (path, None, false)
            }
            Operation::SetFacts { path, .. } | Operation::RemoveTree(path) => (path, None, true),
            Operation::Rename { from, to }
            | Operation::Copy { from, to }
            | Operation::Symlink {
                target: from,
                link: to,
            } => (from, Some(to), true),
            Operation::Combine { target, sources } => {
                sources.iter().for_each(|path| self.path(path));
                (target, None, true)
            }
        };
        self.needs_login("an operation", writes);
        self.path(path);
        other.into_iter().for_each(|path| self.path(path));
    }

    fn transfer(&mut self, transfer: &Transfer) {
        let writes = matches!(transfer.kind, TransferKind::Store { .. });
        self.needs_login("a transfer", writes);
        self.path(transfer.path());
        self.moved = Moved::default();
    }

    fn path(&mut self, path: &FtpPath) {
        let bytes = path.as_bytes();
        let inside = bytes.first() == Some(&b'/')
            && bytes.len() <= MAX_PATH
            && !has_control(bytes)
            && (bytes.len() == 1
                || bytes
                    .split(|b| *b == b'/')
                    .skip(1)
                    .all(|name| !matches!(name, b"" | b"." | b"..")));
        self.demand(inside, || format!("the path {}", shown(bytes)));
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Command(text) | Event::Reply(text) => self.text(text),
            Event::LoggedIn { user } => self.text(user),
            Event::LoginFailed { user, reason } => {
                self.text(user);
                self.text(reason);
            }
            Event::Transfer { path, .. } => self.text(&path.display()),
            Event::Closing(reason) => self.text(reason),
            Event::TlsUp | Event::TlsDown => {}
        }
    }

    fn text(&mut self, text: &str) {
        // Those beyond ASCII begin with 0xC2 in UTF-8.
        let plain = !has_control(text.as_bytes()) && memchr(0xC2, text.as_bytes()).is_none();
        let clean = plain || !text.chars().any(char::is_control);
        self.demand(clean, || format!("control characters in {text:?}"));
        self.secret(text);
    }

    /// Holds a text that people may see against the secrets.
    pub(super) fn secret(&mut self, text: &str) {
        if !self.spilled && self.secrets.occur_in(text.as_bytes()) {
            self.object(format!("a secret in {text}"));
        }
    }

    fn close(&mut self) {
        self.closed = true;
        let judged = matches!(self.request.take(), Some((_, Stage::Judged)));
        if !judged && !self.unheard_commit {
            return;
        }
        let command = self.conversation.outstanding().next();
        if let (Some(command), Some(model)) = (command, self.models.first()) {
            let other = model.supposing(command, &self.moved);
            self.models.extend(other);
        }
    }

    fn wait(&mut self, now: Now, deadline: Option<Duration>) {
        self.demand(!self.must_close, || {
            String::from("the session goes on after its last reply")
        });
        let ahead = deadline.is_none_or(|at| at > now.mono || !self.ticked);
        self.demand(ahead, || {
            format!("a tick at {:?} left the deadline {deadline:?}", now.mono)
        });
        // Of TLS it waits with a deadline.
        let named = deadline.is_some() || self.request.is_some();
        self.demand(named, || String::from("the session waits for nothing"));
    }

    /// Nothing is left to deliver and no request is open: everything must have been answered.
    pub(super) fn rest(&mut self, wants_input: bool) {
        if self.closed || self.request.is_some() || self.tls.is_deaf() {
            return;
        }
        self.demand(wants_input, || {
            String::from("the session waits for commands and wants none")
        });
        if self.conversation.outstanding().next().is_some() {
            let unanswered: Vec<_> = self.conversation.outstanding().collect();
            let objection = format!("no reply to {unanswered:?}");
            self.object(objection);
        }
    }

    /// The store at rest is what the client was told.
    pub(super) fn compare(&mut self, store: &MemoryStore) {
        if self.models.iter().any(|model| store.is(model)) {
            return;
        }
        // Once more, for the reason.
        let (files, directories) = (store.files(), store.directories());
        let verdicts: Vec<_> = self
            .models
            .iter()
            .map(|model| model.agrees(&files, &directories))
            .collect();
        if verdicts.iter().all(Result::is_err)
            && let Some(Err(error)) = verdicts.into_iter().next()
        {
            self.object(error);
        }
    }
}

/// What no text may show.
#[derive(Debug, Clone, Default)]
pub(super) struct Secrets(Arc<[Finder<'static>]>);

impl Secrets {
    pub(super) fn new(secrets: impl Iterator<Item = Vec<u8>>) -> Self {
        let mut all: Vec<_> = secrets.collect();
        all.sort_unstable();
        all.dedup();
        let finders = all.iter().map(|secret| Finder::new(secret).into_owned());
        Self(finders.collect())
    }

    pub(super) fn occur_in(&self, text: &[u8]) -> bool {
        self.0.iter().any(|secret| secret.find(text).is_some())
    }
}

#[cfg(test)]
mod tests;
