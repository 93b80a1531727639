//! The number format of the epoch and its rounding rules (`docs/spec/yuma.md`, "Numbers").

use std::num::NonZeroU64;

/// A signed number counted in steps of 2^-32.
///
/// Addition and subtraction saturate. Products round toward minus infinity and quotients toward
/// zero; mixing the two up changes results, so each has one named method and no operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Q(i64);

impl Q {
    pub(super) const ZERO: Self = Self(0);
    pub(super) const ONE: Self = Self(1 << 32);
    pub(super) const HALF: Self = Self(1 << 31);
    pub(super) const MAX: Self = Self(i64::MAX);

    pub(super) const fn from_raw(raw: i64) -> Self {
        Self(raw)
    }

    pub(super) const fn raw(self) -> i64 {
        self.0
    }

    /// Nearest representable value to `raw * 2^-32`.
    #[cold]
    pub(super) fn saturating_from_wide(raw: i128) -> Self {
        let limit = if raw < 0 { i64::MIN } else { i64::MAX };
        Self(i64::try_from(raw).unwrap_or(limit))
    }

    /// `x / 65535`, rounded down; 65535 gives exactly one.
    pub(super) fn proportion(x: u16) -> Self {
        Self((i64::from(x) << 32) / 65_535)
    }

    /// The share of 65535 at or below this number, clamped to the range of `u16`.
    pub(super) fn to_u16(self) -> u16 {
        // At most one here, so the product stays below 2^49.
        let unit = self.clamp(Self::ZERO, Self::ONE).0.wrapping_mul(65_535) >> 32;
        u16::try_from(unit).unwrap_or(u16::MAX)
    }

    #[inline]
    pub(super) const fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    #[inline]
    pub(super) const fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `self * other`, rounded toward minus infinity.
    #[inline]
    pub(super) fn mul(self, other: Self) -> Self {
        // A product of two 64-bit numbers always fits in 128 bits.
        let wide = i128::from(self.0).wrapping_mul(i128::from(other.0)) >> 32;
        // A branch that is never taken is cheaper than clamping both ends.
        match i64::try_from(wide) {
            Ok(raw) => Self(raw),
            Err(_) => Self::saturating_from_wide(wide),
        }
    }

    /// Like [`Q::mul`], but zero when the product does not fit.
    pub(super) fn mul_or_zero(self, other: Self) -> Self {
        let wide = i128::from(self.0).wrapping_mul(i128::from(other.0)) >> 32;
        Self(i64::try_from(wide).unwrap_or(0))
    }

    /// `self / other`, rounded toward zero; zero when `other` is zero or the quotient does not fit.
    pub(super) fn div(self, other: Self) -> Self {
        let quotient = (i128::from(self.0) << 32).checked_div(i128::from(other.0)).unwrap_or(0);
        Self(i64::try_from(quotient).unwrap_or(0))
    }

    pub(super) fn is_positive(self) -> bool {
        self.0 > 0
    }
}

/// Exact sum. Its terms are never negative in this module, so a sum that saturates was too large,
/// and [`Q::MAX`] marks it.
pub(super) fn total<'a>(values: impl IntoIterator<Item = &'a Q>) -> Q {
    values.into_iter().fold(Q::ZERO, |sum, value| sum.add(*value))
}

/// Divides every value by the sum of all, unless that sum is zero.
///
/// The result sums to at most one and usually to a little less: callers must not skip a second
/// normalisation.
pub(super) fn normalise(values: &mut [Q]) {
    let divisor = Divisor::new(total(values.iter()));
    for value in values {
        *value = divisor.divide(*value);
    }
}

/// Repeated division by one number, through its reciprocal.
///
/// Dividing 128-bit integers in hardware costs tens of cycles and an epoch divides several times
/// per weight. [`Divisor::divide`] gives the same result as [`Q::div`] for every dividend, except
/// that dividing by zero leaves the dividend as it is: that is what normalising means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Divisor {
    by: Q,
    /// Bits that bring the divisor to the top of a `u64`.
    shift: u32,
    /// floor((2^127 - 1) / (by << shift)), in [2^63, 2^64); 0 unless `by` is positive.
    reciprocal: u64,
}

impl Divisor {
    pub(super) fn new(by: Q) -> Self {
        let magnitude = u64::try_from(by.0).unwrap_or(0);
        let shift = magnitude.leading_zeros();
        let aligned = u128::from(magnitude.checked_shl(shift).unwrap_or(0));
        let reciprocal = (u128::MAX >> 1).checked_div(aligned).unwrap_or(0);
        Self { by, shift, reciprocal: u64::try_from(reciprocal).unwrap_or(u64::MAX) }
    }

