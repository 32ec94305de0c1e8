//! The target `oss_sign`.

use super::reference;
use crate::sign::{Credentials, Request, URL_PARAMETERS, v1, v4};
use crate::{encode, time};

type Query = Vec<(String, Option<String>)>;
type Headers = Vec<(String, String)>;

/// A request and who signs it.
struct Case {
    method: String,
    bucket: Option<String>,
    key: Option<String>,
    query: Query,
    headers: Headers,
    wanted: Vec<String>,
    credentials: Credentials,
    at: i64,
    expires: u32,
    region: String,
    product: String,
}

/// Headers of which there is one at most (RFC 9110 section 5.3), or that signatures add.
const SINGLE: &[&str] = &[
    "content-type",
    "content-md5",
    "x-oss-date",
    "x-oss-content-sha256",
    "x-oss-security-token",
];

/// Whether this is a header name (RFC 9110 section 5.6.2).
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The text without what cannot stand in its place.
fn only(text: &str, may: impl Fn(char) -> bool, otherwise: &str) -> String {
    let out: String = text.chars().filter(|c| may(*c)).collect();
    if out.is_empty() {
        otherwise.to_owned()
    } else {
        out
    }
}

impl Case {
    /// Reads the form of the seeds. Anything is a case: what could not be a request is bent until it can.
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut case = Self {
            method: "GET".to_owned(),
            bucket: None,
            key: None,
            query: Query::new(),
            headers: Headers::new(),
            wanted: Vec::new(),
            credentials: Credentials::new("id", "secret"),
            at: 0,
            expires: 0,
            region: "cn-hangzhou".to_owned(),
            product: "oss".to_owned(),
        };
        for line in text.split('\n') {
            let (word, raw) = line.split_once(' ').unwrap_or((line, ""));
            let decode = |text: &str| encode::decode(text).unwrap_or_else(|| text.to_owned());
            let rest = decode(raw);
            let name =
                |otherwise| only(&rest, |c| c.is_ascii_alphanumeric() || c == '-', otherwise);
            match word {
                "method" => case.method = only(&rest, |c| c.is_ascii_uppercase(), "GET"),
                "bucket" => case.bucket = Some(rest),
                "key" => case.key = Some(rest),
                "query" => {
                    let (name, value) = match raw.split_once('=') {
                        Some((name, value)) => (decode(name), Some(decode(value))),
                        None => (rest, None),
                    };
                    if !name.is_empty() && !URL_PARAMETERS.contains(&name.as_str()) {
                        case.query.push((name, value));
                    }
                }
                "header" => case.header(&rest),
                "sign" if is_token(&rest) => case.wanted.push(rest),
                "id" => {
                    let may = |c: char| c.is_ascii_alphanumeric() || "./+=-_".contains(c);
                    case.credentials.access_key_id = only(&rest, may, "id");
                }
                "secret" => case.credentials.access_key_secret = rest.into(),
                "token" => {
                    let token = only(&rest, |c| c.is_ascii_graphic(), "token");
                    case.credentials.security_token = Some(token.into());
                }
                "at" => case.at = rest.parse().unwrap_or_default(),
                "for" => case.expires = rest.parse().unwrap_or_default(),
                "region" => case.region = name("cn-hangzhou"),
                "product" => case.product = name("oss"),
                _ => {}
            }
        }
        case
    }

    fn header(&mut self, text: &str) {
        let Some((name, value)) = text.split_once(':').filter(|(name, _)| is_token(name)) else {
            return;
        };
        let single = SINGLE.iter().any(|other| name.eq_ignore_ascii_case(other));
        if !(single
            && self
                .headers
                .iter()
                .any(|(other, _)| name.eq_ignore_ascii_case(other)))
        {
            let value = value.chars().filter(|c| !c.is_control()).collect();
            self.headers.push((name.to_owned(), value));
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

    /// The same request, said otherwise: another order, another case, blanks around values, no value for an empty one.
    fn otherwise(&self) -> (Query, Headers) {
        let mut query: Query = self
            .query
            .iter()
            .map(|(name, value)| {
                (
                    name.clone(),
                    value.clone().filter(|value| !value.is_empty()),
                )
            })
            .collect();
        query.reverse();
        let mut headers: Headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_uppercase(), format!("  {value}\t")))
            .collect();
        // Those of one name keep their order, since their values are joined in it.
        headers.sort_by(|(a, _), (b, _)| b.cmp(a));
        (query, headers)
    }

    fn secret(&self) -> &str {
        self.credentials.access_key_secret.reveal()
    }
}

