//! What makes a subnet this subnet.
//!
//! The subnet id is the hash of the canonical manifest, so there is no registrar: who has the
//! manifest has the subnet. `docs/spec/manifest.md` tells every field with its unit and bounds.

mod encoding;
mod rules;

pub use rules::Violation;

use crate::Rao;
use crate::codec::{Canonical, DecodeError};
use crate::ids::{Coldkey, CutId, Digest, Hotkey, SubnetId};
use crate::registry::RegistrySource;
use crate::sign::tagged_hash;

/// What a participant does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Draws tasks, scores answers, sets weights; with stake, votes.
    Validator,
    /// Runs a model and answers tasks.
    Miner,
}

impl Role {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Validator => 1,
            Self::Miner => 2,
        }
    }

    /// The role of a number.
    ///
    /// # Errors
    /// Refuses all but 1 and 2.
    pub fn from_number(number: u32) -> Result<Self, DecodeError> {
        match number {
            1 => Ok(Self::Validator),
            2 => Ok(Self::Miner),
            _ => Err(DecodeError::field("role", "must be 1 (validator) or 2 (miner)")),
        }
    }

    /// The word for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validator => "validator",
            Self::Miner => "miner",
        }
    }
}

/// Phases and timeouts as thousandths of the epoch length. Positions count from the start of the
/// window (the local decision of the epoch before, or genesis).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phases {
    /// Output commitments count until here.
    pub commit_deadline: u16,
    /// Output batches are sent this much after the commit deadline.
    pub margin: u16,
    /// Weights are published here.
    pub weights: u16,
    /// Shortest window, when an epoch was decided late.
    pub least_window: u16,
    /// Wait for further lists and items once enough are held.
    pub grace: u16,
    /// Timeout of a proposal.
    pub propose: u16,
    /// Timeout of prevotes and of precommits.
    pub vote: u16,
    /// Growth of each timeout per round.
    pub delta: u16,
}

impl Default for Phases {
    fn default() -> Self {
        Self {
            commit_deadline: 350,
            margin: 50,
            weights: 600,
            least_window: 650,
            grace: 20,
            propose: 100,
            vote: 50,
            delta: 50,
        }
    }
}

/// When things happen in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Epoch length in milliseconds.
    pub epoch_ms: u64,
    /// Phases of an epoch.
    pub phases: Phases,
}

/// What miners are asked and how answers are scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSpec {
    /// Task type, such as `digits`.
    pub task_type: String,
    /// Scorer the validators run, such as `digits-scorer`.
    pub scorer: String,
    /// Tasks per validator and round.
    pub batch_size: u32,
    /// EMA factor of a new score, millionths.
    pub alpha: u32,
    /// Weights are proportional to score to this power.
    pub score_power: u32,
    /// Whether honest miners give equal answers; else equal answers share one score.
    pub equal_answers_expected: bool,
}

impl Default for TaskSpec {
    /// The built-in task.
    fn default() -> Self {
        Self {
            task_type: "digits".into(),
            scorer: "digits-scorer".into(),
            batch_size: 64,
            alpha: 100_000,
            score_power: 2,
            equal_answers_expected: true,
        }
    }
}

/// Hyperparameters by Bittensor's names. The block of every rule is the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hyperparameters {
    /// Emission budget per epoch.
    pub emission: Rao,
    /// Majority ratio, /65535.
    pub kappa: u16,
    /// Yuma3 bonds, else Yuma2.
    pub yuma3_enabled: bool,
    /// Liquid alpha, with Yuma3 only.
    pub liquid_alpha_enabled: bool,
    /// Lower bound of liquid alpha, /65535.
    pub alpha_low: u16,
    /// Upper bound of liquid alpha, /65535.
    pub alpha_high: u16,
    /// Steepness of liquid alpha.
    pub alpha_sigmoid_steepness: i16,
    /// Moving average of bonds, millionths.
    pub bonds_moving_avg: u64,
    /// Penalty of out-of-consensus bonds, /65535.
    pub bonds_penalty: u16,
    /// Epochs after which a validator that sets no weights counts nothing.
    pub activity_cutoff: u64,
    /// Stake below this counts nothing.
    pub stake_threshold: Rao,
    /// Validator permits.
    pub max_validators: u16,
    /// Participants.
    pub max_allowed_uids: u16,
    /// Fewest entries of a row of weights.
    pub min_allowed_weights: u16,
    /// Largest share of one weight in its row, /65535.
    pub max_weights_limit: u16,
    /// Hidden weights.
    pub commit_reveal_weights_enabled: bool,
    /// Whether new participants may register.
    pub registration_allowed: bool,
    /// Registrations one epoch takes.
    pub max_registrations_per_epoch: u16,
    /// Expected hashes of a registration, at rest.
    pub min_difficulty: u64,
    /// Upper bound of the difficulty.
    pub max_difficulty: u64,
    /// Balance and stake of an account that may send operations.
    pub min_balance: Rao,
    /// Epochs beyond the next one in which a hidden row may still be shown.
    pub reveal_grace: u16,
    /// Epochs from one row or commit of a validator to its next.
    pub weights_rate_limit: u64,
    /// Epochs after its registration in which a uid is replaced only if no other can be.
    pub immunity_period: u64,
    /// Non-immune uids that stay: with no more of them an immune one is replaced.
    pub min_non_immune_uids: u16,
    /// Price of a registration by burn, at rest.
    pub min_burn: Rao,
    /// Upper bound of that price.
    pub max_burn: Rao,
    /// Epochs that unstaked amounts wait, still slashable; 0 for none.
    pub unbonding_epochs: u64,
    /// What equivocation costs of the stake, /65535.
    pub slash_fraction: u16,
    /// Epochs between the approval of a revision and its first epoch.
    pub revision_delay: u64,
}

