//! Content by digest, kept by age within a bound of bytes: items, list bodies, blobs.

use crate::{
    codec::Fields,
    error::{Damage, Part, StoreError},
    schema::{BLOBS, BLOBS_BY_EPOCH, ITEMS, ITEMS_BY_EPOCH, LISTS, LISTS_BY_EPOCH, Table},
    table::{Step, Tables, VALUE_BYTES_MAX},
};

/// Bytes of items kept.
pub const ITEMS_BYTES_MAX: u64 = 512 << 20;
/// Bytes of list bodies kept.
pub const LISTS_BYTES_MAX: u64 = 64 << 20;
/// Bytes of blobs kept.
pub const BLOBS_BYTES_MAX: u64 = 512 << 20;
/// Rows removed by one call of [`AgedTable::prune`], so that a step stays one batch.
pub(crate) const PRUNED_AT_ONCE: usize = 128;
/// Index rows looked at together when making room.
const PAGE: usize = 64;

/// Index key and size of a row that has to go.
type Victim = ((u64, [u8; 32]), u64);

/// Two tables that change together: content by digest, and an index by epoch.
#[derive(Debug)]
pub(crate) struct Aged {
    pub(crate) rows: &'static Table<[u8; 32]>,
    index: &'static Table<(u64, [u8; 32])>,
    bytes_max: u64,
}

pub(crate) const AGED_ITEMS: Aged =
    Aged { rows: &ITEMS, index: &ITEMS_BY_EPOCH, bytes_max: ITEMS_BYTES_MAX };
pub(crate) const AGED_LISTS: Aged =
    Aged { rows: &LISTS, index: &LISTS_BY_EPOCH, bytes_max: LISTS_BYTES_MAX };
pub(crate) const AGED_BLOBS: Aged =
    Aged { rows: &BLOBS, index: &BLOBS_BY_EPOCH, bytes_max: BLOBS_BYTES_MAX };

impl Aged {
    /// Epoch and content of a row.
    pub(crate) fn get(
        &self,
        tables: &Tables,
        digest: &[u8; 32],
    ) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let Some(row) = tables.get(self.rows, digest)? else { return Ok(None) };
        let mut fields = Fields::new(&row);
        let Some(epoch) = fields.u64() else { return Err(self.damaged()) };
        Ok(Some((epoch, fields.rest().to_vec())))
    }

    /// At most `limit` digests of `epoch`, from behind `after` on, in order.
    pub(crate) fn of_epoch(
        &self,
        tables: &Tables,
        epoch: u64,
        after: Option<[u8; 32]>,
        limit: usize,
    ) -> Result<Vec<[u8; 32]>, StoreError> {
        let after = after.map(|digest| (epoch, digest));
        let rows = tables.scan(self.index, &epoch.to_be_bytes(), after.as_ref(), limit)?;
        Ok(rows.into_iter().map(|((_, digest), _)| digest).collect())
    }

    fn damaged(&self) -> StoreError {
        StoreError::Damaged { part: Part::State, damage: Damage::Row { table: self.rows.name } }
    }

    fn size(&self, row: &[u8]) -> Result<u64, StoreError> {
        let mut fields = Fields::new(row);
        fields.u64().and_then(|size| fields.end(size)).ok_or_else(|| self.damaged())
    }
}

/// The writer's side: knows how many bytes the table holds.
#[derive(Debug)]
pub(crate) struct AgedTable {
    aged: &'static Aged,
    bytes: u64,
    bytes_max: u64,
}

impl AgedTable {
    /// Adds up what the index says.
    pub(crate) fn open(tables: &Tables, aged: &'static Aged) -> Result<Self, StoreError> {
        let mut bytes = 0_u64;
        tables.walk(aged.index, |_, row| {
            bytes = bytes.saturating_add(aged.size(&row)?);
            Ok(())
        })?;
        Ok(Self { aged, bytes, bytes_max: aged.bytes_max })
    }

    /// Adds a row to a step, with the removals that make room for it: oldest epochs first, never its own.
    ///
    /// `false` if it is there already. The caller must commit the step or give the store up.
    pub(crate) fn put(
        &mut self,
        tables: &Tables,
        step: &mut Step,
        epoch: u64,
        digest: [u8; 32],
        content: &[u8],
    ) -> Result<bool, StoreError> {
        if content.len() > VALUE_BYTES_MAX - 8 {
            let (what, bytes) = (self.aged.rows.name, content.len());
            return Err(StoreError::TooLarge { what, bytes, max: VALUE_BYTES_MAX - 8 });
        }
        if step.changes(self.aged.rows, &digest) || tables.contains(self.aged.rows, &digest)? {
            return Ok(false);
        }
        let size = content.len() as u64;
        let victims = self.victims(tables, step, epoch, size)?;
        for (key, size) in victims {
            self.remove(step, &key, size);
        }
        let mut row = epoch.to_be_bytes().to_vec();
        row.extend_from_slice(content);
        step.put(self.aged.rows, &digest, row);
        step.put(self.aged.index, &(epoch, digest), size.to_be_bytes().to_vec());
        self.bytes = self.bytes.saturating_add(size);
        Ok(true)
    }

    /// Rows older than `epoch` whose removal makes room for `size` bytes.
    fn victims(
        &self,
        tables: &Tables,
        step: &Step,
        epoch: u64,
        size: u64,
    ) -> Result<Vec<Victim>, StoreError> {
        let mut over = self.bytes.saturating_add(size).saturating_sub(self.bytes_max);
        let mut victims = Vec::new();
        let mut after = None;
        while over > 0 {
            let page = tables.scan(self.aged.index, &[], after.as_ref(), PAGE)?;
            let old = page.into_iter().filter(|((of, _), _)| *of < epoch).collect::<Vec<_>>();
            let Some((last, _)) = old.last() else {
                let table = self.aged.rows.name;
                return Err(StoreError::Full { table, bytes_max: self.bytes_max });
            };
            after = Some(*last);
            for (key, row) in old {
                if over == 0 {
                    break;
                }
                if !step.changes(self.aged.index, &key) {
                    let size = self.aged.size(&row)?;
                    over = over.saturating_sub(size);
                    victims.push((key, size));
                }
            }
        }
        Ok(victims)
    }

