//! Deleting objects, known to be done.
//!
//! Decides what is asked when the answer to a delete is lost: whether the object is still there, or
//! of many, which of them are. So a delete that was carried out is not told as a failure, and one
//! that was not is not told as done. What is deleted, and what follows, is left to the callers.

use std::collections::HashSet;

use log::debug;
use ossftp_oss::{Bucket, Error, ListObjects};

use crate::gateway::errors::is_missing;
use crate::gateway::list::check_progress;

/// How many keys one DeleteMultipleObjects takes.
pub(crate) const BATCH: usize = 1000;
/// So many pages are read at most to find out what is left of a batch: others' files may stand
/// between.
const MAX_PAGES: usize = 100;

/// Deletes one object through `bucket`. If its answer is lost, `after` asks what became of it: a
/// bucket that still has time when the other's deadline has passed.
///
/// # Errors
/// It stands, or nobody knows.
pub(crate) fn one(bucket: &Bucket, after: impl Fn() -> Bucket, key: &str) -> Result<(), Error> {
    let Err(error) = bucket.delete_object(key) else {
        return Ok(());
    };
    if error.outcome_unknown() && is_gone(&after(), key) {
        debug!("delete of {key:?} settled by HEAD after: {error}");
        return Ok(());
    }
    Err(error)
}

/// Of a link this asks for the link itself, not for what it leads to.
fn is_gone(bucket: &Bucket, key: &str) -> bool {
    bucket
        .object_meta(key)
        .is_err_and(|error| is_missing(&error))
}

/// Deletes a batch of at most [`BATCH`] keys, all of which XML can carry. Gives those that are
/// deleted; what is missing from them stands. If the answer is lost, a listing tells.
///
/// # Errors
/// None of them is known to be deleted.
pub(crate) fn many(bucket: &Bucket, keys: &[String]) -> Result<HashSet<String>, Error> {
    let error = match bucket.delete_objects(keys) {
        Ok(deleted) => return Ok(deleted.into_iter().map(|deleted| deleted.key).collect()),
        Err(error) => error,
    };
    if !error.outcome_unknown() {
        return Err(error);
    }
    let Some(left) = left_of(bucket, keys) else {
        return Err(error);
    };
    let gone: HashSet<_> = keys
        .iter()
        .filter(|key| !left.contains(key.as_str()))
        .cloned()
        .collect();
    if gone.is_empty() {
        return Err(error);
    }
    debug!(
        "delete of {} objects settled by a listing after: {error}",
        gone.len()
    );
    Ok(gone)
}

/// Which of these keys are still there; `None` if it cannot be found out.
fn left_of(bucket: &Bucket, keys: &[String]) -> Option<HashSet<String>> {
    let wanted: HashSet<_> = keys.iter().map(String::as_str).collect();
    let (first, last) = (keys.iter().min()?, keys.iter().max()?);
    let mut list = ListObjects {
        prefix: common(first, last).to_owned(),
        ..ListObjects::default()
    };
    let mut left = HashSet::new();
    for _ in 0..MAX_PAGES {
        let page = bucket.list_objects_v2(&list).ok()?;
        check_progress(&list, &page).ok()?;
        let is_beyond = page.objects.last().is_some_and(|object| object.key > *last);
        let found = page.objects.into_iter().map(|object| object.key);
        left.extend(found.filter(|key| wanted.contains(key.as_str())));
        if is_beyond || !page.is_truncated {
            return Some(left);
        }
        list.continuation_token = page.next;
    }
    None
}

/// What both begin with, and so all that stands between them in order.
fn common<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one
        .char_indices()
        .zip(other.chars())
        .find(|((_, a), b)| a != b)
        .map_or(one.len().min(other.len()), |((at, _), _)| at);
    one.get(..same).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_beginnings() {
        for (one, other, expected) in [
            ("", "", ""),
            ("a", "b", ""),
            ("d/a", "d/b", "d/"),
            ("d", "d/b", "d"),
            ("中文", "中国", "中"),
            ("same", "same", "same"),
        ] {
            assert_eq!(common(one, other), expected);
            assert_eq!(common(other, one), expected);
        }
    }
}
