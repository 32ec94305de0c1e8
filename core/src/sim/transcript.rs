//! What was said and done in a run.

use crate::{Event, Operation, TransferKind};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record {
    /// The client put these bytes on the control connection.
    Sent(Vec<u8>),
    /// The server sent this reply, with all its lines.
    Reply(Vec<u8>),
    /// The storage was asked to do this.
    Asked(Operation),
    /// The storage was asked to begin this transfer.
    Opened(TransferKind),
    /// The client has received these bytes on a data connection that is over.
    Downloaded(Vec<u8>),
    /// The client has sent these bytes on a data connection that is over.
    Uploaded(Vec<u8>),
    /// The session told something for the log.
    Event(Event),
    /// The clock was moved to this moment.
    Clock(Duration),
    /// The client closed its control connection.
    ClientClosed,
    /// The server closed the control connection.
    Closed,
}

/// All that happened in a run, in order. Its `Display` is for people who look for the reason of
/// a failed test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    records: Vec<Record>,
}

impl Transcript {
    pub(super) fn push(&mut self, record: Record) {
        if self.records.is_empty() {
            // As many as a short session has.
            self.records.reserve(64);
        }
        self.records.push(record);
    }

    /// Everything, in order.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The replies, each with all its lines.
    pub fn replies(&self) -> impl Iterator<Item = &[u8]> {
        self.records.iter().filter_map(|record| match record {
            Record::Reply(bytes) => Some(bytes.as_slice()),
            _ => None,
        })
    }

    /// The codes of all replies.
    #[must_use]
    pub fn codes(&self) -> Vec<u16> {
        self.replies().map(code).collect()
    }

    /// What each finished data connection brought the client.
    pub fn downloads(&self) -> impl Iterator<Item = &[u8]> {
        self.records.iter().filter_map(|record| match record {
            Record::Downloaded(bytes) => Some(bytes.as_slice()),
            _ => None,
        })
    }

    /// What the session told for the log.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.records.iter().filter_map(|record| match record {
            Record::Event(event) => Some(event),
            _ => None,
        })
    }

    /// What the client and the storage could see of the server, without the client's own pieces
    /// and without the clock: equal for any split of the same input.
    pub fn seen(&self) -> impl Iterator<Item = &Record> {
        self.records
            .iter()
            .filter(|record| !matches!(record, Record::Sent(_) | Record::Clock(_)))
    }
}

/// The code of a reply; 0 if there is none.
#[must_use]
pub(super) fn code(reply: &[u8]) -> u16 {
    let digits = reply.get(..3).unwrap_or_default();
    let text = core::str::from_utf8(digits).unwrap_or_default();
    text.parse().unwrap_or(0)
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.records
            .iter()
            .try_for_each(|record| writeln!(f, "{record}"))
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(bytes) => write!(f, "C: {}", shown(bytes)),
            Self::Reply(bytes) => write!(f, "S: {}", shown(bytes)),
            Self::Asked(operation) => write!(f, "   {operation:?}"),
            Self::Opened(kind) => write!(f, "   {kind:?}"),
            Self::Downloaded(bytes) => write!(f, "   {} bytes down", bytes.len()),
            Self::Uploaded(bytes) => write!(f, "   {} bytes up", bytes.len()),
            Self::Event(event) => write!(f, "   {event:?}"),
            Self::Clock(at) => write!(f, "   at {at:?}"),
            Self::ClientClosed => f.write_str("C: (closed)"),
            Self::Closed => f.write_str("S: (closed)"),
        }
    }
}

/// At most 300 bytes as text in one line.
pub(super) fn shown(bytes: &[u8]) -> String {
    let head = bytes.get(..300).unwrap_or(bytes);
    let mut text = alloc::format!("{}", head.escape_ascii());
    if head.len() < bytes.len() {
        text.push('…');
    }
    text
}
