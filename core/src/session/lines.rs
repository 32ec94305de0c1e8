//! The control connection: which line is taken when, what is done before its turn, and what
//! becomes of the lines when the client ends its side. What a command does stands elsewhere.

use super::{MAX_AHEAD_BYTES, MAX_AHEAD_LINES, MAX_PENDING_REPLIES};
use super::{Pending, Phase, Running, Session, printable};
use crate::command::{self, Command, ParseError};
use crate::line::Line;
use crate::{Code, Direction, Event, Output};
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

/// The methods of HTTP: browsers can be made to send them, with commands in the body.
const HTTP_METHODS: [&str; 9] = [
    "GET", "POST", "PUT", "HEAD", "DELETE", "CONNECT", "OPTIONS", "PATCH", "TRACE",
];

impl Session {
    pub(super) fn control(&mut self, bytes: &[u8]) {
        if self.control_closed || matches!(self.pending, Pending::Tls { .. }) {
            return;
        }
        self.lines.push(bytes);
        self.look_ahead();
    }

    /// Nothing more comes. A client that has ended its own side may still read, and one that is
    /// gone has said what it said: commands that came whole are done and answered, in order,
    /// but for a hash that nothing follows. A transfer needs its client, but see
    /// [`Session::outlives_control`].
    pub(super) fn control_closed(&mut self) {
        if core::mem::replace(&mut self.control_closed, true) {
            return;
        }
        let goes_on = match &self.pending {
            // What is left to do: see `advance`.
            Pending::Nothing => true,
            Pending::Operation { long: true, .. } => {
                !self.ahead.is_empty() || self.lines.waiting_lines() > 0
            }
            Pending::Login { .. } | Pending::Listen { .. } | Pending::Operation { .. } => true,
            Pending::Tls { .. } => false,
            Pending::Transfer(_) => return self.transfer_without_control(),
        };
        if !goes_on {
            self.close("the client closed the connection");
        }
    }

    /// Gives a transfer up that its client has left.
    pub(super) fn transfer_without_control(&mut self) {
        let Pending::Transfer(running) = &self.pending else {
            return;
        };
        if self.outlives_control(running) {
            return;
        }
        let id = running.id;
        self.outputs.push_back(Output::Cancel { id });
        self.close("the client closed the connection during a transfer");
    }

    /// What counts as truncated: an upload goes on without its control connection only when the
    /// client had said QUIT, when the operator allows it, or when its commit has been under way
    /// for longer than a dying client needs to close all its connections.
    fn outlives_control(&self, running: &Running) -> bool {
        let dying = running
            .committing_since
            .map(|since| since.saturating_add(self.config.hang_up_window))
            .is_none_or(|until| self.now.mono < until);
        running.direction == Direction::Upload
            && (self.quit_seen || self.config.commit_on_disconnect || !dying)
    }

    /// Takes lines while nothing is pending and replies are not piling up.
    pub(super) fn advance(&mut self) {
        while !self.closed
            && matches!(self.pending, Pending::Nothing)
            && self.unsent < MAX_PENDING_REPLIES
        {
            let Some(line) = self.ahead.pop_front().or_else(|| self.lines.next_line()) else {
                if self.control_closed {
                    self.close("the client closed the connection");
                }
                break;
            };
            self.line(line);
            self.look_ahead();
            if self.control_closed {
                self.transfer_without_control();
            }
        }
    }

    /// Whether so much waits that no more is welcome.
    pub(super) fn is_far_ahead(&self) -> bool {
        self.ahead.len() + self.lines.waiting_lines() >= MAX_AHEAD_LINES
            || self.ahead_bytes() + self.lines.waiting_bytes() >= MAX_AHEAD_BYTES
    }

    fn ahead_bytes(&self) -> usize {
        self.ahead.iter().map(line_len).sum()
    }

    /// What cannot wait for its turn is done at once, the rest is put aside, in order.
    pub(super) fn look_ahead(&mut self) {
        match self.pending {
            Pending::Transfer(_) => self.look_ahead_in_transfer(),
            Pending::Operation { abort_asked, .. } if !abort_asked => self.look_for_abort(),
            _ => {}
        }
    }

    /// Before the 150 only ABOR cannot wait, since any other reply would be taken for the
    /// transfer's own. QUIT keeps its place, but that it came is known from here on.
    ///
    /// It stops where replies pile up, and goes on when they have gone out.
    fn look_ahead_in_transfer(&mut self) {
        let mut index = 0;
        while self.unsent < MAX_PENDING_REPLIES {
            let Some(line) = self.ahead.get(index) else {
                let Some(line) = self.lines.next_line() else {
                    break;
                };
                self.ahead.push_back(line);
                continue;
            };
            let parsed = match line {
                Line::Text(text) => command::parse(text).ok(),
                Line::TooLong => None,
            };
            let Pending::Transfer(running) = &self.pending else {
                return;
            };
            let now = match parsed {
                // One that waits for the end of a commit; a further one waits for that answer.
                Some(Command::Abor) => !running.abort_asked,
                Some(Command::Noop | Command::Stat(None)) => running.phase != Phase::Opening,
                Some(Command::Quit) => {
                    self.quit_seen = true;
                    false
                }
                _ => false,
            };
            if now {
                if let Some(line) = self.ahead.remove(index) {
                    self.line(line);
                }
            } else {
                index += 1;
            }
        }
        if self.ahead.len() > MAX_AHEAD_LINES || self.ahead_bytes() > MAX_AHEAD_BYTES {
            self.close_with("Too many commands during a transfer.");
        }
    }

