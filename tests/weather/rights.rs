//! Keys with few rights.

use crate::world::{BUCKET, PART, World, noise};
use ossftp::devstore::Grant;
use ossftp::gateway::GatewayConfig;
use ossftp::server::Runtime;
use ossftp_core::FtpPath;

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
