//! The control connection as an outsider understands it: which commands the client has sent,
//! and which reply answers which of them.
//!
//! This is a second, independent reading of RFC 959, to hold the session against: it shares
//! neither the framing nor the table of commands with it.

use super::transcript::{code, shown};
use crate::text::key;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use memchr::{memchr, memchr2};

/// The longest line that is a command.
const MAX_LINE: usize = 4096;
/// Codes that may answer any command: not understood, not here, not now, not logged in.
const ANY: [u16; 6] = [500, 501, 502, 503, 504, 530];
/// What a storage can have against a file action.
const STORAGE: [u16; 8] = [450, 451, 504, 550, 551, 552, 553, 554];
/// What can end a transfer besides.
const TRANSFER: [u16; 5] = [226, 425, 426, 521, 522];

/// A verb, the codes that may answer it besides [`ANY`], and whether the storage may object.
type Row = (&'static str, &'static [u16], bool);

/// All verbs.
static VERBS: &[Row] = &[
    ("USER", &[331, 534], false),
    ("PASS", &[230, 451, 534], false),
    ("P@SW", &[230, 451, 534], false),
    ("ACCT", &[202], false),
    ("REIN", &[220], false),
    ("HOST", &[220], false),
    ("AUTH", &[234, 431, 534], false),
    ("PBSZ", &[200], false),
    ("PROT", &[200, 431, 534, 536], false),
    ("CCC", &[200, 533, 534], false),
    ("CLNT", &[200], false),
    ("CSID", &[200], false),
    ("LANG", &[200], false),
    ("MFMT", &[213], true),
    ("MFCT", &[213], true),
    ("MFF", &[213], true),
    ("AVBL", &[213], true),
    ("HASH", &[213], true),
    ("XCRC", &[250], true),
    ("XMD5", &[250], true),
    ("XSHA", &[250], true),
    ("XSHA1", &[250], true),
    ("XSHA256", &[250], true),
    ("XSHA512", &[250], true),
    ("MD5", &[251], true),
    ("RANG", &[350, 551], false),
    ("COMB", &[250], true),
    ("SITE", &[200, 213, 214, 250, 350], true),
    ("STOU", &TRANSFER, true),
    ("QUIT", &[221], false),
    ("CWD", &[250], true),
    ("XCWD", &[250], true),
    ("CDUP", &[250], false),
    ("XCUP", &[250], false),
    ("PWD", &[257, 550], false),
    ("XPWD", &[257, 550], false),
    ("TYPE", &[200], false),
    ("STRU", &[200], false),
    ("MODE", &[200], false),
    ("PASV", &[227, 425], false),
    ("EPSV", &[200, 229, 425, 522], false),
    ("PORT", &[200], false),
    ("EPRT", &[200, 522], false),
    ("RETR", &TRANSFER, true),
    ("STOR", &TRANSFER, true),
    ("APPE", &TRANSFER, true),
    ("LIST", &TRANSFER, true),
    ("NLST", &TRANSFER, true),
    ("MLSD", &TRANSFER, true),
    ("REST", &[350], false),
    ("ALLO", &[200], false),
    ("RNFR", &[350], true),
    ("RNTO", &[250], true),
    ("DELE", &[250], true),
    ("RMD", &[250], true),
    ("XRMD", &[250], true),
    ("MKD", &[257], true),
    ("XMKD", &[257], true),
    ("SIZE", &[213], true),
    ("MDTM", &[213], true),
    ("MLST", &[250], true),
    ("STAT", &[211, 212, 213], true),
    ("FEAT", &[211], false),
    ("OPTS", &[200], false),
    ("SYST", &[215], false),
    ("HELP", &[214, 502], false),
    ("NOOP", &[200], false),
    ("ABOR", &[225, 226], false),
];

/// The verbs of the rows as numbers, which are faster to find.
static KEYS: [u64; VERBS.len()] = {
    let mut keys = [0; VERBS.len()];
    let mut at = 0;
    while at < keys.len() {
        keys[at] = key(VERBS[at].0.as_bytes());
        at += 1;
    }
    keys
};

