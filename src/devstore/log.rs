//! The request log: what is written down of each request, and where.
//!
//! Signatures and tokens are not: a URL with a signature is a key.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use super::http::{Note, Request, Traffic};

/// Where the request log goes, besides the memory of the server, from which
/// [`Server::requests`](super::Server::requests) reads it.
///
/// A line is one JSON object, the fields of [`RequestRecord`] with the time as `2026-01-31T12:00:00.000Z` and the
/// checksum as text; a field that says nothing is `null`. The line is written after the answer was sent, so a client may
/// have the answer a moment before the line is there, and lines of different connections stand in the order in which
/// they ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestLog {
    /// Nowhere; the last 1,000 requests stay in memory.
    #[default]
    Off,
    /// Nowhere; this many of the last requests stay in memory.
    Memory(usize),
    /// To standard error; the last 1,000 stay in memory.
    Stderr,
    /// To the end of this file, which is made if it is missing; the last 1,000 stay in memory.
    File(PathBuf),
}

/// How many requests stay in memory if nothing else is said. One takes about half a KiB.
const KEPT: usize = 1000;

/// How long a reader of the log waits for the requests that are being answered.
const SETTLE: Duration = Duration::from_secs(1);

/// What the log says of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RequestRecord {
    /// When it was finished: Unix time in milliseconds.
    #[serde(serialize_with = "iso")]
    pub time: i64,
    /// Which connection it came over: they count from 0.
    pub connection: u64,
    /// OSS's id of the request; none if it was not answered because a fault came before.
    pub request_id: Option<String>,
    /// The name of the API as OSS's documentation has it, such as `PutObject`; `Unknown` for what is none.
    pub api: String,
    /// The HTTP method; none for something that was no HTTP request.
    pub method: Option<String>,
    /// The bucket.
    pub bucket: Option<String>,
    /// The key, decoded.
    pub key: Option<String>,
    /// The query, percent-encoded; `***` stands for signatures and tokens.
    pub query: Option<String>,
    /// The header Range, or `x-oss-copy-source-range` of a copy.
    pub range: Option<String>,
    /// The part number.
    pub part: Option<u32>,
    /// The upload that the request is about.
    pub upload_id: Option<String>,
    /// Where a copy comes from: `/BUCKET/KEY`, percent-encoded as it was sent.
    pub copy_source: Option<String>,
    /// The HTTP status; none if a fault ended the connection before the request was carried out.
    pub status: Option<u16>,
    /// OSS's error code.
    pub error: Option<String>,
    /// Whether the head of the answer was sent. If not, and there is a status, then the client does not know it.
    pub answered: bool,
    /// Body bytes received.
    pub bytes_in: u64,
    /// Body bytes sent.
    pub bytes_out: u64,
    /// The CRC-64 that the answer names for the object or part, before any fault.
    #[serde(serialize_with = "text")]
    pub crc64: Option<u64>,
    /// From the last byte of the request's head to the last byte of the answer, in milliseconds.
    pub ms: u64,
    /// The faults that met the request, such as `500` or `latency:ms=20:at=answer`, with spaces between them.
    pub fault: Option<String>,
}

fn iso<S: Serializer>(time: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let text = ossftp_oss::time::format_iso(time.div_euclid(1000));
    let whole = text.strip_suffix("000Z").unwrap_or(&text);
    serializer.collect_str(&format_args!("{whole}{:03}Z", time.rem_euclid(1000)))
}

/// As text: readers that know only doubles would round it.
fn text<S: Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => serializer.collect_str(number),
        None => serializer.serialize_none(),
    }
}

