//! What one session remembers of the names it has seen.
//!
//! Decides which commands may be answered from memory, and for how long (DESIGN 7.7): the last
//! complete listing, the files this session wrote, and the directories whose last child it
//! deleted. That something is *not* there is never remembered, so other writers are never hidden
//! for long. All else is asked of OSS, elsewhere.
//!
//! Keys are full keys; those of directories end in `/`, and the bucket itself is the empty key.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ossftp_oss::ObjectMeta;

use crate::gateway::keys::parent;
use crate::gateway::process::recent::Recent;

/// A listing with more names is not kept.
pub(crate) const MAX_LISTED: usize = 10_000;
/// How many written files and how many directories are kept.
const MAX_NAMES: usize = 1_024;

/// The names of one directory, all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// The directory.
    directory: String,
    /// Names of files.
    files: BTreeSet<Box<str>>,
    /// Names of directories, without their `/`.
    directories: BTreeSet<Box<str>>,
    /// Whether there were more than are kept.
    overflown: bool,
}

impl Listing {
    /// The beginning of a listing of `directory`.
    pub(crate) fn of(directory: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            ..Self::default()
        }
    }

    /// Adds a name. Beyond [`MAX_LISTED`] the listing is worth nothing and its names are dropped.
    pub(crate) fn add(&mut self, name: &str, is_directory: bool) {
        if self.files.len() + self.directories.len() >= MAX_LISTED {
            self.overflown = true;
        }
        if self.overflown {
            self.files.clear();
            self.directories.clear();
        } else if is_directory {
            self.directories.insert(name.into());
        } else {
            self.files.insert(name.into());
        }
    }

    fn name_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        (parent(key) == self.directory).then(|| {
            let name = key.strip_prefix(self.directory.as_str());
            let name = name.unwrap_or_default();
            name.strip_suffix('/').unwrap_or(name)
        })
    }

    fn has_file(&self, key: &str) -> bool {
        self.name_of(key).is_some_and(|n| self.files.contains(n))
    }

    fn has_directory(&self, key: &str) -> bool {
        let is_named = |name| self.directories.contains(name);
        self.name_of(key).is_some_and(is_named)
    }
}

/// What RNFR found, for RNTO.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// A file, as HEAD describes it.
    File(Box<ObjectMeta>),
    /// A directory.
    Directory,
}

/// The memory of one session.
#[derive(Debug)]
pub(crate) struct Memory {
    /// How long a listing counts.
    keep: Duration,
    listing: Option<(Instant, Listing)>,
    /// Files that this session wrote.
    written: Recent<Arc<str>, ()>,
    /// Directories that this session made or entered, and when.
    seen: Recent<Arc<str>, Instant>,
    /// Directories that may be gone in OSS since this session deleted what they held.
    emptied: Recent<Arc<str>, ()>,
    /// The path and result of the last look at one name.
    found: Option<(String, Found)>,
    /// The last key of whose broken upload this session was told how much there is, and how much.
    length: Option<(String, u64)>,
}

impl Memory {
    /// An empty memory that keeps listings for `keep`.
    pub(crate) fn new(keep: Duration) -> Self {
        Self {
            keep,
            listing: None,
            written: Recent::new(MAX_NAMES),
            seen: Recent::new(MAX_NAMES),
            emptied: Recent::new(MAX_NAMES),
            found: None,
            length: None,
        }
    }

    /// A listing came to its end.
    pub(crate) fn listed(&mut self, listing: Listing, now: Instant) {
        self.listing = (!listing.overflown).then_some((now, listing));
    }

    /// Whether a listing of this session says that `key` is a file, or this session wrote it: what
    /// DELE may rely on.
    pub(crate) fn knows_file(&self, key: &str, now: Instant) -> bool {
        self.written.contains(key) || self.listing(now).is_some_and(|l| l.has_file(key))
    }

    /// Whether a listing of this session says that one may enter `directory`.
    pub(crate) fn listed_directory(&self, directory: &str, now: Instant) -> bool {
        self.listing(now)
            .is_some_and(|l| l.has_directory(directory))
    }

    /// Whether a listing of this session says that there is no such directory, and nothing the
    /// session did since says otherwise.
    pub(crate) fn knows_no_directory(&self, directory: &str, now: Instant) -> bool {
        let is_listed = |l: &Listing| l.directory == parent(directory);
        self.listing(now).is_some_and(is_listed) && !self.knows_directory(directory, now)
    }

    /// Whether this session has reason to think that `directory` is one: what STOR relies on.
    pub(crate) fn knows_directory(&self, directory: &str, now: Instant) -> bool {
        let fresh = |at: &Instant| now.saturating_duration_since(*at) < self.keep;
        self.emptied.contains(directory)
            || self.seen.get(directory).is_some_and(fresh)
            || self.listed_directory(directory, now)
    }

    /// Whether `directory` lives on although OSS may hold nothing of it any more.
    pub(crate) fn lives_on(&self, directory: &str) -> bool {
        self.emptied.contains(directory)
    }

