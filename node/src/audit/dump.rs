//! An epoch taken apart, as JSON: what `ganglion epoch export` writes and `diff` reads.

use ganglion_consensus::ledger::stages::{
    Stage, StageDifference, digests, roots_in, roots_of, stage_name, stage_number,
};
use ganglion_types::{Canonical as _, Cut, DecodeError, Epoch, hex, limits};
use serde::{Deserialize, Serialize};

use crate::fault::{Code, Curable, Fault};

const SCHEMA: &str = "ganglion/epoch/1";

/// All rows behind the roots of one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Dump {
    schema: String,
    /// The epoch.
    pub epoch: u64,
    /// Encoded cut, hex.
    pub cut: String,
    /// Stages rising by number.
    pub stages: Vec<DumpStage>,
}

/// One stage of a [`Dump`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DumpStage {
    /// Its name.
    pub name: String,
    /// Key and value of each row, hex, rising by key.
    pub rows: Vec<(String, String)>,
}

/// Why a file is no dump.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    /// Not JSON, or of another form.
    #[error("{0}")]
    Form(String),
    /// A cut that is none.
    #[error("its cut cannot be read: {0}")]
    Cut(DecodeError),
    /// Rows that do not lead to the roots of the cut in it.
    #[error("its rows do not lead to the {0} of the cut in it")]
    Roots(&'static str),
}

impl Curable for DumpError {
    fn code(&self) -> Code {
        Code::DUMP_FORM
    }

    fn fault(&self) -> Fault {
        Fault::Input
    }
}

impl Dump {
    /// Puts an epoch into words.
    #[must_use]
    pub fn new(cut: &Cut, stages: &[Stage]) -> Self {
        let stages = stages.iter().map(|stage| DumpStage {
            name: stage_name(stage.number).into(),
            rows: stage.rows.iter().map(|(key, value)| (hex(key), hex(value))).collect(),
        });
        Self {
            schema: SCHEMA.into(),
            epoch: cut.epoch.get(),
            cut: hex(&cut.to_bytes()),
            stages: stages.collect(),
        }
    }

    /// Reads one back.
    ///
    /// # Errors
    /// See [`DumpError`]; not [`DumpError::Roots`].
    pub fn read(&self) -> Result<(Cut, Vec<Stage>), DumpError> {
        let form = |what: &str| DumpError::Form(what.into());
        if self.schema != SCHEMA {
            return Err(form("it is of another schema"));
        }
        let bytes = hex::decode(&self.cut).map_err(|_| form("its cut is no hexadecimal"))?;
        let cut = Cut::from_bytes(&bytes, limits::AGREEMENT_BYTES).map_err(DumpError::Cut)?;
        if cut.epoch != Epoch::new(self.epoch) {
            return Err(form("its cut is of another epoch"));
        }
        let mut stages = Vec::new();
        for stage in &self.stages {
            let number = stage_number(&stage.name)
                .ok_or_else(|| DumpError::Form(format!("a stage {:?} is unknown", stage.name)))?;
            let row = |(key, value): &(String, String)| {
                Some((hex::decode(key).ok()?, hex::decode(value).ok()?))
            };
            let rows: Option<Vec<_>> = stage.rows.iter().map(row).collect();
            let rows = rows.ok_or_else(|| form("a row is no hexadecimal"))?;
            stages.push(Stage { number, rows });
        }
        if stages.is_sorted_by(|a, b| a.number < b.number) {
            Ok((cut, stages))
        } else {
            Err(form("its stages are out of order"))
        }
    }
}

/// Which root of its own cut an epoch's stages miss, if any.
pub(crate) fn missed_root(cut: &Cut, stages: &[Stage]) -> Option<&'static str> {
    let Some(own) = roots_of(&digests(stages)) else { return Some("state root") };
    let certified = roots_in(cut);
    [
        ("state root", certified.state_root == own.state_root),
        ("result root", certified.result_root == own.result_root),
        ("next committee root", certified.next_committee_root == own.next_committee_root),
    ]
    .into_iter()
    .find_map(|(name, equal)| (!equal).then_some(name))
}

/// The first stage and row in which two epochs differ.
pub(crate) fn first_difference(ours: &[Stage], theirs: &[Stage]) -> Option<StageDifference> {
    let empty = |number| Stage { number, rows: Vec::new() };
    let numbers: std::collections::BTreeSet<u32> =
        ours.iter().chain(theirs).map(|stage| stage.number).collect();
    numbers.into_iter().find_map(|number| {
        let of = |stages: &[Stage]| stages.iter().find(|stage| stage.number == number).cloned();
        let (ours, theirs) = (of(ours), of(theirs));
        ours.unwrap_or_else(|| empty(number))
            .first_difference(&theirs.unwrap_or_else(|| empty(number)))
    })
}
