//! The target `oss_xml`.

use super::rewrite::rewrite;
use crate::xml::{self, ErrorDocument};
use crate::{
    BucketInfo, BucketPage, CompletedUpload, Copied, DeletedKey, InitiatedUpload, ObjectPage,
    Owner, PartPage, Region, ServiceError, UploadPage,
};
use std::fmt::Debug;

/// What a body was read as.
#[derive(PartialEq)]
pub(super) enum Answer {
    Error(ErrorDocument),
    Objects(ObjectPage),
    Buckets(BucketPage),
    Info(BucketInfo),
    Location(String),
    Acl(String, Option<Owner>),
    Initiated(InitiatedUpload),
    Completed(CompletedUpload),
    Parts(PartPage),
    Uploads(UploadPage),
    Copied(Copied),
    Deleted(Vec<DeletedKey>),
    Regions(Vec<Region>),
    Tags(Vec<(String, String)>),
    Versioning(Option<String>),
}

impl Answer {
    /// All as that `body` can be read.
    fn all(body: &[u8]) -> Vec<Self> {
        [
            xml::error_document(body).map(Self::Error),
            read(xml::object_page(body)).map(Self::Objects),
            read(xml::bucket_page(body)).map(Self::Buckets),
            read(xml::bucket_info(body)).map(Self::Info),
            read(xml::bucket_location(body)).map(Self::Location),
            read(xml::bucket_acl(body)).map(|(grant, owner)| Self::Acl(grant, owner)),
            read(xml::initiate_result(body)).map(Self::Initiated),
            read(xml::complete_result(body)).map(Self::Completed),
            read(xml::part_page(body)).map(Self::Parts),
            read(xml::upload_page(body)).map(Self::Uploads),
            read(xml::copy_result(body)).map(Self::Copied),
            read(xml::delete_result(body)).map(Self::Deleted),
            read(xml::region_list(body)).map(Self::Regions),
            read(xml::tagging(body)).map(Self::Tags),
            read(xml::versioning(body)).map(Self::Versioning),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What every answer of its kind has, and how many bytes a debug print of it takes.
    fn check(&self) -> usize {
        match self {
            Self::Error(error) => {
                assert!(!error.code.is_empty());
                let named = (
                    &error.code,
                    &error.message,
                    &error.request_id,
                    &error.host_id,
                    &error.ec,
                );
                printed(&named) + printed(&error.fields)
            }
            Self::Objects(page) => {
                assert_eq!(
                    page.next.as_deref().unwrap_or_default().is_empty(),
                    page.next.is_none()
                );
                assert!(page.next.is_some() || !page.is_truncated);
                assert!(page.objects.iter().all(|object| !object.key.is_empty()));
                assert!(page.common_prefixes.iter().all(|prefix| !prefix.is_empty()));
                page.objects
                    .iter()
                    .for_each(|object| time(object.last_modified));
                printed(page)
            }
            Self::Buckets(page) => {
                assert!(page.next.is_some() || !page.is_truncated);
                assert!(page.buckets.iter().all(|bucket| !bucket.name.is_empty()));
                page.buckets.iter().for_each(|bucket| time(bucket.created));
                printed(page)
            }
            Self::Info(info) => {
                assert!(!info.summary.name.is_empty());
                time(info.summary.created);
                printed(info)
            }
            Self::Location(location) => {
                assert_eq!(location.trim(), location);
                assert!(!location.is_empty());
                printed(location)
            }
            Self::Acl(grant, owner) => {
                assert!(!grant.is_empty());
                printed(&(grant, owner))
            }
            Self::Initiated(upload) => {
                assert!(!upload.upload_id.is_empty());
                printed(upload)
            }
            Self::Completed(upload) => printed(upload),
            Self::Parts(page) => {
                assert!(page.next.is_some() || !page.is_truncated);
                page.parts.iter().for_each(|part| time(part.last_modified));
                printed(page)
            }
            Self::Uploads(page) => {
                assert!(page.next_key_marker.is_some() || !page.is_truncated);
                for upload in &page.uploads {
                    assert!(!upload.key.is_empty() && !upload.upload_id.is_empty());
                    time(upload.initiated);
                }
                assert!(page.common_prefixes.iter().all(|prefix| !prefix.is_empty()));
                printed(page)
            }
            Self::Copied(copied) => {
                assert!(!copied.etag.is_empty());
                time(copied.last_modified);
                printed(copied)
            }
            Self::Deleted(keys) => {
                assert!(keys.iter().all(|key| !key.key.is_empty()));
                printed(keys)
            }
            Self::Regions(regions) => {
                assert!(regions.iter().all(|region| !region.location.is_empty()));
                printed(regions)
            }
            Self::Tags(tags) => printed(tags),
            Self::Versioning(state) => {
                assert!(state.as_ref().is_none_or(|state| !state.is_empty()));
                printed(state)
            }
        }
    }
}

fn read<T>(answer: crate::Result<T>) -> Option<T> {
    answer.inspect_err(one_line).ok()
}

/// What is logged cannot begin a line of its own, nor steer a terminal.
fn one_line(shown: &impl std::fmt::Display) {
    let shown = shown.to_string();
    assert!(!shown.contains(char::is_control), "{shown:?}");
}

fn printed(value: &impl Debug) -> usize {
    format!("{value:?}").len()
}

/// A time is one of the years 0 to 9999, give or take the offset of its zone.
fn time(unix: i64) {
    assert!((-62_167_219_200 - 86_400..=253_402_300_799 + 86_400).contains(&unix));
}

/// Any bytes as each of the answers that the client reads: they are one kind of answer at most, a document type is
/// refused, an answer that was cut off is none, what is read is no longer than what came and has what its kind must
/// have, errors are of one line, and written again it is read as the same.
///
/// # Panics
/// One of these does not hold.
pub fn oss_xml(body: &[u8]) {
    let answers = Answer::all(body);
    service_error(body, &answers);
    assert!(answers.len() <= 1, "an answer of two kinds");
    let Some(answer) = answers.first() else {
        return;
    };
    let text = std::str::from_utf8(body).expect("an answer is UTF-8");
    // A quiet answer to a deletion has no XML at all.
    if text.trim().is_empty() {
        assert!(matches!(answer, Answer::Deleted(keys) if keys.is_empty()));
        return;
    }
    assert!(!has_document_type(text), "a document type was let through");

    // The fields of a type printed without anything in them are some hundred bytes, and no element is shorter than a
    // few; a character may be printed as ten.
    let printed = answer.check();
    assert!(
        printed <= 2_000 + 20 * body.len(),
        "{printed} bytes read from {}",
        body.len()
    );

    let end = text.rfind('>').expect("the end of the root");
    assert!(
        Answer::all(&body[..end]).is_empty(),
        "half an answer was read"
    );

    let longer = [text, "\n<!-- no part of it -->\n"].concat();
    if longer.len() <= xml::MAX_ERROR {
        assert!(
            Answer::all(longer.as_bytes()) == answers,
            "a comment changes it"
        );
    }
    for encoded in [true, false] {
        if let Some(text) = rewrite(answer, encoded).filter(|text| text.len() <= xml::MAX_ERROR) {
            assert!(
                Answer::all(text.as_bytes()) == answers,
                "written again it is another: {text}"
            );
        }
    }
}

/// The same body as an error answer, also where it comes in a header.
fn service_error(body: &[u8], answers: &[Answer]) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let read = ServiceError::read(404, |_| None, body);
    let encoded = STANDARD.encode(body);
    let header = |name: &str| (name == "x-oss-err").then(|| encoded.clone());
    assert_eq!(ServiceError::read(404, header, b""), read);
    match answers.first() {
        Some(Answer::Error(error)) => {
            assert_eq!(read.code.chars().count(), error.code.chars().count());
        }
        _ => assert_eq!(read.code, ""),
    }
    one_line(&read);
    let endpoint = read.endpoint.as_deref().unwrap_or_default();
    for text in [
        &read.code,
        &read.message,
        &read.request_id,
        &read.ec,
        endpoint,
    ] {
        one_line(&text);
    }
}

/// Whether a document type comes before the root (XML 1.0 section 2.8).
fn has_document_type(text: &str) -> bool {
    let mut rest = text.trim_start_matches('\u{feff}');
    loop {
        rest = rest.trim_start();
        let skip = |start: &str, end: &str| {
            let (_, rest) = rest.strip_prefix(start)?.split_once(end)?;
            Some(rest)
        };
        match skip("<?", "?>").or_else(|| skip("<!--", "-->")) {
            Some(left) => rest = left,
            None => return rest.starts_with("<!"),
        }
    }
}
