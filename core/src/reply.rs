//! Replies, in a form that cannot be malformed (RFC 959 section 4.2).
//!
//! Text goes through one encoder: a line break or another control character in it becomes `?`,
//! the inner lines of a multi-line reply are indented so that none can look like its end, and
//! 0xFF is doubled as Telnet wants it. So no name and no storage message can forge a reply.

use crate::text::has_control;
use alloc::vec::Vec;
use memchr::memchr;

/// A reply code of three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Self = Self($value);)*
        }
    };
}

codes! {
    /// 150: about to open the data connection.
    OPENING_DATA = 150;
    /// 200: done.
    OK = 200;
    /// 202: not needed here.
    SUPERFLUOUS = 202;
    /// 211: system status or features.
    SYSTEM_STATUS = 211;
    /// 212: directory status.
    DIRECTORY_STATUS = 212;
    /// 213: file status.
    FILE_STATUS = 213;
    /// 214: help.
    HELP = 214;
    /// 215: system type.
    SYSTEM_TYPE = 215;
    /// 220: ready for a new user.
    READY = 220;
    /// 221: goodbye.
    GOODBYE = 221;
    /// 225: nothing to abort.
    NO_TRANSFER = 225;
    /// 226: transfer complete, data connection closed.
    TRANSFER_COMPLETE = 226;
    /// 227: passive mode.
    PASSIVE = 227;
    /// 229: extended passive mode (RFC 2428).
    EXTENDED_PASSIVE = 229;
    /// 230: logged in.
    LOGGED_IN = 230;
    /// 234: TLS begins (RFC 2228, RFC 4217).
    SECURITY_OK = 234;
    /// 250: file action done.
    FILE_DONE = 250;
    /// 251: the MD5 of a file.
    MD5 = 251;
    /// 257: a path name.
    PATH = 257;
    /// 331: password needed.
    NEED_PASSWORD = 331;
    /// 350: more information needed.
    NEED_MORE = 350;
    /// 421: closing the control connection.
    CLOSING = 421;
    /// 425: no data connection.
    NO_DATA_CONNECTION = 425;
    /// 426: transfer aborted.
    TRANSFER_ABORTED = 426;
    /// 431: a resource of the security exchange is missing (RFC 2228).
    NO_SECURITY = 431;
    /// 450: try again later.
    FILE_BUSY = 450;
    /// 451: local error.
    LOCAL_ERROR = 451;
    /// 500: unknown command.
    UNKNOWN = 500;
    /// 501: syntax error in the argument.
    SYNTAX = 501;
    /// 502: known and not implemented.
    NOT_IMPLEMENTED = 502;
    /// 503: bad sequence of commands.
    BAD_SEQUENCE = 503;
    /// 504: not implemented for this parameter.
    BAD_PARAMETER = 504;
    /// 521: the data connection cannot be opened with this PROT (RFC 4217 section 10.2).
    BAD_PROT = 521;
    /// 522: network protocol not supported (RFC 2428).
    BAD_PROTOCOL = 522;
    /// 530: not logged in.
    NOT_LOGGED_IN = 530;
    /// 533: this command has to be protected (RFC 2228).
    PROTECTION_REQUIRED = 533;
    /// 534: refused by policy (RFC 2228).
    POLICY = 534;
    /// 536: this level of protection is not supported (RFC 2228).
    BAD_LEVEL = 536;
    /// 550: file unavailable.
    FILE_UNAVAILABLE = 550;
    /// 551: the range does not fit (RANG).
    BAD_RANGE = 551;
    /// 552: storage limit.
    NO_SPACE = 552;
    /// 553: name not allowed.
    NAME_NOT_ALLOWED = 553;
    /// 554: invalid offset in REST (RFC 3659 section 5).
    BAD_OFFSET = 554;
}

impl Code {
    /// The code as a number, 100 to 599.
    #[must_use]
    pub const fn value(self) -> u16 {
        self.0
    }

    /// Whether this ends a command: every code but the 1xx ones.
    #[must_use]
    pub const fn is_final(self) -> bool {
        self.0 >= 200
    }
}

/// One reply: a code, and one line of text or several.
///
/// ```
/// use ossftp_core::{Code, Reply};
/// let mut wire = Vec::new();
/// Reply::new(Code::OK, "Fine\r\n226 forged").encode(&mut wire);
/// assert_eq!(wire, b"200 Fine??226 forged\r\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: Code,
    first: Vec<u8>,
    inner: Vec<Vec<u8>>,
    last: Option<Vec<u8>>,
}

impl Reply {
    /// A reply of one line.
    #[must_use]
    pub fn new(code: Code, text: impl Into<Vec<u8>>) -> Self {
        Self {
            code,
            first: text.into(),
            inner: Vec::new(),
            last: None,
        }
    }

