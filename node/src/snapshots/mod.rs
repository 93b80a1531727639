//! Joining by a snapshot, and the cut that is trusted for it. What snapshots are is in
//! [`ganglion_persist::snapshots`], whose names are here too.

pub mod checkpoint;
pub mod join;

pub use checkpoint::Checkpoint;
pub use ganglion_persist::snapshots::{BadSnapshot, Loaded, commit_of, keep, load, make};
pub(crate) use ganglion_persist::snapshots::{read_committee, state_of};
