//! A small HTTP client that sends exactly what it is told, and signs with `ossftp_oss`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ossftp::devstore::{Config, Server};
use ossftp_oss::sign::{self, Credentials, v1, v4};
use ossftp_oss::{encode, time};

pub(crate) const ID: &str = "test-id";
pub(crate) const SECRET: &str = "test-secret";
pub(crate) const BUCKET: &str = "test-bucket";

pub(crate) type Pairs = Vec<(String, Option<String>)>;

/// A store in `dir` with one key and one bucket.
pub(crate) fn config(dir: &std::path::Path) -> Config {
    let mut config = Config::new(dir);
    config.credentials = vec![(ID.into(), SECRET.into())];
    config.buckets = vec![BUCKET.into()];
    config
}

pub(crate) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of the first element of this name.
    pub(crate) fn element(&self, name: &str) -> Option<String> {
        let text = self.text();
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once(&format!("</{name}>"))?;
        Some(value.to_owned())
    }

    /// All texts of the elements of this name.
    pub(crate) fn elements(&self, name: &str) -> Vec<String> {
        let text = self.text();
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        text.split(&open)
            .skip(1)
            .filter_map(|rest| rest.split_once(&close))
            .map(|(value, _)| value.to_owned())
            .collect()
    }

    /// The code of an error, wherever it stands.
    pub(crate) fn code(&self) -> Option<String> {
        self.element("Code")
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {:?}", self.text(), self.headers);
        self
    }

    #[track_caller]
    pub(crate) fn fails(self, status: u16, code: &str) -> Self {
        let found = self.code();
        assert_eq!(
            (self.status, found.as_deref()),
            (status, Some(code)),
            "{}",
            self.text()
        );
        self
    }
}

/// A request in the making.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) query: Pairs,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) at: i64,
    pub(crate) region: String,
    pub(crate) v1: bool,
}

impl Call {
    /// A call of the bucket, or of one of its objects.
    pub(crate) fn new(method: &str, key: &str) -> Self {
        Self {
            method: method.into(),
            bucket: Some(BUCKET.into()),
            key: (!key.is_empty()).then(|| key.into()),
            query: Pairs::new(),
            headers: Vec::new(),
            body: Vec::new(),
            id: ID.into(),
            secret: SECRET.into(),
            at: now(),
            region: "cn-hangzhou".into(),
            v1: false,
        }
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.into(), Some(value.into())));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    /// The path with the key encoded as SDKs do.
    pub(crate) fn path(&self) -> String {
        match (&self.bucket, &self.key) {
            (None, _) => "/".into(),
            (Some(bucket), key) => {
                format!("/{bucket}/{}", encode::path(key.as_deref().unwrap_or("")))
            }
        }
    }

    fn request(&self) -> sign::Request<'_> {
        sign::Request {
            method: &self.method,
            bucket: self.bucket.as_deref(),
            key: self.key.as_deref(),
            query: &self.query,
            headers: &self.headers,
        }
    }

    /// Adds the headers of the signature.
    pub(crate) fn sign(mut self) -> Self {
        let credentials = Credentials::new(self.id.as_str(), self.secret.as_str());
        let authorization = if self.v1 {
            self.headers
                .push(("Date".into(), time::format_http(self.at)));
            v1::sign(&self.request(), &credentials, &time::format_http(self.at)).authorization
        } else {
            let timestamp = time::format_basic(self.at);
            self.headers.extend(v4::headers(&credentials, &timestamp));
            let scope = v4::Scope {
                timestamp: &timestamp,
                region: &self.region,
                product: "oss",
            };
            v4::sign(&self.request(), &credentials, &scope, &[]).authorization
        };
        self.headers.push(("Authorization".into(), authorization));
        self
    }

    /// Puts the signature into the URL instead.
    pub(crate) fn presign(mut self, lifetime: i64) -> Self {
        let credentials = Credentials::new(self.id.as_str(), self.secret.as_str());
        self.query = if self.v1 {
            v1::presign(&self.request(), &credentials, self.at + lifetime).query
        } else {
            let timestamp = time::format_basic(self.at);
            let scope = v4::Scope {
                timestamp: &timestamp,
                region: &self.region,
                product: "oss",
            };
            v4::presign(&self.request(), &credentials, &scope, lifetime as u32, &[]).query
        };
        self
    }

    /// The bytes of the request up to the body, with `path` and `host` as given.
    pub(crate) fn head(&self, path: &str, host: &str) -> String {
        let query = encode::query(&self.query);
        let mark = if query.is_empty() { "" } else { "?" };
        let mut head = format!(
            "{} {path}{mark}{query} HTTP/1.1\r\nHost: {host}\r\n",
            self.method
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        head
    }
}

/// A connection.
pub(crate) struct Connection {
    pub(crate) reader: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self {
            reader: BufReader::new(stream),
            host: address.to_string(),
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
    }

    /// Signs, sends and reads the answer.
    pub(crate) fn call(&mut self, call: Call) -> Answer {
        let call = call.sign();
        self.send(&call)
    }

    /// Sends a call as it is.
    pub(crate) fn send(&mut self, call: &Call) -> Answer {
        let head = call.head(&call.path(), &self.host);
        self.write(head.as_bytes());
        self.write(&call.body);
        self.answer(&call.method)
    }

    /// Reads the status line and the headers; the body is left.
    pub(crate) fn answer_head(&mut self) -> std::io::Result<Answer> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Ok(Answer {
            status,
            headers,
            body: Vec::new(),
        })
    }

    pub(crate) fn try_answer(&mut self, method: &str) -> std::io::Result<Answer> {
        let mut answer = self.answer_head()?;
        let length: usize = answer
            .header("content-length")
            .map_or(0, |text| text.parse().unwrap());
        if method != "HEAD" {
            answer.body = vec![0; length];
            self.reader.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }

    pub(crate) fn answer(&mut self, method: &str) -> Answer {
        self.try_answer(method).unwrap()
    }

    /// Whether the server has closed.
    pub(crate) fn at_end(&mut self) -> bool {
        matches!(self.reader.fill_buf(), Ok([]) | Err(_))
    }
}

/// Signs, sends and reads, over a connection of its own.
pub(crate) fn call(server: &Server, call: Call) -> Answer {
    Connection::open(server.local_addr()).call(call)
}

pub(crate) fn put(server: &Server, key: &str, body: &[u8]) -> Answer {
    call(server, Call::new("PUT", key).body(body)).expect(200)
}

pub(crate) fn get(server: &Server, key: &str) -> Answer {
    call(server, Call::new("GET", key))
}

/// Bytes that differ from place to place and from seed to seed.
pub(crate) fn data(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(len);
    out
}

/// Waits until `dir/data` has this many files: segments, visible or not. A file goes with its last reader, which may
/// be a moment after that reader's client has everything.
#[track_caller]
pub(crate) fn expect_segments(dir: &std::path::Path, expected: usize) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let found: usize = std::fs::read_dir(dir.join("data"))
            .unwrap()
            .map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count())
            .sum();
        if found == expected {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{found} segment files, not {expected}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}
