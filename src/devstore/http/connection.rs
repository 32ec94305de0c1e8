//! One connection from its first byte to its close.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use ureq_proto::http::{self, Version};
use ureq_proto::server::state::ProvideResponse;
use ureq_proto::server::{RecvRequestResult, Reply, SendResponseResult};

use super::body::{Link, State};
use super::trouble::Outlet;
use super::{Body, Handler, IO_TIMEOUT, MAX_HEAD, Payload, Peer, Request, Response, Traffic};
use crate::devstore::faults::{Break, Place, Plan};
use crate::devstore::store::Pinned;

/// Body bytes that are read and thrown away to keep a connection that was answered early.
const DRAIN: u64 = 1024 * 1024;

/// How long, and how many bytes, a connection that is being closed is read, so that the client sees the answer
/// instead of a reset.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: u64 = 64 * 1024 * 1024;

/// Serves requests until either side closes. `number` tells connections apart in the log.
pub(in crate::devstore) fn serve(stream: TcpStream, number: u64, handler: &dyn Handler) {
    let prepared = stream
        .set_nodelay(true)
        .and_then(|()| stream.set_read_timeout(Some(IO_TIMEOUT)))
        .and_then(|()| stream.set_write_timeout(Some(IO_TIMEOUT)));
    if let Err(error) = prepared {
        log::debug!("dev store: connection lost at once: {error}");
        return;
    }
    let peer = Peer {
        connection: number,
        address: stream.peer_addr().ok().map(|address| address.ip()),
    };
    let mut link = Link::new(stream);
    loop {
        match exchange(&mut link, peer, handler) {
            Ok(Next::KeepAlive) => {}
            Ok(Next::Close) => break,
            Ok(Next::Linger) => {
                linger(&mut link);
                break;
            }
            Err(error) => {
                log::debug!("dev store: connection ended: {error}");
                break;
            }
        }
    }
}

/// Answers a connection without reading from it, and closes it.
pub(in crate::devstore) fn turn_away(stream: TcpStream, response: &Response) {
    // The answer fits into the socket's buffer: this does not wait for the peer.
    let _ = by_hand(&mut Link::new(stream), response, None);
}

/// What becomes of the connection.
enum Next {
    KeepAlive,
    Close,
    /// The client may still be sending.
    Linger,
}

/// Reads one request, has it handled and sends the response.
fn exchange(link: &mut Link, peer: Peer, handler: &dyn Handler) -> io::Result<Next> {
    let mut reply = Reply::new().map_err(protocol)?;
    let head = loop {
        if !link.pending().is_empty() {
            match reply.try_request(link.pending()) {
                Ok((used, Some(head))) => {
                    link.consume(used);
                    break head;
                }
                Ok(_) if link.pending().len() >= MAX_HEAD => {
                    return reject(
                        link,
                        handler,
                        431,
                        "The request line and headers are too long.",
                    );
                }
                Ok(_) => {}
                Err(error) => return reject(link, handler, 400, &error.to_string()),
            }
        }
        if link.fill()? == 0 {
            return Ok(Next::Close);
        }
    };
    let begun = Instant::now();
    (link.ticket, link.head_sent) = (None, false);
    let mut request = match Request::new(&head) {
        Ok(request) => request,
        Err(why) => return reject(link, handler, 400, why),
    };
    request.peer = peer;
    let length = match framing(&request) {
        Ok(length) => length,
        Err((status, why)) => return reject(link, handler, status, why),
    };
    let state = match reply.proceed() {
        Some(RecvRequestResult::Send100(reply)) => State::Expect(reply),
        // ureq-proto takes a POST without a length for a chunked one; to OSS its body is empty.
        Some(RecvRequestResult::RecvBody(reply)) if length != Some(0) => State::Open(reply),
        Some(RecvRequestResult::RecvBody(reply)) => ended(reply)?,
        Some(RecvRequestResult::ProvideResponse(reply)) => State::Done(reply),
        None => return Err(io::ErrorKind::InvalidData.into()),
    };
    let mut body = Body::new(link, state, length);
    let plan = handler.plan(&request, &mut body);
    request.clock = plan.clock();
    let response = carry_out(handler, &request, &mut body, &plan);
    let (received, outcome) = match &response {
        Some(response) => finish(body, response, &plan, handler),
        None => (body.received, Err((0, ended_on_purpose()))),
    };
    let (sent, next) = match outcome {
        Ok((sent, next)) => (sent, Ok(next)),
        Err((sent, error)) => (sent, Err(error)),
    };
    let traffic = Traffic {
        received,
        sent,
        took: begun.elapsed(),
        ticket: link.ticket,
        answered: link.head_sent,
    };
    handler.finished(Some(&request), response.as_ref(), &plan, traffic);
    match link.ending {
        Some(Break::Close) => Ok(Next::Linger),
        Some(_) => Ok(Next::Close),
        None => next,
    }
}

