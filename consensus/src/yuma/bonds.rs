//! Bonds and dividends (`docs/spec/yuma.md`, "Prior bonds" to "Bonds output").

use std::cmp::Ordering;

use super::fixed::{Divisor, Q, normalise};
use super::input::{EpochInput, SparseRow, YumaError};
use super::liquid;
use super::matrix::{Row, Rows};

/// What earlier steps of the epoch found, by uid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares<'a> {
    pub(super) active_stake: &'a [Q],
    pub(super) consensus: &'a [Q],
    pub(super) incentive: &'a [Q],
}

/// The new bonds of all uids, ready to be stored, and the dividends.
pub(super) fn update(
    input: &EpochInput<'_>,
    weights: Rows,
    shares: &Shares<'_>,
) -> Result<(Rows, Vec<Q>), YumaError> {
    let parameters = &input.parameters;
    if !parameters.yuma3 {
        return yuma2(input, weights, shares);
    }
    let prior = prior(input, Q::proportion);
    let liquid = parameters.liquid_alpha && shares.consensus.iter().any(|c| *c != Q::ZERO);
    let bonds = if liquid {
        liquid::follow(parameters, &weights, &prior, shares.consensus)
    } else {
        blend(rate(input), &weights.into_sorted(), &prior.into_sorted())
    };
    let sums = bond_sums(&bonds, input.n)?;
    let dividends = yuma3_dividends(&bonds, &sums, shares);
    Ok((bonds, dividends))
}

/// Yuma2: bonds on a uid are shares of one, and the moving average is over such shares.
fn yuma2(
    input: &EpochInput<'_>,
    weights: Rows,
    shares: &Shares<'_>,
) -> Result<(Rows, Vec<Q>), YumaError> {
    let n = usize::from(input.n);
    // Columns are divided by their sums at once, so the unit of the stored values cancels.
    let mut prior = prior(input, |stored| Q::from_raw(i64::from(stored))).into_sorted();
    prior.divide_columns(&prior.column_sums(n));
    let mut delta = weights.into_sorted();
    delta.scale_rows(shares.active_stake);
    delta.divide_columns(&delta.column_sums(n));

    let mut bonds = blend(rate(input), &delta, &prior);
    bonds.divide_columns(&bond_sums(&bonds, input.n)?);
    let mut dividends: Vec<Q> = bonds.rows().map(|row| dot(row, shares.incentive)).collect();
    normalise(&mut dividends);

    // Stored relative to the largest bond on the uid, to make the most of 16 bits.
    bonds.divide_columns(&bonds.column_maxima(n));
    Ok((bonds, dividends))
}

/// Sum over the entries of a row of `factor * value`, each product rounded down.
fn dot(row: Row<'_>, factors: &[Q]) -> Q {
    row.entries().fold(Q::ZERO, |sum, (uid, value)| {
        let factor = factors.get(usize::from(uid)).copied().unwrap_or_default();
        sum.add(factor.mul(value))
    })
}

/// Yuma3: incentive of the uids bonded to, split by bonds, times the validator's stake.
fn yuma3_dividends(bonds: &Rows, sums: &[Q], shares: &Shares<'_>) -> Vec<Q> {
    let columns: Vec<(Divisor, Q)> =
        sums.iter().map(|sum| Divisor::new(*sum)).zip(shares.incentive.iter().copied()).collect();
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

/// Column sums of new bonds, refused where they leave the number format.
fn bond_sums(bonds: &Rows, n: u16) -> Result<Vec<Q>, YumaError> {
    let sums = bonds.column_sums(usize::from(n));
    match (0..n).zip(&sums).find(|(_, sum)| **sum == Q::MAX) {
        Some((uid, _)) => Err(YumaError::BondsOverflow { uid }),
        None => Ok(sums),
    }
}

/// Stored bonds, without those on uids that were registered since the epoch before.
fn prior(input: &EpochInput<'_>, value: impl Fn(u16) -> Q) -> Rows {
    let registered_before = match input.last_mechanism_step_block {
        0 => input.current_block.saturating_sub(u64::from(input.parameters.tempo)),
        block => block.saturating_add(1),
    };
    let entries = input.bonds.iter().map(Vec::len).fold(0, usize::saturating_add);
    let mut prior = Rows::with_capacity(input.bonds.len(), entries);
    for row in input.bonds {
        for (uid, stored) in row {
            let registered = input.block_at_registration.get(usize::from(*uid));
            if registered.is_some_and(|block| *block < registered_before) {
                prior.push(*uid, value(*stored));
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

/// `rate * new + (1 - rate) * old`, each product rounded down, keeping what is above zero.
///
/// Rows of both must be sorted by uid, and those of the result are.
fn blend(rate: Q, new: &Rows, old: &Rows) -> Rows {
    let keep = Q::ONE.sub(rate);
    let mut blended =
        Rows::with_capacity_of(if new.entry_count() > old.entry_count() { new } else { old });
    for (new, old) in new.rows().zip(old.rows()) {
        if new.uids == old.uids {
            for ((uid, new), old) in new.entries().zip(old.values) {
                blended.push_positive(uid, rate.mul(new).add(keep.mul(*old)));
            }
        } else {
            merge(new, old, |uid, new, old| {
                blended.push_positive(uid, rate.mul(new).add(keep.mul(old)));
            });
        }
        blended.end_row();
    }
    blended
}

/// Visits every uid that either row names, in ascending order, with zero for a missing value.
fn merge(left: Row<'_>, right: Row<'_>, mut visit: impl FnMut(u16, Q, Q)) {
    let (mut left, mut right) = (left.entries().peekable(), right.entries().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (Some((left, _)), Some((right, _))) => left.cmp(right),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        let from_left = if order.is_le() { left.next() } else { None };
        let from_right = if order.is_ge() { right.next() } else { None };
        let (uid, _) = from_left.or(from_right).unwrap_or_default();
        let value = |entry: Option<(u16, Q)>| entry.map_or(Q::ZERO, |(_, value)| value);
        visit(uid, value(from_left), value(from_right));
    }
}

/// The rows of uids that will have a permit, as stored; a value too small for 16 bits stays as an
/// explicit zero.
pub(super) fn stored(bonds: &Rows, permits: &[bool]) -> Vec<SparseRow> {
    let convert = |(row, permit): (Row<'_>, &bool)| {
        if !permit {
            return SparseRow::new();
        }
        row.entries().map(|(uid, bond)| (uid, bond.to_u16())).collect()
    };
    bonds.rows().zip(permits).map(convert).collect()
}
