//! A device that knows only GBK: what it writes has the right name in the bucket and in UTF-8
//! listings, and comes back to it.

use crate::support::{World, on_both_runtimes, run_ok, text};

on_both_runtimes!(names_in_gbk);

fn names_in_gbk(runtime: &str) {
    let world = World::with_flags(runtime, "gbk", &["--charset=GBK"]);
    let said = text(&run_ok(&mut world.python("gbk_device.py")));
    assert!(said.ends_with("all done\n"), "{said}");
    assert_eq!(
        world.keys(),
        [
            "中文目录/",
            "中文目录/二号/",
            "中文目录/二号/图片.jpg",
            "中文目录/图片.jpg",
            "模"
        ]
    );
}
