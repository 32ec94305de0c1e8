//! Uploads that were broken off and can go on (`partial = "resume"`).
//!
//! Decides which of the multipart uploads of a file is the one to go on with, and from which byte
//! (DESIGN 7.2). All of it comes from OSS, so that another instance of the gateway finds the same.
//! How an upload goes on is left to the writer, and what was given up to the sweeper.
//!
//! Ours are the uploads whose parts are numbered from 2. What can be used of one are its parts
//! 2, 3, ... as far as none is missing and none is shorter than OSS takes in the middle of a file. The
//! newest upload of a file decides: if nothing of it can be used, nothing is, since an older one may
//! be of another file. For the same reason an upload without any part counts as newer than what it
//! may have followed, though it might be another tool's.

use std::sync::{Arc, Mutex};

use log::warn;
use ossftp_core::{ErrorKind, StorageError};
use ossftp_oss::{Bucket, Error, PartSummary, UploadSummary};

use crate::gateway::errors::{Action, told};
use crate::gateway::lock;
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::process::recent::Recent;
use crate::gateway::resume::holds::{Hold, busy};
use crate::gateway::write::parts::{FIRST_NUMBER, LAST_NUMBER, MIN_PART};

/// So many pages of 1,000 uploads of one file are looked at.
const MAX_PAGES: usize = 3;
/// So many uploads of one file, the newest, are asked for their parts.
const MAX_LOOKED: usize = 8;
/// So many pages of 1,000 parts one upload can have.
const PART_PAGES: usize = 11;
/// So many parts may be left out when a client goes on before the end: each costs a request.
const MAX_LEFT_OUT: usize = 256;

/// So many names of files that were whole are remembered.
const MAX_ENDS: usize = 10_000;
/// The clocks of OSS and of this machine may differ by so many seconds.
const APART: i64 = 5;

/// An upload of ours that can go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfinished {
    /// The upload id.
    pub(crate) id: String,
    /// When it was begun, in Unix seconds.
    pub(crate) initiated: i64,
    /// When its newest part came, in Unix seconds.
    pub(crate) modified: i64,
    /// The parts 2, 3, ... that can be used, without a gap; never none.
    pub(crate) kept: Vec<PartSummary>,
    /// Its other parts. Nothing new may come to stand before them as long as they are as long as
    /// parts are.
    pub(crate) left_out: Vec<PartSummary>,
}

impl Unfinished {
    /// How many bytes of the file are there: the R of DESIGN 7.2.
    pub(crate) fn length(&self) -> u64 {
        total(&self.kept)
    }

    /// Keeps the first `offset` bytes only. False, and nothing is changed, if no part ends there
    /// or too many would be left out.
    #[must_use]
    pub(crate) fn cut(&mut self, offset: u64) -> bool {
        let mut end = 0u64;
        for (index, part) in self.kept.iter().enumerate() {
            end = end.saturating_add(part.size);
            if end < offset {
                continue;
            }
            let count = self.kept.len() - (index + 1) + self.left_out.len();
            if end > offset || count > MAX_LEFT_OUT {
                return false;
            }
            let rest = self.kept.split_off(index + 1);
            self.left_out.splice(0..0, rest);
            return true;
        }
        false
    }
}

fn total(parts: &[PartSummary]) -> u64 {
    parts
        .iter()
        .fold(0, |sum: u64, part| sum.saturating_add(part.size))
}

/// What an upload is to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It can go on.
    Ours(Unfinished),
    /// It may be ours, but holds nothing that can be used.
    Useless,
    /// Another tool's.
    Foreign,
}

/// Judges an upload by all of its parts.
pub(crate) fn judge(upload: &UploadSummary, mut parts: Vec<PartSummary>) -> Judged {
    parts.sort_by_key(|part| part.number);
    parts.dedup_by_key(|part| part.number);
    if parts.first().is_some_and(|part| part.number < FIRST_NUMBER) {
        return Judged::Foreign;
    }
    let modified = parts.iter().map(|part| part.last_modified).max();
    let usable = (FIRST_NUMBER..=LAST_NUMBER)
        .zip(&parts)
        .take_while(|(number, part)| part.number == *number && part.size >= MIN_PART)
        .count();
    let left_out = parts.split_off(usable);
    let Some(modified) = modified.filter(|_| usable > 0 && left_out.len() <= MAX_LEFT_OUT) else {
        return Judged::Useless;
    };
    Judged::Ours(Unfinished {
        id: upload.upload_id.clone(),
        initiated: upload.initiated,
        modified,
        kept: parts,
        left_out,
    })
}

