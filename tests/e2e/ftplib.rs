//! Python's ftplib: one session through all that a client does.

use crate::support::{World, on_both_runtimes, run_ok, text};

on_both_runtimes!(a_tour_with_ftplib);

fn a_tour_with_ftplib(runtime: &str) {
    let world = World::new(runtime, "ftplib");
    let said = text(&run_ok(&mut world.python("ftplib_tour.py")));
    assert!(said.ends_with("all done\n"), "{said}");
    assert_eq!(world.unfinished_uploads(), 0);
}
