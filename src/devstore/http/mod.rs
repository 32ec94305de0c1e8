//! HTTP/1.1 for the store: one connection on one thread.
//!
//! It decides framing, keep-alive, `Expect: 100-continue`, limits and timeouts, with ureq-proto's server half as the
//! state machine. What a request means is left to the [`Handler`].

mod body;
mod connection;
mod message;
mod trouble;

pub(super) use body::Body;
pub(super) use connection::{serve, turn_away};
pub(super) use message::{Note, Payload, Peer, Request, Response};

use std::time::Duration;

use super::faults::{Plan, Refusal};
use super::log::Ticket;

/// No progress for this long, in either direction, ends a connection.
pub(super) const IO_TIMEOUT: Duration = Duration::from_secs(60);

/// The largest request line and headers together. OSS's own limit is near 8 KiB of user meta and a key of 1 KiB.
const MAX_HEAD: usize = 32 * 1024;

/// The buffer of a connection, for heads and for body bytes on their way.
const BUFFER: usize = 64 * 1024;

/// Answers requests.
pub(super) trait Handler {
    /// What the request is to suffer. The body is not read.
    fn plan(&self, request: &Request, body: &mut Body<'_>) -> Plan;

    /// Reads as much of the body as it needs and answers. It may answer before the body has come.
    fn handle(&self, request: &Request, body: &mut Body<'_>) -> Response;

    /// The answer to a request that is not carried out because that was asked for.
    fn refuse(&self, request: &Request, refusal: &Refusal, plan: &Plan) -> Response;

    /// The answer to something that is not a request.
    fn reject(&self, status: u16, why: &str) -> Response;

    /// An answer is about to be sent; `finished` or `rejected` follows, with the ticket.
    fn sending(&self) -> Ticket;

    /// The response has been sent, or could not be, or the connection ended on purpose before there was one: for the
    /// log.
    fn finished(
        &self,
        request: Option<&Request>,
        response: Option<&Response>,
        plan: &Plan,
        traffic: Traffic,
    );

    /// The same for the answer to something that is not a request.
    fn rejected(&self, response: &Response, traffic: Traffic);
}

/// What went over the wire for one request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    /// Body bytes received.
    pub(super) received: u64,
    /// Body bytes sent.
    pub(super) sent: u64,
    /// From the whole head to the last byte sent.
    pub(super) took: Duration,
    /// What `sending` returned, if it came to that.
    pub(super) ticket: Option<Ticket>,
    /// Whether the head of the answer was sent.
    pub(super) answered: bool,
}
