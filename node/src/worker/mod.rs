//! Everything between the node and a model.
//!
//! Every worker, built in or not, is a child process that speaks JSON-RPC 2.0 over its stdin and
//! stdout, one message per line (`docs/spec/worker.md`). A crash, a leak or a hang of a model is
//! therefore never one of the node, and a model may be written in any language.
//!
//! ```text
//!  WorkerHandle --+                       one task per worker            child process
//!  WorkerHandle --+--> CallQueue (256) --> supervise / Session <--stdio--> model
//!  WorkerHandle --+          ^                  |    |
//!                            Busy when full     |    +-- stderr, log --> tracing (bounded rate)
//!                                               +-- watch: WorkerState
//! ```
//! Read [`WorkerHandle`] first, then [`serve::Worker`] for the other side.
//!
//! Bounds: 256 waiting calls, as many in flight as the worker asked for (64 at most), 1 MiB per
//! line, 64 KiB per payload, one line and 16 KiB of unread output, 8 KiB of unread stderr.

mod error;
mod handle;
mod lines;
mod noise;
mod process;
pub mod protocol;
mod queue;
pub mod serve;

pub use error::WorkerError;
pub(crate) use handle::begin_metrics;
pub use handle::{Answer, Limits, MadeTask, SCORE_ONE, WorkerHandle, WorkerSpec, WorkerState};
#[cfg(feature = "fuzzing")]
pub(crate) use handle::{millionths, payload};
pub use protocol::{Caller, Feedback, FieldRow, Health, Role, WorkerInfo};
