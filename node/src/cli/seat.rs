//! What a hotkey does in a subnet, as flags say it.

use clap::{Args, ValueEnum};
use ganglion_types::{Digest, Role};

use crate::keys::KeyPair;

/// A role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Seat {
    /// Runs a model and answers tasks
    Miner,
    /// Draws tasks, scores answers, sets weights; with stake, votes
    Validator,
}

impl From<Seat> for Role {
    fn from(seat: Seat) -> Self {
        match seat {
            Seat::Miner => Self::Miner,
            Seat::Validator => Self::Validator,
        }
    }
}

/// Which task-seed chain of a validator's hotkey.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct SeedArgs {
    /// Which task-seed chain of a validator's hotkey
    #[arg(long, value_name = "INDEX", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..8))]
    seed_index: u32,
}

impl SeedArgs {
    /// The tail that a validator registers. Takes some 65,536 hashes.
    pub(super) fn tail(self, role: Role, hotkey: &KeyPair) -> Option<Digest> {
        (role == Role::Validator).then(|| hotkey.seed_chain_tail(self.seed_index))
    }
}

/// What stands for that tail as long as the hotkey is locked.
pub(super) fn draft_tail(role: Role) -> Option<Digest> {
    (role == Role::Validator).then_some(Digest::ZERO)
}
