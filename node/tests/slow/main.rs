//! What takes minutes: real processes for many epochs, and (`anchors`) against real nodes of chains, whose paths are in
//! the environment. `cargo test --workspace --test slow`; `.ci/run` installs what it needs.
#![allow(dead_code, reason = "helpers are shared with the other binary")]

mod anchors;
mod following;
#[path = "../it/forward.rs"]
mod forward;
mod full_disk;
mod joining;
mod key_moves;
#[path = "../it/places.rs"]
mod places;
#[path = "../it/process.rs"]
mod process;
#[path = "../it/run.rs"]
mod run;
mod testnet;
#[path = "../it/world.rs"]
mod world;
