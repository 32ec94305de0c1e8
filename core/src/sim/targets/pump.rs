//! Whole transfers: the pump between a store in memory and a data connection in memory.

use super::source::{Cuts, Source};
use super::transfer::{content, to_stored, to_wire};
use crate::driver::{Cancel, DataStream, Job, LoginRequest, Storage as _, Volume};
use crate::sim::{Fault, MemoryStore};
use crate::{
    DataError, ErrorKind, FtpPath, Id, ListFormat, Names, Secret, StoreMode, Transfer,
    TransferFailure, TransferKind, TransferReport,
};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use std::io::{self, Read, Write};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATH: &[u8] = b"/dir/file";

/// What becomes of the data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accident {
    Reset,
    Silence,
    /// Somebody gives the transfer up.
    Cancel,
}

/// The data connection: the client's end is what was planned.
struct Wire {
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    cuts: Cuts,
    moved: usize,
    /// After so many bytes this happens.
    accident: Option<(usize, Accident)>,
    cancel: Cancel,
    /// Every second call is interrupted by a signal.
    interrupted: bool,
    finished: bool,
}

impl Wire {
    /// How many bytes may move now: none is an error.
    fn step(&mut self, wanted: usize) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let size = wanted.min(self.cuts.size());
        match self.accident {
            Some((at, accident)) if self.moved >= at => Err(match accident {
                Accident::Reset => io::ErrorKind::ConnectionReset,
                Accident::Silence => io::ErrorKind::WouldBlock,
                Accident::Cancel => {
                    self.cancel.cancel();
                    io::ErrorKind::ConnectionAborted
                }
            }
            .into()),
            Some((at, _)) => Ok(size.min(at - self.moved)),
            None => Ok(size),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        // After a download there is only its end to be read.
        if self.finished {
            return Ok(0);
        }
        assert!(!space.is_empty(), "a read of nothing");
        let size = self.step(space.len())?.min(self.incoming.len());
        for (to, from) in space.iter_mut().zip(self.incoming.drain(..size)) {
            *to = from;
        }
        self.moved += size;
        Ok(size)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!self.finished, "bytes after the end");
        let size = self.step(bytes.len())?;
        self.outgoing.extend(bytes.iter().take(size));
        self.moved += size;
        Ok(size)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DataStream for Wire {
    fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        assert!(!timeout.is_zero(), "no limit at all");
        Ok(())
    }

    fn waited(&self) -> Duration {
        Duration::ZERO
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        assert!(!self.finished, "ended twice");
        self.finished = true;
        Ok(())
    }
}

/// One transfer on a store, with its pieces, its accidents, and its failures.
struct Run {
    store: MemoryStore,
    volume: Arc<dyn Volume>,
    ascii: bool,
    /// The storage fails at some chunk.
    fails: bool,
    wire: Wire,
}

/// A transfer that the bytes choose. A download brings exactly the bytes that it should, an
/// upload stores exactly those that came, whatever the pieces are; and where it is broken off,
/// the bytes up to there are right and counted, and nothing becomes visible.
pub(super) fn pump(s: &mut Source<'_>) {
    let what = s.below(3);
    let ascii = s.flag();
    let (cuts, chunk) = (s.cuts(), s.below(70) + 1);
    let accident = s.pick(&[
        None,
        None,
        Some(Accident::Reset),
        Some(Accident::Silence),
        Some(Accident::Cancel),
    ]);
    let accident = accident.map(|accident| (small(s), accident));
    let fault = s.byte();
    let (offset, length) = (s.number(), s.maybe(Source::number));
    let mode = s.below(4);
    let keep = s.below(200);
    let bytes = content(s);

    let store = MemoryStore::new()
        .with_user("demo", "secret", true)
        .with_chunk_size(chunk)
        .with_page_size(chunk % 5);
    let login = LoginRequest::new("demo", Secret::new("secret"), PEER);
    let (volume, _) = store.login(&login, &Cancel::new()).expect("the account");
    let fails = fault >= 224;
    if fails {
        store.fail_next(Fault::Chunk(usize::from(fault - 224)), ErrorKind::Busy);
    }
    let wire = Wire {
        incoming: Vec::new(),
        outgoing: Vec::new(),
        cuts,
        moved: 0,
        accident,
        cancel: Cancel::new(),
        interrupted: false,
        finished: false,
    };
    let run = Run {
        store,
        volume,
        ascii,
        fails,
        wire,
    };
    match what {
        0 => run.download(bytes, offset, length),
        1 => run.upload(bytes, keep, (mode, offset)),
        _ => run.list(&bytes),
    }
}

