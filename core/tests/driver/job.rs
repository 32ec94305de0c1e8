//! The pump over a data connection that is slow, broken, or both.

use crate::store;
use crate::talk::Talk;
use crate::wire::{Seen, Step, Wire, bytes, first};
use ossftp_core::driver::{Cancel, Job, LoginRequest, Storage, Volume, write_all};
use ossftp_core::sim::MemoryStore;
use ossftp_core::{
    DataError, ErrorKind, FtpPath, Secret, StoreMode, Transfer, TransferFailure, TransferReport,
};
use std::cell::RefCell;
use std::io::ErrorKind as Io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What `demo` sees of a store.
pub(crate) fn volume(store: &MemoryStore) -> Arc<dyn Volume> {
    let peer = "192.0.2.7".parse().unwrap();
    let request = LoginRequest::new("demo", Secret::new("s3cr3t-pw"), peer);
    store.login(&request, &Cancel::new()).unwrap().0
}

/// The transfer that `command` asks for, in TYPE I or TYPE A.
pub(crate) fn transfer(ascii: bool, command: &str) -> Transfer {
    let mut talk = Talk::logged_in(store());
    talk.line(if ascii { "TYPE A" } else { "TYPE I" });
    *talk.transfer(command)
}

/// An open job on `store`.
fn job(store: &MemoryStore, transfer: Transfer) -> Job {
    let opened = Job::open(volume(store).as_ref(), transfer, Cancel::new());
    opened.unwrap().0
}

/// Moves the bytes of `command` over `wire`.
fn pumped(command: &str, mut wire: Wire) -> (Result<(), TransferFailure>, Rc<RefCell<Seen>>) {
    let mut job = job(&store(), transfer(false, command));
    let seen = wire.seen();
    let result = job.pump(&mut wire);
    (result, seen)
}

/// `bytes` one by one.
fn one_by_one(text: &[u8]) -> Vec<Step> {
    text.iter().map(|byte| bytes([*byte])).collect()
}

const BROKEN: Result<(), TransferFailure> = Err(TransferFailure::Data(DataError::Broken));
const STALLED: Result<(), TransferFailure> = Err(TransferFailure::Data(DataError::Stalled));

#[test]
fn a_file_goes_out_as_it_is_or_with_other_line_ends() {
    let store = store().with_chunk_size(3);
    for (ascii, wanted) in [
        (false, &b"one\ntwo\r\nthree"[..]),
        (true, b"one\r\ntwo\r\nthree"),
    ] {
        let transfer = transfer(ascii, "RETR a.txt");
        let (mut job, size) = Job::open(volume(&store).as_ref(), transfer, Cancel::new()).unwrap();
        assert_eq!(size, Some(14), "the bytes of the file");
        // A socket that takes one byte, is interrupted, and takes another.
        let mut wire = Wire::writing([bytes("."), Step::Fails(Io::Interrupted), bytes(".")]);
        assert_eq!(job.pump(&mut wire), Ok(()));
        assert_eq!(wire.seen().borrow().written, wanted);
        let count = u64::try_from(wanted.len()).unwrap();
        assert_eq!(job.progress().bytes(), count);
        assert_eq!(job.finish(Ok(())), TransferReport::new(count, Ok(())));
    }
}

#[test]
fn a_rest_goes_out() {
    let mut talk = Talk::logged_in(store());
    talk.line("TYPE I");
    talk.line("REST 9");
    let transfer = *talk.transfer("RETR a.txt");
    let (mut job, size) = Job::open(volume(&store()).as_ref(), transfer, Cancel::new()).unwrap();
    assert_eq!(size, Some(5));
    let mut wire = Wire::default();
    assert_eq!(job.pump(&mut wire), Ok(()));
    assert_eq!(wire.seen().borrow().written, b"three");
}