    /// While the storage works, only ABOR cannot wait. What is not taken out of the reader here
    /// holds the client back: see [`Session::is_far_ahead`].
    fn look_for_abort(&mut self) {
        while self.ahead.len() < MAX_AHEAD_LINES && self.ahead_bytes() < MAX_AHEAD_BYTES {
            let Some(line) = self.lines.next_line() else {
                break;
            };
            self.ahead.push_back(line);
        }
        let is_abort = |line: &Line| match line {
            Line::Text(text) => {
                let verb = command::without_signals(text);
                let begin = verb.get(..4).unwrap_or_default();
                begin.eq_ignore_ascii_case(b"ABOR")
                    && matches!(command::parse(text), Ok(Command::Abor))
            }
            Line::TooLong => false,
        };
        if let Some(index) = self.ahead.iter().position(is_abort)
            && let Some(line) = self.ahead.remove(index)
        {
            self.line(line);
        }
    }

    fn line(&mut self, line: Line) {
        self.last_command = self.now.mono;
        let text = match line {
            Line::Text(text) => text,
            Line::TooLong => {
                self.event(Event::Command(String::from("a line that is too long")));
                self.say(
                    Code::UNKNOWN,
                    "The command line is longer than 4,096 bytes.",
                );
                return;
            }
        };
        match command::parse(&text) {
            Ok(command) => {
                self.log_command(&command);
                self.command(command);
            }
            Err(error) => {
                let shown = shown(&text, error, self.login.is_some());
                self.event(Event::Command(shown));
                if is_http(&text) {
                    self.close_with("This is no HTTP server.");
                } else {
                    self.parse_error(error);
                }
            }
        }
    }

    fn log_command(&mut self, command: &Command) {
        let text = match command {
            Command::Pass(_) => String::from("PASS ***"),
            Command::Acct => String::from("ACCT ***"),
            command => {
                let line = command.encode();
                match self.names.read(&line) {
                    Ok(Cow::Owned(text)) => printable(text),
                    // As it is: no need of a copy.
                    _ => printable(line),
                }
            }
        };
        self.event(Event::Command(text));
    }
}

fn line_len(line: &Line) -> usize {
    match line {
        Line::Text(text) => text.len(),
        Line::TooLong => 0,
    }
}

/// A line that is no command, for a log: whole if its verb takes no secrets, else what it begins
/// with and its length. A mistyped PASS is an unknown verb; so is a password that stands alone, as
/// before a login it may, or that follows PASS without a space.
fn shown(line: &[u8], error: ParseError, logged_in: bool) -> String {
    let harmless = match error {
        ParseError::Syntax(spec) | ParseError::Parameter(spec) | ParseError::Protocol(spec) => {
            !matches!(spec.verb, "PASS" | "ACCT" | "SITE")
        }
        ParseError::UnknownVerb | ParseError::NotImplemented(_) => false,
    };
    if harmless {
        return printable(line);
    }
    let end = line.iter().position(|b| *b == b' ').unwrap_or(line.len());
    let (verb, argument) = line.split_at(end);
    let glued = |pass: &[u8]| pass.eq_ignore_ascii_case(b"PASS") && verb.len() > 4;
    let is_verb = verb.len() <= 8
        && verb.iter().all(u8::is_ascii_alphabetic)
        && !verb.get(..4).is_some_and(glued)
        && (logged_in || error.spec().is_some() || !argument.is_empty());
    if is_verb {
        let count = argument.len().saturating_sub(1);
        format!("{} ({count} bytes)", printable(verb).to_uppercase())
    } else {
        format!("? ({} bytes)", line.len())
    }
}

/// Whether this is a line of an HTTP request. A page in a browser can be made to post commands to
/// this server in the body of one.
fn is_http(line: &[u8]) -> bool {
    let mut words = line.splitn(2, |b| *b == b' ');
    let (first, rest) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let is = |word: &&str| first.eq_ignore_ascii_case(word.as_bytes());
    first.eq_ignore_ascii_case(b"Host:")
        || (HTTP_METHODS.iter().any(is)
            && rest.windows(5).any(|w| w.eq_ignore_ascii_case(b"HTTP/")))
}
