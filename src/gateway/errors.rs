//! What a client is told when OSS fails.
//!
//! The one table from OSS's answers to the kinds that choose a reply (DESIGN 4). Each sentence is
//! our own, with OSS's request id, which support asks for; OSS's own message may hold internals
//! and goes to the debug log only.

use log::debug;
use ossftp_core::{ErrorKind, StorageError};
use ossftp_oss::{Error, ProtocolError, ServiceError, TransportKind};

/// The right that a request needs, as the RAM policy names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Listing, and looking for directories.
    List,
    /// Reading an object or its headers.
    Read,
    /// Writing an object or its parts.
    Write,
    /// Copying within the bucket.
    Copy,
    /// Copying an object that has tags.
    CopyTagged,
    /// Reading the tags of an object.
    Tags,
    /// Deleting objects.
    Delete,
    /// Asking archived objects back.
    Restore,
    /// Listing unfinished uploads.
    ListUploads,
    /// Listing the parts of one.
    ListParts,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::List => "oss:ListObjects",
            Self::Read => "oss:GetObject",
            Self::Write => "oss:PutObject",
            Self::Copy => "oss:GetObject and oss:PutObject",
            Self::CopyTagged => {
                "oss:GetObject, oss:PutObject, oss:GetObjectTagging and oss:PutObjectTagging"
            }
            Self::Tags => "oss:GetObjectTagging",
            Self::Delete => "oss:DeleteObject",
            Self::Restore => "oss:RestoreObject",
            Self::ListUploads => "oss:ListMultipartUploads",
            Self::ListParts => "oss:ListParts",
        }
    }
}

/// Whether OSS says that there is no such object.
pub(crate) fn is_missing(error: &Error) -> bool {
    error.is_not_found() && !matches!(error.code(), "NoSuchBucket" | "NoSuchUpload")
}

/// What the client is told of `error`, the answer to a request that needs the right to `action`.
pub(crate) fn told(error: &Error, action: Action) -> StorageError {
    match error {
        Error::Service(service) => of_service(error, service, action),
        Error::Transport { kind, message } => {
            debug!("OSS: {kind}: {message}");
            StorageError::new(ErrorKind::Unavailable, unreachable(*kind))
        }
        Error::Protocol(ProtocolError::BadCrc { .. }) => StorageError::new(
            ErrorKind::Unavailable,
            "The data was damaged on the way, its checksum is not the one OSS states: try again.",
        ),
        Error::Protocol(ProtocolError::ShortBody { .. }) => {
            StorageError::new(ErrorKind::Unavailable, unreachable(TransportKind::Closed))
        }
        Error::Protocol(error) => {
            debug!("OSS: {error}");
            StorageError::new(
                ErrorKind::Unavailable,
                "The answer of OSS makes no sense: try again, or check the endpoint.",
            )
        }
        Error::Cancelled => cancelled(),
        Error::DeadlineExceeded => {
            StorageError::new(ErrorKind::Unavailable, unreachable(TransportKind::Timeout))
        }
        Error::Invalid(what) => {
            debug!("OSS was not asked: {what}");
            StorageError::new(
                ErrorKind::BadName,
                "OSS cannot be asked for this: choose another name.",
            )
        }
        error => {
            debug!("OSS: {error}");
            StorageError::new(
                ErrorKind::Unavailable,
                "The request to OSS failed: try again.",
            )
        }
    }
}

/// The caller cancelled it.
pub(crate) fn cancelled() -> StorageError {
    StorageError::new(ErrorKind::Cancelled, "Cancelled.")
}

/// Nothing that OSS could be asked for does it.
pub(crate) fn unsupported() -> StorageError {
    StorageError::new(ErrorKind::Unsupported, "OSS cannot do that.")
}

/// Nothing is there.
pub(crate) fn not_found() -> StorageError {
    StorageError::new(ErrorKind::NotFound, "No such file or directory.")
}

/// The sentence for a request that did not get through.
pub(crate) fn unreachable(kind: TransportKind) -> &'static str {
    match kind {
        TransportKind::Resolve => {
            "OSS cannot be reached, its host name has no address: check the endpoint."
        }
        TransportKind::Connect => {
            "OSS cannot be reached, there is no connection: check the endpoint and the network."
        }
        TransportKind::Timeout => "OSS did not answer in time: try again.",
        TransportKind::Tls => {
            "OSS cannot be reached, the TLS handshake failed: check the endpoint."
        }
        TransportKind::Http => {
            "What answers at the endpoint is not OSS: see whether the endpoint is right."
        }
        _ => "The connection to OSS broke: try again.",
    }
}

fn of_service(error: &Error, service: &ServiceError, action: Action) -> StorageError {
    debug!("OSS: {service}: {}", service.message);
    if is_no_oss(service) {
        return StorageError::new(ErrorKind::Unavailable, unreachable(TransportKind::Http));
    }
    let (kind, sentence) = by_code(&service.code)
        .or_else(|| by_status(error))
        .unwrap_or_else(|| denied(action));
    with_id(kind, sentence, service)
}