#[test]
fn a_file_comes_in_as_it_is_or_with_other_line_ends() {
    let store = store().with_chunk_size(2);
    let sent = b"one\r\ntwo\rthree\r\r\nend\r";
    for (ascii, wanted) in [
        (false, &b"one\r\ntwo\rthree\r\r\nend\r"[..]),
        (true, b"one\ntwo\rthree\r\nend\r"),
    ] {
        for mut steps in [one_by_one(sent), vec![bytes(sent.as_slice())]] {
            steps.insert(1, Step::Fails(Io::Interrupted));
            let mut job = job(&store, transfer(ascii, "STOR new"));
            assert_eq!(job.pump(&mut Wire::reading(steps)), Ok(()));
            let count = u64::try_from(sent.len()).unwrap();
            assert_eq!(job.commit(), TransferReport::new(count, Ok(())));
            assert_eq!(store.file("/new").as_deref(), Some(wanted));
        }
    }
    assert_eq!(store.open_uploads(), 0);
}

#[test]
fn what_breaks_or_stalls_a_download() {
    let big = || first(|| {});
    for (step, wanted) in [
        (bytes(""), BROKEN),
        (Step::Fails(Io::ConnectionReset), BROKEN),
        (Step::Fails(Io::BrokenPipe), BROKEN),
        (Step::Fails(Io::TimedOut), STALLED),
        (Step::Fails(Io::WouldBlock), STALLED),
    ] {
        let (result, seen) = pumped("RETR a.txt", Wire::writing([big(), bytes("1234"), step]));
        assert_eq!(result, wanted);
        // What has left has left; the end is not told to be one.
        assert_eq!(seen.borrow().written, b"one\n");
        assert!(!seen.borrow().finished);
    }
}

#[test]
fn what_breaks_or_stalls_an_upload() {
    for (step, wanted) in [
        (Step::Fails(Io::ConnectionReset), BROKEN),
        (Step::Fails(Io::TimedOut), STALLED),
        (Step::Fails(Io::WouldBlock), STALLED),
    ] {
        let (result, seen) = pumped("STOR new", Wire::reading([bytes("1234"), step]));
        assert_eq!(result, wanted);
        assert_eq!(seen.borrow().reads, 2);
    }
}

#[test]
fn a_socket_without_a_timeout_is_not_used() {
    for command in ["RETR a.txt", "STOR new", "LIST"] {
        let (result, seen) = pumped(command, Wire::failing(0));
        assert_eq!(result, BROKEN);
        assert_eq!((seen.borrow().reads, seen.borrow().written.len()), (0, 0));
    }
}

#[test]
fn no_timeout_is_zero() {
    let mut transfer = transfer(false, "RETR a.txt");
    let usual = (transfer.stall_timeout, transfer.linger_timeout);
    let timeouts = |transfer: Transfer| {
        let mut wire = Wire::default();
        assert_eq!(job(&store(), transfer).pump(&mut wire), Ok(()));
        let timeouts = wire.seen().borrow().timeouts.clone();
        assert_eq!(timeouts.len(), 2);
        (timeouts[0], timeouts[1])
    };
    assert_eq!(timeouts(transfer.clone()), usual);
    (transfer.stall_timeout, transfer.linger_timeout) = (Duration::ZERO, Duration::ZERO);
    let (stall, linger) = timeouts(transfer);
    assert!(!stall.is_zero() && !linger.is_zero());
}

#[test]
fn after_a_download_the_client_may_take_its_time() {
    // It ends its side, says something first, or never does.
    for reads in [
        vec![],
        vec![bytes("bye"), Step::Fails(Io::Interrupted), bytes("bye")],
        vec![Step::Fails(Io::TimedOut)],
        vec![Step::Fails(Io::WouldBlock)],
    ] {
        let (result, seen) = pumped("RETR a.txt", Wire::reading(reads));
        assert_eq!(result, Ok(()));
        assert!(seen.borrow().finished);
    }
    // It threw away what was on its way.
    let reset = Wire::reading([bytes("x"), Step::Fails(Io::ConnectionReset)]);
    assert_eq!(pumped("RETR a.txt", reset).0, BROKEN);
    // The end could not be said, or the patience not be set.
    assert_eq!(pumped("RETR a.txt", Wire::failing(1)).0, BROKEN);
    let (result, seen) = pumped("RETR a.txt", Wire::failing(2));
    assert_eq!((result, seen.borrow().reads), (Ok(()), 0));
}

#[test]
fn a_client_that_talks_into_a_download_is_not_heard_for_ever() {
    let flood = (0..1000).map(|_| bytes([0; 1024]));
    let (result, seen) = pumped("RETR a.txt", Wire::reading(flood));
    assert_eq!(result, Ok(()));
    assert_eq!(seen.borrow().reads, 64);
}

