//! curl's options that change what goes over the wire: active mode, TYPE A, the three ways to
//! walk to a file, offsets. What went over it is read from `--verbose`.

use crate::support::{World, noise, on_both_runtimes, run, text};
use std::process::Command;

on_both_runtimes!(
    active_mode,
    lines_in_type_a,
    three_ways_to_a_file,
    a_download_goes_on_in_the_middle,
    an_upload_goes_on_in_the_middle,
    a_range_is_cut_off,
);

/// The conversation of a curl that succeeded: the lines that begin with `>` or `<`.
fn talk(command: &mut Command) -> Vec<String> {
    let output = run(command.arg("--verbose"));
    let said = text(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", output.status);
    let talk = said.lines().filter(|line| line.starts_with(['<', '>']));
    talk.map(|line| line.trim_end().to_owned()).collect()
}

/// The commands of a conversation whose verb is one of these.
fn commands<'a>(talk: &'a [String], verbs: &[&str]) -> Vec<&'a str> {
    let commands = talk.iter().filter_map(|line| line.strip_prefix("> "));
    commands
        .filter(|command| verbs.contains(&command.split(' ').next().unwrap()))
        .collect()
}

fn has(talk: &[String], start: &str) -> bool {
    talk.iter().any(|line| line.starts_with(start))
}

fn active_mode(runtime: &str) {
    let world = World::new(runtime, "curl-active");
    let data = noise(2 << 20, 1);
    let local = world.write("local", &data);
    for (name, verb, options) in [
        ("eprt", "> EPRT |1|", &["--ftp-port", "-"][..]),
        ("port", "> PORT ", &["--ftp-port", "-", "--disable-eprt"]),
    ] {
        let url = world.url(name);
        let up = talk(
            world
                .curl()
                .args(options)
                .arg("--ftp-create-dirs")
                .arg("-T")
                .arg(&local)
                .arg(&url),
        );
        assert!(has(&up, verb) && has(&up, "< 226"), "{up:#?}");
        assert!(commands(&up, &["PASV", "EPSV"]).is_empty(), "{up:#?}");
        assert!(world.object(name) == data, "{name} came up different");

        let back = world.file("back");
        let down = talk(world.curl().args(options).arg("-o").arg(&back).arg(&url));
        assert!(has(&down, verb) && has(&down, "< 226"), "{down:#?}");
        assert!(std::fs::read(&back).unwrap() == data, "{name} came back");

        let list = world.file("list");
        talk(
            world
                .curl()
                .args(options)
                .args(["--list-only", "-o"])
                .arg(&list)
                .arg(world.url("")),
        );
        let names = std::fs::read_to_string(&list).unwrap();
        assert!(names.lines().any(|line| line == name), "{names}");
    }
}

/// curl makes CRLF of each LF on the way up and LF of each CRLF on the way down, so that what is
/// in the store and on the disk has the line ends of the one who wrote it.
fn lines_in_type_a(runtime: &str) {
    let world = World::new(runtime, "curl-ascii");
    // Lines of all lengths, so that some end at the border of a buffer, in 700 KB.
    let lines: String = (0..1_200)
        .map(|length| format!("{}\n", "x".repeat(length)))
        .collect();
    let local = world.write("lines", format!("{lines}no end").as_bytes());
    let url = world.url("lines");
    let up = talk(
        world
            .curl()
            .args(["--use-ascii", "--ftp-create-dirs", "-T"])
            .arg(&local)
            .arg(&url),
    );
    assert_eq!(commands(&up, &["TYPE"]), ["TYPE A"]);
    // On the wire each line was a byte longer.
    let on_wire = lines.len() + 1_200 + "no end".len();
    assert!(
        has(&up, &format!("< 226 Transfer complete, {on_wire} bytes.")),
        "{up:#?}"
    );
    assert!(world.object("lines") == std::fs::read(&local).unwrap());

    let back = world.file("back");
    let down = talk(
        world
            .curl()
            .arg("--use-ascii")
            .arg("-o")
            .arg(&back)
            .arg(&url),
    );
    assert_eq!(commands(&down, &["TYPE"]), ["TYPE A"]);
    assert!(
        has(&down, &format!("< 226 Transfer complete, {on_wire} bytes.")),
        "{down:#?}"
    );
    assert!(std::fs::read(&back).unwrap() == std::fs::read(&local).unwrap());

    // The same file by URL, and as it is.
    talk(
        world
            .curl()
            .arg("-o")
            .arg(&back)
            .arg(format!("{url};type=a")),
    );
    assert!(std::fs::read(&back).unwrap() == std::fs::read(&local).unwrap());
    talk(world.curl().arg("-o").arg(&back).arg(&url));
    assert!(std::fs::read(&back).unwrap() == std::fs::read(&local).unwrap());

    // Line ends that are CRLF in the store already go out as they are.
    world.put("dos", b"a\r\nb\r\n\r\n");
    let down = talk(
        world
            .curl()
            .arg("--use-ascii")
            .arg("-o")
            .arg(&back)
            .arg(world.url("dos")),
    );
    assert!(has(&down, "< 226 Transfer complete, 8 bytes."), "{down:#?}");
    assert_eq!(std::fs::read(&back).unwrap(), b"a\nb\n\n");
}

