//! Whole worlds from seeds. The long set is `cargo run --release -p ganglion-sim -- --seeds A..B`.

#[cfg(feature = "planted-bugs")]
mod planted;
mod seeds;

/// Whether this is the binary that takes minutes.
const SLOW: bool = false;
