//! What crosses this crate's border, held against frozen bytes.

mod frozen;
