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

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    backend::{
        BATCH_BYTES_MAX, BATCH_OPERATIONS_MAX, Backend, BackendError, Operation, Row,
        decode_operations, encode_operations,
    },
    codec::{Fields, check},
    error::{Damage, Part, StoreError},
    schema::{CHUNKS, JOURNAL, Key, META, MetaKey, STATE, Table},
};

/// Bytes of one key, table byte and all.
pub const KEY_BYTES_MAX: usize = 256;
/// Bytes of one value.
pub const VALUE_BYTES_MAX: usize = 8 << 20;
pub(crate) const PIECE_BYTES: usize = 6 << 10;
const ROW_CONTEXT: &str = "ganglion storage row";
const JOURNAL_CONTEXT: &str = "ganglion storage journal";
const INLINE: u8 = 0;
const IN_PIECES: u8 = 1;
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

fn full_key<K: Key>(table: &Table<K>, key: &K) -> Vec<u8> {
    let mut out = vec![table.prefix];
    key.write(&mut out);
    out
}

fn piece_key(full_key: &[u8], piece: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(full_key.len() + 5);
    out.push(CHUNKS);
    out.extend_from_slice(full_key);
    out.extend_from_slice(&piece.to_be_bytes());
    out
}

/// The first key behind all that begin with `prefix`. Table bytes stay below 0xff, so there is one.
fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut out = prefix.to_vec();
    while let Some(last) = out.pop() {
        if let Some(next) = last.checked_add(1) {
            out.push(next);
            break;
        }
    }
    out
}

/// A stored row, looked at without its pieces.
enum Stored<'a> {
    Inline { check: [u8; 16], value: &'a [u8] },
    InPieces { check: [u8; 16], length: usize, pieces: u32 },
}

impl<'a> Stored<'a> {
    fn read(row: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::new(row);
        let (tag, check) = (fields.u8()?, fields.array()?);
        match tag {
            INLINE => Some(Self::Inline { check, value: fields.rest() }),
            IN_PIECES => {
                let length = usize::try_from(fields.u64()?).ok()?;
                let pieces = fields.u32()?;
                let fits = length <= VALUE_BYTES_MAX && pieces == pieces_of(length);
                fields.end(Self::InPieces { check, length, pieces }).filter(|_| fits)
            }
            _ => None,
        }
    }

    fn check(&self) -> [u8; 16] {
        match self {
            Self::Inline { check, .. } | Self::InPieces { check, .. } => *check,
        }
    }

    fn pieces(&self) -> u32 {
        match self {
            Self::Inline { .. } => 0,
            Self::InPieces { pieces, .. } => *pieces,
        }
    }
}

fn pieces_of(length: usize) -> u32 {
    u32::try_from(length.div_ceil(PIECE_BYTES)).unwrap_or(u32::MAX)
}

fn row_check(key: &[u8], value: &[u8]) -> [u8; 16] {
    let length = (key.len() as u64).to_be_bytes();
    check(ROW_CONTEXT, &[&length, key, value])
}

