//! Bonds and dividends (`docs/spec/yuma.md`, "Prior bonds" to "Bonds output").

use ganglion_types::planted::{self, Bug};

use super::fixed::{Divisor, Q, normalise};
use super::input::{EpochInput, SparseRow, YumaError};
use super::liquid;
use super::matrix::{ColumnDivisors, ColumnSums, Row, Rows};

/// What earlier steps of the epoch found, by uid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares<'a> {
    pub(super) active_stake: &'a [Q],
    pub(super) consensus: &'a [Q],
    pub(super) incentive: &'a [Q],
}

/// What [`update`] decides.
pub(super) struct Bonds {
    /// The rows to store: of uids that will have a permit, in the order made. A value too small
    /// for 16 bits stays as an explicit zero.
    pub(super) stored: Vec<SparseRow>,
    pub(super) dividends: Vec<Q>,
}

/// Moves the bonds toward the weights that they follow, and pays by them.
pub(super) fn update(
    input: &EpochInput<'_>,
    weights: Rows,
    shares: &Shares<'_>,
    permits: &[bool],
) -> Result<Bonds, YumaError> {
    let parameters = &input.parameters;
    if !parameters.yuma3 {
        return yuma2(input, weights, shares, permits);
    }
    let mut sums = ColumnSums::new(usize::from(input.n));
    let prior = prior(input, |_, stored| Q::proportion(stored));
    let liquid = parameters.liquid_alpha && shares.consensus.iter().any(|c| *c != Q::ZERO);
    let bonds = if liquid {
        liquid::follow(parameters, &weights, &prior, shares.consensus, &mut sums)
    } else {
        let (weights, prior) = (weights.into_sorted(), prior.into_sorted());
        let blend = Blend { rate: rate(input), new: |_, weight| weight, old: |_, bond| bond };
        blend.run(&weights, &prior, &mut sums)
    };
    refuse_overflow(&sums)?;
    let dividends = yuma3_dividends(&bonds, &sums, shares);
    Ok(Bonds { stored: stored(&bonds, permits, |_, bond| bond), dividends })
}

/// Yuma2: bonds on a uid are shares of one, and the moving average is over such shares.
fn yuma2(
    input: &EpochInput<'_>,
    weights: Rows,
    shares: &Shares<'_>,
    permits: &[bool],
) -> Result<Bonds, YumaError> {
    let n = usize::from(input.n);
    // Columns are only ever seen divided by their sums, so the unit of the stored values cancels.
    let mut prior_sums = ColumnSums::new(n);
    let prior = prior(input, |uid, stored| {
        let bond = Q::from_raw(i64::from(stored));
        prior_sums.add(uid, bond);
        bond
    });
    let mut delta_sums = ColumnSums::new(n);
    let mut delta = weights.into_sorted();
    let mut stakes = shares.active_stake.iter();
    delta.for_each_row(|uids, values| {
        let stake = stakes.next().copied().unwrap_or_default();
        for (uid, value) in uids.iter().zip(values) {
            *value = stake.mul(*value);
            delta_sums.add(*uid, *value);
        }
    });

    let mut sums = ColumnSums::new(n);
    let (delta_by, prior_by) = (by_column(&delta_sums), by_column(&prior_sums));
    let blend = Blend {
        rate: rate(input),
        new: |uid, value| delta_by.divide(uid, value),
        old: |uid, value| prior_by.divide(uid, value),
    };
    let mut bonds = blend.run(&delta, &prior.into_sorted(), &mut sums);
    drop(delta);
    refuse_overflow(&sums)?;
    let (dividends, maxima) = yuma2_dividends(&mut bonds, &sums, shares.incentive);
    // Stored relative to the largest bond on the uid, to make the most of 16 bits.
    let by: ColumnDivisors = maxima.into_iter().map(Divisor::new).collect();
    Ok(Bonds { stored: stored(&bonds, permits, |uid, bond| by.divide(uid, bond)), dividends })
}

/// Divides the columns of `bonds` by their sums; gives the dividends and each column's maximum.
fn yuma2_dividends(bonds: &mut Rows, sums: &ColumnSums, incentive: &[Q]) -> (Vec<Q>, Vec<Q>) {
    struct Column {
        sum: Divisor,
        incentive: Q,
        maximum: Q,
    }
    let columns = sums.divisors().zip(incentive);
    let mut columns: Vec<Column> = columns
        .map(|(sum, incentive)| Column { sum, incentive: *incentive, maximum: Q::ZERO })
        .collect();
    let mut dividends = Vec::with_capacity(incentive.len());
    bonds.for_each_row(|uids, values| {
        let mut earned = Q::ZERO;
        for (uid, value) in uids.iter().zip(values) {
            if let Some(column) = columns.get_mut(usize::from(*uid)) {
                *value = column.sum.divide(*value);
                earned = earned.add(column.incentive.mul(*value));
                column.maximum = column.maximum.max(*value);
            }
        }
        dividends.push(earned);
    });
    normalise(&mut dividends);
    (dividends, columns.into_iter().map(|column| column.maximum).collect())
}

