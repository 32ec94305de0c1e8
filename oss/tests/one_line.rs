//! What OSS, or whoever answers in its place, says ends in logs: no part of it begins a line there or steers a terminal.

use ossftp_oss::{ServiceError, xml};

#[test]
fn error_answers() {
    let body = "<Error><Code>A\nB</Code><Message>c\u{9b}2Jd\te</Message><EC>1&#x85;2</EC>\
                <HostId>f\rg</HostId><Endpoint>h\ni</Endpoint></Error>";
    let header = |name: &str| (name == "x-oss-request-id").then(|| "5C\u{7f}1B".to_owned());
    let error = ServiceError::read(403, header, body.as_bytes());
    assert_eq!(error.code, "A B");
    assert_eq!(error.message, "c 2Jd e");
    assert_eq!(error.ec, "1 2");
    assert_eq!(error.host_id.as_deref(), Some("f g"));
    assert_eq!(error.endpoint.as_deref(), Some("h i"));
    assert_eq!(error.request_id, "5C 1B");
    assert!(!error.to_string().contains(char::is_control), "{error}");
}

#[test]
fn what_cannot_be_read() {
    for body in [
        "<A>\u{1}</A>",
        "<A \n=''>",
        "<A></\u{9b}>",
        "<LocationConstraint b='\u{9b}' b='c'/>",
    ] {
        let error = xml::bucket_location(body.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(!error.contains(char::is_control), "{error:?}");
    }
}
