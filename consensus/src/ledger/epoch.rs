//! Yuma over the ledger: which field comes from where (`docs/spec/ledger.md`, "Inputs of Yuma"),
//! and what its output is worth in rao ("Emission").

use std::collections::BTreeSet;

use ganglion_types::{Coldkey, Rao, Uid, limits};

use super::result::{EpochResult, ResultHeader, ResultRow};
use super::split::split;
use super::stake::sum;
use super::state::{Participant, State};
use crate::yuma::{self, EpochInput, EpochOutput, YumaError};

/// The owner's part of an emission, /65535: Bittensor's `subnet_owner_cut`.
pub const OWNER_CUT: u64 = 11_796;

/// How an emission was shared out: the numbers behind `paid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payout {
    /// What validators were paid by.
    pub basis: Basis,
    /// What was shared out: the emission without the owner's part.
    pub shared: Rao,
    /// One per uid held, rising by uid.
    pub shares: Vec<Share>,
}

/// What stands for validating in a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Dividends, as in every epoch with weights that count.
    Dividends,
    /// Stake, because nobody earned incentive or dividends.
    Stake,
}

/// One uid's claim. `paid = shared * (mining + validating) / sum over all`, by largest remainder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The uid.
    pub uid: Uid,
    /// Incentive in steps of 2^-32.
    pub mining: u64,
    /// Dividends, or the stake that stands for them, in steps of 2^-32.
    pub validating: u64,
    /// Whether `validating` is 0 because the uid signed two statements about weights with one number,
    /// or did not show a row that it had committed to.
    pub forfeited: bool,
}

/// What one run of Yuma changed.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) result: EpochResult,
    pub(super) payout: Payout,
}

/// Runs Yuma on `state` for the epoch after its own, stores bonds and permits, pays.
///
/// Validators in `forfeits` are paid nothing for validating; the others share it.
pub(super) fn close(state: &mut State, forfeits: &BTreeSet<Uid>) -> Result<Closed, YumaError> {
    let budget = state.hyperparameters().emission;
    let owner_part = state.manifest.owner.map_or(0, |_| fraction(budget.get(), OWNER_CUT));
    let shared = budget.get().saturating_sub(owner_part);
    let output = run(state, shared)?;

    let payout = claims(state, &output, forfeits);
    let claimed: Vec<u64> =
        payout.iter().map(|share| share.mining.saturating_add(share.validating)).collect();
    let reached = state.supply().saturating_add(u128::from(budget.get()));
    // The supply bound protects every sum over stakes; a subnet that reaches it emits no more.
    let emits = claimed.iter().any(|claim| *claim > 0)
        && reached < u128::from(Rao::SUPPLY_MAX.get())
        && !budget.is_zero();
    let (emitted, owner_part, shared) =
        if emits { (budget.get(), owner_part, shared) } else { (0, 0, 0) };
    let paid = split(shared, &claimed);

    state.bonds.clone_from(&output.bonds);
    state.chain.last_mechanism_step = state.next_epoch();
    let permits = state.external_permits().unwrap_or(output.new_validator_permit.clone());
    grant_permits(state, &permits);
    let header = ResultHeader {
        epoch: state.next_epoch(),
        budget,
        emitted: Rao::new(emitted),
        owner_part: Rao::new(owner_part),
        // Operations come after this.
        burned: Rao::ZERO,
        slashed: Rao::ZERO,
    };
    let payments: Vec<Payment> =
        payout.iter().zip(&paid).map(|(share, paid)| Payment::of(state, share, *paid)).collect();
    let rows: Vec<ResultRow> = state
        .participants()
        .zip(&payments)
        .filter_map(|((uid, one), payment)| result_row(uid, one, payment, &output))
        .collect();
    pay(state, &header, payments);

    let earned = |values: &[i64]| values.iter().any(|value| *value != 0);
    let merit = earned(&output.raw_incentive) || earned(&output.raw_dividends);
    let basis = if merit { Basis::Dividends } else { Basis::Stake };
    let payout = Payout { basis, shared: Rao::new(shared), shares: payout };
    Ok(Closed { result: EpochResult { header, rows }, payout })
}

