//! What can go wrong with a call.
//!
//! Decides the kinds of failure, which of them are worth another try, and what may be shown of them. No error holds a
//! secret or a string to sign. What a user is told is left to the caller.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::xml;

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The request or its answer did not get through.
    Transport {
        /// Where it failed.
        kind: TransportKind,
        /// What the network layer says.
        message: String,
    },
    /// OSS answered with an error.
    Service(Box<ServiceError>),
    /// The answer is not what the API promises, or data was damaged on the way.
    Protocol(ProtocolError),
    /// The caller's own body could not be read.
    Body {
        /// The kind of the caller's error.
        kind: io::ErrorKind,
        /// Its text.
        message: String,
    },
    /// The call was cancelled (see [`crate::Cancel`]).
    Cancelled,
    /// The deadline over all tries has passed (see [`crate::Client::with_deadline`]).
    DeadlineExceeded,
    /// The request can't be made: nothing was sent.
    Invalid(&'static str),
    /// There is no access key to sign with, and why: nothing was sent.
    Credentials(String),
}

/// Where a request broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportKind {
    /// The host name has no address.
    Resolve,
    /// No connection came about.
    Connect,
    /// No progress for the configured time.
    Timeout,
    /// The TLS handshake or a TLS record failed.
    Tls,
    /// The connection broke.
    Closed,
    /// The answer is no HTTP.
    Http,
    /// Anything else.
    Other,
}

/// An error answer of OSS. `Display` shows status, code, request id and EC, never the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceError {
    /// The HTTP status.
    pub status: u16,
    /// OSS's code, such as `NoSuchKey`; empty if the answer had none that could be read.
    pub code: String,
    /// OSS's message. For debug logs only.
    pub message: String,
    /// The request id, from the body or the `x-oss-request-id` header; may be empty.
    pub request_id: String,
    /// The EC, OSS's finer error code such as `0026-00000001`; may be empty.
    pub ec: String,
    /// The host that answered, as it calls itself.
    pub host_id: Option<String>,
    /// The endpoint that the bucket must be addressed at, when the request went to the wrong one.
    pub endpoint: Option<String>,
    /// The length of an appendable object, in the answer to an append at a wrong position.
    pub next_append_position: Option<u64>,
    /// How long OSS asks to wait before the next request (`x-oss-qos-delay-time`), when there were too many.
    pub delay: Option<Duration>,
}

/// How an answer fails to be what the API promises.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The XML of an answer can't be read, or lacks what it must have.
    BadXml(String),
    /// The CRC-64 of what was sent or received differs from the one OSS states.
    BadCrc {
        /// What this side computed.
        computed: u64,
        /// What OSS states.
        stated: u64,
    },
    /// A body ended before its stated length.
    ShortBody {
        /// The stated length in bytes.
        expected: u64,
        /// The bytes that came.
        received: u64,
    },
    /// A range was asked for and another one, or the whole object, came.
    BadRange,
    /// The answer lacks this header, or its value can't be read.
    BadHeader(&'static str),
    /// The answer is longer than this client reads.
    TooLarge,
}

impl Error {
    /// OSS's error code, or an empty text if the error is not an answer of OSS.
    #[must_use]
    pub fn code(&self) -> &str {
        self.service().map_or("", |error| error.code.as_str())
    }

    /// The error answer of OSS, if that is what it is.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceError> {
        match self {
            Self::Service(error) => Some(error),
            _ => None,
        }
    }

    /// The HTTP status of an error answer, else 0.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.service().map_or(0, |error| error.status)
    }

    /// Whether the object, bucket or upload does not exist (404, whatever the code).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status() == 404
    }

    /// Whether a right is missing. Wrong keys, skewed clocks and frozen objects are 403 too, but not this.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.status() == 403 && matches!(self.code(), "AccessDenied" | "")
    }

    /// Whether the AccessKeyId, the secret or the token was refused.
    #[must_use]
    pub fn is_bad_credentials(&self) -> bool {
        matches!(
            self.code(),
            "InvalidAccessKeyId"
                | "SignatureDoesNotMatch"
                | "InvalidSecurityToken"
                | "SecurityTokenExpired"
                | "AccessKeyIdAndSecurityTokenNotMatch"
        )
    }

    /// Whether OSS asks for fewer requests.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        let status = self.status();
        status == 429
            || (status == 503 && matches!(self.code(), "ServiceUnavailable" | "SlowDown" | ""))
            || matches!(
                self.code(),
                "QpsLimitExceeded"
                    | "TotalQpsLimitExceeded"
                    | "DownloadTrafficRateLimitExceeded"
                    | "UploadTrafficRateLimitExceeded"
            )
    }

    /// Whether a range begins beyond the end of the object (416).
    #[must_use]
    pub fn is_range_unsatisfiable(&self) -> bool {
        self.status() == 416
    }

    /// Whether a condition such as If-Match did not hold (412).
    #[must_use]
    pub fn is_precondition_failed(&self) -> bool {
        self.status() == 412
    }

    /// Whether the same request may well succeed when sent again. Whether it may be sent again is another question.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Transport { kind, .. } => {
                !matches!(kind, TransportKind::Tls | TransportKind::Other)
            }
            Self::Service(error) => {
                matches!(error.status, 401 | 408 | 429)
                    || error.status >= 500
                    // Damaged on its way: what is sent again may arrive.
                    || matches!(
                        error.code.as_str(),
                        "RequestTimeTooSkewed" | "BadRequest" | "InvalidDigest"
                    )
            }
            Self::Protocol(error) => {
                matches!(
                    error,
                    ProtocolError::BadCrc { .. } | ProtocolError::ShortBody { .. }
                )
            }
            Self::Body { .. }
            | Self::Cancelled
            | Self::DeadlineExceeded
            | Self::Invalid(_)
            | Self::Credentials(_) => false,
        }
    }

    /// Whether it is unknown if OSS has done what was asked: the answer was lost, or OSS failed on its side.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Transport { kind, .. } => {
                !matches!(kind, TransportKind::Resolve | TransportKind::Connect)
            }
            Self::Service(error) => error.status >= 500,
            Self::Protocol(_) | Self::Cancelled | Self::DeadlineExceeded => true,
            Self::Body { .. } | Self::Invalid(_) | Self::Credentials(_) => false,
        }
    }

    /// The error that a read of an [`crate::ObjectBody`] carries.
    #[must_use]
    pub fn of_io(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Wraps the error for [`io::Read`].
    #[must_use]
    pub fn into_io(self) -> io::Error {
        let kind = match &self {
            Self::Protocol(ProtocolError::ShortBody { .. }) => io::ErrorKind::UnexpectedEof,
            Self::Protocol(_) => io::ErrorKind::InvalidData,
            Self::Transport {
                kind: TransportKind::Timeout,
                ..
            } => io::ErrorKind::TimedOut,
            Self::Transport {
                kind: TransportKind::Closed,
                ..
            } => io::ErrorKind::ConnectionReset,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, self)
    }
}

