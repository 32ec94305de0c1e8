//! What the parts of one session, and the sessions of one process, share.
//!
//! Decides nothing by itself: holds a session's bucket, keys and memory, and for the whole process
//! the settings and what must not be forgotten with a session.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use ossftp_core::driver::Cancel;
use ossftp_core::{FtpPath, StorageError};
use ossftp_oss::{Bucket, Error};

use crate::gateway::config::{GatewayConfig, Partial};
use crate::gateway::deletes;
use crate::gateway::errors;
use crate::gateway::keys::Keys;
use crate::gateway::lock;
use crate::gateway::memory::Memory;
use crate::gateway::process::budget::Budget;
use crate::gateway::process::cancel::Link;
use crate::gateway::process::lanes::Lanes;
use crate::gateway::process::recent::Recent;
use crate::gateway::rename::native::Namespaces;
use crate::gateway::resume::holds::Holds;
use crate::gateway::resume::sweep::Sweeps;
use crate::gateway::resume::unfinished::Ends;
use crate::gateway::write::uploads::Uploads;

/// How many broken uploads are remembered.
const MAX_BROKEN: usize = 10_000;

/// Names of files in all buckets.
type Names = Mutex<Recent<Arc<str>, ()>>;

/// What all sessions share.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) config: GatewayConfig,
    /// The memory of all transfers.
    pub(crate) budget: Budget,
    /// The threads of all transfers' requests.
    pub(crate) lanes: Lanes,
    /// The unfinished uploads that are being written.
    pub(crate) holds: Arc<Holds>,
    /// When unfinished uploads were looked through.
    pub(crate) sweeps: Sweeps,
    /// The multipart uploads that are not over.
    pub(crate) uploads: Uploads,
    ends: Ends,
    /// Which buckets rename by themselves.
    pub(crate) namespaces: Namespaces,
    broken: Names,
}

impl Process {
    pub(crate) fn new(config: GatewayConfig) -> Self {
        Self {
            budget: Budget::new(config.transfer_memory),
            lanes: Lanes::new(config.max_threads),
            uploads: Uploads::default(),
            ends: Ends::default(),
            config,
            holds: Arc::default(),
            sweeps: Sweeps::default(),
            namespaces: Namespaces::default(),
            broken: Mutex::new(Recent::new(MAX_BROKEN)),
        }
    }
}

/// One session's view of a bucket.
#[derive(Debug)]
pub(crate) struct Mount {
    pub(crate) keys: Keys,
    pub(crate) process: Arc<Process>,
    bucket: Bucket,
    memory: Mutex<Memory>,
}

impl Mount {
    pub(crate) fn new(bucket: Bucket, keys: Keys, process: Arc<Process>) -> Self {
        let memory = Memory::new(process.config.listing_memory);
        Self {
            keys,
            process,
            bucket,
            memory: Mutex::new(memory),
        }
    }

    /// The settings.
    pub(crate) fn config(&self) -> &GatewayConfig {
        &self.process.config
    }

    /// The session's memory. Not to be held over a request.
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }

    /// The bucket, for calls that nothing cancels.
    pub(crate) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// Deletes an object, and nothing cancels it (see [`deletes::one`]).
    pub(crate) fn delete(&self, key: &str) -> Result<(), Error> {
        deletes::one(&self.bucket, || self.bucket.clone(), key)
    }

    /// Calls that stop when the driver says so.
    pub(crate) fn calls(&self, cancel: &Cancel) -> Calls {
        let link = Link::new(cancel);
        Calls {
            bucket: self.bucket.with_cancel(link.handle()),
            until: None,
            link: Arc::new(link),
        }
    }

    /// Calls for a command without a preliminary reply: they also share a deadline.
    pub(crate) fn prompt_calls(&self, cancel: &Cancel) -> Calls {
        Calls {
            until: Some(self.reply_by()),
            ..self.calls(cancel)
        }
    }

    /// When a command that begins now must have its first reply.
    pub(crate) fn reply_by(&self) -> Instant {
        Instant::now() + self.config().command_timeout
    }

    /// Whether this session has reason to take the name for a directory, and none to take it for
    /// a file as well.
    pub(crate) fn is_known_directory(&self, path: &FtpPath) -> bool {
        let (Ok(file), Ok(directory)) = (self.keys.file(path), self.keys.directory(path)) else {
            return path.is_root();
        };
        let (memory, now) = (self.memory(), Instant::now());
        memory.knows_directory(&directory, now) && !memory.knows_file(&file, now)
    }

    /// Whether an upload of this file was begun in this process, and none since was whole
    /// (DESIGN 7.3).
    pub(crate) fn is_broken(&self, key: &str) -> bool {
        lock(&self.process.broken).contains(self.global(key).as_str())
    }

    /// An upload of this file is under way or was broken off.
    pub(crate) fn set_broken(&self, key: &str) {
        let name = self.global(key).into();
        lock(&self.process.broken).insert(name, ());
    }

    /// The file is whole now, or is there no more: what broke off before is of no use.
    pub(crate) fn note_end(&self, key: &str) {
        self.clear_broken(key);
        if self.config().partial == Partial::Resume {
            let now = self.bucket.client().time();
            self.process.ends.note(&self.global(key), now);
        }
    }

    /// Whether an upload that began at this time, in Unix seconds, broke off before the file was
    /// whole or was taken away in this process.
    pub(crate) fn is_over(&self, key: &str, initiated: i64) -> bool {
        self.process.ends.is_over(&self.global(key), initiated)
    }

    /// The file was uploaded whole or deleted, or OSS knows how far it is.
    pub(crate) fn clear_broken(&self, key: &str) {
        lock(&self.process.broken).remove(self.global(key).as_str());
    }

    /// A key together with its bucket, whose name holds no `/`.
    fn global(&self, key: &str) -> String {
        format!("{}/{key}", self.bucket.name())
    }
}

/// The requests of one command or transfer.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    bucket: Bucket,
    until: Option<Instant>,
    link: Arc<Link>,
}

impl Calls {
    /// The bucket, for one call.
    pub(crate) fn bucket(&self) -> Bucket {
        match self.until {
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                self.bucket.with_deadline(Some(left))
            }
            None => self.bucket.clone(),
        }
    }

    /// Deletes an object (see [`deletes::one`]). A third of the time is left for asking.
    pub(crate) fn delete(&self, key: &str) -> Result<(), Error> {
        let first = match self.until {
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                self.bucket.with_deadline(Some(left * 2 / 3))
            }
            None => self.bucket.clone(),
        };
        deletes::one(&first, || self.bucket(), key)
    }

    /// Calls that stop with these, or alone when they are told to.
    pub(crate) fn fork(&self) -> Self {
        let link = self.link.fork();
        Self {
            bucket: self.bucket.with_cancel(link.handle()),
            until: self.until,
            link: Arc::new(link),
        }
    }

    /// The same calls, but with a deadline for what comes before the first reply.
    pub(crate) fn before(&self, until: Instant) -> Self {
        let until = self.until.map_or(until, |other| other.min(until));
        Self {
            until: Some(until),
            ..self.clone()
        }
    }

    /// Stops these calls, not those that they were forked from.
    pub(crate) fn stop(&self) {
        self.link.stop();
    }

    /// Whether the driver has given up.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        if self.link.is_cancelled() {
            return Err(errors::cancelled());
        }
        Ok(())
    }
}
