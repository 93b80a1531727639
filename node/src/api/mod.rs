//! The node's HTTP interface: what it says and how to ask it.
//!
//! [`types`] is the contract that the server, the command line and the testnet share, [`Client`]
//! asks a node by it.

mod accounts;
mod amount;
mod anchors;
mod client;
mod explanation;
mod ledger;
mod registry;
mod revisions;
mod stages;
pub mod types;

pub use client::{ApiError, Client, reachable};
pub use explanation::{ExplainedRow, Explanation};
pub use ledger::Ledger;
