//! Wires the parts into a process: keys, manifest, configuration, the command line.

pub mod document;
pub mod fault;
pub mod files;
pub mod keys;
pub mod units;
