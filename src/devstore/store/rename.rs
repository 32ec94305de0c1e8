//! Rename, as buckets with a hierarchical namespace have it: a file or a whole directory in one commit.

use redb::ReadableTable;

use super::list::after_all;
use super::record::{Object, decode, encode};
use super::{Change, OBJECTS, Store, StoreError};

/// A key and its record.
type Row = (Vec<u8>, Vec<u8>);

impl Store {
    /// Renames the object or the directory `source` to `target`, neither with a slash at its end. Directories are what
    /// lies below `name/`. The time of a renamed object is `now`'s, that of those inside a directory stays.
    pub(in crate::devstore) fn rename(
        &self,
        bucket: &str,
        source: &str,
        target: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        self.write(|change| {
            change.need_bucket(bucket)?;
            change.need_parent(bucket, target)?;
            let (below_source, below_target) = (format!("{source}/"), format!("{target}/"));
            if change.has(bucket, target)? || change.has_below(bucket, &below_target)? {
                return Err(StoreError::Exists);
            }
            let mut objects = change.transaction.open_table(OBJECTS)?;
            let file = objects
                .remove((bucket, source.as_bytes()))?
                .map(|bytes| decode::<Object>(bytes.value()))
                .transpose()?;
            if let Some(mut object) = file {
                object.modified = now;
                let record = encode(&object)?;
                objects.insert((bucket, target.as_bytes()), record.as_slice())?;
                return Ok(());
            }
            drop(objects);
            if below_target.starts_with(&below_source) {
                return Err(StoreError::IntoItself);
            }
            change.move_directory(bucket, &below_source, &below_target)
        })
    }
}

impl Change<'_> {
    fn has(&self, bucket: &str, key: &str) -> Result<bool, StoreError> {
        let objects = self.transaction.open_table(OBJECTS)?;
        Ok(objects.get((bucket, key.as_bytes()))?.is_some())
    }

    fn has_below(&self, bucket: &str, directory: &str) -> Result<bool, StoreError> {
        let objects = self.transaction.open_table(OBJECTS)?;
        let first = objects.range((bucket, directory.as_bytes())..)?.next();
        Ok(first.transpose()?.is_some_and(|(name, _)| {
            let (in_bucket, key) = name.value();
            in_bucket == bucket && key.starts_with(directory.as_bytes())
        }))
    }

    fn need_parent(&self, bucket: &str, key: &str) -> Result<(), StoreError> {
        match key.rsplit_once('/') {
            Some((parent, _)) if !self.has_below(bucket, &format!("{parent}/"))? => {
                Err(StoreError::NoParent)
            }
            _ => Ok(()),
        }
    }

    fn move_directory(&mut self, bucket: &str, from: &str, to: &str) -> Result<(), StoreError> {
        let mut objects = self.transaction.open_table(OBJECTS)?;
        let end = after_all(from.as_bytes()).ok_or(StoreError::NoSuchKey)?;
        let mut rows: Vec<Row> = Vec::new();
        for item in objects.range((bucket, from.as_bytes())..(bucket, end.as_slice()))? {
            let (name, record) = item?;
            rows.push((name.value().1.to_vec(), record.value().to_vec()));
        }
        if rows.is_empty() {
            return Err(StoreError::NoSuchKey);
        }
        for (key, record) in rows {
            let rest = key.get(from.len()..).unwrap_or_default();
            let renamed = [to.as_bytes(), rest].concat();
            objects.remove((bucket, key.as_slice()))?;
            objects.insert((bucket, renamed.as_slice()), record.as_slice())?;
        }
        Ok(())
    }
}
