//! The epoch function against the specification written down as plainly as possible.

use arbitrary::{Arbitrary, Result, Unstructured};
use ganglion_consensus::yuma::{EpochInput, Hyperparameters, SparseRow, run};

#[path = "../../../consensus/tests/reference/mod.rs"]
mod reference;

/// Numbers that sit at edges more often than chance would have it.
fn number(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u8::arbitrary(u)? {
        0 => u64::MAX,
        1 => 1 << 62,
        2 => 0,
        3..=80 => u64::from(u16::arbitrary(u)?),
        81..=160 => u64::from(u32::arbitrary(u)?) << 20,
        _ => u64::arbitrary(u)?,
    })
}

fn fraction(u: &mut Unstructured<'_>) -> Result<u16> {
    Ok(match u8::arbitrary(u)? {
        0..=30 => u16::MAX,
        31..=60 => 0,
        _ => u16::arbitrary(u)?,
    })
}

fn rows(u: &mut Unstructured<'_>, n: u16) -> Result<Vec<SparseRow>> {
    (0..n)
        .map(|_| {
            let entries = u.int_in_range(0..=n)?;
            (0..entries).map(|_| Ok((u.int_in_range(0..=n)?, fraction(u)?))).collect()
        })
        .collect()
}

fn many<T>(
    u: &mut Unstructured<'_>,
    n: u16,
    mut one: impl FnMut(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    (0..n).map(|_| one(u)).collect()
}

fn parameters(u: &mut Unstructured<'_>) -> Result<Hyperparameters> {
    Ok(Hyperparameters {
        tempo: u.arbitrary()?,
        activity_cutoff: number(u)?,
        stake_threshold: number(u)?,
        max_allowed_validators: u.int_in_range(0..=20)?,
        kappa: fraction(u)?,
        bonds_penalty: fraction(u)?,
        bonds_moving_average: if u.ratio(3_u8, 4)? {
            u.int_in_range(0..=1_000_000)?
        } else {
            number(u)?
        },
        yuma3: u.arbitrary()?,
        liquid_alpha: u.arbitrary()?,
        alpha_low: fraction(u)?,
        alpha_high: fraction(u)?,
        alpha_sigmoid_steepness: u.arbitrary()?,
    })
}

fn compare(u: &mut Unstructured<'_>) -> Result<()> {
    let n = u.int_in_range(0..=12)?;
    let parameters = parameters(u)?;
    let blocks = many(u, n, number)?;
    let registered = many(u, n, number)?;
    let stake = many(u, n, number)?;
    let fractions = if u.arbitrary()? { Some(many(u, n, |u| u.arbitrary())?) } else { None };
    let permits = many(u, n, |u| u.arbitrary())?;
    let commits = if u.ratio(1_u8, 4)? { Some(many(u, n, number)?) } else { None };
    let (weights, bonds) = (rows(u, n)?, rows(u, n)?);
    let input = EpochInput {
        n,
        current_block: number(u)?,
        last_mechanism_step_block: number(u)?,
        last_update: &blocks,
        block_at_registration: &registered,
        stake: &stake,
        stake_frac: fractions.as_deref(),
        owner_uid: if u.arbitrary()? { Some(u.int_in_range(0..=n)?) } else { None },
        validator_permit: &permits,
        weights: &weights,
        bonds: &bonds,
        commit_blocks: commits.as_deref(),
        rao_emission: number(u)?,
        parameters,
    };
    let (fast, plain) = (run(&input), reference::run(&input));
    assert_eq!(fast, plain, "two implementations differ over {input:?}");
    Ok(())
}

pub(super) fn agrees(bytes: &[u8]) {
    // An input that ends early has been used up: nothing is wrong with it.
    let _ = compare(&mut Unstructured::new(bytes));
}
