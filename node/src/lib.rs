//! Wires the parts into a process: keys, manifest, configuration, the command line.

pub mod api;
pub mod audit;
pub mod blobs;
pub mod bridge;
pub mod cli;
pub mod config;
pub mod document;
pub mod driver;
pub mod fault;
pub mod files;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod history;
pub mod home;
pub mod host;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod library;
pub mod manifest;
pub mod metrics;
pub mod models;
pub mod node;
pub mod parameters;
pub mod pow;
pub mod proof;
pub mod snapshots;
pub mod tasks;
pub mod telemetry;
#[cfg(unix)]
pub mod testnet;
pub mod units;
pub mod view;
pub mod worker;
pub mod workers;
pub mod yuma;