/// Has the request handled, or whatever is planned instead. `None`: the connection is to end without an answer.
fn carry_out(
    handler: &dyn Handler,
    request: &Request,
    body: &mut Body<'_>,
    plan: &Plan,
) -> Option<Response> {
    body.begin_trouble(plan).ok()?;
    let response = match plan.refusal() {
        Some(refusal) => handler.refuse(request, &refusal, plan),
        None => handler.handle(request, body),
    };
    body.link.ending.is_none().then(|| adorn(response, plan))
}

/// Changes the headers that are planned to be wrong.
fn adorn(mut response: Response, plan: &Plan) -> Response {
    if plan.is_empty() {
        return response;
    }
    for (name, value) in &mut response.headers {
        match *name {
            "x-oss-hash-crc64ecma" if plan.wrong_crc() => {
                let right: u64 = value.parse().unwrap_or_default();
                *value = (right ^ 1).to_string();
            }
            "x-oss-storage-class" if plan.archived() => "Archive".clone_into(value),
            _ => {}
        }
    }
    response
}

fn ended_on_purpose() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

/// A body that is there and empty: with `Content-Length: 0`, or a POST that says nothing of a body.
fn ended(mut reply: Reply<ureq_proto::server::state::RecvBody>) -> io::Result<State> {
    if !reply.is_ended() {
        // The chunked reader of a request that has no chunks: give it the end it waits for.
        reply.read(b"0\r\n\r\n", &mut [0; 8]).map_err(protocol)?;
    }
    Ok(State::Done(reply.proceed().map_err(protocol)?))
}

/// The length of the body, `None` for a chunked one; or why the request cannot be taken.
fn framing(request: &Request) -> Result<Option<u64>, (u16, &'static str)> {
    let chunked = match request.header("transfer-encoding") {
        None => false,
        Some(coding) if coding.eq_ignore_ascii_case("chunked") => true,
        Some(_) => return Err((501, "Only the transfer coding chunked is known.")),
    };
    let length = match request.header("content-length") {
        None => None,
        // Two framings at once are how requests are smuggled past proxies.
        Some(_) if chunked => {
            return Err((400, "Both Content-Length and Transfer-Encoding were given."));
        }
        Some(text) => Some(
            text.parse()
                .map_err(|_| (400, "Content-Length is not a number."))?,
        ),
    };
    match (length, request.method.as_str()) {
        (None, "PUT") if !chunked => Err((411, "You must provide the Content-Length HTTP header.")),
        (None, _) if chunked => Ok(None),
        (length, _) => Ok(Some(length.unwrap_or(0))),
    }
}

/// Body bytes sent, whether all of them or as far as it came.
type Sent = Result<u64, (u64, io::Error)>;

/// The same, and what becomes of the connection.
type Outcome = Result<(u64, Next), (u64, io::Error)>;

