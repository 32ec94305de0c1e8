//! No upload is forgotten, whoever is at it when it is given up.

use crate::talk::Talk;
use crate::wire::{Step, Wire, bytes, first};
use crate::world::World;
use crate::{outcome, store};
use ossftp_core::sim::Fault;
use ossftp_core::{DataError, ErrorKind, Input, Output, TransferFailure};
use std::time::Duration;

#[test]
fn a_download_is_over_when_its_connection_is() {
    let mut talk = Talk::logged_in(store());
    let download = talk.open("RETR a.txt");
    let wire = Wire::default();
    let seen = wire.seen();
    let report = download.pump(wire);
    assert!(!report.is_eof());
    assert_eq!(outcome(&mut talk, report), (15, Ok(())));
    assert_eq!(download.bytes(), 15);
    let seen = seen.borrow();
    assert_eq!(seen.written, b"one\r\ntwo\r\nthree");
    assert!(seen.finished && seen.closed);
    // There is nothing left to be run or ended.
    for again in [download.pump(Wire::default()), download.end(None)] {
        let again = outcome(&mut talk, again);
        assert_eq!(again, (15, Err(TransferFailure::Cancelled)));
    }
}

#[test]
fn an_upload_is_there_after_its_commit() {
    let store = store();
    let mut talk = Talk::logged_in(store.clone());
    talk.line("TYPE I");
    let upload = talk.open("STOR new");
    let mut wire = Wire::reading([bytes("hel"), bytes("lo")]);
    wire.waited = Duration::from_micros(3);
    let seen = wire.seen();
    let report = upload.pump(wire);
    assert!(report.is_eof() && seen.borrow().closed);
    match talk.requests.input(report) {
        Input::TransferEof {
            id, bytes, waited, ..
        } => {
            assert_eq!((id, bytes), (upload.id(), 5));
            assert_eq!(waited, Duration::from_micros(3));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((store.open_uploads(), store.file("/new")), (1, None));
    assert_eq!(outcome(&mut talk, upload.end(None)), (5, Ok(())));
    assert_eq!(store.file("/new").as_deref(), Some(&b"hello"[..]));
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn an_upload_can_be_judged_otherwise() {
    let store = store();
    let mut talk = Talk::logged_in(store.clone());
    let upload = talk.open("STOR a.txt");
    assert!(upload.pump(Wire::reading([bytes("half")])).is_eof());
    let reason = TransferFailure::Truncated;
    let done = outcome(&mut talk, upload.end(Some(reason.clone())));
    assert_eq!(done, (4, Err(reason)));
    assert_eq!(store.open_uploads(), 0);
    assert_eq!(store.file("/a.txt"), Some(b"one\ntwo\r\nthree".to_vec()));
}

/// What a pump over `wire` makes of an upload that stood open.
#[track_caller]
fn lost(wire: Wire, reason: &TransferFailure) {
    let store = store();
    let mut talk = Talk::logged_in(store.clone());
    let upload = talk.open("STOR new");
    let (_, result) = outcome(&mut talk, upload.pump(wire));
    assert_eq!(result.as_ref(), Err(reason));
    assert_eq!((store.open_uploads(), store.file("/new")), (0, None));
}

#[test]
fn an_upload_that_fails_is_gone() {
    let reset = Wire::reading([bytes("a"), Step::Fails(std::io::ErrorKind::ConnectionReset)]);
    lost(reset, &TransferFailure::Data(DataError::Broken));
    let silent = Wire::reading([bytes("a"), Step::Fails(std::io::ErrorKind::TimedOut)]);
    lost(silent, &TransferFailure::Data(DataError::Stalled));
}

#[test]
fn a_storage_that_panics_ends_the_transfer() {
    let store = store();
    for (command, door) in [("RETR a.txt", "fill"), ("STOR new", "filled")] {
        let mut talk = Talk::logged_in(World::panicking(&store, door));
        let transfer = talk.open(command);
        let wire = Wire::reading([bytes("a")]);
        let seen = wire.seen();
        match outcome(&mut talk, transfer.pump(wire)) {
            (_, Err(TransferFailure::Storage(error))) => {
                assert_eq!(error.kind, ErrorKind::Unavailable);
            }
            other => panic!("{command}: {other:?}"),
        }
        assert!(seen.borrow().closed);
        assert_eq!((store.open_uploads(), store.file("/new")), (0, None));
    }
}

#[test]
fn while_one_is_at_it_no_other_can_end_it() {
    let store = store();
    let mut talk = Talk::logged_in(store.clone());
    let upload = talk.open("STOR new");
    let id = upload.id();
    let commit = talk.requests.task(Output::Commit { id }).unwrap();
    let (other, early) = (upload.clone(), std::rc::Rc::default());
    let seen = std::rc::Rc::clone(&early);
    let meanwhile = first(move || {
        let reports = [
            commit.perform(),
            other.end(Some(TransferFailure::Truncated)),
        ];
        *std::cell::RefCell::borrow_mut(&seen) = Vec::from(reports);
    });
    let report = upload.pump(Wire::reading([meanwhile, bytes("hello")]));
    assert!(report.is_eof());
    let early: Vec<_> = std::cell::RefCell::take(&early);
    let early: Vec<_> = early.into_iter().map(|r| outcome(&mut talk, r).1).collect();
    let expected = [TransferFailure::Cancelled, TransferFailure::Truncated];
    assert!(early.into_iter().eq(expected.map(Err)));
    // It is as whole as it was.
    let (count, result) = outcome(&mut talk, upload.end(None));
    assert_eq!((count, result), (5, Ok(())));
    assert_eq!(store.file("/new").as_deref(), Some(&b"hello"[..]));
}

#[test]
fn what_is_given_up_while_it_runs_is_discarded() {
    for last in [Step::Fails(std::io::ErrorKind::NotConnected), bytes("")] {
        let store = store();
        let mut talk = Talk::logged_in(store.clone());
        let upload = talk.open("STOR new");
        let cancel = upload.cancel().clone();
        // A connection that was shut down fails, or reads like one that has ended.
        let wire = Wire::reading([bytes("hello"), first(move || cancel.cancel()), last]);
        let done = outcome(&mut talk, upload.pump(wire));
        assert_eq!(done, (5, Err(TransferFailure::Cancelled)));
        assert_eq!((store.open_uploads(), store.file("/new")), (0, None));
    }
}

#[test]
fn a_download_that_was_given_up_at_its_end_is_none() {
    let mut talk = Talk::logged_in(store());
    let download = talk.open("RETR a.txt");
    let cancel = download.cancel().clone();
    let wire = Wire::reading([first(move || cancel.cancel()), bytes("late")]);
    let done = outcome(&mut talk, download.pump(wire));
    assert_eq!(done, (15, Err(TransferFailure::Cancelled)));
}

#[test]
fn what_is_given_up_before_it_runs_is_not_run() {
    let store = store();
    let mut talk = Talk::logged_in(store.clone());
    let upload = talk.open("STOR new");
    upload.cancel().cancel();
    let wire = Wire::reading([bytes("hello")]);
    let seen = wire.seen();
    let done = outcome(&mut talk, upload.pump(wire));
    assert_eq!(done, (0, Err(TransferFailure::Cancelled)));
    assert_eq!((seen.borrow().reads, seen.borrow().closed), (0, true));
    assert_eq!((store.open_uploads(), store.file("/new")), (0, None));
}

#[test]
fn what_is_given_up_before_it_is_opened_is_not_opened() {
    let (world, asked) = World::listening(&store());
    let mut talk = Talk::logged_in(world);
    let transfer = talk.transfer("STOR new");
    let id = transfer.id;
    let open = talk.requests.task(Output::Open(transfer)).unwrap();
    let given_up = talk.requests.cancel(id).unwrap();
    assert!(given_up.is_busy(), "a task is still at it");
    let Input::TransferReady { result, .. } = talk.requests.input(open.perform()) else {
        panic!("an opening is answered as one");
    };
    assert_eq!(result.unwrap_err().kind, ErrorKind::Cancelled);
    assert!(!given_up.is_busy());
    assert_eq!(asked.lock().unwrap().as_slice(), ["login"]);
}

#[test]
fn what_is_given_up_while_it_is_opened_is_discarded() {
    let store = store();
    let world = World::new(&store, |door, cancel| {
        if door == "opened" {
            cancel.cancel();
        }
    });
    let mut talk = Talk::logged_in(world);
    let transfer = talk.transfer("STOR new");
    let id = transfer.id;
    let open = talk.requests.task(Output::Open(transfer)).unwrap();
    let report = open.perform();
    assert_eq!((store.open_uploads(), store.file("/new")), (0, None));
    let upload = talk.requests.transfer(id).unwrap().clone();
    assert!(
        upload.cancel().is_cancelled(),
        "the storage's flag is the transfer's"
    );
    let input = talk.requests.input(report);
    assert!(matches!(input, Input::TransferReady { .. }), "{input:?}");
}

#[test]
fn what_is_given_up_just_after_its_end_is_discarded() {
    let store = store();
    let mut talk = Talk::logged_in(store.clone());
    let upload = talk.open("STOR new");
    let cancel = upload.cancel().clone();
    let mut wire = Wire::reading([bytes("hello")]);
    wire.closing = Some(Box::new(move || cancel.cancel()));
    let report = upload.pump(wire);
    assert!(
        report.is_eof(),
        "the session knows that it waits for it no more"
    );
    assert_eq!((store.open_uploads(), store.file("/new")), (0, None));
    let done = outcome(&mut talk, upload.end(None));
    assert_eq!(done, (5, Err(TransferFailure::Cancelled)));
}

#[test]
fn a_storage_error_in_the_middle_is_the_outcome() {
    let store = store().with_chunk_size(2);
    for command in ["RETR a.txt", "STOR new", "LIST dir"] {
        store.fail_next(Fault::Chunk(1), ErrorKind::Unavailable);
        let mut talk = Talk::logged_in(store.clone());
        let transfer = talk.open(command);
        let wire = Wire::reading([bytes("hello")]);
        match outcome(&mut talk, transfer.pump(wire)) {
            (_, Err(TransferFailure::Storage(error))) => {
                assert_eq!(error.kind, ErrorKind::Unavailable);
            }
            other => panic!("{command}: {other:?}"),
        }
        assert_eq!((store.open_uploads(), store.file("/new")), (0, None));
    }
}
