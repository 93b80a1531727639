//! An epoch's input by value, as the vectors write it.

use ganglion_consensus::yuma::{EpochInput, EpochOutput, Hyperparameters, SparseRow};
use serde::{Deserialize, Deserializer};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    pub(crate) n: u16,
    pub(crate) current_block: u64,
    pub(crate) tempo: u16,
    pub(crate) activity_cutoff: u64,
    pub(crate) last_mechanism_step_block: u64,
    pub(crate) last_update: Vec<u64>,
    pub(crate) block_at_registration: Vec<u64>,
    pub(crate) stake: Vec<u64>,
    pub(crate) stake_frac: Option<Vec<u64>>,
    pub(crate) stake_threshold: u64,
    pub(crate) owner_uid: Option<u16>,
    pub(crate) validator_permit: Vec<bool>,
    pub(crate) max_allowed_validators: u16,
    pub(crate) weights: Vec<SparseRow>,
    pub(crate) bonds: Vec<SparseRow>,
    pub(crate) commit_reveal: bool,
    pub(crate) commit_blocks: Option<Vec<u64>>,
    pub(crate) kappa: u16,
    pub(crate) bonds_penalty: u16,
    pub(crate) bonds_moving_average: u64,
    pub(crate) yuma3: bool,
    pub(crate) liquid_alpha: bool,
    pub(crate) alpha_low: u16,
    pub(crate) alpha_high: u16,
    pub(crate) alpha_sigmoid_steepness: i16,
    pub(crate) rao_emission: u64,
}

impl State {
    pub(crate) fn input(&self) -> EpochInput<'_> {
        EpochInput {
            n: self.n,
            current_block: self.current_block,
            last_mechanism_step_block: self.last_mechanism_step_block,
            last_update: &self.last_update,
            block_at_registration: &self.block_at_registration,
            stake: &self.stake,
            stake_frac: self.stake_frac.as_deref(),
            owner_uid: self.owner_uid,
            validator_permit: &self.validator_permit,
            weights: &self.weights,
            bonds: &self.bonds,
            commit_blocks: self.commit_blocks.as_deref().filter(|_| self.commit_reveal),
            rao_emission: self.rao_emission,
            parameters: Hyperparameters {
                tempo: self.tempo,
                activity_cutoff: self.activity_cutoff,
                stake_threshold: self.stake_threshold,
                max_allowed_validators: self.max_allowed_validators,
                kappa: self.kappa,
                bonds_penalty: self.bonds_penalty,
                bonds_moving_average: self.bonds_moving_average,
                yuma3: self.yuma3,
                liquid_alpha: self.liquid_alpha,
                alpha_low: self.alpha_low,
                alpha_high: self.alpha_high,
                alpha_sigmoid_steepness: self.alpha_sigmoid_steepness,
            },
        }
    }

    /// The state that the next epoch begins with.
    pub(crate) fn advance(&mut self, output: &EpochOutput) {
        self.bonds.clone_from(&output.bonds);
        self.validator_permit.clone_from(&output.new_validator_permit);
    }
}

/// Values that replace those of the state before an epoch.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Overrides {
    n: Option<u16>,
    current_block: Option<u64>,
    tempo: Option<u16>,
    activity_cutoff: Option<u64>,
    last_mechanism_step_block: Option<u64>,
    last_update: Option<Vec<u64>>,
    block_at_registration: Option<Vec<u64>>,
    stake: Option<Vec<u64>>,
    stake_frac: Option<Vec<u64>>,
    stake_threshold: Option<u64>,
    #[serde(deserialize_with = "given")]
    owner_uid: Option<Option<u16>>,
    validator_permit: Option<Vec<bool>>,
    max_allowed_validators: Option<u16>,
    weights: Option<Vec<SparseRow>>,
    weights_rows: Option<Vec<(usize, SparseRow)>>,
    bonds: Option<Vec<SparseRow>>,
    bonds_rows: Option<Vec<(usize, SparseRow)>>,
    commit_reveal: Option<bool>,
    commit_blocks: Option<Vec<u64>>,
    kappa: Option<u16>,
    bonds_penalty: Option<u16>,
    bonds_moving_average: Option<u64>,
    yuma3: Option<bool>,
    liquid_alpha: Option<bool>,
    alpha_low: Option<u16>,
    alpha_high: Option<u16>,
    alpha_sigmoid_steepness: Option<i16>,
    rao_emission: Option<u64>,
}

/// Tells a null, which is a value, from a missing key.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<u16>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl Overrides {
    pub(crate) fn apply(self, state: &mut State) {
        macro_rules! replace {
            ($($field:ident)*) => {$(
                if let Some(value) = self.$field {
                    state.$field = value;
                }
            )*};
        }
        replace!(n current_block tempo activity_cutoff last_mechanism_step_block last_update
            block_at_registration stake stake_threshold owner_uid validator_permit
            max_allowed_validators weights bonds commit_reveal kappa bonds_penalty
            bonds_moving_average yuma3 liquid_alpha alpha_low alpha_high alpha_sigmoid_steepness
            rao_emission);
        state.stake_frac = self.stake_frac.or(state.stake_frac.take());
        state.commit_blocks = self.commit_blocks.or(state.commit_blocks.take());
        for (uid, row) in self.weights_rows.unwrap_or_default() {
            state.weights[uid] = row;
        }
        for (uid, row) in self.bonds_rows.unwrap_or_default() {
            state.bonds[uid] = row;
        }
    }
}