/// The text with a blank for each control character: it comes from outside and ends in logs.
pub(crate) fn one_line(text: String) -> String {
    if text.contains(char::is_control) {
        text.replace(char::is_control, " ")
    } else {
        text
    }
}

impl ServiceError {
    /// Reads an error answer. `header` finds a header by its lower-case name. Control characters become blanks. An answer to HEAD has no body; its XML
    /// is then in `x-oss-err`, in base64. Whatever can't be read leaves its field empty: the status always says
    /// something.
    #[must_use]
    pub fn read(status: u16, header: impl Fn(&str) -> Option<String>, body: &[u8]) -> Self {
        let document = xml::error_document(body).or_else(|| {
            use base64::{Engine as _, engine::general_purpose::STANDARD};
            let decoded = STANDARD.decode(header("x-oss-err")?.trim()).ok()?;
            xml::error_document(&decoded)
        });
        let document = document.unwrap_or_default();
        let or_header = |text: String, name: &str| {
            if text.is_empty() {
                one_line(header(name).unwrap_or_default())
            } else {
                one_line(text)
            }
        };
        let endpoint = document
            .fields
            .iter()
            .find(|(name, _)| name == "Endpoint")
            .map(|(_, value)| one_line(value.clone()))
            .filter(|value| !value.is_empty());
        Self {
            status,
            code: one_line(document.code),
            message: one_line(document.message),
            request_id: or_header(document.request_id, "x-oss-request-id"),
            ec: or_header(document.ec, "x-oss-ec"),
            host_id: Some(one_line(document.host_id)).filter(|host| !host.is_empty()),
            endpoint,
            next_append_position: header("x-oss-next-append-position")
                .and_then(|value| value.trim().parse().ok()),
            delay: header("x-oss-qos-delay-time")
                .and_then(|value| value.trim().parse().ok())
                .map(Duration::from_millis),
        }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = if self.code.is_empty() {
            "no code"
        } else {
            &self.code
        };
        write!(
            f,
            "{} {code} (request id {}",
            self.status,
            or_none(&self.request_id)
        )?;
        if !self.ec.is_empty() {
            write!(f, ", EC {}", self.ec)?;
        }
        f.write_str(")")
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadXml(what) => write!(f, "bad XML: {what}"),
            Self::BadCrc { computed, stated } => {
                write!(
                    f,
                    "CRC-64 differs: computed {computed}, OSS states {stated}"
                )
            }
            Self::ShortBody { expected, received } => {
                write!(f, "body ended after {received} of {expected} bytes")
            }
            Self::BadRange => f.write_str("the answer is not the range that was asked for"),
            Self::BadHeader(name) => write!(f, "missing or bad header {name}"),
            Self::TooLarge => f.write_str("the answer is too long"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport { kind, message } => write!(f, "{kind}: {message}"),
            Self::Service(error) => write!(f, "OSS answered {error}"),
            Self::Protocol(error) => error.fmt(f),
            Self::Body { message, .. } => write!(f, "the body to send failed: {message}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::DeadlineExceeded => f.write_str("deadline exceeded"),
            Self::Invalid(what) => write!(f, "bad request: {what}"),
            Self::Credentials(why) => write!(f, "no access key: {why}"),
        }
    }
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "host name not found",
            Self::Connect => "no connection",
            Self::Timeout => "timed out",
            Self::Tls => "TLS failed",
            Self::Closed => "connection lost",
            Self::Http => "no HTTP answer",
            Self::Other => "transport failed",
        })
    }
}

impl std::error::Error for Error {}
impl std::error::Error for ServiceError {}
impl std::error::Error for ProtocolError {}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<ServiceError> for Error {
    fn from(error: ServiceError) -> Self {
        Self::Service(Box::new(error))
    }
}
