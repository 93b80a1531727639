//! More worlds of each kind: `cargo test --workspace --test slow`.

#[path = "../it/seeds.rs"]
mod seeds;

/// Whether this is the binary that takes minutes.
const SLOW: bool = true;
