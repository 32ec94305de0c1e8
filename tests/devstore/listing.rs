//! Listings against a plain model: every prefix, delimiter and page size gives what a sorted set gives.

use std::collections::BTreeSet;

use ossftp::devstore::Server;

use crate::client::{Call, Connection, call, config};

/// What a listing should say: entries in order, common prefixes marked.
fn model(keys: &BTreeSet<&str>, prefix: &str, delimiter: &str) -> Vec<(bool, String)> {
    let mut out: Vec<(bool, String)> = Vec::new();
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        let rest = &key[prefix.len()..];
        let entry = match rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(at) => (true, format!("{prefix}{}", &rest[..at + delimiter.len()])),
            None => (false, (*key).to_owned()),
        };
        if out.last() != Some(&entry) {
            out.push(entry);
        }
    }
    out
}

fn decoded(texts: Vec<String>) -> Vec<String> {
    texts
        .iter()
        .map(|text| ossftp_oss::encode::decode(text).unwrap())
        .collect()
}

/// All pages of one listing.
fn listed(
    connection: &mut Connection,
    v2: bool,
    prefix: &str,
    delimiter: &str,
    max: usize,
) -> Vec<(bool, String)> {
    let mut out = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let mut request = Call::new("GET", "")
            .query("prefix", prefix)
            .query("delimiter", delimiter)
            .query("encoding-type", "url")
            .query("max-keys", &max.to_string());
        if v2 {
            request = request.query("list-type", "2");
        }
        if let Some(next) = &next {
            request = request.query(if v2 { "continuation-token" } else { "marker" }, next);
        }
        let answer = connection.call(request).expect(200);
        let prefixes: Vec<String> = answer
            .text()
            .split("<CommonPrefixes>")
            .skip(1)
            .filter_map(|rest| {
                rest.strip_prefix("<Prefix>")?
                    .split("</Prefix>")
                    .next()
                    .map(str::to_owned)
            })
            .collect();
        let mut page: Vec<(bool, String)> = decoded(prefixes)
            .into_iter()
            .map(|prefix| (true, prefix))
            .collect();
        page.extend(
            decoded(answer.elements("Key"))
                .into_iter()
                .map(|key| (false, key)),
        );
        page.sort_by(|a, b| a.1.cmp(&b.1));
        assert!(page.len() <= max);
        if v2 {
            assert_eq!(answer.element("KeyCount").unwrap(), page.len().to_string());
        }
        out.extend(page);
        if answer.element("IsTruncated").as_deref() != Some("true") {
            return out;
        }
        let name = if v2 {
            "NextContinuationToken"
        } else {
            "NextMarker"
        };
        next = decoded(answer.elements(name)).pop();
        assert!(next.is_some());
    }
}

#[test]
fn pages_add_up_to_the_sorted_set() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    let mut connection = Connection::open(server.local_addr());
    let keys: BTreeSet<&str> = [
        "a",
        "a/",
        "a/b",
        "a/b/c",
        "a/b/d",
        "a//b",
        "a/../b",
        "a0",
        "a\u{1}b",
        "b/1",
        "b/2",
        "b/3/",
        "b/3/x",
        "c d",
        "c+d",
        "中/一",
        "中/二",
        "中",
        "\u{10FFFF}/x",
        "\u{10FFFF}\u{10FFFF}",
        "z",
    ]
    .into();
    for key in &keys {
        connection.call(Call::new("PUT", key)).expect(200);
    }
    for prefix in ["", "a", "a/", "a/b", "b/3/", "中", "nothing", "\u{10FFFF}"] {
        for delimiter in ["", "/", "b", "//"] {
            let expected = model(&keys, prefix, delimiter);
            for max in [1, 2, 3, 1000] {
                for v2 in [false, true] {
                    let found = listed(&mut connection, v2, prefix, delimiter, max);
                    assert_eq!(found, expected, "{prefix:?} {delimiter:?} {max} {v2}");
                }
            }
        }
    }
}

#[test]
fn start_after_takes_any_text() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).unwrap();
    for key in ["a/1", "a/2", "b"] {
        call(&server, Call::new("PUT", key)).expect(200);
    }
    let after = |start: &str, delimiter: &str| {
        let request = Call::new("GET", "")
            .query("list-type", "2")
            .query("start-after", start)
            .query("delimiter", delimiter);
        let answer = call(&server, request).expect(200);
        (
            answer.elements("Key"),
            answer.text().matches("<CommonPrefixes>").count(),
        )
    };
    assert_eq!(after("a/1", ""), (vec!["a/2".into(), "b".into()], 0));
    assert_eq!(after("a/1", "/"), (vec!["b".into()], 1));
    assert_eq!(after("a/", "/"), (vec!["b".into()], 0));
    assert_eq!(after("a", "/"), (vec!["b".into()], 1));
    assert_eq!(after("zzz", ""), (vec![], 0));
    for (name, value) in [
        ("max-keys", "0"),
        ("max-keys", "1001"),
        ("max-keys", "x"),
        ("encoding-type", "utf"),
        ("continuation-token", "*"),
    ] {
        call(
            &server,
            Call::new("GET", "")
                .query("list-type", "2")
                .query(name, value),
        )
        .fails(400, "InvalidArgument");
    }
}
