//! What the fuzz targets do with their bytes.
//!
//! The functions live here and not in `fuzz/`, so that `cargo test` can replay the seeds without
//! a fuzzer. They panic where something is wrong; that is how a fuzzer hears of it.
//!
//! # The form of a session's seeds
//!
//! A seed is the client's side of a conversation as it would be typed, line by line. After each
//! line the server gets the time to answer. Lines that begin with `@` steer the simulator:
//!
//! | line | what it does |
//! |---|---|
//! | `@config WORD…` | `disconnect`, `strict`, `v6`, `tls`, `implicit`, `tls-login`, `tls-data`, `ccc`: the session's settings; only as the first line |
//! | `@fast`, `@slow` | from here on lines are pipelined, or not |
//! | `@data WORD…` | plans the next data connection: `fill=N`, `piece=N`, `pace=N` (seconds), `after=N`, `late=N` (seconds), `never`, `breaks`, `holds`, and last `up=TEXT` |
//! | `@more TEXT`, `@resume`, `@end`, `@break` | what happens to an open data connection |
//! | `@sleep N` | lets N seconds pass |
//! | `@quiet` | gives the server time to answer |
//! | `@close`, `@finish` | closes the control connection, or its own side alone |
//! | `@hold`, `@one`, `@release` | keeps the storage from answering, lets it answer once, or again |
//! | `@ports N` | no passive port is free (0), or some are |
//! | `@tls WORD` | the next handshake `fails`; those to come are a `hold`, or `release`d |
//! | `@kick`, `@drain` | what an operator does |
//! | `@fault WORD KIND` | the store fails next at `login`, `perform`, `open`, `chunk` or `commit` |
//!
//! There is the user `demo` with the password `s3cr3t-pw`, and `guest` with the same one and
//! without the right to write.

use super::invariants::Secrets;
use super::model::Model;
use super::pieces::{Pieces, mixed};
use super::simulator::secrets;
use super::{DataPlan, Failure, Fault, MemoryStore, Script, Simulator, Step};
use crate::command::parse;
use crate::line::MAX_LINE;
use crate::{Admin, ErrorKind, FtpPath, MAX_PATH, Peer, SessionConfig, TlsPolicy};
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use memchr::memchr_iter;
use std::sync::OnceLock;

/// Longer inputs are cut: nothing new happens in them.
const MAX_INPUT: usize = 32 * 1024;
/// The most bytes of one upload.
const MAX_FILL: usize = 20_000;

/// One command line: judging it never panics, a command that it means can be said again and
/// means the same, and its path cannot leave the root.
///
/// # Panics
/// One of these does not hold.
pub fn command(line: &[u8]) {
    let line = line.get(..MAX_LINE).unwrap_or(line);
    let command = match parse(line) {
        Ok(command) => command,
        Err(error) => {
            let Some(spec) = error.spec() else { return };
            // What is left of Telnet signals may stand before the verb.
            let signals = line.iter().take_while(|b| **b >= 240).count();
            let line = line.get(signals..).unwrap_or_default();
            let verb = line.get(..4).unwrap_or(line).to_ascii_uppercase();
            let known =
                [spec.verb, spec.alias].map(|v| v.as_bytes().get(..4).unwrap_or(v.as_bytes()));
            assert!(
                known.iter().any(|v| !v.is_empty() && verb.starts_with(v)),
                "{:?} is no {}",
                line.escape_ascii(),
                spec.verb
            );
            return;
        }
    };
    let encoded = command.encode();
    // Names that were not in quotes get some, and their own are doubled.
    assert!(encoded.len() <= 2 * line.len() + 64, "{command:?}");
    match parse(&encoded) {
        Ok(again) => assert_eq!(again, command),
        Err(error) => panic!("{command:?} said again is {error:?}"),
    }
    let argument = encoded.splitn(2, |b| *b == b' ').nth(1).unwrap_or_default();
    if let Ok(path) = FtpPath::root().join(argument) {
        assert!(path.as_bytes().starts_with(b"/") && path.as_bytes().len() <= MAX_PATH);
        assert!(path.components().all(|c| !matches!(c, b"" | b"." | b"..")));
    }
}

/// A whole session: see [the form of its seeds](self#the-form-of-a-sessions-seeds). The rules of
/// the simulator hold, whichever way the client's bytes are cut into pieces.
///
/// Where they are cut is drawn from the bytes themselves. So is what is too dear for each input:
/// one in eight is played a second time with other cuts, to see that the server does the same,
/// and only there the session's `Debug` is searched for secrets. `cargo test` does all of that
/// with each seed: [`session_any_way`].
///
/// # Panics
/// One of these does not hold.
pub fn session_bytes(data: &[u8]) {
    let data = data.get(..MAX_INPUT).unwrap_or(data);
    let draw = mixed(data.iter().fold(0, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    }));
    let pieces = match draw % 8 {
        0..4 => Pieces::default(),
        4 => Pieces::Of(1),
        _ => Pieces::Drawn(draw),
    };
    if (draw >> 32).is_multiple_of(8) {
        let other = if pieces == Pieces::default() {
            Pieces::Drawn(draw)
        } else {
            Pieces::default()
        };
        compare(data, &[pieces, other]);
    } else if World::shared().run(data, pieces, How::Sparing).is_err() {
        // Once more, to tell what happened.
        played(data, pieces);
        panic!("once more, nothing is wrong");
    }
}

