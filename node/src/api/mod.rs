//! The node's HTTP interface: what it says and how to ask it.
//!
//! [`types`] is the contract that the server, the command line and the testnet share.

pub mod types;
