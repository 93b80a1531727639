//! What the crate promises as a whole.

#[cfg(feature = "evm")]
mod answers;
#[cfg(feature = "chain-tests")]
mod anvil;
mod frozen;
#[path = "../../../types/tests/vectors/mod.rs"]
mod vectors;
