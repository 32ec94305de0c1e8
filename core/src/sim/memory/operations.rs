//! What the store can do besides the file actions that every storage has.

use super::tree::{Object, Tree, check_key, prefix};
use crate::{Answer, ErrorKind, FactChanges, FtpPath, Operation};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What is left of the store's capacity.
pub(super) fn space(tree: &Tree, path: &FtpPath, capacity: usize) -> Result<Answer, ErrorKind> {
    if !tree.is_directory(path) {
        return Err(match tree.file(path) {
            Some(_) => ErrorKind::NotADirectory,
            None => ErrorKind::NotFound,
        });
    }
    let free = capacity.saturating_sub(tree.used());
    Ok(Answer::Bytes(u64::try_from(free).unwrap_or(u64::MAX)))
}

/// Nothing is ever archived here.
pub(super) fn restore(tree: &Tree, path: &FtpPath) -> Result<Answer, ErrorKind> {
    readable(tree, path).map(|_| Answer::Done)
}

/// An operation that changes the tree.
pub(super) fn change(
    tree: &mut Tree,
    operation: &Operation,
    now: i64,
    capacity: usize,
) -> Result<(), ErrorKind> {
    match operation {
        Operation::SetFacts { path, changes } => set_facts(tree, path, *changes, now),
        Operation::Copy { from, to } => {
            let copy = readable(tree, from)?.clone();
            if from == to {
                return Ok(());
            }
            place(tree, to, copy, capacity)
        }
        Operation::Combine { target, sources } => combine(tree, target, sources, now, capacity),
        Operation::Symlink { target, link } => {
            let mut object = Object::new(Arc::default(), now);
            if tree.file(link).is_some() || tree.is_directory(link) {
                return Err(ErrorKind::Exists);
            }
            if tree.file(target).is_none() && tree.is_directory(target) {
                return Err(ErrorKind::IsADirectory);
            }
            object.target = Some(target.clone());
            place(tree, link, object, capacity)
        }
        Operation::RemoveTree(path) => remove_tree(tree, path, now),
        _ => Err(ErrorKind::Unsupported),
    }
}

/// A link is not changed itself, but what it points to.
fn set_facts(
    tree: &mut Tree,
    path: &FtpPath,
    changes: FactChanges,
    now: i64,
) -> Result<(), ErrorKind> {
    if path.is_root() {
        return Err(ErrorKind::Denied);
    }
    let object = tree.object_mut(path, now).ok_or(ErrorKind::NotFound)?;
    object.modified = changes.modified.unwrap_or(object.modified);
    object.created = changes.created.or(object.created);
    object.mode = changes.mode.or(object.mode);
    Ok(())
}

fn combine(
    tree: &mut Tree,
    target: &FtpPath,
    sources: &[FtpPath],
    now: i64,
    capacity: usize,
) -> Result<(), ErrorKind> {
    let mut whole = Vec::new();
    for source in sources {
        whole.extend_from_slice(&readable(tree, source)?.bytes);
        if whole.len() > capacity {
            return Err(ErrorKind::NoSpace);
        }
    }
    place(tree, target, Object::new(Arc::new(whole), now), capacity)?;
    for source in sources.iter().filter(|source| *source != target) {
        tree.remove(source.relative());
        tree.keep(&source.parent(), now);
    }
    Ok(())
}

fn remove_tree(tree: &mut Tree, path: &FtpPath, now: i64) -> Result<(), ErrorKind> {
    if path.is_root() {
        return Err(ErrorKind::Denied);
    }
    let prefix = prefix(path);
    let keys: Vec<_> = tree.below(&prefix).map(|(key, _)| key.clone()).collect();
    if keys.is_empty() {
        return Err(match tree.file(path) {
            Some(_) => ErrorKind::NotADirectory,
            None => ErrorKind::NotFound,
        });
    }
    for key in keys {
        tree.remove(&key);
    }
    tree.keep(&path.parent(), now);
    Ok(())
}

/// The file that is read at `path`, or why there is none.
fn readable<'a>(tree: &'a Tree, path: &FtpPath) -> Result<&'a Object, ErrorKind> {
    tree.read(path).ok_or_else(|| {
        if tree.file(path).is_none() && tree.is_directory(path) {
            ErrorKind::IsADirectory
        } else {
            ErrorKind::NotFound
        }
    })
}

/// Puts a file or link where a file may stand and there is room.
fn place(
    tree: &mut Tree,
    path: &FtpPath,
    object: Object,
    capacity: usize,
) -> Result<(), ErrorKind> {
    if tree.is_directory(path) {
        return Err(ErrorKind::IsADirectory);
    }
    let key = path.relative();
    check_key(key)?;
    let old = tree.file(path).map_or(0, |old| key.len() + old.bytes.len());
    let needed = key.len() + object.bytes.len();
    if tree.used().saturating_sub(old).saturating_add(needed) > capacity {
        return Err(ErrorKind::NoSpace);
    }
    tree.insert_object(key.to_vec(), object);
    Ok(())
}
