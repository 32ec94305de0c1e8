//! One control connection as a Mealy machine.
//!
//! This file is the machine's frame: what goes in, what comes out, which line is taken next,
//! and which timer runs. What each command does stands in the files beside it, one a family:
//! `lines` (which line comes when, and what is done before its turn), `login`, `secure` (TLS, HOST, REIN), `files`, `facts` (times and modes), `hash`, `site`, `data`
//! (how a data connection comes about), `transfer`, `list`, `unique` (STOU), `info`; what is said
//! goes through `replies`.
//!
//! At any moment the session waits for at most one thing, its [`Pending`]; commands are taken
//! one at a time while there is none.
//!
//! ```text
//!              USER+PASS            CWD SIZE MKD …          PASV EPSV
//!   Idle ───> Login ───> Idle ───> Operation ───> Idle ───> Listen ───> Idle
//!     │
//!     │ RETR STOR APPE LIST NLST MLSD
//!     ├──> Transfer: Opening ─150─> Connecting ─> Moving ─> (Settling ─>) Committing ─226─> Idle
//!     │ STOU                  asks for free names first: Operation ───> Transfer
//!     └──> Operation …
//!
//!   AUTH, CCC and implicit TLS: Idle ───> Tls ───> Idle; nothing is read or said meanwhile
//! ```

mod data;
mod facts;
mod files;
mod hash;
mod info;
mod lines;
mod list;
mod login;
mod replies;
mod secure;
mod site;
mod snapshot;
mod transfer;
mod unique;

use crate::command::{self, Command, ParseError, Spec};
use crate::line::{Line, LineReader};
use crate::listing::Facts;
use crate::text::without_control;
use crate::{
    ActivePolicy, Admin, Capabilities, Code, DataRoute, Event, FtpPath, HashAlgorithm, Id, Input,
    LoginInfo, Names, Need, Now, Operation, Output, Peer, SessionConfig,
};
use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use files::After;
use secure::{Change, Security};
pub use snapshot::{Snapshot, TransferSnapshot};
use transfer::{Phase, Running};

/// Pending replies beyond this stop the session from taking more commands.
const MAX_PENDING_REPLIES: usize = 64 * 1024;
/// Look-ahead: so many lines, and so many bytes, that came before their turn.
const MAX_AHEAD_LINES: usize = 16;
const MAX_AHEAD_BYTES: usize = 16 * 1024;

/// The level of MODE Z until OPTS says another one: zlib's own default.
const DEFLATE_LEVEL: u8 = 6;

/// The storage takes longer than any storage takes.
const NO_ANSWER: &str = "The storage did not answer in time.";

/// A deadline beyond this moment is none. Drivers add deadlines to clocks that end, so that a
/// timeout of `Duration::MAX` would be a panic.
const NEVER: Duration = Duration::from_secs(u32::MAX as u64);

/// One control connection. See the [crate documentation](crate) for how to drive it.
#[derive(Debug)]
pub struct Session {
    config: Arc<SessionConfig>,
    peer: Peer,
    now: Now,
    lines: LineReader,
    /// Lines that came during a transfer and wait for its end.
    ahead: VecDeque<Line>,
    outputs: VecDeque<Output>,
    /// Bytes in the `Send`s of `outputs`.
    unsent: usize,
    next_id: u64,
    pending: Pending,
    /// When the last request was made.
    asked: Duration,

    user: Option<Vec<u8>>,
    login: Option<LoginInfo>,
    login_failures: u32,
    unknown_commands: u32,
    cwd: FtpPath,
    ascii: bool,
    facts: Facts,
    /// How names are read and written.
    names: Names,
    rest: u64,
    /// RANG: the first and the last byte, both inclusive.
    range: Option<(u64, u64)>,
    allo: Option<u64>,
    rename_from: Option<FtpPath>,
    copy_from: Option<FtpPath>,
    /// What the last listing left out, if it left out anything.
    hidden: Option<(FtpPath, u64)>,
    hash: HashAlgorithm,
    /// MODE Z.
    deflate: bool,
    deflate_level: u8,
    host: Option<String>,
    security: Security,
    idle_timeout: Duration,
    route: Option<DataRoute>,
    epsv_all: bool,

