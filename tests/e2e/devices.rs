//! Devices that speak just enough FTP: busybox, and cameras, whose conversations are played over
//! plain sockets as they were seen on the wire.
//!
//! A camera never says TYPE. RFC 959 section 5.1 would have it in TYPE A; the program takes TYPE I,
//! so that no LF in a picture is changed.

use crate::support::{World, client, noise, on_both_runtimes, run, run_ok};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

on_both_runtimes!(
    busybox,
    reolink_makes_each_level,
    dahua_stores_into_nowhere,
    everything_in_one_segment,
    byte_by_byte_with_empty_lines,
);

fn busybox(runtime: &str) {
    let world = World::new(runtime, "busybox");
    let applet = |name: &str| -> Command {
        let mut command = client("busybox");
        command
            .current_dir(world.local.path())
            .args([name, "-u", &world.user(), "-p", &world.key.secret, "-P"])
            .arg(world.address.port().to_string())
            .arg(world.address.ip().to_string());
        command
    };
    let data = noise(300_000, 1);
    world.write("local", &data);
    world.write("empty", b"");
    for (name, local) in [("deep/er/file", "local"), ("deep/empty", "empty")] {
        let remote = format!("{}/{name}", world.folder);
        run_ok(applet("ftpput").args([&remote, local]));
        assert!(world.object(name) == fs::read(world.file(local)).unwrap());
        run_ok(applet("ftpget").args(["back", &remote]));
        assert!(fs::read(world.file("back")).unwrap() == world.object(name));
    }

    fs::write(world.file("back"), &data[..1_000]).unwrap();
    let said = world.gateway.lines();
    let file = format!("{}/deep/er/file", world.folder);
    run_ok(applet("ftpget").args(["-c", "back", &file]));
    world.gateway.wait_for_after(said, "> REST 1000");
    assert!(fs::read(world.file("back")).unwrap() == data);

    let nothing = format!("{}/nothing", world.folder);
    assert!(
        !run(applet("ftpget").args(["no", &nothing]))
            .status
            .success()
    );
    let folder = format!("{}/deep/", world.folder);
    assert!(
        !run(applet("ftpput").args([&folder, "local"]))
            .status
            .success()
    );
    assert_eq!(world.keys(), ["deep/empty", "deep/er/file"]);
}

/// Asks for each level with two slashes, then with none, and makes it when it is not there.
fn reolink_makes_each_level(runtime: &str) {
    let world = World::new(runtime, "reolink");
    let folder = world.folder.clone();
    let picture = noise(200_000, 7);
    for (visit, name) in ["first.jpg", "second.jpg"].into_iter().enumerate() {
        let mut wire = Wire::logged_in(&world);
        let mut way = String::new();
        for level in [folder.as_str(), "2026", "11", "22"] {
            way = format!("{way}/{level}");
            if visit == 0 {
                wire.ask(&format!("CWD /{way}\n"), 550);
                wire.ask(&format!("CWD {level}\n"), 550);
                let made = wire.ask(&format!("MKD {level}\n"), 257);
                assert!(made.contains(&format!("\"{way}\"")), "{made}");
            } else {
                wire.ask(&format!("MKD {level}\n"), 550);
            }
            wire.ask(&format!("CWD /{way}\n"), 250);
        }
        let pwd = wire.ask("PWD\n", 257);
        assert!(pwd.contains(&format!("\"{way}\"")), "{pwd}");
        let mut data = wire.passive("PASV\n");
        wire.ask(&format!("STOR {name}\n"), 150);
        data.write_all(&picture).unwrap();
        drop(data);
        wire.expect(226);
        wire.ask("QUIT\n", 221);
        assert!(world.object(&format!("2026/11/22/{name}")) == picture);
    }
    let keys = [
        "2026/",
        "2026/11/",
        "2026/11/22/",
        "2026/11/22/first.jpg",
        "2026/11/22/second.jpg",
    ];
    assert_eq!(world.keys(), keys);
}

/// Looks for the file, says how long it is, and stores it where there is no folder.
fn dahua_stores_into_nowhere(runtime: &str) {
    let world = World::new(runtime, "dahua");
    let path = format!(
        "/{}//cam 1/2026-11-22/001/jpg/12.30.45[M][0@0][0].jpg",
        world.folder
    );
    let picture = noise(9 << 20, 7);
    let mut wire = Wire::logged_in(&world);
    wire.ask("PWD\n", 257);
    wire.ask("CWD /\n", 250);
    for turn in 0..2 {
        wire.ask(&format!("SIZE {path}\n"), [550, 213][turn]);
        // 202 makes it try for ever.
        wire.ask(&format!("ALLO {}\n", picture.len()), 200);
        let mut data = wire.passive("PASV\n");
        wire.ask(&format!("STOR {path}\n"), 150);
        data.write_all(&picture[turn..]).unwrap();
        data.shutdown(Shutdown::Write).unwrap();
        wire.expect(226);
        let name = "cam 1/2026-11-22/001/jpg/12.30.45[M][0@0][0].jpg";
        assert!(world.object(name) == picture[turn..], "turn {turn}");
        assert_eq!(world.keys(), [name]);
    }
    wire.ask(&format!("DELE {path}\n"), 250);
    assert_eq!(world.keys(), [""; 0]);
    assert_eq!(world.unfinished_uploads(), 0);
}

