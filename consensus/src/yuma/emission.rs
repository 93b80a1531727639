//! Who is paid how much (`docs/spec/yuma.md`, "Emission").

use super::fixed::{Divisor, Q, total};

/// Amounts in rao by uid, and the share that stands for validating.
pub(super) struct Payment {
    pub(super) server: Vec<u64>,
    pub(super) validator: Vec<u64>,
    pub(super) combined: Vec<u64>,
    pub(super) validator_share: Vec<Q>,
}

/// Splits `rao` three times: by incentive, by what validators earned, and by both together. Each
/// split is cut off on its own, so the third is not the sum of the others.
///
/// Where nobody earned anything, active stake earns, or else all stake.
pub(super) fn pay(
    incentive: &[Q],
    dividends: &[Q],
    active_stake: &[Q],
    stake: &[Q],
    rao: u64,
) -> Payment {
    let nonzero = |values: &[Q]| values.iter().any(|value| *value != Q::ZERO);
    let earned = total(incentive).add(total(dividends));
    let (validator_share, sum) = if earned != Q::ZERO {
        (dividends, earned)
    } else {
        // Stake is a share of one already and is not divided again.
        (if nonzero(active_stake) { active_stake } else { stake }, Q::ONE)
    };
    let sum = Divisor::new(sum);
    let amount = |share: Q| {
        let share = u128::try_from(sum.divide(share).raw()).unwrap_or(0);
        // Below 2^63 times below 2^64 fits.
        u64::try_from(share.saturating_mul(u128::from(rao)) >> 32).unwrap_or(u64::MAX)
    };
    let both = incentive.iter().zip(validator_share);
    Payment {
        server: incentive.iter().map(|share| amount(*share)).collect(),
        validator: validator_share.iter().map(|share| amount(*share)).collect(),
        combined: both.map(|(server, validator)| amount(server.add(*validator))).collect(),
        validator_share: validator_share.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THIRD: Q = Q::from_raw(1_431_655_765);

    #[test]
    fn the_largest_budget_goes_whole_to_a_single_earner() {
        let paid = pay(&[Q::ZERO, Q::ONE], &[Q::ZERO; 2], &[Q::ZERO; 2], &[Q::ONE; 2], u64::MAX);
        assert_eq!(paid.server, [0, u64::MAX]);
        assert_eq!(paid.validator, [0, 0]);
        assert_eq!(paid.combined, [0, u64::MAX]);
    }

    #[test]
    fn each_split_is_cut_off_on_its_own() {
        let paid = pay(&[THIRD], &[THIRD], &[Q::ZERO], &[Q::ZERO], 3);
        assert_eq!((paid.server, paid.validator, paid.combined), (vec![1], vec![1], vec![3]));
    }

    #[test]
    fn stake_earns_undivided_where_nobody_else_did() {
        let none = [Q::ZERO; 2];
        let paid = pay(&none, &none, &[THIRD, THIRD], &[Q::ONE, Q::ZERO], 9);
        assert_eq!((paid.validator, paid.validator_share), (vec![2, 2], vec![THIRD, THIRD]));
        let paid = pay(&none, &none, &none, &[Q::ONE, Q::ZERO], 9);
        assert_eq!((paid.server, paid.combined), (vec![0, 0], vec![9, 0]));
    }
}
