//! Keys with few rights.

use crate::client::Client;
use crate::world::{BUCKET, PART, World, noise};
use ossftp::devstore::Grant;
use ossftp::gateway::{GatewayConfig, Mtime};
use ossftp::server::Runtime;
use ossftp_core::FtpPath;
use ossftp_oss::{PutObject, SliceBody};

const CAMERA: &str = "camera-id";

fn world(runtime: Runtime, grants: Vec<Grant>, change: impl FnOnce(&mut GatewayConfig)) -> World {
    World::with(
        runtime,
        |store| {
            store
                .credentials
                .push((CAMERA.into(), "camera-secret".into()));
            store.rights = grants;
        },
        change,
    )
}

fn below_incoming() -> Vec<Grant> {
    let actions = ["oss:ListObjects", "oss:GetObject", "oss:PutObject"];
    vec![
        Grant::new(CAMERA, actions)
            .in_bucket(BUCKET)
            .under("incoming/"),
    ]
}

#[test]
fn three_actions_below_a_prefix_are_enough() {
    for runtime in [Runtime::Smol, Runtime::Threads] {
        let world = world(runtime, below_incoming(), |config| {
            config.home = FtpPath::root().join(b"incoming").unwrap();
        });
        world.put("incoming/seen", b"1");
        world.put("secret", b"2");
        let mut client = world.login_as(&format!("{CAMERA}/{BUCKET}"), "camera-secret");
        client.ask("TYPE I", 200);
        let listing = String::from_utf8(client.fetch("MLSD")).unwrap();
        assert!(
            listing.contains("seen") && !listing.contains("secret"),
            "{listing}"
        );
        let (small, large) = (noise(100, 1), noise(PART * 3 + 1, 2));
        client.store("STOR small", &small);
        client.store("STOR deep/er/large", &large);
        assert_eq!(client.fetch("RETR small"), small);
        assert_eq!(client.fetch("RETR deep/er/large"), large);
        assert_eq!(world.get("incoming/deep/er/large"), Some(large));
        client.ask("SIZE small", 213);
        client.ask("MKD folder", 257);
        client.ask("CWD folder", 250);
        client.ask("CWD /", 250);
        client.store("APPE small", b"more");
        // What it may not do names what is missing, and changes nothing.
        for line in ["DELE small", "RMD folder"] {
            let reply = client.ask(line, 550);
            assert!(reply.contains("oss:DeleteObject"), "{line}: {reply}");
        }
        client.ask("RNFR small", 350);
        client.send("RNTO other");
        let (code, reply) = client.reply().unwrap();
        assert_eq!(
            (code / 100, reply.contains("oss:DeleteObject")),
            (4, true),
            "{reply}"
        );
        let reply = client.ask("SITE RESTORE small", 550);
        assert!(reply.contains("oss:RestoreObject"), "{reply}");
        assert_eq!(
            world.get("incoming/small"),
            Some([&small[..], b"more"].concat())
        );
        assert_eq!(world.get("secret").as_deref(), Some(&b"2"[..]));
    }
}

#[test]
fn a_login_without_the_right_to_list_says_so() {
    let world = world(Runtime::Smol, below_incoming(), |_| {});
    let mut client = world.connect();
    client.ask(&format!("USER {CAMERA}/{BUCKET}"), 331);
    let reply = client.ask("PASS camera-secret", 530);
    assert!(reply.contains("oss:ListObjects"), "{reply}");
}

const READ: &str = "oss:GetObject";
const WRITE: &str = "oss:PutObject";
const DELETE: &str = "oss:DeleteObject";
const RESTORE: &str = "oss:RestoreObject";

/// What docs/oss.md says that a client needs for a command, besides `oss:ListObjects`.
const NEEDS: [(&str, &[&str]); 19] = [
    ("RETR a", &[READ]),
    ("SIZE a", &[READ]),
    ("MDTM a", &[READ]),
    ("MLST a", &[READ]),
    ("HASH a", &[READ]),
    ("STOR new", &[WRITE]),
    ("STOR deep/er/new", &[WRITE]),
    ("MKD new", &[WRITE]),
    ("APPE a", &[READ, WRITE]),
    ("MFMT 20200102030405 a", &[READ, WRITE]),
    ("SITE SYMLINK a link", &[READ, WRITE]),
    ("SITE CPFR a\nSITE CPTO b", &[READ, WRITE]),
    ("DELE a", &[READ, DELETE]),
    ("RMD empty", &[DELETE]),
    ("SITE RMDIR tree", &[DELETE]),
    ("RNFR a\nRNTO b", &[READ, WRITE, DELETE]),
    ("RNFR tree\nRNTO other", &[READ, WRITE, DELETE]),
    ("SITE RESTORE cold", &[RESTORE]),
    ("CWD tree\nCDUP\nPWD", &[]),
];

