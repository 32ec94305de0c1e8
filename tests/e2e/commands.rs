//! The commands of extensions against the real gateway: what FEAT lists, hashes, ranges, unique
//! names, SITE, patterns, MODE Z and lines that are sent ahead.

use crate::support::{World, on_both_runtimes, run_ok, text};

on_both_runtimes!(every_command_that_is_listed);

fn every_command_that_is_listed(runtime: &str) {
    let world = World::new(runtime, "commands");
    // The folder lives as long as there is something in it.
    world.put("", b"");
    let said = text(&run_ok(&mut world.python("ftplib_commands.py")));
    assert!(said.ends_with("all done\n"), "{said}");
    assert_eq!(said.lines().count(), 11, "{said}");
    assert_eq!(world.keys(), [""; 0]);
    assert_eq!(world.unfinished_uploads(), 0);
}
