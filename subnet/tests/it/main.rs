//! Whole subnets in one process, on a virtual clock: the shipped participant and runner over a host
//! that records what they do.

mod arrival;
mod behaviours;
mod chain;
mod cluster;
mod differences;
mod divergence;
mod epochs;
mod following;
mod hidden;
mod joining;
mod registry;
mod revision;
mod silence;
