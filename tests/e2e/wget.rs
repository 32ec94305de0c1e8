//! wget: a tree by way of LIST, the rest of a file, active mode.

use crate::support::{World, client, noise, on_both_runtimes, run, run_ok, text};
use std::fs;
use std::process::Command;

on_both_runtimes!(a_tree_comes_down, the_rest_of_a_file, active_mode);

/// wget with the login, quiet, in the world's directory.
fn wget(world: &World) -> Command {
    let mut command = client("wget");
    command
        .current_dir(world.local.path())
        .args(["--no-config", "--no-verbose", "--tries=2", "--timeout=60"])
        .arg(format!("--user={}", world.user()))
        .arg(format!("--password={}", world.key.secret));
    command
}

fn a_tree_comes_down(runtime: &str) {
    let world = World::new(runtime, "wget-tree");
    let names = ["a", "b c", "deep/er/d", "deep/e", "empty", "中文/文件"];
    for (number, name) in names.into_iter().enumerate() {
        let data = noise(number * 70_000 % 280_000, number as u64);
        world.put(name, &data);
    }
    run_ok(
        wget(&world)
            .args(["--recursive", "--no-host-directories", "--cut-dirs=1"])
            .args(["--restrict-file-names=nocontrol", "--directory-prefix=got"])
            .arg(world.url("")),
    );
    for name in names {
        let got = fs::read(world.file(&format!("got/{name}"))).unwrap();
        assert!(got == world.object(name), "{name} came different");
    }
    let missing = run(wget(&world).arg(world.url("nothing")));
    assert_eq!(missing.status.code(), Some(8), "{}", text(&missing.stderr));
}

fn the_rest_of_a_file(runtime: &str) {
    let world = World::new(runtime, "wget-rest");
    let data = noise(3 << 20, 1);
    world.put("file", &data);
    world.write("file", &data[..1_234_567]);
    let said = world.gateway.lines();
    run_ok(wget(&world).arg("--continue").arg(world.url("file")));
    world.gateway.wait_for_after(said, "> REST 1234567");
    assert!(fs::read(world.file("file")).unwrap() == data);
}

fn active_mode(runtime: &str) {
    let world = World::new(runtime, "wget-active");
    let data = noise(300_000, 1);
    world.put("file", &data);
    run_ok(wget(&world).arg("--no-passive-ftp").arg(world.url("file")));
    world.gateway.wait_for("> PORT ");
    assert!(fs::read(world.file("file")).unwrap() == data);
}
