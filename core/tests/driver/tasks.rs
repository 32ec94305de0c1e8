//! What blocks leads to one report, whatever the storage does.

use crate::journal::logged;
use crate::talk::Talk;
use crate::wire::{Wire, bytes};
use crate::world::World;
use crate::{outcome, store};
use log::Level;
use ossftp_core::driver::{Report, Task};
use ossftp_core::sim::Fault;
use ossftp_core::{
    Answer, DataError, Entry, ErrorKind, Input, Output, StorageError, TransferFailure,
};

/// The error that a report gives to the session.
#[track_caller]
fn refused(talk: &mut Talk, report: Report) -> StorageError {
    let error = match talk.requests.input(report) {
        Input::Login { result, .. } => result.err(),
        Input::Performed { result, .. } => result.err(),
        Input::TransferReady { result, .. } => result.err(),
        Input::TransferDone { report, .. } => match report.outcome {
            Err(TransferFailure::Storage(error)) => Some(error),
            _ => None,
        },
        _ => None,
    };
    error.expect("the storage's error")
}

#[test]
fn the_storage_answers_through_a_report() {
    let mut talk = Talk::logged_in(store());
    let asked = talk.ask("MDTM a.txt");
    let task = talk.requests.task(asked).unwrap();
    assert!(!task.is_end());
    let report = task.perform();
    assert!(!report.is_eof());
    match talk.requests.input(report) {
        Input::Performed {
            result: Ok(Answer::Entry(Entry { name, size, .. })),
            ..
        } => assert_eq!((name.as_slice(), size), (&b"a.txt"[..], 14)),
        other => panic!("{other:?}"),
    }
    let mut talk = Talk::new(store());
    let asked = talk.login("wrong");
    let report = talk.requests.task(asked).unwrap().perform();
    assert_eq!(refused(&mut talk, report).kind, ErrorKind::Denied);
}

#[test]
fn a_panic_is_an_answer() {
    let asked = |panics: &'static str, ask: fn(&mut Talk) -> Output| {
        let mut talk = match panics {
            "login" => Talk::new(World::panicking(&store(), panics)),
            _ => Talk::logged_in(World::panicking(&store(), panics)),
        };
        let output = ask(&mut talk);
        let task = talk.requests.task(output).unwrap();
        let mut error = None;
        let lines = logged(|| {
            let report = task.perform();
            error = Some(refused(&mut talk, report));
        });
        assert_eq!(
            lines,
            [(Level::Error, String::from("the storage panicked"))]
        );
        let error = error.unwrap();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error:?}");
        assert!(!error.message.contains("as the test wants it"));
    };
    asked("login", |talk| talk.login("s3cr3t-pw"));
    asked("perform", |talk| talk.ask("MDTM a.txt"));
    asked("open", |talk| Output::Open(talk.transfer("RETR a.txt")));
    asked("open", |talk| Output::Open(talk.transfer("STOR new")));
}

#[test]
fn without_a_thread_each_task_has_a_report() {
    let store = store();
    let mut talk = Talk::new(store.clone());
    let login = talk.login("s3cr3t-pw");
    let task = talk.requests.task(login).unwrap();
    let report = task.refusal();
    assert_eq!(refused(&mut talk, report).kind, ErrorKind::Busy);
    assert_eq!(talk.report(task.perform()).len(), 0);

    let asked = talk.ask("MDTM a.txt");
    let report = talk.requests.task(asked).unwrap().refusal();
    assert_eq!(refused(&mut talk, report).kind, ErrorKind::Busy);

    let mut talk = Talk::logged_in(store.clone());
    let transfer = talk.transfer("STOR new");
    let id = transfer.id;
    let report = talk.requests.task(Output::Open(transfer)).unwrap();
    let report = report.refusal();
    assert_eq!(refused(&mut talk, report).kind, ErrorKind::Busy);
    assert!(talk.requests.transfer(id).is_none());
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn the_end_of_a_transfer_is_not_refused_but_says_why() {
    let store = store();
    let mut talk = Talk::logged_in(store.clone());
    let upload = talk.open("STOR new");
    let id = upload.id();
    let commit = talk.requests.task(Output::Commit { id }).unwrap();
    assert!(commit.is_end());
    let report = commit.refusal();
    assert_eq!(refused(&mut talk, report).kind, ErrorKind::Busy);
    let reason = TransferFailure::Truncated;
    let discard = talk.requests.task(Output::Discard { id, reason });
    let report = discard.unwrap().refusal();
    assert_eq!(
        outcome(&mut talk, report),
        (0, Err(TransferFailure::Truncated))
    );
    // The upload itself is still to be ended.
    assert_eq!(store.open_uploads(), 1);
    let task = Task::refuse(upload);
    assert!(task.is_end());
    let report = task.perform();
    assert_eq!(refused(&mut talk, report).kind, ErrorKind::Busy);
    assert_eq!((store.open_uploads(), store.file("/new")), (0, None));
}

#[test]
fn a_transfer_whose_connection_never_came_is_discarded() {
    let store = store();
    let mut talk = Talk::logged_in(store.clone());
    let upload = talk.open("STOR new");
    let reason = TransferFailure::Data(DataError::NotConnected);
    let report = Task::discard(upload, reason.clone()).perform();
    assert_eq!(outcome(&mut talk, report), (0, Err(reason)));
    assert_eq!((store.open_uploads(), store.file("/new")), (0, None));
}

#[test]
fn what_has_not_come_to_its_end_is_not_committed() {
    let store = store();
    let mut talk = Talk::logged_in(store.clone());
    let id = talk.open("STOR new").id();
    let task = talk.requests.task(Output::Commit { id }).unwrap();
    let (bytes, result) = outcome(&mut talk, task.perform());
    assert_eq!((bytes, result), (0, Err(TransferFailure::Truncated)));
    assert_eq!((store.open_uploads(), store.file("/new")), (0, None));
}

#[test]
fn a_commit_that_fails_or_panics_is_none() {
    let store = store();
    store.fail_next(Fault::Commit, ErrorKind::NoSpace);
    let failing = Talk::logged_in(store.clone());
    let panicking = Talk::logged_in(World::panicking(&store, "commit"));
    for (mut talk, kind) in [
        (failing, ErrorKind::NoSpace),
        (panicking, ErrorKind::Unavailable),
    ] {
        let upload = talk.open("STOR new");
        assert!(upload.pump(Wire::reading([bytes("hello")])).is_eof());
        let id = upload.id();
        let task = talk.requests.task(Output::Commit { id }).unwrap();
        let report = task.perform();
        assert_eq!(refused(&mut talk, report).kind, kind);
        assert_eq!((store.open_uploads(), store.file("/new")), (0, None));
    }
}
