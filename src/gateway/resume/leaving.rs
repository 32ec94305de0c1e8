//! What is done for an upload that broke off, so that it can go on (`partial = "resume"`).
//!
//! Decides that what is in memory goes to OSS as well, as far as it makes parts, and that an upload
//! that cannot go on after all is aborted (DESIGN 7.2). The client is not there any more, or does
//! not wait long: most of it happens behind its back, and all of it is bounded in time.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use log::debug;
use ossftp_core::{Kept, StorageError};
use ossftp_oss::crc64::Crc64;
use ossftp_oss::{Bucket, PutObject};

use crate::gateway::mount::Mount;
use crate::gateway::resume::unfinished;
use crate::gateway::write::buffer::PartBuffer;
use crate::gateway::write::parts::{FIRST_NUMBER, MIN_PART};
use crate::gateway::write::sending::Sending;
use crate::gateway::write::upload::Upload;

/// So long the reply to the client waits to hear how much is kept.
const AT_ONCE: Duration = Duration::from_millis(500);

/// An upload that broke off, and what of it is in memory.
pub(crate) struct Leaving {
    pub(crate) mount: Arc<Mount>,
    pub(crate) key: String,
    pub(crate) put: PutObject,
    /// The upload, if it has begun.
    pub(crate) upload: Option<Upload>,
    /// Its parts that are under way.
    pub(crate) sending: Sending,
    /// Parts that could not be sent, with their numbers.
    pub(crate) unsent: Vec<(u32, PartBuffer)>,
    /// What has no number yet, in order.
    pub(crate) rest: Vec<PartBuffer>,
}

impl Leaving {
    /// Whether there is anything to do.
    pub(crate) fn has_something(&self) -> bool {
        self.upload.is_some() || self.rest.iter().any(is_a_part)
    }

    /// Does it on another thread if there is one. The process's end waits for it. Gives what is
    /// kept, if that is known at once.
    pub(crate) fn start(self) -> Kept {
        let lanes = self.mount.process.lanes.clone();
        let hold = self.mount.process.uploads.hold();
        let (tell, told) = mpsc::channel();
        let work = move || {
            let kept = self.run();
            drop(hold);
            // The client may have been answered already.
            let _ = tell.send(kept);
        };
        if let Err(work) = lanes.start(work) {
            work();
        }
        told.recv_timeout(AT_ONCE).unwrap_or(Kept::Unknown)
    }

    fn run(mut self) -> Kept {
        self.settle();
        if let Err(error) = self.flush() {
            debug!("the rest of {:?} is lost: {error}", self.key);
        }
        let Some(upload) = &mut self.upload else {
            return Kept::Nothing;
        };
        if upload.is_taken() {
            return Kept::Unknown;
        }
        let usable = (FIRST_NUMBER..)
            .zip(upload.parts())
            .take_while(|(number, part)| part.number == *number && part.size >= MIN_PART);
        let length = usable.map(|(_, part)| part.size).sum();
        if length == 0 {
            upload.give_up();
            return Kept::Nothing;
        }
        // From now on OSS says how far it is.
        self.mount.clear_broken(&self.key);
        Kept::Bytes(length)
    }

    /// Waits for the parts that are under way.
    fn settle(&mut self) {
        let until = Instant::now() + self.mount.config().command_timeout;
        while let Some(sent) = self.sending.take_until(until) {
            match (sent.result, sent.part, &mut self.upload) {
                (Ok(part), _, Some(upload)) => upload.add(part),
                (Err(_), Some(part), _) => self.unsent.push((sent.number, part)),
                _ => {}
            }
        }
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.unsent.sort_by_key(|(number, _)| *number);
        let rest = std::mem::take(&mut self.rest);
        // No other part may be short, so what comes after one would be of no use.
        let rest: Vec<_> = rest.into_iter().take_while(is_a_part).collect();
        let begun = self.upload.as_ref();
        if rest.is_empty() && self.unsent.is_empty() && begun.is_none_or(|u| !u.leaves_out()) {
            return Ok(());
        }
        if !self.sending.is_idle() {
            debug!("parts of {:?} take too long", self.key);
            return Ok(());
        }
        let longest = self.mount.config().command_timeout;
        let bucket = self.mount.bucket().with_deadline(Some(longest));
        if self.upload.is_none() {
            let upload = Upload::begin(&self.mount, &self.key, &self.put)?;
            upload.leave_open();
            self.upload = Some(upload);
        } else if !self.is_alone(&bucket) {
            return Ok(());
        }
        let Some(upload) = &mut self.upload else {
            return Ok(());
        };
        upload.leave_out(&bucket)?;
        for (number, part) in self.unsent.drain(..) {
            if let Err(error) = send(&bucket, upload, number, &part) {
                if is_damaged(&bucket, upload, number, &part) {
                    upload.give_up();
                }
                return Err(error);
            }
        }
        for part in rest {
            let number = upload.number()?;
            send(&bucket, upload, number, &part)?;
        }
        Ok(())
    }

    /// Whether no other instance has gone on with it: parts of two would not fit together.
    fn is_alone(&mut self, bucket: &Bucket) -> bool {
        let Some(upload) = &mut self.upload else {
            return true;
        };
        let unsent = self.unsent.first().map(|(number, _)| *number);
        let first = unsent.unwrap_or(u32::MAX).min(upload.next());
        let id = upload.id().to_owned();
        let alone = unfinished::is_ours_alone(bucket, (&self.key, &id), first, |number, etag| {
            upload.knows(number, etag)
        });
        match alone {
            Ok(alone) => alone,
            Err(error) => {
                debug!("whether upload {id} is still this one's is not known: {error}");
                false
            }
        }
    }
}

fn is_a_part(part: &PartBuffer) -> bool {
    part.len() as u64 >= MIN_PART
}

fn send(
    bucket: &Bucket,
    upload: &mut Upload,
    number: u32,
    part: &PartBuffer,
) -> Result<(), StorageError> {
    let sent = upload.target().send(bucket, number, &mut part.body())?;
    upload.add(sent);
    Ok(())
}

/// Whether OSS has something else under this number than what was sent, or may have.
fn is_damaged(bucket: &Bucket, upload: &Upload, number: u32, part: &PartBuffer) -> bool {
    let mut crc = Crc64::new();
    part.each(|bytes| crc.update(bytes));
    let target = upload.target();
    let listed = bucket.list_parts(target.key(), upload.id(), Some(number.saturating_sub(1)));
    match listed {
        Ok(page) => page
            .parts
            .iter()
            .any(|there| there.number == number && there.crc64 != Some(crc.finish())),
        Err(_) => false,
    }
}
