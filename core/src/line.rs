//! Framing: from the bytes of the control connection to lines, before anything is parsed.
//!
//! A line ends with CRLF or a bare LF (old devices send that). CR NUL stands for a CR inside a
//! line (RFC 2640 section 3.1). Telnet commands are dropped and IAC IAC becomes 0xFF (RFC 854);
//! an LF ends the line whatever Telnet state it came in, so one broken sequence costs one line
//! at the most. A line longer than [`MAX_LINE`] is skipped whole and reported once.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use memchr::{memchr, memchr_iter, memchr2};

/// The longest line in bytes, its end not counted.
pub const MAX_LINE: usize = 4096;

/// One line of the control connection, without its end. `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Line {
    /// At most [`MAX_LINE`] bytes; never empty.
    Text(Vec<u8>),
    /// A line that was longer, and was skipped.
    TooLong,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Whatever the verb is: a password may stand after a mistyped PASS.
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::TooLong => f.write_str("TooLong"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Telnet {
    #[default]
    Data,
    /// After IAC.
    Command,
    /// After IAC and WILL, WONT, DO or DONT: one option byte follows.
    Option,
    /// Between IAC SB and IAC SE.
    Subnegotiation,
    /// After an IAC in there.
    SubnegotiationCommand,
}

const IAC: u8 = 0xFF;
const SB: u8 = 250;
const SE: u8 = 240;

/// Cuts bytes into lines. How the bytes were split between calls makes no difference.
///
/// ```
/// use ossftp_core::line::{Line, LineReader};
/// let mut reader = LineReader::default();
/// reader.push(b"NOOP\r\nPW");
/// assert_eq!(reader.next_line(), Some(Line::Text(b"NOOP".to_vec())));
/// assert_eq!(reader.next_line(), None);
/// reader.push(b"D\n");
/// assert_eq!(reader.next_line(), Some(Line::Text(b"PWD".to_vec())));
/// ```
#[derive(Default)]
pub struct LineReader {
    /// Bytes that no line was cut from yet.
    raw: Vec<u8>,
    /// How many bytes of `raw` have been cut off.
    taken: usize,
    /// How many LFs stand in `raw`, and so how many whole lines.
    line_ends: usize,
    current: Vec<u8>,
    too_long: bool,
    telnet: Telnet,
    after_cr: bool,
}

/// How much waits, and not what: it may be a password.
impl fmt::Debug for LineReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineReader")
            .field("waiting_bytes", &self.waiting_bytes())
            .field("waiting_lines", &self.line_ends)
            .field("current_bytes", &self.current.len())
            .finish_non_exhaustive()
    }
}

impl LineReader {
    /// Takes in bytes. The caller bounds how many: see [`LineReader::waiting_bytes`].
    pub fn push(&mut self, bytes: &[u8]) {
        self.line_ends += memchr_iter(b'\n', bytes).count();
        // What was cut off goes away here, where it costs least: mostly nothing is left.
        self.raw.drain(..self.taken);
        self.taken = 0;
        self.raw.extend_from_slice(bytes);
    }

