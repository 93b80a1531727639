//! Typed tables over a [`Backend`], changed in atomic steps.
//!
//! ```text
//!  row:  0 │ check 16 │ value                              a value of up to 6 KiB
//!        1 │ check 16 │ length u64 │ pieces u32            a larger one, in pieces under CHUNKS
//! ```
//! The check covers key and value, so a row that a damaged database moved or shortened is seen when it is read. The exclusive or
//! of the checks of all state rows is a row itself, changed in the same step, so rows that vanished are seen at open.
//!
//! Why 6 KiB: a leaf of sled has up to 20 rows for a moment, and a leaf over 128 KiB goes to a file of its own which sled
//! never syncs and may leak.
//!
//! A step of up to 1,000 operations and 8 MiB is one batch. A larger one is written to a journal row first; from the batch
//! that completes this row on, the step will happen, by redoing it at the next open if need be. Its rows become visible
//! to readers bit by bit then.

mod journal;
mod row;

use std::{collections::BTreeMap, sync::Arc};

use self::{
    journal::size_of_all,
    row::{Stored, behind, damaged, expand_row, full_key, piece_key, row_check},
};
use crate::{
    backend::{BATCH_BYTES_MAX, BATCH_OPERATIONS_MAX, Backend, BackendError, Operation},
    codec::Fields,
    error::{Damage, Part, StoreError},
    schema::{Key, META, MetaKey, STATE, Table},
};

/// Bytes of one key, table byte and all.
pub const KEY_BYTES_MAX: usize = 256;
/// Bytes of one value.
pub const VALUE_BYTES_MAX: usize = 8 << 20;
/// Rows fetched at a time by walks over whole tables.
const PAGE: usize = 256;

/// All tables of one store. Clones share the backend.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    backend: Arc<dyn Backend>,
}

/// Changes that happen together or not at all. A later change of a key replaces an earlier one.
#[derive(Debug, Default)]
pub(crate) struct Step {
    rows: BTreeMap<Vec<u8>, (&'static str, Option<Vec<u8>>)>,
}

impl Step {
    pub(crate) fn put<K: Key>(&mut self, table: &Table<K>, key: &K, value: Vec<u8>) {
        self.rows.insert(full_key(table, key), (table.name, Some(value)));
    }

    pub(crate) fn remove<K: Key>(&mut self, table: &Table<K>, key: &K) {
        self.rows.insert(full_key(table, key), (table.name, None));
    }

    /// Whether this step already changes the row.
    pub(crate) fn changes<K: Key>(&self, table: &Table<K>, key: &K) -> bool {
        self.rows.contains_key(&full_key(table, key))
    }

    /// Refuses what is over its bound, before anything is written.
    pub(crate) fn validate(&self) -> Result<(), StoreError> {
        for (key, (what, value)) in &self.rows {
            let bytes = value.as_ref().map_or(0, Vec::len);
            if bytes > VALUE_BYTES_MAX {
                return Err(StoreError::TooLarge { what, bytes, max: VALUE_BYTES_MAX });
            }
            if key.len() > KEY_BYTES_MAX {
                let what = "a row's key";
                return Err(StoreError::TooLarge { what, bytes: key.len(), max: KEY_BYTES_MAX });
            }
        }
        Ok(())
    }
}

impl From<BackendError> for StoreError {
    fn from(error: BackendError) -> Self {
        Self::Database { reason: error.reason, full: error.full }
    }
}

/// Sum over the state rows: how many, and the exclusive or of their checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct StateSum {
    rows: u64,
    checks: [u8; 16],
}

impl StateSum {
    fn toggle(&mut self, check: [u8; 16]) {
        for (sum, byte) in self.checks.iter_mut().zip(check) {
            *sum ^= byte;
        }
    }

    fn encode(self) -> Vec<u8> {
        let mut out = self.rows.to_be_bytes().to_vec();
        out.extend_from_slice(&self.checks);
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        let sum = Self { rows: fields.u64()?, checks: fields.array()? };
        fields.end(sum)
    }
}

