//! ListObjects (V1) and ListObjectsV2.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use ossftp_oss::{encode, time};

use super::{Answer, Call, restore, unix_now_ms};
use crate::devstore::error::ApiError;
use crate::devstore::http::Response;
use crate::devstore::store::{Entry, Position, Query};
use crate::devstore::xml::Xml;

/// The most entries that a page of OSS has.
const MAX_PAGE: usize = 1000;

/// Names as the answer shows them: percent-encoded with `encoding-type=url`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    url: bool,
}

impl Names {
    pub(super) fn show(self, name: &[u8]) -> String {
        // Keys were checked to be UTF-8 when they came.
        let name = String::from_utf8_lossy(name);
        if self.url {
            encode::component(&name)
        } else {
            name.into_owned()
        }
    }

    pub(super) fn declare(self, xml: &mut Xml) {
        if self.url {
            xml.text("EncodingType", "url");
        }
    }
}

impl Call<'_> {
    /// The length of a page from a query parameter: 1 to 1,000, and at most what the store's limit is.
    pub(super) fn max(&self, name: &str, default: usize) -> Result<usize, ApiError> {
        let wanted = match self.request.param(name).filter(|text| !text.is_empty()) {
            None => default,
            Some(text) => match text.parse() {
                Ok(max) if (1..=MAX_PAGE).contains(&max) => max,
                _ => return Err(ApiError::invalid_argument(name, text)),
            },
        };
        Ok(wanted.min(self.service.settings.limits.max_page).max(1))
    }

    pub(super) fn names(&self) -> Result<Names, ApiError> {
        match self.request.param("encoding-type") {
            None | Some("") => Ok(Names { url: false }),
            Some("url") => Ok(Names { url: true }),
            Some(other) => Err(ApiError::invalid_argument("encoding-type", other)),
        }
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.request.param(name).unwrap_or_default()
    }

    pub(super) fn list_v1(&self) -> Answer {
        let marker = self.text("marker");
        let (entries, more) = self.page(marker.as_bytes(), 100)?;
        let names = self.names()?;
        let mut xml = Xml::document("ListBucketResult");
        self.list_head(&mut xml, names, 100)?;
        xml.text("Marker", &names.show(marker.as_bytes()));
        xml.text("IsTruncated", if more { "true" } else { "false" });
        if let (true, Some(last)) = (more, entries.last()) {
            xml.text("NextMarker", &names.show(last.name()));
        }
        list_entries(&mut xml, &entries, names, true);
        Ok(Response::xml(200, xml.finish()))
    }

    pub(super) fn list_v2(&self) -> Answer {
        let token = self.text("continuation-token");
        let start_after = self.text("start-after");
        let after = if token.is_empty() {
            start_after.as_bytes().to_vec()
        } else {
            // To clients the token is opaque; it is the last name of the page before.
            URL_SAFE
                .decode(token)
                .map_err(|_| ApiError::invalid_argument("continuation-token", token))?
        };
        let (entries, more) = self.page(&after, 100)?;
        let names = self.names()?;
        let mut xml = Xml::document("ListBucketResult");
        self.list_head(&mut xml, names, 100)?;
        if !start_after.is_empty() {
            xml.text("StartAfter", &names.show(start_after.as_bytes()));
        }
        if !token.is_empty() {
            xml.text("ContinuationToken", &names.show(token.as_bytes()));
        }
        xml.text("IsTruncated", if more { "true" } else { "false" });
        if let (true, Some(last)) = (more, entries.last()) {
            xml.text(
                "NextContinuationToken",
                &names.show(URL_SAFE.encode(last.name()).as_bytes()),
            );
        }
        list_entries(
            &mut xml,
            &entries,
            names,
            self.text("fetch-owner") == "true",
        );
        xml.text("KeyCount", &entries.len().to_string());
        Ok(Response::xml(200, xml.finish()))
    }

    fn page(&self, after: &[u8], default: usize) -> Result<(Vec<Entry>, bool), ApiError> {
        let query = Query {
            prefix: self.text("prefix").as_bytes(),
            delimiter: self.text("delimiter").as_bytes(),
            position: if after.is_empty() {
                Position::Start
            } else {
                Position::After(after)
            },
            max: self.max("max-keys", default)?,
        };
        self.store()
            .list(self.bucket, &query)
            .map_err(|error| self.failed(error))
    }

    fn list_head(&self, xml: &mut Xml, names: Names, default: usize) -> Result<(), ApiError> {
        xml.text("Name", self.bucket);
        xml.text("Prefix", &names.show(self.text("prefix").as_bytes()));
        xml.text("MaxKeys", &self.max("max-keys", default)?.to_string());
        xml.text("Delimiter", &names.show(self.text("delimiter").as_bytes()));
        names.declare(xml);
        Ok(())
    }
}

fn list_entries(xml: &mut Xml, entries: &[Entry], names: Names, owner: bool) {
    let now_ms = unix_now_ms();
    for entry in entries {
        let Entry::Object(key, object) = entry else {
            continue;
        };
        xml.open("Contents");
        xml.text("Key", &names.show(key));
        xml.text("LastModified", &time::format_iso(object.modified));
        xml.text("ETag", &format!("\"{}\"", object.etag));
        xml.text("Type", object.kind.name());
        xml.text("Size", &object.size.to_string());
        xml.text("StorageClass", object.class.name());
        if let Some(state) = restore::state(object, now_ms) {
            xml.text("RestoreInfo", &state);
        }
        if owner {
            xml.owner();
        }
        xml.close();
    }
    for entry in entries {
        let Entry::Prefix(prefix) = entry else {
            continue;
        };
        xml.open("CommonPrefixes");
        xml.text("Prefix", &names.show(prefix));
        xml.close();
    }
}