/// A command that was sent and has no final reply yet.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Command {
    /// Its verb in upper case; empty for a line that was too long.
    line: Vec<u8>,
    verb_length: usize,
    row: Option<&'static Row>,
    /// Whether it moves bytes over a data connection.
    transfers: bool,
    /// Whether its 1xx has come.
    preliminary: bool,
    /// The file that its 150 named (RFC 1123 section 4.1.2.9).
    pub(super) file: Option<Vec<u8>>,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.line))?;
        f.write_str(if self.preliminary { " (1xx)" } else { "" })
    }
}

impl Command {
    fn new(mut line: Vec<u8>) -> Self {
        let signals = line.iter().take_while(|b| **b >= 240).count();
        if signals < line.len() {
            line.drain(..signals);
        }
        let verb_length = memchr(b' ', &line).unwrap_or(line.len());
        let verb = line.get_mut(..verb_length).unwrap_or_default();
        verb.make_ascii_uppercase();
        let verb = &*verb;
        let wanted = key(verb);
        let row = KEYS.iter().position(|key| *key == wanted && wanted != 0);
        Self {
            transfers: matches!(
                verb,
                b"RETR" | b"STOR" | b"STOU" | b"APPE" | b"LIST" | b"NLST" | b"MLSD"
            ),
            row: row.and_then(|row| VERBS.get(row)),
            line,
            verb_length,
            preliminary: false,
            file: None,
        }
    }

    /// In upper case.
    pub(super) fn verb(&self) -> &[u8] {
        self.line.get(..self.verb_length).unwrap_or_default()
    }

    pub(super) fn argument(&self) -> &[u8] {
        self.line.get(self.verb_length + 1..).unwrap_or_default()
    }

    pub(super) fn transfers(&self) -> bool {
        self.transfers
    }

    /// Whether it may take the storage's time, so that there is something to abort.
    fn asks_storage(&self) -> bool {
        let row = VERBS
            .iter()
            .find(|(verb, ..)| verb.as_bytes() == self.verb());
        row.is_some_and(|(_, _, storage)| *storage)
    }

    /// Whether it may be answered while a transfer before it still runs.
    fn is_urgent(&self) -> bool {
        match self.verb() {
            b"ABOR" | b"NOOP" => true,
            b"STAT" => self.argument().is_empty(),
            _ => false,
        }
    }

    fn may_get(&self, code: u16) -> bool {
        if code == 226 && self.transfers && !self.preliminary {
            return false;
        }
        let listed = self.row.is_some_and(|(_, codes, storage)| {
            codes.contains(&code) || (*storage && STORAGE.contains(&code))
        });
        listed || ANY.contains(&code)
    }
}

/// Whether a reply with `code` may answer the command of this line, as the judge of every run has
/// it: a list of its own, to hold the [table of commands](crate::command::COMMANDS) against.
#[must_use]
pub fn may_answer(line: &str, code: u16) -> bool {
    let mut command = Command::new(line.as_bytes().to_vec());
    if code < 200 {
        return command.transfers;
    }
    command.preliminary = command.transfers;
    code == 421 || command.may_get(code)
}

/// A command and the final reply that answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exchange<'a> {
    pub(super) command: Command,
    pub(super) code: u16,
    pub(super) reply: &'a [u8],
}

/// What has been said, and what still wants an answer.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// The line that is not whole yet.
    partial: Vec<u8>,
    outstanding: VecDeque<Command>,
    greeted: bool,
    /// 421 or 221 has been said.
    over: bool,
    /// The last reply ended something that ABOR was for, so that its own may follow.
    transfer_ended: bool,
}

