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

/// What consensus makes of the weights, by uid.
pub(super) struct Judgement {
    /// What clipping leaves of each validator's weights.
    pub(super) trust: Vec<Q>,
    /// Normalised ranks: the stake-weighted sum of what it leaves of the weights on each uid.
    pub(super) incentive: Vec<Q>,
}

/// Judges by clipped weights, without storing them: here it makes no difference whether clipping
/// removes an entry or leaves a zero.
pub(super) fn judge(weights: &Rows, consensus: &[Q], active_stake: &[Q]) -> Judgement {
    struct Target {
        limit: Q,
        rank: Q,
    }
    let targets = consensus.iter().map(|limit| Target { limit: *limit, rank: Q::ZERO });
    let mut targets: Vec<Target> = targets.collect();
    let mut trust = Vec::with_capacity(active_stake.len());
    for (row, stake) in weights.rows().zip(active_stake) {
        let mut kept = Q::ZERO;
        for (uid, weight) in row.entries() {
            if let Some(target) = targets.get_mut(usize::from(uid)) {
                let clipped = weight.min(target.limit);
                kept = kept.add(clipped);
                target.rank = target.rank.add(stake.mul(clipped));
            }
        }
        trust.push(kept);
    }
    let mut incentive: Vec<Q> = targets.into_iter().map(|target| target.rank).collect();
    normalise(&mut incentive);
    Judgement { trust, incentive }
}

/// The weights that bonds follow: between raw and clipped ones, as far as the penalty says.
///
/// Both extremes keep the order and the zeros of their rows; anything between sorts each row and
/// drops zeros.
pub(super) fn for_bonds(mut weights: Rows, consensus: &[Q], penalty: Q) -> Rows {
    let clip = |uid: u16, weight: Q| {
        weight.min(consensus.get(usize::from(uid)).copied().unwrap_or_default())
    };
    if penalty == Q::ZERO {
        return weights;
    }
    if penalty == Q::ONE {
        weights.filter_map(|uid, weight| {
            let clipped = clip(uid, weight);
            // A positive weight on a uid without consensus goes, an explicit zero stays.
            (clipped.is_positive() || weight == Q::ZERO).then_some(clipped)
        });
        return weights;
    }
    weights.filter_map(|uid, weight| {
        let followed = weight.add(penalty.mul(clip(uid, weight).sub(weight)));
        followed.is_positive().then_some(followed)
    });
    weights.into_sorted()
}
