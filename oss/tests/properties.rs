//! The fuzz targets on made-up inputs, a few on each run: what a fuzzer looks for in hours, `cargo test` tries in
//! seconds.

use ossftp_oss::credentials::OssutilConfig;
use ossftp_oss::{Endpoint, fuzz, xml};
use proptest::prelude::*;
use std::path::Path;

/// The seeds of a target, sorted by name.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/seeds")
        .join(target);
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// A seed, of which a piece is replaced by bytes of any kind or by a piece of another seed.
fn changed_seed(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seed = proptest::sample::select(seeds(target));
    let any_bytes = proptest::collection::vec(any::<u8>(), 0..8);
    let index = any::<proptest::sample::Index>;
    (
        seed.clone(),
        index(),
        index(),
        0..40_usize,
        any_bytes,
        seed,
        any::<bool>(),
    )
        .prop_map(|(mut seed, at, from, length, bytes, other, splice)| {
            let at = at.index(seed.len() + 1);
            let end = (at + length).min(seed.len());
            let piece = if splice {
                let from = from.index(other.len() + 1);
                other[from..(from + 60).min(other.len())].to_vec()
            } else {
                bytes
            };
            seed.splice(at..end, piece);
            seed
        })
}

/// Lines of the form of `oss_sign`'s seeds, with any text in them.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let word = proptest::sample::select(vec![
        "method",
        "bucket",
        "key",
        "query",
        "query x-oss-",
        "query acl=",
        "header Content-Type:",
        "header x-oss-meta-a:",
        "header X-OSS-Meta-B:",
        "header Range:",
        "sign range",
        "id",
        "secret",
        "token",
        "at",
        "for",
        "region",
        "product",
    ]);
    let line = (
        word,
        "[ -~]{0,12}|\\PC{0,6}|(%[0-9A-F]{2}){0,6}|[0-9]{1,11}",
    )
        .prop_map(|(word, text)| format!("{word} {text}\n"));
    proptest::collection::vec(line, 0..24).prop_map(|lines| lines.concat().into_bytes())
}

/// A name as a key can have it.
fn name() -> impl Strategy<Value = String> {
    "\\PC{1,12}|[a-z/%+ &<>'\"]{1,12}|(?s:.){1,6}"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz::oss_xml(&bytes);
        fuzz::oss_sign(&bytes);
    }

    #[test]
    fn changed_answers(body in changed_seed("oss_xml")) {
        fuzz::oss_xml(&body);
    }

    #[test]
    fn changed_requests(text in changed_seed("oss_sign")) {
        fuzz::oss_sign(&text);
    }

    #[test]
    fn any_request(text in request()) {
        fuzz::oss_sign(&text);
    }

    /// Any text as an endpoint: what is taken stays what it is when it is written and read again, and its host can
    /// stand in a URL.
    #[test]
    fn any_endpoint(text in "(https?://)?(oss-|s3\\.oss-|cb-)?[a-zA-Z0-9.:_\\[\\]-]{0,24}(\\.oss|-internal|\\.oss-cloudbox)?(\\.aliyuncs\\.com)?(:[0-9]{1,6})?/?|\\PC{0,20}") {
        if let Ok(endpoint) = Endpoint::parse(&text) {
            let host = endpoint.host();
            prop_assert!(host.bytes().all(|b| b.is_ascii_graphic() && !b"/?#@\\".contains(&b)), "{host}");
            prop_assert_eq!(Endpoint::parse(&endpoint.to_string()), Ok(endpoint.clone()));
            for twin in [endpoint.public(), endpoint.internal()].into_iter().flatten() {
                prop_assert_eq!(twin.region(), endpoint.region());
            }
            let region = endpoint.region().unwrap_or("a");
            prop_assert!(region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
        }
    }

    /// Any text as the file of ossutil: it is read or refused, and a refusal shows nothing of it but a name of a mode
    /// or profile.
    #[test]
    fn any_ossutil_file(lines in proptest::collection::vec("\\[(Credentials|default|profile x)\\]|(accessKeyI[Dd]|accessKeySecret|stsToken|endpoint)[ =]{0,3}hush|\\PC{0,12}", 0..12)) {
        let text = lines.join("\n");
        for profile in [None, Some("x")] {
            match OssutilConfig::parse(&text, profile) {
                Ok(config) => {
                    let key = config.credentials.map(|key| key.access_key_secret);
                    let shown = format!("{key:?}");
                    prop_assert!(!shown.contains("hush"), "{shown}");
                }
                Err(error) => prop_assert!(!error.to_string().contains("hush"), "{error}"),
            }
        }
    }

    /// What the client writes is XML that gives the keys back, but for the control characters that XML cannot carry.
    #[test]
    fn bodies_carry_their_keys(keys in proptest::collection::vec(name(), 0..20), quiet: bool) {
        let clean = |key: &String| -> String {
            key.chars().filter(|c| !matches!(c, '\0'..'\t' | '\u{b}' | '\u{c}' | '\u{e}'..' ' | '\u{fffe}' | '\u{ffff}')).collect()
        };
        let keys: Vec<String> = keys.iter().map(clean).filter(|key| !key.is_empty()).collect();
        let body = xml::delete_objects(&keys, quiet);
        // An answer lists its keys in the same elements, but for the two outermost.
        let answer = body
            .replace("<Object>", "<Deleted>")
            .replace("</Object>", "</Deleted>")
            .replace("<Delete>", "<DeleteResult>")
            .replace("</Delete>", "</DeleteResult>");
        let read: Vec<String> = xml::delete_result(answer.as_bytes())
            .unwrap()
            .into_iter()
            .map(|deleted| deleted.key)
            .collect();
        prop_assert_eq!(read, keys);
    }
}
