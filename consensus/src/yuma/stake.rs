//! Activity, stake and permits (`docs/spec/yuma.md`, "Activity" to "Active stake").

use super::fixed::{Q, normalise};
use super::input::{EpochInput, YumaError};

/// Who has set weights recently enough.
pub(super) fn activity(input: &EpochInput<'_>) -> Vec<bool> {
    let cutoff = input.parameters.activity_cutoff;
    let active = |updated: &u64| updated.saturating_add(cutoff) >= input.current_block;
    input.last_update.iter().map(active).collect()
}

/// Share of each uid in the stake weight of those at or above the threshold.
pub(super) fn normalised(input: &EpochInput<'_>) -> Result<Vec<Q>, YumaError> {
    let mut stake = Vec::with_capacity(input.stake.len());
    let mut fractions = input.stake_frac.unwrap_or_default().iter();
    let mut sum = 0_u128;
    for (uid, whole) in (0..input.n).zip(input.stake) {
        let wide = (u128::from(*whole) << 64) | u128::from(fractions.next().copied().unwrap_or(0));
        let wide = wide.min(STAKE_MAX);
        let counts =
            input.is_owner(uid) || wide >> 64 >= u128::from(input.parameters.stake_threshold);
        let counted = if counts { wide } else { 0 };
        stake.push(counted);
        // Each term is below 2^127, and the sum is refused as soon as it is not.
        sum = sum.saturating_add(counted);
        if sum > STAKE_MAX {
            return Err(YumaError::StakeOverflow);
        }
    }
    Ok(stake.into_iter().map(|part| share(part, sum)).collect())
}

/// Largest I64F64, 2^63 - 2^-64.
const STAKE_MAX: u128 = u128::MAX >> 1;

/// `part / whole` in steps of 2^-32, rounded down; zero if both are.
///
/// Long division by bits, because the shifted dividend needs up to 159 of them.
fn share(part: u128, whole: u128) -> Q {
    let Some(quotient) = part.checked_div(whole) else {
        return Q::ZERO;
    };
    let mut quotient = i64::try_from(quotient).unwrap_or(1);
    let mut remainder = part.checked_rem(whole).unwrap_or(0);
    for _ in 0..32 {
        // The remainder is below the divisor and that below 2^127, so doubling fits.
        remainder <<= 1;
        quotient <<= 1;
        if remainder >= whole {
            remainder = remainder.wrapping_sub(whole);
            quotient |= 1;
        }
    }
    Q::from_raw(quotient)
}

/// Permits for the next epoch: the largest stakes, higher uids first among equals, and the owner.
pub(super) fn permits(input: &EpochInput<'_>, stake: &[Q]) -> Vec<bool> {
    let mut permits: Vec<bool> = stake.iter().map(|stake| *stake != Q::ZERO).collect();
    let surplus = input.n.saturating_sub(input.parameters.max_allowed_validators);
    let mut ascending: Vec<(Q, usize)> = stake.iter().copied().zip(0..).collect();
    ascending.sort_unstable();
    for (_, uid) in ascending.iter().take(usize::from(surplus)) {
        if let Some(permit) = permits.get_mut(*uid) {
            *permit = false;
        }
    }
    if let Some(permit) = input.owner_uid.and_then(|uid| permits.get_mut(usize::from(uid))) {
        *permit = true;
    }
    permits
}

/// Stake with a vote in this epoch, normalised.
pub(super) fn active_stake(input: &EpochInput<'_>, stake: &[Q], active: &[bool]) -> Vec<Q> {
    let held = (0..input.n).zip(input.validator_permit);
    let votes = held.map(|(uid, permit)| *permit || input.is_owner(uid));
    let mut voting: Vec<Q> = stake
        .iter()
        .zip(active)
        .zip(votes)
        .map(|((stake, active), votes)| if *active && votes { *stake } else { Q::ZERO })
        .collect();
    normalise(&mut voting);
    voting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_where_the_dividend_needs_more_than_128_bits() {
        assert_eq!(share(0, 0), Q::ZERO);
        assert_eq!(share(STAKE_MAX, STAKE_MAX), Q::ONE);
        assert_eq!(share(STAKE_MAX >> 1, STAKE_MAX), Q::from_raw((1 << 31) - 1));
        assert_eq!(share(1, 3), Q::from_raw(1_431_655_765));
        assert_eq!(share(2 << 64, 3 << 64), Q::from_raw(2_863_311_530));
    }
}
