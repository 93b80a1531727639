//! Through the real binary, as users and scripts meet it.

mod asking;
mod config;
mod docs;
mod hostile;
mod http;
mod keys;
mod layers;
mod manifest;
mod run;
mod snapshots;
mod testnet;
mod tree;
mod worker;
mod world;
mod yuma;
