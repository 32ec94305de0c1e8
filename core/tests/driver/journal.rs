//! What a session has to say, in the log.

use log::{Level, LevelFilter, Log, Metadata, Record};
use ossftp_core::driver::log_event;
use ossftp_core::{Event, FtpPath};
use std::cell::RefCell;
use std::sync::Once;

/// Keeps the lines of each thread apart, as tests are.
struct Journal;

thread_local! {
    static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

impl Log for Journal {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = (record.level(), record.args().to_string());
        LINES.with_borrow_mut(|lines| lines.push(line));
    }

    fn flush(&self) {}
}

/// The lines that `act` logs.
pub(crate) fn logged(act: impl FnOnce()) -> Vec<(Level, String)> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Journal).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
    LINES.take();
    act();
    LINES.take()
}

#[test]
fn commands_and_replies_are_details() {
    let lines = logged(|| {
        log_event(7, &Event::Command("PASS ***".into()));
        log_event(7, &Event::Reply("230 Hi".into()));
        log_event(
            8,
            &Event::LoginFailed {
                user: "demo".into(),
                reason: "Login incorrect.".into(),
            },
        );
        log_event(8, &Event::Closing("the client has gone"));
    });
    let expected = [
        (Level::Debug, "[7] > PASS ***"),
        (Level::Debug, "[7] < 230 Hi"),
        (Level::Info, "[8] login of demo refused: Login incorrect."),
        (Level::Info, "[8] closing: the client has gone"),
    ];
    let lines = lines.iter().map(|(level, line)| (*level, line.as_str()));
    assert!(lines.eq(expected));
}

#[test]
fn each_event_is_one_line() {
    let user = || String::from("demo");
    let transfer = Event::Transfer {
        verb: "STOR",
        path: FtpPath::root().join(b"a b").unwrap(),
        bytes: 12,
        code: 226,
    };
    for (event, line) in [
        (Event::LoggedIn { user: user() }, "demo logged in"),
        (Event::TlsUp, "TLS is up"),
        (Event::TlsDown, "TLS was given up, as CCC asks for"),
        (transfer, "STOR /a b: 12 bytes, 226"),
    ] {
        assert!(!event.is_detail(), "{event:?}");
        assert_eq!(event.to_string(), line);
    }
}
