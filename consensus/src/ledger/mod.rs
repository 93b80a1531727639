//! What the items of a cut mean: the state machine that every node runs, epoch by epoch.
//!
//! [`execute`] takes the state after the last cut and the items of the next one, and gives the next
//! state, the epoch's result and the roots that the cut holds. It is total and pure: the same items
//! in any order give the same bits, and what cannot be executed is an error that names the item.
//! `docs/spec/ledger.md` and `docs/spec/operations.md` are the rules.
//!
//! Read first: [`State`], [`execute`], [`admissible`].
//!
//! ```text
//! pool ──select──► list ──► cut: items ──execute──► Executed ──into_state(cut id)──► State
//!          ▲                                          │ roots
//!      admissible(state, item)                        └──► cut
//! ```
//!
//! Invariants, besides those of [`State`]:
//! - supply changes by what was emitted, burned and slashed, checked after each execution;
//! - the id of the cut being built decides nothing and stands in no root.
//!
//! # Deviations
//! From Bittensor: entries of weights and bonds towards a uid that changes hands are removed, where
//! subtensor leaves explicit zeros; a weight on oneself is refused, where Yuma drops it; payments
//! are split to the last rao from Yuma's untruncated shares.

mod admission;
mod commits;
mod committee;
mod epoch;
mod execute;
mod external;
#[cfg(test)]
#[path = "../../tests/fixture/mod.rs"]
mod fixture;
mod former;
mod preflight;
mod receipt;
mod result;
mod revision;
mod rows;
mod select;
mod sizes;
mod split;
pub mod stages;
mod stake;
mod state;

pub use admission::{Inadmissible, NONCE_WINDOW, VALID_AHEAD_MAX, admissible};
pub use commits::{Commit, CommitKey};
pub use committee::{Member, committee_root};
pub use epoch::{Basis, OWNER_CUT, Payout, Share};
pub use execute::{
    DELEGATORS_MAX, ExecuteError, Executed, Roots, TAKE_RAISE_EPOCHS, execute, next_difficulty,
    raised_burn_price,
};
pub use external::External;
pub use former::Former;
pub use preflight::{Preflight, preflight};
pub use receipt::{Failure, Outcome, Receipt};
pub use result::{EpochResult, ResultHeader, ResultRow};
pub use revision::{
    OWNER_DELAY, OWNER_REVISIONS_MAX, REVISION_AHEAD_MAX, REVISION_EPOCHS, REVISIONS_MAX, Revision,
};
pub use rows::{RowDifference, RowKey, StateError, Table};
pub use select::{propose_items, select};
pub use sizes::{CutSize, KindCounts, required};
pub use split::split;
pub use stake::Supply;
pub use state::{Account, Chain, Participant, RECENT_CUTS, State, TAKE_MAX};
