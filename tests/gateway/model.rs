//! Long random sessions, held against a model of a few rules.

use std::collections::{BTreeMap, BTreeSet};

use ossftp_core::ErrorKind;

use crate::world::{Done, Session, World};

/// What FTP says there is: paths without their leading `/`.
#[derive(Default)]
struct Model {
    files: BTreeMap<String, Vec<u8>>,
    directories: BTreeSet<String>,
}

fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

impl Model {
    fn add_parents(&mut self, path: &str) {
        self.directories.extend(parents(path).map(str::to_owned));
    }

    fn is_directory(&self, path: &str) -> bool {
        path.is_empty() || self.directories.contains(path)
    }

    fn children(&self, path: &str) -> Vec<String> {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let child = |key: &String| {
            let name = key.strip_prefix(&prefix)?;
            (!name.contains('/')).then(|| name.to_owned())
        };
        let files = self.files.keys().filter_map(child);
        let directories = self
            .directories
            .iter()
            .filter_map(child)
            .map(|name| name + "/");
        files.chain(directories).collect()
    }

    fn stor(&mut self, path: &str, bytes: &[u8]) -> Result<(), ErrorKind> {
        if self.is_directory(path) && !self.files.contains_key(path) {
            return Err(ErrorKind::BadName);
        }
        self.files.insert(path.to_owned(), bytes.to_vec());
        self.add_parents(path);
        Ok(())
    }

    fn appe(&mut self, path: &str, bytes: &[u8]) -> Result<(), ErrorKind> {
        let old = self.files.get(path).cloned().unwrap_or_default();
        self.stor(path, &[&old, bytes].concat())
    }

    fn mkd(&mut self, path: &str) -> Result<(), ErrorKind> {
        if self.is_directory(path) || self.files.contains_key(path) {
            return Err(ErrorKind::Exists);
        }
        self.directories.insert(path.to_owned());
        self.add_parents(path);
        Ok(())
    }

    fn rmd(&mut self, path: &str) -> Result<(), ErrorKind> {
        if !self.directories.contains(path) {
            let is_file = self.files.contains_key(path);
            return Err(if is_file {
                ErrorKind::NotADirectory
            } else {
                ErrorKind::NotFound
            });
        }
        if !self.children(path).is_empty() {
            return Err(ErrorKind::NotEmpty);
        }
        self.directories.remove(path);
        Ok(())
    }

    fn dele(&mut self, path: &str) -> Result<(), ErrorKind> {
        match self.files.remove(path) {
            Some(_) => Ok(()),
            None => Err(ErrorKind::NotFound),
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), ErrorKind> {
        let is_file = self.files.contains_key(from);
        if !is_file && !self.is_directory(from) {
            return Err(ErrorKind::NotFound);
        }
        if from == to {
            return Ok(());
        }
        if to.starts_with(&format!("{from}/")) {
            return Err(ErrorKind::BadName);
        }
        if self.is_directory(to) || (!is_file && self.files.contains_key(to)) {
            return Err(ErrorKind::Exists);
        }
        self.add_parents(to);
        if let Some(bytes) = self.files.remove(from) {
            self.files.insert(to.to_owned(), bytes);
            return Ok(());
        }
        let prefix = format!("{from}/");
        let renamed = |key: &str| {
            let rest = key.strip_prefix(&prefix)?;
            Some(format!("{to}/{rest}"))
        };
        let files = std::mem::take(&mut self.files).into_iter();
        self.files = files
            .map(|(key, v)| (renamed(&key).unwrap_or(key), v))
            .collect();
        let directories = std::mem::take(&mut self.directories).into_iter();
        self.directories = directories
            .map(|key| renamed(&key).unwrap_or(key))
            .collect();
        self.directories.remove(from);
        self.directories.insert(to.to_owned());
        Ok(())
    }

    /// Whether what is below `from` is below `to` as well.
    fn has_copies(&self, from: &str, to: &str) -> bool {
        let prefix = format!("{from}/");
        let mut below = self.files.range(prefix.clone()..);
        let is_copied = |(key, bytes): (&String, &Vec<u8>)| {
            let rest = key.strip_prefix(&prefix);
            rest.is_none_or(|rest| self.files.get(&format!("{to}/{rest}")) == Some(bytes))
        };
        from != to && self.is_directory(from) && self.is_directory(to) && below.all(is_copied)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ErrorKind> {
        if self.is_directory(path) {
            return Ok(self.children(path));
        }
        if self.files.contains_key(path) {
            let name = path.rsplit('/').next().unwrap();
            return Ok(vec![name.to_owned()]);
        }
        Err(ErrorKind::NotFound)
    }
}

/// xorshift64: the same session for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % sides
    }

