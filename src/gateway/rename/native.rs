//! Renaming by OSS itself, in buckets that have a hierarchical namespace.
//!
//! Decides how it is found out whether a bucket has one, and what became of a rename whose answer
//! was lost. What OSS does not rename, for whatever reason, is copied by others.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use log::{debug, info};
use ossftp_core::StorageError;
use ossftp_oss::Error;

use crate::gateway::errors::{Action, is_missing, told};
use crate::gateway::lock;
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::process::recent::Recent;
use crate::gateway::volume::first_keys;

/// How long it is remembered what kind of namespace a bucket has.
const KEEP: Duration = Duration::from_secs(600);
/// Of how many buckets it is remembered.
const MAX_BUCKETS: usize = 1_024;

/// Which buckets have a hierarchical namespace, as far as this process knows.
#[derive(Debug)]
pub(crate) struct Namespaces(Mutex<Recent<Arc<str>, (Instant, bool)>>);

impl Default for Namespaces {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(MAX_BUCKETS)))
    }
}

impl Namespaces {
    fn get(&self, bucket: &str) -> Option<bool> {
        let (at, hierarchical) = *lock(&self.0).get(bucket)?;
        (at.elapsed() < KEEP).then_some(hierarchical)
    }

    fn set(&self, bucket: &str, hierarchical: bool) {
        lock(&self.0).insert(bucket.into(), (Instant::now(), hierarchical));
    }
}

/// Whether the bucket renames by itself. Only with `ask` may that cost a request; one that OSS
/// refuses, for want of the right, is a no.
pub(crate) fn is_offered(mount: &Mount, calls: &Calls, ask: bool) -> bool {
    let (bucket, known) = (calls.bucket(), &mount.process.namespaces);
    if let Some(hierarchical) = known.get(bucket.name()) {
        return hierarchical;
    }
    if !ask {
        return false;
    }
    let longest = mount.config().command_timeout;
    let hierarchical = match bucket.with_deadline(Some(longest)).info() {
        Ok(info) => info.hierarchical_namespace.as_deref() == Some("Enabled"),
        Err(Error::Service(error)) if error.status < 500 => false,
        Err(error) => {
            debug!(
                "bucket {}: its namespace is not known: {error}",
                bucket.name()
            );
            return false;
        }
    };
    if hierarchical {
        info!("bucket {} renames by itself", bucket.name());
    }
    known.set(bucket.name(), hierarchical);
    hierarchical
}

/// What is renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    File,
    Directory,
}

/// Has OSS rename `from` to `to`, both without a `/` at their end. `false` if it did not: perhaps
/// there is something of the new name already, or no directory above it.
///
/// # Errors
/// It is not known what OSS did.
pub(crate) fn rename(
    mount: &Mount,
    calls: &Calls,
    what: What,
    from: &str,
    to: &str,
) -> Result<bool, StorageError> {
    calls.check()?;
    // Nothing cancels it once it is sent: what it did would not be known.
    let error = match mount.bucket().rename_object(from, to) {
        Ok(()) => return Ok(true),
        Err(error) => error,
    };
    if !error.outcome_unknown() || error.status() == 501 {
        debug!("{from:?} is not renamed by OSS: {error}");
        return Ok(false);
    }
    let lost = |_| told(&error, Action::Copy);
    let is_from = is_there(mount, calls, what, from).map_err(lost)?;
    let is_to = is_there(mount, calls, what, to).map_err(lost)?;
    match (is_from, is_to) {
        (false, true) => Ok(true),
        // What stood in its way still does.
        (true, true) => Ok(false),
        _ => Err(told(&error, Action::Copy)),
    }
}

fn is_there(mount: &Mount, calls: &Calls, what: What, key: &str) -> Result<bool, StorageError> {
    if what == What::Directory {
        return Ok(!first_keys(calls, &format!("{key}/"), 1)?.is_empty());
    }
    match mount.bucket().head_object(key) {
        Ok(_) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(told(&error, Action::Read)),
    }
}
