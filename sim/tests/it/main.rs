//! Whole worlds from seeds. The long set is `cargo run --release -p ganglion-sim -- --seeds A..B`.

#[cfg(feature = "planted-bugs")]
mod planted;
mod seeds;
