//! XML, as little as OSS needs: writing answers, reading the bodies that clients send.

use roxmltree::{Document, ParsingOptions};
use std::fmt::Write as _;

/// An XML document being written.
#[derive(Debug)]
pub(super) struct Xml {
    out: String,
    open: Vec<&'static str>,
}

impl Xml {
    /// Begins a document with this root.
    pub(super) fn document(root: &'static str) -> Self {
        let mut xml = Self {
            out: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"),
            open: Vec::new(),
        };
        xml.open(root);
        xml
    }

    /// Begins an element.
    pub(super) fn open(&mut self, name: &'static str) {
        let _ = write!(self.out, "<{name}>");
        self.open.push(name);
    }

    /// Ends the innermost element.
    pub(super) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            let _ = write!(self.out, "</{name}>");
        }
    }

    /// An element with a text.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        let _ = write!(self.out, "<{name}>");
        escape(text, &mut self.out);
        let _ = write!(self.out, "</{name}>");
    }

    /// The owner of everything here.
    pub(super) fn owner(&mut self) {
        self.open("Owner");
        self.text("ID", super::OWNER);
        self.text("DisplayName", super::OWNER);
        self.close();
    }

    /// Ends all elements.
    pub(super) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.out
    }
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' => out.push(c),
            // XML 1.0 has no way to carry these; OSS writes references all the same. `encoding-type=url` avoids it.
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "&#x{:02X};", c as u32);
            }
            c => out.push(c),
        }
    }
}

/// The body of DeleteMultipleObjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DeleteRequest {
    /// Answer without a body.
    pub(super) quiet: bool,
    pub(super) keys: Vec<String>,
}

/// Reads the body of DeleteMultipleObjects; `None` if it is not one.
pub(super) fn parse_delete(body: &[u8]) -> Option<DeleteRequest> {
    let text = hide_controls(std::str::from_utf8(body).ok()?);
    let document = parse(&text)?;
    let root = document.root_element();
    if root.tag_name().name() != "Delete" {
        return None;
    }
    let mut request = DeleteRequest {
        quiet: false,
        keys: Vec::new(),
    };
    for node in root.children().filter(roxmltree::Node::is_element) {
        match node.tag_name().name() {
            "Quiet" => request.quiet = node.text()?.trim().eq_ignore_ascii_case("true"),
            "Object" => {
                let key = node
                    .children()
                    .find(|child| child.tag_name().name() == "Key")?;
                request
                    .keys
                    .push(show_controls(key.text().unwrap_or_default()));
            }
            _ => return None,
        }
    }
    Some(request)
}

/// Reads the body of CompleteMultipartUpload: numbers and ETags without quotes, in the order given.
pub(super) fn parse_complete(body: &[u8]) -> Option<Vec<(u16, String)>> {
    let document = parse(std::str::from_utf8(body).ok()?)?;
    let root = document.root_element();
    if root.tag_name().name() != "CompleteMultipartUpload" {
        return None;
    }
    let mut parts = Vec::new();
    for node in root
        .children()
        .filter(|node| node.tag_name().name() == "Part")
    {
        let text = |name: &str| {
            node.children()
                .find(|child| child.tag_name().name() == name)?
                .text()
        };
        let number = text("PartNumber")?.trim().parse().ok()?;
        parts.push((number, text("ETag")?.trim().trim_matches('"').to_owned()));
    }
    Some(parts)
}

/// The text of the first child of this name, trimmed.
fn child_text(node: roxmltree::Node<'_, '_>, name: &str) -> Option<String> {
    let child = node
        .children()
        .find(|child| child.tag_name().name() == name)?;
    Some(child.text().unwrap_or_default().trim().to_owned())
}

/// Reads the body of PutObjectTagging: keys and values in order.
pub(super) fn parse_tagging(body: &[u8]) -> Option<Vec<(String, String)>> {
    let document = parse(std::str::from_utf8(body).ok()?)?;
    let root = document.root_element();
    if root.tag_name().name() != "Tagging" {
        return None;
    }
    let set = root
        .children()
        .find(|child| child.tag_name().name() == "TagSet")?;
    set.children()
        .filter(roxmltree::Node::is_element)
        .map(|tag| {
            let value = child_text(tag, "Value").unwrap_or_default();
            Some((child_text(tag, "Key")?, value))
        })
        .collect()
}

/// The body of RestoreObject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RestoreRequest {
    /// How long the object is to be readable.
    pub(super) days: u32,
    /// `Expedited`, `Standard` or `Bulk`.
    pub(super) tier: Option<String>,
}

/// Reads the body of RestoreObject; an empty one is for one day.
pub(super) fn parse_restore(body: &[u8]) -> Option<RestoreRequest> {
    let mut request = RestoreRequest {
        days: 1,
        tier: None,
    };
    if body.is_empty() {
        return Some(request);
    }
    let document = parse(std::str::from_utf8(body).ok()?)?;
    let root = document.root_element();
    if root.tag_name().name() != "RestoreRequest" {
        return None;
    }
    request.days = child_text(root, "Days")?.parse().ok()?;
    request.tier = root
        .children()
        .find(|child| child.tag_name().name() == "JobParameters")
        .and_then(|parameters| child_text(parameters, "Tier"));
    Some(request)
}

