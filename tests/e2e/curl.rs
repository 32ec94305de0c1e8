//! curl: one connection per command, EPSV, resume in both directions.

use crate::support::{World, noise, on_both_runtimes, run, run_ok, text};

on_both_runtimes!(
    files_go_up_and_come_down,
    an_interrupted_download_goes_on,
    an_interrupted_upload_goes_on,
    appending,
    listings,
    deleting,
    a_wrong_login_says_why,
);

fn files_go_up_and_come_down(runtime: &str) {
    let world = World::new(runtime, "curl-up-down");
    for (name, size) in [
        ("empty", 0),
        ("one", 1),
        ("some", 70_000),
        ("parts", 20 << 20),
    ] {
        let data = noise(size, 1);
        let path = world.write(name, &data);
        let url = world.url(&format!("deep/er/{name}"));
        run_ok(
            world
                .curl()
                .arg("--ftp-create-dirs")
                .arg("-T")
                .arg(path)
                .arg(&url),
        );
        assert!(
            run_ok(world.curl().arg(&url)) == data,
            "{name} came back different"
        );
        let head = text(&run_ok(world.curl().arg("--head").arg(&url)));
        assert!(head.contains(&format!("Content-Length: {size}")), "{head}");
    }
    let missing = run(world.curl().arg(world.url("deep/er/missing")));
    assert_eq!(missing.status.code(), Some(78), "{}", text(&missing.stderr));
}

fn an_interrupted_download_goes_on(runtime: &str) {
    let world = World::new(runtime, "curl-resume-down");
    let data = noise(3 << 20, 2);
    let path = world.write("whole", &data);
    run_ok(
        world
            .curl()
            .arg("--ftp-create-dirs")
            .arg("-T")
            .arg(path)
            .arg(world.url("whole")),
    );
    let half = world.write("half", &data[..1_234_567]);
    run_ok(
        world
            .curl()
            .args(["-C", "-", "-o"])
            .arg(&half)
            .arg(world.url("whole")),
    );
    assert!(std::fs::read(&half).unwrap() == data);
}

fn an_interrupted_upload_goes_on(runtime: &str) {
    let world = World::new(runtime, "curl-resume-up");
    let data = noise(3 << 20, 3);
    let half = world.write("half", &data[..1_234_567]);
    let whole = world.write("whole", &data);
    let url = world.url("file");
    run_ok(
        world
            .curl()
            .arg("--ftp-create-dirs")
            .arg("-T")
            .arg(half)
            .arg(&url),
    );
    run_ok(world.curl().args(["-C", "-", "-T"]).arg(whole).arg(&url));
    assert!(run_ok(world.curl().arg(&url)) == data);
}

fn appending(runtime: &str) {
    let world = World::new(runtime, "curl-append");
    let data = noise(500_000, 4);
    let url = world.url("file");
    for piece in data.chunks(200_000) {
        let path = world.write("piece", piece);
        run_ok(
            world
                .curl()
                .args(["--ftp-create-dirs", "--append", "-T"])
                .arg(path)
                .arg(&url),
        );
    }
    assert!(run_ok(world.curl().arg(&url)) == data);
}

fn listings(runtime: &str) {
    let world = World::new(runtime, "curl-list");
    let path = world.write("file", b"12345");
    for name in ["b.txt", "a%20b.txt", "%E4%B8%AD%E6%96%87.txt", "sub/c.txt"] {
        run_ok(
            world
                .curl()
                .arg("--ftp-create-dirs")
                .arg("-T")
                .arg(&path)
                .arg(world.url(name)),
        );
    }
    let names = text(&run_ok(world.curl().arg("--list-only").arg(world.url(""))));
    let mut names: Vec<&str> = names.lines().collect();
    names.sort_unstable();
    assert_eq!(names, ["a b.txt", "b.txt", "sub", "中文.txt"]);
    let long = text(&run_ok(world.curl().arg(world.url(""))));
    assert_eq!(long.lines().count(), 4, "{long}");
    let file = long
        .lines()
        .find(|line| line.ends_with(" a b.txt"))
        .unwrap();
    assert!(file.starts_with('-') && file.contains(" 5 "), "{file}");
    let folder = long.lines().find(|line| line.ends_with(" sub")).unwrap();
    assert!(folder.starts_with('d'), "{folder}");
    let facts = text(&run_ok(
        world.curl().args(["-X", "MLSD"]).arg(world.url("")),
    ));
    assert!(
        facts
            .lines()
            .any(|line| line.contains("size=5;") && line.ends_with(" 中文.txt"))
    );
}

fn deleting(runtime: &str) {
    let world = World::new(runtime, "curl-delete");
    let path = world.write("file", b"short");
    run_ok(
        world
            .curl()
            .arg("--ftp-create-dirs")
            .arg("-T")
            .arg(&path)
            .arg(world.url("gone")),
    );
    let folder = world.folder.clone();
    let delete = |world: &World| {
        run(world
            .curl()
            .arg("-Q")
            .arg(format!("DELE /{folder}/gone"))
            .arg(world.url("")))
    };
    assert!(delete(&world).status.success());
    assert!(!world.keys().contains(&"gone".to_owned()));
    let again = delete(&world);
    assert_eq!(again.status.code(), Some(21), "{}", text(&again.stderr));
    assert!(
        text(&again.stderr).contains("550"),
        "{}",
        text(&again.stderr)
    );
}

fn a_wrong_login_says_why(runtime: &str) {
    let world = World::new(runtime, "curl-login");
    let user = world.user();
    let root = format!("ftp://{}/", world.address);
    for (user, secret, words) in [
        (user.as_str(), "not-the-secret", &["AccessKeySecret"][..]),
        (
            &format!("nobody/{}", world.key.bucket),
            &world.key.secret,
            &["AccessKey"],
        ),
        (
            &format!("{}/no-such-bucket-4711", world.key.id),
            &world.key.secret,
            &["bucket"],
        ),
    ] {
        let refused = run(world.curl_as(user, secret).arg("--verbose").arg(&root));
        let talk = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(67), "{talk}");
        let reply = talk
            .lines()
            .find(|line| line.starts_with("< 530"))
            .unwrap_or_default();
        for word in words {
            assert!(reply.contains(word), "{user}: {reply}");
        }
        assert!(!talk.contains("StringToSign"), "{talk}");
    }
}