/// `amount * share / 65535`, rounded down; a share is at most 65535.
fn fraction(amount: u64, share: u64) -> u64 {
    let part = u128::from(amount).saturating_mul(share.into()).checked_div(65_535);
    part.and_then(|part| u64::try_from(part).ok()).unwrap_or(0)
}

fn run(state: &State, rao_emission: u64) -> Result<EpochOutput, YumaError> {
    let rules = state.hyperparameters();
    let block = state.next_epoch().get();
    let slots = state.slots.iter();
    // A vacant uid counts as registered in this very block, which masks all weights towards it.
    let field = |read: fn(&Participant) -> u64, vacant: u64| -> Vec<u64> {
        slots.clone().map(|slot| slot.as_ref().map_or(vacant, read)).collect()
    };
    let permits: Vec<bool> =
        slots.clone().map(|slot| slot.as_ref().is_some_and(|one| one.permit)).collect();
    let oldest = |uid| state.commits_of(uid).map(|(key, _)| key.epoch.get()).min();
    let hidden = rules.commit_reveal_weights_enabled;
    let commits: Vec<u64> =
        (0..state.uid_count()).map(|uid| oldest(Uid::new(uid)).unwrap_or(u64::MAX)).collect();
    yuma::run(&EpochInput {
        n: state.uid_count(),
        current_block: block,
        last_mechanism_step_block: state.chain.last_mechanism_step.get(),
        last_update: &field(|one| one.last_update.get(), block),
        block_at_registration: &field(|one| one.registered_at.get(), block),
        stake: &field(Participant::stake_weight, 0),
        stake_frac: None,
        owner_uid: state.owner_uid().map(Uid::get),
        validator_permit: &permits,
        weights: &state.weights,
        bonds: &state.bonds,
        commit_blocks: hidden.then_some(&commits),
        rao_emission,
        parameters: yuma::Hyperparameters {
            tempo: 1,
            activity_cutoff: rules.activity_cutoff,
            stake_threshold: rules.stake_threshold.get(),
            max_allowed_validators: rules.max_validators,
            kappa: rules.kappa,
            bonds_penalty: rules.bonds_penalty,
            bonds_moving_average: rules.bonds_moving_avg,
            yuma3: rules.yuma3_enabled,
            liquid_alpha: rules.liquid_alpha_enabled,
            alpha_low: rules.alpha_low,
            alpha_high: rules.alpha_high,
            alpha_sigmoid_steepness: rules.alpha_sigmoid_steepness,
        },
    })
}

fn claims(state: &State, output: &EpochOutput, forfeits: &BTreeSet<Uid>) -> Vec<Share> {
    // Yuma's shares are never negative.
    let share = |values: &[i64], uid: Uid| {
        values.get(uid.index()).and_then(|raw| u64::try_from(*raw).ok()).unwrap_or(0)
    };
    let claim = |uid| {
        let forfeited = forfeits.contains(&uid);
        let mining = share(&output.raw_incentive, uid);
        let validating = if forfeited { 0 } else { share(&output.raw_validator_share, uid) };
        Share { uid, mining, validating, forfeited }
    };
    state.participants().map(|(uid, _)| claim(uid)).collect()
}

/// Permits as Yuma or the chain that registers participants gives them, unless nobody could close the next epoch: then all stay as they are.
///
/// Yuma gives the owner a permit beyond the seats there are; where that would be one more than a
/// committee may have members, the owner goes without.
fn grant_permits(state: &mut State, permits: &[bool]) {
    let crowded = permits.iter().filter(|permit| **permit).count() > limits::COMMITTEE;
    let refused = state.owner_uid().filter(|_| crowded).map(Uid::index);
    let permits = permits.iter().enumerate();
    let permits: Vec<bool> = permits.map(|(at, one)| *one && Some(at) != refused).collect();
    let grant = |slot: &mut Option<Participant>, permit: bool| {
        slot.as_mut().map(|one| std::mem::replace(&mut one.permit, permit))
    };
    let former: Vec<bool> = state
        .slots
        .iter_mut()
        .zip(permits)
        .map(|(slot, permit)| grant(slot, permit).unwrap_or(false))
        .collect();
    if !state.participants().any(|(_, one)| one.is_member()) {
        for (slot, permit) in state.slots.iter_mut().zip(former) {
            grant(slot, permit);
        }
    }
}