    quit_seen: bool,
    control_closed: bool,
    draining: bool,
    closed: bool,
    started: Duration,
    last_command: Duration,
}

/// What the session waits for.
#[derive(Debug)]
enum Pending {
    Nothing,
    Login {
        id: Id,
    },
    Operation {
        id: Id,
        after: After,
        /// It may take long and changes nothing, so that without its client it is worth nothing.
        long: bool,
        /// ABOR came; it is answered after the operation, whose answer says what became of it.
        abort_asked: bool,
    },
    Listen {
        id: Id,
        extended: bool,
    },
    /// TLS comes up or goes down on the control connection. Bytes that come now are not commands,
    /// and nothing can be said.
    Tls {
        since: Duration,
        change: Change,
    },
    Transfer(Running),
}

impl Session {
    /// A session for a connection that was just accepted; queues the greeting, or where TLS is
    /// implicit the handshake that comes before it.
    #[must_use]
    pub fn new(config: Arc<SessionConfig>, peer: Peer, now: Now) -> Self {
        let names = Names::new(config.charset, config.utf8);
        let idle_timeout = config.idle_timeout;
        // RFC 959 section 5.1: the default is ASCII Non-print.
        let ascii = !config.image_by_default;
        let mut session = Self {
            config,
            peer,
            now,
            lines: LineReader::default(),
            ahead: VecDeque::new(),
            outputs: VecDeque::new(),
            unsent: 0,
            next_id: 0,
            pending: Pending::Nothing,
            asked: now.mono,
            user: None,
            login: None,
            login_failures: 0,
            unknown_commands: 0,
            cwd: FtpPath::root(),
            ascii,
            facts: Facts::default(),
            names,
            rest: 0,
            range: None,
            allo: None,
            rename_from: None,
            copy_from: None,
            hidden: None,
            hash: HashAlgorithm::Sha256,
            deflate: false,
            deflate_level: DEFLATE_LEVEL,
            host: None,
            security: Security::default(),
            idle_timeout,
            route: None,
            epsv_all: false,
            quit_seen: false,
            control_closed: false,
            draining: false,
            closed: false,
            started: now.mono,
            last_command: now.mono,
        };
        session.open();
        session
    }

