//! Yuma vectors: files of epochs with their expected results, run and checked against our epoch.
//!
//! The format is in `docs/spec/yuma.md`, "Vectors": one case per line as a JSON object, which holds
//! an input state and steps that change it. [`run`] prints what each step gives, [`check`] compares
//! that with what the step expects. Files are read line by line, so only their longest line has to
//! fit in memory.

mod check;
mod error;
mod format;
mod lines;

use std::io::Write;
use std::path::{Path, PathBuf};

use ganglion_consensus::yuma::{self, EpochOutput};
use serde::de::{DeserializeOwned, IgnoredAny};

pub use check::{Difference, Report};
pub use error::{Place, Rule, VectorError};

use format::{Case, CaseOutput, Expected, State, StepOutput, StepState};
use lines::Lines;

/// Longest line that is read.
const LINE_BYTES_MAX: u64 = 256 << 20;

/// Writes one line for every case of `files`: its id and the result of each of its steps.
///
/// # Errors
/// At the first case that cannot be read or run; lines of the cases before it are written.
pub fn run(files: &[PathBuf], out: &mut impl Write) -> Result<(), VectorError> {
    for file in files {
        for_each_case(file, |place, case: Case<IgnoredAny>| {
            let mut steps = Vec::with_capacity(case.steps.len());
            let mut player = Player::new(place, case.id, case.input);
            for step in case.steps {
                steps.push(StepOutput::new(player.play(step.set)?));
            }
            let line = CaseOutput { id: player.id, steps };
            serde_json::to_writer(&mut *out, &line)
                .map_err(|error| VectorError::Write(error.into()))?;
            out.write_all(b"\n").map_err(VectorError::Write)
        })?;
    }
    out.flush().map_err(VectorError::Write)
}

/// Runs every case of `files` and compares each step with what it expects.
///
/// The rest of a case after a difference counts as not run, because it would build on that.
///
/// # Errors
/// At the first case that cannot be read or run, or where there is nothing to compare.
pub fn check(files: &[PathBuf]) -> Result<Report, VectorError> {
    let mut report = Report::default();
    for file in files {
        let cases_before = report.cases;
        for_each_case(file, |place, case: Case<Expected>| {
            report.cases += 1;
            let mut player = Player::new(place, case.id, case.input);
            for (index, step) in case.steps.into_iter().enumerate() {
                let expected = step.expected.filter(|expected| !expected.is_empty());
                let expected = expected.ok_or_else(|| player.refuse(Rule::NothingExpected))?;
                let output = player.play(step.set)?;
                report.epochs += 1;
                if let Some(mismatch) = expected.compare(&output, &mut report.fields_equal) {
                    report.differ(Difference {
                        place: player.place.clone(),
                        case: player.id.clone(),
                        step: index,
                        mismatch,
                    });
                    break;
                }
            }
            Ok(())
        })?;
        if report.cases == cases_before {
            return Err(VectorError::NoCase { file: lines::name_of(file) });
        }
    }
    Ok(report)
}

fn for_each_case<E: DeserializeOwned>(
    file: &Path,
    mut visit: impl FnMut(Place, Case<E>) -> Result<(), VectorError>,
) -> Result<(), VectorError> {
    let mut lines = Lines::open(file, LINE_BYTES_MAX)?;
    while let Some((place, line)) = lines.next()? {
        let case = Case::parse(&place, line)?;
        visit(place, case)?;
    }
    Ok(())
}

/// Plays the steps of one case, each on the state that the one before left.
struct Player {
    place: Place,
    id: String,
    state: State,
    step: usize,
}

impl Player {
    fn new(place: Place, id: String, state: State) -> Self {
        Self { place, id, state, step: 0 }
    }

    fn play(&mut self, set: StepState) -> Result<EpochOutput, VectorError> {
        set.apply(&mut self.state).map_err(|rule| self.refuse(rule))?;
        let input = self.state.input().map_err(|rule| self.refuse(rule))?;
        let output = yuma::run(&input).map_err(|source| VectorError::Epoch {
            place: self.place.clone(),
            case: self.id.clone(),
            step: self.step,
            source,
        })?;
        self.state.advance(&output);
        self.step += 1;
        Ok(output)
    }

    fn refuse(&self, rule: Rule) -> VectorError {
        let (place, case) = (self.place.clone(), self.id.clone());
        VectorError::Step { place, case, step: self.step, rule }
    }
}
