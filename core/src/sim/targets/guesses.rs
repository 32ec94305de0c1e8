//! The client that tries what it likes.

use super::model::{MAX_STEPS, PASSWORD, Run, USER, bytes, paced};
use super::source::Source;
use crate::sim::{Connect, DataPlan, Fault, Step};
use crate::{Admin, ErrorKind};
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

const PATHS: &[&str] = &[
    "a", "/b", "d", "d/a", "/d/e/x", "..", "/", "../a", "d/../b", "//d//", "图片", "-la", "q\"", "",
];
/// Verbs that take a path, or could.
const VERBS: &[&str] = &[
    "STOR",
    "RETR",
    "APPE",
    "DELE",
    "RNFR",
    "RNTO",
    "MKD",
    "RMD",
    "CWD",
    "SIZE",
    "MDTM",
    "LIST",
    "NLST",
    "MLSD",
    "MLST",
    "STAT",
    "STOU",
    "HASH",
    "XCRC",
    "AVBL",
    "SITE CPFR",
    "SITE CPTO",
    "SITE MKDIR",
    "SITE RMDIR",
    "SITE RESTORE",
    "SITE CHMOD 644",
    "MFMT 20200101000000",
    "MFF modify=20200101000000;",
    "COMB whole",
];
const LINES: &[&str] = &[
    "TYPE I",
    "TYPE A",
    "TYPE E",
    "MODE S",
    "MODE Z",
    "STRU F",
    "EPSV",
    "PASV",
    "EPSV ALL",
    "PORT 192,0,2,7,200,10",
    "PORT 192,0,2,9,200,10",
    "EPRT |1|192.0.2.7|51210|",
    "REST 0",
    "REST 3",
    "REST 100000",
    "ALLO 10",
    "ALLO 0",
    "CDUP",
    "PWD",
    "NOOP",
    "FEAT",
    "SYST",
    "HELP",
    "SITE HELP",
    "SITE IDLE 60",
    "OPTS UTF8 OFF",
    "OPTS UTF8 ON",
    "OPTS MLST type;",
    "OPTS HASH MD5",
    "RANG 1 4",
    "RANG 1 0",
    "LANG",
    "CLNT x",
    "HOST a",
    "AUTH TLS",
    "PBSZ 0",
    "PROT C",
    "PROT P",
    "CCC",
    "ACCT",
    "X",
    "QUIT",
    "REIN",
    "",
];
const KINDS: &[ErrorKind] = &[
    ErrorKind::Unavailable,
    ErrorKind::NotFound,
    ErrorKind::Busy,
    ErrorKind::NoSpace,
    ErrorKind::Denied,
    ErrorKind::BadName,
    ErrorKind::BadOffset,
    ErrorKind::Unsupported,
];

/// A whole conversation; it ends when the server has had enough.
pub(super) fn converse(run: &mut Run<'_>, s: &mut Source<'_>) {
    if s.flag() {
        login(run, s.pick(&[USER, USER, USER, "guest"]), PASSWORD);
        say(run, "TYPE I");
    }
    // Without patience, commands are sent before what came before them is answered.
    let mut patient = true;
    let mut steps = 0;
    while !s.is_empty() && steps < MAX_STEPS {
        steps += 1;
        step(run, s, &mut patient);
        if patient {
            run.add(|script| script.quiet());
        }
    }
}

fn say(run: &mut Run<'_>, line: impl AsRef<[u8]>) {
    run.add(|script| script.send(line));
}

fn login(run: &mut Run<'_>, user: &str, password: &str) {
    say(run, format!("USER {user}"));
    say(run, format!("PASS {password}"));
}

fn path(s: &mut Source<'_>) -> Vec<u8> {
    match s.byte() {
        own @ 224.. => [b"/", s.line().get(..usize::from(own - 223)).unwrap_or(b"x")].concat(),
        known => Vec::from(PATHS[usize::from(known) % PATHS.len()]),
    }
}

