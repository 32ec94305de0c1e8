//! DeleteObject and DeleteMultipleObjects.

use super::{Answer, Call, check_key};
use crate::devstore::error::ApiError;
use crate::devstore::http::{Body, Response};
use crate::devstore::xml::{self, Xml};

/// The most keys of one batch.
const MAX_KEYS: usize = 1000;

/// An XML body that could not be read: too long, or cut off.
pub(super) fn unreadable(error: &std::io::Error) -> ApiError {
    if error.kind() == std::io::ErrorKind::FileTooLarge {
        return ApiError::new(
            400,
            "EntityTooLarge",
            "",
            "The XML body exceeds the maximum allowed size.",
        );
    }
    ApiError::incomplete_body()
}

impl Call<'_> {
    pub(super) fn delete(&self) -> Answer {
        self.store()
            .delete_objects(self.bucket, &[self.key])
            .map_err(|error| self.failed(error))?;
        Ok(Response::empty(204))
    }

    pub(super) fn delete_multiple(&self, body: &mut Body<'_>) -> Answer {
        self.need_bucket()?;
        if self.request.header("content-md5").is_none() {
            return Err(ApiError::new(
                400,
                "MissingArgument",
                "",
                "Missing some required arguments.",
            )
            .field("ArgumentName", "Content-MD5"));
        }
        let bytes = self.xml_body(body)?;
        let request = xml::parse_delete(&bytes)
            .filter(|request| (1..=MAX_KEYS).contains(&request.keys.len()))
            .ok_or_else(|| ApiError::malformed_xml("0016-00000608"))?;
        for key in &request.keys {
            if key.is_empty() {
                return Err(super::invalid_name(key));
            }
            check_key(key)?;
        }
        for key in &request.keys {
            self.permit("oss:DeleteObject", self.bucket, Some(key))?;
        }
        self.store()
            .delete_objects(self.bucket, &request.keys)
            .map_err(|error| self.failed(error))?;
        if request.quiet {
            return Ok(Response::empty(200));
        }
        let names = self.names()?;
        let mut xml = Xml::document("DeleteResult");
        names.declare(&mut xml);
        for key in &request.keys {
            xml.open("Deleted");
            xml.text("Key", &names.show(key.as_bytes()));
            xml.close();
        }
        Ok(Response::xml(200, xml.finish()))
    }
}
