//! What makes a subnet this subnet.
//!
//! The subnet id is the hash of the canonical manifest, so there is no registrar: who has the
//! manifest has the subnet. `docs/spec/manifest.md` tells every field with its unit and bounds.

use std::collections::BTreeSet;

use crate::codec::{self, Canonical, DecodeError};
use crate::ids::{Coldkey, CutId, Digest, Hotkey, SubnetId};
use crate::sign::{is_sound_key, tagged_hash};
use crate::{PROTOCOL_VERSION, Rao, limits, proto};

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
            commit_reveal_weights_enabled: false,
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
}

/// A manifest rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `hyperparameters.kappa` or `participants[3].stake`.
    pub field: String,
    /// The rule.
    pub rule: String,
    /// What to do.
    pub cure: String,
}

impl Manifest {
    /// The subnet's name among machines.
    #[must_use]
    pub fn subnet_id(&self) -> SubnetId {
        SubnetId::new(*tagged_hash("ganglion/subnet", &[&self.to_bytes()]).as_bytes())
    }

    /// Every rule that the manifest breaks, in field order; none if it can be run.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        self.check_head(&mut found);
        self.check_task(&mut found);
        self.check_parameters(&mut found);
        self.check_participants(&mut found);
        self.check_supply(&mut found);
        found
    }

    /// The rules that hyperparameters, epoch length and phases break, whoever takes part: what a
    /// revision must hold to as well.
    #[must_use]
    pub fn parameter_violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        self.check_parameters(&mut found);
        found
    }

    fn check_parameters(&self, found: &mut Vec<Violation>) {
        if !(2_000..=86_400_000).contains(&self.epoch_ms) {
            let cure = "use 10s for a testnet, 20m for a real one";
            reject(found, "epoch_length", "must be 2 s to 24 h", cure);
        }
        self.check_phases(found);
        self.check_hyperparameters(found);
        self.check_spans(found);
        self.check_registration(found);
        self.check_stake(found);
    }

    /// When things happen at genesis.
    #[must_use]
    pub const fn timing(&self) -> Timing {
        Timing { epoch_ms: self.epoch_ms, phases: self.phases }
    }

    fn check_head(&self, found: &mut Vec<Violation>) {
        let printable = |c: char| c.is_ascii_graphic() || c == ' ';
        if !(1..=64).contains(&self.name.len()) || !self.name.chars().all(printable) {
            reject(found, "name", "must be 1 to 64 printable ASCII characters", "shorten it");
        }
        // The year 2200: later times overflow nothing, but are surely wrong.
        if self.genesis_time == 0 || self.genesis_time > 7_258_118_400_000 {
            reject(found, "genesis_time", "must be a time before the year 2200", "give a new one");
        }
    }

    fn check_phases(&self, found: &mut Vec<Violation>) {
        let phases = &self.phases;
        let batches = phases.commit_deadline.saturating_add(phases.margin);
        if phases.commit_deadline < 50 || phases.margin < 10 {
            let cure = "use 350 and 50";
            reject(found, "phases.commit_deadline", "must be at least 50, margin 10", cure);
        }
        if phases.weights <= batches {
            let rule = "must lie after commit_deadline + margin, to leave time for scoring";
            reject(found, "phases.weights", rule, "raise it, e.g. to 600");
        }
        if phases.least_window <= phases.weights || phases.least_window > 950 {
            let cure = "raise it above phases.weights, e.g. to 650";
            reject(found, "phases.least_window", "must lie after weights, at most 950", cure);
        }
        for (field, value) in [
            ("phases.propose", phases.propose),
            ("phases.vote", phases.vote),
            ("phases.delta", phases.delta),
        ] {
            if !(5..=500).contains(&value) {
                reject(found, field, "must be 5 to 500 thousandths", "use the default");
            }
        }
        if phases.grace > 200 {
            reject(found, "phases.grace", "must be at most 200 thousandths", "use 20");
        }
    }

    fn check_task(&self, found: &mut Vec<Violation>) {
        let task = &self.task;
        let word = |text: &str| {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            (1..=64).contains(&text.len()) && text.chars().all(fits)
        };
        if !word(&task.task_type) {
            reject(found, "task.type", "must be 1 to 64 of a-z, 0-9 and -", "use digits");
        }
        if !word(&task.scorer) {
            reject(found, "task.scorer", "must be 1 to 64 of a-z, 0-9 and -", "use digits-scorer");
        }
        let batch = usize::try_from(task.batch_size).unwrap_or(usize::MAX);
        if !(1..=limits::BATCH_TASKS).contains(&batch) {
            reject(found, "task.batch_size", "must be 1 to 1024", "use 64");
        }
        if !(1..=1_000_000).contains(&task.alpha) {
            let cure = "use 100000, that is 0.1";
            reject(found, "task.alpha", "must be 1 to 1000000 millionths", cure);
        }
        if !(1..=8).contains(&task.score_power) {
            reject(found, "task.score_power", "must be 1 to 8", "use 2");
        }
    }

    fn check_hyperparameters(&self, found: &mut Vec<Violation>) {
        let h = &self.hyperparameters;
        let mut check = |holds: bool, field: &str, rule: &str, cure: &str| {
            if !holds {
                reject(found, &format!("hyperparameters.{field}"), rule, cure);
            }
        };
        let emission_max = Rao::new(1_000_000 * Rao::PER_UNIT);
        check(h.emission <= emission_max, "emission", "must be at most 1000000 units", "lower it");
        check(
            h.bonds_moving_avg <= 975_000,
            "bonds_moving_avg",
            "must be at most 975000 millionths",
            "use 900000",
        );
        check(
            h.alpha_low <= h.alpha_high,
            "alpha_low",
            "must not be above alpha_high",
            "use 45875 and 58982",
        );
        check(
            h.alpha_sigmoid_steepness >= 0,
            "alpha_sigmoid_steepness",
            "must not be negative",
            "use 1000",
        );
        check(h.activity_cutoff >= 1, "activity_cutoff", "must be at least 1 epoch", "use 14");
        let committee = u16::try_from(limits::COMMITTEE).unwrap_or(u16::MAX);
        check(
            (1..=committee).contains(&h.max_validators) && h.max_validators <= h.max_allowed_uids,
            "max_validators",
            "must be 1 to 256 and at most max_allowed_uids",
            "use 64",
        );
        let uids = u16::try_from(limits::UIDS).unwrap_or(u16::MAX);
        check(
            (1..=uids).contains(&h.max_allowed_uids),
            "max_allowed_uids",
            "must be 1 to 4096",
            "use 256",
        );
        check(
            h.max_weights_limit >= 1,
            "max_weights_limit",
            "must be at least 1",
            "use 65535 for no limit",
        );
    }

    fn check_spans(&self, found: &mut Vec<Violation>) {
        let h = &self.hyperparameters;
        let mut check = |holds: bool, field: &str, rule: &str, cure: &str| {
            if !holds {
                reject(found, &format!("hyperparameters.{field}"), rule, cure);
            }
        };
        check((1..=3).contains(&h.reveal_grace), "reveal_grace", "must be 1 to 3 epochs", "use 1");
        check(
            (1..=1_000).contains(&h.weights_rate_limit),
            "weights_rate_limit",
            "must be 1 to 1000 epochs",
            "use 1",
        );
    }

    fn check_registration(&self, found: &mut Vec<Violation>) {
        let h = &self.hyperparameters;
        let mut check = |holds: bool, field: &str, rule: &str, cure: &str| {
            if !holds {
                reject(found, &format!("hyperparameters.{field}"), rule, cure);
            }
        };
        check(
            h.max_registrations_per_epoch <= 64,
            "max_registrations_per_epoch",
            "must be at most 64",
            "use 8",
        );
        check(
            (1..=1 << 62).contains(&h.min_difficulty),
            "min_difficulty",
            "must be 1 to 2^62 hashes",
            "use 10000000: about 2 s of one core",
        );
        check(
            (h.min_difficulty..=1 << 62).contains(&h.max_difficulty),
            "max_difficulty",
            "must be min_difficulty to 2^62 hashes",
            "use 4611686018427387904",
        );
        check(
            h.immunity_period <= 100_000,
            "immunity_period",
            "must be at most 100000 epochs",
            "use 14",
        );
        check(
            h.min_non_immune_uids <= 4_096,
            "min_non_immune_uids",
            "must be at most 4096",
            "use 10",
        );
        let burn_max = Rao::new(1_000_000 * Rao::PER_UNIT);
        check(
            (Rao::new(1)..=burn_max).contains(&h.min_burn),
            "min_burn",
            "must be 1 rao to 1000000 units",
            "use 0.0005",
        );
        check(
            (h.min_burn..=burn_max).contains(&h.max_burn),
            "max_burn",
            "must be min_burn to 1000000 units",
            "use 100",
        );
    }

    fn check_stake(&self, found: &mut Vec<Violation>) {
        let h = &self.hyperparameters;
        let mut check = |holds: bool, field: &str, rule: &str, cure: &str| {
            if !holds {
                reject(found, &format!("hyperparameters.{field}"), rule, cure);
            }
        };
        check(
            h.unbonding_epochs <= 100_000,
            "unbonding_epochs",
            "must be at most 100000 epochs",
            "use 100",
        );
        check(
            (2..=100_000).contains(&h.revision_delay),
            "revision_delay",
            "must be 2 to 100000 epochs",
            "use 10",
        );
    }

    fn check_participants(&self, found: &mut Vec<Violation>) {
        let many = self.participants.len();
        if many > usize::from(self.hyperparameters.max_allowed_uids) {
            let rule = "must not be more than hyperparameters.max_allowed_uids";
            reject(found, "participants", rule, "raise the limit or remove some");
        }
        let mut hotkeys = BTreeSet::new();
        let mut validators: usize = 0;
        for (uid, one) in self.participants.iter().enumerate() {
            let mut bad = |field: &str, rule: &str, cure: &str| {
                reject(found, &format!("participants[{uid}].{field}"), rule, cure);
            };
            if !hotkeys.insert(one.hotkey) {
                bad("hotkey", "must not occur twice", "give each participant a hotkey of its own");
            }
            if !is_sound_key(one.hotkey.as_bytes()) {
                bad("hotkey", "must be a sound ed25519 key", "use an address of `ganglion keys`");
            }
            if !is_sound_key(one.coldkey.as_bytes()) {
                bad("coldkey", "must be a sound ed25519 key", "use an address of `ganglion keys`");
            }
            match one.role {
                Role::Validator => {
                    validators = validators.saturating_add(1);
                    if one.stake.is_zero() {
                        bad("stake", "must be above 0 for a validator", "give it stake");
                    }
                    if one.seed_tail.is_none() {
                        let cure = "take the tail that `ganglion keys seed-tail` prints";
                        bad("seed_tail", "must be given for a validator", cure);
                    }
                }
                Role::Miner => {
                    if !one.stake.is_zero() || one.seed_tail.is_some() {
                        bad("stake", "and seed_tail are for validators only", "remove them");
                    }
                }
            }
        }
        let seats = usize::from(self.hyperparameters.max_validators);
        if !(1..=seats).contains(&validators) {
            let rule = "must hold 1 to hyperparameters.max_validators validators";
            reject(found, "participants", rule, "add a [[validator]] table or raise the limit");
        }
    }

    fn check_supply(&self, found: &mut Vec<Violation>) {
        let cure = "use an address of `ganglion keys`";
        if self.owner.is_some_and(|owner| !is_sound_key(owner.as_bytes())) {
            reject(found, "owner", "must be a sound ed25519 key", cure);
        }
        for (coldkey, _) in self.accounts.iter().filter(|one| !is_sound_key(one.0.as_bytes())) {
            reject(found, "accounts", &format!("hold {coldkey}, no sound ed25519 key"), cure);
        }
        if !self.accounts.is_sorted_by(|a, b| a.0 < b.0) {
            reject(found, "accounts", "must not name a coldkey twice", "add up its balances");
        }
        let amounts = self.participants.iter().map(|one| one.stake);
        let mut all = amounts.chain(self.accounts.iter().map(|account| account.1));
        let supply = all.try_fold(Rao::ZERO, Rao::checked_add);
        if supply.is_none_or(|supply| supply >= Rao::SUPPLY_MAX) {
            let rule = "of stakes and balances must stay below 4611686018 units in all";
            reject(found, "supply", rule, "lower the genesis stakes and balances");
        }
    }
}

