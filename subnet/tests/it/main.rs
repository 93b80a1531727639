//! Whole subnets in one process, on a virtual clock: the shipped participant and runner over a host
//! that records what they do.

mod arrival;
mod cluster;
mod differences;
mod epochs;
mod joining;
mod silence;