/// A whole visit in two segments, in active mode: each command is answered, in order.
fn everything_in_one_segment(runtime: &str) {
    let world = World::new(runtime, "segment");
    let folder = &world.folder;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let picture = noise(100_000, 7);
    let mut wire = Wire::connect(&world);
    wire.send(&format!(
        "USER {}\nPASS {}\nMKD {folder}\nMKD {folder}/a\nMKD {folder}/a/b\nCWD {folder}//a/b\nPWD\n\
         PORT 127,0,0,1,{},{}\nSTOR 1.jpg\nRNFR 1.jpg\nRNTO ../2.jpg\nCDUP\nRMD b\nSTAT 2.jpg\n\
         BOGUS\nQUIT\n",
        world.user(),
        world.key.secret,
        port / 256,
        port % 256,
    ));
    for code in [331, 230, 257, 257, 257, 250] {
        wire.expect(code);
    }
    let pwd = wire.expect(257);
    assert!(pwd.contains(&format!("\"/{folder}/a/b\"")), "{pwd}");
    wire.expect(200);
    wire.expect(150);
    let (mut data, _) = listener.accept().unwrap();
    data.write_all(&picture).unwrap();
    drop(data);
    for code in [226, 350, 250, 250, 250] {
        wire.expect(code);
    }
    let stat = wire.expect(213);
    assert!(stat.contains("2.jpg"), "{stat}");
    wire.expect(500);
    wire.expect(221);
    assert!(wire.is_closed());
    assert_eq!(world.keys(), ["a/", "a/2.jpg"]);
    assert!(world.object("a/2.jpg") == picture);
}

/// Each byte in a segment of its own, and CRLF twice after each command.
fn byte_by_byte_with_empty_lines(runtime: &str) {
    let world = World::new(runtime, "bytes");
    let folder = world.folder.clone();
    let mut wire = Wire::connect(&world);
    let login = format!("USER {}\r\n\r\n", world.user());
    let secret = format!("PASS {}\r\n\r\n", world.key.secret);
    for (line, code) in [(&login, 331), (&secret, 230)] {
        for byte in line.chars() {
            wire.send(&byte.to_string());
        }
        wire.expect(code);
    }
    for byte in format!("mkd {folder}\r\n\r\n\n").chars() {
        wire.send(&byte.to_string());
    }
    wire.expect(257);
    let mut data = wire.passive("epsv\r\n\r\n");
    for byte in format!("StOr {folder}/x\r\n\r\n").chars() {
        wire.send(&byte.to_string());
    }
    wire.expect(150);
    data.write_all(b"\xff\xd8\xff\xe0").unwrap();
    drop(data);
    wire.expect(226);
    wire.ask("quit\r\n\r\n", 221);
    assert!(wire.is_closed());
    assert_eq!(world.object("x"), b"\xff\xd8\xff\xe0");
}

/// A control connection with nothing between it and the test.
struct Wire {
    stream: BufReader<TcpStream>,
}

impl Wire {
    /// Greeted, and not logged in.
    fn connect(world: &World) -> Self {
        let stream = TcpStream::connect(world.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut wire = Self {
            stream: BufReader::new(stream),
        };
        wire.expect(220);
        wire
    }

    fn logged_in(world: &World) -> Self {
        let mut wire = Self::connect(world);
        wire.ask(&format!("USER {}\n", world.user()), 331);
        wire.ask(&format!("PASS {}\n", world.key.secret), 230);
        wire
    }

    /// Sends all of it in one write.
    fn send(&mut self, bytes: &str) {
        self.stream.get_mut().write_all(bytes.as_bytes()).unwrap();
    }

    fn ask(&mut self, line: &str, code: u16) -> String {
        self.send(line);
        self.expect(code)
    }

    /// The next reply, which must have this code.
    fn expect(&mut self, code: u16) -> String {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            let count = self.stream.read_line(&mut reply).unwrap();
            assert!(count > 0, "closed instead of {code}: {reply:?}");
            let line = &reply[start..];
            assert!(line.ends_with("\r\n"), "{reply:?}");
            let last = line.get(..3) == reply.get(..3) && line.as_bytes().get(3) == Some(&b' ');
            if last {
                break;
            }
        }
        assert!(
            reply.starts_with(&code.to_string()),
            "wanted {code}: {reply:?}"
        );
        reply
    }

    /// A data connection, asked for by `line`, which is PASV or EPSV.
    fn passive(&mut self, line: &str) -> TcpStream {
        let (code, ends) = if line.starts_with("PASV") {
            (227, ['(', ')'])
        } else {
            (229, ['|'; 2])
        };
        let reply = self.ask(line, code);
        let inner = reply
            .split(ends)
            .filter(|piece| !piece.is_empty())
            .nth(1)
            .unwrap();
        let numbers: Vec<u16> = inner.split(',').filter_map(|n| n.parse().ok()).collect();
        let port = match numbers[..] {
            [.., high, low] if code == 227 => high * 256 + low,
            [port] => port,
            _ => panic!("no port: {reply:?}"),
        };
        TcpStream::connect(("127.0.0.1", port)).unwrap()
    }

    /// Nothing more comes.
    fn is_closed(&mut self) -> bool {
        self.stream.fill_buf().unwrap().is_empty()
    }
}