    /// The names of the directories in `directory` that live on, in byte order.
    pub(crate) fn living_in(&self, directory: &str) -> BTreeSet<String> {
        self.emptied
            .keys()
            .filter(|key| parent(key) == directory)
            .filter_map(|key| key.strip_prefix(directory)?.strip_suffix('/'))
            .map(str::to_owned)
            .collect()
    }

    /// This session entered `directory`. A listing of another one has been left.
    pub(crate) fn entered(&mut self, directory: &str, now: Instant) {
        self.see(directory, now);
        self.listing
            .take_if(|(_, listing)| listing.directory != directory);
    }

    /// This session made `directory`.
    pub(crate) fn made(&mut self, directory: &str, now: Instant) {
        self.emptied.remove(directory);
        self.see(directory, now);
        self.add(directory, true);
    }

    /// The client hears that so much is there of an upload of `key` that broke off.
    pub(crate) fn said_length(&mut self, key: String, length: u64) {
        self.length = Some((key, length));
    }

    /// Takes what the client was told last of an upload of `key` that broke off; once. It goes on
    /// from there, whatever has come to OSS since.
    pub(crate) fn take_length(&mut self, key: &str) -> Option<u64> {
        let (_, length) = self.length.take_if(|(of, _)| of == key)?;
        Some(length)
    }

    /// This session wrote the file `key`; so what is above are directories.
    pub(crate) fn wrote(&mut self, key: &str, now: Instant) {
        self.take_length(key);
        self.written.insert(key.into(), ());
        self.add(key, false);
        self.see(parent(key), now);
    }

    /// This session deleted the file `key`, perhaps the last of its directory.
    pub(crate) fn deleted(&mut self, key: &str) {
        self.written.remove(key);
        if let Some((_, listing)) = &mut self.listing
            && let Some(name) = listing.name_of(key)
        {
            listing.files.remove(name);
        }
        self.keep_parents(key);
    }

    /// This session removed `directory` and what was in it.
    pub(crate) fn removed(&mut self, directory: &str) {
        self.emptied.retain(|key| !key.starts_with(directory));
        self.seen.retain(|key| !key.starts_with(directory));
        self.written.retain(|key| !key.starts_with(directory));
        if let Some((_, listing)) = &mut self.listing {
            if let Some(name) = listing.name_of(directory) {
                listing.directories.remove(name);
            }
            if listing.directory.starts_with(directory) {
                self.listing = None;
            }
        }
        self.keep_parents(directory);
    }

    /// OSS holds something of `directory`, and so of all above it: nothing is to be remembered.
    pub(crate) fn kept(&mut self, directory: &str) {
        let mut directory = directory;
        while !directory.is_empty() {
            self.emptied.remove(directory);
            directory = parent(directory);
        }
    }

    /// The directory `from`, with all that is in it, is called `to` now.
    pub(crate) fn moved(&mut self, from: &str, to: &str, now: Instant) {
        fn renamed<V>(names: &Recent<Arc<str>, V>, from: &str, to: &str) -> Vec<Arc<str>> {
            let below = names.keys().filter_map(|key| key.strip_prefix(from));
            below.map(|rest| format!("{to}{rest}").into()).collect()
        }
        let emptied = renamed(&self.emptied, from, to);
        let written = renamed(&self.written, from, to);
        let seen = renamed(&self.seen, from, to);
        self.removed(from);
        if !emptied.is_empty() {
            // OSS may hold nothing of them, and so nothing of what is above.
            self.keep_parents(to);
        }
        for key in emptied {
            self.emptied.insert(key, ());
        }
        for key in written {
            self.written.insert(key, ());
        }
        for key in seen {
            self.seen.insert(key, now);
        }
        self.see(to, now);
        self.add(to, true);
    }

    /// What this session knew of `directory` and of what is in it may be wrong.
    pub(crate) fn forget(&mut self, directory: &str) {
        self.written.retain(|key| !key.starts_with(directory));
        self.listing = None;
    }

    /// Keeps what was found at `key`, the path as a file, for a rename that follows.
    pub(crate) fn found(&mut self, key: String, found: Found) {
        self.found = Some((key, found));
    }

    /// Takes what was found at `key` last; once.
    pub(crate) fn take_found(&mut self, key: &str) -> Option<Found> {
        self.found
            .take()
            .filter(|(of, _)| of == key)
            .map(|(_, found)| found)
    }

    fn listing(&self, now: Instant) -> Option<&Listing> {
        self.listing
            .as_ref()
            .filter(|(at, _)| now.saturating_duration_since(*at) < self.keep)
            .map(|(_, listing)| listing)
    }

    /// `directory` is one, and so is all above it.
    fn see(&mut self, mut directory: &str, now: Instant) {
        while !directory.is_empty() {
            self.seen.insert(directory.into(), now);
            directory = parent(directory);
        }
    }

    fn add(&mut self, key: &str, is_directory: bool) {
        if let Some((_, listing)) = &mut self.listing
            && let Some(name) = listing.name_of(key)
        {
            listing.add(name, is_directory);
            self.listing.take_if(|(_, listing)| listing.overflown);
        }
    }

