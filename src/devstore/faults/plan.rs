//! What one request is to suffer, laid out along its exchange.

use std::time::Duration;

use super::{Break, Fault, Faults, Place, text};
use crate::devstore::http::Note;

/// What rules look at in a request.
#[derive(Clone, Copy, Debug)]
pub(in crate::devstore) struct Subject<'a> {
    /// As the log has it.
    pub(in crate::devstore) api: &'static str,
    pub(in crate::devstore) method: &'a str,
    pub(in crate::devstore) bucket: Option<&'a str>,
    /// The key; of a listing, its prefix.
    pub(in crate::devstore) key: Option<&'a str>,
    /// The bucket and key of a copy's source.
    pub(in crate::devstore) source: Option<(&'a str, &'a str)>,
}

impl<'a> Subject<'a> {
    /// The object whose being archived matters to this request, as its bucket and key.
    pub(super) fn archive_name(&self) -> Option<(Option<&'a str>, Option<&'a str>)> {
        match self.api {
            "GetObject" | "HeadObject" | "RestoreObject" => Some((self.bucket, self.key)),
            "CopyObject" | "UploadPartCopy" => {
                self.source.map(|(bucket, key)| (Some(bucket), Some(key)))
            }
            _ => None,
        }
    }
}

/// Something that happens to a connection at a point of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::devstore) enum Event {
    /// Held by this rule, for this time.
    Hold(u64, Option<Duration>),
    /// The end.
    End(Break),
}

/// An answer instead of carrying out the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::devstore) struct Refusal {
    pub(in crate::devstore) status: u16,
    /// `None`: no XML.
    pub(in crate::devstore) code: Option<String>,
    pub(in crate::devstore) message: String,
    pub(in crate::devstore) delay_ms: Option<u64>,
}

/// All that one request is to suffer.
#[derive(Clone, Debug)]
pub(in crate::devstore) struct Plan {
    faults: Faults,
    met: Vec<(u64, Fault)>,
    api: &'static str,
    bucket: Option<String>,
    key: Option<String>,
}

impl Plan {
    pub(super) fn new(faults: Faults, subject: &Subject<'_>) -> Self {
        Self {
            faults,
            met: Vec::new(),
            api: subject.api,
            bucket: subject.bucket.map(str::to_owned),
            key: subject.key.map(str::to_owned),
        }
    }

    /// A plan in which nothing happens.
    pub(in crate::devstore) fn none(faults: &Faults) -> Self {
        Self {
            faults: faults.clone(),
            met: Vec::new(),
            api: "",
            bucket: None,
            key: None,
        }
    }

    pub(super) fn push(&mut self, id: u64, fault: Fault) {
        self.met.push((id, fault));
    }

    pub(in crate::devstore) fn is_empty(&self) -> bool {
        self.met.is_empty()
    }

    /// Those who hold requests.
    pub(in crate::devstore) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What the log is to say of a request that the APIs have not seen.
    pub(in crate::devstore) fn note(&self) -> Note {
        Note {
            api: self.api,
            bucket: self.bucket.clone(),
            key: self.key.clone(),
            ..Note::default()
        }
    }

    /// What the log says of it, such as `reset:at=answer`.
    pub(in crate::devstore) fn label(&self) -> Option<String> {
        let labels: Vec<String> = self
            .met
            .iter()
            .map(|(_, fault)| text::label(fault))
            .collect();
        (!labels.is_empty()).then(|| labels.join(" "))
    }

    /// The events at a point that is no position in a body, in the order of their rules.
    pub(in crate::devstore) fn events(&self, place: Place) -> Vec<Event> {
        self.placed()
            .filter(|(at, _)| *at == place)
            .map(|(_, event)| event)
            .collect()
    }

    /// The events within the request's body, by position.
    pub(in crate::devstore) fn in_request(&self, length: Option<u64>) -> Vec<(u64, Event)> {
        sorted(self.placed().filter_map(|(at, event)| match at {
            Place::RequestBody(after) => {
                Some((position(after, length.unwrap_or(0), length)?, event))
            }
            _ => None,
        }))
    }

    /// The events within the answer's body, by position.
    pub(in crate::devstore) fn in_answer(&self, length: u64) -> Vec<(u64, Event)> {
        sorted(self.placed().filter_map(|(at, event)| match at {
            Place::AnswerBody(after) => Some((position(after, length, Some(length))?, event)),
            _ => None,
        }))
    }

