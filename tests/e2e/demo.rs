//! `oss-ftp demo`: what it prints is true, and what it stored is there after a restart.

use crate::support::{Program, address, on_both_runtimes, run_ok, text, wait_until};
use std::path::Path;
use std::process::Command;

on_both_runtimes!(the_printed_lines_work, a_signal_ends_it_in_order);

fn start(runtime: &str, dir: &Path) -> Program {
    Program::start([
        "demo".as_ref(),
        "--port=0".as_ref(),
        "--dir".as_ref(),
        dir.as_os_str(),
        "--runtime".as_ref(),
        runtime.as_ref(),
    ])
}

/// The commands that the demo prints to try.
fn printed_commands(demo: &Program) -> Vec<String> {
    demo.wait_for("Ctrl-C ends");
    let commands: Vec<String> = demo
        .printed()
        .lines()
        .map(str::trim)
        .filter(|line| line.contains("curl "))
        .map(str::to_owned)
        .collect();
    assert_eq!(commands.len(), 2, "{}", demo.printed());
    commands
}

fn shell(command: &str) -> String {
    text(&run_ok(Command::new("sh").arg("-c").arg(command)))
}

fn the_printed_lines_work(runtime: &str) {
    let dir = tempfile::tempdir().unwrap();
    let objects = dir.path().join("made by the demo");
    let mut demo = start(runtime, &objects);
    let commands = printed_commands(&demo);
    let printed = demo.printed();
    let port = address(&demo.wait_for("FTP on ")).port();
    assert_ne!(port, 0);
    for line in [
        "user      demo/demo",
        "password  demo-secret",
        &format!("port      {port}"),
    ] {
        assert!(printed.contains(line), "{printed}");
    }
    shell(&commands[0]);
    let listing = shell(&commands[1]);
    assert!(listing.trim_end().ends_with(" hello.txt"), "{listing}");

    // Killed and started again, the object is still there.
    demo.kill();
    let demo = start(runtime, &objects);
    let listing = shell(&printed_commands(&demo)[1]);
    assert!(listing.trim_end().ends_with(" hello.txt"), "{listing}");
}

fn a_signal_ends_it_in_order(runtime: &str) {
    for signal in ["TERM", "INT"] {
        let dir = tempfile::tempdir().unwrap();
        let mut demo = start(runtime, dir.path());
        let ftp = address(&demo.wait_for("FTP on "));
        demo.signal(signal);
        assert_eq!(demo.wait().code(), Some(0), "{}", demo.printed());
        wait_until("the port to be free", || {
            std::net::TcpListener::bind(ftp).is_ok()
        });
    }
}
