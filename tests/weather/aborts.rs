//! ABOR while a request to OSS hangs: it is answered at once, and nothing is left behind.

use crate::client::Client;
use crate::world::{PART, World, noise, wait_for};
use ossftp::devstore::{Fault, FaultRule, Place};
use ossftp::server::Runtime;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

/// An ABOR must be answered sooner than any request that hangs ends by itself.
const SOON: Duration = Duration::from_secs(10);

fn world(runtime: Runtime) -> World {
    World::with(
        runtime,
        |_| {},
        |config| {
            config.timeouts.read = Duration::from_secs(60);
            config.timeouts.write = Duration::from_secs(60);
            config.command_timeout = Duration::from_secs(60);
        },
    )
}

/// Runs `command` until a request to `api` hangs, aborts it, and says whether there was a 150.
fn abort(world: &World, api: &str, command: &str, bytes: &[u8]) {
    let mut client = world.login();
    client.ask("TYPE I", 200);
    let rule = FaultRule::new(Fault::stall(Place::Received)).api(api);
    let rule = world.store().faults().add(rule);
    let mut data = client.passive();
    client.send(command);
    if command.starts_with("STOR") || command.starts_with("APPE") && api != "HeadObject" {
        client.expect(150);
        // The gateway may take no more than it has memory for.
        data.set_nonblocking(true).unwrap();
        let _ = data.write(bytes);
    }
    wait_for(api, || world.store().faults().hits(rule) > 0);
    let began = Instant::now();
    let said = abort_now(&mut client);
    assert!(began.elapsed() < SOON, "{api}, {command}: {said:?}");
    client.ask("NOOP", 200);
    // The session can do the same again, before OSS has come to itself.
    client.ask("NOOP", 200);
    world.store().faults().clear();
    drop(data);
    assert_eq!(world.uploads(""), 0, "{api}, {command}");
    client.ask("SIZE old", 213);
}

/// ABOR, up to the 226 that ends it.
fn abort_now(client: &mut Client) -> Vec<u16> {
    client.send("ABOR");
    let mut said = Vec::new();
    while said.last() != Some(&226) {
        said.push(client.reply().expect("a reply").0);
    }
    said
}

#[test]
fn a_request_that_hangs_does_not_hold_up_abor() {
    for runtime in [Runtime::Smol, Runtime::Threads] {
        let world = world(runtime);
        let large = noise(PART * 8, 1);
        world.put("old", &large);
        for (api, command) in [
            ("InitiateMultipartUpload", "STOR new"),
            ("UploadPart", "STOR new"),
            ("HeadObject", "APPE old"),
            ("UploadPartCopy", "APPE old"),
            ("GetObject", "RETR old"),
            ("ListObjectsV2", "MLSD"),
        ] {
            abort(&world, api, command, &large);
        }
        assert!(world.get("new").is_none());
        assert_eq!(world.get("old").as_deref(), Some(&large[..]));
    }
}

#[test]
fn a_download_that_hangs_in_the_middle_does_not_hold_up_abor() {
    for runtime in [Runtime::Smol, Runtime::Threads] {
        let world = world(runtime);
        world.put("old", &noise(PART * 8, 1));
        let mut client = world.login();
        client.ask("TYPE I", 200);
        let place = Place::AnswerBody(Some(1000));
        let rule = FaultRule::new(Fault::stall(place)).api("GetObject");
        world.store().faults().add(rule);
        let mut data = client.passive();
        client.ask("RETR old", 150);
        data.read_exact(&mut [0; 500]).unwrap();
        let began = Instant::now();
        let said = abort_now(&mut client);
        assert!(began.elapsed() < SOON, "{said:?}");
        world.store().faults().clear();
        client.ask("SIZE old", 213);
    }
}
