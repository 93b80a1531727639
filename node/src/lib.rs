//! Wires the parts into a process.

pub mod cli;
pub mod yuma;