    fn placed(&self) -> impl Iterator<Item = (Place, Event)> + '_ {
        self.met.iter().filter_map(|(id, fault)| match fault {
            Fault::Stall { at, time } => Some((*at, Event::Hold(*id, *time))),
            Fault::Break { at, how } => Some((*at, Event::End(*how))),
            _ => None,
        })
    }

    /// The bytes of the request's body to damage.
    pub(in crate::devstore) fn damage_in_request(&self, length: Option<u64>) -> Vec<u64> {
        self.met
            .iter()
            .filter_map(|(_, fault)| match fault {
                Fault::DamagedRequest { byte } => position(*byte, length.unwrap_or(0), length),
                _ => None,
            })
            .collect()
    }

    /// The bytes of the answer's body to damage.
    pub(in crate::devstore) fn damage_in_answer(&self, length: u64) -> Vec<u64> {
        self.met
            .iter()
            .filter_map(|(_, fault)| match fault {
                Fault::DamagedAnswer { byte } => position(*byte, length, Some(length)),
                _ => None,
            })
            .collect()
    }

    /// Bytes per second from the client and to it: the lowest that are asked for.
    pub(in crate::devstore) fn rates(&self) -> (Option<u64>, Option<u64>) {
        let lower = |known: Option<u64>, new: Option<u64>| match (known, new) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
        let mut rates = (None, None);
        for (_, fault) in &self.met {
            if let Fault::Bandwidth { up, down } = fault {
                rates = (lower(rates.0, *up), lower(rates.1, *down));
            }
        }
        rates
    }

    /// How many seconds the clock is off.
    pub(in crate::devstore) fn clock(&self) -> i64 {
        self.met
            .iter()
            .map(|(_, fault)| match fault {
                Fault::ClockSkew { seconds } => *seconds,
                _ => 0,
            })
            .fold(0, i64::saturating_add)
    }

    /// Whether the checksum in the answer is to be wrong.
    pub(in crate::devstore) fn wrong_crc(&self) -> bool {
        self.met.iter().any(|(_, fault)| *fault == Fault::WrongCrc)
    }

    /// Whether the object counts as archived.
    pub(in crate::devstore) fn archived(&self) -> bool {
        self.met.iter().any(|(_, fault)| *fault == Fault::Archived)
    }

    /// The answer to give without carrying out the request.
    pub(in crate::devstore) fn refusal(&self) -> Option<Refusal> {
        let given = self.met.iter().find_map(|(_, fault)| match fault {
            Fault::Status {
                status,
                code,
                message,
                delay_ms,
            } => Some(Refusal {
                status: *status,
                code: code.clone(),
                message: message.clone(),
                delay_ms: *delay_ms,
            }),
            _ => None,
        });
        given.or_else(|| self.archive_refusal())
    }
}

impl Plan {
    fn archive_refusal(&self) -> Option<Refusal> {
        let (status, code) = match self.api {
            _ if !self.archived() => return None,
            "GetObject" | "CopyObject" | "UploadPartCopy" => (403, Some("InvalidObjectState")),
            // The request for it is taken; the object stays as it is.
            "RestoreObject" => (202, None),
            _ => return None,
        };
        Some(Refusal {
            status,
            code: code.map(str::to_owned),
            message: "The operation is not valid for the object's state".to_owned(),
            delay_ms: None,
        })
    }
}

/// A position within a body: half of it if none is given, none if it lies behind the end.
fn position(wanted: Option<u64>, middle_of: u64, length: Option<u64>) -> Option<u64> {
    let at = wanted.unwrap_or(middle_of / 2);
    length.is_none_or(|length| at < length).then_some(at)
}

fn sorted(events: impl Iterator<Item = (u64, Event)>) -> Vec<(u64, Event)> {
    let mut events: Vec<_> = events.collect();
    events.sort_by_key(|(at, _)| *at);
    events
}

/// The code and the message that usually come with a status.
pub(super) fn usual_error(status: u16) -> (Option<&'static str>, &'static str) {
    match status {
        400 => (Some("BadRequest"), "The request is not valid."),
        403 => (
            Some("AccessDenied"),
            "You have no right to access this object because of bucket acl.",
        ),
        404 => (Some("NoSuchKey"), "The specified key does not exist."),
        408 => (
            Some("RequestTimeout"),
            "Your socket connection to the server was not read from or written to within the timeout period.",
        ),
        409 => (
            Some("OperationAborted"),
            "A conflicting operation is in progress. Please try again.",
        ),
        412 => (
            Some("PreconditionFailed"),
            "At least one of the pre-conditions you specified did not hold.",
        ),
        429 => (
            Some("QpsLimitExceeded"),
            "You exceeded the rate of requests that is allowed.",
        ),
        500 => (
            Some("InternalError"),
            "We encountered an internal error. Please try again.",
        ),
        503 => (
            Some("ServiceUnavailable"),
            "Please reduce your request rate.",
        ),
        502 | 504 => (None, "The server before the store cannot reach it."),
        _ => (Some("InjectedFault"), "This answer was asked for."),
    }
}
