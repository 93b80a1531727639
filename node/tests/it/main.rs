//! Through the real binary, as users and scripts meet it.

mod config;
mod keys;
mod manifest;
mod run;
mod worker;
mod yuma;
