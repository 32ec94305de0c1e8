//! lftp: a tree of 500 files with hard names goes up and comes back; then it is moved and removed.

use crate::support::{World, client, noise, on_both_runtimes, run_ok, text};
use std::fs;
use std::path::Path;
use std::process::Command;

on_both_runtimes!(a_tree_goes_up_and_comes_back);

/// Names that break clients and servers which take them apart wrongly.
const HARD_NAMES: [&str; 24] = [
    "with space",
    "two  spaces",
    " leading space",
    "trailing space ",
    "中文文件名.txt",
    "数据 2026 年",
    "hash#mark",
    "per%cent",
    "per%41cent",
    "%2e%2e",
    "plus+plus",
    "single'quote",
    "double\"quote",
    "back`tick",
    "-leading-dash",
    "--help",
    "-rf",
    "semi;colon",
    "question?mark",
    "star*star",
    "[brackets]",
    "amp&ersand=1",
    "back\\slash",
    "~tilde",
];

fn a_tree_goes_up_and_comes_back(runtime: &str) {
    let world = World::new(runtime, "lftp");
    let tree = world.file("tree");
    assert_eq!(plant(&tree), 500);

    let folder = &world.folder;
    lftp(
        &world,
        &format!("mkdir -p /{folder}; mirror -R --parallel=4 tree /{folder}/up"),
    );
    lftp(&world, &format!("mirror --parallel=4 /{folder}/up back"));
    let differences = run_ok(client("diff").arg("-r").arg(&tree).arg(world.file("back")));
    assert!(differences.is_empty(), "{}", text(&differences));

    lftp(&world, &format!("mv /{folder}/up /{folder}/moved"));
    let keys = world.keys();
    assert!(keys.iter().all(|key| key.starts_with("moved/")), "{keys:?}");
    assert_eq!(keys.iter().filter(|key| !key.ends_with('/')).count(), 500);
    lftp(
        &world,
        &format!("mv '/{folder}/moved/names/with space' /{folder}/moved/plain"),
    );
    lftp(&world, &format!("get /{folder}/moved/plain -o plain"));
    assert!(
        fs::read(world.file("plain")).unwrap() == fs::read(tree.join("names/with space")).unwrap()
    );

    lftp(&world, &format!("rm -r /{folder}/moved"));
    assert_eq!(world.keys(), [""; 0]);
}

/// Makes the tree and counts its files.
fn plant(tree: &Path) -> usize {
    let long = |start: &str| format!("{start}{}", "x".repeat(200 - start.len()));
    let mut names: Vec<String> = HARD_NAMES
        .iter()
        .map(|name| format!("names/{name}"))
        .collect();
    names.push(format!("names/{}", long("long-")));
    names.push(format!("names/{}", long(&"长".repeat(60))));
    for name in HARD_NAMES {
        names.push(format!("folders/{name}/file in {name}"));
    }
    names.push(format!("folders/{}/file", long("folder-")));
    let mut number = 0;
    while names.len() < 500 {
        names.push(format!("many/{}/file-{number}.dat", number % 7));
        number += 1;
    }
    for (number, name) in names.iter().enumerate() {
        let path = tree.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // From nothing to a few kilobytes, and one that needs several parts.
        let size = if number == 100 { 18 << 20 } else { number * 7 };
        fs::write(path, noise(size, number as u64)).unwrap();
    }
    names.len()
}

/// Runs lftp's `commands` in the world's local directory.
fn lftp(world: &World, commands: &str) {
    let settings = "set cmd:fail-exit yes; set net:max-retries 2; set net:timeout 60; \
                    set ftp:ssl-allow no; set ftp:charset utf-8; set file:charset utf-8";
    let mut command: Command = client("lftp");
    command
        .current_dir(world.local.path())
        .env("LFTP_HOME", world.local.path())
        .env("LC_ALL", "C.UTF-8")
        .arg("--norc")
        .arg("-e")
        .arg(format!("{settings}; {commands}; exit"))
        .arg("-u")
        .arg(format!("{},{}", world.user(), world.key.secret))
        .arg(format!("ftp://{}", world.address));
    run_ok(&mut command);
}