/// The uploads of exactly this file, the newest first.
pub(crate) fn of_key(key: &str, mut uploads: Vec<UploadSummary>) -> Vec<UploadSummary> {
    uploads.retain(|upload| upload.key == key);
    // Ids rise with time, which tells those of one second apart.
    uploads.sort_by(|a, b| (b.initiated, &b.upload_id).cmp(&(a.initiated, &a.upload_id)));
    uploads
}

/// What a client may do that wants to write a file from byte `offset` on, or from where it broke
/// off (`None`, APPE).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The unfinished upload goes on.
    GoOn(Unfinished),
    /// There is none that counts: the object's own rules hold.
    Object,
}

/// Chooses the way (DESIGN 7.2 and 7.3). `changed` is when the object of this name was last
/// written, if there is one.
///
/// # Errors
/// [`ErrorKind::BadOffset`], naming the byte that the file can go on at.
pub(crate) fn choose(
    found: Option<Unfinished>,
    changed: Option<i64>,
    offset: Option<u64>,
) -> Result<Way, StorageError> {
    let counts = |u: &Unfinished| changed.is_none_or(|changed| u.initiated >= changed);
    let Some(mut unfinished) = found.filter(counts) else {
        return Ok(Way::Object);
    };
    let length = unfinished.length();
    let refused = Err(goes_on_at(length));
    match offset {
        Some(offset) if offset == length => {}
        // Some of an old file and some of a new one never become one.
        _ if changed.is_some() => return refused,
        Some(offset) if !unfinished.cut(offset) => return refused,
        _ => {}
    }
    Ok(Way::GoOn(unfinished))
}

/// The client is told from where it can go on.
pub(crate) fn goes_on_at(length: u64) -> StorageError {
    StorageError::new(
        ErrorKind::BadOffset,
        format!(
            "An upload of this file broke off: it can go on at byte {length}, or be sent whole."
        ),
    )
}

/// The upload of `key` to go on with, if there is one: one ListMultipartUploads, and one ListParts
/// if it finds any.
///
/// # Errors
/// [`ErrorKind::Denied`] names the RAM action that is missing.
pub(crate) fn find(
    mount: &Mount,
    calls: &Calls,
    key: &str,
) -> Result<Option<Unfinished>, StorageError> {
    for upload in of_key(key, uploads(calls, key)?).iter().take(MAX_LOOKED) {
        calls.check()?;
        if mount.process.uploads.is_given_up(&upload.upload_id) {
            // What came before it is older still.
            return Ok(None);
        }
        let Some(parts) = parts(calls, upload)? else {
            continue;
        };
        match judge(upload, parts) {
            Judged::Foreign => {}
            Judged::Useless => return Ok(None),
            Judged::Ours(found) => {
                // What broke off here and left nothing came after all that OSS knows of.
                let stale = mount.is_broken(key) && !mount.process.holds.is_held(&found.id)
                    || mount.is_over(key, found.initiated);
                return Ok((!stale).then_some(found));
            }
        }
    }
    Ok(None)
}

/// Those of the file itself come first among all that begin with its name.
fn uploads(calls: &Calls, key: &str) -> Result<Vec<UploadSummary>, StorageError> {
    let mut all = Vec::new();
    let mut marker: Option<(String, String)> = None;
    for _ in 0..MAX_PAGES {
        let after = marker.as_ref().map(|(key, id)| (key.as_str(), id.as_str()));
        let page = calls
            .bucket()
            .list_multipart_uploads(key, after)
            .map_err(|error| told(&error, Action::ListUploads))?;
        let beyond = page.uploads.iter().any(|upload| upload.key != key);
        all.extend(page.uploads);
        match (page.is_truncated && !beyond, page.next_key_marker) {
            (true, Some(next)) => {
                marker = Some((next, page.next_upload_id_marker.unwrap_or_default()));
            }
            _ => return Ok(all),
        }
    }
    warn!("{key:?} has too many unfinished uploads: none of them can go on");
    Ok(Vec::new())
}

/// All parts of an upload; `None` if it is over meanwhile.
fn parts(calls: &Calls, upload: &UploadSummary) -> Result<Option<Vec<PartSummary>>, StorageError> {
    let mut all = Vec::new();
    let mut marker = None;
    for _ in 0..PART_PAGES {
        let page = match calls
            .bucket()
            .list_parts(&upload.key, &upload.upload_id, marker)
        {
            Ok(page) => page,
            Err(error) if error.code() == "NoSuchUpload" => return Ok(None),
            Err(error) => return Err(told(&error, Action::ListParts)),
        };
        all.extend(page.parts);
        match (page.is_truncated, page.next) {
            (true, Some(next)) => marker = Some(next),
            _ => break,
        }
        // Of another tool's upload no more needs to be known.
        if all.first().is_some_and(|part| part.number < FIRST_NUMBER) {
            break;
        }
    }
    Ok(Some(all))
}

