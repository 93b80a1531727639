//! Which inputs count: byzantine agreement on one cut per epoch.
//!
//! [`Engine`] wraps the BFT core so that nothing of it shows: plain calls in, an ordered list of
//! [`Output`]s out. [`inclusion`] says what a cut must hold, [`proposer`] whose turn it is. The
//! protocol, with its argument for safety and liveness, is `docs/spec/agreement.md`.
//!
//! Fault bound: members with less than 1/3 of stake may do anything. Then no two cuts are
//! certified for one epoch, whatever the network does, and one is certified once the network is
//! timely and members with more than 2/3 of stake find a common cut valid. With 1/3 or more the
//! subnet may halt; with 1/3 or more signing twice it may fork, which two certificates prove.
//!
//! ```text
//!              ┌──────────── start(epoch, previous cut, committee, log) ───────────┐
//!              ▼                                                                   │
//!  RoundStarted ─ Build ► propose() ─┐                                             │
//!      ▲      └── (others) ──────────┴► Judge ► judged() ► prevote ► precommit ► Decided
//!      └───────────── timeout(), round certificate ◄────────┴──────────┘
//! ```
//! Every answer is `Log*, Sync, everything else`: what a message promises is durable before it
//! leaves.

mod checks;
mod context;
mod convert;
mod effects;
mod engine;
pub mod inclusion;
mod output;
pub mod proposer;
mod running;
mod wal;

pub use checks::ROUNDS_AHEAD;
pub use engine::{Engine, EngineConfig, EpochStart};
pub use output::{
    Decision, EngineError, Equivocation, Ignored, Output, Received, Step, Timeouts, Timer,
    TimerKind, Watermark,
};
