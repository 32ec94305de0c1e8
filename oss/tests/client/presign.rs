//! Signed URLs, verified the way a server does.

use ossftp_oss::{AddressStyle, PresignedUrl};

use super::*;

fn client(version: SignatureVersion) -> Client {
    let endpoint = Endpoint::parse("oss-cn-hangzhou.aliyuncs.com").unwrap();
    let credentials = Credentials::new("testid", SECRET).with_token("the-secret-token+/=");
    let mut config = ClientConfig::new(endpoint, credentials);
    config.signature = version;
    config.additional_headers = vec!["host".to_owned(), "range".to_owned()];
    Client::new(config).unwrap()
}

/// Path and query of the URL, behind this scheme and host.
fn parts(url: &PresignedUrl, host: &str) -> (String, Vec<(String, Option<String>)>) {
    let rest = url
        .url
        .strip_prefix(&format!("https://{host}"))
        .expect("the host");
    let request = Request {
        connection: 0,
        line: format!("GET {rest} HTTP/1.1"),
        headers: Vec::new(),
        body: Vec::new(),
    };
    target(&request)
}

/// The value of a parameter, which is taken out.
fn take(query: &mut Vec<(String, Option<String>)>, name: &str) -> String {
    let at = query
        .iter()
        .position(|(other, _)| other == name)
        .expect(name);
    query.remove(at).1.expect("a value")
}

fn wanted() -> Presign {
    Presign {
        method: "PUT".to_owned(),
        lifetime: Duration::from_secs(90),
        headers: vec![
            ("Content-Type".to_owned(), "text/plain".to_owned()),
            ("x-oss-meta-a".to_owned(), "b c".to_owned()),
            ("Range".to_owned(), "bytes=0-".to_owned()),
        ],
        query: vec![(
            "x-oss-process".to_owned(),
            Some("image/resize,w_1".to_owned()),
        )],
    }
}

const KEY: &str = "目录/../a b+%2F?.txt";

#[test]
fn v4() {
    let bucket = client(SignatureVersion::V4).bucket("examplebucket");
    let host = "examplebucket.oss-cn-hangzhou.aliyuncs.com";
    let url = bucket.presign(KEY, &wanted()).unwrap();
    assert_eq!(url.headers, wanted().headers);
    let (path, mut query) = parts(&url, host);
    assert_eq!(encode::decode(&path).unwrap(), format!("/{KEY}"));
    let claimed = v4::Authorization::from_query(&query).unwrap();
    assert_eq!(claimed.access_key_id, "testid");
    assert_eq!(
        (claimed.region.as_str(), claimed.product.as_str()),
        ("cn-hangzhou", "oss")
    );
    assert_eq!(claimed.additional_headers, ["host", "range"]);
    let signature = take(&mut query, "x-oss-signature");
    let get = |name: &str| {
        let found = query.iter().find(|(other, _)| other == name);
        found.and_then(|(_, value)| value.clone()).expect(name)
    };
    assert_eq!(get("x-oss-expires"), "90");
    assert_eq!(get("x-oss-security-token"), "the-secret-token+/=");
    let timestamp = get("x-oss-date");
    let signed_at = ossftp_oss::time::parse_basic(&timestamp).unwrap();
    assert_eq!(url.expires, signed_at + 90);
    // What the server gets, from whoever uses the URL.
    let mut headers = url.headers.clone();
    headers.push(("Host".to_owned(), host.to_owned()));
    headers.push(("User-Agent".to_owned(), "anything".to_owned()));
    let described = sign::Request {
        method: &url.method,
        bucket: Some("examplebucket"),
        key: Some(KEY),
        query: &query,
        headers: &headers,
    };
    let scope = v4::Scope {
        timestamp: &timestamp,
        region: "cn-hangzhou",
        product: "oss",
    };
    let canonical = v4::canonical_request(&described, &claimed.additional_headers);
    let expected = v4::signature(SECRET, &scope, &v4::string_to_sign(&scope, &canonical));
    assert_eq!(signature, expected);
}

#[test]
fn v1() {
    let bucket = client(SignatureVersion::V1).bucket("examplebucket");
    let url = bucket.presign(KEY, &wanted()).unwrap();
    let (_, mut query) = parts(&url, "examplebucket.oss-cn-hangzhou.aliyuncs.com");
    assert_eq!(take(&mut query, "OSSAccessKeyId"), "testid");
    let expires = take(&mut query, "Expires");
    assert_eq!(expires, url.expires.to_string());
    let signature = take(&mut query, "Signature");
    let described = sign::Request {
        method: "PUT",
        bucket: Some("examplebucket"),
        key: Some(KEY),
        query: &query,
        headers: &url.headers,
    };
    let expected = v1::signature(SECRET, &v1::string_to_sign(&described, &expires));
    assert_eq!(signature, expected);
    assert!(query.iter().any(|(name, _)| name == "security-token"));
}

#[test]
fn a_domain_of_ones_own_stands_alone() {
    let domain = Endpoint::parse("files.example.com").unwrap();
    let domain = domain.with_style(AddressStyle::Cname);
    let client = client(SignatureVersion::V4)
        .with_endpoint(domain, Some("cn-hangzhou".to_owned()))
        .unwrap();
    let url = client
        .bucket("examplebucket")
        .presign("k", &Presign::default());
    assert!(
        url.unwrap()
            .url
            .starts_with("https://files.example.com/k?x-oss-")
    );
}

#[test]
fn what_can_be_no_url_is_refused() {
    let bucket = client(SignatureVersion::V4).bucket("examplebucket");
    let change = |change: fn(&mut Presign)| {
        let mut presign = wanted();
        change(&mut presign);
        presign
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut bad_headers = wanted();
    bad_headers.headers.push(pair("a\r\nb", "c"));
    let mut bad_values = wanted();
    bad_values.headers.push(pair("a", "b\r\nc: d"));
    for presign in [
        bad_headers,
        bad_values,
        change(|p| p.method = "get".to_owned()),
        change(|p| p.lifetime = Duration::from_millis(999)),
        change(|p| p.lifetime = Duration::from_secs(604_801)),
        change(|p| {
            p.query
                .push(("x-oss-expires".to_owned(), Some("1".to_owned())));
        }),
        change(|p| p.query.push((String::new(), None))),
    ] {
        let failed = bucket.presign("k", &presign).unwrap_err();
        assert!(matches!(failed, Error::Invalid(_)), "{presign:?}");
    }
    assert!(bucket.presign("", &wanted()).is_err());
    let long = change(|p| p.lifetime = Duration::from_secs(604_800));
    assert!(bucket.presign("k", &long).is_ok());
    let long = change(|p| p.lifetime = Duration::from_secs(10_000_000));
    let old = client(SignatureVersion::V1).bucket("examplebucket");
    assert!(old.presign("k", &long).is_ok());
}

#[test]
fn a_url_is_not_shown() {
    let bucket = client(SignatureVersion::V4).bucket("examplebucket");
    let shown = format!("{:?}", bucket.presign("k", &wanted()).unwrap());
    assert!(
        shown.contains("aliyuncs.com/k?..") && !shown.contains("x-oss-signature"),
        "{shown}"
    );
}