fn reject(found: &mut Vec<Violation>, field: &str, rule: &str, cure: &str) {
    found.push(Violation { field: field.into(), rule: rule.into(), cure: cure.into() });
}

impl Canonical for Manifest {
    type Proto = proto::Manifest;

    fn to_proto(&self) -> proto::Manifest {
        let participants = self.participants.iter().map(|one| proto::GenesisParticipant {
            hotkey: one.hotkey.as_bytes().to_vec(),
            coldkey: one.coldkey.as_bytes().to_vec(),
            role: one.role.number(),
            stake: one.stake.get(),
            seed_tail: one.seed_tail.map(|tail| tail.as_bytes().to_vec()).unwrap_or_default(),
        });
        let accounts = self.accounts.iter().map(|(coldkey, balance)| proto::GenesisAccount {
            coldkey: coldkey.as_bytes().to_vec(),
            balance: balance.get(),
        });
        proto::Manifest {
            version: PROTOCOL_VERSION,
            name: self.name.clone(),
            salt: self.salt.to_vec(),
            genesis_time: self.genesis_time,
            epoch_ms: self.epoch_ms,
            phases: Some(self.phases.to_proto()),
            task: Some(self.task.to_proto()),
            hyperparameters: Some(self.hyperparameters.to_proto()),
            participants: participants.collect(),
            accounts: accounts.collect(),
            owner: self.owner.map(|key| key.as_bytes().to_vec()).unwrap_or_default(),
            parent: self.parent.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
        }
    }

