//! The commands of extensions against the real gateway: what FEAT lists, hashes, ranges, unique
//! names, SITE, patterns, MODE Z and lines that are sent ahead.

use crate::support::{World, on_both_runtimes, run, run_ok, text};

on_both_runtimes!(every_command_that_is_listed, mode_z_is_not_offered);

fn every_command_that_is_listed(runtime: &str) {
    let world = World::with_flags(runtime, "commands", &["--mode-z=True"]);
    // The folder lives as long as there is something in it.
    world.put("", b"");
    let said = text(&run_ok(&mut world.python("ftplib_commands.py")));
    assert!(said.ends_with("all done\n"), "{said}");
    assert_eq!(said.lines().count(), 11, "{said}");
    assert_eq!(world.keys(), [""; 0]);
    assert_eq!(world.unfinished_uploads(), 0);
}

/// Without `--mode-z`: lftp takes it where it is offered, and loses names.
fn mode_z_is_not_offered(runtime: &str) {
    let world = World::new(runtime, "no-mode-z");
    world.put("file", b"plain");
    let mut curl = world.curl();
    curl.args(["-v", "-Q", "*FEAT", "-Q", "*MODE Z"]);
    let output = run(curl.arg(world.url("file")));
    assert_eq!(text(&output.stdout), "plain");
    let told = text(&output.stderr);
    assert!(
        told.contains("< 504 ") && told.contains("\n<  MLST "),
        "{told}"
    );
    assert!(!told.contains("\n<  MODE Z"), "{told}");
}
