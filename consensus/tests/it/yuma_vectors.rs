//! Every public vector, compared on every expected field.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;
use ganglion_consensus::yuma::{self, EpochOutput, SparseRow};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::reference;
use crate::yuma_state::{Overrides, State};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    #[serde(rename = "tags")]
    _tags: IgnoredAny,
    input: State,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    set: Overrides,
    expected: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    consensus: Vec<u16>,
    incentive: Vec<u16>,
    dividends: Vec<u16>,
    validator_trust: Vec<u16>,
    stake_weight: Vec<u16>,
    new_validator_permit: Vec<bool>,
    active: Vec<bool>,
    server_emission: Vec<u64>,
    validator_emission: Vec<u64>,
    emission: Vec<u64>,
    bonds: Vec<SparseRow>,
    raw_consensus: Option<Vec<i64>>,
    raw_incentive: Option<Vec<i64>>,
    raw_dividends: Option<Vec<i64>>,
}

impl Expected {
    /// Names the first field that differs.
    fn difference(&self, output: &EpochOutput) -> Option<&'static str> {
        macro_rules! compare {
            ($($field:ident)*) => {$(
                if self.$field != output.$field {
                    return Some(stringify!($field));
                }
            )*};
        }
        compare!(consensus incentive dividends validator_trust stake_weight new_validator_permit
            active server_emission validator_emission emission bonds);
        macro_rules! compare_raw {
            ($($field:ident)*) => {$(
                let small = output.active.len() <= 64;
                assert_eq!(self.$field.is_some(), small, "{} is given up to n = 64", stringify!($field));
                if self.$field.as_ref().is_some_and(|raw| *raw != output.$field) {
                    return Some(stringify!($field));
                }
            )*};
        }
        compare_raw!(raw_consensus raw_incentive raw_dividends);
        None
    }
}

/// Reads one file and hands each epoch to `check`; returns its cases and epochs.
fn replay(path: &Path, mut check: impl FnMut(&str, usize, &State, &Expected)) -> (usize, usize) {
    let file = BufReader::new(GzDecoder::new(File::open(path).unwrap()));
    let (mut cases, mut epochs) = (0, 0);
    for line in file.lines() {
        let case: Case = serde_json::from_str(&line.unwrap()).unwrap();
        let mut state = case.input;
        for (index, step) in case.steps.into_iter().enumerate() {
            step.set.apply(&mut state);
            check(&case.id, index, &state, &step.expected);
            state.bonds.clone_from(&step.expected.bonds);
            state.validator_permit.clone_from(&step.expected.new_validator_permit);
            epochs += 1;
        }
        cases += 1;
    }
    (cases, epochs)
}

/// All files of the folder, so that none can lie there unread.
fn totals(mut check: impl FnMut(&str, usize, &State, &Expected)) -> (usize, usize, usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let (mut files, mut cases, mut epochs) = (0, 0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.to_string_lossy().ends_with(".jsonl.gz"), "{} is no vector", path.display());
        let (more_cases, more_epochs) = replay(&path, &mut check);
        files += 1;
        cases += more_cases;
        epochs += more_epochs;
    }
    (files, cases, epochs)
}

#[test]
fn every_public_vector_is_exact() {
    let read = totals(|id, step, state, expected| {
        let output = yuma::run(&state.input()).unwrap();
        let difference = expected.difference(&output);
        assert_eq!(difference, None, "case {id}, step {step}");
    });
    assert_eq!(read, (6, 412, 982));
}

/// The second opinion deserves the name only if it is right itself.
#[test]
fn the_plain_reference_is_exact_on_every_small_vector() {
    let mut compared = 0;
    totals(|id, step, state, expected| {
        if state.n <= 128 {
            let difference = expected.difference(&reference::run(&state.input()).unwrap());
            assert_eq!(difference, None, "case {id}, step {step}");
            compared += 1;
        }
    });
    assert_eq!(compared, 972);
}
