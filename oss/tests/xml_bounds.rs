//! Answers that are made to cost much: they are refused, or read in the time of their length.

use ossftp_oss::xml;
use std::fmt::Write as _;

/// The text of `count` pieces, each with its number.
fn many(count: usize, piece: impl Fn(&mut String, usize)) -> String {
    let mut out = String::new();
    for number in 0..count {
        piece(&mut out, number);
    }
    out
}

/// Whether it is taken for a location, the answer of the least rules.
fn taken(body: &str) -> bool {
    xml::bucket_location(body.as_bytes()).is_ok()
}

fn location(attributes: &str, content: &str) -> String {
    format!("<LocationConstraint {attributes}>oss-cn-hangzhou{content}</LocationConstraint>")
}

#[test]
fn many_attributes() {
    assert!(taken(&location("xmlns='a' b='c'", "")));
    let attributes = many(1_000_000, |out, n| {
        let _ = write!(out, "a{n}='' ");
    });
    assert!(!taken(&location(&attributes, "")));
}

#[test]
fn many_namespaces() {
    let count = 60_000;
    let open = many(count, |out, n| {
        let _ = write!(out, "<a xmlns:b{n}='{n}'>");
    });
    assert!(!taken(&location("", &(open + &"</a>".repeat(count)))));
}

#[test]
fn deep_elements() {
    let nested = |depth: usize| location("", &("<a>".repeat(depth) + &"</a>".repeat(depth)));
    assert!(taken(&nested(400_000)));
    assert!(!taken(&nested(600_000)));
}

#[test]
fn many_nodes() {
    assert!(taken(&location("", &"<a/>".repeat(400_000))));
    assert!(!taken(&location("", &"<a/>".repeat(600_000))));
}

#[test]
fn entities() {
    let bomb = "<!DOCTYPE a [<!ENTITY a 'oss-cn-hangzhou'><!ENTITY b '&a;&a;'>]>\
                <LocationConstraint>&b;</LocationConstraint>";
    assert!(!taken(bomb));
    assert!(!taken(&location("", "&a;")));
}

#[test]
fn long_answers() {
    let padded = |length: usize| {
        let body = location("", "");
        " ".repeat(length - body.len()) + &body
    };
    assert!(taken(&padded(xml::MAX_ANSWER)));
    assert!(!taken(&padded(xml::MAX_ANSWER + 1)));
}
