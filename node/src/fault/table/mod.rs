//! The table of all codes, by area.

mod api;
mod epochs;
mod input;
mod ledger;
mod node;
mod work;

use super::code::Area;

/// Every area, in the order of `docs/ERRORS.md`.
pub(super) const AREAS: [Area; 16] = [
    input::USAGE,
    input::FILES,
    input::KEYS,
    input::HISTORY,
    input::SETTINGS,
    node::NODE,
    node::DOCTOR,
    api::API,
    ledger::OPERATIONS,
    ledger::RULES,
    epochs::EPOCHS,
    epochs::ARCHIVES,
    epochs::ANCHORS,
    work::WORKERS,
    work::VECTORS,
    work::TESTNETS,
];