/// Yuma3: incentive of the uids bonded to, split by bonds, times the validator's stake.
fn yuma3_dividends(bonds: &Rows, sums: &ColumnSums, shares: &Shares<'_>) -> Vec<Q> {
    let columns: Vec<(Divisor, Q)> =
        sums.divisors().zip(shares.incentive.iter().copied()).collect();
    let mut dividends = Vec::with_capacity(shares.active_stake.len());
    for (row, stake) in bonds.rows().zip(shares.active_stake) {
        let mut earned = Q::ZERO;
        // Without stake the product below is zero whatever the bonds earned.
        if stake.is_positive() {
            for (uid, bond) in row.entries() {
                if let Some((divisor, incentive)) = columns.get(usize::from(uid)) {
                    earned = earned.add(divisor.divide(bond).mul(*incentive));
                }
            }
        }
        dividends.push(earned.mul_or_zero(*stake));
    }
    normalise(&mut dividends);
    dividends
}

fn by_column(sums: &ColumnSums) -> ColumnDivisors {
    sums.divisors().collect()
}

fn refuse_overflow(sums: &ColumnSums) -> Result<(), YumaError> {
    sums.overflow().map_or(Ok(()), |uid| Err(YumaError::BondsOverflow { uid }))
}

/// Stored bonds, without those on uids that were registered since the epoch before.
fn prior(input: &EpochInput<'_>, mut value: impl FnMut(u16, u16) -> Q) -> Rows {
    let registered_before = match input.last_mechanism_step_block {
        0 => input.current_block.saturating_sub(u64::from(input.parameters.tempo)),
        block => block.saturating_add(1),
    };
    let entries = input.bonds.iter().map(Vec::len).fold(0, usize::saturating_add);
    let mut prior = Rows::with_capacity(input.bonds.len(), entries);
    for row in input.bonds {
        for (uid, stored) in row {
            let registered = input.block_at_registration.get(usize::from(*uid));
            if registered.is_some_and(|block| *block < registered_before)
                || planted::is(Bug::BondsInherited)
            {
                prior.push(*uid, value(*uid, *stored));
            }
        }
        prior.end_row();
    }
    prior
}

/// Rate at which bonds follow weights without liquid alpha; negative above a million.
fn rate(input: &EpochInput<'_>) -> Q {
    let millionths = i128::from(input.parameters.bonds_moving_average);
    Q::ONE.sub(Q::saturating_from_wide((millionths << 32) / 1_000_000))
}

/// The moving average `rate * new + (1 - rate) * old`, each product rounded down.
struct Blend<New, Old> {
    rate: Q,
    /// What to make of a value before it is blended.
    new: New,
    old: Old,
}

impl<New: Fn(u16, Q) -> Q, Old: Fn(u16, Q) -> Q> Blend<New, Old> {
    /// Blends row by row and keeps what is above zero. Rows of both must be sorted by uid, and
    /// those of the result are.
    fn run(&self, new: &Rows, old: &Rows, sums: &mut ColumnSums) -> Rows {
        let keep = Q::ONE.sub(self.rate);
        let larger = if new.entry_count() > old.entry_count() { new } else { old };
        let mut blended = Rows::with_capacity_of(larger);
        for (new, old) in new.rows().zip(old.rows()) {
            merge(new, old, |uid, new, old| {
                let gained = self.rate.mul((self.new)(uid, new));
                let bond = gained.add(keep.mul((self.old)(uid, old)));
                if bond.is_positive() {
                    sums.add(uid, bond);
                    blended.push(uid, bond);
                }
            });
            blended.end_row();
        }
        blended
    }
}

/// Visits every uid that either row names, in ascending order, with zero for a missing value.
fn merge(left: Row<'_>, right: Row<'_>, mut visit: impl FnMut(u16, Q, Q)) {
    if left.uids == right.uids {
        return left.entries().zip(right.values).for_each(|((uid, l), r)| visit(uid, l, *r));
    }
    let (mut left, mut right) = (left.entries(), right.entries());
    let (mut from_left, mut from_right) = (left.next(), right.next());
    loop {
        match (from_left, from_right) {
            (Some((l_uid, l)), Some((r_uid, r))) if l_uid == r_uid => {
                visit(l_uid, l, r);
                (from_left, from_right) = (left.next(), right.next());
            }
            (Some((uid, value)), other) if other.is_none_or(|(r_uid, _)| uid < r_uid) => {
                visit(uid, value, Q::ZERO);
                from_left = left.next();
            }
            (_, Some((uid, value))) => {
                visit(uid, Q::ZERO, value);
                from_right = right.next();
            }
            (_, None) => return,
        }
    }
}

fn stored(bonds: &Rows, permits: &[bool], scale: impl Fn(u16, Q) -> Q) -> Vec<SparseRow> {
    let convert = |(row, permit): (Row<'_>, &bool)| {
        if !permit {
            return SparseRow::new();
        }
        row.entries().map(|(uid, bond)| (uid, scale(uid, bond).to_u16())).collect()
    };
    bonds.rows().zip(permits).map(convert).collect()
}
