//! `[load]`: random operations while the testnet runs.

use super::{EPOCH_MAX, field};
use crate::document::{Field, Notes, Section, take};
use crate::testnet::load::{OPERATIONS_MAX, Plan};

const OPERATIONS: Field =
    field!("operations", "operations", "1 to 1000", "50", "Operations in each epoch.");
const EPOCHS: Field =
    field!("epochs", "epochs", "1 to 1000000", "10", "In how many epochs, from the first on.");
const SEED: Field = field!("seed", "number", "from 0", "1", "Of the draw.");

/// The load that the file asks for, if it does.
pub(super) fn read(notes: &mut Notes, root: &mut Section<'_>) -> Option<Plan> {
    let mut table = root.table(notes, "load");
    if !table.is_there() {
        return None;
    }
    let usual = Plan::default();
    let operations = take::number::<u32>("operations", 1, OPERATIONS_MAX.into());
    let epochs = take::number::<u64>("epochs", 1, EPOCH_MAX);
    let seed = take::number::<u64>("number", 0, i64::MAX.unsigned_abs());
    let plan = Plan {
        operations: table.read(notes, &OPERATIONS, operations).unwrap_or(usual.operations),
        epochs: table.read(notes, &EPOCHS, epochs).unwrap_or(usual.epochs),
        seed: table.read(notes, &SEED, seed).unwrap_or(usual.seed),
    };
    table.finish(notes);
    Some(plan)
}
