//! The control URL: faults and the request log over HTTP, for tests in any language and for curl.
//!
//! It lives under `/-/`, where no bucket can be. It decides who may use it: programs of this machine, and no web page
//! that a browser of this machine shows.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::faults::{FaultRule, FaultSyntaxError};
use super::front::Front;
use super::http::{Body, Payload, Request, Response};

/// The longest list of rules, in bytes.
const MAX_BODY: u64 = 1024 * 1024;

const HELP: &str = "\
GET    /-/faults       the rules, and what they met
POST   /-/faults       adds rules: JSON, or lines such as UploadPart:503:rate=0.1
PUT    /-/faults       the same, and removes all others
DELETE /-/faults       removes all rules
DELETE /-/faults/ID    removes one
GET    /-/log          the last requests, a line of JSON each; ?last=N for fewer
DELETE /-/log          forgets requests and counts
GET    /-/requests     how often each API was called
DELETE /-/requests     as DELETE /-/log
";

/// Whether a request is for the control URL: by its path, sent to an address of its own or to `localhost`. Another host
/// name is a bucket's, in which `-/faults` is a key, or a trick of a web page to be taken for local.
pub(super) fn is_meant(request: &Request) -> bool {
    let direct = request.host == "localhost" || request.host.parse::<IpAddr>().is_ok();
    direct && (request.path == "/-" || request.path.starts_with("/-/"))
}

/// Answers a request for the control URL.
pub(super) fn answer(front: &Front, request: &Request, body: &mut Body<'_>) -> Response {
    let is_local = request
        .peer
        .address
        .is_some_and(|peer| peer.to_canonical().is_loopback());
    if !is_local {
        return failed(
            403,
            "the control URL is only for programs of the store's own machine",
        );
    }
    if request.header("origin").is_some() {
        return failed(403, "the control URL is not for web pages");
    }
    let path = request.path.trim_end_matches('/');
    match (request.method.as_str(), path) {
        ("GET", "/-") => text(200, "text/plain", HELP.to_owned()),
        ("GET", "/-/faults") => rules(front, None),
        ("POST" | "PUT", "/-/faults") => match read(body) {
            Ok(rules) => add(front, rules, request.method == "PUT"),
            Err(why) => failed(400, &why),
        },
        ("DELETE", "/-/faults") => {
            front.faults.clear();
            Response::empty(204)
        }
        ("GET", "/-/log") => log(front, request),
        ("GET", "/-/requests") => json_answer(200, &json!(front.log.counts())),
        ("DELETE", "/-/log" | "/-/requests") => {
            front.log.clear();
            Response::empty(204)
        }
        (method, path) => match path.strip_prefix("/-/faults/").map(str::parse) {
            Some(Ok(id)) if method == "DELETE" && front.faults.remove(id) => Response::empty(204),
            Some(Ok(id)) if method == "GET" => rules(front, Some(id)),
            _ => failed(
                404,
                "there is no such thing here; GET /-/ says what there is",
            ),
        },
    }
}

/// The rules of a request's body: JSON (one object, or an array of objects and texts), or lines of text.
fn read(body: &mut Body<'_>) -> Result<Vec<FaultRule>, String> {
    let bytes = body
        .read_all(MAX_BODY)
        .map_err(|_| "the rules cannot be read, or are longer than 1 MiB".to_owned())?;
    let text = String::from_utf8(bytes).map_err(|_| "the rules are not UTF-8".to_owned())?;
    let text = text.trim();
    let said = |error: FaultSyntaxError| error.to_string();
    let rules: Vec<FaultRule> = if text.starts_with(['{', '[', '"']) {
        let value: Value =
            serde_json::from_str(text).map_err(|error| format!("this is no JSON: {error}"))?;
        match &value {
            Value::Array(items) => items.iter().map(FaultRule::from_json).collect(),
            one => FaultRule::from_json(one).map(|rule| vec![rule]),
        }
        .map_err(said)?
    } else {
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(said)?
    };
    if rules.is_empty() {
        return Err("there is no rule; write one such as UploadPart:503:rate=0.1".to_owned());
    }
    Ok(rules)
}

fn add(front: &Front, rules: Vec<FaultRule>, replace: bool) -> Response {
    let ids = if replace {
        front.faults.set(rules)
    } else {
        rules
            .into_iter()
            .map(|rule| front.faults.add(rule))
            .collect()
    };
    let list = front.faults.list();
    let added = list.iter().filter(|active| ids.contains(&active.id));
    let added: Vec<Value> = added.map(|active| active.to_json()).collect();
    json_answer(201, &Value::Array(added))
}

/// All rules, or one.
fn rules(front: &Front, id: Option<u64>) -> Response {
    let list = front.faults.list();
    match id {
        None => {
            let all: Vec<Value> = list.iter().map(|active| active.to_json()).collect();
            json_answer(200, &Value::Array(all))
        }
        Some(id) => match list.iter().find(|active| active.id == id) {
            Some(active) => json_answer(200, &active.to_json()),
            None => failed(404, "there is no rule with this number"),
        },
    }
}

fn log(front: &Front, request: &Request) -> Response {
    let last = match request.param("last").map(str::parse::<usize>) {
        None => usize::MAX,
        Some(Ok(last)) => last,
        Some(Err(_)) => return failed(400, "last=N is how many requests to show"),
    };
    let records = front.log.last();
    let lines = records
        .iter()
        .skip(records.len().saturating_sub(last))
        .fold(String::new(), |text, record| {
            text + &record.to_json() + "\n"
        });
    text(200, "application/x-ndjson", lines)
}

fn failed(status: u16, why: &str) -> Response {
    json_answer(status, &json!({ "error": why }))
}

fn json_answer(status: u16, value: &Value) -> Response {
    let lines = serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
    text(status, "application/json", lines)
}

fn text(status: u16, content_type: &str, body: String) -> Response {
    let mut response = Response::empty(status).with("content-type", content_type);
    response.payload = Payload::Bytes(body.into_bytes());
    response
}
