//! Our signatures against those of the official Python SDKs: 1,000 made-up requests, the same on each run.
//!
//! Needs `python3` with the packages of `tests/python-sdk/requirements.txt` of the workspace, as `tests/run` installs
//! them. Without them this test fails and says so; it is never skipped.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use fastrand::Rng;
use ossftp_oss::sign::{Credentials, Request, v1, v4};
use ossftp_oss::{encode, time};
use serde_json::{Value, json};

const CASES: usize = 1000;
const SEED: u64 = 20_240_229;

type Query = Vec<(String, Option<String>)>;
type Headers = Vec<(String, String)>;

struct Case {
    v1: bool,
    url: bool,
    method: &'static str,
    bucket: Option<String>,
    key: Option<String>,
    query: Query,
    headers: Headers,
    additional: Vec<String>,
    credentials: Credentials,
    region: &'static str,
    product: &'static str,
    at: i64,
    expires: u32,
}

/// Text of one to `most` pieces, many of which need care somewhere.
fn text(rng: &mut Rng, most: usize) -> String {
    const PIECES: &[&str] = &[
        "a", "Z", "0", "-", "_", ".", "~", "/", "//", "/./", "/../", " ", "  ", "+", "%", "%20",
        "%2F", "%zz", "&", "=", "?", "#", ";", ":", "@", "!", "$", "'", "(", ")", "*", ",", "[",
        "]", "{", "}", "|", "\\", "^", "`", "\"", "<", ">", "\t", "\n", "\r", "\u{1}", "\u{7f}",
        "\u{85}", "é", "e\u{301}", "中", "文件", "😀", "\u{202e}", "\u{fffe}", "key", "log",
    ];
    (0..rng.usize(1..=most))
        .map(|_| PIECES[rng.usize(0..PIECES.len())])
        .collect()
}

fn word(rng: &mut Rng, length: usize) -> String {
    (0..length).map(|_| rng.alphanumeric()).collect()
}

/// Parameters of different names: subresources, others, and some that are nothing.
fn query(rng: &mut Rng, v1: bool) -> Query {
    const NAMES: &[&str] = &[
        "acl",
        "append",
        "bucketInfo",
        "continuation-token",
        "delete",
        "location",
        "objectMeta",
        "partNumber",
        "position",
        "response-cache-control",
        "response-content-disposition",
        "response-content-type",
        "restore",
        "stat",
        "symlink",
        "tagging",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "callback",
        "callback-var",
        "cors",
        "lifecycle",
        "logging",
        "policy",
        "referer",
        "website",
        "x-oss-process",
        "prefix",
        "delimiter",
        "marker",
        "max-keys",
        "encoding-type",
        "list-type",
        "start-after",
    ];
    let mut out = Query::new();
    for _ in 0..rng.usize(0..6) {
        // V1 signs what begins with `x-oss-` too, which these SDKs do not know.
        let name = match rng.u8(0..4) {
            0 => format!("q{}", text(rng, 3)),
            1 if !v1 => format!("x-oss-{}", word(rng, 3)),
            _ => NAMES[rng.usize(0..NAMES.len())].to_owned(),
        };
        let value = match rng.u8(0..5) {
            0 => None,
            1 => Some(String::new()),
            _ => Some(text(rng, 6)),
        };
        if !out.iter().any(|(other, _)| *other == name) {
            out.push((name, value));
        }
    }
    out
}

