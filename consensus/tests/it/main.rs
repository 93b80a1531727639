//! Everything the crate promises, through its public API only.

mod agreement;