fn small(s: &mut Source<'_>) -> usize {
    usize::try_from(s.number()).unwrap_or(usize::MAX)
}

impl Run {
    fn open(&self, kind: TransferKind) -> Result<(Job, Option<u64>), ErrorKind> {
        let transfer = Transfer {
            id: Id(1),
            kind,
            ascii: self.ascii,
            began_unix: 0,
            peer: PEER,
            stall_timeout: Duration::ZERO,
            connect_timeout: Duration::ZERO,
            linger_timeout: Duration::ZERO,
            deflate: None,
            secure: false,
            names: Names::default(),
        };
        let opened = Job::open(self.volume.as_ref(), transfer, self.wire.cancel.clone());
        opened.map_err(|error| error.kind)
    }

    /// Holds the way a pump ended against what was planned. `bytes` would have moved, and with
    /// `to_the_end` the end is on the wire too. Whether all went well.
    fn ended(&self, result: &Result<(), TransferFailure>, bytes: usize, to_the_end: bool) -> bool {
        let hit = |at: usize| at < bytes || (to_the_end && at == bytes);
        let accident = self.wire.accident.filter(|(at, _)| hit(*at));
        match (result, accident) {
            (Ok(()), None) => true,
            (Err(TransferFailure::Storage(error)), _) => {
                assert!(self.fails && error.kind == ErrorKind::Busy, "{error:?}");
                false
            }
            (Err(failure), Some((_, accident))) => {
                assert_eq!(
                    *failure,
                    match accident {
                        Accident::Reset => TransferFailure::Data(DataError::Broken),
                        Accident::Silence => TransferFailure::Data(DataError::Stalled),
                        Accident::Cancel => TransferFailure::Cancelled,
                    }
                );
                false
            }
            other => panic!("{other:?}"),
        }
    }

    fn download(mut self, file: Vec<u8>, offset: u64, length: Option<u64>) {
        self.store.put(PATH, file.clone());
        let rest = usize::try_from(offset).ok().and_then(|at| file.get(at..));
        let opened = self.open(TransferKind::Retrieve {
            path: path(PATH),
            offset,
            length,
        });
        let Some(rest) = rest else {
            assert_eq!(opened.err(), Some(ErrorKind::BadOffset));
            return;
        };
        let length = length.and_then(|length| usize::try_from(length).ok());
        let rest = length.and_then(|length| rest.get(..length)).unwrap_or(rest);
        let (mut job, size) = opened.expect("it is there");
        assert_eq!(size, u64::try_from(rest.len()).ok());
        let expected = if self.ascii {
            to_wire(rest)
        } else {
            rest.to_vec()
        };
        let result = job.pump(&mut self.wire);
        let whole = self.ended(&result, expected.len(), false);
        let received = &self.wire.outgoing;
        assert!(expected.starts_with(received), "other bytes came");
        assert_eq!(self.wire.finished, whole);
        assert!(!whole || expected.len() == received.len(), "not all came");
        counted(&job.finish(result.clone()), received.len(), &result);
        assert_eq!(self.store.file(PATH), Some(file));
    }