/// Any request signed in each of the four ways: the signature is that of a second, plain implementation, it does not
/// depend on the order and case of what it covers, what was signed can be canonicalised again and stays, and a server
/// reads the signature back. Percent-encoding and the forms of time can be undone.
///
/// # Panics
/// One of these does not hold.
pub fn oss_sign(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    encoding(&text);
    for line in text.lines() {
        times(line.split_once(' ').map_or(line, |(_, rest)| rest));
        let _ = v4::Authorization::parse(line);
        let _ = v1::parse_authorization(line);
    }
    let case = Case::read(bytes);
    query(&case.query);
    v1_header(&case);
    v1_url(&case);
    v4_header(&case);
    v4_url(&case);
}

fn encoding(text: &str) {
    let component = encode::component(text);
    assert_eq!(component, reference::percent(text, ""));
    assert_eq!(encode::decode(&component).as_deref(), Some(text));
    let path = encode::path(text);
    assert_eq!(path, reference::percent(text, "/"));
    assert_eq!(encode::decode(&path).as_deref(), Some(text));
    if let Some(decoded) = encode::decode(text) {
        assert!(decoded.len() <= text.len());
    }
}

fn query(query: &Query) {
    let text = encode::query(query);
    assert_eq!(read_query(&text), plain(query));
    assert_eq!(encode::query(&read_query(&text)), text);
}

/// Pairs without a difference between no value and an empty one.
fn plain(query: &Query) -> Query {
    let filled = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    query
        .iter()
        .map(|(name, value)| (name.clone(), filled(value)))
        .collect()
}

/// What a server reads of a query string.
fn read_query(text: &str) -> Query {
    if text.is_empty() {
        return Query::new();
    }
    let decode = |text: &str| encode::decode(text).expect("only UTF-8 was encoded");
    text.split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => (decode(name), Some(decode(value))),
            None => (decode(pair), None),
        })
        .collect()
}

fn times(text: &str) {
    // The years in which every form can be written.
    let common = |unix: &i64| (-62_135_596_800..=253_402_300_799).contains(unix);
    let read = [
        time::parse_http(text),
        time::parse_iso(text),
        time::parse_basic(text),
        text.parse().ok(),
    ];
    for unix in read.into_iter().flatten().filter(common) {
        assert_eq!(
            time::parse_http(&time::format_http(unix)),
            Some(unix),
            "{text}"
        );
        assert_eq!(
            time::parse_iso(&time::format_iso(unix)),
            Some(unix),
            "{text}"
        );
        assert_eq!(
            time::parse_basic(&time::format_basic(unix)),
            Some(unix),
            "{text}"
        );
    }
}

/// Adds the headers of the signature to those of the request that are not among them.
fn with(headers: &Headers, added: Headers) -> Headers {
    let mut out: Headers = headers
        .iter()
        .filter(|(name, _)| {
            !added
                .iter()
                .any(|(other, _)| name.eq_ignore_ascii_case(other))
        })
        .cloned()
        .collect();
    out.extend(added);
    out
}

fn v1_header(case: &Case) {
    let date = time::format_http(case.at);
    let mut headers = with(&case.headers, v1::headers(&case.credentials));
    let request = Request {
        headers: &headers,
        ..case.request()
    };
    let signed = v1::sign(&request, &case.credentials, &date);

    let dated = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("x-oss-date"));
    let expected = reference::v1_string(&request, dated.map_or(&date, |(_, value)| value).trim());
    assert_eq!(signed.string_to_sign, expected);
    assert_eq!(
        signed.signature,
        reference::v1_signature(case.secret(), &expected)
    );
    assert_eq!(
        v1::parse_authorization(&signed.authorization),
        Some((
            case.credentials.access_key_id.as_str(),
            signed.signature.as_str()
        ))
    );

    let (query, other) = case.otherwise();
    headers = with(&other, v1::headers(&case.credentials));
    let other = Request {
        query: &query,
        headers: &headers,
        ..case.request()
    };
    assert_eq!(v1::sign(&other, &case.credentials, &date), signed);
}

fn v1_url(case: &Case) {
    let request = case.request();
    let signed = v1::presign(&request, &case.credentials, case.at);
    // A server takes the signature out and signs what is left.
    let (last, rest) = signed.query.split_last().expect("three at least");
    assert_eq!(
        *last,
        ("Signature".to_owned(), Some(signed.signature.clone()))
    );
    let expected = reference::v1_string(
        &Request {
            query: rest,
            ..request
        },
        &case.at.to_string(),
    );
    assert_eq!(signed.string_to_sign, expected);
    assert_eq!(
        signed.signature,
        reference::v1_signature(case.secret(), &expected)
    );

    let (query, headers) = case.otherwise();
    let other = Request {
        query: &query,
        headers: &headers,
        ..request
    };
    let other = v1::presign(&other, &case.credentials, case.at);
    assert_eq!(other.signature, signed.signature);
}