/// A whole session like [`session_bytes`], with everything that is judged: at once, byte by byte
/// and in other pieces.
///
/// # Panics
/// A rule does not hold, or in other pieces the server does something else.
pub fn session_any_way(data: &[u8]) {
    let data = data.get(..MAX_INPUT).unwrap_or(data);
    let odd = Pieces::Of(data.len() % 13 + 2);
    let drawn = Pieces::Drawn(mixed(data.len() as u64));
    compare(data, &[Pieces::default(), Pieces::Of(1), odd, drawn]);
}

/// A whole session like [`session_bytes`], at once and in pieces that are drawn from `seed`.
///
/// # Panics
/// A rule does not hold, or in pieces the server does something else.
pub fn session_in_pieces(data: &[u8], seed: u64) {
    let data = data.get(..MAX_INPUT).unwrap_or(data);
    compare(data, &[Pieces::default(), Pieces::Drawn(seed)]);
}

/// A whole session like [`session_bytes`], once and at once, with everything that is judged.
///
/// # Panics
/// A rule does not hold.
pub fn session_once(data: &[u8]) {
    let data = data.get(..MAX_INPUT).unwrap_or(data);
    let pieces = Pieces::default();
    if World::shared().run(data, pieces, How::Unrecorded).is_err() {
        played(data, pieces);
        panic!("once more, nothing is wrong");
    }
}

/// How much of a run is kept and judged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// All is kept and judged.
    Whole,
    /// All is judged.
    Unrecorded,
    /// As [`Simulator::sparing`] says.
    Sparing,
}

fn played(data: &[u8], pieces: Pieces) -> Simulator {
    match World::shared().run(data, pieces, How::Whole) {
        Ok(simulator) => simulator,
        Err(failure) => panic!("{failure}"),
    }
}

/// What runs look like from outside, and what they tell the log, is the same.
fn compare(data: &[u8], ways: &[Pieces]) {
    let mut first: Option<(Pieces, Simulator)> = None;
    for way in ways {
        let run = played(data, *way);
        let Some((known, whole)) = &first else {
            first = Some((*way, run));
            continue;
        };
        let (a, b) = (run.transcript(), whole.transcript());
        if !a.seen().eq(b.seen()) {
            panic!("{way:?} is not as {known:?}:\n{a}\nand\n{b}");
        }
    }
}

/// What all runs begin with.
struct World {
    store: MemoryStore,
    model: Model,
    secrets: Secrets,
}

impl World {
    /// The only one: to make it anew takes as long as a short session.
    fn shared() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(Self::new)
    }

    fn new() -> Self {
        let store = MemoryStore::new()
            .with_user("demo", "s3cr3t-pw", true)
            .with_user("guest", "s3cr3t-pw", false)
            .with_page_size(2)
            .with_chunk_size(7)
            .with_capacity(64 * 1024)
            .with_file("/a.txt", "line\nline\r\nend")
            .with_file("/dir/b.bin", [0, 255, 13, 10, 13, 0].as_slice())
            .with_file("/dir/sub/c", "");
        Self {
            model: Model::new(store.files(), store.directories()),
            secrets: secrets(&store),
            store,
        }
    }

    /// Plays a seed to its end.
    fn run(&self, data: &[u8], pieces: Pieces, how: How) -> Result<Simulator, Failure> {
        let store = self.store.copy();
        let mut lines = data.split_inclusive(|b| *b == b'\n').peekable();
        let first = lines.next_if(|line| line.starts_with(b"@config"));
        let simulator = self.simulator(first.unwrap_or_default(), &store);
        let mut simulator = simulator.lenient().cut(pieces);
        match how {
            How::Whole => {}
            How::Unrecorded => simulator = simulator.unrecorded(),
            How::Sparing => simulator = simulator.sparing(),
        }
        let mut script = Script::with_room(2 * memchr_iter(b'\n', data).count());
        let mut fast = false;
        for line in lines {
            match directive(line) {
                Some(Directive::Fast(on)) => fast = on,
                Some(Directive::Step(step)) => script = settle(script, fast).step(step),
                Some(Directive::Fault(at, kind)) => {
                    simulator.go_on(core::mem::take(&mut script))?;
                    store.fail_next(at, kind);
                }
                None => script = settle(script.raw(line), fast),
            }
        }
        simulator.go_on(script)?;
        Ok(simulator)
    }

    fn simulator(&self, words: &[u8], store: &MemoryStore) -> Simulator {
        let has = |word: &[u8]| words.split(u8::is_ascii_whitespace).any(|w| w == word);
        let tls = TlsPolicy {
            offered: has(b"tls"),
            implicit: has(b"implicit"),
            required_for_login: has(b"tls-login"),
            required_for_data: has(b"tls-data"),
            allow_ccc: has(b"ccc"),
        };
        let config = SessionConfig {
            tls,
            commit_on_disconnect: has(b"disconnect"),
            strict_allo: has(b"strict"),
            ..SessionConfig::default()
        };
        let again = has(b"v6").then(|| config.clone());
        let (model, secrets) = (self.model.clone(), self.secrets.clone());
        let simulator = Simulator::with_model(config, store.clone(), model, secrets);
        let Some(config) = again else {
            return simulator;
        };
        let local = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 21);
        let addr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 50_000);
        simulator.with_peer(config, Peer { addr, local })
    }
}

