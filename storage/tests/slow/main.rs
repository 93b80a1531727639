//! Crashes and damage by the thousand: `cargo test --workspace --test slow`.

#[path = "../it/crash.rs"]
mod crash;
#[path = "../it/model.rs"]
mod model;
#[path = "../it/real.rs"]
mod real;

/// Whether this is the binary that takes minutes.
const SLOW: bool = true;