fn v4_header(case: &Case) {
    let timestamp = time::format_basic(case.at);
    let scope = scope(case, &timestamp);
    let mut headers = with(&case.headers, v4::headers(&case.credentials, &timestamp));
    let request = Request {
        headers: &headers,
        ..case.request()
    };
    let signed = v4::sign(&request, &case.credentials, &scope, &case.wanted);

    let additional = reference::v4_additional(&request, &case.wanted);
    assert_eq!(signed.additional_headers, additional);
    assert_eq!(
        signed.canonical_request,
        reference::v4_canonical(&request, &additional)
    );
    same_v4(
        case,
        &timestamp,
        &signed.canonical_request,
        &signed.string_to_sign,
        &signed.signature,
    );
    again(&request, &additional, &signed.canonical_request);
    assert_eq!(
        v4::Authorization::parse(&signed.authorization),
        Some(fields(
            case,
            &timestamp,
            additional,
            signed.signature.clone()
        ))
    );

    let (query, other) = case.otherwise();
    headers = with(&other, v4::headers(&case.credentials, &timestamp));
    let other = Request {
        query: &query,
        headers: &headers,
        ..case.request()
    };
    assert_eq!(
        v4::sign(&other, &case.credentials, &scope, &case.wanted),
        signed
    );
    // Another key is never taken for this one.
    let key = [case.key.as_deref().unwrap_or_default(), "/"].concat();
    let other = Request {
        key: Some(&key),
        ..other
    };
    if case.bucket.is_some() {
        let other = v4::sign(&other, &case.credentials, &scope, &case.wanted);
        assert_ne!(other.signature, signed.signature);
    }
}

fn v4_url(case: &Case) {
    let timestamp = time::format_basic(case.at);
    let scope = scope(case, &timestamp);
    let request = case.request();
    let signed = v4::presign(
        &request,
        &case.credentials,
        &scope,
        case.expires,
        &case.wanted,
    );

    let (last, rest) = signed.query.split_last().expect("four at least");
    assert_eq!(
        *last,
        ("x-oss-signature".to_owned(), Some(signed.signature.clone()))
    );
    let additional = reference::v4_additional(&request, &case.wanted);
    let left = Request {
        query: rest,
        ..request
    };
    assert_eq!(
        signed.canonical_request,
        reference::v4_canonical(&left, &additional)
    );
    same_v4(
        case,
        &timestamp,
        &signed.canonical_request,
        &signed.string_to_sign,
        &signed.signature,
    );
    again(&left, &additional, &signed.canonical_request);
    // As it goes over the wire.
    let wire = read_query(&encode::query(&signed.query));
    assert_eq!(
        v4::Authorization::from_query(&wire),
        Some(fields(
            case,
            &timestamp,
            additional,
            signed.signature.clone()
        ))
    );

    let (query, headers) = case.otherwise();
    let other = Request {
        query: &query,
        headers: &headers,
        ..request
    };
    let other = v4::presign(
        &other,
        &case.credentials,
        &scope,
        case.expires,
        &case.wanted,
    );
    assert_eq!(other.signature, signed.signature);
}

fn scope<'a>(case: &'a Case, timestamp: &'a str) -> v4::Scope<'a> {
    v4::Scope {
        timestamp,
        region: &case.region,
        product: &case.product,
    }
}

fn same_v4(case: &Case, timestamp: &str, canonical: &str, string_to_sign: &str, signature: &str) {
    let expected = reference::v4_string(timestamp, &case.region, &case.product, canonical);
    assert_eq!(string_to_sign, expected);
    assert_eq!(signature, reference::v4_signature(case.secret(), &expected));
}

fn fields(
    case: &Case,
    timestamp: &str,
    additional_headers: Vec<String>,
    signature: String,
) -> v4::Authorization {
    v4::Authorization {
        access_key_id: case.credentials.access_key_id.clone(),
        day: timestamp[..8].to_owned(),
        region: case.region.clone(),
        product: case.product.clone(),
        additional_headers,
        signature,
    }
}

/// The query and the headers of a canonical request make the same canonical request again.
fn again(request: &Request<'_>, additional: &[String], canonical: &str) {
    let mut lines = canonical.split('\n').skip(2);
    let query = read_query(lines.next().unwrap_or_default());
    let headers: Headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let request = Request {
        query: &query,
        headers: &headers,
        ..*request
    };
    assert_eq!(v4::canonical_request(&request, additional), canonical);
}