/// Whether another server answered: all refusals of OSS have a code or an id. Proxies before it
/// fail with neither, but with 429 and 5xx.
fn is_no_oss(service: &ServiceError) -> bool {
    let is_nameless = service.code.is_empty() && service.request_id.is_empty();
    is_nameless && service.status < 500 && service.status != 429
}

/// A sentence with the request id of OSS's answer, if it has one.
pub(crate) fn with_id(
    kind: ErrorKind,
    sentence: impl Into<String>,
    service: &ServiceError,
) -> StorageError {
    let mut message = sentence.into();
    let id: String = service
        .request_id
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .collect();
    if !id.is_empty() {
        message.push_str(" (OSS request ");
        message.push_str(&id);
        message.push(')');
    }
    StorageError::new(kind, message)
}

type Told = (ErrorKind, String);

fn by_code(code: &str) -> Option<Told> {
    let (kind, sentence) = match code {
        "NoSuchKey" | "SymlinkTargetNotExist" => {
            (ErrorKind::NotFound, "No such file or directory.")
        }
        "NoSuchBucket" => (
            ErrorKind::NotFound,
            "The bucket does not exist any more: log in to another.",
        ),
        "NoSuchUpload" => (
            ErrorKind::Unavailable,
            "Someone else ended the upload: send the file again.",
        ),
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidSecurityToken"
        | "SecurityTokenExpired"
        | "AccessKeyIdAndSecurityTokenNotMatch" => (
            ErrorKind::Denied,
            "OSS does not accept the access key any more: log in again with another.",
        ),
        "InvalidObjectState" => (
            ErrorKind::Busy,
            "The file is archived: ask for it with SITE RESTORE, then try again later.",
        ),
        "RestoreAlreadyInProgress" | "ArchiveRestoreNotFinished" => (
            ErrorKind::Busy,
            "The file is being restored from the archive: try again later.",
        ),
        "InDebt"
        | "InDebtOverdue"
        | "UserDisable"
        | "BucketDisable"
        | "AbnormalBucketOwnerStatus" => (
            ErrorKind::Denied,
            "OSS has suspended this account or bucket, perhaps for an unpaid bill.",
        ),
        "FileImmutable" => (
            ErrorKind::Denied,
            "A retention policy of the bucket protects this file until it ends.",
        ),
        "InvalidObjectName" => (
            ErrorKind::BadName,
            "OSS holds no file of this name: choose another.",
        ),
        "InvalidDigest" => (
            ErrorKind::Unavailable,
            "The data was damaged on the way to OSS, more than once: try again.",
        ),
        "EntityTooLarge" => (ErrorKind::NoSpace, "The file is larger than OSS takes."),
        "FileAlreadyExists" | "ObjectAlreadyExists" => (
            ErrorKind::Exists,
            "It exists already: delete it first, or choose another name.",
        ),
        "RequestTimeTooSkewed" => (
            ErrorKind::Unavailable,
            "OSS refuses the request since the clock of this server is wrong: set it.",
        ),
        "NotImplemented" | "OperationNotSupported" | "MethodNotAllowed" => {
            (ErrorKind::Unsupported, "OSS cannot do that here.")
        }
        "SecondLevelDomainForbidden" | "NeedVerifyDomainOwnership" => (
            ErrorKind::Unavailable,
            "The configured endpoint cannot be used for this bucket: give it another.",
        ),
        _ => return None,
    };
    Some((kind, sentence.to_owned()))
}

/// `None` if a right is missing.
fn by_status(error: &Error) -> Option<Told> {
    let (kind, sentence) = if error.is_throttled() {
        (
            ErrorKind::Busy,
            "OSS asks for fewer requests: try again a little later.",
        )
    } else {
        match error.status() {
            404 => (ErrorKind::NotFound, "No such file or directory."),
            412 => (
                ErrorKind::Busy,
                "Someone else changed the file meanwhile: try again.",
            ),
            416 => (
                ErrorKind::BadOffset,
                "The offset is beyond the end of the file.",
            ),
            403 => return None,
            500.. => (
                ErrorKind::Unavailable,
                "OSS failed inside: try again a little later.",
            ),
            _ => {
                // A word of OSS's own, for those who look it up; never its message.
                let code: String = error
                    .code()
                    .chars()
                    .filter(char::is_ascii_alphanumeric)
                    .take(64)
                    .collect();
                let sentence = match code.as_str() {
                    "" => "OSS refused the request, and did not say why.".to_owned(),
                    code => format!("OSS refused the request: look up its code {code}."),
                };
                return Some((ErrorKind::Unavailable, sentence));
            }
        }
    };
    Some((kind, sentence.to_owned()))
}

