//! Liquid alpha: bonds that move faster the further a validator is from consensus
//! (`docs/spec/yuma.md`, "Liquid alpha").

use super::fixed::{Q, exp, reciprocal};
use super::input::Hyperparameters;
use super::matrix::{ColumnSums, Row, Rows};

/// Exponentials evaluated together; four keep the multiplier busy and fit the registers.
const LANES: usize = 4;

/// The new bonds. Only entries of `weights` produce one, in their order: a prior bond without a
/// weight is lost, one with an explicit zero weight decays.
pub(super) fn follow(
    parameters: &Hyperparameters,
    weights: &Rows,
    prior: &Rows,
    consensus: &[Q],
    sums: &mut ColumnSums,
) -> Rows {
    let rate = Rate::new(parameters);
    let mut bonds = Rows::with_capacity_of(weights);
    let mut lookup = PriorRow::new(consensus.len());
    let mut exponents = Vec::new();
    for (new, old) in weights.rows().zip(prior.rows()) {
        lookup.load(old);
        exponents.clear();
        let mut cursor = Cursor::default();
        for (uid, weight) in new.entries() {
            let seen_weight = if cursor.sees(uid) { weight } else { Q::ZERO };
            let consensus = consensus.get(usize::from(uid)).copied().unwrap_or_default();
            exponents.push(rate.exponent(seen_weight, lookup.get(uid).seen, consensus));
        }
        exp_all(&mut exponents);
        for ((uid, weight), power) in new.entries().zip(&exponents) {
            let alpha = rate.alpha(*power);
            let kept = Q::ONE.sub(alpha).mul(lookup.get(uid).bond);
            let gained = alpha.mul(weight).max(Q::ZERO);
            let bond = kept.add(gained).min(Q::ONE);
            if bond.is_positive() {
                sums.add(uid, bond);
                bonds.push(uid, bond);
            }
        }
        bonds.end_row();
        lookup.unload(old);
    }
    bonds
}

fn exp_all(exponents: &mut [Q]) {
    let (groups, rest) = exponents.as_chunks_mut::<LANES>();
    for group in groups {
        *group = exp(*group);
    }
    for exponent in rest {
        let [power] = exp([*exponent]);
        *exponent = power;
    }
}

/// The sigmoid between the two bounds of the rate.
struct Rate {
    low: Q,
    high: Q,
    /// Negated steepness.
    slope: Q,
}

impl Rate {
    fn new(parameters: &Hyperparameters) -> Self {
        let steepness = i64::from(parameters.alpha_sigmoid_steepness) << 32;
        Self {
            low: Q::proportion(parameters.alpha_low),
            high: Q::proportion(parameters.alpha_high),
            slope: Q::from_raw(steepness / -100),
        }
    }

    /// Argument of the exponential: buying is measured against consensus, selling against the
    /// weight.
    fn exponent(&self, weight: Q, bond: Q, consensus: Q) -> Q {
        let distance = if weight >= bond { weight.sub(consensus) } else { bond.sub(weight) };
        self.slope.mul(distance.clamp(Q::ZERO, Q::ONE).sub(Q::HALF))
    }

    fn alpha(&self, power: Q) -> Q {
        let sigmoid = reciprocal(Q::ONE.add(power));
        // The bounds may be the wrong way round, and then the lower one has the last word.
        self.low.add(sigmoid.mul(self.high.sub(self.low))).min(self.high).max(self.low)
    }
}

/// Which entries of a row the specification's search finds: it moves forward only, so an entry
/// behind one with a larger uid is passed over.
#[derive(Default)]
struct Cursor {
    next: u32,
}

impl Cursor {
    fn sees(&mut self, uid: u16) -> bool {
        let uid = u32::from(uid);
        let seen = uid >= self.next;
        self.next = self.next.max(uid.saturating_add(1));
        seen
    }
}

/// A prior bond, and the same as the search of the specification finds it.
#[derive(Clone, Copy, Default)]
struct PriorBond {
    bond: Q,
    seen: Q,
}

/// Prior bonds of one row by uid.
struct PriorRow(Vec<PriorBond>);

impl PriorRow {
    fn new(n: usize) -> Self {
        Self(vec![PriorBond::default(); n])
    }

    fn load(&mut self, row: Row<'_>) {
        let mut cursor = Cursor::default();
        for (uid, bond) in row.entries() {
            let seen = if cursor.sees(uid) { bond } else { Q::ZERO };
            if let Some(slot) = self.0.get_mut(usize::from(uid)) {
                *slot = PriorBond { bond, seen };
            }
        }
    }

    /// Takes back what [`PriorRow::load`] did with the same row.
    fn unload(&mut self, row: Row<'_>) {
        for uid in row.uids {
            if let Some(slot) = self.0.get_mut(usize::from(*uid)) {
                *slot = PriorBond::default();
            }
        }
    }

    fn get(&self, uid: u16) -> PriorBond {
        self.0.get(usize::from(uid)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { low: Q::ZERO, high: Q::ONE, slope: Q::ONE };

    fn exponent(weight: i64, bond: i64, consensus: i64) -> i64 {
        RATE.exponent(Q::from_raw(weight), Q::from_raw(bond), Q::from_raw(consensus)).raw()
    }

    const HALF: i64 = 1 << 31;

    #[test]
    fn a_weight_equal_to_the_bond_counts_as_buying() {
        assert_eq!(exponent(HALF + 10, HALF + 10, 3), 7);
        assert_eq!(exponent(5, HALF + 10, 3), 5);
        assert_eq!(exponent(5, 4, HALF), -HALF);
    }

    #[test]
    fn crossed_bounds_give_the_lower_one() {
        let crossed = Rate { low: Q::HALF, high: Q::ZERO, slope: Q::ZERO };
        assert_eq!(crossed.alpha(Q::ONE), Q::HALF);
        assert_eq!(RATE.alpha(Q::ONE), Q::HALF);
    }

    #[test]
    fn the_cursor_passes_over_entries_behind_a_larger_uid() {
        let mut cursor = Cursor::default();
        assert_eq!(
            [5, 3, 7, 6, 65_535, 0].map(|uid| cursor.sees(uid)),
            [true, false, true, false, true, false]
        );
    }

    #[test]
    fn an_unloaded_row_leaves_nothing_behind() {
        let mut lookup = PriorRow::new(3);
        let values = [Q::ONE, Q::HALF];
        let row = Row { uids: &[2, 1], values: &values };
        lookup.load(row);
        assert_eq!((lookup.get(1).bond, lookup.get(1).seen), (Q::HALF, Q::ZERO));
        assert_eq!((lookup.get(2).bond, lookup.get(2).seen), (Q::ONE, Q::ONE));
        lookup.unload(row);
        assert!(
            (0..3).all(|uid| lookup.get(uid).bond == Q::ZERO && lookup.get(uid).seen == Q::ZERO)
        );
    }
}
