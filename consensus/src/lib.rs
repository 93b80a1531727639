//! Decides which inputs count and computes what they mean.
//!
//! Everything here is a pure function of its arguments: no clock, no entropy, no IO, no floats and
//! no arithmetic that can wrap or panic, because every node of a subnet must reach the same bits.
//!
//! Read first: [`yuma::run`], the epoch function; [`ledger::execute`], the state machine round it;
//! [`agreement::Engine`], which agrees on a cut per epoch.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::as_conversions)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod agreement;
pub mod certificate;
pub mod chain;
pub mod ledger;
pub mod proof;
pub mod yuma;
