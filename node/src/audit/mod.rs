//! Looks behind the roots of an epoch: recomputes it, takes it apart, compares it with another's.
//!
//! ```text
//! store ──bundles──► Replay ──state, result──► stages ──► Dump (file, API) ──compare──► first difference
//! ```

mod dump;
mod replay;
mod report;

pub use dump::{Dump, DumpError, DumpStage};
pub(crate) use dump::{first_difference, missed_root};
pub(crate) use replay::ASK_AN_ARCHIVE;
pub use replay::{AuditError, Replay, Replayed, Verdict, read_epoch, verdict};
