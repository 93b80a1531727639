//! Through the real binary, as users and scripts meet it.

mod advisories;
mod anchors;
#[cfg(feature = "chain-tests")]
mod anchors_substrate;
mod asking;
mod audit;
mod config;
mod db;
mod docs;
mod doctor;
mod errors;
mod explained;
mod following;
mod forward;
mod frames;
#[cfg(feature = "slow-tests")]
mod full_disk;
mod handout;
mod hostile;
mod http;
#[cfg(feature = "slow-tests")]
mod joining;
#[cfg(feature = "slow-tests")]
mod key_moves;
mod keys;
mod layers;
mod ledger;
mod manifest;
mod metrics;
mod openapi;
mod process;
mod proof;
mod reference;
mod run;
mod snapshots;
mod taking_part;
mod testnet;
mod tree;
mod verifiers;
mod worker;
mod world;
mod yuma;
