//! The parts of one upload that are under way.
//!
//! Decides which thread sends a part: one of the process's if there is one and memory for its
//! connection, else the caller's own, if the part is all there. How many at a time is `pace`'s; the writer says what goes
//! into a part, and takes every one back, sent or not.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use ossftp_core::{ErrorKind, StorageError};
use ossftp_oss::Bucket;

use crate::gateway::mount::{Calls, Process};
use crate::gateway::process::budget::{CONNECTION, Claim};
use crate::gateway::process::pace::Pace;
use crate::gateway::write::buffer::PartBuffer;
use crate::gateway::write::flow::FlowBody;
use crate::gateway::write::upload::{Part, Target};

/// A cancel ends a wait after this time, even if the requests do not end at once.
pub(crate) const GLANCE: Duration = Duration::from_millis(100);

/// A part to be sent.
pub(crate) struct Job {
    pub(crate) target: Arc<Target>,
    pub(crate) bucket: Bucket,
    pub(crate) number: u32,
    pub(crate) part: PartBuffer,
}

/// A part that is not under way any more.
pub(crate) struct Sent {
    pub(crate) number: u32,
    /// Its memory; lost if the thread panicked. One that was sent while it came has given it back.
    pub(crate) part: Option<PartBuffer>,
    pub(crate) result: Result<Part, StorageError>,
}

/// The parts under way, of one upload.
pub(crate) struct Sending {
    process: Arc<Process>,
    pace: Pace,
    tell: Sender<Sent>,
    told: Receiver<Sent>,
    under_way: usize,
}

impl Sending {
    pub(crate) fn new(process: &Arc<Process>) -> Self {
        let config = &process.config;
        let (tell, told) = mpsc::channel();
        Self {
            process: Arc::clone(process),
            pace: Pace::new(config.part_parallelism, config.max_parallelism),
            tell,
            told,
            under_way: 0,
        }
    }

    /// Whether no part is under way, and every one has been taken back.
    pub(crate) fn is_idle(&self) -> bool {
        self.under_way == 0
    }

    /// Whether one more would be too many.
    pub(crate) fn is_full(&self) -> bool {
        self.under_way >= self.pace.limit()
    }

    /// Sends a part. With `aside` on another thread, if there is one.
    pub(crate) fn start(&mut self, job: Job, aside: bool) {
        let report = self.report(job.number);
        let process = &self.process;
        let claim = if aside && self.pace.limit() > 1 {
            process.budget.spare(CONNECTION)
        } else {
            None
        };
        let Some(claim) = claim else {
            return perform(job, report, None);
        };
        let work = move || perform(job, report, Some(claim));
        if let Err(work) = process.lanes.start(work) {
            work();
        }
    }

    /// Sends a part while it comes, on another thread: one is taken even where only one request is
    /// to be under way, since that is what the part is. `false` if there is none, or no memory for
    /// its connection.
    pub(crate) fn pour(
        &mut self,
        target: Arc<Target>,
        bucket: Bucket,
        number: u32,
        mut body: FlowBody,
    ) -> bool {
        let Some(claim) = self.process.budget.spare(CONNECTION) else {
            return false;
        };
        let tell = self.tell.clone();
        let work = move || {
            let mut report = Report::new(tell, number);
            let sent = target.send(&bucket, number, &mut body);
            if let Some(report) = &mut report.sent {
                report.result = sent.map(|part| Part {
                    size: body.count(),
                    ..part
                });
            }
            drop(body);
            drop((report, claim));
            drop(target);
        };
        let is_started = self.process.lanes.start(work).is_ok();
        self.under_way += usize::from(is_started);
        is_started
    }

    /// One part more is under way.
    fn report(&mut self, number: u32) -> Report {
        self.under_way += 1;
        self.pace.begin(Instant::now());
        Report::new(self.tell.clone(), number)
    }

    /// A part that is over, if there is one already.
    pub(crate) fn try_take(&mut self) -> Option<Sent> {
        let sent = self.told.try_recv().ok()?;
        Some(self.taken(sent))
    }

    /// Waits for the next part that is over. `None` if none is under way.
    ///
    /// # Errors
    /// The driver has given up.
    pub(crate) fn take(&mut self, calls: &Calls) -> Result<Option<Sent>, StorageError> {
        while self.under_way > 0 {
            let began = Instant::now();
            let told = self.told.recv_timeout(GLANCE);
            self.pace.waited(began.elapsed());
            match told {
                Ok(sent) => return Ok(Some(self.taken(sent))),
                Err(RecvTimeoutError::Timeout) => calls.check()?,
                // Never, since one end of it is here.
                Err(RecvTimeoutError::Disconnected) => self.under_way = 0,
            }
        }
        Ok(None)
    }

    /// Waits for the next part that is over, until then at most, whatever the driver says.
    pub(crate) fn take_until(&mut self, until: Instant) -> Option<Sent> {
        if self.under_way == 0 {
            return None;
        }
        let left = until.saturating_duration_since(Instant::now());
        let sent = self.told.recv_timeout(left).ok()?;
        Some(self.taken(sent))
    }

    fn taken(&mut self, sent: Sent) -> Sent {
        self.under_way = self.under_way.saturating_sub(1);
        // How fast a part is that comes from the client meanwhile says nothing of OSS.
        if let (Ok(part), Some(_)) = (&sent.result, &sent.part) {
            self.pace.done(part.size, Instant::now());
        }
        sent
    }
}

fn perform(job: Job, mut report: Report, connection: Option<Claim>) {
    let Job {
        target,
        bucket,
        number,
        part,
    } = job;
    let result = target.send(&bucket, number, &mut part.body());
    if let Some(sent) = &mut report.sent {
        (sent.part, sent.result) = (Some(part), result);
    }
    // The memory is given back before the upload is let go of: when that is over, all is.
    drop((report, connection));
    drop(target);
}

/// Tells of a part's end, whatever end that is.
struct Report {
    tell: Sender<Sent>,
    sent: Option<Sent>,
}

impl Report {
    /// As long as nothing else is known, the part has failed.
    fn new(tell: Sender<Sent>, number: u32) -> Self {
        Self {
            tell,
            sent: Some(Sent {
                number,
                part: None,
                result: Err(StorageError::new(
                    ErrorKind::Unavailable,
                    "Sending a part failed inside the server.",
                )),
            }),
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(sent) = self.sent.take() {
            // The upload may be given up, and nobody listens.
            let _ = self.tell.send(sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::GatewayConfig;

    #[test]
    fn a_thread_that_panics_is_a_part_that_failed() {
        let process = Arc::new(Process::new(GatewayConfig::default()));
        let mut sending = Sending::new(&process);
        let report = sending.report(7);
        assert!(!sending.is_idle());
        let work = move || {
            let _report = report;
            panic!("on purpose");
        };
        assert!(process.lanes.start(work).is_ok());
        let sent = loop {
            match sending.try_take() {
                Some(sent) => break sent,
                None => std::thread::yield_now(),
            }
        };
        assert!(sending.is_idle());
        assert_eq!(sent.number, 7);
        assert_eq!(sent.result.unwrap_err().kind, ErrorKind::Unavailable);
    }
}