    fn path(&mut self) -> String {
        let names = ["a", "b", "文 件", "a b"];
        let depth = 1 + self.roll(3);
        let mut parts = Vec::new();
        for _ in 0..depth {
            parts.push(names[self.roll(names.len())]);
        }
        parts.join("/")
    }
}

/// A missing directory and a file in its place are both 550; which one, only sometimes is known.
fn alike(kind: ErrorKind) -> ErrorKind {
    match kind {
        ErrorKind::NotADirectory | ErrorKind::IsADirectory => ErrorKind::NotFound,
        kind => kind,
    }
}

fn compare<T: PartialEq + std::fmt::Debug>(what: &str, real: Done<T>, model: Result<T, ErrorKind>) {
    let real = real.map_err(|error| alike(error.kind));
    assert_eq!(real, model.map_err(alike), "{what}");
}

fn step(dice: &mut Dice, session: &Session, model: &mut Model, log: &mut Vec<String>) {
    let one = dice.path();
    let path = format!("/{one}");
    let bytes = vec![b'x'; dice.roll(9)];
    let what = dice.roll(9);
    let two = dice.path();
    log.push(format!("{what} {one} {two}"));
    let said = log.join("\n");
    match what {
        0 | 1 => compare(&said, session.stor(&path, &bytes), model.stor(&one, &bytes)),
        2 => compare(&said, session.mkd(&path), model.mkd(&one)),
        3 => compare(&said, session.rmd(&path), model.rmd(&one)),
        4 => compare(&said, session.dele(&path), model.dele(&one)),
        // A directory that holds copies of all files of another is one to which it was renamed.
        5 if model.has_copies(&one, &two) => {}
        5 => {
            let target = format!("/{two}");
            compare(
                &said,
                session.rename(&path, &target),
                model.rename(&one, &two),
            );
        }
        6 => compare(&said, session.appe(&path, &bytes), model.appe(&one, &bytes)),
        7 => {
            let entered = model
                .is_directory(&one)
                .then_some(())
                .ok_or(ErrorKind::NotFound);
            compare(&said, session.cwd(&path), entered);
        }
        _ => {
            let mut listed = session.list(&path);
            if let Ok(names) = &mut listed {
                names.sort();
            }
            let mut expected = model.list(&one);
            if let Ok(names) = &mut expected {
                names.sort();
            }
            compare(&said, listed, expected);
        }
    }
}

#[test]
fn random_sessions_agree_with_the_model() {
    for seed in 1..=12u64 {
        let world = World::new();
        let session = world.session();
        let (mut model, mut log) = (Model::default(), vec![format!("seed {seed}")]);
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for _ in 0..150 {
            step(&mut dice, &session, &mut model, &mut log);
        }
        // In the end every file is what the model says, and no other is there.
        let keys = world.keys();
        let files: Vec<_> = keys.iter().filter(|key| !key.ends_with('/')).collect();
        assert_eq!(
            files,
            model.files.keys().collect::<Vec<_>>(),
            "{}",
            log.join("\n")
        );
        for (key, bytes) in &model.files {
            assert_eq!(&world.get(key), bytes, "{key}");
        }
        world.assert_no_uploads();
    }
}
