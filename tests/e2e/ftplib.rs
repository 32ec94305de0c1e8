//! Python's ftplib: one session through all that a client does, and one that gives transfers up.

use crate::support::{World, noise, on_both_runtimes, run_ok, text};

on_both_runtimes!(a_tour_with_ftplib, aborts_in_every_way);

fn a_tour_with_ftplib(runtime: &str) {
    let world = World::new(runtime, "ftplib");
    let said = text(&run_ok(&mut world.python("ftplib_tour.py")));
    assert!(said.ends_with("all done\n"), "{said}");
    assert_eq!(world.unfinished_uploads(), 0);
}

fn aborts_in_every_way(runtime: &str) {
    let world = World::new(runtime, "ftplib-abort");
    world.put("large", &noise(48 << 20, 1));
    world.put("old", b"the old content");
    let said = text(&run_ok(&mut world.python("ftplib_abort.py")));
    assert!(said.ends_with("all done\n"), "{said}");
    // Five ways in five situations.
    assert_eq!(said.lines().count(), 26, "{said}");
    assert_eq!(world.keys(), ["large", "old"]);
    assert_eq!(world.object("old"), b"the old content");
    assert_eq!(world.unfinished_uploads(), 0);
}
