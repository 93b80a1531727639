//! What the crate promises as a whole.

mod frozen;
#[path = "../../../types/tests/vectors/mod.rs"]
mod vectors;
