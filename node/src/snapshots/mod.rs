//! Joining by a snapshot, and the cut that is trusted for it. What snapshots are is in
//! [`ganglion_persist::snapshots`], whose names are here too.

pub mod join;

pub use ganglion_persist::snapshots::{
    BadSnapshot, Checkpoint, Loaded, commit_of, keep, load, make,
};
