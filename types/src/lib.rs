//! The nouns and units every other crate speaks.
#![allow(missing_docs)]
/// Generated wire types.
pub mod proto { include!(concat!(env!("OUT_DIR"), "/ganglion.v1.rs")); }