fn settle(script: Script, fast: bool) -> Script {
    if fast {
        script
    } else {
        script.step(Step::Quiet)
    }
}

enum Directive {
    Fast(bool),
    Step(Step),
    Fault(Fault, ErrorKind),
}

/// The directive that a line is, if it is one.
fn directive(line: &[u8]) -> Option<Directive> {
    let line = line.strip_prefix(b"@")?.trim_ascii_end();
    let mut halves = line.splitn(2, |b| *b == b' ');
    let word = halves.next().unwrap_or_default();
    let rest = halves.next().unwrap_or_default();
    let step = match word {
        b"fast" => return Some(Directive::Fast(true)),
        b"slow" => return Some(Directive::Fast(false)),
        b"fault" => return fault(rest),
        b"data" => Step::Data(plan(rest)),
        b"more" => Step::DataSend(rest.to_vec()),
        b"resume" => Step::DataResume,
        b"end" => Step::DataClose,
        b"break" => Step::DataBreak,
        b"sleep" => Step::Sleep(seconds(rest)),
        b"quiet" => Step::Quiet,
        b"close" => Step::Close,
        b"finish" => Step::Finish,
        b"hold" => Step::HoldStorage,
        b"one" => Step::AnswerOne,
        b"release" => Step::ReleaseStorage,
        b"ports" => Step::Ports(number(rest) > 0),
        b"tls" => match rest {
            b"fails" => Step::TlsFails,
            b"hold" => Step::HoldTls,
            _ => Step::ReleaseTls,
        },
        b"kick" => Step::Admin(Admin::Kick),
        b"drain" => Step::Admin(Admin::Drain),
        _ => return None,
    };
    Some(Directive::Step(step))
}

fn plan(mut words: &[u8]) -> DataPlan {
    let mut plan = DataPlan::download();
    let (mut piece, mut pace) = (64 * 1024, Duration::ZERO);
    while !words.is_empty() {
        if let Some(text) = words.strip_prefix(b"up=") {
            plan.upload = text.to_vec();
            break;
        }
        let end = words.iter().position(|b| *b == b' ');
        let (word, rest) = words.split_at(end.unwrap_or(words.len()));
        words = rest.get(1..).unwrap_or_default();
        let mut parts = word.splitn(2, |b| *b == b'=');
        let (key, value) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        plan = match key {
            b"fill" => {
                let length = number(value).min(MAX_FILL);
                plan.upload = b"fill\r\n".iter().copied().cycle().take(length).collect();
                plan
            }
            b"piece" => {
                piece = number(value);
                plan
            }
            b"pace" => {
                pace = seconds(value);
                plan
            }
            b"after" => plan.after(number(value)),
            b"late" => plan.delayed(seconds(value)),
            b"never" => DataPlan {
                connect: super::Connect::Never,
                ..plan
            },
            b"breaks" => plan.breaks(),
            b"holds" => plan.holds(),
            _ => plan,
        };
    }
    // At most a few hundred turns, however small the pieces.
    let piece = piece.max(plan.upload.len() / 200);
    plan.in_pieces(piece, pace)
}

fn fault(words: &[u8]) -> Option<Directive> {
    let mut words = words.split(|b| *b == b' ');
    let at = match words.next()? {
        b"login" => Fault::Login,
        b"perform" => Fault::Perform,
        b"open" => Fault::Open,
        b"chunk" => Fault::Chunk(number(words.next()?)),
        b"commit" => Fault::Commit,
        _ => return None,
    };
    let kind = match words.next().unwrap_or_default() {
        b"missing" => ErrorKind::NotFound,
        b"busy" => ErrorKind::Busy,
        b"full" => ErrorKind::NoSpace,
        b"denied" => ErrorKind::Denied,
        b"name" => ErrorKind::BadName,
        b"offset" => ErrorKind::BadOffset,
        b"unsupported" => ErrorKind::Unsupported,
        _ => ErrorKind::Unavailable,
    };
    Some(Directive::Fault(at, kind))
}

fn number(text: &[u8]) -> usize {
    let text = core::str::from_utf8(text).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// At most a day.
fn seconds(text: &[u8]) -> Duration {
    Duration::from_secs(u64::try_from(number(text).min(86_400)).unwrap_or(0))
}