/// The last reply to these lines, or the first that refuses one.
fn said(client: &mut Client, lines: &str) -> (u16, String) {
    let mut last = (0, String::new());
    for line in lines.lines() {
        let verb = line.split(' ').next().unwrap();
        let is_upload = matches!(verb, "STOR" | "APPE");
        let data = (is_upload || verb == "RETR").then(|| client.passive());
        client.send(line);
        last = client.reply().unwrap();
        if last.0 == 150 {
            let mut data = data.unwrap();
            if is_upload {
                std::io::Write::write_all(&mut data, b"bytes").unwrap();
            } else {
                std::io::copy(&mut data, &mut std::io::sink()).unwrap();
            }
            drop(data);
            last = client.reply().unwrap();
        }
        if last.0 >= 400 {
            break;
        }
    }
    last
}

/// A key with just these actions is enough, and without one of them the reply names it.
#[test]
fn each_command_needs_what_the_manual_says() {
    // Each row once with all its actions, and once without each.
    let mut keys = Vec::new();
    for (lines, actions) in NEEDS {
        keys.push((lines, actions.to_vec(), None));
        for missing in actions {
            let rest = actions.iter().copied().filter(|action| action != missing);
            keys.push((lines, rest.collect(), Some(*missing)));
        }
    }
    let name = |place: usize| format!("key-{place}");
    let world = World::with(
        Runtime::Threads,
        |store| {
            for (place, (_, actions, _)) in keys.iter().enumerate() {
                let actions = actions.iter().copied().chain(["oss:ListObjects"]);
                store.credentials.push((name(place), "secret".into()));
                store
                    .rights
                    .push(Grant::new(name(place), actions).in_bucket(BUCKET));
            }
        },
        |config| config.mtime = Mtime::Meta,
    );
    for (place, (lines, _, missing)) in keys.iter().enumerate() {
        let at = name(place);
        for key in ["a", "empty/", "tree/", "tree/x", "tree/deep/y"] {
            world.put(&format!("{at}/{key}"), b"1");
        }
        let put = PutObject {
            storage_class: Some("Archive".to_owned()),
            ..PutObject::default()
        };
        let mut body = SliceBody::new(b"1");
        let cold = format!("{at}/cold");
        world.bucket.put_object(&cold, &mut body, &put).unwrap();
        let mut client = world.login_as(&format!("{at}/{BUCKET}"), "secret");
        client.ask("TYPE I", 200);
        client.ask(&format!("CWD {at}"), 250);
        let (code, reply) = said(&mut client, lines);
        match missing {
            None => assert!(code < 400, "{lines:?}: {reply}"),
            Some(action) => {
                assert!(code >= 400, "{lines:?} without {action}: {reply}");
                assert!(reply.contains(action), "{lines:?}: {reply}");
            }
        }
        client.ask("NOOP", 200);
        // Nothing is lost to a missing right.
        if missing.is_some() {
            let a = world
                .get(&format!("{at}/a"))
                .or(world.get(&format!("{at}/b")));
            assert_eq!(a.as_deref(), Some(&b"1"[..]), "{lines:?}");
        }
    }
}

#[test]
fn a_login_without_a_bucket_needs_the_list_of_buckets() {
    let grants = |id: &str, actions: &[&'static str]| Grant::new(id, actions.iter().copied());
    let world = world(
        Runtime::Smol,
        vec![grants(
            CAMERA,
            &["oss:ListBuckets", "oss:ListObjects", READ],
        )],
        |_| {},
    );
    world.put("f", b"1");
    let mut client = world.login_as(CAMERA, "camera-secret");
    client.ask(&format!("CWD {BUCKET}"), 250);
    assert_eq!(client.fetch("RETR f"), b"1");
    let world = self::world(Runtime::Smol, below_incoming(), |_| {});
    let mut client = world.connect();
    client.ask(&format!("USER {CAMERA}"), 331);
    let reply = client.ask("PASS camera-secret", 530);
    assert!(reply.contains("oss:ListBuckets"), "{reply}");
    assert!(reply.contains("AccessKeyId/bucket"), "{reply}");
}
