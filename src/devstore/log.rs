//! The request log: one line of JSON per request.
//!
//! It decides what is written down of a request. Signatures and tokens are not: a URL with a signature is a key.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};

use super::http::{Note, Request, Traffic};

/// Where the request log goes.
///
/// A line is one JSON object: time, method, bucket, key, API, query (without signatures), status, request id, body
/// bytes in and out, CRC-64 (as text), milliseconds, error code. It is written after the answer was sent, so a client
/// may have the answer a moment before the line is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RequestLog {
    /// Nowhere.
    #[default]
    Off,
    /// To standard error.
    Stderr,
    /// To the end of this file, which is made if it is missing.
    File(PathBuf),
}

/// An open request log.
#[derive(Debug)]
pub(super) enum Log {
    Off,
    Stderr,
    File(Mutex<File>),
}

/// Query parameters whose values would let a reader of the log in.
const SECRET: [&str; 4] = [
    "Signature",
    "x-oss-signature",
    "security-token",
    "x-oss-security-token",
];

impl Log {
    pub(super) fn open(target: &RequestLog) -> io::Result<Self> {
        Ok(match target {
            RequestLog::Off => Self::Off,
            RequestLog::Stderr => Self::Stderr,
            RequestLog::File(path) => Self::File(Mutex::new(
                OpenOptions::new().append(true).create(true).open(path)?,
            )),
        })
    }

    pub(super) fn write(
        &self,
        at: i64,
        request: Option<&Request>,
        status: u16,
        note: &Note,
        traffic: Traffic,
    ) {
        if matches!(self, Self::Off) {
            return;
        }
        let mut line = entry(at, request, status, note, traffic).to_string();
        line.push('\n');
        let result = match self {
            Self::Off => Ok(()),
            Self::Stderr => io::stderr().lock().write_all(line.as_bytes()),
            Self::File(file) => file
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(line.as_bytes()),
        };
        if let Err(error) = result {
            log::warn!("dev store: cannot write the request log: {error}");
        }
    }
}

fn entry(at: i64, request: Option<&Request>, status: u16, note: &Note, traffic: Traffic) -> Value {
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
    put("time", ossftp_oss::time::format_iso(at).into());
    put(
        "method",
        request.map(|request| request.method.clone()).into(),
    );
    put("bucket", note.bucket.clone().into());
    put("key", note.key.clone().into());
    put("api", note.api.into());
    put("query", request.map(query).into());
    put("status", status.into());
    put("request_id", note.request_id.clone().into());
    put("bytes_in", traffic.received.into());
    put("bytes_out", traffic.sent.into());
    // As text: readers that know only doubles would round it.
    put("crc64", note.crc64.map(|crc| crc.to_string()).into());
    put(
        "ms",
        u64::try_from(traffic.took.as_millis())
            .unwrap_or(u64::MAX)
            .into(),
    );
    put("error", note.error.into());
    Value::Object(line)
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
            .uri("/b/k?Signature=c2VjcmV0&Expires=1&x-oss-security-token=tok")
            .body(())
            .unwrap();
        let request = Request::new(&head).unwrap();
        let note = Note {
            api: "PutObject",
            crc64: Some(u64::MAX),
            ..Note::default()
        };
        let line = entry(0, Some(&request), 200, &note, Traffic::default()).to_string();
        assert!(
            line.contains("\"api\":\"PutObject\"")
                && line.contains("\"crc64\":\"18446744073709551615\""),
            "{line}"
        );
        assert!(
            line.contains("Expires=1") && !line.contains("c2VjcmV0") && !line.contains("tok\""),
            "{line}"
        );
    }
}
