//! Every kind of fault in every kind of request.
//!
//! A cell is a fault in one API and the FTP command that uses it. It ends in success after
//! another try, or in the right reply; in either case the session lives, the store holds exactly
//! what was acknowledged, and no multipart upload is left open. Run with `--nocapture`, the test
//! prints a line per cell.

use crate::client::{Client, read_all};
use crate::world::{PART, World, noise, wait_for};
use ossftp::devstore::{Fault, FaultRule, Place};
use ossftp::server::Runtime;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What the client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    /// STOR of less than a part, over an old file.
    SmallStor,
    /// STOR of several parts, over an old file.
    LargeStor,
    Retr,
    List,
    Rnto,
    Dele,
}

use Command::{Dele, LargeStor, List, Retr, Rnto, SmallStor};

/// The commands and the requests of theirs that faults meet.
const COLUMNS: [(Command, &str); 9] = [
    (SmallStor, "PutObject"),
    (LargeStor, "InitiateMultipartUpload"),
    (LargeStor, "UploadPart"),
    (LargeStor, "CompleteMultipartUpload"),
    (Retr, "GetObject"),
    (List, "ListObjectsV2"),
    (Rnto, "CopyObject"),
    (Rnto, "DeleteObject"),
    (Dele, "DeleteObject"),
];

