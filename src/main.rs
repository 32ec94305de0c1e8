//! The `oss-ftp` program: reads its arguments, runs one command, says in one sentence what went
//! wrong, and chooses the exit code: 0 done, 1 failed, 2 wrong arguments.

#![forbid(unsafe_code)]

mod cli;
mod commands;
mod failure;
mod logging;
mod signals;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()).and_then(commands::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody may be reading any more, and then there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "oss-ftp: {failure}");
            failure.exit_code()
        }
    }
}
