//! Many objects at once: for listings that are too long to be put one by one.

use std::io::Write;

use redb::ReadableTable;

use super::record::{Kind, Object, decode, encode};
use super::{Change, OBJECTS, SEGMENTS, Store, StoreError};

/// How many objects become visible with one commit: more cost memory, fewer cost commits.
const BATCH: u64 = 50_000;

/// Digits of a generated name, so that names sort as their numbers do.
const DIGITS: usize = 7;

impl Store {
    /// Makes `count` objects `prefix` + `0000000`, `0000001` and so on. All have `object`'s properties and share the
    /// bytes `content`, so they cost an index entry each and one file together. What stood there before goes.
    pub(in crate::devstore) fn generate(
        &self,
        bucket: &str,
        prefix: &str,
        count: u64,
        content: &[u8],
        object: Object,
    ) -> Result<(), StoreError> {
        let mut writer = self.new_segment();
        writer.write_all(content)?;
        let slices = writer.slices();
        let object = Object {
            size: content.len() as u64,
            kind: Kind::Normal,
            slices,
            ..object
        };
        let record = encode(&object)?;
        let mut from = 0;
        // The file must outlive every object, and the first commit makes it real.
        let mut writer = Some(writer);
        while from < count {
            let to = count.min(from.saturating_add(BATCH));
            self.write(|change| {
                change.need_bucket(bucket)?;
                change.insert_numbered(bucket, prefix, from..to, &object, &record)
            })?;
            if let Some(writer) = writer.take() {
                writer.keep();
            }
            from = to;
        }
        Ok(())
    }
}

impl Change<'_> {
    fn insert_numbered(
        &mut self,
        bucket: &str,
        prefix: &str,
        numbers: std::ops::Range<u64>,
        object: &Object,
        record: &[u8],
    ) -> Result<(), StoreError> {
        let mut replaced = Vec::new();
        let added = numbers.end - numbers.start;
        {
            let mut objects = self.transaction.open_table(OBJECTS)?;
            let mut key = String::with_capacity(prefix.len() + DIGITS);
            for number in numbers {
                key.clear();
                key.push_str(prefix);
                key.push_str(&format!("{number:0DIGITS$}"));
                if let Some(old) = objects.insert((bucket, key.as_bytes()), record)? {
                    replaced.extend(decode::<Object>(old.value())?.slices);
                }
            }
        }
        // One count for all, and before any goes, as elsewhere.
        let mut segments = self.transaction.open_table(SEGMENTS)?;
        for slice in &object.slices {
            let count = segments
                .get(slice.segment)?
                .map_or(0, |count| count.value());
            segments.insert(slice.segment, count + added)?;
        }
        drop(segments);
        self.release(&replaced)
    }
}
