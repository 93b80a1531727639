//! Steps larger than a batch: written whole to a journal first, then applied, at the next open if
//! need be.

use super::{
    Tables,
    row::{PIECE_BYTES, behind, damaged, piece_key},
};
use crate::{
    backend::{
        BATCH_BYTES_MAX, BATCH_OPERATIONS_MAX, Operation, Row, decode_operations, encode_operations,
    },
    codec::{Fields, check},
    error::StoreError,
    schema::{CHUNKS, JOURNAL},
};

const JOURNAL_CONTEXT: &str = "ganglion storage journal";

impl Tables {
    /// Applies operations over the bounds of a batch so that all of them happen or none.
    pub(super) fn apply_journaled(&self, operations: Vec<Operation>) -> Result<(), StoreError> {
        self.write_journal(&operations)?;
        self.apply_all(operations, Some((vec![JOURNAL], None)))?;
        self.clear_journal_pieces()
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

pub(super) fn size_of_all(operations: &[Operation]) -> usize {
    operations.iter().map(size_of).sum()
}

#[cfg(test)]
mod tests {
    use super::super::{
        Step,
        tests::{open, rows, state_key},
    };
    use crate::{
        faulty::{Crash, FaultyDisk},
        schema::STATE,
    };

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
