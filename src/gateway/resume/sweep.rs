//! Throwing away broken uploads that nobody goes on with (`partial = "resume"`).
//!
//! Decides which unfinished uploads are old enough and surely ours, and how much is looked through
//! at a time (DESIGN 7.2). A login starts it in the background, at most once an hour for each
//! bucket and home, with the login's own key and below its own home. An upload without a part
//! could be any tool's, costs nothing and is left to the bucket's lifecycle rules.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use log::{debug, info};
use ossftp_oss::{Bucket, Cancel, Error, UploadSummary};

use crate::gateway::config::Partial;
use crate::gateway::lock;
use crate::gateway::mount::{Mount, Process};
use crate::gateway::process::recent::Recent;
use crate::gateway::write::parts::FIRST_NUMBER;

/// How long after one look the next one may begin.
const PAUSE: Duration = Duration::from_secs(3600);
/// So many requests one look may take; the next one goes on where it ended.
const MAX_REQUESTS: usize = 1_000;
/// So many buckets and homes are remembered.
const MAX_PLACES: usize = 1_024;

/// Where a look ended: key and upload id.
type Marker = (String, String);

/// When each place was looked through last.
#[derive(Debug)]
pub(crate) struct Sweeps {
    /// Ends a look that is under way.
    cancel: Cancel,
    places: Mutex<Recent<String, Place>>,
}

#[derive(Clone, Debug)]
struct Place {
    began: Instant,
    /// There was more than one look takes.
    rest: Option<Marker>,
}

impl Default for Sweeps {
    fn default() -> Self {
        Self {
            cancel: Cancel::new(),
            places: Mutex::new(Recent::new(MAX_PLACES)),
        }
    }
}

impl Sweeps {
    /// The gateway ends: so do the looks.
    pub(crate) fn stop(&self) {
        self.cancel.cancel();
    }

    /// Whether it is time to look at `place` again, and from where on. Says so once.
    fn due(&self, place: &str, now: Instant) -> Option<Option<Marker>> {
        let mut places = lock(&self.places);
        let last = places.get(place).cloned();
        if last
            .as_ref()
            .is_some_and(|last| now.saturating_duration_since(last.began) < PAUSE)
        {
            return None;
        }
        let rest = last.and_then(|last| last.rest);
        let begun = Place {
            began: now,
            rest: None,
        };
        places.insert(place.to_owned(), begun);
        Some(rest)
    }

    /// There was no look after all.
    fn put_off(&self, place: &str) {
        lock(&self.places).remove(place);
    }

    fn ended(&self, place: &str, rest: Option<Marker>) {
        let mut places = lock(&self.places);
        if let Some(began) = places.get(place).map(|place| place.began) {
            places.insert(place.to_owned(), Place { began, rest });
        }
    }
}

/// Looks through the uploads below this login's home, on another thread, if it is time and if
/// there is a thread.
pub(crate) fn start(mount: &Mount) {
    let process = &mount.process;
    if process.config.partial != Partial::Resume {
        return;
    }
    let prefix = mount.keys.root().to_owned();
    let place = format!("{}/{prefix}", mount.bucket().name());
    let Some(marker) = process.sweeps.due(&place, Instant::now()) else {
        return;
    };
    let mut sweep = Sweep {
        bucket: mount
            .bucket()
            .with_cancel(process.sweeps.cancel.clone())
            .with_deadline(Some(process.config.command_timeout)),
        process: Arc::clone(process),
        oldest: oldest(process.config.partial_max_age),
        requests: MAX_REQUESTS,
        removed: 0,
    };
    let here = place.clone();
    let work = move || {
        let name = sweep.bucket.name().to_owned();
        let rest = match sweep.run(&prefix, marker) {
            Ok(rest) => rest,
            Err(error) => {
                info!("old uploads in bucket {name} were not looked through: {error}");
                None
            }
        };
        if sweep.removed > 0 {
            info!(
                "{} old uploads in bucket {name} are thrown away",
                sweep.removed
            );
        }
        sweep.process.sweeps.ended(&here, rest);
    };
    if process.lanes.start(work).is_err() {
        debug!("no thread to look for old uploads");
        process.sweeps.put_off(&place);
    }
}

