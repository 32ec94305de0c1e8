//! The two command line clients that come from BSD, tnftp and GNU inetutils' ftp, driven by a
//! script as people do from cron. They exit with 0 whatever happened, so the replies are read.

use crate::support::{World, client, noise, on_both_runtimes, run_with};
use std::fs;
use std::process::Command;

on_both_runtimes!(
    tnftp_passive,
    tnftp_active,
    tnftp_by_url,
    inetutils_passive,
    inetutils_active,
    tnftp_patterns_and_modes,
    inetutils_patterns_and_modes,
);

fn tnftp_passive(runtime: &str) {
    tour(&World::new(runtime, "tnftp-passive"), "tnftp", "-p");
}

fn tnftp_active(runtime: &str) {
    tour(&World::new(runtime, "tnftp-active"), "tnftp", "-A");
}

fn inetutils_passive(runtime: &str) {
    tour(
        &World::new(runtime, "inetutils-passive"),
        "inetutils-ftp",
        "-p",
    );
}

fn inetutils_active(runtime: &str) {
    tour(
        &World::new(runtime, "inetutils-active"),
        "inetutils-ftp",
        "-A",
    );
}

/// The client, in the world's directory and with nothing of this machine's user.
fn ftp(world: &World, name: &str) -> Command {
    let mut command = client(name);
    command
        .current_dir(world.local.path())
        .env("HOME", world.local.path())
        .env("TZ", "UTC");
    command
}

/// Each reply's first or only line, code and text.
fn replies(said: &str) -> Vec<&str> {
    said.lines()
        .filter(|line| {
            let (code, rest) = line.split_at_checked(3).unwrap_or_default();
            code.bytes().all(|b| b.is_ascii_digit()) && rest.starts_with([' ', '-'])
        })
        .collect()
}

/// Everything that such a client is used for, in one session.
fn tour(world: &World, name: &str, mode: &str) {
    let (user, secret, folder) = (world.user(), &world.key.secret, &world.folder);
    // CRLF, LF, CR and 0xFF in it: as it is in binary, and nothing that Telnet would touch.
    let mut data = noise(1 << 20, 1);
    data.extend_from_slice(b"\r\n\n\r\xff\xff\r\r\n");
    world.write("picture", &data);
    let lines: String = (0..2_000)
        .map(|number| format!("line {number}\n"))
        .collect();
    world.write("lines", lines.as_bytes());
    for number in 1..=3 {
        world.write(
            &format!("many-{number}"),
            &noise(number * 1_000, number as u64),
        );
    }
    fs::create_dir(world.file("got")).unwrap();

    let said = run_with(
        ftp(world, name)
            .args(["-i", "-n", "-v", mode, "127.0.0.1"])
            .arg(world.address.port().to_string()),
        &format!(
            "user {user} {secret}\n\
             mkdir {folder}\n\
             cd {folder}\n\
             mkdir sub\n\
             cd sub\n\
             pwd\n\
             cdup\n\
             binary\n\
             put picture\n\
             put picture sub/second\n\
             size picture\n\
             ascii\n\
             put lines\n\
             get lines got/lines\n\
             binary\n\
             get lines got/lines.binary\n\
             get picture got/picture\n\
             append many-1 sum\n\
             append many-2 sum\n\
             mput many-1 many-2 many-3\n\
             lcd got\n\
             mget many-1 many-2 many-3\n\
             ls\n\
             nlist sub\n\
             rename many-1 sub/moved\n\
             delete many-2\n\
             mdelete many-3 lines\n\
             rmdir sub\n\
             delete sub/second\n\
             delete sub/moved\n\
             rmdir sub\n\
             get nothing\n\
             quit\n"
        ),
    );

    assert!(world.object("picture") == data, "{said}");
    assert!(
        fs::read(world.file("got/picture")).unwrap() == data,
        "{said}"
    );
    for name in ["got/lines", "got/lines.binary"] {
        assert!(
            fs::read(world.file(name)).unwrap() == lines.as_bytes(),
            "{name}\n{said}"
        );
    }
    let mut sum = noise(1_000, 1);
    sum.extend(noise(2_000, 2));
    assert!(world.object("sum") == sum, "{said}");
    for number in 1..=3 {
        let got = fs::read(world.file(&format!("got/many-{number}"))).unwrap();
        assert!(
            got == noise(number * 1_000, number as u64),
            "{number}\n{said}"
        );
    }
    assert_eq!(world.keys(), ["picture", "sum"], "{said}");

    let replies = replies(&said);
    let count = |code: &str| {
        replies
            .iter()
            .filter(|reply| reply.starts_with(code))
            .count()
    };
    // Three puts, three gets, two appends, three files up and three down, two listings.
    assert_eq!((count("150"), count("226")), (16, 16), "{said}");
    // A directory that is not empty, and a file that is not there.
    let refused: Vec<_> = replies
        .iter()
        .filter(|reply| reply.starts_with(['4', '5']))
        .collect();
    assert_eq!(refused.len(), 2, "{said}");
    assert!(
        refused.iter().all(|reply| reply.starts_with("550 ")),
        "{said}"
    );
    assert!(said.contains(&format!("257 \"/{folder}/sub\"")), "{said}");
    assert!(said.contains(&data.len().to_string()), "{said}");
    assert_eq!(replies.last(), Some(&"221 Goodbye."), "{said}");
    // One more for the file that is not there.
    let prepared = count("227") + count("229");
    assert_eq!(prepared, if mode == "-p" { 17 } else { 0 }, "{said}");
    let file = said
        .lines()
        .find(|line| line.ends_with(" picture") && line.starts_with("-rw"));
    assert!(
        file.is_some_and(|line| line.contains(&format!(" {} ", data.len()))),
        "{said}"
    );
    assert!(
        said.lines()
            .any(|line| line.starts_with("drwx") && line.ends_with(" sub")),
        "{said}"
    );
}