    /// Takes in what happened at `now`. Never fails and never panics: faults of the client
    /// become replies, and answers that nobody waits for are ignored. Afterwards drain
    /// [`Session::poll_output`] to [`Output::Wait`].
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        self.now = now;
        if self.closed {
            return;
        }
        match input {
            Input::Control(bytes) => self.control(bytes),
            Input::ControlClosed => self.control_closed(),
            Input::TlsUp => self.tls_up(),
            Input::TlsDown => self.tls_down(),
            Input::TlsFailed => self.tls_failed(),
            Input::Login { id, result } => self.logged_in(id, result),
            Input::Performed { id, result } => self.performed(id, result),
            Input::Listening { id, address } => self.listening(id, address),
            Input::TransferReady { id, result } => self.transfer_ready(id, result),
            Input::DataConnected { id } => self.data_connected(id),
            Input::TransferProgress { id, bytes } => self.transfer_progress(id, bytes),
            Input::TransferEof {
                id,
                bytes,
                stored,
                waited,
            } => self.transfer_eof(id, bytes, stored, waited),
            Input::TransferDone { id, report } => self.transfer_done(id, &report),
            Input::Tick => self.tick(),
            Input::Admin(Admin::Kick) => self.close_with("The operator closed this session."),
            Input::Admin(Admin::Drain) => {
                self.draining = true;
                self.settle();
            }
        }
        self.advance();
    }

    /// The next thing to do, in order; [`Output::Wait`] when there is nothing.
    pub fn poll_output(&mut self) -> Output {
        if self.outputs.is_empty() {
            if matches!(self.pending, Pending::Transfer(_)) {
                self.look_ahead();
            }
            self.advance();
        }
        match self.outputs.pop_front() {
            Some(Output::Send(bytes)) => {
                self.unsent = self.unsent.saturating_sub(bytes.len());
                Output::Send(bytes)
            }
            Some(output) => output,
            None => Output::Wait(self.deadline()),
        }
    }

    /// Whether control bytes are welcome; while false the driver leaves them in the socket.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        if self.closed
            || self.control_closed
            || self.unsent >= MAX_PENDING_REPLIES
            || matches!(self.pending, Pending::Tls { .. })
        {
            return false;
        }
        matches!(self.pending, Pending::Transfer(_)) || !self.is_far_ahead()
    }

    #[cfg(feature = "sim")]
    pub(crate) fn config(&self) -> &SessionConfig {
        &self.config
    }

    fn parse_error(&mut self, error: ParseError) {
        if let ParseError::Syntax(spec) | ParseError::Parameter(spec) = error
            && self.allowed(spec)
        {
            self.use_up(spec);
        }
        match error {
            ParseError::UnknownVerb => {
                self.unknown_commands = self.unknown_commands.saturating_add(1);
                if self.unknown_commands >= self.config.max_unknown_commands {
                    self.close_with("Too many unknown commands.");
                } else {
                    self.say(Code::UNKNOWN, "Unknown command. HELP lists what there is.");
                }
            }
            ParseError::Syntax(spec) | ParseError::Parameter(spec) | ParseError::Protocol(spec)
                if self.allowed(spec) && self.is_missing(spec) =>
            {
                self.not_implemented();
            }
            ParseError::Syntax(spec) if self.allowed(spec) => {
                self.say(
                    Code::SYNTAX,
                    alloc::format!("Syntax: {} {}", spec.verb, spec.syntax).trim_end(),
                );
            }
            ParseError::Parameter(spec) if self.allowed(spec) => self.bad_parameter(spec),
            ParseError::Protocol(spec) if self.allowed(spec) => self.bad_protocol(),
            ParseError::NotImplemented(_) => self.not_implemented(),
            _ => self.say(Code::NOT_LOGGED_IN, "Log in with USER and PASS first."),
        }
    }

    fn not_implemented(&mut self) {
        self.say(Code::NOT_IMPLEMENTED, "This server does not do that.");
    }

    /// What the storage can do: as it said at login, and before that as the listener expects.
    fn capabilities(&self) -> Capabilities {
        let login = self.login.as_ref();
        login.map_or(self.config.capabilities, |login| login.capabilities)
    }

    /// Whether what a command needs is there for this session.
    fn has(&self, need: Need) -> bool {
        match need {
            Need::Tls => self.offers_tls(),
            Need::ClearAgain => self.offers_tls() && self.config.tls.allow_ccc,
            Need::ActiveData => self.config.active != ActivePolicy::Closed,
            need => self.capabilities().fulfil(need),
        }
    }

    /// Whether a command answers 502. CCC does not where only the policy forbids it: it says so.
    fn is_missing(&self, spec: &Spec) -> bool {
        let policy = spec.need == Need::ClearAgain && self.offers_tls();
        !self.has(spec.need) && !policy
    }

    fn allowed(&self, spec: &Spec) -> bool {
        spec.before_login || self.login.is_some()
    }

    fn command(&mut self, command: Command) {
        let Some(spec) = command::find(command.verb().as_bytes()) else {
            self.parse_error(ParseError::UnknownVerb);
            return;
        };
        if !self.allowed(spec) {
            self.say(Code::NOT_LOGGED_IN, "Log in with USER and PASS first.");
            return;
        }
        if self.login.is_some() {
            // Clients that are logged in try what some servers know after every file.
            self.unknown_commands = 0;
        }
        if self.is_missing(spec) {
            self.not_implemented();
            return;
        }
        if spec.writes && self.login.as_ref().is_some_and(|login| !login.writable) {
            self.use_up(spec);
            self.say(Code::FILE_UNAVAILABLE, "This login is read-only.");
            return;
        }
        self.run(command);
    }

    /// Forgets what was prepared for a command that was refused unseen: RFC 959 wants RNTO right
    /// behind its RNFR, and though what stands between them is borne, a failed RNTO ends it. Refused or not, it was
    /// the one that REST, RNFR or the data connection was meant for: another one would get a
    /// wrong offset, a wrong source, or a connection that the client has closed by now, and that
    /// would pass for an empty file.
    fn use_up(&mut self, spec: &Spec) {
        if spec.transfers {
            self.stop_listening();
        }
        match spec.verb {
            // A REST or RANG that was refused must not leave an earlier one in force.
            "RETR" | "STOU" | "REST" | "RANG" => (self.rest, self.range) = (0, None),
            "STOR" | "APPE" => (self.rest, self.range, self.allo) = (0, None, None),
            "HASH" => self.range = None,
            "SITE CPFR" | "SITE CPTO" => self.copy_from = None,
            "RNFR" | "RNTO" => self.rename_from = None,
            _ => {}
        }
    }

    /// One command that is allowed here.
    fn run(&mut self, command: Command) {
        match command {
            Command::User(name) => self.user(name),
            Command::Pass(password) => self.pass(password),
            Command::Quit => self.quit(),
            Command::Cwd(path) => self.cwd(&path),
            Command::Cdup => self.cdup(),
            Command::Pwd => self.pwd(),
            Command::Type(kind) => self.set_type(kind),
            Command::Stru => self.say(Code::OK, "File structure."),
            Command::Mode(mode) => self.set_mode(mode),
            Command::Pasv => self.pasv(),
            Command::Epsv(which) => self.epsv(which),
            Command::Port(to) => self.active(to, false),
            Command::Eprt(to) => self.active(to, true),
            Command::Retr(path) => self.retr(&path),
            Command::Stor(path) => self.stor(&path, false),
            Command::Appe(path) => self.stor(&path, true),
            Command::Rest(offset) => self.set_rest(offset),
            Command::Allo(bytes) => self.set_allo(bytes),
            Command::Rnfr(path) => self.rnfr(&path),
            Command::Rnto(path) => self.rnto(&path),
            Command::Dele(path) => self.dele(&path),
            Command::Rmd(path) => self.on_file(&path, Operation::RemoveDirectory, After::Removed),
            Command::Mkd(path) => self.mkd(&path),
            Command::Size(path) => self.size(&path),
            Command::Mdtm(path) => self.mdtm(&path),
            Command::List(options, path) => self.list("LIST", options, path.as_deref()),
            Command::Nlst(options, path) => self.list("NLST", options, path.as_deref()),
            Command::Mlsd(path) => self.mlsd(path.as_deref()),
            Command::Mlst(path) => self.mlst(path.as_deref()),
            Command::Stat(None) => self.status(),
            Command::Stat(Some(path)) => self.stat_path(&path),
            Command::Feat => self.feat(),
            Command::Opts(option) => self.opts(&option),
            Command::Syst => self.say(Code::SYSTEM_TYPE, "UNIX Type: L8"),
            Command::Help(verb) => self.help(verb.as_deref()),
            Command::Noop => self.say(Code::OK, "Fine."),
            Command::Abor => self.abor(),
            Command::Acct => self.say(Code::SUPERFLUOUS, "No account is needed."),
            Command::Rein => self.rein(),
            Command::Host(name) => self.host(&name),
            Command::Auth { private } => self.auth(private),
            Command::Pbsz(size) => self.pbsz(size),
            Command::Prot(level) => self.prot(level),
            Command::Ccc => self.ccc(),
            Command::Clnt(_) => self.say(Code::OK, "Noted."),
            Command::Csid(_) => self.csid(),
            Command::Lang(tag) => self.lang(tag.as_deref()),
            Command::Stou(path) => self.stou(path.as_deref()),
            Command::Mfmt(time, path) => self.mfmt(time, &path),
            Command::Mfct(time, path) => self.mfct(time, &path),
            Command::Mff(changes, path) => self.mff(changes, &path),
            Command::Avbl(path) => self.avbl(path.as_deref()),
            Command::Hash(path) => self.hash(&path),
            Command::Checksum(which, path, range) => self.checksum(which, &path, range),
            Command::Rang(first, last) => self.rang(first, last),
            Command::Comb(target, sources) => self.comb(&target, &sources),
            Command::Site(site) => self.site(site),
        }
    }

    /// The moment at which the driver is to tick, if any.
    fn deadline(&self) -> Option<Duration> {
        if self.closed {
            return None;
        }
        let at = match &self.pending {
            Pending::Nothing if self.login.is_none() => {
                Some(self.started.saturating_add(self.config.login_timeout))
            }
            Pending::Nothing => Some(self.last_command.saturating_add(self.idle_timeout)),
            Pending::Tls { since, .. } => Some(since.saturating_add(self.config.tls_timeout)),
            Pending::Transfer(running) => running.deadline,
            Pending::Login { .. } | Pending::Operation { .. } | Pending::Listen { .. } => {
                Some(self.asked.saturating_add(self.config.operation_timeout))
            }
        };
        at.map(|at| at.min(NEVER))
    }

    fn tick(&mut self) {
        if self.deadline().is_none_or(|at| at > self.now.mono) {
            return;
        }
        match &self.pending {
            Pending::Transfer(_) => self.transfer_timer(),
            Pending::Tls { .. } => self.close("TLS did not come up or go down in time"),
            Pending::Login { .. } | Pending::Operation { .. } => self.hangs(Code::LOCAL_ERROR),
            Pending::Listen { .. } => self.hangs(Code::NO_DATA_CONNECTION),
            _ if self.login.is_none() => self.close_with("No login came in time."),
            _ => self.close_with("No command came in time."),
        }
    }

    /// The driver or its storage has not answered: the last resort.
    fn hangs(&mut self, code: Code) {
        self.say(code, NO_ANSWER);
        self.close_with("The storage hangs.");
    }

    /// Back to waiting for commands. Ends the session where that was put off.
    fn settle(&mut self) {
        if !matches!(self.pending, Pending::Nothing) {
            return;
        }
        self.last_command = self.now.mono;
        if self.draining {
            self.close_with("The server is shutting down.");
        }
    }

    fn done(&mut self) {
        self.pending = Pending::Nothing;
    }

    fn fresh_id(&mut self) -> Id {
        self.asked = self.now.mono;
        self.next_id += 1;
        Id(self.next_id)
    }

    fn perform(&mut self, operation: Operation, after: After) {
        let id = self.fresh_id();
        self.pending = Pending::Operation {
            id,
            after,
            long: matches!(operation, Operation::Hash { .. }),
            abort_asked: false,
        };
        self.outputs.push_back(Output::Perform { id, operation });
    }

    /// Says 421 with `text`, if anything can be said, and closes; a running transfer is given up.
    fn close_with(&mut self, text: &'static str) {
        self.say(Code::CLOSING, text);
        if let Pending::Transfer(running) = &self.pending {
            let id = running.id;
            self.outputs.push_back(Output::Cancel { id });
        }
        self.close(text);
    }

    fn close(&mut self, reason: &'static str) {
        if core::mem::replace(&mut self.closed, true) {
            return;
        }
        if let Pending::Transfer(running) = core::mem::replace(&mut self.pending, Pending::Nothing)
        {
            // A log of transfers has those too that nobody was told the end of.
            self.event(running.ended(Code::TRANSFER_ABORTED));
        }
        self.stop_listening();
        self.lines.clear();
        self.ahead.clear();
        self.event(Event::Closing(reason));
        self.outputs.push_back(Output::Close);
    }
}

/// Bytes from the client as one line of text for a log.
fn printable<'a>(bytes: impl Into<Cow<'a, [u8]>>) -> String {
    without_control(bytes, '?')
}
