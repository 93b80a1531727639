//! The vector format: what a line holds and how a result is written.

use ganglion_consensus::yuma::{EpochInput, EpochOutput, Hyperparameters, SparseRow};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::error::{Place, Rule, VectorError};

/// Largest subnet whose results are written with their raw numbers.
const RAW_UIDS_MAX: usize = 64;

/// One line. Keys that are not named here, such as tags, say nothing about the result.
#[derive(Debug, Deserialize)]
pub(super) struct Case<E> {
    pub(super) id: String,
    pub(super) input: State,
    #[serde(bound(deserialize = "E: Deserialize<'de>"))]
    pub(super) steps: Vec<Step<E>>,
}

/// An epoch: what changes before it and what must come out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step<E> {
    #[serde(default)]
    pub(super) set: StepState,
    #[serde(default = "Option::default")]
    pub(super) expected: Option<E>,
}

impl<E: DeserializeOwned> Case<E> {
    pub(super) fn parse(place: &Place, line: &[u8]) -> Result<Self, VectorError> {
        // Following the path costs time on every entry, so it is done for bad lines only.
        serde_json::from_slice(line).or_else(|_| {
            let mut json = serde_json::Deserializer::from_slice(line);
            let case = serde_path_to_error::deserialize(&mut json)
                .map_err(|error| malformed(place, line, error.path().to_string(), error.inner()))?;
            json.end().map_err(|error| malformed(place, line, String::new(), &error))?;
            Ok(case)
        })
    }
}

fn malformed(place: &Place, line: &[u8], path: String, error: &serde_json::Error) -> VectorError {
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    let text = error.to_string();
    // The line of the error is always the first, because it is the only one the parser saw.
    let position = format!(" at line {} column {}", error.line(), error.column());
    VectorError::Malformed {
        place: place.clone(),
        column: error.column(),
        case: serde_json::from_slice(line).ok().map(|Named { id }| id),
        path: if path == "." { String::new() } else { path },
        message: text.strip_suffix(&position).unwrap_or(&text).to_owned(),
    }
}