fn result_row(
    uid: Uid,
    one: &Participant,
    payment: &Payment,
    output: &EpochOutput,
) -> Option<ResultRow> {
    let at = uid.index();
    Some(ResultRow {
        uid,
        hotkey: one.hotkey,
        coldkey: one.coldkey,
        paid: payment.paid,
        delegated: sum(payment.delegators.iter().map(|(_, amount)| *amount)),
        consensus: *output.consensus.get(at)?,
        incentive: *output.incentive.get(at)?,
        dividends: *output.dividends.get(at)?,
        validator_trust: *output.validator_trust.get(at)?,
        stake_weight: *output.stake_weight.get(at)?,
        validator_permit: one.permit,
        active: *output.active.get(at)?,
        server_emission: *output.server_emission.get(at)?,
        validator_emission: *output.validator_emission.get(at)?,
        emission: *output.emission.get(at)?,
    })
}

/// How the payment of one uid is shared between its owner and its delegators.
struct Payment {
    uid: Uid,
    owner: Coldkey,
    paid: Rao,
    /// To the owner.
    kept: Rao,
    delegators: Vec<(Coldkey, Rao)>,
}

impl Payment {
    /// The mining part is the owner's. Of the validating part the owner keeps its take, and the rest
    /// goes by stake.
    fn of(state: &State, share: &Share, paid: u64) -> Self {
        let uid = share.uid;
        let one = state.participant(uid);
        let owner = one.map(|one| one.coldkey).unwrap_or_default();
        let whole = Rao::new(paid);
        let (coldkeys, stakes): (Vec<Coldkey>, Vec<Rao>) = state.delegations(uid).unzip();
        if coldkeys.is_empty() {
            return Self { uid, owner, paid: whole, kept: whole, delegators: Vec::new() };
        }
        let validating = split(paid, &[share.mining, share.validating]).pop().unwrap_or(0);
        let take = fraction(validating, one.map_or(0, |one| one.take.into()));
        let own = std::iter::once(state.own_stake(uid));
        let stakes: Vec<u64> = own.chain(stakes).map(Rao::get).collect();
        let parts = split(validating.saturating_sub(take), &stakes);
        let parts = parts.into_iter().skip(1).map(Rao::new);
        let delegators: Vec<(Coldkey, Rao)> = coldkeys.into_iter().zip(parts).collect();
        let given = sum(delegators.iter().map(|(_, amount)| *amount));
        let kept = Rao::new(paid.saturating_sub(given.get()));
        Self { uid, owner, paid: whole, kept, delegators }
    }
}

/// Credits what the result says. The supply stays below 2^62, so no balance can overflow.
fn pay(state: &mut State, header: &ResultHeader, payments: Vec<Payment>) {
    let mut credit = |coldkey, amount: Rao| {
        if !amount.is_zero() {
            state.credit(coldkey, amount);
        }
    };
    for payment in &payments {
        credit(payment.owner, payment.kept);
        for (coldkey, amount) in &payment.delegators {
            credit(*coldkey, *amount);
        }
    }
    if let Some(owner) = state.manifest.owner.filter(|_| !header.owner_part.is_zero()) {
        state.credit(owner, header.owner_part);
    }
    for payment in payments {
        if let Some(one) = state.participant_mut(payment.uid) {
            one.emission = payment.paid;
        }
    }
    let emitted = state.chain.emitted.get().saturating_add(header.emitted.get());
    state.chain.emitted = Rao::new(emitted);
}
