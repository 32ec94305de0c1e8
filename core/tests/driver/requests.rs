//! Who still waits for what.

use crate::talk::Talk;
use crate::wire::{Wire, bytes};
use crate::world::World;
use crate::{outcome, store};
use ossftp_core::driver::Requests;
use ossftp_core::sim::MemoryStore;
use ossftp_core::{ErrorKind, Input, Operation, Output, TransferFailure};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// How the storage refuses an output on these requests, if it does.
fn refusal(requests: &mut Requests, output: Output) -> Option<ErrorKind> {
    let report = requests.task(output).unwrap().perform();
    match requests.input(report) {
        Input::Login { result, .. } => result.err().map(|e| e.kind),
        Input::Performed { result, .. } => result.err().map(|e| e.kind),
        Input::TransferReady { result, .. } => result.err().map(|e| e.kind),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_storage_learns_who_asks() {
    let world = World::new(&store(), |_, _| {});
    let logins = Arc::clone(&world.logins);
    let mut talk = Talk::new(world);
    talk.line("HOST Files.example");
    let login = talk.login("s3cr3t-pw");
    assert_eq!(refusal(&mut talk.requests, login), None);
    let logins = logins.lock().unwrap();
    let request = logins.first().unwrap();
    assert_eq!(
        (request.user.as_slice(), request.peer),
        (&b"demo"[..], PEER)
    );
    assert_eq!(request.password.expose(), b"s3cr3t-pw");
    assert_eq!(request.host.as_deref(), Some("files.example"));
    assert!(!request.secure);
    assert!(!format!("{request:?}").contains("s3cr3t"));
}

#[test]
fn files_are_there_after_the_login() {
    let mut other = Talk::logged_in(store());
    let mut requests = Requests::new(Arc::new(store()), PEER);
    let operation = other.ask("DELE a.txt");
    assert_eq!(refusal(&mut requests, operation), Some(ErrorKind::Denied));
    let mut other = Talk::logged_in(store());
    let open = Output::Open(other.transfer("RETR a.txt"));
    assert_eq!(refusal(&mut requests, open), Some(ErrorKind::Denied));
}

#[test]
fn a_later_login_takes_the_place_of_an_earlier_one() {
    let mut talk = Talk::new(store());
    let first = talk.login("s3cr3t-pw");
    let Output::Login { id, .. } = &first else {
        panic!("{first:?}");
    };
    let id = *id;
    let early = talk.requests.task(first).unwrap().perform();
    let failed = Err(ossftp_core::StorageError::new(ErrorKind::Denied, "No."));
    talk.hear(Input::Login { id, result: failed });
    let second = talk.login("s3cr3t-pw");
    let late = talk.requests.task(second).unwrap().perform();

    let mut other = Talk::logged_in(store());
    let Output::Perform { id, operation } = other.ask("MDTM a.txt") else {
        panic!("MDTM asks the storage");
    };
    let ask = |requests: &mut Requests| {
        let operation: Operation = operation.clone();
        refusal(requests, Output::Perform { id, operation })
    };
    let _ = talk.requests.input(early);
    assert_eq!(ask(&mut talk.requests), Some(ErrorKind::Denied));
    let _ = talk.requests.input(late);
    assert_eq!(ask(&mut talk.requests), None);
}

#[test]
fn what_is_no_task_comes_back() {
    let mut talk = Talk::logged_in(store());
    let id = talk.open("STOR new").id();
    let listen = talk.line("EPSV");
    assert_eq!(listen.len(), 0, "a transfer runs");
    for output in [
        Output::Send(b"200 x\r\n".to_vec()),
        Output::StopListening,
        Output::Cancel { id },
        Output::Close,
        Output::Wait(None),
    ] {
        let told = format!("{output:?}");
        let back = talk.requests.task(output).err().unwrap();
        assert_eq!(format!("{back:?}"), told);
    }
    assert!(talk.requests.transfer(id).is_some());
}

#[test]
fn a_transfer_is_known_until_it_is_done() {
    let mut talk = Talk::logged_in(store());
    assert!(talk.requests.progress().is_none());
    let download = talk.open("RETR a.txt");
    let id = download.id();
    assert!(download.is_busy(), "the requests hold it too");
    match talk.requests.progress() {
        Some(Input::TransferProgress { id: of, bytes }) => assert_eq!((of, bytes), (id, 0)),
        other => panic!("{other:?}"),
    }
    let report = download.pump(Wire::default());
    match talk.requests.progress() {
        Some(Input::TransferProgress { id: of, bytes }) => assert_eq!((of, bytes), (id, 15)),
        other => panic!("{other:?}"),
    }
    assert_eq!(outcome(&mut talk, report), (15, Ok(())));
    assert!(talk.requests.transfer(id).is_none());
    assert!(talk.requests.progress().is_none());
    assert!(!download.is_busy());
}

#[test]
fn what_cannot_be_opened_is_forgotten() {
    let mut talk = Talk::logged_in(store());
    let open = talk.transfer("RETR missing");
    let id = open.id;
    let open = Output::Open(open);
    assert_eq!(refusal(&mut talk.requests, open), Some(ErrorKind::NotFound));
    assert!(talk.requests.transfer(id).is_none());
}

#[test]
fn the_end_of_what_nobody_knows_is_reported_too() {
    let id = Talk::logged_in(store()).transfer("STOR x").id;
    let mut talk = Talk::logged_in(store());
    let commit = talk.requests.task(Output::Commit { id }).unwrap();
    let done = outcome(&mut talk, commit.perform());
    assert_eq!(done, (0, Err(TransferFailure::Cancelled)));
    let reason = TransferFailure::Truncated;
    let discard = Output::Discard { id, reason };
    let discard = talk.requests.task(discard).unwrap();
    let done = outcome(&mut talk, discard.perform());
    assert_eq!(done, (0, Err(TransferFailure::Truncated)));
}

/// A session with an open upload of `/new`.
fn uploading() -> (MemoryStore, Talk, ossftp_core::Id) {
    let store = store();
    let mut talk = Talk::logged_in(store.clone());
    let id = talk.open("STOR new").id();
    assert_eq!(store.open_uploads(), 1);
    (store, talk, id)
}

#[test]
fn a_transfer_is_cancelled_once() {
    let (store, mut talk, id) = uploading();
    let given_up = talk.requests.cancel(id).unwrap();
    assert!(given_up.cancel().is_cancelled() && !given_up.is_busy());
    assert!(talk.requests.cancel(id).is_none() && talk.requests.end().is_none());
    assert!(talk.requests.transfer(id).is_none());
    let done = outcome(&mut talk, given_up.end(Some(TransferFailure::Cancelled)));
    assert_eq!(done, (0, Err(TransferFailure::Cancelled)));
    assert_eq!((store.open_uploads(), store.file("/new")), (0, None));
}

#[test]
fn the_end_gives_a_transfer_up() {
    let (store, mut talk, id) = uploading();
    let given_up = talk.requests.end().unwrap();
    assert_eq!(given_up.id(), id);
    assert!(given_up.cancel().is_cancelled());
    let _ = given_up.end(Some(TransferFailure::Cancelled));
    assert_eq!((store.open_uploads(), store.file("/new")), (0, None));
}

#[test]
fn a_commit_survives_the_end() {
    let (store, mut talk, id) = uploading();
    let upload = talk.requests.transfer(id).unwrap().clone();
    assert!(upload.pump(Wire::reading([bytes("hello")])).is_eof());
    let commit = talk.requests.task(Output::Commit { id }).unwrap();
    assert!(talk.requests.end().is_none());
    assert_eq!(outcome(&mut talk, commit.perform()), (5, Ok(())));
    assert_eq!(store.file("/new"), Some(b"hello".to_vec()));
}

#[test]
fn a_commit_that_is_done_protects_no_later_transfer() {
    let (_, mut talk, id) = uploading();
    let commit = talk.requests.task(Output::Commit { id }).unwrap();
    let _ = talk.requests.input(commit.perform());
    // The next one, which need not be of the same session.
    let mut next = Talk::logged_in(store());
    let transfer = next.transfer("STOR later");
    let open = talk.requests.task(Output::Open(transfer)).unwrap();
    let _ = talk.requests.input(open.perform());
    let given_up = talk.requests.end().unwrap();
    assert!(given_up.cancel().is_cancelled());
}

#[test]
fn an_operation_hears_that_nobody_wants_it() {
    // The storage gives the operation up itself, in the middle of it.
    let requests = Arc::new(Mutex::new(None::<Requests>));
    let given_up = Arc::new(Mutex::new(Vec::new()));
    let (mine, seen, target) = (
        Arc::clone(&requests),
        Arc::clone(&given_up),
        Arc::new(Mutex::new(None)),
    );
    let asked = Arc::clone(&target);
    let world = World::new(&store(), move |door, cancel| {
        let mut requests = mine.lock().unwrap();
        if let (Some(requests), Some(id), "perform") =
            (requests.as_mut(), *asked.lock().unwrap(), door)
        {
            let before = cancel.is_cancelled();
            assert!(requests.cancel(id).is_none(), "it is no transfer");
            seen.lock().unwrap().push((before, cancel.is_cancelled()));
        }
    });
    let mut talk = Talk::logged_in(world);
    let remove = talk.ask("DELE a.txt");
    let Output::Perform { id, .. } = &remove else {
        panic!("{remove:?}");
    };
    *target.lock().unwrap() = Some(*id);
    let remove = talk.requests.task(remove).unwrap();
    *requests.lock().unwrap() = Some(talk.requests);
    let report = remove.perform();
    assert_eq!(given_up.lock().unwrap().as_slice(), [(false, true)]);
    let mut requests = requests.lock().unwrap().take().unwrap();
    let Input::Performed { result, .. } = requests.input(report) else {
        panic!("an operation is answered as one");
    };
    assert_eq!(result.unwrap_err().kind, ErrorKind::Cancelled);
}

#[test]
fn nobody_asks_the_storage_for_a_session_that_has_ended() {
    let (world, asked) = World::listening(&store());
    let mut talk = Talk::new(world);
    let login = talk.login("s3cr3t-pw");
    let login = talk.requests.task(login).unwrap();
    assert!(talk.requests.end().is_none());
    let Input::Login { result, .. } = talk.requests.input(login.perform()) else {
        panic!("a login is answered as one");
    };
    assert_eq!(result.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(asked.lock().unwrap().as_slice(), [""; 0]);

    let (world, asked) = World::listening(&store());
    let mut talk = Talk::logged_in(world);
    let remove = talk.ask("DELE a.txt");
    let remove = talk.requests.task(remove).unwrap();
    assert!(talk.requests.end().is_none());
    let Input::Performed { result, .. } = talk.requests.input(remove.perform()) else {
        panic!("an operation is answered as one");
    };
    assert_eq!(result.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(asked.lock().unwrap().as_slice(), ["login"]);
}