fn step(run: &mut Run<'_>, s: &mut Source<'_>, patient: &mut bool) {
    let seconds = |s: &mut Source<'_>| Duration::from_secs(s.pick(&[0, 1, 3, 29, 31, 61, 301]));
    match s.below(24) {
        0..=4 => {
            let verb = s.pick(VERBS);
            say(run, [verb.as_bytes(), b" ", &path(s)].concat());
        }
        5..=8 => {
            // A transfer from its beginning, and perhaps ABOR behind it.
            let route = s.pick(&["EPSV", "PASV", "PORT 192,0,2,7,200,10"]);
            let verb = s.pick(&["STOR", "RETR", "APPE", "NLST", "MLSD", "LIST", "STOU"]);
            let plan = plan(s);
            say(run, route);
            run.add(|script| script.data(plan));
            say(run, [verb.as_bytes(), b" ", &path(s)].concat());
            match s.below(6) {
                0 => say(run, "ABOR"),
                1 => run.add(|script| script.quiet().send("ABOR")),
                2 => run.add(|script| script.raw(b"\xff\xf4\xff\xf2ABOR\r\n")),
                _ => {}
            }
        }
        9..=11 => say(run, s.pick(LINES)),
        12 => {
            let plan = plan(s);
            run.add(|script| script.data(plan));
        }
        13 => say(run, "ABOR"),
        14 => {
            let step = match s.below(4) {
                0 => Step::DataSend(bytes(s)),
                1 => Step::DataResume,
                2 => Step::DataClose,
                _ => Step::DataBreak,
            };
            run.add(|script| script.step(step));
        }
        15 => {
            let at = match s.below(5) {
                0 => Fault::Login,
                1 => Fault::Perform,
                2 => Fault::Open,
                3 => Fault::Chunk(s.below(6)),
                _ => Fault::Commit,
            };
            let kind = s.pick(KINDS);
            run.fault(at, kind);
        }
        16 => {
            let step = match s.below(4) {
                0 | 1 => Step::HoldStorage,
                2 => Step::AnswerOne,
                _ => Step::ReleaseStorage,
            };
            run.add(|script| script.step(step));
        }
        17 => *patient = !*patient,
        18 => {
            let time = seconds(s);
            run.add(|script| script.sleep(time));
        }
        19 => run.add(|script| script.quiet()),
        20 => match s.below(4) {
            0 => login(run, USER, "wrong"),
            1 => login(run, "guest", PASSWORD),
            _ => login(run, USER, PASSWORD),
        },
        21 => {
            let free = s.flag();
            run.add(|script| script.step(Step::Ports(free)));
        }
        22 => match s.below(8) {
            0 => run.add(|script| script.step(Step::Admin(Admin::Kick))),
            1 => run.add(|script| script.step(Step::Admin(Admin::Drain))),
            2 => run.add(super::super::Script::close),
            _ => {}
        },
        _ => {
            // Two steps of a rename or a copy, with nothing between them.
            let (from, to) = s.pick(&[("RNFR", "RNTO"), ("SITE CPFR", "SITE CPTO")]);
            say(run, [from.as_bytes(), b" ", &path(s)].concat());
            say(run, [to.as_bytes(), b" ", &path(s)].concat());
        }
    }
}

/// A data connection that may come late or never, and end in any way.
fn plan(s: &mut Source<'_>) -> DataPlan {
    let plan = DataPlan::upload(bytes(s));
    let plan = paced(s, plan);
    let plan = match s.below(8) {
        0 => DataPlan {
            connect: Connect::Never,
            ..plan
        },
        1 => plan.delayed(Duration::from_secs(35)),
        _ => plan,
    };
    let plan = match s.below(4) {
        0 => plan.after(s.below(40)),
        _ => plan,
    };
    match s.below(4) {
        0 => plan.breaks(),
        1 => plan.holds(),
        _ => plan,
    }
}