impl Tables {
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend }
    }

    /// Whether there is no row at all.
    pub(crate) fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.backend.scan(&[], &[u8::MAX], 1)?.is_empty())
    }

    /// The value of a row.
    pub(crate) fn get<K: Key>(
        &self,
        table: &Table<K>,
        key: &K,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let key = full_key(table, key);
        match self.backend.get(&key)? {
            Some(row) => self.value(&key, row, table.name),
            None => Ok(None),
        }
    }

    /// Whether there is such a row; its value is not looked at.
    pub(crate) fn contains<K: Key>(&self, table: &Table<K>, key: &K) -> Result<bool, StoreError> {
        Ok(self.backend.get(&full_key(table, key))?.is_some())
    }

    /// At most `limit` rows whose keys begin with `prefix` (after the table's byte), from behind the key `after` on.
    ///
    /// A row that another thread removes in between is left out; each row is as of some moment during the call.
    pub(crate) fn scan<K: Key>(
        &self,
        table: &Table<K>,
        prefix: &[u8],
        after: Option<&K>,
        limit: usize,
    ) -> Result<Vec<(K, Vec<u8>)>, StoreError> {
        let mut first = vec![table.prefix];
        first.extend_from_slice(prefix);
        let end = behind(&first);
        if let Some(after) = after {
            first = full_key(table, after);
            first.push(0);
        }
        let mut found = Vec::new();
        for (key, row) in self.backend.scan(&first, &end, limit)? {
            let typed = key.get(1..).and_then(K::read).ok_or_else(|| damaged(table.name))?;
            if let Some(value) = self.value(&key, row, table.name)? {
                found.push((typed, value));
            }
        }
        Ok(found)
    }

    /// Calls `each` for every row of the table, in key order.
    pub(crate) fn walk<K: Key>(
        &self,
        table: &Table<K>,
        mut each: impl FnMut(&K, Vec<u8>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.scan(table, &[], after.as_ref(), PAGE)?;
            if page.is_empty() {
                return Ok(());
            }
            for (key, value) in page {
                each(&key, value)?;
                after = Some(key);
            }
        }
    }

    /// The value that a stored row stands for; `None` if the row went away meanwhile.
    fn value(
        &self,
        key: &[u8],
        mut row: Vec<u8>,
        table: &'static str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        loop {
            let value = match Stored::read(&row).ok_or_else(|| damaged(table))? {
                Stored::Inline { check, value } => {
                    (row_check(key, value) == check).then(|| value.to_vec())
                }
                Stored::InPieces { check, length, pieces } => {
                    self.pieces(key, length, pieces)?.filter(|value| row_check(key, value) == check)
                }
            };
            if value.is_some() {
                return Ok(value);
            }
            // A writer may have replaced the row between its head and its pieces.
            match self.backend.get(key)? {
                None => return Ok(None),
                Some(again) if again == row => return Err(damaged(table)),
                Some(again) => row = again,
            }
        }
    }

    fn pieces(
        &self,
        key: &[u8],
        length: usize,
        pieces: u32,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut value = Vec::with_capacity(length);
        for piece in 0..pieces {
            match self.backend.get(&piece_key(key, piece))? {
                Some(bytes) => value.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
        Ok((value.len() == length).then_some(value))
    }

    /// Makes everything committed durable.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        Ok(self.backend.flush()?)
    }

    /// Applies a step. One caller at a time.
    pub(crate) fn commit(&self, step: Step) -> Result<(), StoreError> {
        step.validate()?;
        let operations = self.expand(step)?;
        if operations.len() <= BATCH_OPERATIONS_MAX && size_of_all(&operations) <= BATCH_BYTES_MAX {
            if !operations.is_empty() {
                self.backend.apply(&operations)?;
            }
            return Ok(());
        }
        self.apply_journaled(operations)
    }

    /// The operations on stored rows that a step comes to, the state sum among them.
    fn expand(&self, step: Step) -> Result<Vec<Operation>, StoreError> {
        let mut operations = Vec::with_capacity(step.rows.len() + 1);
        let mut sum = None;
        for (key, (table, value)) in step.rows {
            let row = self.backend.get(&key)?;
            let old = row.as_deref().map(|row| Stored::read(row).ok_or_else(|| damaged(table)));
            let old = old.transpose()?;
            if key.first() == Some(&STATE.prefix) {
                let sum = match &mut sum {
                    Some(sum) => sum,
                    none => none.insert(self.state_sum()?),
                };
                if let Some(old) = &old {
                    sum.toggle(old.check());
                    sum.rows = sum.rows.saturating_sub(1);
                }
                if let Some(value) = &value {
                    sum.toggle(row_check(&key, value));
                    sum.rows = sum.rows.saturating_add(1);
                }
            }
            expand_row(&mut operations, &key, value, old.map_or(0, |old| old.pieces()));
        }
        if let Some(sum) = sum {
            let key = full_key(&META, &MetaKey::StateSum);
            expand_row(&mut operations, &key, Some(sum.encode()), 0);
        }
        Ok(operations)
    }

    fn state_sum(&self) -> Result<StateSum, StoreError> {
        match self.get(&META, &MetaKey::StateSum)? {
            None => Ok(StateSum::default()),
            Some(bytes) => StateSum::decode(&bytes).ok_or_else(|| damaged(META.name)),
        }
    }

    /// Reads every state row and compares their sum with the one last written.
    pub(crate) fn verify_state(&self) -> Result<(), StoreError> {
        let mut sum = StateSum::default();
        self.walk(&STATE, |key, value| {
            sum.toggle(row_check(&full_key(&STATE, key), &value));
            sum.rows = sum.rows.saturating_add(1);
            Ok(())
        })?;
        if sum == self.state_sum()? {
            return Ok(());
        }
        let damage = Damage::Sum { rows: sum.rows };
        Err(StoreError::Damaged { part: Part::State, damage })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::{
        row::{PIECE_BYTES, pieces_of},
        *,
    };
    use crate::{
        faulty::FaultyDisk,
        memory::MemoryBackend,
        schema::{BLOBS, CUTS, StateKey},
    };

    const JOURNAL_PATH: &str = "/d/state.journal";

    pub(super) fn open(disk: &FaultyDisk) -> Tables {
        let backend = MemoryBackend::open(disk, Path::new(JOURNAL_PATH)).unwrap();
        let tables = Tables::new(Arc::new(backend));
        tables.redo_journal().unwrap();
        tables
    }

    pub(super) fn state_key(number: u16) -> StateKey {
        StateKey { table: 1, key: number.to_be_bytes().to_vec() }
    }

    pub(super) fn rows(tables: &Tables) -> usize {
        tables.backend.scan(&[], &[255], usize::MAX).unwrap().len()
    }

    #[test]
    fn large_values_come_back_whole_and_leave_nothing_behind() {
        let tables = open(&FaultyDisk::new());
        for length in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 100_000, 1, 50_000] {
            let value: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let mut step = Step::default();
            step.put(&BLOBS, &[1; 32], value.clone());
            tables.commit(step).unwrap();
            assert_eq!(tables.get(&BLOBS, &[1; 32]).unwrap().unwrap(), value, "{length} bytes");
            let expected = 1 + if length > PIECE_BYTES { pieces_of(length) as usize } else { 0 };
            assert_eq!(rows(&tables), expected, "{length} bytes");
        }
        let mut step = Step::default();
        step.remove(&BLOBS, &[1; 32]);
        tables.commit(step).unwrap();
        assert_eq!(rows(&tables), 0);
    }

    #[test]
    fn values_and_keys_over_their_bounds_are_refused_before_anything_is_written() {
        let tables = open(&FaultyDisk::new());
        let mut step = Step::default();
        step.put(&CUTS, &1, vec![1]);
        step.put(&CUTS, &2, vec![0; VALUE_BYTES_MAX + 1]);
        assert!(matches!(tables.commit(step), Err(StoreError::TooLarge { what: "cuts", .. })));
        let mut step = Step::default();
        step.put(&CUTS, &1, vec![1]);
        step.put(&STATE, &StateKey { table: 0, key: vec![0; KEY_BYTES_MAX] }, vec![]);
        assert!(matches!(tables.commit(step), Err(StoreError::TooLarge { .. })));
        assert!(tables.is_empty().unwrap());
    }

    #[test]
    fn scans_stop_at_prefix_and_limit_and_go_on_behind_a_key() {
        let tables = open(&FaultyDisk::new());
        let mut step = Step::default();
        for number in 0..10 {
            step.put(&STATE, &state_key(number), vec![number as u8]);
            step.put(&STATE, &StateKey { table: 255, key: vec![255, number as u8] }, vec![]);
        }
        tables.commit(step).unwrap();
        let page = tables.scan(&STATE, &[1], None, 4).unwrap();
        let page: Vec<_> = page.into_iter().map(|(_, value)| value[0]).collect();
        assert_eq!(page, [0, 1, 2, 3]);
        let rest = tables.scan(&STATE, &[1], Some(&state_key(3)), 100).unwrap();
        assert_eq!(rest.len(), 6);
        assert_eq!(tables.scan(&STATE, &[255, 255], None, 100).unwrap().len(), 10);
    }

    #[test]
    fn a_changed_or_vanished_state_row_is_seen() {
        let tables = open(&FaultyDisk::new());
        let mut step = Step::default();
        for number in 0..3 {
            step.put(&STATE, &state_key(number), vec![7; 10]);
        }
        tables.commit(step).unwrap();
        tables.verify_state().unwrap();
        let key = full_key(&STATE, &state_key(1));
        let row = tables.backend.get(&key).unwrap().unwrap();
        tables.backend.apply(&[(key.clone(), None)]).unwrap();
        let refused = tables.verify_state().unwrap_err();
        assert!(matches!(refused, StoreError::Damaged { damage: Damage::Sum { rows: 2 }, .. }));
        let mut changed = row.clone();
        *changed.last_mut().unwrap() ^= 1;
        tables.backend.apply(&[(key.clone(), Some(changed))]).unwrap();
        let refused = tables.get(&STATE, &state_key(1)).unwrap_err();
        assert!(matches!(refused, StoreError::Damaged { damage: Damage::Row { .. }, .. }));
        tables.backend.apply(&[(key, Some(row))]).unwrap();
        tables.verify_state().unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_state_sum_follows_any_steps(
            steps in prop::collection::vec(
                prop::collection::vec((0_u16..20, prop::option::of(0_usize..9_000)), 0..12), 1..8,
            ),
        ) {
            let tables = open(&FaultyDisk::new());
            let mut model = BTreeMap::new();
            for changes in steps {
                let mut step = Step::default();
                for (number, length) in changes {
                    match length {
                        Some(length) => {
                            step.put(&STATE, &state_key(number), vec![number as u8; length]);
                            model.insert(number, length);
                        }
                        None => {
                            step.remove(&STATE, &state_key(number));
                            model.remove(&number);
                        }
                    }
                }
                tables.commit(step).unwrap();
                tables.verify_state().unwrap();
            }
            let found = tables.scan(&STATE, &[], None, 100).unwrap();
            let found: Vec<_> = found.into_iter().map(|(_, value)| value.len()).collect();
            prop_assert_eq!(found, model.into_values().collect::<Vec<_>>());
        }
    }
}
