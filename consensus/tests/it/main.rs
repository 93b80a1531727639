//! Integration tests of `ganglion-consensus`.

#[path = "../fixture/mod.rs"]
mod fixture;
mod ledger;
#[path = "../reference/mod.rs"]
mod reference;
mod yuma_reference;
mod yuma_state;
mod yuma_vectors;
