//! What joins a participant to its store: what is written when, what a restart finds, what peers can read.
//!
//! This crate does no IO of its own, reads no clock and knows no network: the node runs it over sled and files, the
//! simulator over a disk that fails on command, and both run this same code.
//!
//! ```text
//! Participant ──effects──► Keeper ──rows, records──► Store        while running
//! Store ──Recovered──► restart ──State, past──► Participant       at start
//! Reader ──► answer, snapshots ──► peers                          at any time
//! ```
//! Read [`restart`] first (the order of recovery), then [`Keeper`] (the durable half of a host).

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod answer;
pub mod archive;
pub mod keeper;
pub mod restart;
pub mod retention;
pub mod snapshots;
pub mod stored;
pub mod verify;

pub use answer::stored_answer;
pub use keeper::{Keeper, committee_of, epoch_commit};
pub use restart::{KnownFork, RestartError};
pub use retention::{Compaction, Removed};
pub use stored::StoredResult;
