//! What the store promises as a whole: after crashes on a simulated disk, and on the real one under sled.

mod crash;
mod fail;
mod frozen;
mod life;
mod model;
mod real;
#[path = "../../../types/tests/vectors/mod.rs"]
mod vectors;

/// Whether this is the binary that takes minutes.
const SLOW: bool = false;
