//! What a session makes of what a driver reports, wanted or not.

use crate::store;
use crate::talk::Talk;
use ossftp_core::{
    Answer, DataError, ErrorKind, Input, Kept, LoginInfo, Output, StorageError, TransferFailure,
    TransferReport,
};
use std::time::Duration;

/// The code that the client hears when its transfer has ended so.
fn code(command: &str, failure: TransferFailure) -> u16 {
    let mut talk = Talk::logged_in(store());
    let id = talk.open(command).id();
    talk.hear(Input::DataConnected { id });
    talk.said.clear();
    let report = TransferReport::new(3, Err(failure));
    assert_eq!(talk.hear(Input::TransferDone { id, report }).len(), 0);
    assert_eq!(talk.said.lines().count(), 1, "{}", talk.said);
    talk.said.get(..3).unwrap().parse().unwrap()
}

#[test]
fn each_failure_of_a_transfer_has_its_code() {
    let storage = |kind| TransferFailure::Storage(StorageError::new(kind, "No."));
    for (failure, expected) in [
        (TransferFailure::Data(DataError::NotConnected), 425),
        (TransferFailure::Data(DataError::Broken), 426),
        (TransferFailure::Data(DataError::Stalled), 426),
        (TransferFailure::Data(DataError::Tls), 522),
        (TransferFailure::Data(DataError::NoCloseNotify), 426),
        (TransferFailure::Data(DataError::Deflate), 426),
        (TransferFailure::Cancelled, 426),
        (TransferFailure::Truncated, 426),
        (storage(ErrorKind::Unavailable), 451),
        (storage(ErrorKind::NoSpace), 552),
        (storage(ErrorKind::Busy), 450),
    ] {
        for command in ["RETR a.txt", "STOR new"] {
            let got = code(command, failure.clone());
            assert_eq!(got, expected, "{command}: {failure:?}");
        }
    }
}

#[test]
fn what_nobody_waits_for_changes_nothing() {
    // An id of the same session whose transfer is over.
    let mut talk = Talk::logged_in(store());
    let id = talk.open("RETR a.txt").id();
    let done = || Input::TransferDone {
        id,
        report: TransferReport::new(0, Ok(())),
    };
    talk.hear(done());
    let refused = || StorageError::new(ErrorKind::Denied, "No.");
    let late = || {
        [
            done(),
            Input::TransferReady {
                id,
                result: Ok(Some(7)),
            },
            Input::DataConnected { id },
            Input::TransferProgress { id, bytes: 7 },
            Input::Performed {
                id,
                result: Ok(Answer::Done),
            },
            Input::Listening { id, address: None },
            Input::Login {
                id,
                result: Ok(LoginInfo::new("Hi")),
            },
            Input::Login {
                id,
                result: Err(refused()),
            },
            Input::TlsUp,
            Input::TlsDown,
        ]
    };
    // While it waits for a command, for the storage, and for a listener.
    for line in ["NOOP", "DELE a.txt", "EPSV"] {
        let waiting = talk.line(line);
        let before = (format!("{:?}", talk.session), talk.said.clone());
        for input in late() {
            let shown = format!("{input:?}");
            assert_eq!(talk.hear(input).len(), 0, "{line}: {shown}");
            let after = (format!("{:?}", talk.session), talk.said.clone());
            assert_eq!(before, after, "{line}: {shown}");
        }
        for output in waiting {
            match output {
                Output::Perform { id, .. } => talk.hear(Input::Performed {
                    id,
                    result: Err(refused()),
                }),
                Output::Listen { id } => talk.hear(Input::Listening { id, address: None }),
                other => panic!("{other:?}"),
            };
        }
    }
    assert!(talk.said.ends_with("\r\n"));
    let codes: Vec<_> = talk.said.lines().map(|line| &line[..3]).collect();
    assert!(codes.ends_with(&["226", "200", "550", "425"]), "{codes:?}");
}

#[test]
fn a_control_connection_closes_once() {
    let mut talk = Talk::logged_in(store());
    let closed = talk.hear(Input::ControlClosed);
    assert!(matches!(closed.as_slice(), [Output::Close]), "{closed:?}");
    assert_eq!(talk.hear(Input::ControlClosed).len(), 0);
    assert_eq!(talk.line("NOOP").len(), 0);
    talk.session.handle(
        ossftp_core::Now {
            mono: Duration::from_secs(3600),
            unix: 0,
        },
        Input::Tick,
    );
    assert!(matches!(talk.session.poll_output(), Output::Wait(None)));
}

/// What the client hears when `command` has ended with this report.
fn heard(talk: &mut Talk, command: &str, change: impl FnOnce(&mut TransferReport)) -> String {
    let id = talk.open(command).id();
    talk.hear(Input::DataConnected { id });
    talk.said.clear();
    let mut report = TransferReport::new(12, Ok(()));
    change(&mut report);
    talk.hear(Input::TransferDone { id, report });
    core::mem::take(&mut talk.said)
}

#[test]
fn a_listing_says_what_it_left_out() {
    let mut talk = Talk::logged_in(store());
    let said = heard(&mut talk, "LIST", |report| report.hidden = 3);
    assert_eq!(
        said,
        "226 Transfer complete, 12 bytes; 3 names cannot be shown.\r\n"
    );
    talk.line("STAT");
    let line = " Last listing, of /: 3 names cannot be shown\r\n";
    assert!(talk.said.contains(line), "{}", talk.said);
    // Neither a download nor a listing that failed is a listing.
    heard(&mut talk, "RETR a.txt", |_| {});
    let failure = || Err(TransferFailure::Data(DataError::Broken));
    heard(&mut talk, "NLST", |report| report.outcome = failure());
    talk.line("STAT");
    assert!(talk.said.contains(line), "{}", talk.said);
    let said = heard(&mut talk, "MLSD", |report| report.hidden = 1);
    assert!(said.ends_with("; 1 name cannot be shown.\r\n"), "{said}");
    let said = heard(&mut talk, "NLST", |_| {});
    assert_eq!(said, "226 Transfer complete, 12 bytes.\r\n");
    talk.line("STAT");
    assert!(!talk.said.contains("Last listing"), "{}", talk.said);
}

#[test]
fn a_broken_upload_says_what_there_is_of_it() {
    let mut talk = Talk::logged_in(store());
    for (kept, text) in [
        (
            Kept::Nothing,
            "Nothing of it was kept, send the whole file.",
        ),
        (
            Kept::Bytes(7),
            "The file has 7 bytes now, go on from there.",
        ),
        (Kept::Unknown, "SIZE says what there is of the file now."),
    ] {
        let said = heard(&mut talk, "STOR new", |report| {
            report.outcome = Err(TransferFailure::Data(DataError::Broken));
            report.kept = kept;
        });
        assert!(said.starts_with("426 ") && said.contains(text), "{said}");
    }
    // When ABOR comes, nobody knows what an APPE has come to.
    for (command, text) in [
        ("STOR new", "Nothing of it was kept"),
        ("APPE new", "SIZE says"),
    ] {
        let id = talk.open(command).id();
        talk.hear(Input::DataConnected { id });
        talk.said.clear();
        talk.line("ABOR");
        assert!(talk.said.contains(text), "{}", talk.said);
    }
}