impl RequestRecord {
    /// The record as a line of the log, without the line's end.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// All but what the request and its connection have not told yet.
    pub(super) fn new(
        request: Option<&Request>,
        status: Option<u16>,
        note: &Note,
        traffic: Traffic,
    ) -> Self {
        let header = |name| {
            request
                .and_then(|request| request.header(name))
                .map(str::to_owned)
        };
        let param = |name| {
            request
                .and_then(|request| request.param(name))
                .map(str::to_owned)
        };
        let id = &note.request_id;
        Self {
            time: unix_ms(),
            connection: request.map_or(0, |request| request.peer.connection),
            request_id: (!id.is_empty()).then(|| id.clone()),
            api: note.api.to_owned(),
            method: request.map(|request| request.method.clone()),
            bucket: note.bucket.clone(),
            key: note.key.clone(),
            query: request.map(query),
            range: header("range").or_else(|| header("x-oss-copy-source-range")),
            part: param("partNumber").and_then(|text| text.parse().ok()),
            upload_id: param("uploadId"),
            copy_source: header("x-oss-copy-source"),
            status,
            error: note.error.as_deref().map(str::to_owned),
            answered: traffic.answered,
            bytes_in: traffic.received,
            bytes_out: traffic.sent,
            crc64: note.crc64,
            ms: u64::try_from(traffic.took.as_millis()).unwrap_or(u64::MAX),
            fault: None,
        }
    }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// How often an API was called, and what it moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RequestCount {
    /// Requests.
    pub requests: u64,
    /// Those of them that ended with a status from 400 on, or without any.
    pub failed: u64,
    /// Body bytes received.
    pub bytes_in: u64,
    /// Body bytes sent.
    pub bytes_out: u64,
}

/// An open request log.
#[derive(Debug)]
pub(super) struct Log {
    target: Target,
    keep: usize,
    state: Mutex<State>,
    /// Signalled when an answer was sent and written down.
    settled: Condvar,
}

#[derive(Debug)]
enum Target {
    Nowhere,
    Stderr,
    File(Mutex<File>),
}

#[derive(Debug, Default)]
struct State {
    /// By ticket.
    last: VecDeque<(Ticket, RequestRecord)>,
    counts: BTreeMap<String, RequestCount>,
    next: u64,
    /// Answers on their way that have no record yet.
    sending: usize,
}

/// The place of a request among all: they are in the order in which their answers began, so that one which a client sent
/// after it had another's answer comes behind that one, whichever thread is faster to write it down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// Query parameters whose values would let a reader of the log in.
const SECRET: [&str; 4] = [
    "Signature",
    "x-oss-signature",
    "security-token",
    "x-oss-security-token",
];

impl Log {
    pub(super) fn open(target: &RequestLog) -> io::Result<Self> {
        let keep = match target {
            RequestLog::Memory(count) => *count,
            _ => KEPT,
        };
        let target = match target {
            RequestLog::Off | RequestLog::Memory(_) => Target::Nowhere,
            RequestLog::Stderr => Target::Stderr,
            RequestLog::File(path) => Target::File(Mutex::new(
                OpenOptions::new().append(true).create(true).open(path)?,
            )),
        };
        Ok(Self {
            target,
            keep,
            state: Mutex::default(),
            settled: Condvar::new(),
        })
    }

    /// An answer is about to be sent: readers wait for its record.
    pub(super) fn sending(&self) -> Ticket {
        let mut state = self.lock();
        state.sending += 1;
        state.ticket()
    }

    /// Writes a record down, with the ticket that `sending` gave, if its answer has begun.
    pub(super) fn write(&self, record: RequestRecord, ticket: Option<Ticket>) {
        let result = match &self.target {
            Target::Nowhere => Ok(()),
            Target::Stderr => io::stderr().lock().write_all(&line(&record)),
            Target::File(file) => file
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(&line(&record)),
        };
        if let Err(error) = result {
            log::warn!("dev store: cannot write the request log: {error}");
        }
        let mut state = self.lock();
        let count = state.counts.entry(record.api.clone()).or_default();
        count.requests += 1;
        count.failed += u64::from(record.status.is_none_or(|status| status >= 400));
        count.bytes_in += record.bytes_in;
        count.bytes_out += record.bytes_out;
        let ticket = match ticket {
            Some(ticket) => {
                state.sending = state.sending.saturating_sub(1);
                ticket
            }
            None => state.ticket(),
        };
        while state.last.len() >= self.keep.max(1) {
            state.last.pop_front();
        }
        if self.keep > 0 {
            let place = state.last.partition_point(|(other, _)| *other < ticket);
            state.last.insert(place, (ticket, record));
        }
        drop(state);
        self.settled.notify_all();
    }

    /// An answer that gets no record was sent, or could not be.
    pub(super) fn forget(&self, ticket: Option<Ticket>) {
        if ticket.is_some() {
            let mut state = self.lock();
            state.sending = state.sending.saturating_sub(1);
            drop(state);
            self.settled.notify_all();
        }
    }

    /// The last requests, in the order in which their answers began.
    pub(super) fn last(&self) -> Vec<RequestRecord> {
        self.settle()
            .last
            .iter()
            .map(|(_, record)| record.clone())
            .collect()
    }

