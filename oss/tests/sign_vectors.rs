//! The signers against the known answers in `tests/vectors`.

mod support;

use ossftp_oss::sign::{Credentials, Request, v1, v4};
use ossftp_oss::time;
use serde_json::Value;
use support::{load, optional, pairs, text};

struct Record {
    method: String,
    bucket: Option<String>,
    key: Option<String>,
    query: Vec<(String, Option<String>)>,
    headers: Vec<(String, String)>,
    credentials: Credentials,
}

impl Record {
    fn read(value: &Value) -> Self {
        let mut credentials = Credentials::new(
            text(value, "access_key_id"),
            text(value, "access_key_secret"),
        );
        if let Some(token) = optional(value, "security_token") {
            credentials = credentials.with_token(token);
        }
        Self {
            method: text(value, "method"),
            bucket: optional(value, "bucket"),
            key: optional(value, "key"),
            query: pairs(&value["query"]),
            headers: value["headers"]
                .as_object()
                .expect("headers")
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().expect("header").to_owned()))
                .collect(),
            credentials,
        }
    }

    fn set(&mut self, headers: Vec<(String, String)>) {
        for (name, value) in headers {
            self.headers
                .retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
            self.headers.push((name, value));
        }
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            bucket: self.bucket.as_deref(),
            key: self.key.as_deref(),
            query: &self.query,
            headers: &self.headers,
        }
    }
}

fn names(value: &Value) -> Vec<String> {
    value
        .as_array()
        .expect("names")
        .iter()
        .map(|name| name.as_str().expect("name").to_owned())
        .collect()
}

/// Pairs as a set: an absent and an empty value are the same, and the order is the SDK's own.
fn as_set(query: &[(String, Option<String>)]) -> Vec<(String, String)> {
    let mut set: Vec<_> = query
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().unwrap_or_default()))
        .collect();
    set.sort();
    set
}

#[test]
fn v4_header() {
    let (count, records) = load("v4_header.json");
    let mut ran = 0;
    for value in &records {
        let id = text(value, "id");
        let expect = &value["expect"];
        let mut record = Record::read(value);
        let (timestamp, region, product) = (
            text(value, "timestamp"),
            text(value, "region"),
            text(value, "product"),
        );
        record.set(v4::headers(&record.credentials, &timestamp));
        let date = time::format_http(time::parse_basic(&timestamp).expect("timestamp"));
        assert_eq!(text(&expect["headers_set"], "Date"), date, "{id}");
        record.set(vec![("Date".to_owned(), date)]);
        let scope = v4::Scope {
            timestamp: &timestamp,
            region: &region,
            product: &product,
        };
        assert_eq!(scope.text(), text(expect, "scope"), "{id}");
        let signed = v4::sign(
            &record.request(),
            &record.credentials,
            &scope,
            &names(&value["additional_headers"]),
        );
        assert_eq!(
            signed.canonical_request,
            text(expect, "canonical_request"),
            "{id}"
        );
        assert_eq!(
            signed.string_to_sign,
            text(expect, "string_to_sign"),
            "{id}"
        );
        assert_eq!(signed.signature, text(expect, "signature"), "{id}");
        assert_eq!(signed.authorization, text(expect, "authorization"), "{id}");
        assert_eq!(
            signed.additional_headers,
            names(&expect["signed_additional_headers"]),
            "{id}"
        );
        let parsed = v4::Authorization::parse(&signed.authorization).expect("parses");
        assert_eq!(parsed.additional_headers, signed.additional_headers, "{id}");
        assert_eq!(parsed.signature, signed.signature, "{id}");
        ran += 1;
    }
    assert_eq!((ran, count), (65, 65));
}

#[test]
fn v4_presign() {
    let (count, records) = load("v4_presign.json");
    let mut ran = 0;
    for value in &records {
        let id = text(value, "id");
        let expect = &value["expect"];
        let record = Record::read(value);
        let (timestamp, region, product) = (
            text(value, "timestamp"),
            text(value, "region"),
            text(value, "product"),
        );
        let scope = v4::Scope {
            timestamp: &timestamp,
            region: &region,
            product: &product,
        };
        let expires = u32::try_from(value["expires"].as_u64().expect("expires")).expect("fits");
        let signed = v4::presign(
            &record.request(),
            &record.credentials,
            &scope,
            expires,
            &names(&value["additional_headers"]),
        );
        assert_eq!(scope.text(), text(expect, "scope"), "{id}");
        assert_eq!(
            signed.canonical_request,
            text(expect, "canonical_request"),
            "{id}"
        );
        assert_eq!(
            signed.string_to_sign,
            text(expect, "string_to_sign"),
            "{id}"
        );
        assert_eq!(signed.signature, text(expect, "signature"), "{id}");
        assert_eq!(
            as_set(&signed.query),
            as_set(&pairs(&expect["query"])),
            "{id}"
        );
        let parsed = v4::Authorization::from_query(&signed.query).expect("parses");
        assert_eq!(parsed.signature, signed.signature, "{id}");
        ran += 1;
    }
    assert_eq!((ran, count), (26, 26));
}

#[test]
fn v1_header() {
    let (count, records) = load("v1_header.json");
    let mut ran = 0;
    for value in &records {
        let id = text(value, "id");
        let expect = &value["expect"];
        let mut record = Record::read(value);
        record.set(v1::headers(&record.credentials));
        let signed = v1::sign(&record.request(), &record.credentials, &text(value, "date"));
        assert_eq!(
            signed.string_to_sign,
            text(expect, "string_to_sign"),
            "{id}"
        );
        assert_eq!(signed.signature, text(expect, "signature"), "{id}");
        assert_eq!(signed.authorization, text(expect, "authorization"), "{id}");
        assert_eq!(
            v1::parse_authorization(&signed.authorization),
            Some((
                record.credentials.access_key_id.as_str(),
                signed.signature.as_str()
            )),
            "{id}"
        );
        ran += 1;
    }
    assert_eq!((ran, count), (56, 56));
}

#[test]
fn v1_url() {
    let (count, records) = load("v1_url.json");
    let mut ran = 0;
    for value in &records {
        let id = text(value, "id");
        let expect = &value["expect"];
        let record = Record::read(value);
        let signed = v1::presign(
            &record.request(),
            &record.credentials,
            value["expires"].as_i64().expect("expires"),
        );
        assert_eq!(
            signed.string_to_sign,
            text(expect, "string_to_sign"),
            "{id}"
        );
        assert_eq!(signed.signature, text(expect, "signature"), "{id}");
        assert_eq!(
            as_set(&signed.query),
            as_set(&pairs(&expect["query"])),
            "{id}"
        );
        ran += 1;
    }
    assert_eq!((ran, count), (26, 26));
}
