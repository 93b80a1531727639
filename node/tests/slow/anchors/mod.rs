//! Anchors of a running node on real chains.

mod evm;
mod kills;
mod proxy;
mod substrate;
