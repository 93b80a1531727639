//! Keeps what must survive a crash.
//!
//! It takes bytes and gives bytes back: what an item, a vote or a ledger row means is decided above. It reads no clock,
//! draws no entropy and spawns no thread of its own beyond the one that opens sled.
//!
//! Read [`Store`] first (one data directory, one writer), then [`Recovered`] (what a restart finds), then [`Reader`] (any
//! thread). The files are [`certificate_log`], [`agreement_log`] and [`watermark`]; the bytes of all of them are in
//! `docs/spec/storage.md`.
//!
//! ```text
//!               driver thread                          other threads (HTTP, peers)
//!                     │                                          │
//!                   Store ───────────── gives ───────────────► Reader
//!    ┌───────────┬────┴──────┬──────────────┐                    │ only what is durable
//!    ▼           ▼           ▼              ▼                    ▼
//!  watermark  agreement  certificates-n  tables ◄──────────────┘
//!    └───────────┴─── Disk ──┘              └ Backend: sled, or memory over a Disk
//! ```
//!
//! # Tables
//! All in one sled tree, so that one batch is atomic over all of them. Keys begin with the table's byte; numbers are
//! big-endian. The schema number is 1 ([`SCHEMA`]).
//!
//! | byte | table | key | value |
//! |---|---|---|---|
//! | 00 | meta | name | `schema` u32, `subnet` 32 bytes, `applied` u64, `item-seq` u64, `state-sum` u64 and 16 bytes |
//! | 01 | state | caller's table u8, key | ledger row |
//! | 02 | cuts | epoch u64 | encoded cut |
//! | 03 | certificates | epoch u64 | encoded certificate |
//! | 04 | epochs | epoch u64 | number of result rows u32 |
//! | 05 | results | epoch u64, uid u16 | result row |
//! | 06, 07 | items | id; epoch u64, id | epoch u64, item; size u64 |
//! | 08, 09 | lists | digest; epoch u64, digest | epoch u64, list body; size u64 |
//! | 0a, 0b | blobs | digest; epoch u64, digest | epoch u64, blob; size u64 |
//! | 0c | peers | hotkey | expiry u64, signed record |
//! | 0d | local | name | value of this node's own |
//! | 0e | committees by epoch | epoch u64 | committee that certifies it |
//! | 18 | committees | committee root | encoded members |
//! | f0 | (pieces) | whole key, number u32 | piece of a value over 6 KiB |
//! | f1 | (journal) | none | a step too large for one batch |
//!
//! # Invariants
//! - The unit of atomicity is the step: one call that writes. Whatever its size it happens whole or not at all.
//! - What [`Store::commit_epoch`] and [`Store::persist`] have returned `Ok` for survives the loss of power.
//! - The certificate log is ahead of the tables by at most one epoch, never behind.
//! - After a failed write or sync nothing more is written ([`StoreError::Poisoned`]).
//! - Whatever the disk gives back, callers get a value or an error, never a panic and never other bytes than were written.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod aged;
pub mod agreement_log;
pub mod backend;
pub mod certificate_log;
mod codec;
pub mod disk;
mod error;
pub mod faulty;
mod fork_file;
mod frame;
pub mod inspect;
mod kept;
mod lock;
pub mod memory;
mod mend;
mod migrate;
mod open;
mod partial;
mod reader;
mod schema;
mod signing;
mod sled_backend;
pub mod snapshots;
mod store;
mod table;
pub mod watermark;

pub use crate::{
    aged::{BLOBS_BYTES_MAX, ITEMS_BYTES_MAX, LISTS_BYTES_MAX},
    agreement_log::Entry,
    certificate_log::{Compacted, Compactor, Logged, SEGMENT_EPOCHS},
    error::{Damage, OpenError, Part, StoreError},
    fork_file::{FORK_BYTES_MAX, KeptFork},
    inspect::{Contents, PARTS, Sizes, inspect, sizes},
    lock::{DirectoryLock, Holder},
    mend::{BALLAST_BYTES, LogState, Mended, Workshop, quarantine},
    partial::{Partial, Piece},
    reader::{PAGE_ROWS_MAX, PeerRow, Reader, ResultRow, StateRow},
    schema::SCHEMA,
    signing::{AdoptError, SigningHistory},
    sled_backend::SledBackend,
    snapshots::SnapshotFiles,
    store::{
        EpochCommit, PEER_BYTES_MAX, PEERS_MAX, Position, Recovered, Standing, StateChange, Store,
    },
    table::{KEY_BYTES_MAX, VALUE_BYTES_MAX},
    watermark::{RoundCut, Watermark},
};
