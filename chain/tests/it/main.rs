//! What the crate promises as a whole.

#[cfg(feature = "evm")]
mod answers;
#[cfg(feature = "chain-tests")]
mod anvil;
#[cfg(all(feature = "chain-tests", feature = "substrate"))]
mod chopsticks;
mod frozen;
#[cfg(all(feature = "chain-tests", feature = "substrate"))]
mod substrate;
#[cfg(all(feature = "chain-tests", feature = "substrate"))]
mod substrate_outbox;
#[path = "../../../types/tests/vectors/mod.rs"]
mod vectors;