/// The upload that a writer goes on with from byte `offset`, or from where it broke off (`None`),
/// with this process's only hold on it. `None` if the object's own rules hold. `changed` is when the
/// object of this name was last written, if there is one.
///
/// A client that comes back before its old session has ended takes the upload from it.
///
/// # Errors
/// As [`find`] and [`choose`]; [`ErrorKind::Busy`] if the old session's parts do not come to an end.
pub(crate) fn go_on(
    mount: &Mount,
    calls: &Calls,
    key: &str,
    changed: Option<i64>,
    offset: Option<u64>,
) -> Result<Option<(Unfinished, Hold)>, StorageError> {
    let found = find(mount, calls, key)?;
    let Way::GoOn(found) = choose(found, changed, offset)? else {
        return Ok(None);
    };
    let mut hold = mount.process.holds.take(&found.id);
    if !hold.settle(mount.config().command_timeout)? {
        return Ok(Some((found, hold)));
    }
    // Parts may have come meanwhile.
    match choose(find(mount, calls, key)?, changed, offset)? {
        Way::GoOn(now) if now.id == found.id => Ok(Some((now, hold))),
        _ => Err(busy()),
    }
}

/// Whether OSS has no other parts of an upload from number `first` on than those that `is_ours`
/// knows by number and ETag, so that nobody else has gone on with it.
pub(crate) fn is_ours_alone(
    bucket: &Bucket,
    (key, id): (&str, &str),
    first: u32,
    is_ours: impl Fn(u32, &str) -> bool,
) -> Result<bool, Error> {
    let page = bucket.list_parts(key, id, Some(first.saturating_sub(1)))?;
    let mut there = page.parts.iter();
    Ok(!page.is_truncated && there.all(|part| is_ours(part.number, &part.etag)))
}

/// When files of this process were whole, or were deleted or renamed, by bucket and key.
///
/// Once its file is gone again, an upload of a file that was whole since would else come back, with
/// another file's bytes.
#[derive(Debug)]
pub(crate) struct Ends(Mutex<Recent<Arc<str>, i64>>);

impl Default for Ends {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(MAX_ENDS)))
    }
}

impl Ends {
    /// The file was whole, or was taken away, at this time in Unix seconds.
    pub(crate) fn note(&self, name: &str, at: i64) {
        lock(&self.0).insert(name.into(), at);
    }

