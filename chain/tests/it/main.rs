//! What the crate promises as a whole.

#[cfg(feature = "evm")]
mod answers;
mod frozen;
#[path = "../../../types/tests/vectors/mod.rs"]
mod vectors;