    /// The counts by API since the start or the last `clear`.
    pub(super) fn counts(&self) -> BTreeMap<String, RequestCount> {
        self.settle().counts.clone()
    }

    /// Forgets both.
    pub(super) fn clear(&self) {
        let mut state = self.settle();
        state.last.clear();
        state.counts.clear();
    }

    /// Waits until answers under way are written down: a client may have an answer before its record is there.
    fn settle(&self) -> MutexGuard<'_, State> {
        let until = Instant::now() + SETTLE;
        let mut state = self.lock();
        while state.sending > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self
                .settled
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ticket(&mut self) -> Ticket {
        self.next += 1;
        Ticket(self.next)
    }
}

fn line(record: &RequestRecord) -> Vec<u8> {
    let mut line = record.to_json().into_bytes();
    line.push(b'\n');
    line
}

fn query(request: &Request) -> String {
    let shown: Vec<_> = request
        .query
        .iter()
        .map(|(name, value)| {
            let hidden = SECRET.contains(&name.as_str());
            (
                name.clone(),
                if hidden {
                    Some("***".to_owned())
                } else {
                    value.clone()
                },
            )
        })
        .collect();
    ossftp_oss::encode::query(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ureq_proto::http;

    #[test]
    fn a_line_has_the_facts_and_no_signature() {
        let head = http::Request::builder()
            .method("PUT")
            .uri("/b/k?Signature=c2VjcmV0&Expires=1&x-oss-security-token=tok&partNumber=7&uploadId=U")
            .header("x-oss-copy-source", "/b/a%20b")
            .header("x-oss-copy-source-range", "bytes=0-9")
            .body(())
            .unwrap();
        let mut request = Request::new(&head).unwrap();
        request.peer.connection = 3;
        let note = Note {
            api: "UploadPartCopy",
            crc64: Some(u64::MAX),
            ..Note::default()
        };
        let record = RequestRecord::new(Some(&request), Some(200), &note, Traffic::default());
        let record = RequestRecord {
            time: 1_700_000_000_007,
            ..record
        };
        assert_eq!(
            record.to_json(),
            "{\"time\":\"2023-11-14T22:13:20.007Z\",\"connection\":3,\"request_id\":null,\"api\":\"UploadPartCopy\",\
             \"method\":\"PUT\",\"bucket\":null,\"key\":null,\
             \"query\":\"Signature=%2A%2A%2A&Expires=1&x-oss-security-token=%2A%2A%2A&partNumber=7&uploadId=U\",\
             \"range\":\"bytes=0-9\",\"part\":7,\"upload_id\":\"U\",\"copy_source\":\"/b/a%20b\",\"status\":200,\
             \"error\":null,\"answered\":false,\"bytes_in\":0,\"bytes_out\":0,\"crc64\":\"18446744073709551615\",\
             \"ms\":0,\"fault\":null}"
        );
    }

    #[test]
    fn the_memory_holds_the_last_and_counts_all() {
        let log = Log::open(&RequestLog::Memory(2)).unwrap();
        for (part, status) in [(1, Some(200)), (2, Some(404)), (3, None)] {
            let record = RequestRecord {
                api: "UploadPart".into(),
                part: Some(part),
                status,
                bytes_in: 10,
                ..RequestRecord::default()
            };
            log.write(record, None);
        }
        let parts: Vec<_> = log.last().iter().filter_map(|record| record.part).collect();
        assert_eq!(parts, [2, 3]);
        let count = log.counts()["UploadPart"];
        assert_eq!((count.requests, count.failed, count.bytes_in), (3, 2, 30));
        // Whose answer began first stands first, however late it is written down.
        let (first, second) = (log.sending(), log.sending());
        for (part, ticket) in [(5, second), (4, first)] {
            let record = RequestRecord {
                part: Some(part),
                ..RequestRecord::default()
            };
            log.write(record, Some(ticket));
        }
        let parts: Vec<_> = log.last().iter().filter_map(|record| record.part).collect();
        assert_eq!(parts, [4, 5]);
        log.clear();
        assert!(log.last().is_empty() && log.counts().is_empty());
        let off = Log::open(&RequestLog::Memory(0)).unwrap();
        off.write(RequestRecord::default(), None);
        assert!(off.last().is_empty());
    }
}