    #[inline]
    pub(super) fn divide(&self, value: Q) -> Q {
        let (dividend, divisor) = (value.0.cast_unsigned(), self.by.0.cast_unsigned());
        // A negative dividend reads as one of 2^63 and more here, above any divisor.
        if dividend > divisor || self.reciprocal == 0 {
            return self.divide_plainly(value);
        }
        // dividend <= divisor, so the aligned dividend fits as well. The reciprocal is below the
        // true one by at most a unit and the estimate therefore by at most one.
        let aligned = u128::from(dividend.wrapping_shl(self.shift));
        let estimate = low_half(aligned.wrapping_mul(u128::from(self.reciprocal)) >> 95);
        // The true remainder lies in [0, 2 * divisor), below 2^64: the low 64 bits are all of it.
        let remainder = (dividend << 32).wrapping_sub(estimate.wrapping_mul(divisor));
        // The quotient of dividend <= divisor is at most 2^32.
        Q(estimate.wrapping_add(u64::from(remainder >= divisor)).cast_signed())
    }

    #[cold]
    fn divide_plainly(&self, value: Q) -> Q {
        if self.by == Q::ZERO { value } else { value.div(self.by) }
    }
}

/// The low 64 bits.
#[inline]
fn low_half(wide: u128) -> u64 {
    u64::try_from(wide & u128::from(u64::MAX)).unwrap_or(0)
}

/// `1 / value`, rounded down, for a value of at least one.
#[inline]
pub(super) fn reciprocal(value: Q) -> Q {
    let divisor = NonZeroU64::new(u64::try_from(value.0).unwrap_or(0)).unwrap_or(NonZeroU64::MIN);
    // floor(2^64 / d) differs from floor((2^64 - 1) / d) only where d divides 2^64.
    let quotient = (u64::MAX / divisor).saturating_add(u64::from(divisor.is_power_of_two()));
    Q(i64::try_from(quotient).unwrap_or(i64::MAX))
}

/// The exponential of the specification: 31 terms of the series, each rounded down, of the
/// magnitude clamped to 20; a negative argument takes the reciprocal.
pub(super) fn exp<const LANES: usize>(arguments: [Q; LANES]) -> [Q; LANES] {
    let mut results = arguments;
    let magnitudes = arguments.map(|z| z.0.unsigned_abs().min(EXP_LIMIT));
    for ((result, argument), sum) in results.iter_mut().zip(arguments).zip(exp_series(magnitudes)) {
        let sum = Q(i64::try_from(sum).unwrap_or(i64::MAX));
        *result = if argument == Q::ONE {
            E
        } else if argument.0 < 0 {
            reciprocal(sum)
        } else {
            sum
        };
    }
    results
}

/// Largest magnitude the series is evaluated at, 20.
const EXP_LIMIT: u64 = 20 << 32;

/// exp(1), which the specification fixes to 23 fractional bits instead of summing the series.
const E: Q = Q(11_674_931_200);