impl Conversation {
    /// Takes in what the client's bytes say; gives the commands that they complete.
    pub(super) fn heard(&mut self, mut bytes: &[u8]) -> impl Iterator<Item = &Command> {
        let known = self.outstanding.len();
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            self.partial.extend_from_slice(line);
            let line = without_telnet(&self.partial);
            self.partial.clear();
            if line.len() > MAX_LINE {
                self.outstanding.push_back(Command::new(Vec::new()));
            } else if !line.is_empty() {
                self.outstanding.push_back(Command::new(line));
            }
        }
        self.partial.extend_from_slice(bytes);
        self.outstanding.iter().skip(known)
    }

    /// The commands that have no final reply yet, oldest first.
    pub(super) fn outstanding(&self) -> impl Iterator<Item = &Command> {
        self.outstanding.iter()
    }

    /// TLS comes up or goes down: what the client has sent so far and was not answered is lost.
    pub(super) fn forget(&mut self) {
        self.partial.clear();
        self.outstanding.clear();
    }

    /// Takes one write of the server apart into replies. What does not have the form of whole
    /// replies (RFC 959 section 4.2) ends it with an error.
    pub(super) fn replies(mut wire: &[u8]) -> impl Iterator<Item = Result<&[u8], String>> {
        core::iter::from_fn(move || {
            if wire.is_empty() {
                return None;
            }
            match reply_length(wire) {
                Ok(length) => {
                    let (reply, rest) = wire.split_at(length);
                    wire = rest;
                    Some(Ok(reply))
                }
                Err(error) => {
                    let error = format!("{error}: {}", shown(wire));
                    wire = &[];
                    Some(Err(error))
                }
            }
        })
    }

    /// Takes in one reply; gives the exchange that it ends, if it ends one.
    ///
    /// # Errors
    /// It answers nothing, or not so.
    pub(super) fn said<'a>(&mut self, reply: &'a [u8]) -> Result<Option<Exchange<'a>>, String> {
        let code = code(reply);
        if self.over {
            return Err(format!("a reply after the last one: {}", shown(reply)));
        }
        if !self.greeted {
            self.greeted = true;
            return if code == 220 {
                Ok(None)
            } else {
                Err(format!("not a greeting: {}", shown(reply)))
            };
        }
        if code == 421 {
            self.over = true;
            return Ok(None);
        }
        if code < 200 {
            return self.preliminary(reply).map(|()| None);
        }
        let Some(index) = self.answered_by(code) else {
            return Err(format!(
                "{} answers none of {:?}",
                shown(reply),
                self.outstanding
            ));
        };
        let Some(command) = self.outstanding.remove(index) else {
            return Ok(None);
        };
        self.transfer_ended = command.asks_storage();
        self.over = code == 221;
        Ok(Some(Exchange {
            command,
            code,
            reply,
        }))
    }

    fn preliminary(&mut self, reply: &[u8]) -> Result<(), String> {
        match self.outstanding.front_mut() {
            Some(command) if command.transfers && !command.preliminary => {
                command.preliminary = true;
                command.file = file_named(reply);
                Ok(())
            }
            other => Err(format!("{} is not for {other:?}", shown(reply))),
        }
    }

    /// The oldest command, or one that may go before it.
    fn answered_by(&self, code: u16) -> Option<usize> {
        let first = self.outstanding.front()?;
        if first.may_get(code) {
            return Some(0);
        }
        if !first.transfers && !self.transfer_ended {
            return None;
        }
        self.outstanding
            .iter()
            .position(|command| command.is_urgent() && command.may_get(code))
    }
}

/// The name in `150 FILE: name`; an IAC in it is doubled.
fn file_named(reply: &[u8]) -> Option<Vec<u8>> {
    let text = reply.get(4..)?.strip_prefix(b"FILE: ")?;
    Some(without_telnet(text.strip_suffix(b"\r\n")?))
}

/// What follows IAC SE; an IAC IAC before it is a byte of the subnegotiation (RFC 855).
fn after_subnegotiation(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = match rest {
            [] => return None,
            [255, 240, tail @ ..] => return Some(tail),
            [255, _, tail @ ..] | [_, tail @ ..] => tail,
        };
    }
}

