//! Everything the crate promises, through its public API only.

mod agreement;
#[path = "../fixture/mod.rs"]
mod fixture;
mod hidden;
mod ledger;
mod participation;
#[path = "../reference/mod.rs"]
mod reference;
mod yuma_reference;
mod yuma_state;
mod yuma_vectors;
