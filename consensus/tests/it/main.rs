//! Everything the crate promises, through its public API only.

mod agreement;
#[path = "../fixture/mod.rs"]
mod fixture;
mod frozen;
mod hidden;
mod ledger;
mod participation;
#[path = "../reference/mod.rs"]
mod reference;
mod sizes;
#[path = "../../../types/tests/vectors/mod.rs"]
mod vectors;
mod yuma_reference;
mod yuma_state;
mod yuma_vectors;
