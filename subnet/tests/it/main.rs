//! Whole subnets in one process, on a virtual clock: the shipped participant and runner over a host
//! that records what they do.

mod cluster;
mod epochs;
