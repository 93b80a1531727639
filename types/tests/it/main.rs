//! What the crate promises as a whole: the bytes of every format.

mod frozen;
#[path = "../vectors/mod.rs"]
mod vectors;
