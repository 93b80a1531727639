//! Comparing a result with what a vector expects.

use std::fmt;

use ganglion_consensus::yuma::{EpochOutput, SparseRow};

use super::error::Place;
use super::format::Expected;

/// What checking found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Cases read.
    pub cases: u64,
    /// Epochs run.
    pub epochs: u64,
    /// Fields compared and found equal.
    pub fields_equal: u64,
    /// Cases with a difference.
    pub cases_differing: u64,
    /// The first difference of all.
    pub first_difference: Option<Difference>,
}

impl Report {
    pub(super) fn differ(&mut self, difference: Difference) {
        self.cases_differing += 1;
        self.first_difference.get_or_insert(difference);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cases, epochs, fields_equal, cases_differing, .. } = self;
        write!(f, "{cases} cases, {epochs} epochs, {fields_equal} fields equal")?;
        if *cases_differing > 0 {
            write!(f, ", {cases_differing} cases differ")?;
        }
        Ok(())
    }
}

/// Where a result is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The line of the case.
    pub place: Place,
    /// Its id.
    pub case: String,
    /// The step, counted from zero.
    pub step: usize,
    /// The field, the index and both values.
    pub mismatch: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, case, step, mismatch } = self;
        write!(f, "{place}: case {case}, step {step}: {mismatch}")
    }
}

impl Expected {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The first field that differs, with the index and both values. Adds to `equal` those before.
    pub(super) fn compare(&self, output: &EpochOutput, equal: &mut u64) -> Option<String> {
        macro_rules! compare {
            ($($field:ident)*) => {$(
                if let Some(expected) = &self.$field {
                    let name = stringify!($field);
                    let difference = first_difference(name, expected, &output.$field, |at, expected, got| {
                        format!("{at} is {got:?}, expected {expected:?}")
                    });
                    if difference.is_some() {
                        return difference;
                    }
                    *equal += 1;
                }
            )*};
        }
        compare!(consensus incentive dividends validator_trust stake_weight new_validator_permit
            active server_emission validator_emission emission raw_consensus raw_incentive
            raw_dividends);
        let expected = self.bonds.as_ref()?;
        let difference = first_difference("bonds", expected, &output.bonds, differing_row);
        if difference.is_none() {
            *equal += 1;
        }
        difference
    }
}

fn differing_row(at: &str, expected: &SparseRow, got: &SparseRow) -> String {
    let entry = |at: &str, (uid, bond): &(u16, u16), (got_uid, got_bond): &(u16, u16)| {
        format!("{at} is [{got_uid}, {got_bond}], expected [{uid}, {bond}]")
    };
    first_difference(at, expected, got, entry).unwrap_or_default()
}

/// Describes the first element that differs, or else the lengths.
fn first_difference<T: PartialEq>(
    name: &str,
    expected: &[T],
    got: &[T],
    describe: impl FnOnce(&str, &T, &T) -> String,
) -> Option<String> {
    let pairs = expected.iter().zip(got).enumerate();
    if let Some((index, (expected, got))) = pairs.into_iter().find(|(_, (a, b))| a != b) {
        return Some(describe(&format!("{name}[{index}]"), expected, got));
    }
    let (expected, got) = (expected.len(), got.len());
    (expected != got).then(|| format!("{name} has {got} elements, expected {expected}"))
}