/// Several sums at once: each term waits for the one before it, so lanes share the waiting.
#[inline]
fn exp_series<const LANES: usize>(magnitudes: [u64; LANES]) -> [u64; LANES] {
    let mut sums = magnitudes.map(|a| a.saturating_add(1 << 32));
    let mut terms = magnitudes;
    // The divisors are literals because the compiler turns division by a constant into a product.
    macro_rules! add_terms {
        ($($index:literal)*) => {$(
            for ((term, sum), a) in terms.iter_mut().zip(&mut sums).zip(magnitudes) {
                // At magnitude 20 the terms peak below 2^58 and the product below 2^95.
                *term = low_half(u128::from(*term).wrapping_mul(u128::from(a)) >> 32) / $index;
                *sum = sum.wrapping_add(*term);
            }
        )*};
    }
    add_terms!(2 3 4 5 6 7 8 9 10 11 12);
    // Once a term is zero, so are all after it.
    if terms.iter().any(|term| *term > 0) {
        add_terms!(13 14 15 16 17 18);
    }
    if terms.iter().any(|term| *term > 0) {
        add_terms!(19 20 21 22 23 24);
    }
    if terms.iter().any(|term| *term > 0) {
        add_terms!(25 26 27 28 29 30 31);
    }
    sums
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exp_of(raw: i64) -> i64 {
        let [result] = exp([Q(raw)]);
        result.raw()
    }

    #[test]
    fn exp_has_the_constants_of_the_specification() {
        let one = 1_i64 << 32;
        for (argument, expected) in [
            (0, one),
            (one, 11_674_931_200),
            (-one, 1_580_030_169),
            (10_737_418_240, 52_323_413_133),
            (-10_737_418_240, 352_552_384),
            (one * 20, 2_066_907_302_758_576_256),
            (one * 20 + 1, 2_066_907_302_758_576_256),
            (i64::MAX, 2_066_907_302_758_576_256),
            (-one * 20, 8),
            (i64::MIN, 8),
            (1, one + 1),
            (-1, one - 1),
        ] {
            assert_eq!(exp_of(argument), expected, "exp({argument})");
        }
    }

    #[test]
    fn proportions_are_exact_at_both_ends_and_rounded_down_between() {
        assert_eq!(Q::proportion(0), Q::ZERO);
        assert_eq!(Q::proportion(65_535), Q::ONE);
        assert_eq!(Q::proportion(32_767).raw(), 2_147_450_879);
        for x in 0..=u16::MAX {
            // Rounding down twice may lose one unit and never more.
            let back = Q::proportion(x).to_u16();
            assert!(back == x || back + 1 == x, "{x} came back as {back}");
        }
    }

    #[test]
    fn products_of_negatives_round_toward_minus_infinity() {
        assert_eq!(Q(-1).mul(Q::HALF), Q(-1));
        assert_eq!(Q(-3).mul(Q::HALF), Q(-2));
        assert_eq!(Q(3).mul(Q::HALF), Q(1));
        assert_eq!(Q::MAX.mul(Q::MAX), Q::MAX);
        assert_eq!(Q(i64::MIN).mul(Q::MAX), Q(i64::MIN));
        assert_eq!(Q::MAX.mul_or_zero(Q::MAX), Q::ZERO);
    }

    #[test]
    fn quotients_round_toward_zero_and_are_zero_when_they_do_not_fit() {
        assert_eq!(Q(-1).div(Q(2 << 32)), Q::ZERO);
        assert_eq!(Q(-7).div(Q(2 << 32)), Q(-3));
        assert_eq!(Q::ONE.div(Q::ZERO), Q::ZERO);
        assert_eq!(Q::MAX.div(Q(1)), Q::ZERO);
    }

    #[test]
    fn conversion_to_u16_clamps() {
        assert_eq!(Q(-1).to_u16(), 0);
        assert_eq!(Q(Q::ONE.raw() - 1).to_u16(), 65_534);
        assert_eq!(Q::MAX.to_u16(), 65_535);
        assert_eq!(Q(i64::MIN).to_u16(), 0);
    }

    /// The series as the specification writes it, one term after the other.
    fn exp_plain(raw: i64) -> i64 {
        let a = i128::from(raw).clamp(-(20 << 32), 20 << 32).abs();
        let (mut sum, mut term) = ((1 << 32) + a, a);
        for i in 2..=31 {
            term = ((term * a) >> 32) / i;
            sum += term;
        }
        let result = if raw < 0 { (1_i128 << 64) / sum } else { sum };
        if raw == 1 << 32 { 11_674_931_200 } else { i64::try_from(result).unwrap() }
    }

    proptest! {
        #[test]
        fn a_divisor_divides_like_a_division(
            by in 1..=i64::MAX, shift in 0_u32..63, value in any::<i64>(), within in any::<u64>(),
        ) {
            let by = (by >> shift).max(1);
            let below = (u128::from(within) * u128::from(by.unsigned_abs())) >> 64;
            let below = i64::try_from(below).unwrap();
            for value in [value, below, by, by - 1, 1, 0] {
                prop_assert_eq!(Divisor::new(Q(by)).divide(Q(value)), Q(value).div(Q(by)));
            }
        }

        #[test]
        fn lanes_do_not_see_each_other(
            raw in prop::array::uniform4((-(21_i64 << 32)..21 << 32, 0_u32..40)),
        ) {
            let arguments = raw.map(|(value, shift)| value >> shift);
            let results = exp(arguments.map(Q)).map(Q::raw);
            prop_assert_eq!(results, arguments.map(exp_plain));
        }
    }

    #[test]
    fn divisors_at_powers_of_two_and_the_extremes_are_exact() {
        for by in [1, 2, 3, (1 << 32) - 1, 1 << 32, (1 << 32) + 1, 1 << 62, i64::MAX - 1, i64::MAX]
        {
            let divisor = Divisor::new(Q(by));
            for value in [0, 1, by / 3, by / 2, by - 1, by, by.saturating_add(1), -1, i64::MIN] {
                assert_eq!(divisor.divide(Q(value)), Q(value).div(Q(by)), "{value} / {by}");
            }
        }
        for value in [-5, 0, 5] {
            assert_eq!(Divisor::new(Q::ZERO).divide(Q(value)), Q(value));
            assert_eq!(Divisor::new(Q(-7)).divide(Q(value)), Q(value).div(Q(-7)));
        }
    }
}
