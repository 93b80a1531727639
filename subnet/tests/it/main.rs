//! Whole subnets in one process, on a virtual clock: the shipped participant and runner over a host
//! that records what they do.

mod arrival;
mod behaviours;
mod cluster;
mod divergence;
mod epochs;
mod hidden;
mod joining;
mod silence;