fn headers(rng: &mut Rng) -> Headers {
    let mut out = Headers::new();
    let mut add = |name: &str, value: String| {
        if !out
            .iter()
            .any(|(other, _): &(String, String)| other.eq_ignore_ascii_case(name))
        {
            out.push((name.to_owned(), value));
        }
    };
    for _ in 0..rng.usize(0..7) {
        let number = rng.u32(..).to_string();
        match rng.u8(0..9) {
            0 => add("Content-Type", "text/plain; charset=utf-8".to_owned()),
            1 => add("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==".to_owned()),
            2 => add("X-OSS-Meta-Number", number),
            3 => add(
                &format!("x-oss-meta-{}", word(rng, 4)),
                "a value; = ,".to_owned(),
            ),
            4 => add("x-oss-storage-class", "IA".to_owned()),
            5 => add("Range", format!("bytes=0-{number}")),
            6 => add("If-Match", format!("\"{number}\"")),
            7 => add("Content-Length", number),
            _ => add("Host", "host.example:8080".to_owned()),
        }
    }
    out
}

fn case(rng: &mut Rng) -> Case {
    let v1 = rng.bool();
    let bucket = (rng.u8(0..10) > 0).then(|| format!("b{}", word(rng, 6).to_lowercase()));
    let key = (bucket.is_some() && rng.u8(0..10) > 0).then(|| text(rng, 12));
    let mut credentials = Credentials::new(word(rng, 16), word(rng, 30));
    if rng.bool() {
        let token = format!("{}+/{}==", word(rng, 20), word(rng, 20));
        credentials = credentials.with_token(token);
    }
    let names = [
        "host",
        "Range",
        "if-match",
        "content-length",
        "Content-Type",
        "x-oss-meta-a",
    ];
    let (region, product) = match rng.u8(0..3) {
        0 => ("cn-hangzhou", "oss"),
        1 => ("us-west-1", "oss"),
        _ => ("cb-f8z7yvzgwfkl9q0h", "oss-cloudbox"),
    };
    Case {
        v1,
        url: rng.bool(),
        method: ["GET", "PUT", "POST", "HEAD", "DELETE"][rng.usize(0..5)],
        query: query(rng, v1),
        headers: headers(rng),
        additional: names
            .iter()
            .filter(|_| rng.u8(0..3) == 0)
            .map(|name| (*name).to_owned())
            .collect(),
        bucket,
        key,
        credentials,
        region,
        product,
        at: rng.i64(1_500_000_000..2_000_000_000),
        expires: rng.u32(1..604_800),
    }
}

impl Case {
    fn json(&self) -> Value {
        json!({
            "version": if self.v1 { "v1" } else { "v4" },
            "url": self.url,
            "method": self.method,
            "bucket": self.bucket,
            "key": self.key,
            "query": self.query,
            "headers": self.headers,
            "additional": self.additional,
            "id": self.credentials.access_key_id,
            "secret": self.credentials.access_key_secret.reveal(),
            "token": self.credentials.security_token.as_ref().map(|token| token.reveal()),
            "region": self.region,
            "product": self.product,
            "at": self.at,
            "expires": self.expires,
        })
    }

    fn request<'a>(&'a self, headers: &'a Headers) -> Request<'a> {
        Request {
            method: self.method,
            bucket: self.bucket.as_deref(),
            key: self.key.as_deref(),
            query: &self.query,
            headers,
        }
    }

    /// What we say: the signature, and all of the header or the parameters of the URL, as a set.
    fn signed(&self) -> (String, Vec<(String, String)>) {
        let timestamp = time::format_basic(self.at);
        let scope = v4::Scope {
            timestamp: &timestamp,
            region: self.region,
            product: self.product,
        };
        let mut headers = self.headers.clone();
        let credentials = &self.credentials;
        match (self.v1, self.url) {
            (true, true) => {
                let until = self.at + i64::from(self.expires);
                let signed = v1::presign(&self.request(&headers), credentials, until);
                (signed.signature, as_set(signed.query))
            }
            (true, false) => {
                headers.extend(v1::headers(credentials));
                let date = time::format_http(self.at);
                let signed = v1::sign(&self.request(&headers), credentials, &date);
                (signed.signature, in_header(&signed.authorization))
            }
            (false, true) => {
                let (request, wanted) = (self.request(&headers), &self.additional);
                let signed = v4::presign(&request, credentials, &scope, self.expires, wanted);
                (signed.signature, as_set(signed.query))
            }
            (false, false) => {
                headers.extend(v4::headers(credentials, &timestamp));
                let request = self.request(&headers);
                let signed = v4::sign(&request, credentials, &scope, &self.additional);
                (signed.signature, in_header(&signed.authorization))
            }
        }
    }
}

