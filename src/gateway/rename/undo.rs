//! Taking back a rename of a directory that failed while it copied.
//!
//! Decides which copies are removed: those that this rename made and that are copies still. What
//! someone else has written in the place of one stays, so that taking back loses nothing either.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use log::warn;
use ossftp_core::StorageError;
use ossftp_oss::ObjectPage;

use crate::gateway::errors::{Action, told};
use crate::gateway::lock;
use crate::gateway::process::crew::at_once;
use crate::gateway::rename::tree::{Kind, Pages, Tree, delete};

/// Which copies this rename made, by the places of their sources in [`Tree::items`].
#[derive(Default)]
pub(super) struct Made {
    /// Those that may be there, so also those of which OSS did not say.
    pub(super) copies: HashSet<usize>,
    /// Those that are there and are no true copies.
    pub(super) damaged: HashSet<usize>,
}

impl Tree {
    /// Removes the copies, and says so if that fails too. What someone else has written in the
    /// place of one is not this rename's to remove: they are looked at once more.
    pub(super) fn undo(self: &Arc<Self>, made: Made, mut error: StorageError) -> StorageError {
        let mut left = made.copies.len() + made.damaged.len();
        if left == 0 {
            return error;
        }
        let made = Arc::new(made);
        let mut pages = Pages::of(&self.target);
        let failure = loop {
            let Some(page) = pages.next(self.mount.bucket()) else {
                break None;
            };
            let removed = page.and_then(|page| self.remove_copies(&made, page, &mut left));
            if let Err(error) = removed {
                break Some(error);
            }
        };
        if let Some(failure) = failure {
            warn!(
                "{left} copies below {:?} were not removed: {failure}",
                self.target
            );
            let text = format!(
                " Up to {left} copies could not be removed again: remove the directory of the new \
                 name (SITE RMDIR)."
            );
            error.message.push_str(&text);
        }
        error
    }

    /// Removes those of a page of the target that are copies still. Counts `left` down.
    fn remove_copies(
        self: &Arc<Self>,
        made: &Arc<Made>,
        page: ObjectPage,
        left: &mut usize,
    ) -> Result<(), StorageError> {
        let (mut keys, mut doubtful) = (Vec::new(), Vec::new());
        for object in page.objects {
            let Some(place) = self.place_of(&object.key) else {
                continue;
            };
            let is_copy = self.items.get(place).is_some_and(|item| {
                item.kind == Kind::Simple
                    && Kind::of(&object) == Kind::Simple
                    && *item.etag == *object.etag
            });
            if made.damaged.contains(&place) || is_copy && made.copies.contains(&place) {
                keys.push(object.key);
            } else if made.copies.contains(&place) {
                doubtful.push(place);
            }
        }
        let (tree, found) = (Arc::clone(self), Arc::new(Mutex::new(Vec::new())));
        let (copies, looked_at) = (Arc::clone(&found), doubtful.len());
        let looked = at_once(
            &self.mount.process.lanes,
            self.mount.config().copies_at_once,
            doubtful,
            move |place| {
                if let Some(item) = tree.items.get(place)
                    && tree.is_copied(item)?
                {
                    lock(&copies).push(tree.renamed(&item.key));
                }
                Ok(())
            },
        );
        let found = std::mem::take(&mut *lock(&found));
        if looked.is_ok() {
            *left = left.saturating_sub(looked_at - found.len());
        }
        keys.extend(found);
        let all = keys.len();
        let (stay, failure) = delete(self.mount.bucket(), keys);
        *left = left.saturating_sub(all - stay);
        looked?;
        failure.map_or(Ok(()), |error| Err(told(&error, Action::Delete)))
    }
}
