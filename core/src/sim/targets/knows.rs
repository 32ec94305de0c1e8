//! The client that knows what it does.

use super::model::{MAX_STEPS, PASSWORD, Run, USER, bytes, paced};
use super::source::Source;
use super::transfer::{to_stored, to_wire};
use crate::sim::{DataPlan, Script};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

const FILES: &[&str] = &[
    "/a",
    "/b.txt",
    "/d/a",
    "/d/e/x",
    "/d/e/图片",
    "/sp ace",
    "/q\"q",
];
const FOLDERS: &[&str] = &["/d", "/d/e", "/m", "/m/n o", "/n"];

/// What it believes: absolute paths, the root without any.
#[derive(Default)]
struct Belief {
    files: BTreeMap<String, Vec<u8>>,
    /// Those that were made, or have lost what was in them.
    folders: BTreeSet<String>,
    cwd: String,
    image: bool,
}

impl Belief {
    fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.folders.contains(path) || !self.is_empty(path)
    }

    fn is_empty(&self, folder: &str) -> bool {
        let mut all = self.files.keys().chain(&self.folders);
        !all.any(|path| is_below(path, folder))
    }

    fn is_free(&self, path: &str) -> bool {
        !self.files.contains_key(path) && !self.is_folder(path)
    }

    /// Nothing above is a file.
    fn may_stand(&self, path: &str) -> bool {
        !self.files.keys().any(|file| is_below(path, file))
    }

    /// A folder stays when its last child goes.
    fn keep_parent(&mut self, path: &str) {
        let up = parent(path);
        if !up.is_empty() {
            self.folders.insert(up.into());
        }
    }

    /// As an argument: absolute, or from where the client stands, or with detours.
    fn say(&self, s: &mut Source<'_>, path: &str) -> String {
        let path = if path.is_empty() { "/" } else { path };
        match s.below(4) {
            0 => match path
                .strip_prefix(&self.cwd)
                .and_then(|p| p.strip_prefix('/'))
            {
                Some(below) if !below.is_empty() => below.into(),
                _ => path.into(),
            },
            1 => format!("{}..{path}", "../".repeat(6)),
            2 => format!("/./{path}"),
            _ => path.into(),
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(up, _)| up)
}

fn is_below(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder);
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// A whole conversation but for the goodbye.
pub(super) fn converse(run: &mut Run<'_>, s: &mut Source<'_>) {
    let mut belief = Belief::default();
    run.add(|script| script.login(USER, PASSWORD).send("TYPE I").expect(200));
    belief.image = true;
    let mut steps = 0;
    while !s.is_empty() && steps < MAX_STEPS {
        steps += 1;
        step(run, s, &mut belief);
    }
    run.play();
    let stored = run.store().files();
    let told: BTreeMap<Vec<u8>, Vec<u8>> = belief.files.into_iter().map(named).collect();
    assert_eq!(stored, told, "the store holds something else");
    let folders = run.store().directories();
    for path in belief.folders {
        assert!(folders.contains(path.as_bytes()), "{path} is lost");
    }
}

fn named((path, bytes): (String, Vec<u8>)) -> (Vec<u8>, Vec<u8>) {
    (path.into_bytes(), bytes)
}

/// One command, or a few that belong together.
fn step(run: &mut Run<'_>, s: &mut Source<'_>, belief: &mut Belief) {
    match s.below(16) {
        0 | 1 => store(run, s, belief, false),
        2 => store(run, s, belief, true),
        3 | 4 => retrieve(run, s, belief),
        5 => {
            let path = file(s, belief);
            let said = format!("DELE {}", belief.say(s, &path));
            let done = belief.files.remove(&path).is_some();
            if done {
                belief.keep_parent(&path);
            }
            run.add(|script| script.send(said).expect(if done { 250 } else { 550 }));
        }
        6 => {
            let path = s.pick(FOLDERS);
            if !belief.may_stand(path) {
                return;
            }
            let said = format!("MKD {}", belief.say(s, path));
            let free = belief.is_free(path);
            if free {
                belief.folders.insert(path.into());
            }
            run.add(|script| script.send(said).expect(if free { 257 } else { 550 }));
        }
        7 => {
            let path = s.pick(FOLDERS);
            let said = format!("RMD {}", belief.say(s, path));
            let done = belief.is_folder(path) && belief.is_empty(path);
            if done {
                belief.folders.remove(path);
                belief.keep_parent(path);
            }
            run.add(|script| script.send(said).expect(if done { 250 } else { 550 }));
        }
        8 => {
            let path = s.pick(FOLDERS);
            let path = if s.flag() { "" } else { path };
            let said = format!("CWD {}", belief.say(s, path));
            let there = belief.is_folder(path);
            if there {
                belief.cwd = path.into();
            }
            run.add(|script| script.send(said).expect(if there { 250 } else { 550 }));
        }
        9 => {
            belief.cwd = parent(&belief.cwd).into();
            run.add(|script| script.send("CDUP").expect(250));
        }
        10 => {
            let path = file(s, belief);
            let size = belief.files.get(&path).map(Vec::len);
            let said = format!("SIZE {}", belief.say(s, &path));
            let image = belief.image;
            run.add(|script| match size {
                Some(size) if image => {
                    let expected = format!("213 {size}\r\n");
                    script.send(said).expect_text(213, expected)
                }
                _ => script.send(said).expect(550),
            });
        }
        11 => rename(run, s, belief),
        12 => {
            belief.image = s.flag();
            let said = if belief.image { "TYPE I" } else { "TYPE A" };
            run.add(|script| script.send(said).expect(200));
        }
        13 => list(run, s, belief),
        14 => {
            let cwd = if belief.cwd.is_empty() {
                "/"
            } else {
                &belief.cwd
            };
            let said = format!("257 \"{}\"", cwd.replace('"', "\"\""));
            run.add(|script| script.send("PWD").expect_text(257, said));
        }
        _ => {
            let time = Duration::from_secs(s.pick(&[0, 1, 59, 290]));
            let (said, code) = s.pick(&[("NOOP", 200), ("SYST", 215), ("ABOR", 225), ("X", 500)]);
            // Unknown commands in a row are counted, so they do not come alone.
            run.add(|script| script.sleep(time).send(said).expect(code));
            run.add(|script| script.send("NOOP").expect(200));
        }
    }
}

