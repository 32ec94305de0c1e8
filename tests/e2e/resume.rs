//! With `--partial=resume` an upload survives its gateway: the process is killed in the middle of
//! it, and on another one it goes on from where it was, without sending a byte twice.

use crate::lftp::lftp;
use crate::support::{Program, World, noise, on_both_runtimes, run_ok, sha256, text, wait_until};
use std::fs;
use std::path::Path;

on_both_runtimes!(
    killed_and_gone_on_with_by_rest,
    killed_and_gone_on_with_by_lftp,
    killed_and_gone_on_with_by_appe,
    stopped_and_gone_on_with,
    a_killed_client_goes_on,
);

const FLAGS: [&str; 2] = ["--partial=resume", "--part-size=1M"];
const LENGTH: usize = 12 << 20;

/// A part as OSS lists it: its number and size.
type Part = (u32, u64);

fn killed_and_gone_on_with_by_rest(runtime: &str) {
    let mut world = begun(runtime, "resume-rest");
    world.gateway.kill();
    let kept = parts(&world);
    let length = joined(&kept);
    world.start_again(runtime, &FLAGS);
    let mark = log_length(&world);
    let mut command = world.python("resume.py");
    let said = run_ok(command.arg("file").arg(world.file("file")));
    assert_eq!(text(&said).trim(), format!("size {length}"));
    assert_whole(&world, &kept, mark);
}

fn killed_and_gone_on_with_by_lftp(runtime: &str) {
    let mut world = begun(runtime, "resume-lftp");
    world.gateway.kill();
    let kept = parts(&world);
    world.start_again(runtime, &FLAGS);
    let (mark, said) = (log_length(&world), world.gateway.lines());
    lftp(&world, &format!("cd /{}; put -c file", world.folder));
    let rest = format!("> REST {}", joined(&kept));
    world.gateway.wait_for_after(said, &rest);
    assert_whole(&world, &kept, mark);
}

/// curl asks SIZE and then says APPE.
fn killed_and_gone_on_with_by_appe(runtime: &str) {
    let mut world = begun(runtime, "resume-appe");
    world.gateway.kill();
    let kept = parts(&world);
    world.start_again(runtime, &FLAGS);
    let (mark, said) = (log_length(&world), world.gateway.lines());
    let mut curl = world.curl();
    curl.args(["--continue-at", "-", "--upload-file"]);
    run_ok(curl.arg(world.file("file")).arg(world.url("file")));
    world.gateway.wait_for_after(said, "> APPE file");
    assert_whole(&world, &kept, mark);
}

/// A gateway that is told to stop keeps what it has in memory as well.
fn stopped_and_gone_on_with(runtime: &str) {
    let mut world = begun_at(runtime, "resume-stop", "500k");
    world.gateway.signal("TERM");
    assert_eq!(world.gateway.wait().code(), Some(0));
    let kept = parts(&world);
    world.start_again(runtime, &FLAGS);
    let mark = log_length(&world);
    lftp(&world, &format!("cd /{}; put -c file", world.folder));
    assert_whole(&world, &kept, mark);
}

/// The same gateway goes on as well.
fn a_killed_client_goes_on(runtime: &str) {
    let world = World::with_flags(runtime, "resume-client", &FLAGS);
    world.put("other", b"the folder is there");
    let data = world.write("file", &noise(LENGTH, 7));
    let said = world.gateway.lines();
    let mut client = slow_upload(&world, &data, "4M");
    wait_until("some parts", || parts(&world).len() >= 4);
    client.kill();
    world
        .gateway
        .wait_for_after(said, "closing: the client closed the connection");
    let mut command = world.python("resume.py");
    // What was in memory may still be on its way.
    let before = joined(&parts(&world));
    let said = text(&run_ok(command.arg("file").arg(world.file("file"))));
    let size = said.trim().strip_prefix("size ").unwrap();
    assert!(size.parse::<u64>().unwrap() >= before, "{said}");
    assert_same(&world);
}

/// An upload that is under way, a third of it in OSS.
fn begun(runtime: &str, test: &str) -> World {
    begun_at(runtime, test, "4M")
}

fn begun_at(runtime: &str, test: &str, rate: &str) -> World {
    let world = World::with_flags(runtime, test, &FLAGS);
    world.put("other", b"the folder is there");
    let data = world.write("file", &noise(LENGTH, 5));
    let client = slow_upload(&world, &data, rate);
    wait_until("some parts", || parts(&world).len() >= 4);
    // It ends with the gateway.
    std::mem::forget(client);
    world
}

fn slow_upload(world: &World, file: &Path, rate: &str) -> Program {
    let mut curl = world.curl();
    curl.args(["--limit-rate", rate, "--upload-file"]);
    curl.arg(file).arg(world.url("file"));
    Program::spawn(curl)
}

/// What OSS has of the one unfinished upload.
fn parts(world: &World) -> Vec<Part> {
    let bucket = world.bucket();
    let page = bucket.list_multipart_uploads(&format!("{}/", world.folder), None);
    let Some(upload) = page.unwrap().uploads.pop() else {
        return Vec::new();
    };
    let page = bucket.list_parts(&upload.key, &upload.upload_id, None);
    let parts = page.map(|page| page.parts).unwrap_or_default();
    parts.iter().map(|part| (part.number, part.size)).collect()
}

/// How many bytes the parts without a gap have.
fn joined(parts: &[Part]) -> u64 {
    let joined = (2..).zip(parts).take_while(|(n, part)| part.0 == *n);
    joined.map(|(_, part)| part.1).sum()
}

/// The file is there, and after line `mark` of the store's log no part of those was sent again.
fn assert_whole(world: &World, kept: &[Part], mark: usize) {
    assert_same(world);
    assert_eq!(parts(world), []);
    if world.store.is_none() {
        return;
    }
    let joined = (2..).zip(kept).take_while(|(n, part)| part.0 == *n).count();
    assert!(joined >= 1, "{kept:?}");
    let log = log(world);
    let new = log.lines().skip(mark);
    let sent: Vec<u32> = new.filter_map(part_number).collect();
    assert!(!sent.is_empty());
    let first = 2 + u32::try_from(joined).unwrap();
    assert!(
        sent.iter().all(|number| *number >= first),
        "{sent:?} after {kept:?}"
    );
}

fn assert_same(world: &World) {
    let back = world.write("back", &world.object("file"));
    assert_eq!(sha256(&back), sha256(&world.file("file")));
}

/// The number of the part that a line of the log tells of.
fn part_number(line: &str) -> Option<u32> {
    if !line.contains("\"api\":\"UploadPart\"") {
        return None;
    }
    let (_, rest) = line.split_once("partNumber=").unwrap();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
    rest[..end].parse().ok()
}

fn log(world: &World) -> String {
    fs::read_to_string(world.file("store.log")).unwrap_or_default()
}

fn log_length(world: &World) -> usize {
    log(world).lines().count()
}