    /// Bytes that were pushed and not yet cut into lines.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.raw.len() - self.taken
    }

    /// Whole lines (empty ones included) that wait.
    #[must_use]
    pub fn waiting_lines(&self) -> usize {
        self.line_ends
    }

    /// Forgets everything that was pushed.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The next whole line that is not empty.
    pub fn next_line(&mut self) -> Option<Line> {
        while self.line_ends > 0 {
            let rest = self.raw.get(self.taken..).unwrap_or_default();
            let end = memchr(b'\n', rest)?;
            self.taken += end + 1;
            self.line_ends -= 1;
            let line = self.line(self.taken - end - 1..self.taken - 1);
            if line.is_some() {
                return line;
            }
        }
        self.bytes(self.taken..self.raw.len());
        self.taken = self.raw.len();
        None
    }

    /// The line whose last bytes stand here in `raw`, unless it is empty.
    fn line(&mut self, range: Range<usize>) -> Option<Line> {
        let begins = self.current.is_empty() && self.telnet == Telnet::Data && !self.after_cr;
        let whole = self
            .raw
            .get(range.clone())
            .filter(|_| begins && !self.too_long);
        if let Some(line) = whole.map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            && memchr2(b'\r', IAC, line).is_none()
            && line.len() <= MAX_LINE
        {
            // Most lines are like that: they came whole and hold nothing that is special.
            return (!line.is_empty()).then(|| Line::Text(line.to_vec()));
        }
        self.bytes(range);
        // The CR of CRLF is held back, so it is not in `current`.
        self.after_cr = false;
        self.telnet = Telnet::Data;
        let text = core::mem::take(&mut self.current);
        if core::mem::take(&mut self.too_long) {
            return Some(Line::TooLong);
        }
        (!text.is_empty()).then_some(Line::Text(text))
    }

    fn bytes(&mut self, range: Range<usize>) {
        for index in range {
            if let Some(byte) = self.raw.get(index) {
                self.byte(*byte);
            }
        }
    }

    fn byte(&mut self, byte: u8) {
        self.telnet = match (self.telnet, byte) {
            (Telnet::Data, IAC) => Telnet::Command,
            (Telnet::Data, _) | (Telnet::Command, IAC) => {
                self.data(byte);
                Telnet::Data
            }
            (Telnet::Command, 251..=254) => Telnet::Option,
            (Telnet::Command, SB) => Telnet::Subnegotiation,
            (Telnet::Command | Telnet::Option, _) => Telnet::Data,
            (Telnet::Subnegotiation, IAC) => Telnet::SubnegotiationCommand,
            (Telnet::SubnegotiationCommand, SE) => Telnet::Data,
            (Telnet::Subnegotiation | Telnet::SubnegotiationCommand, _) => Telnet::Subnegotiation,
        };
    }

    fn data(&mut self, byte: u8) {
        if core::mem::take(&mut self.after_cr) {
            self.keep(b'\r');
            if byte == 0 {
                return;
            }
        }
        if byte == b'\r' {
            self.after_cr = true;
        } else {
            self.keep(byte);
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.current.len() < MAX_LINE && !self.too_long {
            self.current.push(byte);
        } else {
            self.too_long = true;
            self.current = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn lines(pieces: &[&[u8]]) -> Vec<Line> {
        let mut reader = LineReader::default();
        let mut out = Vec::new();
        for piece in pieces {
            reader.push(piece);
            out.extend(core::iter::from_fn(|| reader.next_line()));
        }
        assert_eq!(reader.waiting_lines(), 0);
        out
    }

    fn text(bytes: &[u8]) -> Line {
        Line::Text(bytes.to_vec())
    }

    #[test]
    fn line_ends() {
        assert_eq!(
            lines(&[b"a\r\nb\n\r\n\n\r\r\nc"]),
            vec![text(b"a"), text(b"b"), text(b"\r")]
        );
        assert_eq!(lines(&[b"a\r\0b\rc\r\n"]), vec![text(b"a\rb\rc")]);
        assert_eq!(lines(&[b"a\0b\n"]), vec![text(b"a\0b")]);
    }

    #[test]
    fn telnet() {
        assert_eq!(lines(&[b"\xff\xf4\xff\xf2ABOR\r\n"]), vec![text(b"ABOR")]);
        assert_eq!(lines(&[b"a\xff\xffb\n"]), vec![text(b"a\xffb")]);
        assert_eq!(lines(&[b"\xff\xfd\x06NOOP\n"]), vec![text(b"NOOP")]);
        assert_eq!(
            lines(&[b"\xff\xfax\xffyz\xff\xf0NOOP\n"]),
            vec![text(b"NOOP")]
        );
        assert_eq!(
            lines(&[b"\xff\xfa lost\nNOOP\n\xff\nPWD\n"]),
            vec![text(b"NOOP"), text(b"PWD")]
        );
    }

    #[test]
    fn too_long_is_reported_once() {
        let mut wire = vec![b'x'; MAX_LINE];
        wire.extend_from_slice(b"\r\n");
        assert_eq!(lines(&[&wire]), vec![text(&wire[..MAX_LINE])]);
        let mut wire = vec![b'x'; 3 * MAX_LINE];
        wire.extend_from_slice(b"\r\nNOOP\r\n");
        assert_eq!(lines(&[&wire]), vec![Line::TooLong, text(b"NOOP")]);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(
            wire in proptest::collection::vec(prop_oneof![
                Just(b'\r'), Just(b'\n'), Just(IAC), Just(SB), Just(SE), Just(0u8), any::<u8>()
            ], 0..80),
            cut in 0usize..80,
        ) {
            let (head, tail) = wire.split_at(cut.min(wire.len()));
            let whole = lines(&[&wire]);
            prop_assert_eq!(&lines(&[head, tail]), &whole);
            let bytes: Vec<&[u8]> = wire.chunks(1).collect();
            prop_assert_eq!(&lines(&bytes), &whole);
        }
    }
}