fn denied(action: Action) -> Told {
    (
        ErrorKind::Denied,
        format!(
            "Permission denied: the access key needs the RAM {} {} for this.",
            if action.name().contains(' ') {
                "actions"
            } else {
                "action"
            },
            action.name()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(status: u16, code: &str) -> Error {
        let xml =
            format!("<Error><Code>{code}</Code><Message>secret StringToSign</Message></Error>");
        let id = |name: &str| (name == "x-oss-request-id").then(|| "5C1B138A\r\n550".to_owned());
        ServiceError::read(status, id, xml.as_bytes()).into()
    }

    #[test]
    fn kinds_by_code_and_status() {
        for (status, code, kind) in [
            (404, "NoSuchKey", ErrorKind::NotFound),
            (404, "", ErrorKind::NotFound),
            (404, "NoSuchBucket", ErrorKind::NotFound),
            (404, "NoSuchUpload", ErrorKind::Unavailable),
            (403, "AccessDenied", ErrorKind::Denied),
            (403, "", ErrorKind::Denied),
            (403, "InvalidObjectState", ErrorKind::Busy),
            (403, "SignatureDoesNotMatch", ErrorKind::Denied),
            (400, "EntityTooLarge", ErrorKind::NoSpace),
            (400, "InvalidObjectName", ErrorKind::BadName),
            (400, "Whatever", ErrorKind::Unavailable),
            (412, "PreconditionFailed", ErrorKind::Busy),
            (416, "InvalidRange", ErrorKind::BadOffset),
            (429, "", ErrorKind::Busy),
            (503, "ServiceUnavailable", ErrorKind::Busy),
            (503, "QpsLimitExceeded", ErrorKind::Busy),
            (500, "InternalError", ErrorKind::Unavailable),
            (502, "", ErrorKind::Unavailable),
        ] {
            let told = told(&service(status, code), Action::Read);
            assert_eq!(told.kind, kind, "{status} {code}");
            assert!(!told.message.contains("StringToSign"), "{told}");
            assert!(told.message.contains("(OSS request 5C1B138A550)"), "{told}");
            assert!(!told.message.chars().any(char::is_control), "{told}");
        }
    }

    #[test]
    fn a_refusal_that_is_not_in_the_table_tells_its_code() {
        let said = told(&service(400, "TooManyBuckets\r\n550 x"), Action::Write);
        assert!(said.message.contains("code TooManyBuckets550x."), "{said}");
        let silent = told(&service(400, ""), Action::Write);
        assert!(silent.message.contains("did not say why"), "{silent}");
    }

    #[test]
    fn a_missing_right_is_named() {
        for (action, name) in [
            (Action::List, "oss:ListObjects"),
            (Action::Read, "oss:GetObject"),
            (Action::Write, "oss:PutObject"),
            (Action::Delete, "oss:DeleteObject"),
            (Action::Restore, "oss:RestoreObject"),
            (Action::ListUploads, "oss:ListMultipartUploads"),
            (Action::ListParts, "oss:ListParts"),
        ] {
            let told = told(&service(403, "AccessDenied"), action);
            assert!(told.message.contains(name), "{told}");
        }
    }

    #[test]
    fn what_is_no_answer() {
        let transport = Error::Transport {
            kind: TransportKind::Connect,
            message: "10.0.0.1 refused".to_owned(),
        };
        let said = told(&transport, Action::Read);
        assert_eq!(said.kind, ErrorKind::Unavailable);
        assert!(!said.message.contains("10.0.0.1"));
        assert_eq!(
            told(&Error::Cancelled, Action::Read).kind,
            ErrorKind::Cancelled
        );
        assert_eq!(
            told(&Error::DeadlineExceeded, Action::Read).kind,
            ErrorKind::Unavailable
        );
    }

    #[test]
    fn another_server_is_no_bucket_without_files() {
        let error = |status, id: Option<&str>| -> Error {
            let header = |name: &str| id.filter(|_| name == "x-oss-request-id").map(str::to_owned);
            ServiceError::read(status, header, b"<html>nothing here</html>").into()
        };
        for status in [301, 400, 403, 404] {
            let said = told(&error(status, None), Action::List);
            assert_eq!(said.kind, ErrorKind::Unavailable, "{said}");
            assert!(said.message.contains("is not OSS"), "{said}");
        }
        // HEAD has no body, and proxies fail before OSS.
        let said = told(&error(404, Some("5C1B")), Action::Read);
        assert_eq!(said.kind, ErrorKind::NotFound);
        assert_eq!(told(&error(429, None), Action::Read).kind, ErrorKind::Busy);
        let said = told(&error(502, None), Action::Read);
        assert!(said.message.contains("failed inside"), "{said}");
    }

    #[test]
    fn rights_are_one_or_more() {
        let said = |action| told(&service(403, "AccessDenied"), action).message;
        assert!(said(Action::Write).contains("RAM action oss:PutObject for"));
        assert!(said(Action::Copy).contains("RAM actions oss:GetObject and oss:PutObject for"));
    }

    #[test]
    fn missing_objects_only() {
        assert!(is_missing(&service(404, "NoSuchKey")) && is_missing(&service(404, "")));
        assert!(!is_missing(&service(404, "NoSuchBucket")));
        assert!(!is_missing(&service(404, "NoSuchUpload")));
    }
}
