//! Whole worlds from seeds. The long set is `cargo run --release -p ganglion-sim -- --seeds A..B`.

mod seeds;
