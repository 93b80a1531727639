//! Rows of weights and commits to them.

use ganglion_types::{Epoch, Hotkey, Role, Uid, WeightCommit, Weights, seed};

use super::super::state::{Participant, State};
use super::Inadmissible;

pub(super) fn admit_weights(state: &State, weights: &Weights) -> Result<(), Inadmissible> {
    let signer = admit_statement(state, false, weights.epoch, weights.mechid, &weights.signer)?;
    admit_row(state, signer.0, &weights.entries, &RowScope::now(state))?;
    let (_, signer) = signer;
    if !seed::leads_to(&weights.task_preimage, weights.epoch, &signer.seed, signer.seed_epoch) {
        return Err(wrong_preimage(signer.seed_epoch, weights.epoch));
    }
    Ok(())
}

pub(super) fn admit_commit(state: &State, commit: &WeightCommit) -> Result<(), Inadmissible> {
    admit_statement(state, true, commit.epoch, commit.mechid, &commit.signer).map(|_| ())
}

pub(super) fn wrong_preimage(shown: Epoch, epoch: Epoch) -> Inadmissible {
    Inadmissible::Preimage { epoch, shown, steps: epoch.get().abs_diff(shown.get()) }
}

/// What holds of a row and of a commit alike: mode, epoch, mechanism, signer, rate.
fn admit_statement<'a>(
    state: &'a State,
    hides: bool,
    epoch: Epoch,
    mechid: u16,
    hotkey: &Hotkey,
) -> Result<(Uid, &'a Participant), Inadmissible> {
    let rules = state.hyperparameters();
    let (hidden, expected) = (rules.commit_reveal_weights_enabled, state.next_epoch());
    if hides != hidden {
        return Err(Inadmissible::WeightsMode { hidden });
    }
    if epoch != expected {
        return Err(Inadmissible::Epoch { epoch, expected });
    }
    if mechid != 0 {
        return Err(Inadmissible::Mechanism { mechid });
    }
    let missing = Inadmissible::NotRegistered { hotkey: *hotkey };
    let uid = state.uid_of(hotkey).ok_or(missing.clone())?;
    let signer = state.participant(uid).ok_or(missing)?;
    admit_signer(state, uid, signer)?;
    let (last, wait) = (state.last_statement(uid), rules.weights_rate_limit);
    // Who never spoke since genesis waits for nothing.
    if last != Epoch::GENESIS && epoch.get().saturating_sub(last.get()) < wait {
        return Err(Inadmissible::RateLimit { uid, last, wait });
    }
    Ok((uid, signer))
}

fn admit_signer(state: &State, uid: Uid, signer: &Participant) -> Result<(), Inadmissible> {
    let rules = state.hyperparameters();
    if signer.role != Role::Validator {
        return Err(Inadmissible::NotValidator { uid });
    }
    if !signer.permit {
        return Err(Inadmissible::NoPermit { uid, seats: rules.max_validators });
    }
    let (stake, threshold) = (signer.stake, rules.stake_threshold);
    if stake < threshold {
        return Err(Inadmissible::StakeThreshold { uid, stake, threshold });
    }
    Ok(())
}

/// Whom a row may name, and how many it can be asked to name.
pub(super) struct RowScope {
    /// Uids below this may be named.
    count: u16,
    /// Uids besides the signer's that a row is asked for.
    others: u16,
}

impl RowScope {
    /// Of a row for the epoch being closed.
    fn now(state: &State) -> Self {
        let count = state.uid_count();
        Self { count, others: count.saturating_sub(1) }
    }

    /// Of a row that was committed to in `epoch`. Uids that fell away since may be named, and
    /// nobody is asked for one that came since.
    pub(super) fn since(state: &State, epoch: Epoch) -> Self {
        let count = state.uid_count().max(state.hyperparameters().max_allowed_uids);
        let then = state.participants().filter(|(_, one)| one.registered_at < epoch).count();
        let others = u16::try_from(then).unwrap_or(u16::MAX).saturating_sub(1);
        Self { count, others }
    }
}

/// Bittensor's acceptance rules for a row, except that a weight on oneself is refused instead of
/// dropped by Yuma, and so does not count among the entries that `min_allowed_weights` asks for.
pub(super) fn admit_row(
    state: &State,
    signer: Uid,
    row: &[(u16, u16)],
    scope: &RowScope,
) -> Result<(), Inadmissible> {
    let rules = state.hyperparameters();
    if !row.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(Inadmissible::NotRising);
    }
    let count = scope.count;
    if let Some((uid, _)) = row.last().filter(|(uid, _)| *uid >= count) {
        return Err(Inadmissible::UidOutOfRange { uid: Uid::new(*uid), count });
    }
    if row.iter().any(|(uid, _)| *uid == signer.get()) {
        return Err(Inadmissible::SelfWeight { uid: signer });
    }
    let least = rules.min_allowed_weights.min(scope.others).max(1);
    if row.len() < usize::from(least) {
        return Err(Inadmissible::TooFewWeights { entries: row.len(), least });
    }
    let largest = row.iter().map(|(_, value)| *value).max().unwrap_or(0);
    if largest != u16::MAX {
        return Err(Inadmissible::NotUpscaled { largest });
    }
    // At most 2^16 values below 2^16.
    let sum = row.iter().fold(0_u64, |sum, (_, value)| sum.saturating_add(u64::from(*value)));
    let limit = rules.max_weights_limit;
    let share = u64::from(largest).saturating_mul(u64::from(u16::MAX));
    if limit != u16::MAX && share > u64::from(limit).saturating_mul(sum) {
        return Err(Inadmissible::MaxWeight { sum, limit });
    }
    Ok(())
}
