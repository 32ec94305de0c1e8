//! Why the program gives up, in one sentence for the person who started it.

use std::fmt;
use std::process::ExitCode;

/// One sentence that says what is wrong and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The arguments are wrong: exit code 2.
    Usage(String),
    /// The arguments are right, but it did not work: exit code 1.
    Run(String),
}

impl Failure {
    /// What the shell is told.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Run(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(sentence) | Self::Run(sentence) => f.write_str(sentence),
        }
    }
}