/// Takes Telnet commands out of a line, and makes CR NUL a CR; a CR at the end belongs to the
/// end of the line.
fn without_telnet(line: &[u8]) -> Vec<u8> {
    // Most lines have neither.
    let head = line.strip_suffix(b"\r").unwrap_or(line);
    if memchr2(b'\r', 255, head).is_none() {
        return head.to_vec();
    }
    let mut data = Vec::new();
    let mut rest = line;
    loop {
        rest = match rest {
            [] => break,
            [255, 255, tail @ ..] => {
                data.push(255);
                tail
            }
            [255, 251..=254, _, tail @ ..] => tail,
            [255, 250, tail @ ..] => match after_subnegotiation(tail) {
                Some(tail) => tail,
                None => break,
            },
            [255, 251..=254] | [255] => break,
            [255, 236..=255, tail @ ..] => tail,
            [255, byte, tail @ ..] => {
                data.push(*byte);
                tail
            }
            [byte, tail @ ..] => {
                data.push(*byte);
                tail
            }
        };
    }
    let mut text = Vec::new();
    let mut rest = data.as_slice();
    loop {
        rest = match rest {
            [] | [b'\r'] => break,
            [b'\r', 0, tail @ ..] => {
                text.push(b'\r');
                tail
            }
            [byte, tail @ ..] => {
                text.push(*byte);
                tail
            }
        };
    }
    text
}

/// The length of the reply that `wire` begins with.
fn reply_length(wire: &[u8]) -> Result<usize, &'static str> {
    let mut length = 0;
    let mut multi_line: Option<&[u8]> = None;
    loop {
        let rest = wire.get(length..).unwrap_or_default();
        let end = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let line = rest.get(..end).unwrap_or_default();
        if line.is_empty() {
            return Err("a reply that does not end");
        }
        length += line.len();
        let text = line
            .strip_suffix(b"\r\n")
            .ok_or("a line without CRLF at its end")?;
        check_text(text)?;
        let digits = text.get(..3).filter(|d| d.iter().all(u8::is_ascii_digit));
        match (multi_line, digits, text.get(3)) {
            (None, Some([b'1'..=b'5', ..]), Some(b' ')) => return Ok(length),
            (None, Some(code @ [b'1'..=b'5', ..]), Some(b'-')) => multi_line = Some(code),
            (None, ..) => return Err("no reply code"),
            (Some(code), Some(digits), Some(b' ')) if code == digits => return Ok(length),
            (Some(_), ..) if text.first() != Some(&b' ') => {
                return Err("an inner line that is not indented");
            }
            (Some(_), ..) => {}
        }
    }
}

fn check_text(text: &[u8]) -> Result<(), &'static str> {
    if has_control(text) {
        return Err("a control character");
    }
    if memchr(255, text).is_none() {
        return Ok(());
    }
    let single_iac = text
        .split(|b| *b != 255)
        .any(|run| !run.len().is_multiple_of(2));
    if single_iac {
        return Err("0xFF that is not doubled");
    }
    Ok(())
}

