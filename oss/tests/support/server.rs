//! A server that answers from a script and records what it was asked.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What to do with the next request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Answer and keep the connection.
    Answer(Vec<u8>),
    /// Answer and close.
    Last(Vec<u8>),
    /// Close without an answer.
    Close,
    /// Answer nothing until the client goes away.
    Stall,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) connection: usize,
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct State {
    script: VecDeque<Step>,
    requests: Vec<Request>,
    /// How many connections the client has closed, or the server.
    closed: usize,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Server {
    pub(crate) fn start(script: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address");
        let state = State {
            script: script.into_iter().collect(),
            ..State::default()
        };
        let shared = Arc::new((Mutex::new(state), Condvar::new()));
        let for_thread = shared.clone();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (Ok(stream), shared) = (stream, for_thread.clone()) else {
                    continue;
                };
                std::thread::spawn(move || {
                    serve(number, stream, &shared);
                    shared.0.lock().expect("lock").closed += 1;
                    shared.1.notify_all();
                });
            }
        });
        Self { address, shared }
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.0.lock().expect("lock").requests.clone()
    }

    /// Waits until so many requests have come in.
    pub(crate) fn wait_for_requests(&self, count: usize) {
        self.wait(|state| state.requests.len() >= count);
    }

    /// Waits until so many connections are closed.
    pub(crate) fn wait_for_closed(&self, count: usize) {
        self.wait(|state| state.closed >= count);
    }

    fn wait(&self, done: impl Fn(&State) -> bool) {
        let guard = self.shared.0.lock().expect("lock");
        let (_guard, result) = self
            .shared
            .1
            .wait_timeout_while(guard, Duration::from_secs(10), |state| !done(state))
            .expect("lock");
        assert!(!result.timed_out(), "the server waited in vain");
    }
}

fn serve(connection: usize, mut stream: TcpStream, shared: &(Mutex<State>, Condvar)) {
    let mut pending = Vec::new();
    while let Some(request) = read_request(connection, &mut stream, &mut pending) {
        let step = {
            let mut state = shared.0.lock().expect("lock");
            state.requests.push(request);
            state.script.pop_front().unwrap_or(Step::Close)
        };
        shared.1.notify_all();
        match step {
            Step::Answer(bytes) => {
                if stream.write_all(&bytes).is_err() {
                    return;
                }
            }
            Step::Last(bytes) => {
                let _ = stream.write_all(&bytes);
                return;
            }
            Step::Close => return,
            Step::Stall => {
                let _ = stream.read(&mut [0; 1]);
                return;
            }
        }
    }
}

fn read_request(
    connection: usize,
    stream: &mut TcpStream,
    pending: &mut Vec<u8>,
) -> Option<Request> {
    let end = loop {
        if let Some(at) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        fill(stream, pending)?;
    };
    let head = String::from_utf8(pending[..end].to_vec()).expect("head");
    pending.drain(..end + 4);
    let mut lines = head.split("\r\n");
    let line = lines.next().expect("line").to_owned();
    let headers: Vec<(String, String)> = lines
        .map(|line| {
            let (name, value) = line.split_once(':').expect("header");
            (name.to_owned(), value.trim().to_owned())
        })
        .collect();
    let header = |wanted: &str| {
        let found = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.as_str())
    };
    let length = header("content-length").map_or(0, |value| value.parse().expect("length"));
    if header("transfer-encoding").is_some() {
        assert!(header("content-length").is_none(), "both: {head}");
        let body = read_chunks(stream, pending)?;
        return Some(Request {
            connection,
            line,
            headers,
            body,
        });
    }
    while pending.len() < length {
        fill(stream, pending)?;
    }
    let body = pending.drain(..length).collect();
    Some(Request {
        connection,
        line,
        headers,
        body,
    })
}

/// A body in chunks (RFC 9112, 7.1).
fn read_chunks(stream: &mut TcpStream, pending: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = pending.windows(2).position(|window| window == b"\r\n") {
                break at;
            }
            fill(stream, pending)?;
        };
        let size = std::str::from_utf8(&pending[..end]).expect("size");
        let size = usize::from_str_radix(size, 16).expect("size");
        pending.drain(..end + 2);
        while pending.len() < size + 2 {
            fill(stream, pending)?;
        }
        body.extend(pending.drain(..size));
        assert_eq!(pending.drain(..2).collect::<Vec<_>>(), b"\r\n");
        if size == 0 {
            return Some(body);
        }
    }
}

fn fill(stream: &mut TcpStream, pending: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 16 << 10];
    let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
    pending.extend_from_slice(&chunk[..read]);
    Some(())
}

/// An answer with its Content-Length.
pub(crate) fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status}\r\nx-oss-request-id: ID\r\n");
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        && !status.starts_with("204")
    {
        out.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str("\r\n");
    let mut out = out.into_bytes();
    out.extend_from_slice(body);
    out
}

/// An error answer as OSS gives it.
pub(crate) fn error(status: &str, code: &str) -> Vec<u8> {
    let body =
        format!("<Error><Code>{code}</Code><Message>M</Message><RequestId>ID</RequestId></Error>");
    answer(status, &[], body.as_bytes())
}
