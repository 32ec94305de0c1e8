//! A proxy between the gateway and the store: it notes every request, and fails those it is told
//! to fail.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A request that came by.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The name of the API, such as `PutObject`.
    pub(crate) api: &'static str,
    /// The key, or the prefix that is listed; decoded.
    pub(crate) key: String,
    /// The head as it was sent.
    pub(crate) head: String,
}

impl Seen {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (other, value) = line.split_once(':')?;
            other.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What to do with a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answers with this status and OSS code, and does not pass it on.
    Refuse(u16, &'static str),
    /// Answers with this body, and does not pass it on.
    Give(String),
    /// Passes it on, and breaks the connection after so many bytes of the answer's body.
    Cut(usize),
    /// Passes it on, and breaks the connection without an answer.
    Lose,
    /// Passes it on, and does not answer until the client goes away.
    Mute,
    /// Passes it on, and changes a byte of the answer's body.
    Damage,
    /// Passes it on, and changes the CRC-64 in the answer.
    LieAboutCrc,
    /// Passes it on, and changes the ETag in the answer's body.
    LieAboutEtag,
    /// Both.
    LieAboutBoth,
    /// Passes it on, waits until the test waits too, and gives the answer back when it does so
    /// once more.
    Hold(Arc<Barrier>),
    /// Never answers, until the client goes away.
    Stall,
    /// Breaks the connection after so many bytes of the request's body, and does not pass it on.
    Break(usize),
    /// Answers with this status and OSS code after so many bytes of the request's body, and breaks
    /// the connection.
    Interrupt(usize, u16, &'static str),
}

struct Rule {
    api: &'static str,
    skip: usize,
    times: usize,
    act: Act,
}

#[derive(Default)]
struct State {
    seen: Mutex<Vec<Seen>>,
    rules: Mutex<Vec<Rule>>,
}

/// A running proxy. Its thread ends with the process.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl Proxy {
    pub(crate) fn start(store: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let _ = serve(&client, store, &shared);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        Self { address, state }
    }

    /// Does `act` to the next `times` requests to `api`, after `skip` others.
    pub(crate) fn rule(&self, api: &'static str, skip: usize, times: usize, act: Act) {
        self.state.rules.lock().unwrap().push(Rule {
            api,
            skip,
            times,
            act,
        });
    }

    /// Forgets all rules.
    pub(crate) fn clear(&self) {
        self.state.rules.lock().unwrap().clear();
    }

    /// Takes what was noted so far.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state.seen.lock().unwrap())
    }

    /// What was noted so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }
}

struct Message {
    head: String,
    body: Vec<u8>,
}

fn serve(client: &TcpStream, store: SocketAddr, state: &State) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client.try_clone()?);
    let mut client = client;
    while let Some(head) = read_head(&mut reader)? {
        let seen = seen(&head);
        let act = choose(&seen, state);
        state.seen.lock().unwrap().push(seen.clone());
        if let Some(Act::Break(bytes) | Act::Interrupt(bytes, ..)) = act {
            reader.read_exact(&mut vec![0; bytes])?;
            if let Some(Act::Interrupt(_, status, code)) = act {
                client.write_all(refusal(status, code, seen.api).as_bytes())?;
            }
            return Ok(());
        }
        let body = read_body(&mut reader, &head)?;
        match act {
            Some(Act::Refuse(status, code)) => {
                client.write_all(refusal(status, code, seen.api).as_bytes())?;
                continue;
            }
            Some(Act::Give(body)) => {
                let length = body.len();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
                client.write_all((head + &body).as_bytes())?;
                continue;
            }
            Some(Act::Stall) => {
                let mut nothing = [0];
                let _ = reader.read(&mut nothing);
                return Ok(());
            }
            _ => {}
        }
        let mut upstream = TcpStream::connect(store)?;
        upstream.set_nodelay(true)?;
        upstream.write_all(&[head.as_bytes(), &body].concat())?;
        let mut answer = BufReader::new(upstream);
        let has_body = seen.api != "HeadObject";
        let Some(mut answer) = read_answer(&mut answer, has_body)? else {
            return Ok(());
        };
        let mut end = answer.body.len();
        match act {
            Some(Act::Lose) => return Ok(()),
            Some(Act::Mute) => {
                let _ = reader.read(&mut [0]);
                return Ok(());
            }
            Some(Act::Hold(barrier)) => {
                barrier.wait();
                barrier.wait();
            }
            Some(Act::Cut(bytes)) => end = bytes.min(end),
            Some(Act::Damage) => {
                if let Some(byte) = answer.body.last_mut() {
                    *byte ^= 1;
                }
            }
            Some(Act::LieAboutCrc) => lie_about_crc(&mut answer.head),
            Some(Act::LieAboutEtag) => lie_about_etag(&mut answer.body),
            Some(Act::LieAboutBoth) => {
                lie_about_crc(&mut answer.head);
                lie_about_etag(&mut answer.body);
            }
            _ => {}
        }
        client.write_all(&[answer.head.as_bytes(), &answer.body[..end]].concat())?;
        if end < answer.body.len() {
            return Ok(());
        }
    }
    Ok(())
}

