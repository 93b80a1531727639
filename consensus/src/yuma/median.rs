//! The stake-weighted median of each column (`docs/spec/yuma.md`, "Consensus").

use super::fixed::{Q, normalise, total};
use super::matrix::{Columns, Rows};

/// Bits of a sort key below the score, which hold the uid of the row.
const UID_BITS: u32 = 16;

/// Consensus of each uid: the smallest score such that the stake behind scores up to it exceeds
/// the stake that may be outvoted.
///
/// The specification states a pivot search over rows in uid order. Its sums are exact, so the
/// order cannot matter and this quantile is the same number; `tests/it` compares the two.
///
/// `active_stake` is normalised once already and is normalised again over the rows that have any,
/// as the specification demands. Scores are between zero and one.
pub(super) fn consensus(weights: &Rows, active_stake: &[Q], kappa: Q) -> Vec<Q> {
    let n = active_stake.len();
    let mut stake = active_stake.to_vec();
    normalise(&mut stake);
    let sum = total(&stake);
    let column = Column { stake: &stake, sum, outvoted: sum.sub(kappa) };

    let positive_scores = || {
        let rows = weights.rows().zip(&stake).zip(0_u64..);
        rows.filter(|((_, stake), _)| stake.is_positive()).flat_map(|((row, _), uid)| {
            let scored = row.entries().filter(|(_, score)| score.is_positive());
            // A score is at most 2^32 and a row at most 2^16, so the key needs 49 bits.
            scored.map(move |(column, score)| {
                (column, (u64::try_from(score.raw()).unwrap_or(0) << UID_BITS) | uid)
            })
        })
    };
    let mut consensus = Vec::with_capacity(n);
    Columns::group(n, positive_scores).for_each(|keys| consensus.push(column.quantile(keys)));
    consensus
}

/// What is the same for every column.
struct Column<'a> {
    /// Normalised stake of every row, zero for rows without a vote.
    stake: &'a [Q],
    sum: Q,
    /// Stake that the result must exceed; negative when kappa is more than the sum.
    outvoted: Q,
}

impl Column<'_> {
    /// `keys` are the positive scores of one column; every other row with stake scores zero.
    fn quantile(&self, keys: &mut [u64]) -> Q {
        let scored = self.stake_of(keys);
        let at_zero = self.sum.sub(scored);
        // Rows with stake have at least one unit of it, so no stake at zero means no row there.
        if at_zero > self.outvoted && at_zero.is_positive() {
            return Q::ZERO;
        }
        self.select(keys, at_zero)
    }

    /// Quickselect by stake: `below` is the stake of everything under `keys`.
    fn select(&self, mut keys: &mut [u64], mut below: Q) -> Q {
        while keys.len() > 1 {
            let middle = keys.len() / 2;
            let (lower, pivot, upper) = keys.select_nth_unstable(middle);
            let pivot = *pivot;
            let under_pivot = below.add(self.stake_of(lower));
            let through_pivot = under_pivot.add(self.stake_of(&[pivot]));
            if under_pivot > self.outvoted {
                keys = lower;
            } else if through_pivot > self.outvoted || upper.is_empty() {
                return score(pivot);
            } else {
                keys = upper;
                below = through_pivot;
            }
        }
        keys.first().map_or(Q::ZERO, |key| score(*key))
    }

    fn stake_of(&self, keys: &[u64]) -> Q {
        keys.iter().fold(Q::ZERO, |sum, key| {
            let uid = usize::try_from(key & ((1 << UID_BITS) - 1)).unwrap_or(usize::MAX);
            sum.add(self.stake.get(uid).copied().unwrap_or_default())
        })
    }
}

fn score(key: u64) -> Q {
    Q::from_raw(i64::try_from(key >> UID_BITS).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One column, whose rows have these stakes and scores; `None` is no entry.
    fn median(rows: &[(i64, Option<i64>)], kappa: Q) -> i64 {
        let mut weights = Rows::default();
        for (_, score) in rows {
            if let Some(score) = score {
                weights.push(0, Q::from_raw(*score));
            }
            weights.end_row();
        }
        let stake: Vec<Q> = rows.iter().map(|(stake, _)| Q::from_raw(*stake)).collect();
        consensus(&weights, &stake, kappa).first().unwrap().raw()
    }

    const HALF: i64 = 1 << 31;
    const QUARTER: i64 = 1 << 30;

    #[test]
    fn stake_equal_to_what_may_be_outvoted_does_not_decide() {
        let rows = [(HALF, Some(10)), (HALF, Some(20))];
        assert_eq!(median(&rows, Q::HALF), 20);
        assert_eq!(median(&rows, Q::from_raw(HALF + 1)), 10);
    }

    #[test]
    fn rows_without_an_entry_score_zero() {
        assert_eq!(median(&[(HALF + 1, None), (HALF - 1, Some(9))], Q::HALF), 0);
        assert_eq!(median(&[(HALF, None), (HALF, Some(9))], Q::HALF), 9);
        assert_eq!(median(&[(HALF, Some(0)), (HALF, Some(9))], Q::HALF), 9);
    }

    #[test]
    fn kappa_zero_takes_the_largest_and_kappa_one_the_smallest_score() {
        let rows = [(QUARTER, Some(5)), (QUARTER, Some(7)), (HALF, Some(6))];
        assert_eq!(median(&rows, Q::ZERO), 7);
        assert_eq!(median(&rows, Q::ONE), 5);
        // Thirds sum to less than one, which makes the threshold negative.
        assert_eq!(median(&[(1, Some(4)), (1, Some(5)), (1, Some(6))], Q::ONE), 4);
    }

    #[test]
    fn rows_without_stake_have_no_vote_and_no_stake_means_zero() {
        assert_eq!(median(&[(0, Some(4)), (HALF, Some(5))], Q::ONE), 5);
        assert_eq!(median(&[(0, Some(4)), (0, None)], Q::HALF), 0);
        assert!(consensus(&Rows::default(), &[], Q::HALF).is_empty());
    }
}
