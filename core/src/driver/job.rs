//! The one pump: opens a transfer on a volume, moves its bytes, commits or discards it.

use super::Cancel;
use super::coding::{CHUNK, Incoming, Outgoing};
use super::listed::Listed;
use super::part::Part;
use super::storage::{ObjectReader, ObjectWriter, Volume};
use crate::{
    DataError, ErrorKind, Kept, StorageError, Transfer, TransferFailure, TransferKind,
    TransferReport,
};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use portable_atomic::{AtomicU64, Ordering};
use std::io::{self, Read, Write};

/// After a download, at most so many bytes that the client still sends are read and dropped.
const LINGER_BYTES: usize = 64 * 1024;

/// A timeout of zero would be none at all.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);

/// A connected, blocking data connection.
pub trait DataStream: Read + Write {
    /// Limits each following read and write to `timeout`; one that takes longer fails with
    /// [`io::ErrorKind::WouldBlock`] or [`io::ErrorKind::TimedOut`]. It is never zero, which to a
    /// socket would mean no limit.
    ///
    /// # Errors
    /// The socket's own.
    fn set_timeout(&mut self, timeout: Duration) -> io::Result<()>;

    /// How long the last read waited before it returned; zero where that is not known.
    fn waited(&self) -> Duration;

    /// Ends the server's side in order: the client reads the end of the data, and can still
    /// send.
    ///
    /// # Errors
    /// The socket's own.
    fn finish_writing(&mut self) -> io::Result<()>;
}

/// How many bytes a transfer has moved. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Bytes on the data connection so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, count: usize) {
        self.0
            .fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

enum Content {
    Read(Box<dyn ObjectReader>),
    Write(Box<dyn ObjectWriter>),
    List(Listed),
}

/// A transfer that the storage has opened.
///
/// Its life: [`Job::open`], [`Job::pump`] over a connected data connection, then
/// [`Job::finish`] for a download, or [`Job::commit`] or [`Job::discard`] for an upload. A job
/// that is dropped discards its upload.
pub struct Job {
    transfer: Transfer,
    content: Option<Content>,
    cancel: Cancel,
    progress: Progress,
    waited: Duration,
    /// Bytes of the file that an upload brought.
    stored: u64,
    /// Whether the upload has come to its end in order, so that it may be committed.
    whole: bool,
    /// Names that a listing left out.
    hidden: u64,
}

impl Job {
    /// Opens `transfer` on `volume`; also gives the number of bytes to come, where it is known.
    ///
    /// # Errors
    /// The storage's own.
    pub fn open(
        volume: &dyn Volume,
        transfer: Transfer,
        cancel: Cancel,
    ) -> Result<(Self, Option<u64>), StorageError> {
        let mut size = None;
        let content = match &transfer.kind {
            TransferKind::Retrieve {
                path,
                offset,
                length,
            } => {
                let mut reader = volume.open_read(path, *offset, &cancel)?;
                if let Some(length) = length {
                    reader = Box::new(Part::new(reader, *length));
                }
                size = reader.remaining();
                Content::Read(reader)
            }
            TransferKind::Store {
                path,
                mode,
                expected,
            } => Content::Write(volume.open_write(path, *mode, *expected, &cancel)?),
            TransferKind::List { .. } => Content::List(Listed::open(volume, &transfer, &cancel)?),
        };
        let job = Self {
            transfer,
            content: Some(content),
            cancel,
            progress: Progress::default(),
            waited: Duration::ZERO,
            stored: 0,
            whole: false,
            hidden: 0,
        };
        Ok((job, size))
    }

    /// The same job, counting its bytes in `progress`.
    pub(super) fn counting(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }

    /// The transfer.
    #[must_use]
    pub fn transfer(&self) -> &Transfer {
        &self.transfer
    }

