//! What inputs and outputs show of themselves.

use super::*;

#[test]
fn a_mapped_address_is_an_ipv4_address() {
    let mapped = "[::ffff:192.0.2.1]:21".parse().unwrap();
    let real = "[fe80::1%3]:21".parse().unwrap();
    let peer = Peer::new(mapped, real);
    assert_eq!(peer.addr, "192.0.2.1:21".parse().unwrap());
    assert_eq!(peer.local, real);
}

#[test]
fn what_goes_in_shows_no_secrets() {
    use crate::{ErrorKind, TransferReport};
    use alloc::format;

    let id = Id(7);
    assert_eq!(id.get(), 7);
    let refused = || StorageError::new(ErrorKind::Denied, "No.");
    for (input, shown) in [
        (Input::Control(b"PASS s3cr3t\r\n"), "Control(13 bytes)"),
        (Input::ControlClosed, "ControlClosed"),
        (Input::TlsUp, "TlsUp"),
        (Input::TlsDown, "TlsDown"),
        (Input::TlsFailed, "TlsFailed"),
        (Input::Tick, "Tick"),
        (Input::Admin(Admin::Kick), "Admin(Kick)"),
        (
            Input::Listening { id, address: None },
            "Listening(Id(7), None)",
        ),
        (Input::DataConnected { id }, "DataConnected(Id(7))"),
        (
            Input::TransferProgress { id, bytes: 3 },
            "TransferProgress(Id(7), 3)",
        ),
    ] {
        assert_eq!(format!("{input:?}"), shown);
    }
    for (input, parts) in [
        (
            Input::Login {
                id,
                result: Ok(LoginInfo::new("Hi")),
            },
            ["Login(Id(7), Ok(", "Hi"],
        ),
        (
            Input::Performed {
                id,
                result: Err(refused()),
            },
            ["Performed(Id(7), Err(", "Denied"],
        ),
        (
            Input::TransferReady {
                id,
                result: Ok(Some(5)),
            },
            ["TransferReady(Id(7), Ok(", "5"],
        ),
        (
            Input::TransferEof {
                id,
                bytes: 5,
                stored: 4,
                waited: Duration::from_millis(3),
            },
            ["TransferEof(Id(7), 5", "3ms"],
        ),
        (
            Input::TransferDone {
                id,
                report: TransferReport::new(5, Err(TransferFailure::Truncated)),
            },
            ["TransferDone(Id(7), ", "Truncated"],
        ),
    ] {
        let shown = format!("{input:?}");
        assert!(shown.starts_with(parts[0]), "{shown}");
        assert!(shown.contains(parts[1]), "{shown}");
    }
}

#[test]
fn what_comes_out_shows_no_secrets() {
    let login = Output::Login {
        id: Id(7),
        user: b"demo".to_vec(),
        password: Secret::new("s3cr3t"),
        host: None,
        secure: false,
    };
    let shown = alloc::format!("{login:?}");
    let bytes = alloc::format!("{:?}", b"s3cr3t");
    assert!(
        !shown.contains("s3cr3t") && !shown.contains(&bytes),
        "{shown}"
    );
}

#[test]
fn an_event_is_a_line() {
    let event = Event::Transfer {
        verb: "RETR",
        path: FtpPath::root(),
        bytes: 7,
        code: 226,
    };
    assert_eq!(alloc::format!("{event}"), "RETR /: 7 bytes, 226");
    assert!(!event.is_detail());
    assert!(Event::Command("NOOP".into()).is_detail());
}
