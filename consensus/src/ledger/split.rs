//! How an amount is shared out: to the last rao, by largest remainder (`docs/spec/ledger.md`,
//! "Emission").

use std::cmp::Reverse;

use ganglion_types::planted::{self, Bug};

/// Splits `amount` in proportion to `shares`.
///
/// Each gets `floor(share * amount / total)`; what is left over, always fewer rao than there are
/// shares above zero, goes one each to the largest remainders, equal ones to the lower position.
/// The parts add up to `amount` exactly, unless every share is zero: then every part is.
#[must_use]
pub fn split(amount: u64, shares: &[u64]) -> Vec<u64> {
    // At most 2^64 terms below 2^64.
    let total = shares.iter().fold(0_u128, |sum, share| sum.saturating_add(u128::from(*share)));
    let mut parts = Vec::with_capacity(shares.len());
    let mut remainders = Vec::with_capacity(shares.len());
    let mut left = amount;
    for share in shares {
        // Two numbers below 2^64 have a product below 2^128.
        let product = u128::from(*share).saturating_mul(u128::from(amount));
        let part = product.checked_div(total).unwrap_or(0);
        // A share is at most the total, so its part is at most the amount.
        let part = u64::try_from(part).unwrap_or(u64::MAX);
        left = left.saturating_sub(part);
        parts.push(part);
        remainders.push(product.checked_rem(total).unwrap_or(0));
    }
    if total == 0 || planted::is(Bug::RemainderLost) {
        return parts;
    }
    let mut order: Vec<(Reverse<u128>, usize)> =
        remainders.into_iter().enumerate().map(|(at, rest)| (Reverse(rest), at)).collect();
    order.sort_unstable();
    if planted::is(Bug::UnstableOrder) && planted::draw().is_multiple_of(2) {
        order.reverse();
    }
    let units = usize::try_from(left).unwrap_or(usize::MAX);
    for (_, at) in order.into_iter().take(units) {
        if let Some(part) = parts.get_mut(at) {
            *part = part.saturating_add(1);
        }
    }
    parts
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn total(parts: &[u64]) -> u128 {
        parts.iter().fold(0, |sum, part| sum + u128::from(*part))
    }

    #[test]
    fn the_largest_remainders_get_what_is_left() {
        assert_eq!(split(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(split(10, &[2, 3, 3]), [2, 4, 4]);
        assert_eq!(split(11, &[2, 3, 3]), [3, 4, 4]);
        assert_eq!(split(1, &[1, 2, 2]), [0, 1, 0]);
        assert_eq!(split(u64::MAX, &[u64::MAX, 0]), [u64::MAX, 0]);
        assert_eq!(split(7, &[5, 0, 0]), [7, 0, 0]);
    }

    #[test]
    fn nothing_is_split_where_nobody_has_a_share() {
        assert_eq!(split(10, &[0, 0]), [0, 0]);
        assert_eq!(split(10, &[]), []);
        assert_eq!(split(0, &[3, 4]), [0, 0]);
    }

    proptest! {
        #[test]
        fn parts_add_up_and_stay_within_one_of_the_exact_quota(
            amount: u64,
            shares in prop::collection::vec(prop_oneof![Just(0_u64), 0..9_u64, any::<u64>()], 1..40),
        ) {
            let parts = split(amount, &shares);
            let all = total(&shares);
            prop_assert_eq!(total(&parts), if all == 0 { 0 } else { u128::from(amount) });
            for (part, share) in parts.iter().zip(&shares) {
                let quota = (u128::from(*share) * u128::from(amount)).checked_div(all).unwrap_or(0);
                prop_assert!((quota..=quota + 1).contains(&u128::from(*part)));
                prop_assert!(*share > 0 || *part == 0);
            }
        }

        #[test]
        fn a_larger_share_never_gets_less(
            amount: u64,
            shares in prop::collection::vec(any::<u64>(), 2..20),
        ) {
            let parts = split(amount, &shares);
            let mut pairs: Vec<_> = shares.iter().zip(&parts).collect();
            pairs.sort_unstable();
            prop_assert!(pairs.windows(2).all(|pair| pair[0].0 == pair[1].0 || pair[0].1 <= pair[1].1));
        }

        #[test]
        fn dividing_a_share_in_two_gains_at_most_one(
            amount: u64,
            shares in prop::collection::vec(0..(1_u64 << 33), 1..20),
            cut in 0..=1_000_u64,
        ) {
            let whole = split(amount, &shares);
            let first = shares[0] / 1_000 * cut;
            let mut divided = vec![first, shares[0] - first];
            divided.extend_from_slice(&shares[1..]);
            let halves = split(amount, &divided);
            let both = u128::from(halves[0]) + u128::from(halves[1]);
            prop_assert!(both <= u128::from(whole[0]) + 1);
        }
    }
}
