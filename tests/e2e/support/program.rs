//! Processes: the program under test, and the clients that talk to it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that should be there at once. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program in the background whose output is kept. Killed when dropped.
pub(crate) struct Program {
    child: Child,
    log: Arc<Log>,
    name: String,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl Program {
    /// Starts the program under test.
    pub(crate) fn start<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oss-ftp"));
        command.args(arguments);
        Self::spawn(command)
    }

    /// Starts `command` and keeps what it prints.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let log = Arc::new(Log::default());
        keep(child.stdout.take(), &log);
        keep(child.stderr.take(), &log);
        Self { child, log, name }
    }

    /// Waits for a line that contains `needle` and gives what follows the needle in it.
    pub(crate) fn wait_for(&self, needle: &str) -> String {
        self.wait_for_after(0, needle)
    }

    /// The same, among the lines after the first `lines`.
    pub(crate) fn wait_for_after(&self, lines: usize, needle: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut printed = self.log.lines.lock().unwrap();
        loop {
            let mut news = printed.iter().skip(lines);
            if let Some((_, rest)) = news.find_map(|line| line.split_once(needle)) {
                return rest.to_owned();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(printed);
                panic!(
                    "{} did not say {needle:?} but:\n{}",
                    self.name,
                    self.printed()
                );
            }
            printed = self.log.more.wait_timeout(printed, left).unwrap().0;
        }
    }

    /// How many lines it has printed so far.
    pub(crate) fn lines(&self) -> usize {
        self.log.lines.lock().unwrap().len()
    }

    /// What it has printed after the first `lines` lines.
    pub(crate) fn printed_after(&self, lines: usize) -> Vec<String> {
        let printed = self.log.lines.lock().unwrap();
        printed.iter().skip(lines).cloned().collect()
    }

    /// All that it has printed so far.
    pub(crate) fn printed(&self) -> String {
        self.log.lines.lock().unwrap().join("\n")
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends `signal`, such as `TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        run_ok(
            Command::new("kill")
                .arg(format!("-{signal}"))
                .arg(self.id().to_string()),
        );
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until(&format!("the end of {}", self.name), || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let printed = self.log.lines.lock().unwrap();
            let tail = &printed[printed.len().saturating_sub(60)..];
            eprintln!(
                "--- {} printed at last:\n{}\n---",
                self.name,
                tail.join("\n")
            );
        }
    }
}

fn keep(pipe: Option<impl Read + Send + 'static>, log: &Arc<Log>) {
    let (pipe, log) = (BufReader::new(pipe.unwrap()), Arc::clone(log));
    thread::spawn(move || {
        for line in pipe.lines() {
            let Ok(line) = line else { return };
            log.lines.lock().unwrap().push(line);
            log.more.notify_all();
        }
    });
}

/// Waits until `condition` holds; fails if it does not in a minute.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A command of a client that must be installed, in the Debian package of the same name.
pub(crate) fn client(name: &str) -> Command {
    let found = Command::new(name)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(
        found.is_ok(),
        "{name} is missing: install it (Debian: apt-get install {name}) and run the test again"
    );
    Command::new(name)
}

/// Runs `command` to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Runs `command`, which must succeed, and gives its standard output.
pub(crate) fn run_ok(command: &mut Command) -> Vec<u8> {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    output.stdout
}

/// Runs `command` with `input` as its standard input, and gives all that it printed; it must
/// succeed.
pub(crate) fn run_with(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // A script fits into the pipe's buffer; dropping the pipe ends the input.
    let written = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(
        output.status.success() && written.is_ok(),
        "{command:?} ended with {}\n{said}",
        output.status
    );
    said
}

/// Output as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