fn tnftp_patterns_and_modes(runtime: &str) {
    patterns_and_modes(&World::new(runtime, "tnftp-patterns"), "tnftp");
}

fn inetutils_patterns_and_modes(runtime: &str) {
    patterns_and_modes(&World::new(runtime, "inetutils-patterns"), "inetutils-ftp");
}

/// mget, mdelete and mls leave patterns to the server's NLST; chmod is SITE CHMOD.
fn patterns_and_modes(world: &World, name: &str) {
    let files = ["a-1.log", "a-2.log", "b-1.log", "notes", "sub/a-3.log"];
    for name in files {
        world.put(name, name.as_bytes());
    }
    fs::create_dir(world.file("got")).unwrap();
    let (user, secret, folder) = (world.user(), &world.key.secret, &world.folder);
    let said = run_with(
        ftp(world, name)
            .args(["-i", "-n", "-v", "-p", "127.0.0.1"])
            .arg(world.address.port().to_string()),
        &format!(
            "user {user} {secret}\n\
             cd {folder}\n\
             binary\n\
             chmod 600 notes\n\
             chmod 600 nothing\n\
             lcd got\n\
             mget a-*.log\n\
             mdelete ?-1.log\n\
             mdelete none-*\n\
             quit\n"
        ),
    );
    let mut got: Vec<_> = fs::read_dir(world.file("got"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    got.sort_unstable();
    assert_eq!(got, ["a-1.log", "a-2.log"], "{said}");
    for name in got {
        let path = world.file(&format!("got/{name}"));
        assert_eq!(fs::read(path).unwrap(), name.as_bytes());
    }
    assert_eq!(world.keys(), ["a-2.log", "notes", "sub/a-3.log"], "{said}");
    let replies = replies(&said);
    let modes = replies.iter().filter(|reply| reply.contains("mode"));
    assert!(
        modes.clone().any(|reply| reply.starts_with("200 ")),
        "{said}"
    );
    assert!(
        replies.iter().any(|reply| reply.starts_with("550 ")),
        "{said}"
    );
    assert_eq!(replies.last(), Some(&"221 Goodbye."), "{said}");
}

/// tnftp takes URLs too, and then its exit status says what happened.
fn tnftp_by_url(runtime: &str) {
    let world = World::new(runtime, "tnftp-url");
    let data = noise(300_000, 1);
    world.put("deep/file", &data);
    let login = format!("{}:{}@", world.user().replace('/', "%2F"), world.key.secret);
    let url = world
        .url("deep/file")
        .replacen("//", &format!("//{login}"), 1);
    run_with(ftp(&world, "tnftp").args(["-o", "back"]).arg(&url), "");
    assert!(fs::read(world.file("back")).unwrap() == data);

    // What was cut short is fetched from where it ended.
    fs::write(world.file("back"), &data[..100_000]).unwrap();
    let said = world.gateway.lines();
    run_with(
        ftp(&world, "tnftp").args(["-R", "-o", "back"]).arg(&url),
        "",
    );
    assert!(fs::read(world.file("back")).unwrap() == data);
    world.gateway.wait_for_after(said, "> REST 100000");

    world.write("up", &data);
    let upload = url.replace("deep/file", "new");
    run_with(ftp(&world, "tnftp").arg("-u").arg(upload).arg("up"), "");
    assert!(world.object("new") == data);

    let missing = ftp(&world, "tnftp")
        .arg(url.replace("deep/file", "deep/nothing"))
        .output()
        .unwrap();
    assert!(!missing.status.success());
}