/// Brings the request to its end and sends the response. Returns the body bytes received, too.
fn finish(
    mut body: Body<'_>,
    response: &Response,
    plan: &Plan,
    handler: &dyn Handler,
) -> (u64, Outcome) {
    let is_error = response.status >= 400;
    if !(matches!(body.state, State::Expect(_)) && is_error) {
        // Errors show in the state.
        let _ = io::copy(&mut (&mut body).take(DRAIN), &mut io::sink());
        // One more read sees the end of a body that fitted exactly.
        let _ = body.read(&mut [0; 1]);
    }
    let received = body.received;
    let held = match body.link.ending {
        Some(_) => Err(ended_on_purpose()),
        None => body.link.suffer(plan.faults(), plan.events(Place::Answer)),
    };
    if let Err(error) = held {
        return (received, Err((0, error)));
    }
    body.link.ticket = Some(handler.sending());
    let outcome = match body.state {
        State::Done(reply) => send(body.link, reply, response, plan, false),
        State::Expect(reply) => send(body.link, reply.reject(), response, plan, true),
        // Too much is still to come, or the framing is broken: the state machine has no answer for that, so it is
        // written by hand and the connection ends.
        State::Open(_) | State::Broken => {
            by_hand(body.link, response, Some(plan)).map(|sent| (sent, Next::Linger))
        }
    };
    (received, outcome)
}

/// Sends the response through the state machine.
fn send(
    link: &mut Link,
    reply: Reply<ProvideResponse>,
    response: &Response,
    plan: &Plan,
    close: bool,
) -> Outcome {
    let failed = |error: io::Error| (0, error);
    let mut head = http::Response::builder()
        .status(response.status)
        .version(Version::HTTP_11);
    for (name, value) in fields(response, close) {
        head = head.header(name, value);
    }
    let head = head
        .body(())
        .map_err(|error| failed(io::Error::other(error)))?;
    let mut reply = reply
        .provide(head)
        .map_err(|error| failed(protocol(error)))?;
    let mut out = vec![0; MAX_HEAD];
    let mut len = 0;
    while !reply.is_finished() {
        let space = out.get_mut(len..).unwrap_or_default();
        len += reply
            .write(space)
            .map_err(|error| failed(protocol(error)))?;
    }
    out.truncate(len);
    match reply.proceed() {
        SendResponseResult::Cleanup(reply) => {
            link.write_head(&out).map_err(failed)?;
            Ok((0, after(reply.must_close_connection(), close)))
        }
        SendResponseResult::SendBody(mut reply) => {
            let sent = send_payload(link, out, &response.payload, Some(plan))?;
            let mut left = sent;
            while left > 0 {
                let step = usize::try_from(left).unwrap_or(usize::MAX);
                reply
                    .consume_direct_write(step)
                    .map_err(|error| (sent, protocol(error)))?;
                left -= step as u64;
            }
            if !reply.is_finished() {
                reply
                    .write(&[], &mut [])
                    .map_err(|error| (sent, protocol(error)))?;
            }
            Ok((sent, after(reply.proceed().must_close_connection(), close)))
        }
    }
}

fn after(must_close: bool, rejected: bool) -> Next {
    match (must_close, rejected) {
        (_, true) => Next::Linger,
        (true, false) => Next::Close,
        (false, false) => Next::KeepAlive,
    }
}

/// Sends a response without the state machine.
fn by_hand(link: &mut Link, response: &Response, plan: Option<&Plan>) -> Sent {
    let reason = http::StatusCode::from_u16(response.status)
        .ok()
        .and_then(|s| s.canonical_reason());
    let mut out = format!(
        "HTTP/1.1 {} {}\r\n",
        response.status,
        reason.unwrap_or("Unknown")
    )
    .into_bytes();
    for (name, value) in fields(response, true) {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    send_payload(link, out, &response.payload, plan)
}

/// The header fields of a response, with those that framing needs.
fn fields(response: &Response, close: bool) -> impl Iterator<Item = (&str, String)> {
    let length = response
        .content_length()
        .map(|length| ("content-length", length.to_string()));
    let close = close.then(|| ("connection", "close".to_owned()));
    let fixed = response
        .headers
        .iter()
        .map(|(name, value)| (*name, value.clone()));
    let meta = response
        .meta
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()));
    fixed.chain(meta).chain(length).chain(close)
}