#[test]
fn a_job_that_is_given_up_says_so() {
    for command in ["RETR a.txt", "LIST dir"] {
        let mut job = job(&store(), transfer(false, command));
        job.cancel().cancel();
        let mut wire = Wire::default();
        assert_eq!(job.pump(&mut wire), Err(TransferFailure::Cancelled));
        assert_eq!(wire.seen().borrow().written, b"");
    }
    // However a connection fails that was shut down.
    for kind in [Io::TimedOut, Io::BrokenPipe, Io::NotConnected] {
        let mut job = job(&store(), transfer(false, "RETR a.txt"));
        let cancel = job.cancel().clone();
        let steps = [
            bytes("."),
            first(move || cancel.cancel()),
            Step::Fails(kind),
        ];
        let result = job.pump(&mut Wire::writing(steps));
        assert_eq!(result, Err(TransferFailure::Cancelled));
        assert_eq!(job.finish(result).bytes, 1);
    }
}

#[test]
fn a_job_runs_once() {
    let mut job = job(&store(), transfer(false, "RETR a.txt"));
    assert_eq!(job.pump(&mut Wire::default()), Ok(()));
    let again = job.pump(&mut Wire::default());
    assert_eq!(again, Err(TransferFailure::Cancelled));
    assert_eq!(job.finish(Ok(())), TransferReport::new(14, Ok(())));
}

#[test]
fn an_upload_that_is_dropped_or_discarded_leaves_nothing() {
    let store = store();
    let mut dropped = job(&store, transfer(false, "STOR a.txt"));
    assert_eq!(dropped.pump(&mut Wire::reading([bytes("x")])), Ok(()));
    assert_eq!(store.open_uploads(), 1);
    drop(dropped);
    assert_eq!(store.open_uploads(), 0);
    let discarded = job(&store, transfer(false, "STOR a.txt"));
    let reason = TransferFailure::Data(DataError::NotConnected);
    let report = discarded.discard(reason.clone());
    assert_eq!(report, TransferReport::new(0, Err(reason)));
    assert_eq!(store.open_uploads(), 0);
    assert_eq!(store.file("/a.txt"), Some(b"one\ntwo\r\nthree".to_vec()));
}

#[test]
fn what_cannot_be_opened_is_the_storages_to_say() {
    for (command, kind) in [
        ("RETR missing", ErrorKind::NotFound),
        ("RETR dir", ErrorKind::IsADirectory),
        ("STOR dir", ErrorKind::IsADirectory),
        ("LIST missing", ErrorKind::NotFound),
        ("MLSD a.txt", ErrorKind::NotADirectory),
    ] {
        let store = store();
        let transfer = transfer(false, command);
        let opened = Job::open(volume(&store).as_ref(), transfer, Cancel::new());
        assert_eq!(opened.err().unwrap().kind, kind, "{command}");
        assert_eq!(store.open_uploads(), 0);
    }
}

#[test]
fn bytes_fit_into_the_writers_own_room() {
    let store = store().with_chunk_size(3).with_capacity(100);
    let path = FtpPath::root().join(b"new").unwrap();
    let volume = volume(&store);
    let open = || volume.open_write(&path, StoreMode::Replace, None, &Cancel::new());
    let mut writer = open().unwrap();
    write_all(writer.as_mut(), b"12345678").unwrap();
    write_all(writer.as_mut(), b"").unwrap();
    writer.commit().unwrap();
    assert_eq!(store.file("/new").as_deref(), Some(&b"12345678"[..]));
    let mut writer = open().unwrap();
    let full = write_all(writer.as_mut(), &[b'.'; 200]);
    assert_eq!(full.unwrap_err().kind, ErrorKind::NoSpace);
}

#[test]
fn a_storage_that_gave_up_is_no_failure_of_its_own() {
    let cancelled = ossftp_core::StorageError::new(ErrorKind::Cancelled, "Cancelled.");
    assert_eq!(TransferFailure::from(cancelled), TransferFailure::Cancelled);
    let busy = ossftp_core::StorageError::new(ErrorKind::Busy, "Later.");
    let failure = TransferFailure::from(busy.clone());
    assert_eq!(failure, TransferFailure::Storage(busy));
}
