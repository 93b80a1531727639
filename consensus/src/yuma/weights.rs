//! Weights: which entries count, clipping to consensus, ranks
//! (`docs/spec/yuma.md`, "Weights" to "Weights for bonds").

use super::fixed::{Q, normalise};
use super::input::EpochInput;
use super::matrix::Rows;

/// The weights that count, each row normalised.
pub(super) fn masked(input: &EpochInput<'_>) -> Rows {
    let entries = input.weights.iter().map(Vec::len).fold(0, usize::saturating_add);
    let mut masked = Rows::with_capacity(input.weights.len(), entries);
    let mut commits = input.commit_blocks.map(<[u64]>::iter);
    let rows = (0..input.n).zip(input.weights).zip(input.validator_permit).zip(input.last_update);
    for (((uid, row), permit), updated) in rows {
        let owner = input.is_owner(uid);
        let committed = commits.as_mut().and_then(Iterator::next).copied().unwrap_or(u64::MAX);
        if *permit || owner {
            // A target counts if it was registered before the weights were set, and not after
            // they were committed to.
            let registered_before = committed.saturating_add(1).min(*updated);
            for (target, weight) in row {
                let registered = input.block_at_registration.get(usize::from(*target));
                let current = registered.is_some_and(|block| *block < registered_before);
                if current && (*target != uid || owner) {
                    masked.push(*target, Q::from_raw(i64::from(*weight)));
                }
            }
        }
        masked.end_row_normalised();
    }
    masked
}

/// Weights cut down to consensus.
///
/// A positive weight on a uid without consensus is removed, while an explicit zero stays.
pub(super) fn clipped(weights: &Rows, consensus: &[Q]) -> Rows {
    let mut clipped = Rows::with_capacity_of(weights);
    for row in weights.rows() {
        for (uid, weight) in row.entries() {
            let limit = consensus.get(usize::from(uid)).copied().unwrap_or_default();
            if weight <= limit {
                clipped.push(uid, weight);
            } else {
                clipped.push_positive(uid, limit);
            }
        }
        clipped.end_row();
    }
    clipped
}

/// Normalised ranks: the stake-weighted sum of what is left of the weights on each uid.
pub(super) fn incentive(clipped: &Rows, active_stake: &[Q]) -> Vec<Q> {
    let mut ranks = vec![Q::ZERO; active_stake.len()];
    let voting = clipped.rows().zip(active_stake).filter(|(_, stake)| stake.is_positive());
    for (row, stake) in voting {
        for (uid, weight) in row.entries() {
            if let Some(rank) = ranks.get_mut(usize::from(uid)) {
                *rank = rank.add(stake.mul(weight));
            }
        }
    }
    normalise(&mut ranks);
    ranks
}

/// The weights that bonds follow: between raw and clipped ones, as far as the penalty says.
///
/// Both extremes keep the order and the zeros of their rows; anything between sorts each row and
/// drops zeros.
pub(super) fn for_bonds(masked: Rows, clipped: Rows, consensus: &[Q], penalty: Q) -> Rows {
    if penalty == Q::ZERO {
        return masked;
    }
    if penalty == Q::ONE {
        return clipped;
    }
    let mut between = Rows::with_capacity_of(&masked);
    for row in masked.rows() {
        for (uid, weight) in row.entries() {
            // An entry that clipping removed counts as zero, which is what the limit is then.
            let limit = consensus.get(usize::from(uid)).copied().unwrap_or_default();
            let change = penalty.mul(weight.min(limit).sub(weight));
            between.push_positive(uid, weight.add(change));
        }
        between.end_row();
    }
    between.into_sorted()
}
