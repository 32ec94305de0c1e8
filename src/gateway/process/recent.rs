//! A map of bounded size that forgets its oldest entries.
//!
//! Decides only what is dropped when it is full: the entry that was put in longest ago. What is
//! kept, and for how long it counts, is left to its users.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// At most `limit` entries; a new one pushes out the one put in longest ago.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    limit: usize,
    turn: u64,
    entries: HashMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    /// An empty map. A limit of 0 keeps nothing.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            turn: 0,
            entries: HashMap::new(),
            order: BTreeMap::new(),
        }
    }

    /// Puts an entry in as the newest, in place of the one that has this key.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.turn += 1;
        if let Some((turn, _)) = self.entries.insert(key.clone(), (self.turn, value)) {
            self.order.remove(&turn);
        }
        self.order.insert(self.turn, key);
        while self.entries.len() > self.limit {
            let Some((_, oldest)) = self.order.pop_first() else {
                return;
            };
            self.entries.remove(&oldest);
        }
    }

    /// What stands under the key.
    pub(crate) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// Whether something stands under the key.
    pub(crate) fn contains<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entries.contains_key(key)
    }

    /// Takes an entry out.
    pub(crate) fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let (turn, value) = self.entries.remove(key)?;
        self.order.remove(&turn);
        Some(value)
    }

    /// The keys, oldest first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.order.values()
    }

    /// Takes all entries out whose key is not wanted.
    pub(crate) fn retain(&mut self, mut wanted: impl FnMut(&K) -> bool) {
        self.entries.retain(|key, _| wanted(key));
        let entries = &self.entries;
        self.order.retain(|_, key| entries.contains_key(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first() {
        let mut recent = Recent::new(2);
        recent.insert("a", 1);
        recent.insert("b", 2);
        recent.insert("a", 3);
        recent.insert("c", 4);
        assert_eq!(recent.get("a"), Some(&3));
        assert_eq!(recent.get("b"), None);
        assert_eq!(recent.keys().copied().collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(recent.remove("a"), Some(3));
        assert_eq!(recent.remove("a"), None);
        recent.insert("d", 5);
        recent.retain(|key| *key != "c");
        assert!(recent.contains("d") && !recent.contains("c"));
        assert_eq!(recent.order.len(), recent.entries.len());
    }

    #[test]
    fn a_limit_of_nothing_keeps_nothing() {
        let mut recent = Recent::new(0);
        recent.insert(1, ());
        assert!(!recent.contains(&1));
    }
}
