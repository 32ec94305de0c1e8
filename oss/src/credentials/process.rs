//! Keys that a command prints.
//!
//! Decides how the command is run: without a shell, within a time, and with no more output than a key needs.

use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::refresh::Refreshing;
use super::{CredentialProvider, Temporary, bad};
use crate::error::Result;
use crate::sign::Credentials;

/// The longest output that is read.
const MAX_OUTPUT: u64 = 64 << 10;

/// Runs a command that prints a JSON object: `AccessKeyId`, `AccessKeySecret`, and for a temporary key
/// `SecurityToken` and `Expiration` (`2006-01-02T15:04:05Z`), the form that ossutil and the OSS SDKs know.
///
/// The command is run without a shell and without input; what it writes to its standard error goes nowhere, since it
/// may be secret. It has 10 s and is killed then. It is run again when the key has lived half of its time; a key
/// without `Expiration` is kept for good.
pub struct Process {
    program: OsString,
    arguments: Vec<OsString>,
    limit: Duration,
    keys: Refreshing,
}

impl Process {
    /// This program with these arguments. A name without a slash is looked for in `PATH`.
    #[must_use]
    pub fn new<A: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let limit = Duration::from_secs(10);
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            limit,
            keys: Refreshing::new(limit * 2),
        }
    }

    /// Another limit for one run. Default 10 s.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self.keys = Refreshing::new(limit.saturating_mul(2));
        self
    }

    fn fetch(&self) -> Result<Temporary> {
        let until = Instant::now() + self.limit;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| bad(format!("the command can't be run: {}", error.kind())))?;
        let mut child = Reaped(child);
        let output = read(&mut child.0, until)?;
        if output.len() as u64 > MAX_OUTPUT {
            return Err(bad("the command prints too much"));
        }
        child.end(until)?;
        Temporary::read(&output, None)
    }
}

/// Reads the output on a thread of its own: a pipe has no timeout. The thread ends with the pipe.
fn read(child: &mut Child, until: Instant) -> Result<Vec<u8>> {
    let Some(stdout) = child.stdout.take() else {
        return Err(bad("the command has no output"));
    };
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("oss-credentials".to_owned())
        .spawn(move || {
            let mut output = Vec::new();
            let read = stdout.take(MAX_OUTPUT + 1).read_to_end(&mut output);
            let _ = sender.send(read.map(|_| output));
        })
        .map_err(|_| bad("there is no thread to read the command's output"))?;
    receiver
        .recv_timeout(until.saturating_duration_since(Instant::now()))
        .map_err(|_| bad("the command takes too long"))?
        .map_err(|_| bad("the command's output can't be read"))
}

/// A child that does not outlive its use.
struct Reaped(Child);

impl Reaped {
    /// Waits for the end. Its output is complete, so that is near.
    fn end(&mut self, until: Instant) -> Result<()> {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(bad(format!("the command failed: {status}"))),
                Ok(None) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(None) => return Err(bad("the command takes too long")),
                Err(_) => return Err(bad("the command can't be waited for")),
            }
        }
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        // Of a child that has ended neither does anything.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl CredentialProvider for Process {
    fn credentials(&self) -> Result<Credentials> {
        self.keys.get(Instant::now, || self.fetch())
    }

    fn refused(&self) -> bool {
        self.keys.forget(Instant::now())
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An argument may be a secret.
        f.debug_struct("Process")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}
