//! What the parser does not bound by itself.
//!
//! Decides how many attributes an element may have and how many namespace prefixes an answer may declare. The parser
//! compares every attribute with all others of its element, and keeps for every element that declares a prefix a list
//! of all prefixes in scope: an answer of 100 KB made for it takes a minute, one of 1 MB gigabytes. OSS writes no attribute but
//! one `xmlns`.

/// The most attributes of one element.
const MAX_ATTRIBUTES: usize = 32;
/// The most declarations of a namespace prefix in one answer.
const MAX_PREFIXES: usize = 32;

/// Whether the parser can take `text` without undue work. What is not well-formed may pass: it is the parser's to
/// refuse.
pub(super) fn hold(text: &str) -> bool {
    let mut prefixes = 0;
    let mut rest = text;
    while let Some((_, markup)) = rest.split_once('<') {
        let past = |start: &str, end: &str| markup.strip_prefix(start).map(|m| after(m, end));
        let skipped = past("!--", "-->")
            .or_else(|| past("![CDATA[", "]]>"))
            .or_else(|| past("?", "?>"));
        rest = match skipped {
            Some(rest) => rest,
            None => match tag(markup, &mut prefixes) {
                Some(rest) => rest,
                None => return false,
            },
        };
    }
    true
}

/// What follows the first `end`; nothing if there is none.
fn after<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

/// What follows a tag; `None` if it has too many attributes.
fn tag<'a>(markup: &'a str, prefixes: &mut usize) -> Option<&'a str> {
    let mut rest = markup;
    let mut attributes = 0;
    while let Some(at) = rest.find(['>', '"', '\'']) {
        let (before, quoted) = rest.split_at(at);
        let mut chars = quoted.chars();
        let mark = chars.next()?;
        rest = chars.as_str();
        if mark == '>' {
            return Some(rest);
        }
        attributes += 1;
        *prefixes += usize::from(before.contains("xmlns:"));
        if attributes > MAX_ATTRIBUTES || *prefixes > MAX_PREFIXES {
            return None;
        }
        rest = after(rest, if mark == '"' { "\"" } else { "'" });
    }
    Some("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_oss_pass() {
        assert!(hold(
            "<?xml version=\"1.0\"?>\n<A xmlns='http://doc.oss-cn-hangzhou.aliyuncs.com'><B>a=\"b\"</B></A>"
        ));
        assert!(hold(&format!(
            "<A>{}</A>",
            "<B c='d' e=\">\"/>".repeat(100)
        )));
        assert!(hold(""));
        assert!(hold("<"));
    }

    #[test]
    fn quotes_elsewhere_hide_nothing() {
        let many = format!("<A {}/>", "x='>' ".repeat(MAX_ATTRIBUTES + 1));
        for before in [
            "",
            "<!-- <a \" ' -->",
            "<![CDATA[<a ']]>",
            "<?a '?>",
            "<B>'\"</B>",
            "<B c='\"'/>",
            "<B c=\"'\"/>",
        ] {
            assert!(!hold(&format!("{before}{many}")), "{before}");
            assert!(hold(&format!("{before}<A/>")), "{before}");
        }
    }

    #[test]
    fn prefixes_count_in_the_whole_answer() {
        let declare = |count: usize| "<a xmlns:b = 'c' xmlns='d'>".repeat(count);
        assert!(hold(&declare(MAX_PREFIXES)));
        assert!(!hold(&declare(MAX_PREFIXES + 1)));
    }
}
