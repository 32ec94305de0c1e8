//! What stands before the APIs: the control URL, faults, and the log of what was asked and answered.

use ossftp_oss::{encode, time};

use super::api::{Service, unix_now};
use super::control;
use super::error;
use super::faults::{Faults, Plan, Refusal, Subject};
use super::http::{Body, Handler, Note, Payload, Request, Response, Traffic};
use super::log::{Log, RequestRecord, Ticket};

/// Answers requests, or fails to as it is told.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) service: Service,
    pub(super) faults: Faults,
    pub(super) log: Log,
    /// Whether there is a control URL.
    pub(super) control: bool,
}

impl Front {
    /// Whether a request is for the control URL: it suffers no fault and stands in no log.
    fn controls(&self, request: &Request) -> bool {
        self.control && control::is_meant(request)
    }

    fn note(&self, record: RequestRecord, plan: Option<&Plan>, ticket: Option<Ticket>) {
        let record = RequestRecord {
            fault: plan.and_then(Plan::label),
            ..record
        };
        self.log.write(record, ticket);
    }
}

impl Handler for Front {
    fn plan(&self, request: &Request, body: &mut Body<'_>) -> Plan {
        if self.faults.is_empty() || self.controls(request) {
            return Plan::none(&self.faults);
        }
        let (api, bucket, key) = self.service.name(request, body);
        let source = request.header("x-oss-copy-source").and_then(source);
        self.faults.plan(&Subject {
            api,
            method: &request.method,
            bucket: bucket.as_deref(),
            key: key.as_deref().or_else(|| request.param("prefix")),
            source: source
                .as_ref()
                .map(|(bucket, key)| (bucket.as_str(), key.as_str())),
        })
    }

    fn handle(&self, request: &Request, body: &mut Body<'_>) -> Response {
        if self.controls(request) {
            return control::answer(self, request, body);
        }
        self.service.handle(request, body)
    }

    fn refuse(&self, request: &Request, refusal: &Refusal, plan: &Plan) -> Response {
        let request_id = self.service.id(false);
        let mut response = match &refusal.code {
            Some(code) => {
                error::asked_for(refusal.status, code, &refusal.message, request, &request_id)
            }
            None if refusal.status < 300 => Response::empty(refusal.status),
            None => from_a_proxy(refusal, request.method == "HEAD"),
        };
        if let Some(delay) = refusal.delay_ms {
            response = response.with("x-oss-qos-delay-time", delay.to_string());
        }
        if refusal.code.is_some() || refusal.status < 300 {
            response = response
                .with("server", "AliyunOSS")
                .with("x-oss-request-id", request_id.clone());
        }
        let now = unix_now().saturating_add(request.clock);
        response = response.with("date", time::format_http(now));
        let error = response.note.error.take();
        response.note = Note {
            request_id,
            error,
            ..plan.note()
        };
        response
    }

    fn reject(&self, status: u16, why: &str) -> Response {
        self.service.reject(status, why)
    }

    fn sending(&self) -> Ticket {
        self.log.sending()
    }

    fn finished(
        &self,
        request: Option<&Request>,
        response: Option<&Response>,
        plan: &Plan,
        traffic: Traffic,
    ) {
        if request.is_some_and(|request| self.controls(request)) {
            self.log.forget(traffic.ticket);
            return;
        }
        let record = match response {
            Some(response) => {
                RequestRecord::new(request, Some(response.status), &response.note, traffic)
            }
            None => RequestRecord::new(request, None, &plan.note(), traffic),
        };
        self.note(record, Some(plan), traffic.ticket);
    }

    fn rejected(&self, response: &Response, traffic: Traffic) {
        let record = RequestRecord::new(None, Some(response.status), &response.note, traffic);
        self.note(record, None, traffic.ticket);
    }
}

/// The bucket and key of a copy's source.
fn source(header: &str) -> Option<(String, String)> {
    let (bucket, key) = header.strip_prefix('/').unwrap_or(header).split_once('/')?;
    let key = key.split('?').next().unwrap_or_default();
    Some((encode::decode(bucket)?, encode::decode(key)?))
}

/// An error as a proxy gives it.
fn from_a_proxy(refusal: &Refusal, is_head: bool) -> Response {
    let mut response = Response::empty(refusal.status).with("content-type", "text/html");
    response.payload = if is_head {
        Payload::Length(0)
    } else {
        Payload::Bytes(format!("<html><body>{}</body></html>\n", refusal.message).into_bytes())
    };
    response
}