    /// The flag that cancels it.
    #[must_use]
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The shared count of bytes.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// How long the end of an upload was waited for after its last byte: what
    /// [`Input::TransferEof`](crate::Input::TransferEof) is to say.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Bytes of the file that an upload brought: in TYPE A and MODE Z not those of the data
    /// connection.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.stored
    }

    /// Moves all bytes. For a download the data connection has been ended in order when this
    /// returns; for an upload the client has ended it. The caller closes it in either case.
    ///
    /// # Errors
    /// What failed. An upload can then only be discarded.
    pub fn pump(&mut self, data: &mut dyn DataStream) -> Result<(), TransferFailure> {
        let result = data
            .set_timeout(self.transfer.stall_timeout.max(SHORTEST_TIMEOUT))
            .map_err(|e| self.data_failure(&e))
            .and_then(|()| self.move_bytes(data));
        if self.cancel.is_cancelled() && result.is_err() {
            return Err(TransferFailure::Cancelled);
        }
        result
    }

    fn move_bytes(&mut self, data: &mut dyn DataStream) -> Result<(), TransferFailure> {
        let mut content = self.content.take().ok_or(TransferFailure::Cancelled)?;
        let result = match &mut content {
            Content::Read(reader) => self.send_file(reader.as_mut(), data),
            Content::List(listed) => {
                let result = self.send_listing(listed, data);
                self.hidden = listed.hidden();
                result
            }
            Content::Write(writer) => {
                let result = self.receive_file(writer.as_mut(), data);
                self.waited = data.waited();
                self.content = Some(content);
                self.stored = result?;
                self.whole = true;
                return Ok(());
            }
        };
        result.and_then(|()| self.end_download(data))
    }

    fn send_file(
        &self,
        reader: &mut dyn ObjectReader,
        data: &mut dyn DataStream,
    ) -> Result<(), TransferFailure> {
        let mut coding = Outgoing::new(&self.transfer);
        loop {
            self.check_cancel()?;
            let bytes = reader.fill().map_err(TransferFailure::Storage)?;
            if bytes.is_empty() {
                return self.send(coding.finish(), data);
            }
            let (count, wire) = coding.encode(bytes);
            self.send(wire, data)?;
            reader.consume(count);
        }
    }

    fn send_listing(
        &self,
        listed: &mut Listed,
        data: &mut dyn DataStream,
    ) -> Result<(), TransferFailure> {
        let mut coding = Outgoing::new(&self.transfer);
        let mut page = Vec::new();
        loop {
            self.check_cancel()?;
            page.clear();
            let more = listed.next_page(&self.transfer, &mut page);
            if !more.map_err(TransferFailure::Storage)? {
                return self.send(coding.finish(), data);
            }
            let mut rest = page.as_slice();
            while !rest.is_empty() {
                let (count, wire) = coding.encode(rest);
                self.send(wire, data)?;
                rest = rest.get(count..).unwrap_or_default();
            }
        }
    }

    /// Gives the number of bytes of the file.
    fn receive_file(
        &self,
        writer: &mut dyn ObjectWriter,
        data: &mut dyn DataStream,
    ) -> Result<u64, TransferFailure> {
        if let Some(coding) = Incoming::new(&self.transfer) {
            return self.receive_coded(coding, writer, data);
        }
        let mut stored = 0_u64;
        loop {
            self.check_cancel()?;
            let space = writer.space().map_err(TransferFailure::Storage)?;
            let count = self.receive(space, data)?;
            if count == 0 {
                return Ok(stored);
            }
            writer.filled(count).map_err(TransferFailure::Storage)?;
            stored = stored.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        }
    }

    fn receive_coded(
        &self,
        mut coding: Incoming,
        writer: &mut dyn ObjectWriter,
        data: &mut dyn DataStream,
    ) -> Result<u64, TransferFailure> {
        let mut wire = alloc::vec![0; CHUNK];
        loop {
            self.check_cancel()?;
            let count = self.receive(&mut wire, data)?;
            if count == 0 {
                return coding.finish(writer);
            }
            let bytes = wire.get(..count).unwrap_or_default();
            coding.store(bytes, writer, || self.check_cancel())?;
        }
    }

    fn receive(
        &self,
        space: &mut [u8],
        data: &mut dyn DataStream,
    ) -> Result<usize, TransferFailure> {
        loop {
            match data.read(space) {
                // A cancelled connection is shut down, which reads like an end in order.
                Ok(0) if self.cancel.is_cancelled() => return Err(TransferFailure::Cancelled),
                Ok(count) => {
                    self.progress.add(count);
                    return Ok(count);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.data_failure(&e)),
            }
        }
    }

    fn send(&self, mut bytes: &[u8], data: &mut dyn DataStream) -> Result<(), TransferFailure> {
        while !bytes.is_empty() {
            self.check_cancel()?;
            match data.write(bytes) {
                Ok(0) => return Err(TransferFailure::Data(DataError::Broken)),
                Ok(count) => {
                    self.progress.add(count);
                    bytes = bytes.get(count..).unwrap_or_default();
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.data_failure(&e)),
            }
        }
        Ok(())
    }

    /// Ends the server's side and waits for the client to end its own, so that closing the
    /// socket cannot reset bytes that are still on their way.
    fn end_download(&self, data: &mut dyn DataStream) -> Result<(), TransferFailure> {
        data.finish_writing().map_err(|e| self.data_failure(&e))?;
        let linger = self.transfer.linger_timeout.max(SHORTEST_TIMEOUT);
        if data.set_timeout(linger).is_err() {
            return Ok(());
        }
        let (mut dropped, mut sink) = (0, [0; 1024]);
        // In all, and not for each byte: a client could have a thread wait for hours.
        let mut waited = Duration::ZERO;
        while dropped < LINGER_BYTES && waited < linger && !self.cancel.is_cancelled() {
            match data.read(&mut sink) {
                Ok(count) if count > 0 => {
                    dropped += count;
                    waited = waited.saturating_add(data.waited());
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => {
                    // The client threw away what it had not read.
                    return Err(TransferFailure::Data(DataError::Broken));
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// The report of a download that [`Job::pump`] ended so.
    #[must_use]
    pub fn finish(self, result: Result<(), TransferFailure>) -> TransferReport {
        TransferReport {
            hidden: self.hidden,
            ..TransferReport::new(self.progress.bytes(), result)
        }
    }

    /// Makes an upload visible. One that [`Job::pump`] has not brought to its end in order is
    /// dropped, and the report says that it is truncated.
    #[must_use]
    pub fn commit(mut self) -> TransferReport {
        match self.content.take_if(|_| self.whole) {
            Some(Content::Write(writer)) => {
                let result = writer.commit();
                let kept = result
                    .as_ref()
                    .err()
                    .map_or(Kept::Nothing, |error| error.kept);
                let result = result.map_err(TransferFailure::Storage);
                TransferReport {
                    kept,
                    ..TransferReport::new(self.progress.bytes(), result)
                }
            }
            _ => self.discard(TransferFailure::Truncated),
        }
    }

    /// Drops an upload; the report says `reason`, and what is kept of it.
    #[must_use]
    pub fn discard(mut self, reason: TransferFailure) -> TransferReport {
        let kept = match self.content.take() {
            Some(Content::Write(writer)) => writer.break_off(),
            _ => Kept::Nothing,
        };
        TransferReport {
            kept,
            ..TransferReport::new(self.progress.bytes(), Err(reason))
        }
    }

    fn check_cancel(&self) -> Result<(), TransferFailure> {
        if self.cancel.is_cancelled() {
            return Err(TransferFailure::Cancelled);
        }
        Ok(())
    }

    fn data_failure(&self, error: &io::Error) -> TransferFailure {
        if self.cancel.is_cancelled() {
            return TransferFailure::Cancelled;
        }
        TransferFailure::Data(match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => DataError::Stalled,
            _ => DataError::Broken,
        })
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(Content::Write(writer)) = self.content.take() {
            let _ = writer.break_off();
        }
    }
}

impl From<StorageError> for TransferFailure {
    fn from(error: StorageError) -> Self {
        if error.kind == ErrorKind::Cancelled {
            Self::Cancelled
        } else {
            Self::Storage(error)
        }
    }
}

#[cfg(all(test, feature = "sim"))]
mod tests {
    use super::*;
    use crate::driver::{LoginRequest, Storage};
    use crate::sim::MemoryStore;
    use crate::{FtpPath, Id, Names, Secret};

    /// A client that has read all and says a byte each second, for ever.
    struct Talker {
        heard: u32,
    }

    impl Read for Talker {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.heard += 1;
            Ok(1)
        }
    }

    impl Write for Talker {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl DataStream for Talker {
        fn set_timeout(&mut self, _: Duration) -> io::Result<()> {
            Ok(())
        }
        fn waited(&self) -> Duration {
            Duration::from_secs(1)
        }
        fn finish_writing(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_client_that_goes_on_talking_after_a_download_is_left() {
        let store = MemoryStore::new()
            .with_user("u", "p", true)
            .with_file("/f", "x");
        let peer = "192.0.2.7".parse().unwrap();
        let request = LoginRequest::new("u", Secret::new("p"), peer);
        let volume = store.login(&request, &Cancel::new()).unwrap().0;
        let transfer = Transfer {
            id: Id(1),
            kind: TransferKind::Retrieve {
                path: FtpPath::root().join(b"f").unwrap(),
                offset: 0,
                length: None,
            },
            ascii: false,
            began_unix: 0,
            peer,
            stall_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(30),
            linger_timeout: Duration::from_secs(2),
            deflate: None,
            secure: false,
            names: Names::default(),
        };
        let (mut job, _) = Job::open(volume.as_ref(), transfer, Cancel::new()).unwrap();
        let mut talker = Talker { heard: 0 };
        assert_eq!(job.pump(&mut talker), Ok(()));
        assert_eq!(talker.heard, 2);
    }
}
