//! Through the real binary, as users and scripts meet it.

mod config;
mod keys;
mod layers;
mod manifest;
mod run;
mod tree;
mod worker;
mod yuma;