    fn from_proto(proto: proto::Manifest) -> Result<Self, DecodeError> {
        if proto.version != PROTOCOL_VERSION {
            return Err(DecodeError::field("version", "must be 1"));
        }
        let participants = proto.participants.into_iter().map(|one| {
            Ok(GenesisParticipant {
                hotkey: codec::hash32("hotkey", &one.hotkey, Hotkey::new)?,
                coldkey: codec::hash32("coldkey", &one.coldkey, Coldkey::new)?,
                role: Role::from_number(one.role)?,
                stake: Rao::new(one.stake),
                seed_tail: optional("seed_tail", &one.seed_tail, Digest::new)?,
            })
        });
        let accounts = proto.accounts.into_iter().map(|one| {
            let coldkey = codec::hash32("coldkey", &one.coldkey, Coldkey::new)?;
            Ok((coldkey, Rao::new(one.balance)))
        });
        let missing = |field| DecodeError::field(field, "is missing");
        Ok(Self {
            name: proto.name,
            salt: proto
                .salt
                .try_into()
                .map_err(|_| DecodeError::field("salt", "must be 16 bytes"))?,
            genesis_time: proto.genesis_time,
            epoch_ms: proto.epoch_ms,
            phases: Phases::from_proto(proto.phases.ok_or(missing("phases"))?)?,
            task: TaskSpec::from_proto(proto.task.ok_or(missing("task"))?),
            hyperparameters: Hyperparameters::from_proto(
                proto.hyperparameters.ok_or(missing("hyperparameters"))?,
            )?,
            participants: participants.collect::<Result<_, DecodeError>>()?,
            accounts: accounts.collect::<Result<_, DecodeError>>()?,
            owner: optional("owner", &proto.owner, Coldkey::new)?,
            parent: optional("parent", &proto.parent, CutId::new)?,
        })
    }
}

