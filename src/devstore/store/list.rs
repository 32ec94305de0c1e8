//! Listing in byte order, page by page.
//!
//! The index is ordered, so a page costs a seek and as many steps as it has entries: a common prefix with a million
//! keys below it is one entry and one more seek.

use super::record::{Object, decode};
use super::{OBJECTS, Store, StoreError};

/// What to list.
#[derive(Clone, Debug)]
pub(in crate::devstore) struct Query<'a> {
    pub(in crate::devstore) prefix: &'a [u8],
    /// Empty: none.
    pub(in crate::devstore) delimiter: &'a [u8],
    pub(in crate::devstore) position: Position<'a>,
    /// Keys and common prefixes together.
    pub(in crate::devstore) max: usize,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::devstore) enum Position<'a> {
    /// At the first key.
    Start,
    /// After this key, or after all of this common prefix if it is one.
    After(&'a [u8]),
}

/// One entry of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::devstore) enum Entry {
    /// A key and its object.
    Object(Vec<u8>, Box<Object>),
    /// A common prefix, with the delimiter at its end.
    Prefix(Vec<u8>),
}

impl Entry {
    /// The key or the common prefix: what the next page begins after.
    pub(in crate::devstore) fn name(&self) -> &[u8] {
        match self {
            Self::Object(name, _) | Self::Prefix(name) => name,
        }
    }
}

impl Store {
    /// One page, and whether there is more after it.
    pub(in crate::devstore) fn list(
        &self,
        bucket: &str,
        query: &Query<'_>,
    ) -> Result<(Vec<Entry>, bool), StoreError> {
        self.bucket(bucket)?;
        let objects = self.db.begin_read()?.open_table(OBJECTS)?;
        let mut page = Vec::new();
        let Some(mut start) = first_key(query) else {
            return Ok((page, false));
        };
        'seek: loop {
            for item in objects.range((bucket, start.as_slice())..)? {
                let (name, record) = item?;
                let (in_bucket, key) = name.value();
                if in_bucket != bucket || !key.starts_with(query.prefix) {
                    break 'seek;
                }
                if page.len() == query.max {
                    return Ok((page, true));
                }
                let Some(common) = common_prefix(key, query) else {
                    page.push(Entry::Object(
                        key.to_vec(),
                        Box::new(decode(record.value())?),
                    ));
                    continue;
                };
                page.push(Entry::Prefix(common.to_vec()));
                match after_all(common) {
                    Some(next) => start = next,
                    None => break 'seek,
                }
                continue 'seek;
            }
            break;
        }
        Ok((page, false))
    }
}

/// The part of `key` up to and with the first delimiter after the prefix, if there is one.
fn common_prefix<'k>(key: &'k [u8], query: &Query<'_>) -> Option<&'k [u8]> {
    if query.delimiter.is_empty() {
        return None;
    }
    let rest = key.get(query.prefix.len()..)?;
    let at = rest
        .windows(query.delimiter.len())
        .position(|window| window == query.delimiter)?;
    key.get(..query.prefix.len() + at + query.delimiter.len())
}

/// The smallest string above everything that begins with `prefix`; `None` if there is none (all bytes 0xFF).
pub(super) fn after_all(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xFF)?;
    let mut next = prefix.get(..=last)?.to_vec();
    if let Some(byte) = next.last_mut() {
        *byte += 1;
    }
    Some(next)
}

/// The first key of the page, at the earliest.
fn first_key(query: &Query<'_>) -> Option<Vec<u8>> {
    let Position::After(after) = query.position else {
        return Some(query.prefix.to_vec());
    };
    if after < query.prefix {
        return Some(query.prefix.to_vec());
    }
    if after.starts_with(query.prefix) && common_prefix(after, query) == Some(after) {
        return after_all(after);
    }
    // The next string after `after` in byte order.
    let mut next = after.to_vec();
    next.push(0);
    Some(next)
}