/// How a cell must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// As if nothing had happened.
    Done,
    /// With one of these replies, and nothing done.
    Refused(&'static [u16]),
    /// Either way: it depends on how much came through.
    Either(&'static [u16]),
}

use End::{Done, Either, Refused};

const UNAVAILABLE: &[u16] = &[451];
const BUSY: &[u16] = &[450];
const DENIED: &[u16] = &[550];

struct Row {
    name: &'static str,
    fault: fn() -> Fault,
    /// How many requests meet it; `None` is all.
    times: Option<u64>,
    /// How it ends in each API; `None` where such a request cannot suffer it.
    end: fn(&str) -> Option<End>,
}

/// Whether the answer to this API has a body.
fn answers_with_body(api: &str) -> bool {
    matches!(
        api,
        "InitiateMultipartUpload"
            | "CompleteMultipartUpload"
            | "GetObject"
            | "ListObjectsV2"
            | "CopyObject"
    )
}

/// Whether the request brings a body.
fn has_body(api: &str) -> bool {
    matches!(api, "PutObject" | "UploadPart" | "CompleteMultipartUpload")
}

/// Whether it can be found out afterwards that the request was carried out.
fn can_be_settled(api: &str) -> bool {
    !matches!(api, "UploadPart" | "GetObject" | "ListObjectsV2")
}

/// A request that was carried out but whose answer never comes.
fn settled(api: &str) -> Option<End> {
    Some(if can_be_settled(api) {
        Done
    } else {
        Refused(UNAVAILABLE)
    })
}

fn of_answers(api: &str, end: End) -> Option<End> {
    answers_with_body(api).then_some(end)
}

fn of_bodies(api: &str, end: End) -> Option<End> {
    has_body(api).then_some(end)
}

/// Whether the answer states a CRC-64.
fn of_checksums(api: &str, end: End) -> Option<End> {
    let has = matches!(
        api,
        "PutObject" | "UploadPart" | "CompleteMultipartUpload" | "GetObject" | "CopyObject"
    );
    has.then_some(end)
}

fn row(
    name: &'static str,
    times: Option<u64>,
    fault: fn() -> Fault,
    end: fn(&str) -> Option<End>,
) -> Row {
    Row {
        name,
        fault,
        times,
        end,
    }
}

fn rows() -> Vec<Row> {
    const ONCE: Option<u64> = Some(1);
    const ALWAYS: Option<u64> = None;
    vec![
        row(
            "latency",
            ALWAYS,
            || Fault::latency(Duration::from_millis(30)),
            |_| Some(Done),
        ),
        row(
            "bandwidth",
            ALWAYS,
            || Fault::bandwidth(2 << 20),
            |_| Some(Done),
        ),
        row("500 once", ONCE, || Fault::status(500), |_| Some(Done)),
        row(
            "500",
            ALWAYS,
            || Fault::status(500),
            |_| Some(Refused(UNAVAILABLE)),
        ),
        row("502 once", ONCE, || Fault::status(502), |_| Some(Done)),
        row(
            "503 once",
            ONCE,
            || Fault::slow_down(Some(5)),
            |_| Some(Done),
        ),
        row(
            "503",
            ALWAYS,
            || Fault::slow_down(None),
            |_| Some(Refused(BUSY)),
        ),
        row(
            "reset once",
            ONCE,
            || Fault::reset(Place::Request),
            |_| Some(Done),
        ),
        row(
            "reset",
            ALWAYS,
            || Fault::reset(Place::Request),
            |_| Some(Refused(UNAVAILABLE)),
        ),
        row(
            "reset in the body once",
            ONCE,
            || Fault::reset(Place::RequestBody(None)),
            |api| of_bodies(api, Done),
        ),
        row(
            "reset in the body",
            ALWAYS,
            || Fault::reset(Place::RequestBody(None)),
            |api| of_bodies(api, Refused(UNAVAILABLE)),
        ),
        row(
            "truncated answer once",
            ONCE,
            || Fault::truncate(None),
            |api| of_answers(api, Done),
        ),
        row(
            "truncated answer",
            ALWAYS,
            || Fault::truncate(None),
            // Each GET brings half of what is left.
            |api| match api {
                "GetObject" => Some(Either(UNAVAILABLE)),
                "ListObjectsV2" => Some(Refused(UNAVAILABLE)),
                _ => of_answers(api, Done),
            },
        ),
        row(
            "stalled before the answer once",
            ONCE,
            || Fault::stall(Place::Received),
            |_| Some(Done),
        ),
        row(
            "stalled before the answer",
            ALWAYS,
            || Fault::stall(Place::Received),
            |_| Some(Refused(UNAVAILABLE)),
        ),
        row(
            "stalled answer once",
            ONCE,
            || Fault::stall(Place::AnswerBody(None)),
            |api| of_answers(api, Done),
        ),
        row(
            "wrong CRC once",
            ONCE,
            || Fault::WrongCrc,
            // What was sent to the client by then cannot be taken back.
            |api| match api {
                "GetObject" => Some(Either(UNAVAILABLE)),
                _ => of_checksums(api, Done),
            },
        ),
        row(
            "wrong CRC",
            ALWAYS,
            || Fault::WrongCrc,
            |api| match api {
                "GetObject" | "UploadPart" => Some(Refused(UNAVAILABLE)),
                _ => of_checksums(api, Done),
            },
        ),
        row(
            "damaged answer",
            ALWAYS,
            || Fault::DamagedAnswer { byte: None },
            |api| (api == "GetObject").then_some(Refused(UNAVAILABLE)),
        ),
        row(
            "damaged request once",
            ONCE,
            || Fault::DamagedRequest { byte: None },
            |api| matches!(api, "PutObject" | "UploadPart").then_some(Done),
        ),
        row("lost answer once", ONCE, Fault::lose_answer, |_| Some(Done)),
        row("lost answer", ALWAYS, Fault::lose_answer, settled),
        row(
            "clock off by an hour",
            ALWAYS,
            || Fault::ClockSkew { seconds: 3600 },
            |_| Some(Done),
        ),
        row("denied", ALWAYS, Fault::denied, |_| Some(Refused(DENIED))),
        row(
            "archived",
            ALWAYS,
            || Fault::Archived,
            |api| match api {
                "GetObject" | "CopyObject" => Some(Refused(BUSY)),
                _ => None,
            },
        ),
    ]
}

/// The RAM action that a refused request needs.
fn action(api: &str) -> &'static str {
    match api {
        "GetObject" => "oss:GetObject",
        "ListObjectsV2" => "oss:ListObjects",
        "DeleteObject" => "oss:DeleteObject",
        _ => "oss:PutObject",
    }
}

