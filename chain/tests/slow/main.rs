//! Against real nodes of chains, whose paths are in the environment; `.ci/run anchors` installs and names them.

mod anvil;
mod chopsticks;
mod substrate;
mod substrate_outbox;