fn optional<T>(
    field: &'static str,
    bytes: &[u8],
    wrap: impl FnOnce([u8; 32]) -> T,
) -> Result<Option<T>, DecodeError> {
    if bytes.is_empty() { Ok(None) } else { codec::hash32(field, bytes, wrap).map(Some) }
}

impl Phases {
    /// The published message.
    #[must_use]
    pub fn to_proto(self) -> proto::Phases {
        proto::Phases {
            commit_deadline: self.commit_deadline.into(),
            margin: self.margin.into(),
            weights: self.weights.into(),
            least_window: self.least_window.into(),
            grace: self.grace.into(),
            propose: self.propose.into(),
            vote: self.vote.into(),
            delta: self.delta.into(),
        }
    }

    /// Takes the message apart.
    ///
    /// # Errors
    /// Names a field that does not fit 16 bits.
    pub fn from_proto(proto: proto::Phases) -> Result<Self, DecodeError> {
        Ok(Self {
            commit_deadline: codec::u16_field("commit_deadline", proto.commit_deadline)?,
            margin: codec::u16_field("margin", proto.margin)?,
            weights: codec::u16_field("weights", proto.weights)?,
            least_window: codec::u16_field("least_window", proto.least_window)?,
            grace: codec::u16_field("grace", proto.grace)?,
            propose: codec::u16_field("propose", proto.propose)?,
            vote: codec::u16_field("vote", proto.vote)?,
            delta: codec::u16_field("delta", proto.delta)?,
        })
    }
}

