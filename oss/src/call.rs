//! One call: signed, sent, tried again, checked.
//!
//! Decides when a request goes out once more and with which clock, and turns every kind of failure into an [`Error`].
//! It knows no API: what is asked and what the answer means is said by the callers of [`Client::call`].

use std::fmt::Display;
use std::io::Read;
use std::time::{Duration, Instant};

use log::debug;
use ureq::http::{self, HeaderMap};
use ureq::{Agent, AsSendBody, BodyReader, SendBody};

use crate::cancel::{Cancel, Registration};
use crate::client::Client;
use crate::crc64::{Crc64, combine};
use crate::encode;
use crate::error::{Error, ProtocolError, Result, ServiceError};
use crate::payload::Payload;
use crate::send::{Sender, body_error};
use crate::sign::{self, SignatureVersion, v1, v4};
use crate::time;
use crate::transport;
use crate::xml::{MAX_ANSWER, MAX_ERROR};

/// What to ask.
#[derive(Clone, Debug)]
pub(crate) struct Spec<'a> {
    method: &'static str,
    bucket: Option<&'a str>,
    key: Option<&'a str>,
    query: Vec<(String, Option<String>)>,
    headers: Vec<(String, String)>,
    /// Whether it may be done twice.
    once: bool,
    /// The time to wait for the first byte of the answer beyond the read timeout.
    patience: Duration,
    /// Whether the CRC-64 in the answer is that of the body, after data of this CRC-64.
    sent_crc: Option<u64>,
    /// Whether the body gets a Content-MD5 whatever the transport.
    md5: bool,
}

impl<'a> Spec<'a> {
    pub(crate) fn new(method: &'static str, bucket: Option<&'a str>, key: Option<&'a str>) -> Self {
        Self {
            method,
            bucket,
            key,
            query: Vec::new(),
            headers: Vec::new(),
            once: false,
            patience: Duration::ZERO,
            sent_crc: None,
            md5: false,
        }
    }

    pub(crate) fn query(mut self, name: &str, value: impl Display) -> Self {
        self.query.push((name.to_owned(), Some(value.to_string())));
        self
    }

    pub(crate) fn flag(mut self, name: &str) -> Self {
        self.query.push((name.to_owned(), None));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Display) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn header_if(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Not to be done twice: no other try after it may have reached OSS.
    pub(crate) fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Waits longer for OSS to move `bytes` on its side.
    pub(crate) fn patient(mut self, client: &Client, bytes: u64) -> Self {
        let steps = u32::try_from(bytes.div_ceil(200 << 20)).unwrap_or(u32::MAX);
        self.patience = client.config.timeouts.per_200_mib.saturating_mul(steps);
        self
    }

    pub(crate) fn check_crc(mut self, before: u64) -> Self {
        self.sent_crc = Some(before);
        self
    }

    pub(crate) fn with_md5(mut self) -> Self {
        self.md5 = true;
        self
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    /// The CRC-64 of the body that was sent; 0 for none.
    pub(crate) sent_crc64: u64,
}

/// An answer whose body is still to be read.
pub(crate) struct Stream {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) reader: BodyReader<'static>,
    pub(crate) registration: Option<Registration>,
}

/// The headers of an answer.
#[derive(Debug)]
pub(crate) struct Headers(HeaderMap);

impl Headers {
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        // Not `to_str`: OSS puts raw UTF-8 into some values.
        let value = self.0.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
    }

    pub(crate) fn number(&self, name: &'static str) -> Result<Option<u64>> {
        self.get(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| ProtocolError::BadHeader(name).into())
            })
            .transpose()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, value)| {
            (
                name.as_str(),
                String::from_utf8_lossy(value.as_bytes()).trim().to_owned(),
            )
        })
    }
}

/// A failed try.
struct Failure {
    error: Error,
    /// A reused connection broke before the first byte of an answer: OSS had closed it.
    stale: bool,
    /// The time of the answer, if the clock is to blame.
    server_time: Option<i64>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            stale: false,
            server_time: None,
        }
    }
}

impl Client {
    /// Makes a call and reads its whole answer.
    pub(crate) fn call(&self, spec: &Spec<'_>, body: Option<&mut dyn Payload>) -> Result<Answer> {
        self.repeat(spec, body, |client, spec, body, until| {
            let (stream, sent) = client.attempt(spec, body, until, false)?;
            if let Some(before) = spec.sent_crc {
                compare_crc(
                    &stream.headers,
                    combine(before, sent.finish(), sent.length()),
                )?;
            }
            Ok(client.read_answer(stream, sent.finish())?)
        })
    }