impl Default for Hyperparameters {
    /// Bittensor's defaults for a new subnet; spans in blocks are divided by 360 and rounded up.
    fn default() -> Self {
        Self {
            emission: Rao::new(100 * Rao::PER_UNIT),
            kappa: 32_767,
            yuma3_enabled: true,
            liquid_alpha_enabled: false,
            alpha_low: 45_875,
            alpha_high: 58_982,
            alpha_sigmoid_steepness: 1_000,
            bonds_moving_avg: 900_000,
            bonds_penalty: 65_535,
            activity_cutoff: 14,
            stake_threshold: Rao::ZERO,
            max_validators: 64,
            max_allowed_uids: 256,
            min_allowed_weights: 1,
            max_weights_limit: 65_535,
            commit_reveal_weights_enabled: true,
            registration_allowed: true,
            max_registrations_per_epoch: 8,
            min_difficulty: 10_000_000,
            max_difficulty: 1 << 62,
            min_balance: Rao::new(Rao::PER_UNIT / 1_000),
            reveal_grace: 1,
            weights_rate_limit: 1,
            immunity_period: 14,
            min_non_immune_uids: 10,
            min_burn: Rao::new(500_000),
            max_burn: Rao::new(100 * Rao::PER_UNIT),
            unbonding_epochs: 100,
            slash_fraction: 3_277,
            revision_delay: 10,
        }
    }
}

/// A participant the subnet begins with; its uid is its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisParticipant {
    /// Signs work.
    pub hotkey: Hotkey,
    /// Owns the stake.
    pub coldkey: Coldkey,
    /// What it does.
    pub role: Role,
    /// Above zero for a validator, zero for a miner.
    pub stake: Rao,
    /// Tail of a validator's task-seed chain.
    pub seed_tail: Option<Digest>,
}

/// Everything that makes a subnet this subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// For people, 1 to 64 printable ASCII characters.
    pub name: String,
    /// Makes two subnets of equal settings different.
    pub salt: [u8; 16],
    /// When the first window opens, unix milliseconds.
    pub genesis_time: u64,
    /// Epoch length in milliseconds.
    pub epoch_ms: u64,
    /// Phases of an epoch.
    pub phases: Phases,
    /// The task.
    pub task: TaskSpec,
    /// The rules' numbers.
    pub hyperparameters: Hyperparameters,
    /// Genesis participants, uid by position.
    pub participants: Vec<GenesisParticipant>,
    /// Genesis balances, strictly rising by coldkey.
    pub accounts: Vec<(Coldkey, Rao)>,
    /// Receives the owner part of each emission.
    pub owner: Option<Coldkey>,
    /// Cut of the subnet that this one restarts.
    pub parent: Option<CutId>,
    /// The chain that registers participants; `None` for the subnet's own ledger.
    pub registry: Option<RegistrySource>,
}

impl Manifest {
    /// The subnet's name among machines.
    #[must_use]
    pub fn subnet_id(&self) -> SubnetId {
        SubnetId::new(*tagged_hash("ganglion/subnet", &[&self.to_bytes()]).as_bytes())
    }

    /// When things happen at genesis.
    #[must_use]
    pub const fn timing(&self) -> Timing {
        Timing { epoch_ms: self.epoch_ms, phases: self.phases }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::sign::hotkey_of;

    pub(super) fn manifest() -> Manifest {
        let key = |byte| hotkey_of(&SigningKey::from_bytes(&[byte; 32]));
        let coldkey = Coldkey::new(*key(9).as_bytes());
        let participant = |byte, role| GenesisParticipant {
            hotkey: key(byte),
            coldkey,
            role,
            stake: if role == Role::Validator { Rao::new(5) } else { Rao::ZERO },
            seed_tail: (role == Role::Validator).then_some(Digest::new([1; 32])),
        };
        Manifest {
            name: "test".into(),
            salt: [3; 16],
            genesis_time: 1_790_000_000_000,
            epoch_ms: 10_000,
            phases: Phases::default(),
            task: TaskSpec::default(),
            hyperparameters: Hyperparameters::default(),
            participants: vec![participant(1, Role::Validator), participant(2, Role::Miner)],
            accounts: vec![(coldkey, Rao::new(7))],
            owner: None,
            parent: None,
            registry: None,
        }
    }
}
