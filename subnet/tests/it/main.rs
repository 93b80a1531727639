//! Whole subnets in one process, on a virtual clock: the shipped participant and runner over a host
//! that records what they do.

mod arrival;
mod chain;
mod cluster;
mod differences;
mod epochs;
mod following;
mod joining;
mod silence;
