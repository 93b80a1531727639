//! The life of one participant, from task to certificate.
//!
//! This crate refuses to do IO, to read a clock or to draw randomness: [`Participant::step`] takes an
//! [`Input`] with the time of both clocks and gives [`Effect`]s, which [`runner::Runner`] carries out
//! in order over one [`runner::Host`].
//!
//! Read first: [`participant`] (the states), [`effect`] (what comes out), [`close`] (how an epoch
//! ends), [`voting`] (who may sign).
//!
//! Effect order: what is logged and synced stands before what is sent, and the runner stops at the
//! first durable effect that fails. What survives a restart: the certified state, the agreement log
//! and watermark of the height in progress, reserved item numbers, the validator's moving averages.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::as_conversions)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod arrival;
pub mod behaviour;
pub mod close;
pub mod differences;
pub mod divergence;
pub mod effect;
pub mod evidence;
pub mod fetch;
pub mod hidden;
pub mod input;
pub mod intake;
pub mod participant;
pub mod pool;
pub mod runner;
pub mod schedule;
pub mod scores;
pub mod sync;
pub mod tasks;
pub mod voting;
mod work;

pub use behaviour::{Behaviour, Twice};
pub use effect::{
    Certified, Commit, Disagreement, Effect, Following, Halt, MinerScore, Phase, Report, Spoken,
    Stranded, Timer, Verdict,
};
pub use input::{
    AnswerToken, AskId, Caller, Channel, Feedback, GossipToken, Input, Job, JobId, Response,
    Standing, Ticket,
};
pub use intake::Rejection;
pub use participant::{Config, Participant};
pub use schedule::{Now, Schedule};
pub use voting::Recovered;