/// Declares the state and the changes to it from one list of fields.
macro_rules! state {
    (
        required { $($field:ident: $type:ty,)* }
        optional { $($option:ident: $option_type:ty,)* }
    ) => {
        /// Everything an epoch reads.
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct State {
            // Naming the function makes even an `Option` required.
            $(#[serde(deserialize_with = "Deserialize::deserialize")] $field: $type,)*
            $($option: Option<$option_type>,)*
        }

        /// What a step replaces: whole fields, or single rows of the two matrices.
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct StepState {
            $(#[serde(default, deserialize_with = "given")] $field: Option<$type>,)*
            $(#[serde(default, deserialize_with = "given")] $option: Option<Option<$option_type>>,)*
            #[serde(default)]
            weights_rows: Vec<(u16, SparseRow)>,
            #[serde(default)]
            bonds_rows: Vec<(u16, SparseRow)>,
        }

        impl StepState {
            pub(super) fn apply(self, state: &mut State) -> Result<(), Rule> {
                for (field, both) in [
                    ("weights", self.weights.is_some() && !self.weights_rows.is_empty()),
                    ("bonds", self.bonds.is_some() && !self.bonds_rows.is_empty()),
                ] {
                    if both {
                        return Err(Rule::Both(field));
                    }
                }
                $(if let Some(value) = self.$field {
                    state.$field = value;
                })*
                $(if let Some(value) = self.$option {
                    state.$option = value;
                })*
                replace_rows("weights", &mut state.weights, self.weights_rows)?;
                replace_rows("bonds", &mut state.bonds, self.bonds_rows)
            }
        }
    };
}

state! {
    required {
        n: u16,
        current_block: u64,
        tempo: u16,
        activity_cutoff: u64,
        last_mechanism_step_block: u64,
        last_update: Vec<u64>,
        block_at_registration: Vec<u64>,
        stake: Vec<u64>,
        stake_threshold: u64,
        owner_uid: Option<u16>,
        validator_permit: Vec<bool>,
        max_allowed_validators: u16,
        weights: Vec<SparseRow>,
        bonds: Vec<SparseRow>,
        commit_reveal: bool,
        kappa: u16,
        bonds_penalty: u16,
        bonds_moving_average: u64,
        yuma3: bool,
        liquid_alpha: bool,
        alpha_low: u16,
        alpha_high: u16,
        alpha_sigmoid_steepness: i16,
        rao_emission: u64,
    }
    optional {
        stake_frac: Vec<u64>,
        commit_blocks: Vec<u64>,
    }
}

/// Tells a key that is there from one that is not, whatever its value.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Replaces rows one after the other: the last one given for a uid is the one that stays.
fn replace_rows(
    field: &'static str,
    rows: &mut [SparseRow],
    by: Vec<(u16, SparseRow)>,
) -> Result<(), Rule> {
    let count = rows.len();
    for (uid, row) in by {
        let place = rows.get_mut(usize::from(uid));
        *place.ok_or(Rule::NoSuchRow { field, uid, rows: count })? = row;
    }
    Ok(())
}

impl State {
    pub(super) fn input(&self) -> Result<EpochInput<'_>, Rule> {
        // Blocks that an earlier step left behind mean nothing once commit-reveal is off.
        let commit_blocks = self.commit_blocks.as_deref().filter(|_| self.commit_reveal);
        if self.commit_reveal && commit_blocks.is_none() {
            return Err(Rule::NoCommitBlocks);
        }
        Ok(EpochInput {
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
            commit_blocks,
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
        })
    }

    /// Takes over what the next epoch reads from the last one.
    pub(super) fn advance(&mut self, output: &EpochOutput) {
        self.bonds.clone_from(&output.bonds);
        self.validator_permit.clone_from(&output.new_validator_permit);
    }
}

/// What a step must give. A key that is missing is not compared.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    pub(super) consensus: Option<Vec<u16>>,
    pub(super) incentive: Option<Vec<u16>>,
    pub(super) dividends: Option<Vec<u16>>,
    pub(super) validator_trust: Option<Vec<u16>>,
    pub(super) stake_weight: Option<Vec<u16>>,
    pub(super) new_validator_permit: Option<Vec<bool>>,
    pub(super) active: Option<Vec<bool>>,
    pub(super) server_emission: Option<Vec<u64>>,
    pub(super) validator_emission: Option<Vec<u64>>,
    pub(super) emission: Option<Vec<u64>>,
    pub(super) bonds: Option<Vec<SparseRow>>,
    pub(super) raw_consensus: Option<Vec<i64>>,
    pub(super) raw_incentive: Option<Vec<i64>>,
    pub(super) raw_dividends: Option<Vec<i64>>,
}

/// One line of results.
#[derive(Debug, Serialize)]
pub(super) struct CaseOutput {
    pub(super) id: String,
    pub(super) steps: Vec<StepOutput>,
}

/// The result of a step, by the keys of [`Expected`].
#[derive(Debug, Serialize)]
pub(super) struct StepOutput {
    consensus: Vec<u16>,
    incentive: Vec<u16>,
    dividends: Vec<u16>,
    validator_trust: Vec<u16>,
    stake_weight: Vec<u16>,
    new_validator_permit: Vec<bool>,
    active: Vec<bool>,
    server_emission: Vec<u64>,
    validator_emission: Vec<u64>,
    emission: Vec<u64>,
    bonds: Vec<SparseRow>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    raw: Option<RawOutput>,
}

#[derive(Debug, Serialize)]
struct RawOutput {
    raw_consensus: Vec<i64>,
    raw_incentive: Vec<i64>,
    raw_dividends: Vec<i64>,
}

impl StepOutput {
    pub(super) fn new(output: EpochOutput) -> Self {
        let raw = RawOutput {
            raw_consensus: output.raw_consensus,
            raw_incentive: output.raw_incentive,
            raw_dividends: output.raw_dividends,
        };
        Self {
            raw: (output.active.len() <= RAW_UIDS_MAX).then_some(raw),
            consensus: output.consensus,
            incentive: output.incentive,
            dividends: output.dividends,
            validator_trust: output.validator_trust,
            stake_weight: output.stake_weight,
            new_validator_permit: output.new_validator_permit,
            active: output.active,
            server_emission: output.server_emission,
            validator_emission: output.validator_emission,
            emission: output.emission,
            bonds: output.bonds,
        }
    }
}