    /// Makes a call and leaves its body to be read.
    pub(crate) fn open(&self, spec: &Spec<'_>) -> Result<Stream> {
        self.repeat(spec, None, |client, spec, body, until| {
            Ok(client.attempt(spec, body, until, true)?.0)
        })
    }

    fn repeat<T>(
        &self,
        spec: &Spec<'_>,
        mut body: Option<&mut dyn Payload>,
        run: impl Fn(
            &Self,
            &Spec<'_>,
            Option<&mut dyn Payload>,
            Option<Instant>,
        ) -> std::result::Result<T, Failure>,
    ) -> Result<T> {
        check_names(spec.bucket, spec.key)?;
        let began = Instant::now();
        let until = self
            .deadline
            .and_then(|time| Instant::now().checked_add(time));
        let replayable = body.as_ref().is_none_or(|body| body.replayable());
        let mut attempt = 1;
        let (mut stale_before, mut corrected, mut renewed) = (false, false, false);
        loop {
            self.check(until)?;
            let failure = match run(self, spec, again(&mut body), until) {
                Ok(result) => return Ok(result),
                Err(failure) => failure,
            };
            self.check(until)?;
            if let Some(server_time) = failure.server_time {
                self.shared.correct(server_time);
            }
            // A request refused for its time was not carried out.
            let may_repeat = replayable && (!spec.once || failure.server_time.is_some());
            if may_repeat && failure.stale && !stale_before {
                stale_before = true;
            } else if failure.error.code() == "RequestTimeTooSkewed" {
                // Signed with the right time it goes out again at once, but not twice: then it is not the clock.
                if !may_repeat || corrected || failure.server_time.is_none() {
                    return Err(failure.error);
                }
                corrected = true;
            } else if replayable && !renewed && self.config.credentials.renew_after(&failure.error)
            {
                // Refused for its key, it was not carried out either.
                renewed = true;
            } else if may_repeat
                && failure.error.retryable()
                && attempt < self.config.retry.attempts
            {
                attempt += 1;
                debug!("try {attempt} after: {}", failure.error);
                self.pause(attempt, began, until, &failure.error)?;
            } else {
                return Err(failure.error);
            }
            if let Some(body) = again(&mut body) {
                body.rewind().map_err(|error| body_error(&error))?;
            }
        }
    }

