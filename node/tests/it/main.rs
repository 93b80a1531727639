//! Through the real binary, as users and scripts meet it.

mod asking;
mod config;
mod http;
mod keys;
mod manifest;
mod run;
mod worker;
mod world;
mod yuma;