    /// All directories above `key` live on, whatever else was in them.
    fn keep_parents(&mut self, key: &str) {
        let mut directory = parent(key);
        while !directory.is_empty() {
            self.emptied.insert(directory.into(), ());
            directory = parent(directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_secs(60);

    fn memory() -> (Memory, Instant) {
        (Memory::new(KEEP), Instant::now())
    }

    #[test]
    fn a_listing_counts_for_its_time_and_place() {
        let (mut memory, now) = memory();
        let mut listing = Listing::of("d/");
        listing.add("file", false);
        listing.add("sub", true);
        memory.listed(listing, now);
        assert!(memory.knows_file("d/file", now));
        assert!(!memory.knows_file("d/sub", now) && !memory.knows_file("file", now));
        assert!(memory.listed_directory("d/sub/", now));
        assert!(!memory.listed_directory("d/file/", now) && !memory.listed_directory("sub/", now));
        assert!(!memory.knows_file("d/file", now + KEEP));
        memory.entered("d/", now);
        assert!(memory.knows_file("d/file", now));
        memory.entered("d/sub/", now);
        assert!(!memory.knows_file("d/file", now));
        assert!(memory.knows_directory("d/sub/", now));
        assert!(!memory.knows_directory("d/sub/", now + KEEP));
    }

    #[test]
    fn what_a_listing_says_is_not_there() {
        let (mut memory, now) = memory();
        assert!(!memory.knows_no_directory("d/", now));
        let mut listing = Listing::of("");
        listing.add("d", true);
        listing.add("file", false);
        memory.listed(listing, now);
        assert!(memory.knows_no_directory("e/", now) && memory.knows_no_directory("file/", now));
        assert!(!memory.knows_no_directory("d/", now));
        assert!(!memory.knows_no_directory("d/e/", now));
        assert!(!memory.knows_no_directory("e/", now + KEEP));
        // Whose first file makes it one.
        memory.wrote("e/file", now);
        assert!(!memory.knows_no_directory("e/", now));
        memory.deleted("f/file");
        assert!(!memory.knows_no_directory("f/", now));
        memory.forget("d/");
        assert!(!memory.knows_no_directory("g/", now));
    }

    #[test]
    fn a_listing_too_long_is_not_kept() {
        let (mut memory, now) = memory();
        let mut listing = Listing::of("");
        for i in 0..=MAX_LISTED {
            listing.add(&i.to_string(), false);
        }
        assert!(listing.files.is_empty());
        memory.listed(listing, now);
        assert!(!memory.knows_file("0", now));
    }

    #[test]
    fn own_changes_show_in_the_listing() {
        let (mut memory, now) = memory();
        memory.listed(Listing::of(""), now);
        memory.wrote("a", now);
        memory.made("d/", now);
        assert!(memory.knows_file("a", now) && memory.listed_directory("d/", now));
        memory.deleted("a");
        memory.removed("d/");
        assert!(!memory.knows_file("a", now) && !memory.knows_directory("d/", now));
    }

    #[test]
    fn emptied_directories_live_on() {
        let (mut memory, now) = memory();
        memory.deleted("a/b/x");
        assert!(memory.lives_on("a/b/") && memory.lives_on("a/") && !memory.lives_on(""));
        assert_eq!(memory.living_in("a/"), BTreeSet::from(["b".to_owned()]));
        assert_eq!(memory.living_in(""), BTreeSet::from(["a".to_owned()]));
        memory.moved("a/b/", "n/c/", now);
        assert!(memory.lives_on("n/c/") && memory.lives_on("n/"));
        assert!(!memory.lives_on("a/b/") && memory.lives_on("a/"));
        memory.moved("n/c/", "c/", now);
        assert!(memory.lives_on("c/") && !memory.lives_on("a/b/") && memory.lives_on("a/"));
        memory.removed("a/");
        assert!(!memory.lives_on("a/"));
        memory.made("c/", now);
        assert!(!memory.lives_on("c/") && memory.knows_directory("c/", now));
    }

    #[test]
    fn what_was_said_of_a_broken_upload_counts_once_and_until_it_is_whole() {
        let (mut memory, now) = memory();
        memory.said_length("a".to_owned(), 5);
        assert_eq!(memory.take_length("b"), None);
        assert_eq!(memory.take_length("a"), Some(5));
        assert_eq!(memory.take_length("a"), None);
        memory.said_length("a".to_owned(), 5);
        memory.wrote("a", now);
        assert_eq!(memory.take_length("a"), None);
    }

    #[test]
    fn what_was_found_is_taken_once() {
        let (mut memory, _) = memory();
        memory.found("a".to_owned(), Found::Directory);
        assert!(memory.take_found("b").is_none());
        memory.found("a".to_owned(), Found::Directory);
        assert!(memory.take_found("a").is_some());
        assert!(memory.take_found("a").is_none());
    }
}
