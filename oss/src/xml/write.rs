//! Request bodies.

use std::fmt::Write as _;

/// The body of CompleteMultipartUpload. Parts are (number, ETag), in ascending order of their numbers.
#[must_use]
pub fn complete_multipart_upload<'a>(parts: impl IntoIterator<Item = (u32, &'a str)>) -> String {
    let mut out = String::from("<CompleteMultipartUpload>");
    for (number, etag) in parts {
        let _ = write!(out, "<Part><PartNumber>{number}</PartNumber><ETag>");
        escape(&mut out, etag);
        out.push_str("</ETag></Part>");
    }
    out.push_str("</CompleteMultipartUpload>");
    out
}

/// The body of DeleteMultipleObjects, for at most 1,000 keys. One with a character that XML 1.0 does not have
/// makes a body that other readers than OSS refuse; [`crate::Bucket::delete_objects`] sends no such key.
#[must_use]
pub fn delete_objects<S: AsRef<str>>(keys: &[S], quiet: bool) -> String {
    let mut out = format!("<Delete><Quiet>{quiet}</Quiet>");
    for key in keys {
        out.push_str("<Object><Key>");
        escape(&mut out, key.as_ref());
        out.push_str("</Key></Object>");
    }
    out.push_str("</Delete>");
    out
}

/// The body of RestoreObject: for how many days, and the tier for the cold archives.
#[must_use]
pub fn restore_request(days: u32, tier: Option<&str>) -> String {
    let mut out = format!("<RestoreRequest><Days>{days}</Days>");
    if let Some(tier) = tier {
        out.push_str("<JobParameters><Tier>");
        escape(&mut out, tier);
        out.push_str("</Tier></JobParameters>");
    }
    out.push_str("</RestoreRequest>");
    out
}

/// The body of PutObjectTagging: pairs of name and value.
#[must_use]
pub fn put_tagging<S: AsRef<str>>(tags: &[(S, S)]) -> String {
    let mut out = String::from("<Tagging><TagSet>");
    for (name, value) in tags {
        out.push_str("<Tag><Key>");
        escape(&mut out, name.as_ref());
        out.push_str("</Key><Value>");
        escape(&mut out, value.as_ref());
        out.push_str("</Value></Tag>");
    }
    out.push_str("</TagSet></Tagging>");
    out
}

/// Whether XML 1.0 can carry this character, if only as a reference (XML 1.0 section 2.2).
pub(crate) fn is_char(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Control characters become references. Most of them XML 1.0 does not allow; OSS's own SDKs write them so.
pub(crate) fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c if c.is_ascii_control() => {
                let _ = write!(out, "&#x{:02X};", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_quotes() {
        assert_eq!(
            complete_multipart_upload([(1, "\"AB\""), (3, "C")]),
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;AB&quot;</ETag></Part>\
             <Part><PartNumber>3</PartNumber><ETag>C</ETag></Part></CompleteMultipartUpload>"
        );
    }

    #[test]
    fn keys_are_escaped() {
        assert_eq!(
            delete_objects(&["a&b<c>'\"\u{1}中\n"], true),
            "<Delete><Quiet>true</Quiet><Object><Key>a&amp;b&lt;c&gt;&apos;&quot;&#x01;中&#x0A;</Key></Object></Delete>"
        );
    }

    #[test]
    fn tags_are_escaped() {
        assert_eq!(
            put_tagging(&[("a&b", "<c>"), ("d", "")]),
            "<Tagging><TagSet><Tag><Key>a&amp;b</Key><Value>&lt;c&gt;</Value></Tag>\
             <Tag><Key>d</Key><Value></Value></Tag></TagSet></Tagging>"
        );
        assert_eq!(
            put_tagging::<&str>(&[]),
            "<Tagging><TagSet></TagSet></Tagging>"
        );
    }

    #[test]
    fn restore_with_and_without_tier() {
        assert_eq!(
            restore_request(1, None),
            "<RestoreRequest><Days>1</Days></RestoreRequest>"
        );
        assert_eq!(
            restore_request(2, Some("Bulk")),
            "<RestoreRequest><Days>2</Days><JobParameters><Tier>Bulk</Tier></JobParameters></RestoreRequest>"
        );
    }
}