/// What came after this time, in Unix seconds, is not old.
fn oldest(age: Duration) -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.saturating_sub(age).as_secs()).unwrap_or(0)
}

/// One look.
struct Sweep {
    bucket: Bucket,
    process: Arc<Process>,
    oldest: i64,
    /// How many more requests it may make.
    requests: usize,
    removed: usize,
}

impl Sweep {
    /// Gives where to go on the next time, if this was not all.
    fn run(&mut self, prefix: &str, mut marker: Option<Marker>) -> Result<Option<Marker>, Error> {
        loop {
            self.requests = self.requests.saturating_sub(1);
            let after = marker.as_ref().map(|(key, id)| (key.as_str(), id.as_str()));
            let page = self.bucket.list_multipart_uploads(prefix, after)?;
            for upload in &page.uploads {
                // No part is older than the upload.
                let young = upload.initiated > self.oldest;
                if young || self.process.holds.is_held(&upload.upload_id) {
                    continue;
                }
                if self.requests == 0 {
                    return Ok(marker);
                }
                if self.is_given_up(upload)? {
                    self.remove(upload)?;
                }
                marker = Some((upload.key.clone(), upload.upload_id.clone()));
            }
            match (page.is_truncated, page.next_key_marker) {
                (true, Some(key)) => {
                    marker = Some((key, page.next_upload_id_marker.unwrap_or_default()));
                }
                _ => return Ok(None),
            }
            if self.requests == 0 {
                return Ok(marker);
            }
        }
    }

    /// Whether it is surely ours and its newest part is old. The first page of parts tells whose
    /// it is.
    fn is_given_up(&mut self, upload: &UploadSummary) -> Result<bool, Error> {
        let mut after = None;
        loop {
            self.requests = self.requests.saturating_sub(1);
            let listed = self
                .bucket
                .list_parts(&upload.key, &upload.upload_id, after);
            let page = match listed {
                Ok(page) => page,
                Err(error) if error.code() == "NoSuchUpload" => return Ok(false),
                Err(error) => return Err(error),
            };
            let first = page.parts.iter().map(|part| part.number).min();
            if after.is_none() && first != Some(FIRST_NUMBER) {
                return Ok(false);
            }
            if page.parts.iter().any(|p| p.last_modified > self.oldest) {
                return Ok(false);
            }
            match (page.is_truncated, page.next) {
                (true, Some(next)) if after < Some(next) => after = Some(next),
                _ => return Ok(true),
            }
        }
    }

    fn remove(&mut self, upload: &UploadSummary) -> Result<(), Error> {
        self.requests = self.requests.saturating_sub(1);
        match self.bucket.abort_multipart(&upload.key, &upload.upload_id) {
            Ok(()) => {
                debug!("upload {} of {:?} is too old", upload.upload_id, upload.key);
                self.removed += 1;
                Ok(())
            }
            Err(error) if error.code() == "NoSuchUpload" => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_once_an_hour_and_on_from_where_it_ended() {
        let sweeps = Sweeps::default();
        let now = Instant::now();
        assert_eq!(sweeps.due("b/", now), Some(None));
        assert_eq!(sweeps.due("b/", now), None);
        assert_eq!(sweeps.due("b/home/", now), Some(None));
        let rest = Some(("k".to_owned(), "id".to_owned()));
        sweeps.ended("b/", rest.clone());
        assert_eq!(sweeps.due("b/", now + PAUSE - Duration::from_secs(1)), None);
        assert_eq!(sweeps.due("b/", now + PAUSE), Some(rest));
        assert_eq!(sweeps.due("b/", now + 2 * PAUSE), Some(None));
    }
}