impl TaskSpec {
    fn to_proto(&self) -> proto::Task {
        proto::Task {
            r#type: self.task_type.clone(),
            scorer: self.scorer.clone(),
            batch_size: self.batch_size,
            alpha: self.alpha,
            score_power: self.score_power,
            equal_answers_expected: self.equal_answers_expected,
        }
    }

    fn from_proto(proto: proto::Task) -> Self {
        Self {
            task_type: proto.r#type,
            scorer: proto.scorer,
            batch_size: proto.batch_size,
            alpha: proto.alpha,
            score_power: proto.score_power,
            equal_answers_expected: proto.equal_answers_expected,
        }
    }
}

impl Hyperparameters {
    /// The published message.
    #[must_use]
    pub fn to_proto(self) -> proto::Hyperparameters {
        proto::Hyperparameters {
            emission: self.emission.get(),
            kappa: self.kappa.into(),
            yuma3_enabled: self.yuma3_enabled,
            liquid_alpha_enabled: self.liquid_alpha_enabled,
            alpha_low: self.alpha_low.into(),
            alpha_high: self.alpha_high.into(),
            alpha_sigmoid_steepness: self.alpha_sigmoid_steepness.into(),
            bonds_moving_avg: self.bonds_moving_avg,
            bonds_penalty: self.bonds_penalty.into(),
            activity_cutoff: self.activity_cutoff,
            stake_threshold: self.stake_threshold.get(),
            max_validators: self.max_validators.into(),
            max_allowed_uids: self.max_allowed_uids.into(),
            min_allowed_weights: self.min_allowed_weights.into(),
            max_weights_limit: self.max_weights_limit.into(),
            commit_reveal_weights_enabled: self.commit_reveal_weights_enabled,
            registration_allowed: self.registration_allowed,
            max_registrations_per_epoch: self.max_registrations_per_epoch.into(),
            min_difficulty: self.min_difficulty,
            max_difficulty: self.max_difficulty,
            min_balance: self.min_balance.get(),
            reveal_grace: self.reveal_grace.into(),
            weights_rate_limit: self.weights_rate_limit,
            immunity_period: self.immunity_period,
            min_non_immune_uids: self.min_non_immune_uids.into(),
            min_burn: self.min_burn.get(),
            max_burn: self.max_burn.get(),
            unbonding_epochs: self.unbonding_epochs,
            slash_fraction: self.slash_fraction.into(),
            revision_delay: self.revision_delay,
        }
    }