    /// Whether the call may go on.
    pub(crate) fn check(&self, until: Option<Instant>) -> Result<()> {
        if self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            return Err(Error::Cancelled);
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            return Err(Error::DeadlineExceeded);
        }
        Ok(())
    }

    /// Waits before try `attempt`; if that would pass the deadline, or the time there is for connecting, the last error
    /// is the result.
    pub(crate) fn pause(
        &self,
        attempt: u32,
        began: Instant,
        until: Option<Instant>,
        error: &Error,
    ) -> Result<()> {
        let asked = error.service().and_then(|error| error.delay);
        let pause = self.config.retry.pause(attempt, asked);
        if until.is_some_and(|until| until.saturating_duration_since(Instant::now()) <= pause)
            || !self.has_time_after(error, began, pause)
        {
            return Err(error.clone());
        }
        match &self.cancel {
            Some(cancel) if cancel.sleep(pause) => return Err(Error::Cancelled),
            Some(_) => {}
            None => std::thread::sleep(pause),
        }
        Ok(())
    }

    /// One try. Returns the answer and the CRC-64 of the body that was sent.
    fn attempt(
        &self,
        spec: &Spec<'_>,
        body: Option<&mut dyn Payload>,
        until: Option<Instant>,
        streamed: bool,
    ) -> std::result::Result<(Stream, Crc64), Failure> {
        let started = Instant::now();
        let with_body = matches!(spec.method, "PUT" | "POST");
        let replayable = body.as_ref().is_none_or(|body| body.replayable());
        let mut sender = match body {
            Some(body) => Sender::new(body, self.cancel.clone()),
            None => Sender::empty(),
        };
        let mut headers = spec.headers.clone();
        if with_body {
            headers.push(match sender.left {
                Some(length) => ("Content-Length".to_owned(), length.to_string()),
                None => ("Transfer-Encoding".to_owned(), "chunked".to_owned()),
            });
        }
        let wants_md5 = spec.md5 || (spec.sent_crc.is_some() && !self.config.endpoint.is_https());
        if wants_md5 && replayable && !spec.has_header("content-md5") {
            headers.push(("Content-MD5".to_owned(), sender.md5()?));
        }
        let request = self.request(spec, headers)?;
        let what = format!("{} {}", spec.method, display_uri(&request));
        let limits = self.limits(spec, until.filter(|_| !streamed), replayable);
        let agent = &self.shared.agent;
        // The body of a streamed answer has no deadline, so what covers it must not end it.
        let answer_until = until.filter(|_| streamed);
        let (result, watch) = transport::watched(self.cancel.as_ref(), answer_until, || {
            if with_body {
                let request = request.map(|()| SendBody::from_reader(&mut sender));
                agent.run(limits.apply(agent, request))
            } else {
                agent.run(limits.apply(agent, request))
            }
        });
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                let error = sender
                    .failed
                    .take()
                    .unwrap_or_else(|| transport::error(error));
                debug!("{what}: {error} after {:?}", started.elapsed());
                let lost = matches!(error, Error::Transport { .. });
                return Err(Failure {
                    stale: lost && !watch.fresh && !watch.answered,
                    ..error.into()
                });
            }
        };
        let (parts, body) = response.into_parts();
        let stream = Stream {
            status: parts.status.as_u16(),
            headers: Headers(parts.headers),
            reader: body.into_reader(),
            registration: watch.registration,
        };
        let id = stream.headers.get("x-oss-request-id").unwrap_or_default();
        debug!(
            "{what}: {} {id} after {:?}",
            stream.status,
            started.elapsed()
        );
        if !(200..300).contains(&stream.status) {
            return Err(self.refused(stream));
        }
        Ok((stream, sender.crc))
    }

    /// The signed request without its body.
    fn request(
        &self,
        spec: &Spec<'_>,
        mut headers: Vec<(String, String)>,
    ) -> Result<http::Request<()>> {
        let config = &self.config;
        let credentials = config.credentials.get()?;
        let now = self.shared.now();
        let authorization = match config.signature {
            SignatureVersion::V4 => {
                let region = self.v4_region()?;
                let timestamp = time::format_basic(now);
                headers.extend(v4::headers(&credentials, &timestamp));
                if self.signs_host() {
                    headers.push(("Host".to_owned(), config.endpoint.authority(spec.bucket)));
                }
                let scope = v4::Scope {
                    timestamp: &timestamp,
                    region,
                    product: config.endpoint.product(),
                };
                let wanted = &config.additional_headers;
                v4::sign(&described(spec, &headers), &credentials, &scope, wanted).authorization
            }
            SignatureVersion::V1 => {
                let date = time::format_http(now);
                headers.extend(v1::headers(&credentials));
                headers.push(("Date".to_owned(), date.clone()));
                v1::sign(&described(spec, &headers), &credentials, &date).authorization
            }
        };
        headers.push(("Authorization".to_owned(), authorization));
        build(
            spec,
            &self.url(spec.bucket, spec.key, &spec.query),
            &headers,
        )
    }

    /// The region of V4 signatures.
    pub(crate) fn v4_region(&self) -> Result<&str> {
        self.region().ok_or(Error::Invalid(
            "V4 signatures need a region: none is configured",
        ))
    }

    /// Whether V4 signatures cover the Host header.
    pub(crate) fn signs_host(&self) -> bool {
        let names = &self.config.additional_headers;
        names.iter().any(|name| name.eq_ignore_ascii_case("host"))
    }

    /// The URL of a request.
    pub(crate) fn url(
        &self,
        bucket: Option<&str>,
        key: Option<&str>,
        query: &[(String, Option<String>)],
    ) -> String {
        let endpoint = &self.config.endpoint;
        let scheme = if endpoint.is_https() { "https" } else { "http" };
        let mut url = format!(
            "{scheme}://{}{}",
            endpoint.authority(bucket),
            endpoint.path(bucket, key)
        );
        if !query.is_empty() {
            url.push('?');
            url.push_str(&encode::query(query));
        }
        url
    }

    /// The limits of this try.
    fn limits(&self, spec: &Spec<'_>, until: Option<Instant>, replayable: bool) -> Limits {
        let config = &self.config;
        let left = until.map(|until| {
            transport::at_least_a_moment(until.saturating_duration_since(Instant::now()))
        });
        Limits {
            read: config.timeouts.read.saturating_add(spec.patience),
            write: config.timeouts.write,
            // A connection that OSS has closed meanwhile would cost the whole call if the body can't be sent again, so
            // only one that was used a moment ago will do.
            idle: if replayable {
                config.max_idle_age
            } else {
                config.max_idle_age.min(Duration::from_secs(2))
            },
            global: left,
        }
    }

    /// The error that an answer other than 2xx is.
    fn refused(&self, mut stream: Stream) -> Failure {
        let mut body = Vec::new();
        // What can't be read is missing from the error; the status is enough for one.
        let _ = read_limited(&mut stream.reader, &mut body, MAX_ERROR);
        let error = ServiceError::read(stream.status, |name| stream.headers.get(name), &body);
        debug!("refused: {error} {:?}", error.message);
        let server_time = (error.code == "RequestTimeTooSkewed")
            .then(|| {
                stream
                    .headers
                    .get("date")
                    .and_then(|date| time::parse_http(&date))
            })
            .flatten();
        Failure {
            server_time,
            ..Error::from(error).into()
        }
    }

    fn read_answer(&self, mut stream: Stream, sent_crc64: u64) -> Result<Answer> {
        let mut body = Vec::new();
        read_limited(&mut stream.reader, &mut body, MAX_ANSWER)?;
        Ok(Answer {
            headers: stream.headers,
            body,
            sent_crc64,
        })
    }
}