    fn upload(mut self, bytes: Vec<u8>, keep: usize, (mode, offset): (usize, u64)) {
        let old: Option<Vec<u8>> = bytes.get(..keep).map(|old| old.to_ascii_uppercase());
        if let Some(old) = &old {
            self.store.put(PATH, old.clone());
        }
        let there = old.clone().unwrap_or_default();
        let head = usize::try_from(offset).ok().and_then(|at| there.get(..at));
        let (mode, head) = match mode {
            0 => (StoreMode::Replace, Ok(&[][..])),
            1 => (StoreMode::Append, Ok(there.as_slice())),
            2 => (StoreMode::At(offset), head.ok_or(ErrorKind::BadOffset)),
            _ if old.is_some() => (StoreMode::New, Err(ErrorKind::Exists)),
            _ => (StoreMode::New, Ok(&[][..])),
        };
        let opened = self.open(TransferKind::Store {
            path: path(PATH),
            mode,
            expected: None,
        });
        let head = match head {
            Ok(head) => head,
            Err(kind) => {
                assert_eq!(opened.err(), Some(kind));
                assert_eq!(self.store.open_uploads(), 0);
                return;
            }
        };
        let (mut job, _) = opened.expect("it can be written");
        let stored = if self.ascii {
            to_stored(&bytes)
        } else {
            bytes.clone()
        };
        self.wire.incoming.clone_from(&bytes);
        let result = job.pump(&mut self.wire);
        let whole = self.ended(&result, bytes.len(), true);
        assert!(
            !whole || self.wire.moved == bytes.len(),
            "not all was taken"
        );
        assert_eq!(self.store.file(PATH), old, "visible before the commit");
        if !whole {
            drop(job);
        } else if keep.is_multiple_of(3) {
            let report = job.discard(TransferFailure::Truncated);
            counted(&report, bytes.len(), &Err(TransferFailure::Truncated));
        } else {
            counted(&job.commit(), bytes.len(), &Ok(()));
            let expected = [head, stored.as_slice()].concat();
            assert_eq!(
                self.store.file(PATH),
                Some(expected),
                "other bytes are stored"
            );
            assert_eq!(self.store.open_uploads(), 0);
            return;
        }
        assert_eq!(self.store.file(PATH), old);
        assert_eq!(self.store.open_uploads(), 0, "an upload is left open");
    }

    /// Files whose names are the lines of `bytes`.
    fn list(mut self, bytes: &[u8]) {
        let mut expected: Vec<Vec<u8>> = Vec::new();
        for name in bytes.split(|b| *b == b'\n').take(40) {
            let single = path(b"/dir").join(name);
            if let Ok(single) = single
                && single.parent() == path(b"/dir")
                && single.name() == name
                && name.len() < 200
            {
                self.store.put(single.as_bytes(), *b"");
                expected.push(name.to_vec());
            }
        }
        expected.sort();
        expected.dedup();
        let opened = self.open(TransferKind::List {
            path: path(b"/dir"),
            format: ListFormat::Names,
            pattern: None,
            prefix: Vec::new(),
            itself: None,
        });
        let (mut job, _) = match opened {
            Ok(opened) => opened,
            Err(kind) => {
                let missing = expected.is_empty() && kind == ErrorKind::NotFound;
                assert!(missing || self.fails && kind == ErrorKind::Busy, "{kind:?}");
                return;
            }
        };
        let wire: usize = expected.iter().map(|name| name.len() + 2).sum();
        let result = job.pump(&mut self.wire);
        let whole = self.ended(&result, wire, false);
        let received = &self.wire.outgoing;
        counted(&job.finish(result.clone()), received.len(), &result);
        let lines = received.split_inclusive(|b| *b == b'\n');
        let mut listed: Vec<&[u8]> = lines
            .filter_map(|line| line.strip_suffix(b"\r\n"))
            .collect();
        listed.sort_unstable();
        assert!(listed.iter().all(|name| expected.iter().any(|e| e == name)));
        assert!(!whole || listed == expected, "{listed:?}");
    }
}

fn path(text: &[u8]) -> FtpPath {
    FtpPath::root().join(text).expect("a path")
}

fn counted(report: &TransferReport, bytes: usize, outcome: &Result<(), TransferFailure>) {
    assert_eq!(Some(report.bytes), u64::try_from(bytes).ok());
    assert_eq!(report.outcome, *outcome);
}