fn damaged(table: &'static str) -> StoreError {
    StoreError::Damaged { part: Part::State, damage: Damage::Row { table } }
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
        self.write_journal(&operations)?;
        self.apply_all(operations, Some((vec![JOURNAL], None)))?;
        self.clear_journal_pieces()
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

    /// Applies operations in as many batches as they need, `last` in the final one.
    fn apply_all(
        &self,
        operations: Vec<Operation>,
        last: Option<Operation>,
    ) -> Result<(), StoreError> {
        let mut batch: Vec<Operation> = Vec::new();
        let mut bytes = 0;
        for operation in operations.into_iter().chain(last) {
            let more = size_of(&operation);
            if batch.len() == BATCH_OPERATIONS_MAX || bytes + more > BATCH_BYTES_MAX {
                self.backend.apply(&batch)?;
                batch.clear();
                bytes = 0;
            }
            bytes += more;
            batch.push(operation);
        }
        if !batch.is_empty() {
            self.backend.apply(&batch)?;
        }
        Ok(())
    }

    /// Writes the step's pieces, then the row that makes it happen.
    fn write_journal(&self, operations: &[Operation]) -> Result<(), StoreError> {
        let bytes = encode_operations(operations);
        let mut head = check(JOURNAL_CONTEXT, &[&bytes]).to_vec();
        head.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        let pieces = (0..)
            .zip(bytes.chunks(PIECE_BYTES))
            .map(|(number, piece)| (piece_key(&[JOURNAL], number), Some(piece.to_vec())));
        self.apply_all(pieces.collect(), Some((vec![JOURNAL], Some(head))))
    }

    /// Finishes a step that was interrupted after its journal was complete, and forgets one that was not.
    pub(crate) fn redo_journal(&self) -> Result<(), StoreError> {
        if let Some(head) = self.backend.get(&[JOURNAL])? {
            let operations = self.read_journal(&head)?.ok_or_else(|| damaged("journal"))?;
            tracing::info!(operations = operations.len(), "finishing an interrupted step");
            self.apply_all(operations, Some((vec![JOURNAL], None)))?;
        }
        self.clear_journal_pieces()
    }

    fn read_journal(&self, head: &[u8]) -> Result<Option<Vec<Operation>>, StoreError> {
        let mut fields = Fields::new(head);
        let (Some(expected), Some(length)) = (fields.array::<16>(), fields.u64()) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        for piece in 0_u32.. {
            if bytes.len() as u64 >= length {
                break;
            }
            match self.backend.get(&piece_key(&[JOURNAL], piece))? {
                Some(piece) => bytes.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
        let whole = check(JOURNAL_CONTEXT, &[&bytes]) == expected;
        Ok(if whole { decode_operations(&bytes) } else { None })
    }

    fn clear_journal_pieces(&self) -> Result<(), StoreError> {
        let prefix = [CHUNKS, JOURNAL];
        loop {
            let rows: Vec<Row> =
                self.backend.scan(&prefix, &behind(&prefix), BATCH_OPERATIONS_MAX)?;
            if rows.is_empty() {
                return Ok(());
            }
            let batch: Vec<Operation> = rows.into_iter().map(|(key, _)| (key, None)).collect();
            self.backend.apply(&batch)?;
        }
    }
}

fn size_of((key, value): &Operation) -> usize {
    key.len() + value.as_ref().map_or(0, Vec::len)
}

fn size_of_all(operations: &[Operation]) -> usize {
    operations.iter().map(size_of).sum()
}

/// The operations that give one row its new value, where its old one had `pieces_before`.
fn expand_row(
    operations: &mut Vec<Operation>,
    key: &[u8],
    value: Option<Vec<u8>>,
    pieces_before: u32,
) {
    let Some(value) = value else {
        operations.push((key.to_vec(), None));
        operations.extend((0..pieces_before).map(|piece| (piece_key(key, piece), None)));
        return;
    };
    let found = row_check(key, &value);
    let mut row = Vec::with_capacity(17 + value.len().min(PIECE_BYTES));
    if value.len() <= PIECE_BYTES {
        row.push(INLINE);
        row.extend_from_slice(&found);
        row.extend_from_slice(&value);
        operations.push((key.to_vec(), Some(row)));
        operations.extend((0..pieces_before).map(|piece| (piece_key(key, piece), None)));
        return;
    }
    let pieces = pieces_of(value.len());
    row.push(IN_PIECES);
    row.extend_from_slice(&found);
    row.extend_from_slice(&(value.len() as u64).to_be_bytes());
    row.extend_from_slice(&pieces.to_be_bytes());
    operations.push((key.to_vec(), Some(row)));
    for (number, piece) in (0..).zip(value.chunks(PIECE_BYTES)) {
        operations.push((piece_key(key, number), Some(piece.to_vec())));
    }
    operations.extend((pieces..pieces_before).map(|piece| (piece_key(key, piece), None)));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        faulty::{Crash, FaultyDisk},
        memory::MemoryBackend,
        schema::{BLOBS, CUTS, StateKey},
    };

    const JOURNAL_PATH: &str = "/d/state.journal";

    fn open(disk: &FaultyDisk) -> Tables {
        let backend = MemoryBackend::open(disk, Path::new(JOURNAL_PATH)).unwrap();
        let tables = Tables::new(Arc::new(backend));
        tables.redo_journal().unwrap();
        tables
    }

    fn state_key(number: u16) -> StateKey {
        StateKey { table: 1, key: number.to_be_bytes().to_vec() }
    }

    fn rows(tables: &Tables) -> usize {
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

    fn large_step(value: u8) -> Step {
        let mut step = Step::default();
        for number in 0..2_500 {
            step.put(&STATE, &state_key(number), vec![value; 20]);
        }
        step
    }

    /// A step of 2,501 operations is four batches for its journal, three for its rows, and some to clean up.
    #[test]
    fn a_step_larger_than_a_batch_happens_whole_or_not_at_all_wherever_the_power_goes() {
        let base = FaultyDisk::new();
        let tables = open(&base);
        tables.commit(large_step(1)).unwrap();
        tables.flush().unwrap();
        let before = base.copy();
        let first = before.operations();
        open(&before).commit(large_step(2)).unwrap();
        let operations = before.operations() - first;
        let (mut olds, mut news) = (0, 0);
        for operation in 0..operations {
            for crash in [Crash::LoseAll, Crash::KeepAll, Crash::Seeded(operation)] {
                let disk = base.copy();
                let tables = open(&disk);
                disk.cut_power_at(disk.operations() + operation);
                assert!(tables.commit(large_step(2)).is_err());
                drop(tables);
                disk.crash(crash);
                let tables = open(&disk);
                tables.verify_state().unwrap();
                let found = tables.scan(&STATE, &[], None, 3_000).unwrap();
                assert_eq!(found.len(), 2_500);
                let value = found[0].1[0];
                assert!(found.iter().all(|(_, row)| *row == vec![value; 20]), "mixed");
                if value == 1 {
                    olds += 1
                } else {
                    news += 1
                }
                assert_eq!(rows(&tables), 2_501, "journal left behind");
            }
        }
        assert!(olds > 0 && news > 0, "{olds} old, {news} new");
    }
}
