//! Whole committees in one process, from a seed.

mod chain;
mod checker;
mod cluster;
mod engine;
mod scenarios;