/// A bucket or key that can't be one never gets into a request: the bucket comes from a login and would stand in the
/// host name, and a request with an empty key would be meant for the bucket.
pub(crate) fn check_names(bucket: Option<&str>, key: Option<&str>) -> Result<()> {
    if let Some(bucket) = bucket {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(3..=63).contains(&bucket.len())
            || !bucket.bytes().all(inner)
            || bucket.starts_with('-')
            || bucket.ends_with('-')
        {
            return Err(Error::Invalid("this can't be a bucket name"));
        }
    }
    if let Some(key) = key
        && (key.is_empty() || key.len() > 1023 || key.starts_with(['/', '\\']))
    {
        return Err(Error::Invalid("this can't be an object key"));
    }
    Ok(())
}

/// The timeouts of one try.
struct Limits {
    read: Duration,
    write: Duration,
    idle: Duration,
    global: Option<Duration>,
}

impl Limits {
    fn apply<S: AsSendBody>(&self, agent: &Agent, request: http::Request<S>) -> http::Request<S> {
        agent
            .configure_request(request)
            .timeout_per_read(Some(self.read))
            .timeout_per_write(Some(self.write))
            .max_idle_age(self.idle)
            .timeout_global(self.global)
            .build()
    }
}

/// The body for one try.
fn again<'s>(body: &'s mut Option<&mut dyn Payload>) -> Option<&'s mut dyn Payload> {
    match body {
        Some(body) => Some(&mut **body),
        None => None,
    }
}

fn described<'b>(spec: &'b Spec<'_>, headers: &'b [(String, String)]) -> sign::Request<'b> {
    sign::Request {
        method: spec.method,
        bucket: spec.bucket,
        key: spec.key,
        query: &spec.query,
        headers,
    }
}

fn build(spec: &Spec<'_>, url: &str, headers: &[(String, String)]) -> Result<http::Request<()>> {
    let mut request = http::Request::builder().method(spec.method).uri(url);
    for (name, value) in headers {
        request = request.header(name.as_str(), value.as_str());
    }
    request
        .body(())
        .map_err(|_| Error::Invalid("a header value must be printable ASCII"))
}

/// Host and path for the log: the query may hold an upload id.
fn display_uri<T>(request: &http::Request<T>) -> String {
    let uri = request.uri();
    format!(
        "{}{}",
        uri.authority().map_or("", |host| host.as_str()),
        uri.path()
    )
}

fn read_limited(reader: &mut impl Read, out: &mut Vec<u8>, limit: usize) -> Result<()> {
    let read = reader.take(limit as u64 + 1).read_to_end(out);
    read.map_err(|error| transport::error(error.into()))?;
    if out.len() > limit {
        return Err(ProtocolError::TooLarge.into());
    }
    Ok(())
}

/// Compares a CRC-64 with the one in the answer. Servers that state none are taken at their word.
pub(crate) fn compare_crc(headers: &Headers, computed: u64) -> Result<()> {
    match headers.number("x-oss-hash-crc64ecma")? {
        Some(stated) if stated != computed => {
            Err(ProtocolError::BadCrc { computed, stated }.into())
        }
        _ => Ok(()),
    }
}
