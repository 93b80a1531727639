//! Puts the results of epochs on chains that this subnet does not run.
//!
//! The crate knows cut ids, roots and chains. It never decides what is true about an epoch, holds no certificate,
//! and no epoch ever waits for it: what a chain does late is late on that chain and nowhere else.
//!
//! Read first: [`AnchorPayload`] (what is said), [`Anchor`] (what a chain has to be able to do), [`outbox`]
//! (how every epoch gets there once).
//! Rules and bytes are in `docs/spec/anchors.md`, the reasons in `docs/adr/0009-anchors.md`.
//!
//! Invariants:
//! - a payload names cuts and roots, never a certificate: other signatures for the same decision change no byte of it;
//! - what is submitted was given to the caller before, whole, so that it can be synced first;
//! - every answer comes from the chain as it is now, never from the memory of a backend.
//!
//! ```text
//!   certified cuts ──► AnchorPayload ──► prepare ──(synced)──► submit ──► status ──► final
//!                                            any publisher: find ──► verify
//! ```

mod anchor;
pub mod copies;
pub mod embedded;
mod error;
#[cfg(feature = "evm")]
pub mod evm;
pub mod limits;
mod medium;
pub mod outbox;
mod payload;
#[cfg(feature = "substrate")]
pub mod substrate;

pub use anchor::{
    Anchor, Answer, ChainName, ChainPoint, Finality, Found, Prepared, Publisher, Status, Survey,
    Verified,
};
pub use error::{AnchorError, Reason};
pub use medium::Medium;
pub use outbox::{Outbox, OutboxError};
pub use payload::{
    AnchorPayload, CutHead, MAGIC, PAYLOAD_BYTES, PayloadError, VERSION, range_path, range_root,
};