fn three_ways_to_a_file(runtime: &str) {
    let world = World::new(runtime, "curl-method");
    let folder = &world.folder;
    let data = noise(70_000, 2);
    let local = world.write("local", &data);
    let back = world.file("back");
    for method in ["multicwd", "nocwd", "singlecwd"] {
        let name = format!("{method}/er/file");
        let up = talk(
            world
                .curl()
                .args(["--ftp-create-dirs", "--ftp-method", method, "-T"])
                .arg(&local)
                .arg(world.url(&name)),
        );
        assert!(world.object(&name) == data, "{method}: came up different");
        let down = talk(
            world
                .curl()
                .args(["--ftp-method", method, "-o"])
                .arg(&back)
                .arg(world.url(&name)),
        );
        assert!(std::fs::read(&back).unwrap() == data, "{method}: came back");

        let deep = format!("{folder}/{method}/er");
        // The commands that name the way down, and the last folder that was made going up.
        let (way, last_made) = match method {
            "multicwd" => (
                vec![
                    format!("CWD {folder}"),
                    format!("CWD {method}"),
                    "CWD er".into(),
                    "RETR file".into(),
                ],
                Some("MKD er".into()),
            ),
            // Nobody makes the folders: for OSS there need not be any.
            "nocwd" => (vec![format!("RETR {deep}/file")], None),
            _ => (
                vec![format!("CWD {deep}"), "RETR file".into()],
                Some(format!("MKD {deep}")),
            ),
        };
        assert_eq!(commands(&down, &["CWD", "RETR"]), way);
        let made = commands(&up, &["MKD"]);
        assert_eq!(made.last().copied(), last_made.as_deref(), "{method}");
        missing_folder(&world, method);
    }
}

/// A file in a folder that is not there: curl must learn it from the first command that names it.
fn missing_folder(world: &World, method: &str) {
    let output = run(world
        .curl()
        .args(["--verbose", "--ftp-method", method])
        .arg(world.url("nowhere/file")));
    let said = text(&output.stderr);
    // 9: access to the directory denied; 78: no such file.
    let wanted = if method == "nocwd" { 78 } else { 9 };
    assert_eq!(output.status.code(), Some(wanted), "{method}: {said}");
    assert!(said.contains("< 550"), "{method}: {said}");
}

fn a_download_goes_on_in_the_middle(runtime: &str) {
    let world = World::new(runtime, "curl-offset-down");
    let data = noise(3 << 20, 3);
    world.put("whole", &data);
    let half = world.write("half", &data[..1_234_567]);
    let talked = talk(
        world
            .curl()
            .args(["-C", "-", "-o"])
            .arg(&half)
            .arg(world.url("whole")),
    );
    assert_eq!(commands(&talked, &["REST"]), ["REST 1234567"]);
    assert!(std::fs::read(&half).unwrap() == data);

    // Once more: there is nothing left to fetch, and nothing is.
    let talked = talk(
        world
            .curl()
            .args(["-C", "-", "-o"])
            .arg(&half)
            .arg(world.url("whole")),
    );
    assert!(commands(&talked, &["RETR"]).is_empty(), "{talked:#?}");
    assert!(std::fs::read(&half).unwrap() == data);

    // From an offset into a new file, and in active mode.
    let end = world.file("end");
    let talked = talk(
        world
            .curl()
            .args(["--ftp-port", "-", "-C", "3000000", "-o"])
            .arg(&end)
            .arg(world.url("whole")),
    );
    assert_eq!(commands(&talked, &["REST"]), ["REST 3000000"]);
    assert!(std::fs::read(&end).unwrap() == data[3_000_000..]);
}

/// curl goes on with APPE, whether it asked for the size (`-C -`) or was told the offset.
fn an_upload_goes_on_in_the_middle(runtime: &str) {
    let world = World::new(runtime, "curl-offset-up");
    let data = noise(3 << 20, 4);
    let whole = world.write("whole", &data);
    for (name, option) in [("asked", "-"), ("told", "1234567")] {
        world.put(name, &data[..1_234_567]);
        let url = world.url(name);
        let talked = talk(
            world
                .curl()
                .args(["-C", option, "-T"])
                .arg(&whole)
                .arg(&url),
        );
        let verbs = ["SIZE", "STOR", "APPE"];
        let wanted: &[String] = match option {
            "-" => &[format!("SIZE {name}"), format!("APPE {name}")],
            _ => &[format!("APPE {name}")],
        };
        assert_eq!(commands(&talked, &verbs), wanted);
        assert!(world.object(name) == data, "{name} is not the whole");
    }

    // A file that is there whole is not sent again.
    let url = world.url("asked");
    let talked = talk(world.curl().args(["-C", "-", "-T"]).arg(&whole).arg(&url));
    assert!(
        commands(&talked, &["STOR", "APPE"]).is_empty(),
        "{talked:#?}"
    );
    assert!(world.object("asked") == data);
}

/// For a range curl sends REST, reads what it wants and aborts the rest.
fn a_range_is_cut_off(runtime: &str) {
    let world = World::new(runtime, "curl-range");
    let data = noise(8 << 20, 5);
    world.put("whole", &data);
    let part = world.file("part");
    let talked = talk(
        world
            .curl()
            .args(["--range", "1000000-1000999", "-o"])
            .arg(&part)
            .arg(world.url("whole")),
    );
    assert!(std::fs::read(&part).unwrap() == data[1_000_000..1_001_000]);
    assert_eq!(commands(&talked, &["REST"]), ["REST 1000000"]);
    // The session lived to hear QUIT.
    world.gateway.wait_for("closing: the client said QUIT");
    assert!(world.gateway.printed().contains(", 426"));
}
