//! Faults on request: what a [`Server`](super::Server) is to do wrong, and to which requests.
//!
//! It decides which requests a fault meets. How the fault is brought about on a connection is `http`'s business.
//!
//! ```
//! use ossftp::devstore::{Config, Fault, FaultRule, Place, Server};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let server = Server::start(Config::new(folder.path()))?;
//! // The third part of every upload gets an InternalError, once; and one PutObject is carried out without an answer.
//! let broken = server.faults().add(FaultRule::new(Fault::status(500)).api("UploadPart").skip(2).times(1));
//! server.faults().add("PutObject:lose-answer:key=a.txt:times=1".parse()?);
//! // ... what is to be tested ...
//! assert_eq!(server.faults().hits(broken), 0);
//! server.faults().clear();
//! # Ok(())
//! # }
//! ```

mod plan;
mod registry;
mod text;

pub use registry::{ActiveFault, Faults};
pub use text::FaultSyntaxError;

pub(super) use plan::{Event, Plan, Refusal, Subject};
pub(super) use registry::Waited;

use std::time::Duration;

/// A point in the exchange of a request for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The head of the request was read, and nothing of its body.
    Request,
    /// So many bytes of the request's body were read; `None`: half of them, which needs a length given beforehand (a
    /// chunked body counts as one of 0 bytes). A shorter body, or none at all, never comes to this point.
    RequestBody(Option<u64>),
    /// The whole request was read and is not carried out yet.
    Received,
    /// The request was carried out, and nothing of the answer was sent.
    Answer,
    /// The head of the answer and so many bytes of its body were sent; `None`: half of them. A shorter body, or none
    /// at all, never comes to this point.
    AnswerBody(Option<u64>),
}

/// How a connection is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Break {
    /// In order: the client reads to an early end.
    Close,
    /// By RST: the client's next read or write fails.
    Reset,
}

/// What a request suffers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The connection goes silent at this point.
    Stall {
        /// Where.
        at: Place,
        /// For how long; then all goes on as if nothing had been. `None`: until the client has gone, the rule is
        /// removed (then it goes on too), or ten minutes are over (then the connection is closed).
        time: Option<Duration>,
    },
    /// The connection ends at this point.
    Break {
        /// Where.
        at: Place,
        /// In which way.
        how: Break,
    },
    /// The request is not carried out and gets this error.
    Status {
        /// 300 to 599.
        status: u16,
        /// OSS's code; `None`: an answer without XML, as proxies give it.
        code: Option<String>,
        /// OSS's message.
        message: String,
        /// The value of `x-oss-qos-delay-time`: how many milliseconds the request was held back.
        delay_ms: Option<u64>,
    },
    /// From this request on, until another request that this rule does not meet, the connection carries no more than
    /// this. Both count what is on the wire, heads included, without bursts.
    Bandwidth {
        /// Bytes per second from the client.
        up: Option<u64>,
        /// Bytes per second to the client.
        down: Option<u64>,
    },
    /// `x-oss-hash-crc64ecma` in the answer is not the checksum of the object. Nothing where the answer has none.
    WrongCrc,
    /// A byte of the answer's body is not what was stored.
    DamagedAnswer {
        /// Which; `None`: the middle one. Nothing in a shorter body.
        byte: Option<u64>,
    },
    /// A byte of the request's body is not what was sent: CRC-64, MD5 and ETag are those of the damaged bytes, which
    /// are stored unless the request has a Content-MD5.
    DamagedRequest {
        /// Which; `None`: the middle one. Nothing in a shorter body.
        byte: Option<u64>,
    },
    /// The store's clock is off: signatures are judged by it, and `Date` and new objects show it.
    ClockSkew {
        /// Seconds that it is ahead; negative: behind.
        seconds: i64,
    },
    /// The object counts as archived: GetObject, and copies that have it as their source, get 403 InvalidObjectState,
    /// HeadObject shows the storage class, RestoreObject is answered with 202. Other APIs are not met.
    Archived,
}

impl Fault {
    /// The answer comes so much later.
    #[must_use]
    pub fn latency(time: Duration) -> Self {
        Self::Stall {
            at: Place::Answer,
            time: Some(time),
        }
    }

    /// The connection goes silent until the client has gone or the rule is removed.
    #[must_use]
    pub fn stall(at: Place) -> Self {
        Self::Stall { at, time: None }
    }

    /// The connection is reset.
    #[must_use]
    pub fn reset(at: Place) -> Self {
        Self::Break {
            at,
            how: Break::Reset,
        }
    }

    /// The request is carried out, and the connection closed without an answer.
    #[must_use]
    pub fn lose_answer() -> Self {
        Self::Break {
            at: Place::Answer,
            how: Break::Close,
        }
    }

