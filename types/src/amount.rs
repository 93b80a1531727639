//! Amounts.

use std::fmt;

/// An amount in rao: 10^9 rao are one unit. People see units, machines rao.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rao(u64);

/// Text that is no amount of units.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not of the form `12` or `12.5`.
    #[error("not a decimal amount of units, such as 12 or 12.5")]
    Form,
    /// More than nine digits after the point.
    #[error("more than nine digits after the point: 1 unit is 10^9 rao")]
    TooFine,
    /// Over 2^64 - 1 rao.
    #[error("more than 18446744073.709551615 units")]
    TooLarge,
}

impl Rao {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Rao in one unit.
    pub const PER_UNIT: u64 = 1_000_000_000;
    /// Total supply must stay below this, so that Yuma's stake sums and the quorum arithmetic of
    /// agreement cannot overflow (`docs/spec/ledger.md`).
    pub const SUPPLY_MAX: Self = Self(1 << 62);

    /// Wraps a count of rao.
    #[must_use]
    pub const fn new(rao: u64) -> Self {
        Self(rao)
    }

    /// The count of rao.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The sum, or `None` past 2^64 - 1.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` below zero.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Whether nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Rao {
    /// Units with as many decimals as needed: `12.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, rest) = (
            self.0.checked_div(Self::PER_UNIT).unwrap_or(0),
            self.0.checked_rem(Self::PER_UNIT).unwrap_or(0),
        );
        if rest == 0 {
            return write!(f, "{units}");
        }
        let fraction = format!("{rest:09}");
        write!(f, "{units}.{}", fraction.trim_end_matches('0'))
    }
}

impl std::str::FromStr for Rao {
    type Err = AmountError;

    /// Reads units: digits, at most one point, at most nine decimals.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (units, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if units.is_empty() || !digits(units) || !digits(fraction) || text.ends_with('.') {
            return Err(AmountError::Form);
        }
        if fraction.len() > 9 {
            return Err(AmountError::TooFine);
        }
        let units: u64 = units.parse().map_err(|_| AmountError::TooLarge)?;
        let fraction: u64 = format!("{fraction:0<9}").parse().map_err(|_| AmountError::Form)?;
        units
            .checked_mul(Self::PER_UNIT)
            .and_then(|rao| rao.checked_add(fraction))
            .map(Self)
            .ok_or(AmountError::TooLarge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_shown_exactly() {
        for (text, rao) in
            [("0", 0), ("1", 1_000_000_000), ("28.5", 28_500_000_000), ("0.000000001", 1)]
        {
            assert_eq!(text.parse(), Ok(Rao::new(rao)));
            assert_eq!(Rao::new(rao).to_string(), text);
        }
        assert_eq!("18446744073.709551615".parse::<Rao>().map(|amount| amount.get()), Ok(u64::MAX));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for bad in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1 ", "1.2.3"] {
            assert_eq!(bad.parse::<Rao>(), Err(AmountError::Form), "{bad}");
        }
        assert_eq!("0.0000000001".parse::<Rao>(), Err(AmountError::TooFine));
        assert_eq!("18446744073.709551616".parse::<Rao>(), Err(AmountError::TooLarge));
    }
}