#[test]
fn every_fault_ends_well_in_every_command() {
    let rows = rows();
    let cells: Vec<(usize, &Row, Command, &'static str, End)> = rows
        .iter()
        .flat_map(|row| COLUMNS.map(|(command, api)| (row, command, api)))
        .filter_map(|(row, command, api)| {
            let end = (row.end)(api)?;
            // The source is deleted last, after the copy: then it is 451 whatever the reason.
            let end = match (command, api, end) {
                (Rnto, "DeleteObject", Refused(_)) => Refused(UNAVAILABLE),
                _ => end,
            };
            Some((row, command, api, end))
        })
        .enumerate()
        .map(|(number, (row, command, api, end))| (number, row, command, api, end))
        .collect();
    assert!(cells.len() >= 80, "{} cells", cells.len());
    let next = AtomicUsize::new(0);
    let run = |runtime: Runtime| {
        let world = World::new(runtime);
        let mut failed = Vec::new();
        while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (number, row, command, api, end) = *cell;
            let (line, wrong) = run_cell(&world, number, row, command, api, end);
            println!("{runtime}: {line}");
            failed.extend(wrong.map(|wrong| format!("{line}: {wrong}")));
        }
        failed
    };
    let failed: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = [
            Runtime::Smol,
            Runtime::Threads,
            Runtime::Smol,
            Runtime::Threads,
        ]
        .into_iter()
        .map(|runtime| scope.spawn(move || run(runtime)))
        .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a worker"))
            .collect()
    });
    println!("{} cells", cells.len());
    assert!(
        failed.is_empty(),
        "{} of {} cells:\n{}",
        failed.len(),
        cells.len(),
        failed.join("\n")
    );
}

/// Runs one cell; gives its line, and what is wrong with it.
fn run_cell(
    world: &World,
    number: usize,
    row: &Row,
    command: Command,
    api: &str,
    end: End,
) -> (String, Option<String>) {
    let seed = number as u64;
    let folder = format!("c{number}");
    let (file, other) = (format!("{folder}/file"), format!("{folder}/other"));
    let old = noise(PART * 3 + 7, seed + 10_000);
    let new = match command {
        SmallStor => noise(5000, seed),
        _ => noise(PART * 4 + 100, seed),
    };
    world.put(&file, &old);
    let mut client = world.login();
    client.ask("TYPE I", 200);
    client.ask(&format!("CWD /{folder}"), 250);
    if command == Rnto {
        client.ask("RNFR file", 350);
    }
    let mut rule = FaultRule::new((row.fault)()).api(api);
    if let Some(times) = row.times {
        rule = rule.times(times);
    }
    let rule = world.store().faults().add(rule);
    let (reply, data) = say(&mut client, command, &new);
    let met = world.store().faults().hits(rule);
    // A request that is held goes on when its rule goes, unless its client has left first.
    wait_for("the held requests", || {
        world
            .store()
            .faults()
            .list()
            .iter()
            .all(|fault| fault.held == 0)
    });
    world.store().faults().clear();
    let code: u16 = reply
        .get(..3)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);

    // The session lives.
    let alive = client.ask("NOOP", 200);
    drop(alive);
    let size = client_size(&mut client);
    let (now, moved) = (world.get(&file), world.get(&other));
    let uploads = world.uploads(&format!("{folder}/"));
    let state = describe(now.as_deref(), moved.as_deref(), &old, &new);
    let line = format!(
        "{}, {api}, {command:?}: {} | {state} | {uploads} open uploads",
        row.name,
        reply.trim_end().replace("\r\n", " / ")
    );
    let wrong = judge(
        &Seen {
            code,
            reply: &reply,
            state: &state,
            is_data_whole: data.as_deref().is_none_or(|data| match command {
                Retr => data == old.as_slice(),
                _ => String::from_utf8_lossy(data).contains("file"),
            }),
            met,
            uploads,
            size,
            stored: now.as_ref().map(Vec::len),
        },
        row,
        command,
        api,
        end,
    );
    (line, wrong)
}