/// Reads the body of PutBucket: the name of the storage class, if there is one.
pub(super) fn parse_bucket(body: &[u8]) -> Option<Option<String>> {
    let document = parse(std::str::from_utf8(body).ok()?)?;
    let root = document.root_element();
    let known = root.tag_name().name() == "CreateBucketConfiguration";
    known.then(|| child_text(root, "StorageClass"))
}

fn parse(text: &str) -> Option<Document<'_>> {
    let limits = ParsingOptions {
        allow_dtd: false,
        nodes_limit: 100_000,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, limits).ok()
}

/// Clients write control characters in keys as references that XML 1.0 forbids, and the parser refuses them. They
/// travel through it as noncharacters (U+FDD0 and up), which no key has reason to hold.
fn hide_controls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("&#") {
        let (before, reference) = rest.split_at(at);
        out.push_str(before);
        let end = reference.find(';').filter(|&end| end <= 8);
        let code = end.and_then(|end| {
            let digits = reference.get(2..end)?;
            match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => digits.parse().ok(),
            }
        });
        match (
            end,
            code.filter(|&code| code < 0x20)
                .and_then(|code| char::from_u32(0xFDD0 + code)),
        ) {
            (Some(end), Some(stand_in)) => {
                out.push(stand_in);
                rest = reference.get(end + 1..).unwrap_or_default();
            }
            _ => {
                out.push_str("&#");
                rest = reference.get(2..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

fn show_controls(text: &str) -> String {
    text.chars()
        .map(|c| match c as u32 {
            code @ 0xFDD0..=0xFDEF => char::from_u32(code - 0xFDD0).unwrap_or(c),
            _ => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_delete_with_odd_keys() {
        let body = "<?xml version=\"1.0\"?>\n<Delete xmlns=\"x\"><Quiet>true</Quiet><Object><Key>a&amp;b &lt;中&gt;</Key>\
                    </Object><Object><Key>&#x01;c&#10;&#65;</Key></Object></Delete>";
        let request = parse_delete(body.as_bytes()).unwrap();
        assert!(request.quiet);
        assert_eq!(request.keys, ["a&b <中>", "\u{1}c\nA"]);
        assert_eq!(parse_delete(b"<Other/>"), None);
        assert_eq!(parse_delete(b"<Delete><Object>"), None);
        assert_eq!(
            parse_delete(b"<!DOCTYPE x [<!ENTITY a 'b'>]><Delete/>"),
            None
        );
    }

    #[test]
    fn reads_a_part_list() {
        let body = "<CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>\"AB\"</ETag></Part>\
                    <Part><PartNumber> 3 </PartNumber><ETag>cd</ETag></Part></CompleteMultipartUpload>";
        assert_eq!(
            parse_complete(body.as_bytes()).unwrap(),
            [(2, "AB".to_owned()), (3, "cd".to_owned())]
        );
        assert_eq!(
            parse_complete(b"<CompleteMultipartUpload><Part/></CompleteMultipartUpload>"),
            None
        );
        assert_eq!(parse_complete(b""), None);
    }

    #[test]
    fn reads_tags_restores_and_classes() {
        let body = b"<Tagging><TagSet>\n<Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value/></Tag></TagSet></Tagging>";
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            parse_tagging(body).unwrap(),
            [pair("a", "1"), pair("b", "")]
        );
        assert_eq!(parse_tagging(b"<Tagging/>"), None);
        assert_eq!(
            parse_tagging(b"<Tagging><TagSet><Tag/></TagSet></Tagging>"),
            None
        );

        assert_eq!(parse_restore(b"").unwrap().days, 1);
        let body = b"<RestoreRequest><Days>3</Days><JobParameters><Tier>Bulk</Tier></JobParameters></RestoreRequest>";
        let request = parse_restore(body).unwrap();
        assert_eq!((request.days, request.tier.as_deref()), (3, Some("Bulk")));
        assert_eq!(parse_restore(b"<RestoreRequest/>"), None);
        assert_eq!(parse_restore(b"<Days>3</Days>"), None);

        let body = b"<CreateBucketConfiguration><StorageClass>IA</StorageClass></CreateBucketConfiguration>";
        assert_eq!(parse_bucket(body), Some(Some("IA".to_owned())));
        assert_eq!(parse_bucket(b"<CreateBucketConfiguration/>"), Some(None));
        assert_eq!(parse_bucket(b"<Other/>"), None);
    }

    #[test]
    fn writes_nested_and_escaped() {
        let mut xml = Xml::document("A");
        xml.open("B");
        xml.text("C", "<&\u{1}\"");
        let expected = "<A><B><C>&lt;&amp;&#x01;&quot;</C></B></A>";
        assert!(xml.finish().ends_with(expected));
    }
}