    /// The connection is closed after so many bytes of the answer's body; `None`: half of them. Content-Length names
    /// all of them.
    #[must_use]
    pub fn truncate(after: Option<u64>) -> Self {
        Self::Break {
            at: Place::AnswerBody(after),
            how: Break::Close,
        }
    }

    /// The error that OSS, or a proxy before it, gives with this status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let (code, message) = plan::usual_error(status);
        Self::Status {
            status,
            code: code.map(str::to_owned),
            message: message.to_owned(),
            delay_ms: None,
        }
    }

    /// 503 SlowDown, with the milliseconds of `x-oss-qos-delay-time`.
    #[must_use]
    pub fn slow_down(delay_ms: Option<u64>) -> Self {
        Self::Status {
            status: 503,
            code: Some("SlowDown".to_owned()),
            message: "Please reduce your request rate.".to_owned(),
            delay_ms,
        }
    }

    /// 403 AccessDenied.
    #[must_use]
    pub fn denied() -> Self {
        Self::status(403)
    }

    /// No more than this many bytes per second, in both directions.
    #[must_use]
    pub fn bandwidth(bytes_per_second: u64) -> Self {
        Self::Bandwidth {
            up: Some(bytes_per_second),
            down: Some(bytes_per_second),
        }
    }
}

/// Which key a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyMatch {
    /// This one.
    Exact(String),
    /// All that begin with this.
    Prefix(String),
}

/// A fault, and which requests it meets: those that fulfil every condition. A request can be met by several rules.
///
/// A rule can be written as text, which [`std::str::FromStr`] reads and [`std::fmt::Display`] writes:
/// `APIS:FAULT:NAME=VALUE:...`, such as `UploadPart:503:rate=0.1`. `docs/dev-store.md` has all faults and names.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FaultRule {
    /// Names of APIs as the request log has them, such as `UploadPart`; one that ends in `*` stands for all that begin
    /// so. Empty: any.
    pub apis: Vec<String>,
    /// The HTTP method, in upper case.
    pub method: Option<String>,
    /// The bucket.
    pub bucket: Option<String>,
    /// The key; of a listing, its prefix.
    pub key: Option<KeyMatch>,
    /// So many requests that fulfil the conditions above go free first.
    pub skip: u64,
    /// After so many hits the rule does nothing any more.
    pub times: Option<u64>,
    /// The share of requests that are met, from 0 to 1, decided by `seed` and a count of requests alone: the same
    /// order of requests has the same faults.
    pub rate: f64,
    /// See `rate`.
    pub seed: u64,
    /// What happens to them.
    pub fault: Fault,
}

impl FaultRule {
    /// A rule that meets every request.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self {
            apis: Vec::new(),
            method: None,
            bucket: None,
            key: None,
            skip: 0,
            times: None,
            rate: 1.0,
            seed: 0,
            fault,
        }
    }

    /// Only this API; given again, that one too.
    #[must_use]
    pub fn api(mut self, name: impl Into<String>) -> Self {
        self.apis.push(name.into());
        self
    }

    /// Only this method.
    #[must_use]
    pub fn method(mut self, name: impl Into<String>) -> Self {
        self.method = Some(name.into());
        self
    }

    /// Only this bucket.
    #[must_use]
    pub fn bucket(mut self, name: impl Into<String>) -> Self {
        self.bucket = Some(name.into());
        self
    }

    /// Only this key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(KeyMatch::Exact(key.into()));
        self
    }

    /// Only keys that begin with this.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.key = Some(KeyMatch::Prefix(prefix.into()));
        self
    }

    /// Lets so many go first.
    #[must_use]
    pub fn skip(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// At most so many.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.times = Some(count);
        self
    }

    /// This share of them, from 0 to 1, chosen by the seed.
    #[must_use]
    pub fn rate(mut self, rate: f64, seed: u64) -> Self {
        self.rate = rate;
        self.seed = seed;
        self
    }

    /// Whether the conditions that look at the request alone hold.
    fn concerns(&self, subject: &Subject<'_>) -> bool {
        let (bucket, key) = match self.fault {
            Fault::Archived => match subject.archive_name() {
                Some(name) => name,
                None => return false,
            },
            _ => (subject.bucket, subject.key),
        };
        let api = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => subject.api.starts_with(start),
            None => subject.api == pattern,
        };
        (self.apis.is_empty() || self.apis.iter().any(api))
            && self
                .method
                .as_ref()
                .is_none_or(|method| method == subject.method)
            && self
                .bucket
                .as_ref()
                .is_none_or(|name| Some(name.as_str()) == bucket)
            && match &self.key {
                None => true,
                Some(KeyMatch::Exact(wanted)) => key == Some(wanted),
                Some(KeyMatch::Prefix(prefix)) => key.is_some_and(|key| key.starts_with(prefix)),
            }
    }
}