/// Carries the command out; gives its final reply and what came over the data connection.
fn say(client: &mut Client, command: Command, new: &[u8]) -> (String, Option<Vec<u8>>) {
    match command {
        SmallStor | LargeStor => {
            let mut data = client.passive();
            client.send("STOR file");
            let (code, text) = client.reply().expect("a reply");
            if code != 150 {
                return (text, None);
            }
            // The gateway may end it before all is sent.
            let _ = data.write_all(new);
            drop(data);
            (final_reply(client), None)
        }
        Retr | List => {
            let data = client.passive();
            client.send(if command == Retr { "RETR file" } else { "MLSD" });
            let (code, text) = client.reply().expect("a reply");
            if code != 150 {
                return (text, None);
            }
            let bytes = read_all(data);
            (final_reply(client), Some(bytes))
        }
        Rnto => {
            client.send("RNTO other");
            (final_reply(client), None)
        }
        Dele => {
            client.send("DELE file");
            (final_reply(client), None)
        }
    }
}

fn final_reply(client: &mut Client) -> String {
    client.reply().expect("a reply").1
}

/// SIZE of the file as the session sees it now.
fn client_size(client: &mut Client) -> Option<usize> {
    client.send("SIZE file");
    let (code, text) = client.reply().expect("a reply");
    (code == 213).then(|| text.trim_end()[4..].parse().expect("a size"))
}

/// What the names hold.
fn describe(file: Option<&[u8]>, other: Option<&[u8]>, old: &[u8], new: &[u8]) -> String {
    let one = |bytes: Option<&[u8]>| match bytes {
        None => "nothing",
        Some(bytes) if bytes == old => "old",
        Some(bytes) if bytes == new => "new",
        Some(_) => "something else",
    };
    format!("file: {}, other: {}", one(file), one(other))
}

struct Seen<'a> {
    code: u16,
    reply: &'a str,
    state: &'a str,
    is_data_whole: bool,
    met: u64,
    uploads: usize,
    size: Option<usize>,
    stored: Option<usize>,
}

/// What is wrong, if anything.
fn judge(seen: &Seen<'_>, row: &Row, command: Command, api: &str, end: End) -> Option<String> {
    let done_code = match command {
        SmallStor | LargeStor | Retr | List => 226,
        Rnto | Dele => 250,
    };
    let is_done = seen.code == done_code;
    let codes: &[u16] = match end {
        Done => &[],
        Refused(codes) | Either(codes) => codes,
    };
    let may_be_done = !matches!(end, Refused(_));
    if !(is_done && may_be_done || codes.contains(&seen.code)) {
        return Some(format!("wanted {end:?}"));
    }
    if seen.met == 0 {
        return Some("no request met the fault".to_owned());
    }
    if row.name == "denied" && !seen.reply.contains(action(api)) {
        return Some(format!("the reply does not name {}", action(api)));
    }
    if seen.reply.contains(crate::world::SECRET) || seen.reply.contains("Signature") {
        return Some("the reply tells a secret".to_owned());
    }
    if is_done && !seen.is_data_whole {
        return Some("226, and the data is not whole".to_owned());
    }
    let untouched = "file: old, other: nothing";
    let allowed: &[&str] = match (command, is_done) {
        (Retr | List, _) => &[untouched],
        (SmallStor | LargeStor, true) => &["file: new, other: nothing"],
        (Rnto, true) => &["file: nothing, other: old"],
        (Dele, true) => &["file: nothing, other: nothing"],
        // Copied whole, and the source could not be deleted: the reply says so.
        (Rnto, false) if api == "DeleteObject" && seen.reply.contains("Copied whole") => {
            &["file: old, other: old"]
        }
        (_, false) => &[untouched],
    };
    if !allowed.contains(&seen.state) {
        return Some(format!("the store should hold {allowed:?}"));
    }
    if seen.uploads > 0 {
        return Some("a multipart upload is left open".to_owned());
    }
    if seen.size != seen.stored {
        return Some(format!("SIZE says {:?}", seen.size));
    }
    None
}