/// Whether a control character of ASCII is in there. All bytes are looked at, in one go: that is
/// faster than to stop at the first.
pub(super) fn has_control(text: &[u8]) -> bool {
    text.iter()
        .fold(false, |found, byte| found | byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_taken_apart() {
        let wire = b"220 Hi\r\n211-A\r\n B\r\n 211 C\r\n211 End\r\n";
        let all = |wire: &'static [u8]| Conversation::replies(wire).collect::<Result<Vec<_>, _>>();
        let replies = all(wire).unwrap();
        assert_eq!(replies.len(), 2);
        assert_eq!(replies.concat(), wire);
        for bad in [
            &b"220 Hi"[..],
            b"220 Hi\n",
            b"220\r\n",
            b"2200 x\r\n",
            b"620 x\r\n",
            b"220 a\rb\r\n",
            b"220 a\x1bb\r\n",
            b"220-a\r\n",
            b"220-a\r\nb\r\n220 c\r\n",
            b"220-a\r\n221 c\r\n",
            b"220 \xff\r\n",
        ] {
            assert!(all(bad).is_err(), "{}", shown(bad));
        }
        assert!(all(b"220 \xff\xff\r\n").is_ok());
    }

    fn after(commands: &[u8]) -> Conversation {
        let mut conversation = Conversation::default();
        assert_eq!(conversation.said(b"220 Hi\r\n"), Ok(None));
        let _ = conversation.heard(commands).count();
        conversation
    }

    fn answers(conversation: &mut Conversation, code: u16) -> Option<String> {
        let reply = format!("{code} x\r\n");
        let exchange = conversation.said(reply.as_bytes()).unwrap();
        exchange.map(|e| String::from_utf8(e.command.verb().to_vec()).unwrap())
    }

    #[test]
    fn replies_find_their_commands() {
        let mut talk = after(b"RETR a\r\nPWD\r\nnoop\r\nABOR\r\nXYZ\r\n");
        assert_eq!(answers(&mut talk, 150), None);
        assert_eq!(answers(&mut talk, 200).as_deref(), Some("NOOP"));
        assert_eq!(answers(&mut talk, 426).as_deref(), Some("RETR"));
        assert_eq!(answers(&mut talk, 226).as_deref(), Some("ABOR"));
        assert_eq!(answers(&mut talk, 257).as_deref(), Some("PWD"));
        assert_eq!(answers(&mut talk, 500).as_deref(), Some("XYZ"));
        assert_eq!(talk.outstanding().count(), 0);
        let mut talk = after(b"STOR a\r\nAPPE\r\nABOR\r\n");
        assert_eq!(answers(&mut talk, 150), None);
        assert_eq!(answers(&mut talk, 426).as_deref(), Some("STOR"));
        assert_eq!(answers(&mut talk, 226).as_deref(), Some("ABOR"));
        assert_eq!(answers(&mut talk, 501).as_deref(), Some("APPE"));
    }

    #[test]
    fn wrong_replies_are_seen() {
        assert!(after(b"").said(b"200 x\r\n").is_err());
        assert!(Conversation::default().said(b"230 x\r\n").is_err());
        assert!(after(b"PWD\r\n").said(b"250 x\r\n").is_err());
        assert!(after(b"PWD\r\n").said(b"150 x\r\n").is_err());
        assert!(after(b"PWD\r\nNOOP\r\n").said(b"200 x\r\n").is_err());
        let mut twice = after(b"RETR a\r\n");
        assert!(twice.said(b"150 x\r\n").is_ok());
        assert!(twice.said(b"150 x\r\n").is_err());
        let mut over = after(b"QUIT\r\nPWD\r\n");
        assert!(over.said(b"221 x\r\n").is_ok());
        assert!(over.said(b"257 x\r\n").is_err());
    }

    #[test]
    fn lines_are_read_as_the_rfcs_say() {
        let mut talk = after(b"");
        let mut lines = |bytes: &[u8]| -> Vec<(String, Vec<u8>)> {
            let commands = talk.heard(bytes);
            let verb = |c: &Command| String::from_utf8(c.verb().to_vec()).unwrap();
            commands.map(|c| (verb(c), c.argument().to_vec())).collect()
        };
        let expected = |verb: &str, argument: &[u8]| (String::from(verb), argument.to_vec());
        assert_eq!(lines(b"retr  a\r"), []);
        assert_eq!(lines(b"\n\r\n\n"), [expected("RETR", b" a")]);
        assert_eq!(lines(b"\xff\xf4\xff\xf2ABOR\r\n"), [expected("ABOR", b"")]);
        assert_eq!(
            lines(b"CWD a\r\0\xff\xff\xff\xfd\x01b\r\n"),
            [expected("CWD", b"a\r\xffb")]
        );
        assert_eq!(lines(&[[b'x'; 5000].as_slice(), b"\n"].concat()).len(), 1);
        // A subnegotiation ends with IAC SE, and an IAC in it is doubled.
        assert_eq!(
            lines(b"NO\xff\xfa\x18\x01\xff\xff\xf0x\xff\xf0OP\r\n"),
            [expected("NOOP", b"")]
        );
        assert_eq!(lines(b"\xff\xfaNOOP\r\n"), []);
        // What follows an IAC and is no command of Telnet is a byte.
        assert_eq!(lines(b"CWD a\xff\x01\r\n"), [expected("CWD", b"a\x01")]);
    }
}
