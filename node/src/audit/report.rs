//! Verdicts in the words of the API.

use ganglion_consensus::ledger::stages::{StageDifference, show_key, stage_name};
use ganglion_types::hex;

use super::replay::Verdict;
use crate::api::types::{ReplayReport, RootReport, RowReport, StageReport};

impl From<&StageDifference> for RowReport {
    fn from(found: &StageDifference) -> Self {
        Self {
            stage: stage_name(found.number).into(),
            item: show_key(found.number, &found.key),
            key: hex(&found.key),
            ours: found.ours.as_deref().map(hex),
            theirs: found.theirs.as_deref().map(hex),
        }
    }
}

impl From<&Verdict> for ReplayReport {
    fn from(verdict: &Verdict) -> Self {
        let roots = verdict.roots.iter().map(|(name, certified, executed)| RootReport {
            name: (*name).into(),
            certified: certified.to_hex(),
            executed: executed.to_hex(),
        });
        let stages = verdict.stages.iter().map(|stage| StageReport {
            name: stage.name.into(),
            rows: stage.rows,
            executed: stage.digest.to_hex(),
            stored: stage.stored.map(|digest| digest.to_hex()),
        });
        Self {
            epoch: verdict.epoch.get(),
            cut: verdict.cut.to_hex(),
            holds: verdict.holds(),
            roots: roots.collect(),
            stages: stages.collect(),
            difference: verdict.difference.as_ref().map(RowReport::from),
        }
    }
}