fn as_set(query: Query) -> Vec<(String, String)> {
    let mut set: Vec<_> = query
        .into_iter()
        .map(|(name, value)| (name, value.unwrap_or_default()))
        .collect();
    set.sort();
    set
}

/// The fields of an `Authorization` header. The SDKs put them in different order.
fn in_header(header: &str) -> Vec<(String, String)> {
    if let Some((id, signature)) = v1::parse_authorization(header) {
        return vec![(id.to_owned(), signature.to_owned())];
    }
    let parsed = v4::Authorization::parse(header).expect("a V4 header");
    let mut names = parsed.additional_headers;
    names.sort();
    vec![
        ("id".to_owned(), parsed.access_key_id),
        (
            "scope".to_owned(),
            format!("{}/{}/{}", parsed.day, parsed.region, parsed.product),
        ),
        ("names".to_owned(), names.join(";")),
        ("signature".to_owned(), parsed.signature),
    ]
}

/// The parameters of a URL.
fn in_url(url: &str) -> Vec<(String, String)> {
    let (_, query) = url.split_once('?').expect("parameters");
    let decode = |text: &str| encode::decode(text).expect("UTF-8");
    let mut set: Vec<_> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => (decode(name), decode(value)),
            None => (decode(pair), String::new()),
        })
        .collect();
    set.sort();
    set
}

/// Has one Python process sign all of them.
fn official(cases: &[Case]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python-sdk/sign.py");
    let hint = "python3 must be installed, with the packages of tests/python-sdk/requirements.txt: run tests/run, or \
        pip install oss2 alibabacloud-oss-v2";
    let mut python = Command::new("python3")
        .arg("-B")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect(hint);
    let input = Value::from(cases.iter().map(Case::json).collect::<Vec<_>>()).to_string();
    // What it does not read it has said why on its standard error.
    let _ = python
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_bytes());
    let output = python.wait_with_output().expect("an end");
    assert!(
        output.status.success(),
        "sign.py ended with {}: {}\n{hint}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("a JSON list")
}

#[test]
fn a_thousand_requests_are_signed_as_the_sdks_sign_them() {
    let mut rng = Rng::with_seed(SEED);
    let cases: Vec<Case> = (0..CASES).map(|_| case(&mut rng)).collect();
    let answers = official(&cases);
    assert_eq!(answers.len(), CASES);
    // By SDK, version and place.
    let mut compared = std::collections::BTreeMap::new();
    for (number, (case, answer)) in cases.iter().zip(&answers).enumerate() {
        let (signature, ours) = case.signed();
        for sdk in ["oss2", "v2"] {
            let Some(theirs) = answer[sdk].as_str() else {
                continue;
            };
            let theirs = if case.url {
                in_url(theirs)
            } else {
                in_header(theirs)
            };
            assert_eq!(theirs, ours, "case {number}, {sdk}: {}", case.json());
            assert!(
                theirs.iter().any(|(_, value)| *value == signature),
                "case {number}"
            );
            *compared.entry((sdk, case.v1, case.url)).or_insert(0) += 1;
        }
    }
    println!("(SDK, V1, URL): signatures compared: {compared:?}");
    let of = |sdk: &str| -> usize {
        let counts = compared.iter().filter(|((name, ..), _)| *name == sdk);
        counts.map(|(_, count)| *count).sum()
    };
    assert_eq!(of("oss2"), CASES, "oss2 signs every one of them");
    assert!(of("v2") >= CASES / 2, "{compared:?}");
    assert_eq!(
        compared.len(),
        8,
        "each SDK, version and place: {compared:?}"
    );
}
