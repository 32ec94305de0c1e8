//! OSS's errors: code, status, message, EC, and the XML they travel in.
//!
//! It decides how an error looks on the wire. When one is due is left to the APIs.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::http::{Payload, Request, Response};
use super::store::StoreError;
use super::xml::Xml;

/// An error of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) code: &'static str,
    /// Boxed, since errors are returned everywhere.
    pub(super) message: Box<str>,
    /// OSS's finer error code; empty where OSS's is not known to us.
    pub(super) ec: &'static str,
    /// Further elements of the XML.
    pub(super) fields: Vec<(&'static str, String)>,
    /// What RAM did not find; boxed, since it is rare and errors are returned everywhere.
    pub(super) missing: Option<Box<MissingRight>>,
    /// Further headers.
    pub(super) headers: Vec<(&'static str, String)>,
}

/// Why RAM refused, for `AccessDeniedDetail`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MissingRight {
    /// The AccessKeyId.
    id: String,
    /// The RAM action.
    action: &'static str,
}

impl ApiError {
    /// An error without further elements.
    pub(super) fn new(
        status: u16,
        code: &'static str,
        ec: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            ec,
            message: message.into().into_boxed_str(),
            fields: Vec::new(),
            missing: None,
            headers: Vec::new(),
        }
    }

    /// Adds an element to the XML.
    pub(super) fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// 400 InvalidArgument.
    pub(super) fn invalid_argument(name: &str, value: &str) -> Self {
        Self::new(
            400,
            "InvalidArgument",
            "",
            format!("The value of the argument {name} is not valid."),
        )
        .field("ArgumentName", name)
        .field("ArgumentValue", value)
    }

    /// 404 NoSuchKey.
    pub(super) fn no_such_key(key: &str) -> Self {
        Self::new(
            404,
            "NoSuchKey",
            "0026-00000001",
            "The specified key does not exist.",
        )
        .field("Key", key)
    }

    /// 404 NoSuchBucket.
    pub(super) fn no_such_bucket(bucket: &str) -> Self {
        Self::new(
            404,
            "NoSuchBucket",
            "0015-00000101",
            "The specified bucket does not exist.",
        )
        .field("BucketName", bucket)
    }

    /// 412 PreconditionFailed.
    pub(super) fn precondition(condition: &str) -> Self {
        Self::new(
            412,
            "PreconditionFailed",
            "",
            "At least one of the pre-conditions you specified did not hold.",
        )
        .field("Condition", condition)
    }

    /// 400 MalformedXML.
    pub(super) fn malformed_xml(ec: &'static str) -> Self {
        Self::new(
            400,
            "MalformedXML",
            ec,
            "The XML you provided was not well-formed or did not validate against our published schema.",
        )
    }

    /// 403 AccessDenied.
    pub(super) fn access_denied(why: &str) -> Self {
        Self::new(403, "AccessDenied", "", why)
    }

    /// 403 AccessDenied from RAM: the key named `id` has no statement that allows `action`.
    pub(super) fn not_granted(id: &str, action: &'static str) -> Self {
        let mut error = Self::new(
            403,
            "AccessDenied",
            "0003-00000001",
            "You have no right to access this object because of bucket acl.",
        );
        error.missing = Some(Box::new(MissingRight {
            id: id.to_owned(),
            action,
        }));
        error
    }

    /// 403 AccessDenied: the bucket is in another region, and its endpoint there is this.
    pub(super) fn elsewhere(bucket: &str, endpoint: String) -> Self {
        Self::new(
            403,
            "AccessDenied",
            "0003-00001403",
            "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
        )
        .field("Bucket", bucket)
        .field("Endpoint", endpoint)
    }

    /// 400 OperationNotSupported.
    pub(super) fn not_supported(ec: &'static str) -> Self {
        Self::new(
            400,
            "OperationNotSupported",
            ec,
            "The operation is not supported for this resource.",
        )
    }

    /// 400 EntityTooLarge.
    pub(super) fn too_large(largest: u64) -> Self {
        Self::new(
            400,
            "EntityTooLarge",
            "",
            "Your proposed upload exceeds the maximum allowed size.",
        )
        .field("MaxSizeAllowed", largest.to_string())
    }

    /// 400 NotImplemented: OSS has it, this store has not.
    pub(super) fn not_implemented(what: &str) -> Self {
        Self::new(
            400,
            "NotImplemented",
            "",
            "A header or parameter you provided implies functionality that is not implemented.",
        )
        .field("Header", what)
    }

    /// 500 InternalError: the disk failed. What exactly is for the log, not for the client.
    pub(super) fn internal(why: &str) -> Self {
        log::error!("dev store: {why}");
        Self::new(
            500,
            "InternalError",
            "",
            "We encountered an internal error. Please try again.",
        )
    }

    /// The client stopped in the middle of the body, or its framing broke.
    pub(super) fn incomplete_body() -> Self {
        Self::new(
            400,
            "RequestTimeout",
            "",
            "Your socket connection to the server was not read from or written to within the timeout period.",
        )
    }

    /// What a failure of the store means for this bucket, key and upload.
    pub(super) fn from_store(error: StoreError, bucket: &str, key: &str, upload: &str) -> Self {
        match error {
            StoreError::NoSuchBucket => Self::no_such_bucket(bucket),
            StoreError::BucketNotEmpty => {
                Self::new(409, "BucketNotEmpty", "", "The bucket you tried to delete is not empty.").field("BucketName", bucket)
            }
            StoreError::NoSuchKey => Self::no_such_key(key),
            StoreError::NoSuchUpload => Self::new(
                404,
                "NoSuchUpload",
                "0042-00000002",
                "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
            )
            .field("UploadId", upload),
            StoreError::Exists => {
                Self::new(409, "FileAlreadyExists", "", "The object you specified already exists and can not be overwritten.").field("Key", key)
            }
            StoreError::NotAppendable => Self::new(409, "ObjectNotAppendable", "", "The object is not appendable"),
            StoreError::WrongPosition(length) => {
                Self::new(409, "PositionNotEqualToLength", "0026-00000016", "Position is not equal to file length")
                    .header("x-oss-next-append-position", length.to_string())
            }
            StoreError::InvalidPart(number) => Self::new(
                400,
                "InvalidPart",
                "",
                "One or more of the specified parts could not be found or the specified entity tag might not have matched the part's entity tag.",
            )
            .field("UploadId", upload)
            .field("PartNumber", number.to_string()),
            StoreError::PartTooSmall { number, smallest } => {
                Self::new(400, "EntityTooSmall", "", "Your proposed upload smaller than the minimum allowed size.")
                    .field("MinSizeAllowed", smallest.to_string())
                    .field("PartNumber", number.to_string())
            }
            StoreError::NoParts => Self::malformed_xml("0042-00000205"),
            StoreError::NoParent => Self::no_such_key(key.rsplit_once('/').map_or(key, |(parent, _)| parent)),
            StoreError::IntoItself => Self::invalid_argument("x-oss-rename-source", key),
            StoreError::SourceGone => Self::internal("a copy's source went away again and again"),
            StoreError::Broken(why) => Self::internal(&why),
        }
    }

    /// The XML document.
    pub(super) fn xml(&self, request_id: &str, host: &str) -> String {
        let mut xml = Xml::document("Error");
        xml.text("Code", self.code);
        xml.text("Message", &self.message);
        xml.text("RequestId", request_id);
        xml.text("HostId", host);
        for (name, value) in &self.fields {
            xml.text(name, value);
        }
        if let Some(missing) = &self.missing {
            xml.open("AccessDeniedDetail");
            xml.text("PolicyType", "AccountLevelIdentityBasedPolicy");
            xml.text("AuthPrincipalOwnerId", super::OWNER);
            xml.text("AuthPrincipalType", "SubUser");
            xml.text("AuthPrincipalDisplayName", &missing.id);
            xml.text("NoPermissionType", "ImplicitDeny");
            xml.text("AuthAction", missing.action);
            xml.close();
        }
        if !self.ec.is_empty() {
            xml.text("EC", self.ec);
            xml.text(
                "RecommendDoc",
                &format!("https://api.aliyun.com/troubleshoot?q={}", self.ec),
            );
        }
        xml.finish()
    }

    /// The response. An answer to HEAD has no body: its XML goes into the header `x-oss-err`.
    pub(super) fn response(&self, method: &str, request_id: &str, host: &str) -> Response {
        let mut response = document_response(self.status, self.xml(request_id, host), method);
        if !self.ec.is_empty() {
            response = response.with("x-oss-ec", self.ec);
        }
        response.headers.extend(self.headers.iter().cloned());
        response.note.error = Some(Cow::Borrowed(self.code));
        response
    }
}

