//! Rows of weights.

use ganglion_types::{Role, Uid, Weights, seed};

use super::super::state::{Participant, State};
use super::Inadmissible;

pub(super) fn admit_weights(state: &State, weights: &Weights) -> Result<(), Inadmissible> {
    let expected = state.next_epoch();
    if weights.epoch != expected {
        return Err(Inadmissible::Epoch { epoch: weights.epoch, expected });
    }
    if weights.mechid != 0 {
        return Err(Inadmissible::Mechanism { mechid: weights.mechid });
    }
    let hotkey = weights.signer;
    let uid = state.uid_of(&hotkey).ok_or(Inadmissible::NotRegistered { hotkey })?;
    let signer = state.participant(uid).ok_or(Inadmissible::NotRegistered { hotkey })?;
    admit_signer(state, uid, signer)?;
    admit_row(state, uid, &weights.entries)?;
    if !seed::leads_to(&weights.task_preimage, weights.epoch, &signer.seed, signer.seed_epoch) {
        let shown = signer.seed_epoch;
        let steps = weights.epoch.get().saturating_sub(shown.get());
        return Err(Inadmissible::Preimage { epoch: weights.epoch, shown, steps });
    }
    Ok(())
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

/// Bittensor's acceptance rules for a row, except that a weight on oneself is refused instead of
/// dropped by Yuma, and so does not count among the entries that `min_allowed_weights` asks for.
fn admit_row(state: &State, signer: Uid, row: &[(u16, u16)]) -> Result<(), Inadmissible> {
    let rules = state.hyperparameters();
    if !row.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(Inadmissible::NotRising);
    }
    let count = state.uid_count();
    if let Some((uid, _)) = row.last().filter(|(uid, _)| *uid >= count) {
        return Err(Inadmissible::UidOutOfRange { uid: Uid::new(*uid), count });
    }
    if row.iter().any(|(uid, _)| *uid == signer.get()) {
        return Err(Inadmissible::SelfWeight { uid: signer });
    }
    let least = rules.min_allowed_weights.min(count.saturating_sub(1)).max(1);
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