    /// Takes the message apart.
    ///
    /// # Errors
    /// Names a field that does not fit 16 bits. Bounds are checked by [`Manifest::violations`].
    pub fn from_proto(proto: proto::Hyperparameters) -> Result<Self, DecodeError> {
        let narrow = codec::u16_field;
        Ok(Self {
            emission: Rao::new(proto.emission),
            kappa: narrow("kappa", proto.kappa)?,
            yuma3_enabled: proto.yuma3_enabled,
            liquid_alpha_enabled: proto.liquid_alpha_enabled,
            alpha_low: narrow("alpha_low", proto.alpha_low)?,
            alpha_high: narrow("alpha_high", proto.alpha_high)?,
            alpha_sigmoid_steepness: i16::try_from(proto.alpha_sigmoid_steepness)
                .map_err(|_| DecodeError::field("alpha_sigmoid_steepness", "must fit 16 bits"))?,
            bonds_moving_avg: proto.bonds_moving_avg,
            bonds_penalty: narrow("bonds_penalty", proto.bonds_penalty)?,
            activity_cutoff: proto.activity_cutoff,
            stake_threshold: Rao::new(proto.stake_threshold),
            max_validators: narrow("max_validators", proto.max_validators)?,
            max_allowed_uids: narrow("max_allowed_uids", proto.max_allowed_uids)?,
            min_allowed_weights: narrow("min_allowed_weights", proto.min_allowed_weights)?,
            max_weights_limit: narrow("max_weights_limit", proto.max_weights_limit)?,
            commit_reveal_weights_enabled: proto.commit_reveal_weights_enabled,
            registration_allowed: proto.registration_allowed,
            max_registrations_per_epoch: narrow(
                "max_registrations_per_epoch",
                proto.max_registrations_per_epoch,
            )?,
            min_difficulty: proto.min_difficulty,
            max_difficulty: proto.max_difficulty,
            min_balance: Rao::new(proto.min_balance),
            reveal_grace: narrow("reveal_grace", proto.reveal_grace)?,
            weights_rate_limit: proto.weights_rate_limit,
            immunity_period: proto.immunity_period,
            min_non_immune_uids: narrow("min_non_immune_uids", proto.min_non_immune_uids)?,
            min_burn: Rao::new(proto.min_burn),
            max_burn: Rao::new(proto.max_burn),
            unbonding_epochs: proto.unbonding_epochs,
            slash_fraction: narrow("slash_fraction", proto.slash_fraction)?,
            revision_delay: proto.revision_delay,
        })
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::sign::hotkey_of;

    fn manifest() -> Manifest {
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
            task: TaskSpec {
                task_type: "digits".into(),
                scorer: "digits-scorer".into(),
                batch_size: 64,
                alpha: 100_000,
                score_power: 2,
                equal_answers_expected: true,
            },
            hyperparameters: Hyperparameters::default(),
            participants: vec![participant(1, Role::Validator), participant(2, Role::Miner)],
            accounts: vec![(coldkey, Rao::new(7))],
            owner: None,
            parent: None,
        }
    }

    #[test]
    fn the_id_is_of_every_field() {
        let manifest = manifest();
        assert_eq!(manifest.violations(), []);
        let same = Manifest::from_bytes(&manifest.to_bytes(), 1 << 20).unwrap();
        assert_eq!(same.subnet_id(), manifest.subnet_id());
        let other = Manifest { salt: [4; 16], ..manifest.clone() };
        assert_ne!(other.subnet_id(), manifest.subnet_id());
    }

    #[test]
    fn broken_rules_are_named_with_their_field() {
        let mut bad = manifest();
        bad.epoch_ms = 1_000;
        bad.hyperparameters.max_validators = 0;
        bad.hyperparameters.reveal_grace = 4;
        bad.hyperparameters.weights_rate_limit = 0;
        bad.hyperparameters.unbonding_epochs = 100_001;
        bad.participants[1].hotkey = bad.participants[0].hotkey;
        bad.accounts[0].1 = Rao::SUPPLY_MAX;
        bad.owner = Some(Coldkey::new([0; 32]));
        bad.accounts.insert(0, (Coldkey::new([0; 32]), Rao::ZERO));
        let fields: Vec<String> = bad.violations().into_iter().map(|one| one.field).collect();
        assert_eq!(
            fields,
            [
                "epoch_length",
                "hyperparameters.max_validators",
                "hyperparameters.reveal_grace",
                "hyperparameters.weights_rate_limit",
                "hyperparameters.unbonding_epochs",
                "participants[1].hotkey",
                "participants",
                "owner",
                "accounts",
                "supply"
            ]
        );
    }
}