/// Sends the head and the body behind it; a small body goes in the same write.
fn send_payload(
    link: &mut Link,
    mut head: Vec<u8>,
    payload: &Payload,
    plan: Option<&Plan>,
) -> Sent {
    let none = |error| (0, error);
    let length = match payload {
        Payload::None | Payload::Length(_) => 0,
        Payload::Bytes(bytes) => bytes.len() as u64,
        Payload::Object { len, .. } => *len,
    };
    if let Some(outlet) = plan.and_then(|plan| Outlet::new(link, plan, length)) {
        return send_troubled(outlet, &head, payload);
    }
    match payload {
        Payload::None | Payload::Length(_) => link.write_head(&head).map_err(none)?,
        Payload::Bytes(bytes) => {
            head.extend_from_slice(bytes);
            link.write_head(&head).map_err(none)?;
        }
        Payload::Object {
            content,
            offset,
            len,
        } => {
            link.write_head(&head).map_err(none)?;
            return send_object(&mut link.stream, content, *offset, *len);
        }
    }
    Ok(length)
}

/// The same, for a body to which something happens on its way.
fn send_troubled(mut outlet: Outlet<'_>, head: &[u8], payload: &Payload) -> Sent {
    outlet.write_head(head).map_err(|error| (0, error))?;
    let result = match payload {
        Payload::None | Payload::Length(_) => Ok(()),
        Payload::Bytes(bytes) => outlet.write_all(bytes),
        Payload::Object {
            content,
            offset,
            len,
        } => send_object(&mut outlet, content, *offset, *len)
            .map(drop)
            .map_err(|(_, error)| error),
    };
    result
        .map(|()| outlet.sent)
        .map_err(|error| (outlet.sent, error))
}

/// Sends a range of an object.
fn send_object(out: &mut impl Write, content: &Pinned, offset: u64, len: u64) -> Sent {
    let mut sent = 0;
    let result = content.for_each(offset, len, |mut part| {
        let wanted = part.limit();
        // From a file to a socket: the standard library lets the kernel do it where it can.
        let copied = io::copy(&mut part, out)?;
        sent += copied;
        if copied == wanted {
            Ok(())
        } else {
            Err(io::Error::from(io::ErrorKind::UnexpectedEof))
        }
    });
    result.map(|()| sent).map_err(|error| (sent, error))
}

/// Answers something that is not a request, and ends the connection.
fn reject(link: &mut Link, handler: &dyn Handler, status: u16, why: &str) -> io::Result<Next> {
    let response = handler.reject(status, why);
    let ticket = handler.sending();
    let outcome = by_hand(link, &response, None);
    let traffic = Traffic {
        sent: *outcome.as_ref().unwrap_or(&0),
        ticket: Some(ticket),
        answered: link.head_sent,
        ..Traffic::default()
    };
    handler.rejected(&response, traffic);
    outcome.map(|_| Next::Linger).map_err(|(_, error)| error)
}

/// Reads what the client still sends, so that closing does not destroy the answer on its way.
fn linger(link: &mut Link) {
    let until = Instant::now() + LINGER;
    let mut seen = 0;
    if link.stream.shutdown(Shutdown::Write).is_err() {
        return;
    }
    while seen < LINGER_BYTES {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || link.stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        link.consume(usize::MAX);
        match link.fill() {
            Ok(count) if count > 0 => seen += count as u64,
            _ => return,
        }
    }
}

fn protocol(error: ureq_proto::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