/// One that is there, if there is any and luck wants it, or any.
fn file(s: &mut Source<'_>, belief: &Belief) -> String {
    let luck = s.byte();
    let known = belief.files.len();
    if luck < 200 && known > 0 {
        let nth = belief.files.keys().nth(usize::from(luck) % known);
        return nth.cloned().unwrap_or_default();
    }
    String::from(FILES[usize::from(luck) % FILES.len()])
}

/// EPSV, PASV, PORT or EPRT.
fn route(s: &mut Source<'_>) -> Script {
    let (said, code) = s.pick(&[
        ("EPSV", 229),
        ("PASV", 227),
        ("PORT 192,0,2,7,200,10", 200),
        ("EPRT |1|192.0.2.7|51210|", 200),
    ]);
    Script::new().send(said).expect(code)
}

fn transfer(run: &mut Run<'_>, s: &mut Source<'_>, before: &Script, said: &str, plan: DataPlan) {
    let (route, plan) = (route(s), paced(s, plan));
    run.add(|script| {
        let script = script.then(&route).then(before).data(plan);
        script.send(said).expect(150).expect(226)
    });
}

fn store(run: &mut Run<'_>, s: &mut Source<'_>, belief: &mut Belief, append: bool) {
    let path = s.pick(FILES);
    if belief.is_folder(path) || !belief.may_stand(path) {
        return;
    }
    let sent = bytes(s);
    let stored = if belief.image {
        sent.clone()
    } else {
        to_stored(&sent)
    };
    let old = belief.files.get(path).cloned().unwrap_or_default();
    let mut before = Script::new();
    let kept = if append {
        old.len()
    } else if belief.image && s.flag() {
        let rest = s.below(256).min(old.len());
        before = before.send(format!("REST {rest}")).expect(350);
        rest
    } else {
        0
    };
    let verb = if append { "APPE" } else { "STOR" };
    let said = format!("{verb} {}", belief.say(s, path));
    let content = [old.get(..kept).unwrap_or_default(), &stored].concat();
    belief.files.insert(path.into(), content);
    transfer(run, s, &before, &said, DataPlan::upload(sent));
}

fn retrieve(run: &mut Run<'_>, s: &mut Source<'_>, belief: &Belief) {
    let path = file(s, belief);
    let said = format!("RETR {}", belief.say(s, &path));
    let Some(content) = belief.files.get(&path) else {
        let route = route(s);
        run.add(|script| script.then(&route).send(said).expect(550));
        return;
    };
    let mut before = Script::new();
    let mut from = 0;
    if belief.image && s.flag() {
        from = s.below(256).min(content.len());
        before = before.send(format!("REST {from}")).expect(350);
    }
    let rest = content.get(from..).unwrap_or_default();
    let wire = if belief.image {
        rest.to_vec()
    } else {
        to_wire(rest)
    };
    transfer(run, s, &before, &said, DataPlan::download());
    run.add(|script| script.expect_download(wire));
}

/// The model knows what a listing has to hold.
fn list(run: &mut Run<'_>, s: &mut Source<'_>, belief: &Belief) {
    let verb = s.pick(&["NLST", "MLSD", "LIST"]);
    let said = match s.pick(FOLDERS) {
        path if belief.is_folder(path) => format!("{verb} {}", belief.say(s, path)),
        _ => {
            // Where it stands may be gone by now.
            let (there, route) = (belief.is_folder(&belief.cwd), route(s));
            if !there {
                run.add(|script| script.then(&route).send(verb).expect(550));
                return;
            }
            String::from(verb)
        }
    };
    transfer(run, s, &Script::new(), &said, DataPlan::download());
}

fn rename(run: &mut Run<'_>, s: &mut Source<'_>, belief: &mut Belief) {
    let (from, to) = if s.flag() {
        (file(s, belief), String::from(s.pick(FILES)))
    } else {
        (s.pick(FOLDERS).into(), String::from(s.pick(FOLDERS)))
    };
    let there = belief.files.contains_key(&from) || belief.is_folder(&from);
    let (said, then) = (belief.say(s, &from), belief.say(s, &to));
    if !there {
        run.add(|script| script.send(format!("RNFR {said}")).expect(550));
        return;
    }
    // What else may come of a rename is for the other client to try.
    if !belief.is_free(&to) || !belief.may_stand(&to) || is_below(&to, &from) {
        return;
    }
    if let Some(content) = belief.files.remove(&from) {
        belief.files.insert(to, content);
    } else {
        let moved = |path: String| match path.strip_prefix(&from) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{to}{rest}"),
            _ => path,
        };
        let files = core::mem::take(&mut belief.files);
        belief.files = files
            .into_iter()
            .map(|(path, b)| (moved(path), b))
            .collect();
        let folders = core::mem::take(&mut belief.folders);
        belief.folders = folders.into_iter().map(moved).collect();
    }
    belief.keep_parent(&from);
    run.add(|script| {
        let script = script.send(format!("RNFR {said}")).expect(350);
        script.send(format!("RNTO {then}")).expect(250)
    });
}
