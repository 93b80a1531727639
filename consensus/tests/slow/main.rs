//! What takes minutes: `cargo test --workspace --test slow`.

mod agreement;
#[path = "../it/agreement/chain.rs"]
#[allow(dead_code, reason = "shared with the other binary")]
mod chain;
#[path = "../it/agreement/checker.rs"]
#[allow(dead_code, reason = "shared with the other binary")]
mod checker;
#[path = "../it/agreement/cluster.rs"]
#[allow(dead_code, reason = "shared with the other binary")]
mod cluster;
