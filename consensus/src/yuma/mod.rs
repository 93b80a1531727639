//! Yuma Consensus: what one epoch of weights is worth, to the bit.
//!
//! [`run`] turns the state of a subnet at the end of an epoch into incentives, dividends, new bonds
//! and permits. It is specified in `docs/spec/yuma.md`, whose sections the comments here name, and
//! it gives the bits of the production (sparse) epoch of `opentensor/subtensor`.
//!
//! ```text
//! stake ──► active stake ─┐
//! weights ► masked W ─────┴► consensus ─┬► clipped V ► rank ► incentive ─┐
//!                                       └► followed WB ► bonds ► dividends ┴► emission
//! ```
//!
//! Shares in here do not add up to one: every quotient is cut off, and the specification says in
//! which direction. Only sums are exact. So no step may be merged, reordered or skipped unless that
//! provably leaves every bit alone.
//!
//! # Deviations
//! Inputs for which the reference wraps, panics or means nothing are refused with a [`YumaError`]
//! or defined; `docs/spec/yuma.md`, "Deviations", lists them.

mod bonds;
mod emission;
mod fixed;
mod input;
mod liquid;
mod matrix;
mod median;
mod stake;
mod weights;

pub use input::{EpochInput, Hyperparameters, SparseRow, YumaError};

use bonds::{Bonds, Shares};
use fixed::Q;
use weights::Judgement;

/// What one epoch decides. Vectors have one element per uid.
///
/// Fields of type `u16` are fractions of 65535, rounded down. Fields named `raw_` are the numbers
/// they come from, in steps of 2^-32; none of them is negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochOutput {
    /// Stake-weighted median weight of each uid.
    pub consensus: Vec<u16>,
    /// Share of each uid as a miner.
    pub incentive: Vec<u16>,
    /// Share of each uid as a validator.
    pub dividends: Vec<u16>,
    /// How much of a validator's weight was left by clipping to consensus.
    pub validator_trust: Vec<u16>,
    /// Share of the total stake weight.
    pub stake_weight: Vec<u16>,
    /// Who may set weights in the next epoch.
    pub new_validator_permit: Vec<bool>,
    /// Who has set weights within the activity cutoff.
    pub active: Vec<bool>,
    /// Rao for mining. Sums to a little less than the server part of `rao_emission`.
    pub server_emission: Vec<u64>,
    /// Rao for validating.
    pub validator_emission: Vec<u64>,
    /// Rao for both, cut off on its own: not always the sum of the two parts.
    pub emission: Vec<u64>,
    /// New bonds of every uid, in the order and with the explicit zeros that the next epoch needs;
    /// empty for a uid without a new permit.
    pub bonds: Vec<SparseRow>,
    /// Consensus before conversion to `u16`.
    pub raw_consensus: Vec<i64>,
    /// Incentive before conversion to `u16`.
    pub raw_incentive: Vec<i64>,
    /// Dividends before conversion to `u16`.
    pub raw_dividends: Vec<i64>,
    /// What validators are paid by: the dividends or, in an epoch without any incentive or
    /// dividend, the stake that stands in for them. A uid is credited in proportion to
    /// `raw_incentive + raw_validator_share`.
    pub raw_validator_share: Vec<i64>,
}

/// Runs one epoch.
///
/// Takes time and memory in proportion to `n` and the entries of `weights` and `bonds`, and never
/// panics.
///
/// # Errors
/// [`YumaError`] when the input is malformed or leaves the range of the specified arithmetic.
pub fn run(input: &EpochInput<'_>) -> Result<EpochOutput, YumaError> {
    input.validate()?;
    let stake = stake::normalised(input)?;
    let active = stake::activity(input);
    let new_validator_permit = stake::permits(input, &stake);
    let active_stake = stake::active_stake(input, &stake, &active);

    let masked = weights::masked(input);
    let kappa = Q::proportion(input.parameters.kappa);
    let consensus = median::consensus(&masked, &active_stake, kappa);
    let Judgement { trust, incentive } = weights::judge(&masked, &consensus, &active_stake);

    let penalty = Q::proportion(input.parameters.bonds_penalty);
    let bond_weights = weights::for_bonds(masked, &consensus, penalty);
    let shares =
        Shares { active_stake: &active_stake, consensus: &consensus, incentive: &incentive };
    let Bonds { stored, dividends } =
        bonds::update(input, bond_weights, &shares, &new_validator_permit)?;

    let paid = emission::pay(&incentive, &dividends, &active_stake, &stake, input.rao_emission);
    Ok(EpochOutput {
        consensus: to_u16(&consensus),
        incentive: to_u16(&incentive),
        dividends: to_u16(&dividends),
        validator_trust: to_u16(&trust),
        stake_weight: to_u16(&stake),
        active,
        server_emission: paid.server,
        validator_emission: paid.validator,
        emission: paid.combined,
        bonds: stored,
        new_validator_permit,
        raw_consensus: raw(&consensus),
        raw_incentive: raw(&incentive),
        raw_dividends: raw(&dividends),
        raw_validator_share: raw(&paid.validator_share),
    })
}

fn to_u16(values: &[Q]) -> Vec<u16> {
    values.iter().map(|value| value.to_u16()).collect()
}

fn raw(values: &[Q]) -> Vec<i64> {
    values.iter().map(|value| value.raw()).collect()
}