    /// Whether an upload of the file that began at this time is surely older than that.
    pub(crate) fn is_over(&self, name: &str, initiated: i64) -> bool {
        lock(&self.0)
            .get(name)
            .is_some_and(|at| initiated < at - APART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn upload(key: &str, id: &str, initiated: i64) -> UploadSummary {
        let mut upload = UploadSummary::default();
        key.clone_into(&mut upload.key);
        id.clone_into(&mut upload.upload_id);
        upload.initiated = initiated;
        upload
    }

    fn parts(parts: &[(u32, u64)]) -> Vec<PartSummary> {
        let each = parts.iter().map(|&(number, size)| {
            let mut part = PartSummary::default();
            part.number = number;
            part.size = size;
            part.last_modified = i64::from(number);
            part
        });
        each.collect()
    }

    fn numbers(parts: &[PartSummary]) -> Vec<u32> {
        parts.iter().map(|part| part.number).collect()
    }

    fn judged(of: &[(u32, u64)]) -> Option<Unfinished> {
        match judge(&upload("k", "id", 5), parts(of)) {
            Judged::Ours(found) => Some(found),
            _ => None,
        }
    }

    const P: u64 = MIN_PART;

    #[test]
    fn only_uploads_of_the_file_itself_and_the_newest_first() {
        let all = vec![
            upload("k", "A1", 5),
            upload("k", "A3", 9),
            upload("k", "A2", 9),
            upload("k/x", "A4", 10),
            upload("kk", "A5", 11),
        ];
        let ids: Vec<_> = of_key("k", all).into_iter().map(|u| u.upload_id).collect();
        assert_eq!(ids, ["A3", "A2", "A1"]);
    }

    #[test]
    fn what_is_ours_and_how_much_of_it() {
        for (of, length, left_out) in [
            (&[(2, P)][..], P, &[][..]),
            (&[(2, P), (3, P + 5), (4, P)], 3 * P + 5, &[]),
            (&[(3, P), (2, P)], 2 * P, &[]),
            (&[(2, P), (4, P), (9, 7)], P, &[4, 9]),
            // A short part is the last of a whole file, or stands where a longer one was.
            (&[(2, P), (3, P - 1), (4, P)], P, &[3, 4]),
        ] {
            let found = judged(of).unwrap();
            assert_eq!(found.length(), length);
            assert_eq!(numbers(&found.left_out), left_out);
            assert_eq!(
                found.modified,
                i64::from(of.iter().map(|p| p.0).max().unwrap())
            );
        }
        let judge = |of: &[(u32, u64)]| judge(&upload("k", "id", 5), parts(of));
        for useless in [&[][..], &[(3, P)], &[(2, P - 1), (3, P)]] {
            assert_eq!(judge(useless), Judged::Useless);
        }
        for foreign in [&[(1, P)][..], &[(1, 1), (2, P)], &[(2, P), (1, P)]] {
            assert_eq!(judge(foreign), Judged::Foreign);
        }
        let scattered: Vec<_> = (0..=MAX_LEFT_OUT as u32).map(|n| (4 + n, P)).collect();
        assert_eq!(
            judge(&[&[(2, P)], &scattered[..]].concat()),
            Judged::Useless
        );
    }

    #[test]
    fn without_an_object_any_boundary_goes_on() {
        let found = judged(&[(2, P), (3, P), (4, P), (6, P)]);
        let way = |offset| choose(found.clone(), None, offset);
        for (offset, kept, left_out) in [
            (None, 3, &[6][..]),
            (Some(3 * P), 3, &[6]),
            (Some(2 * P), 2, &[4, 6]),
            (Some(P), 1, &[3, 4, 6]),
        ] {
            let Ok(Way::GoOn(on)) = way(offset) else {
                panic!("{offset:?}");
            };
            assert_eq!(on.kept.len(), kept);
            assert_eq!(numbers(&on.left_out), left_out);
        }
        for offset in [1, P - 1, P + 1, 3 * P + 1, 4 * P, u64::MAX] {
            let refused = way(Some(offset)).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::BadOffset);
            assert!(refused.message.contains(&(3 * P).to_string()), "{refused}");
        }
        assert_eq!(choose(None, None, Some(9)), Ok(Way::Object));
    }

    #[test]
    fn beside_an_object_only_a_newer_one_counts_and_only_its_end() {
        let found = judged(&[(2, P), (3, P)]);
        for changed in [4, 5] {
            let way = |offset| choose(found.clone(), Some(changed), offset);
            assert!(matches!(way(Some(2 * P)), Ok(Way::GoOn(_))));
            for offset in [None, Some(P), Some(3), Some(3 * P)] {
                assert_eq!(way(offset).unwrap_err(), goes_on_at(2 * P));
            }
        }
        for offset in [None, Some(2 * P), Some(P)] {
            assert_eq!(choose(found.clone(), Some(6), offset), Ok(Way::Object));
        }
    }

    #[test]
    fn what_came_before_a_whole_file_is_over() {
        let ends = Ends::default();
        assert!(!ends.is_over("b/f", 100));
        ends.note("b/f", 100);
        assert!(ends.is_over("b/f", 94) && !ends.is_over("b/g", 94));
        assert!(!ends.is_over("b/f", 95) && !ends.is_over("b/f", 101));
    }

    #[test]
    fn too_many_parts_are_not_left_out() {
        let of: Vec<_> = (2..=2 + MAX_LEFT_OUT as u32 + 1).map(|n| (n, P)).collect();
        let mut found = judged(&of).unwrap();
        assert!(!found.cut(P));
        assert!(found.cut(2 * P));
        assert_eq!(found.left_out.len(), MAX_LEFT_OUT);
    }

    proptest! {
        #[test]
        fn what_is_kept_joins(of in proptest::collection::vec((1u32..12, 0..3 * P), 0..12), at in 0..20 * P) {
            let mut there: Vec<u32> = of.iter().map(|p| p.0).collect();
            there.sort_unstable();
            there.dedup();
            match judge(&upload("k", "id", 0), parts(&of)) {
                Judged::Foreign => prop_assert_eq!(there[0], 1),
                Judged::Useless => prop_assert_ne!(there.first(), Some(&1)),
                Judged::Ours(mut found) => {
                    let length = found.length();
                    let is_end = found.cut(at);
                    prop_assert_eq!(found.length(), if is_end { at } else { length });
                    for (number, part) in (FIRST_NUMBER..).zip(&found.kept) {
                        prop_assert!(part.number == number && part.size >= MIN_PART);
                    }
                    // Every part is kept or known to be left out, in order.
                    let kept = found.kept.iter().map(|p| p.number);
                    let all: Vec<u32> = kept.chain(numbers(&found.left_out)).collect();
                    prop_assert_eq!(all, there);
                }
            }
        }
    }
}
