//! Segment files: where object bytes lie.
//!
//! A segment is written once under a number nobody refers to, and becomes real when an index commit names it. So a
//! killed process leaves only files that the index does not know, and [`Segments::sweep`] removes those at the next
//! start. A file that a reader still needs is kept until the reader is done, whatever the index says meanwhile.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::record::Slice;

/// Count of folders the files are spread over; a folder of a million files is slow to walk with ordinary tools.
const FOLDERS: u64 = 256;

/// All segment files of one store.
#[derive(Debug)]
pub(super) struct Segments {
    root: PathBuf,
    next: AtomicU64,
    pins: Mutex<Pins>,
}

/// Which files readers need, and which of those are to go afterwards.
#[derive(Debug, Default)]
pub(super) struct Pins {
    held: HashMap<u64, usize>,
    doomed: HashSet<u64>,
}

impl Segments {
    /// Opens the folder `root`, making it if need be. `next` is the first free number.
    pub(super) fn open(root: PathBuf, next: u64) -> io::Result<Self> {
        for folder in 0..FOLDERS {
            fs::create_dir_all(root.join(format!("{folder:02x}")))?;
        }
        Ok(Self {
            root,
            next: AtomicU64::new(next),
            pins: Mutex::default(),
        })
    }

    /// Removes every file whose number `known` does not know. Only for the start, before anybody writes.
    pub(super) fn sweep(&self, known: impl Fn(u64) -> bool) -> io::Result<u64> {
        let mut removed = 0;
        for folder in fs::read_dir(&self.root)? {
            let folder = folder?.path();
            if !folder.is_dir() {
                continue;
            }
            for file in fs::read_dir(folder)? {
                let path = file?.path();
                let number = path
                    .file_name()
                    .and_then(|n| n.to_str())
                    .and_then(|n| u64::from_str_radix(n, 16).ok());
                // A file with another name is not ours; it stays.
                if number.is_some_and(|number| !known(number)) {
                    fs::remove_file(&path)?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    fn path(&self, number: u64) -> PathBuf {
        path_of(&self.root, number)
    }

    /// A new, empty segment; its file comes with the first byte. Dropping the writer removes it, unless
    /// [`SegmentWriter::keep`] was called.
    pub(super) fn create(&self) -> SegmentWriter {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        SegmentWriter {
            number,
            path: self.path(number),
            file: None,
            len: 0,
            keep: false,
        }
    }

    /// Holds the lock under which a reader must look up its object and pin it, so that no file can go in between.
    pub(super) fn lock(&self) -> MutexGuard<'_, Pins> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the files, or sees to it that the last reader does.
    pub(super) fn discard(&self, numbers: &[u64]) {
        if numbers.is_empty() {
            return;
        }
        let mut pins = self.lock();
        for &number in numbers {
            if pins.held.contains_key(&number) {
                pins.doomed.insert(number);
            } else {
                self.remove(number);
            }
        }
    }

    fn unpin(&self, slices: &[Slice]) {
        let mut pins = self.lock();
        for slice in slices {
            let Some(count) = pins.held.get_mut(&slice.segment) else {
                continue;
            };
            *count -= 1;
            if *count == 0 {
                pins.held.remove(&slice.segment);
                if pins.doomed.remove(&slice.segment) {
                    self.remove(slice.segment);
                }
            }
        }
    }

    fn remove(&self, number: u64) {
        if let Err(error) = fs::remove_file(self.path(number)) {
            // Nothing refers to it any more; the sweep of the next start tries again.
            log::warn!("cannot remove the segment file {number:016x}: {error}");
        }
    }
}

fn path_of(root: &Path, number: u64) -> PathBuf {
    root.join(format!("{:02x}", number % FOLDERS))
        .join(format!("{number:016x}"))
}

impl Pins {
    /// Keeps the files of `slices` until the returned value is dropped.
    pub(super) fn pin(&mut self, segments: &Arc<Segments>, slices: Vec<Slice>) -> Pinned {
        for slice in &slices {
            *self.held.entry(slice.segment).or_insert(0) += 1;
        }
        Pinned {
            segments: Arc::clone(segments),
            slices,
        }
    }
}

/// The bytes of one object, safe from being overwritten or deleted while this value lives.
#[derive(Debug)]
pub(in crate::devstore) struct Pinned {
    segments: Arc<Segments>,
    slices: Vec<Slice>,
}

impl Pinned {
    /// Calls `each` with a file positioned at, and limited to, every run of bytes in `offset .. offset + len`.
    pub(in crate::devstore) fn for_each<E: From<io::Error>>(
        &self,
        offset: u64,
        len: u64,
        mut each: impl FnMut(io::Take<File>) -> Result<(), E>,
    ) -> Result<(), E> {
        for slice in super::record::cut(&self.slices, offset, len) {
            let mut file = File::open(self.segments.path(slice.segment))?;
            file.seek(SeekFrom::Start(slice.offset))?;
            each(file.take(slice.len))?;
        }
        Ok(())
    }

    /// The runs of bytes themselves, for an object that shares them.
    pub(in crate::devstore) fn slices(&self) -> &[Slice] {
        &self.slices
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.segments.unpin(&self.slices);
    }
}

/// A segment being written.
#[derive(Debug)]
pub(in crate::devstore) struct SegmentWriter {
    number: u64,
    path: PathBuf,
    file: Option<File>,
    len: u64,
    keep: bool,
}

impl SegmentWriter {
    /// The slices that hold what was written: none if that is nothing.
    pub(in crate::devstore) fn slices(&self) -> Vec<Slice> {
        if self.len == 0 {
            return Vec::new();
        }
        vec![Slice {
            segment: self.number,
            offset: 0,
            len: self.len,
        }]
    }

    /// The index has committed: the file stays.
    pub(in crate::devstore) fn keep(mut self) {
        self.keep = true;
    }
}

impl Write for SegmentWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(
                OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .open(&self.path)?,
            ),
        };
        let written = file.write(bytes)?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        // Closed first: some systems do not remove an open file.
        if self.file.take().is_some()
            && !self.keep
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::warn!(
                "cannot remove the unfinished segment file {:016x}: {error}",
                self.number
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(pinned: &Pinned, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        pinned.for_each(offset, len, |mut part| part.read_to_end(&mut out).map(drop))?;
        Ok(out)
    }

    #[test]
    fn a_reader_keeps_its_file_and_the_last_one_removes_it() {
        let dir = tempfile::tempdir().unwrap();
        let segments = Arc::new(Segments::open(dir.path().join("data"), 1).unwrap());
        let mut writer = segments.create();
        writer.write_all(b"hello world").unwrap();
        let slices = writer.slices();
        writer.keep();

        let first = segments.lock().pin(&segments, slices.clone());
        let second = segments.lock().pin(&segments, slices.clone());
        segments.discard(&[slices[0].segment]);
        assert_eq!(content(&first, 0, 11).unwrap(), b"hello world");
        drop(first);
        assert_eq!(content(&second, 6, 5).unwrap(), b"world");
        let path = segments.path(slices[0].segment);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_not_kept_or_not_known_goes() {
        let dir = tempfile::tempdir().unwrap();
        let segments = Segments::open(dir.path().join("data"), 1).unwrap();
        let mut dropped = segments.create();
        dropped.write_all(b"x").unwrap();
        let path = dropped.path.clone();
        drop(dropped);
        assert!(!path.exists());

        let mut paths = Vec::new();
        for _ in 0..2 {
            let mut writer = segments.create();
            writer.write_all(b"x").unwrap();
            paths.push((writer.number, writer.path.clone()));
            writer.keep();
        }
        let known = paths[0].0;
        assert_eq!(segments.sweep(|number| number == known).unwrap(), 1);
        assert!(paths[0].1.exists());
        assert!(!paths[1].1.exists());
    }
}
