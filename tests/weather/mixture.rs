//! Two files never become one: what may follow an upload that broke off over an existing file.

use crate::client::{Client, reset};
use crate::world::{PART, World, noise, wait_for};
use ossftp::gateway::Partial;
use ossftp::server::Runtime;
use std::io::Write;

/// Sends the beginning of `new` as `f` and is gone; the gateway has noticed when this returns.
fn broken_upload(world: &World, new: &[u8], sent: usize, is_there: impl Fn(&World) -> bool) {
    let mut client = world.login();
    client.ask("TYPE I", 200);
    let mut data = client.passive();
    client.ask("STOR f", 150);
    data.write_all(&new[..sent]).unwrap();
    wait_for("the parts", || is_there(world));
    reset(data);
    client.expect(426);
}

fn parts_sent(world: &World) -> usize {
    let requests = world.asked_since(0);
    requests.iter().filter(|api| *api == "UploadPart").count()
}

fn session(world: &World) -> Client {
    let mut client = world.login();
    client.ask("TYPE I", 200);
    client
}

#[test]
fn nothing_goes_on_behind_a_broken_upload() {
    for runtime in [Runtime::Smol, Runtime::Threads] {
        let world = World::new(runtime);
        let (old, new) = (noise(PART * 4, 1), noise(PART * 4, 2));
        world.put("f", &old);
        broken_upload(&world, &new, PART * 3, |world| parts_sent(world) >= 2);
        let mut client = session(&world);
        // The old file is whole, and what a client takes for the rest of the new one is refused.
        assert_eq!(
            client.ask("SIZE f", 213).trim_end(),
            format!("213 {}", old.len())
        );
        for rest in [PART * 2, old.len()] {
            client.ask(&format!("REST {rest}"), 350);
            let _data = client.passive();
            let reply = client.ask("STOR f", 554);
            assert!(reply.contains("whole file"), "{reply}");
        }
        let _data = client.passive();
        client.ask("APPE f", 554);
        assert_eq!(world.get("f"), Some(old));
        assert_eq!(world.uploads(""), 0);
        // The whole file, and all is well again.
        client.store("STOR f", &new);
        client.store("APPE f", b"more");
        assert_eq!(world.get("f"), Some([&new[..], b"more"].concat()));
    }
}

#[test]
fn with_resume_only_the_upload_itself_goes_on() {
    for runtime in [Runtime::Smol, Runtime::Threads] {
        let world = World::with(runtime, |_| {}, |config| config.partial = Partial::Resume);
        let (old, new) = (noise(PART * 4, 1), noise(PART * 4, 2));
        world.put("f", &old);
        // What the gateway still holds of the third part is sent too.
        broken_upload(&world, &new, PART * 3, |world| parts_sent(world) >= 2);
        let kept = PART * 3;
        wait_for("the last part", || parts_sent(&world) >= 3);
        let mut client = session(&world);
        // SIZE is the file's that is there; only where the upload stands may be gone on from.
        assert_eq!(
            client.ask("SIZE f", 213).trim_end(),
            format!("213 {}", old.len())
        );
        for rest in [PART, PART * 2, old.len()] {
            client.ask(&format!("REST {rest}"), 350);
            let _data = client.passive();
            let reply = client.ask("STOR f", 554);
            assert!(reply.contains(&kept.to_string()), "{reply}");
        }
        let _data = client.passive();
        client.ask("APPE f", 554);
        assert_eq!(world.get("f"), Some(old));
        client.ask(&format!("REST {kept}"), 350);
        client.store("STOR f", &new[kept..]);
        assert_eq!(world.get("f"), Some(new));
        assert_eq!(world.uploads(""), 0);
    }
}