/// The response of an error that was asked for, with whatever code that was.
pub(super) fn asked_for(
    status: u16,
    code: &str,
    message: &str,
    request: &Request,
    request_id: &str,
) -> Response {
    let mut xml = Xml::document("Error");
    xml.text("Code", code);
    xml.text("Message", message);
    xml.text("RequestId", request_id);
    xml.text("HostId", &request.host);
    let mut response = document_response(status, xml.finish(), &request.method);
    response.note.error = Some(Cow::Owned(code.to_owned()));
    response
}

fn document_response(status: u16, xml: String, method: &str) -> Response {
    if status == 304 {
        return Response::empty(304);
    }
    if method != "HEAD" {
        return Response::xml(status, xml);
    }
    let mut response = Response::empty(status).with("x-oss-err", STANDARD.encode(xml));
    response.payload = Payload::Length(0);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_oss_elements_in_order() {
        let xml = ApiError::no_such_key("a&b").xml("ID", "h");
        assert_eq!(
            xml,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>\
             <Message>The specified key does not exist.</Message><RequestId>ID</RequestId><HostId>h</HostId>\
             <Key>a&amp;b</Key><EC>0026-00000001</EC>\
             <RecommendDoc>https://api.aliyun.com/troubleshoot?q=0026-00000001</RecommendDoc></Error>"
        );
    }

    #[test]
    fn head_has_its_error_in_headers() {
        let response = ApiError::no_such_key("k").response("HEAD", "ID", "h");
        assert!(matches!(response.payload, Payload::Length(0)));
        let err = response
            .headers
            .iter()
            .find(|(name, _)| *name == "x-oss-err")
            .unwrap();
        assert!(
            String::from_utf8(STANDARD.decode(&err.1).unwrap())
                .unwrap()
                .contains("<Code>NoSuchKey</Code>")
        );
        assert!(
            response
                .headers
                .contains(&("x-oss-ec", "0026-00000001".into()))
        );
    }
}