    /// A reply of several lines: `code-first`, then each of `inner` with a leading space, then
    /// `code last` (RFC 959 section 4.2, RFC 2389 section 3.2, RFC 3659 section 7.2).
    #[must_use]
    pub fn lines(
        code: Code,
        first: impl Into<Vec<u8>>,
        inner: Vec<Vec<u8>>,
        last: impl Into<Vec<u8>>,
    ) -> Self {
        Self {
            code,
            first: first.into(),
            inner,
            last: Some(last.into()),
        }
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The same reply with each text put through `change`.
    #[must_use]
    pub fn map(&self, mut change: impl FnMut(&[u8]) -> Vec<u8>) -> Self {
        Self {
            code: self.code,
            first: change(&self.first),
            inner: self.inner.iter().map(|line| change(line)).collect(),
            last: self.last.as_ref().map(|line| change(line)),
        }
    }

    /// Appends the reply to `out`, CRLF included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let separator = if self.last.is_some() { b'-' } else { b' ' };
        coded_line(self.code, separator, &self.first, out);
        for line in &self.inner {
            out.push(b' ');
            text(line, out);
            out.extend_from_slice(b"\r\n");
        }
        if let Some(last) = &self.last {
            coded_line(self.code, b' ', last, out);
        }
    }
}

/// Appends a reply of one line to `out`: what [`Reply::new`] would encode to.
pub(crate) fn encode_line(code: Code, line: &[u8], out: &mut Vec<u8>) {
    coded_line(code, b' ', line, out);
}

fn coded_line(code: Code, separator: u8, line: &[u8], out: &mut Vec<u8>) {
    out.reserve(line.len() + 6);
    let n = code.0;
    for digit in [n / 100, n / 10 % 10, n % 10] {
        out.push(b'0' + u8::try_from(digit % 10).unwrap_or(0));
    }
    out.push(separator);
    // Strict clients take a code without text for no reply.
    text(if line.is_empty() { b"-" } else { line }, out);
    out.extend_from_slice(b"\r\n");
}

/// Control characters out, 0xFF doubled (RFC 854).
fn text(line: &[u8], out: &mut Vec<u8>) {
    if !has_control(line) && memchr(0xFF, line).is_none() {
        out.extend_from_slice(line);
        return;
    }
    for byte in line {
        match byte {
            0xFF => out.extend_from_slice(&[0xFF, 0xFF]),
            b if b.is_ascii_control() => out.push(b'?'),
            b => out.push(*b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wire(reply: &Reply) -> Vec<u8> {
        let mut out = Vec::new();
        reply.encode(&mut out);
        out
    }

    #[test]
    fn one_line_and_several() {
        assert_eq!(wire(&Reply::new(Code::GOODBYE, "Bye.")), b"221 Bye.\r\n");
        let feat = Reply::lines(
            Code::SYSTEM_STATUS,
            "Features:",
            alloc::vec![Vec::from(*b"SIZE"), Vec::from(*b"211 forged")],
            "End",
        );
        assert_eq!(
            wire(&feat),
            b"211-Features:\r\n SIZE\r\n 211 forged\r\n211 End\r\n"
        );
    }

    #[test]
    fn a_reply_in_another_charset() {
        let reply = Reply::lines(Code::OK, "a", alloc::vec![b"b".to_vec()], "c");
        let louder = reply.map(|text| text.to_ascii_uppercase());
        assert_eq!(louder.code(), reply.code());
        assert_eq!(wire(&louder), b"200-A\r\n B\r\n200 C\r\n");
        let line = Reply::new(Code::OK, "a").map(|_| b"\xff\r".to_vec());
        assert_eq!(wire(&line), b"200 \xff\xff?\r\n");
    }

    #[test]
    fn all_but_the_preliminary_ones_are_final() {
        let all: Vec<u16> = (100..600).filter(|n| Code(*n).is_final()).collect();
        assert!(all.iter().copied().eq(200..600));
        assert!(all.iter().all(|n| Code(*n).value() == *n));
    }

    proptest! {
        #[test]
        fn no_text_can_forge_a_line(
            first in any::<Vec<u8>>(),
            inner in proptest::collection::vec(any::<Vec<u8>>(), 0..4),
        ) {
            let count = inner.len();
            let out = wire(&Reply::lines(Code::OK, first, inner, "End"));
            let lines: Vec<_> = out.split(|b| *b == b'\n').collect();
            prop_assert_eq!(lines.len(), count + 3);
            prop_assert!(lines[0].starts_with(b"200-"));
            prop_assert!(lines[1..=count].iter().all(|l| l.starts_with(b" ")));
            prop_assert_eq!(lines[count + 1], b"200 End\r");
            let breaks = |l: &&[u8]| l.iter().filter(|b| **b == b'\r').count();
            prop_assert!(lines[..count + 2].iter().map(breaks).all(|n| n == 1));
        }
    }
}