    fn remove(&mut self, step: &mut Step, key: &(u64, [u8; 32]), size: u64) {
        step.remove(self.aged.index, key);
        step.remove(self.aged.rows, &key.1);
        self.bytes = self.bytes.saturating_sub(size);
    }

    /// Adds to a step the removal of at most [`PRUNED_AT_ONCE`] rows of epochs before `before`; how many.
    pub(crate) fn prune(
        &mut self,
        tables: &Tables,
        step: &mut Step,
        before: u64,
    ) -> Result<usize, StoreError> {
        let page = tables.scan(self.aged.index, &[], None, PRUNED_AT_ONCE)?;
        let mut removed = 0;
        for (key, row) in page {
            if key.0 < before {
                self.remove(step, &key, self.aged.size(&row)?);
                removed += 1;
            }
        }
        Ok(removed)
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    #[cfg(test)]
    pub(crate) fn set_bytes_max(&mut self, bytes_max: u64) {
        self.bytes_max = bytes_max;
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use super::*;
    use crate::{faulty::FaultyDisk, memory::MemoryBackend};

    fn tables() -> Tables {
        let backend = MemoryBackend::open(&FaultyDisk::new(), Path::new("/d/j")).unwrap();
        Tables::new(Arc::new(backend))
    }

    fn put(tables: &Tables, items: &mut AgedTable, epoch: u64, digest: u8) -> bool {
        let mut step = Step::default();
        let new = items.put(tables, &mut step, epoch, [digest; 32], &[digest; 100]).unwrap();
        tables.commit(step).unwrap();
        new
    }

    #[test]
    fn the_oldest_epochs_make_room_and_the_bound_holds() {
        let tables = tables();
        let mut items = AgedTable::open(&tables, &AGED_ITEMS).unwrap();
        items.set_bytes_max(1_000);
        for digest in 0..100 {
            assert!(put(&tables, &mut items, u64::from(digest), digest));
            assert!(items.bytes() <= 1_000);
        }
        assert!(AGED_ITEMS.get(&tables, &[89; 32]).unwrap().is_none());
        assert_eq!(AGED_ITEMS.get(&tables, &[90; 32]).unwrap(), Some((90, vec![90; 100])));
        assert_eq!(AgedTable::open(&tables, &AGED_ITEMS).unwrap().bytes(), 1_000);
    }

    #[test]
    fn rows_of_the_same_epoch_are_refused_rather_than_evicted() {
        let tables = tables();
        let mut items = AgedTable::open(&tables, &AGED_ITEMS).unwrap();
        items.set_bytes_max(250);
        assert!(put(&tables, &mut items, 4, 1) && put(&tables, &mut items, 4, 2));
        let refused = items.put(&tables, &mut Step::default(), 4, [3; 32], &[3; 100]).unwrap_err();
        assert!(matches!(refused, StoreError::Full { table: "items", bytes_max: 250 }));
        let refused = items.put(&tables, &mut Step::default(), 3, [3; 32], &[3; 100]).unwrap_err();
        assert!(matches!(refused, StoreError::Full { .. }));
        assert!(put(&tables, &mut items, 5, 3));
    }

    #[test]
    fn one_step_that_needs_much_room_evicts_each_row_once() {
        let tables = tables();
        let mut items = AgedTable::open(&tables, &AGED_ITEMS).unwrap();
        items.set_bytes_max(1_000);
        for digest in 0..10 {
            put(&tables, &mut items, 1, digest);
        }
        let mut step = Step::default();
        for digest in 20..25 {
            assert!(items.put(&tables, &mut step, 2, [digest; 32], &[digest; 100]).unwrap());
            assert!(!items.put(&tables, &mut step, 2, [digest; 32], &[digest; 100]).unwrap());
        }
        tables.commit(step).unwrap();
        assert_eq!(items.bytes(), 1_000);
        assert_eq!(AgedTable::open(&tables, &AGED_ITEMS).unwrap().bytes(), 1_000);
        assert_eq!(AGED_ITEMS.of_epoch(&tables, 1, None, 100).unwrap().len(), 5);
        assert_eq!(AGED_ITEMS.of_epoch(&tables, 2, None, 100).unwrap().len(), 5);
        assert_eq!(AGED_ITEMS.of_epoch(&tables, 2, Some([22; 32]), 100).unwrap().len(), 2);
    }

    #[test]
    fn pruning_removes_older_epochs_only_and_a_bounded_number_at_once() {
        let tables = tables();
        let mut items = AgedTable::open(&tables, &AGED_ITEMS).unwrap();
        for digest in 0..200 {
            put(&tables, &mut items, u64::from(digest) / 20, digest);
        }
        let mut removed = Vec::new();
        loop {
            let mut step = Step::default();
            let count = items.prune(&tables, &mut step, 7).unwrap();
            tables.commit(step).unwrap();
            if count == 0 {
                break;
            }
            removed.push(count);
        }
        assert_eq!(removed, [PRUNED_AT_ONCE, 140 - PRUNED_AT_ONCE]);
        assert!(AGED_ITEMS.get(&tables, &[139; 32]).unwrap().is_none());
        assert!(AGED_ITEMS.get(&tables, &[140; 32]).unwrap().is_some());
        assert_eq!(items.bytes(), 6_000);
    }
}
