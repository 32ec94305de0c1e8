//! Requests as the store reads them, and responses as it makes them.

use std::borrow::Cow;
use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use ureq_proto::http;

use crate::devstore::store::Pinned;

/// The head of a request, decoded as far as that loses nothing.
#[derive(Clone, Debug)]
pub(in crate::devstore) struct Request {
    /// In upper case.
    pub(in crate::devstore) method: String,
    /// The path as it came: still percent-encoded, dot segments and double slashes untouched.
    pub(in crate::devstore) path: String,
    /// The query parameters, decoded, in order; a name without `=` has no value.
    pub(in crate::devstore) query: Vec<(String, Option<String>)>,
    /// Names in lower case.
    pub(in crate::devstore) headers: Vec<(String, String)>,
    /// The host without the port, in lower case; empty if none was given.
    pub(in crate::devstore) host: String,
    /// Who sent it.
    pub(in crate::devstore) peer: Peer,
    /// How many seconds the store's clock is ahead while it handles this request.
    pub(in crate::devstore) clock: i64,
}

/// The other side of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::devstore) struct Peer {
    /// Counts connections since the start.
    pub(in crate::devstore) connection: u64,
    /// `None`: it left before it was asked.
    pub(in crate::devstore) address: Option<IpAddr>,
}

impl Request {
    /// Takes over a parsed head, or says what is wrong with it.
    pub(in crate::devstore) fn new(head: &http::Request<()>) -> Result<Self, &'static str> {
        let mut headers = Vec::with_capacity(head.headers().len());
        for (name, value) in head.headers() {
            let value = std::str::from_utf8(value.as_bytes())
                .map_err(|_| "A header value is not UTF-8.")?;
            headers.push((name.as_str().to_owned(), value.to_owned()));
        }
        let host = match head.uri().authority() {
            Some(authority) => authority.as_str(),
            None => headers
                .iter()
                .find(|(name, _)| name == "host")
                .map_or("", |(_, value)| value.as_str()),
        };
        let host = without_port(host).to_ascii_lowercase();
        Ok(Self {
            method: head.method().as_str().to_owned(),
            path: head.uri().path().to_owned(),
            query: parse_query(head.uri().query().unwrap_or_default())?,
            host,
            headers,
            peer: Peer::default(),
            clock: 0,
        })
    }

    /// The trimmed value of a header, by its lower-case name.
    pub(in crate::devstore) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.trim())
    }

    /// The value of a query parameter; a bare name has the empty value.
    pub(in crate::devstore) fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_deref().unwrap_or_default())
    }

    /// Whether the parameter is there, with or without a value.
    pub(in crate::devstore) fn has(&self, name: &str) -> bool {
        self.param(name).is_some()
    }
}

fn without_port(host: &str) -> &str {
    if let Some(v6) = host.strip_prefix('[') {
        return v6.split(']').next().unwrap_or_default();
    }
    host.split(':').next().unwrap_or_default()
}

fn parse_query(text: &str) -> Result<Vec<(String, Option<String>)>, &'static str> {
    let decode = |text: &str| {
        // Some SDKs encode a space as `+`; all encode a plus as `%2B`.
        let text = text.replace('+', " ");
        percent_decode_str(&text)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| "A query parameter is not UTF-8.")
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => Ok((decode(name)?, Some(decode(value)?))),
            None => Ok((decode(pair)?, None)),
        })
        .collect()
}

/// The body of a response.
#[derive(Debug)]
pub(in crate::devstore) enum Payload {
    /// No body and no Content-Length: 204 and 304.
    None,
    /// No body, but the Content-Length it would have: HEAD.
    Length(u64),
    /// In memory; small.
    Bytes(Vec<u8>),
    /// A range of an object, straight from its files.
    Object {
        /// The object's bytes.
        content: Pinned,
        /// First byte.
        offset: u64,
        /// Count of bytes.
        len: u64,
    },
}

/// A response, and what the log says about it.
#[derive(Debug)]
pub(in crate::devstore) struct Response {
    pub(in crate::devstore) status: u16,
    pub(in crate::devstore) headers: Vec<(&'static str, String)>,
    /// Names known only at run time: user meta.
    pub(in crate::devstore) meta: Vec<(String, String)>,
    pub(in crate::devstore) payload: Payload,
    pub(in crate::devstore) note: Note,
}

/// What the log says about a response besides what went over the wire.
#[derive(Clone, Debug, Default)]
pub(in crate::devstore) struct Note {
    pub(in crate::devstore) request_id: String,
    pub(in crate::devstore) api: &'static str,
    pub(in crate::devstore) bucket: Option<String>,
    pub(in crate::devstore) key: Option<String>,
    pub(in crate::devstore) crc64: Option<u64>,
    pub(in crate::devstore) error: Option<Cow<'static, str>>,
}

impl Response {
    /// An answer without a body: Content-Length 0, or none where the status forbids it.
    pub(in crate::devstore) fn empty(status: u16) -> Self {
        let payload = if status == 204 || status == 304 {
            Payload::None
        } else {
            Payload::Bytes(Vec::new())
        };
        Self {
            status,
            headers: Vec::new(),
            meta: Vec::new(),
            payload,
            note: Note::default(),
        }
    }

    /// An XML answer.
    pub(in crate::devstore) fn xml(status: u16, body: String) -> Self {
        let mut response = Self::empty(status).with("content-type", "application/xml");
        response.payload = Payload::Bytes(body.into_bytes());
        response
    }

    /// Adds a header.
    pub(in crate::devstore) fn with(
        mut self,
        name: &'static str,
        value: impl Into<String>,
    ) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds the checksum header and notes it for the log.
    pub(in crate::devstore) fn with_crc64(mut self, crc64: u64) -> Self {
        self.note.crc64 = Some(crc64);
        self.with("x-oss-hash-crc64ecma", crc64.to_string())
    }

    /// The Content-Length to announce.
    pub(super) fn content_length(&self) -> Option<u64> {
        match &self.payload {
            Payload::None => None,
            Payload::Length(len) | Payload::Object { len, .. } => Some(*len),
            Payload::Bytes(bytes) => Some(bytes.len() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_and_paths_are_not() {
        let head = http::Request::builder()
            .uri("/b//a/../%2F?prefix=a+b%2B&acl&x=&%E4%B8%AD=1")
            .header("Host", "B.LocalHost:80")
            .body(())
            .unwrap();
        let request = Request::new(&head).unwrap();
        assert_eq!(request.path, "/b//a/../%2F");
        assert_eq!(request.host, "b.localhost");
        assert_eq!(request.param("prefix"), Some("a b+"));
        assert_eq!(request.query[1], ("acl".to_owned(), None));
        assert_eq!(request.param("x"), Some(""));
        assert_eq!(request.param("中"), Some("1"));
        assert!(!request.has("y"));
    }

    #[test]
    fn a_path_may_begin_with_two_slashes() {
        let head = http::Request::builder().uri("//x/y").body(()).unwrap();
        assert_eq!(Request::new(&head).unwrap().path, "//x/y");
    }

    #[test]
    fn ports_go() {
        assert_eq!(without_port("[::1]:80"), "::1");
        assert_eq!(without_port("a:80"), "a");
        assert_eq!(without_port(""), "");
    }
}