/// Changes the last digit of the CRC-64.
fn lie_about_crc(head: &mut String) {
    let name = "x-oss-hash-crc64ecma: ";
    let at = head.to_ascii_lowercase().find(name).unwrap() + name.len();
    let end = at + head[at..].find('\r').unwrap();
    let other = if head[..end].ends_with('7') { "8" } else { "7" };
    head.replace_range(end - 1..end, other);
}

/// Changes the first digit of the ETag.
fn lie_about_etag(body: &mut [u8]) {
    let name = b"<ETag>";
    let at = body.windows(name.len()).position(|w| w == name).unwrap() + name.len();
    let digit = body[at..]
        .iter_mut()
        .find(|b| b.is_ascii_hexdigit())
        .unwrap();
    *digit = if *digit == b'7' { b'8' } else { b'7' };
}

fn read_answer(reader: &mut impl BufRead, has_body: bool) -> io::Result<Option<Message>> {
    let Some(head) = read_head(reader)? else {
        return Ok(None);
    };
    let body = if has_body {
        read_body(reader, &head)?
    } else {
        Vec::new()
    };
    Ok(Some(Message { head, body }))
}

fn read_head(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut head = String::new();
    loop {
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        if head.ends_with("\r\n\r\n") {
            return Ok(Some(head));
        }
    }
}

/// The body as it is on the wire: one in chunks with their sizes.
fn read_body(reader: &mut impl BufRead, head: &str) -> io::Result<Vec<u8>> {
    let header = |wanted: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.trim())
    };
    if header("transfer-encoding").is_none() {
        let length = header("content-length").map_or(0, |value| value.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        return Ok(body);
    }
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let size = usize::from_str_radix(line.trim(), 16).unwrap();
        body.extend_from_slice(line.as_bytes());
        let start = body.len();
        body.resize(start + size + 2, 0);
        reader.read_exact(&mut body[start..])?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn choose(seen: &Seen, state: &State) -> Option<Act> {
    let mut rules = state.rules.lock().unwrap();
    let rule = rules
        .iter_mut()
        .find(|rule| rule.api == seen.api && rule.times > 0)?;
    if rule.skip > 0 {
        rule.skip -= 1;
        return None;
    }
    rule.times -= 1;
    Some(rule.act.clone())
}

fn refusal(status: u16, code: &str, api: &str) -> String {
    let id = "65A0B1C2D3E4F5061728394A";
    let body = format!(
        "<Error><Code>{code}</Code><Message>never to be shown</Message>\
         <RequestId>{id}</RequestId></Error>"
    );
    // HEAD has no body: its error is in a header.
    let (error, body) = if api == "HeadObject" {
        (format!("x-oss-err: {}\r\n", STANDARD.encode(body)), "")
    } else {
        (String::new(), body.as_str())
    };
    format!(
        "HTTP/1.1 {status} Refused\r\nContent-Length: {}\r\n{error}\
         x-oss-request-id: {id}\r\n\r\n{body}",
        body.len()
    )
}

/// Path style: `/bucket/key?query`.
fn seen(head: &str) -> Seen {
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let key = path[1..].split_once('/').map_or("", |(_, key)| key);
    let query: Vec<(&str, &str)> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    let value = |name: &str| query.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
    let has = |name: &str| value(name).is_some();
    let is_copy = head.to_ascii_lowercase().contains("\r\nx-oss-copy-source:");
    let api = match method {
        "HEAD" => "HeadObject",
        "GET" if has("list-type") => "ListObjectsV2",
        "GET" if has("location") => "GetBucketLocation",
        "GET" if has("uploads") => "ListMultipartUploads",
        "GET" if has("bucketInfo") => "GetBucketInfo",
        "GET" if has("symlink") => "GetSymlink",
        "GET" if has("tagging") => "GetObjectTagging",
        "GET" if has("uploadId") => "ListParts",
        "GET" if key.is_empty() => "ListBuckets",
        "GET" => "GetObject",
        "PUT" if has("symlink") => "PutSymlink",
        "PUT" if has("uploadId") && is_copy => "UploadPartCopy",
        "PUT" if has("uploadId") => "UploadPart",
        "PUT" if is_copy => "CopyObject",
        "PUT" => "PutObject",
        "POST" if has("append") => "AppendObject",
        "POST" if has("uploads") => "InitiateMultipartUpload",
        "POST" if has("uploadId") => "CompleteMultipartUpload",
        "POST" if has("delete") => "DeleteObjects",
        "POST" if has("restore") => "RestoreObject",
        "POST" if has("x-oss-rename") => "Rename",
        "DELETE" if has("uploadId") => "AbortMultipartUpload",
        "DELETE" => "DeleteObject",
        other => panic!("what is {other} {target}?"),
    };
    let key = if matches!(api, "ListObjectsV2" | "ListMultipartUploads") {
        value("prefix").unwrap_or_default()
    } else {
        key
    };
    Seen {
        api,
        key: ossftp_oss::encode::decode(key).unwrap(),
        head: head.to_owned(),
    }
}
