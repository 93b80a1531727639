//! What nodes have shown as certified, held against what they show later.

use std::collections::BTreeMap;

use ganglion::api::types::{EpochDetail, EpochSummary};

use crate::cluster::Cluster;

/// Epochs asked for at once.
const PAGE: usize = 100;

/// One epoch, by what must be the same everywhere and for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fixed {
    cut: String,
    result_root: String,
    state_root: String,
}

/// Everything shown so far.
#[derive(Debug, Default)]
pub(crate) struct History {
    epochs: BTreeMap<u64, Fixed>,
    /// The last epoch that each node has shown, by its place.
    shown: BTreeMap<usize, u64>,
    /// From deadline to decision, in milliseconds, by node and epoch.
    pub(crate) latencies: BTreeMap<(usize, u64), u64>,
    /// Rounds after the first that epochs needed.
    pub(crate) rounds: BTreeMap<u64, u32>,
    /// What must not be, each told once.
    pub(crate) contradictions: Vec<String>,
}

impl History {
    /// The newest epoch that any node has shown.
    pub(crate) fn newest(&self) -> u64 {
        self.epochs.last_key_value().map_or(0, |(epoch, _)| *epoch)
    }

    /// Asks every node that answers for what is new, and compares it.
    pub(crate) fn look(&mut self, cluster: &Cluster) {
        for at in 0..cluster.nodes.len() {
            let from = self.shown.get(&at).map_or(1, |epoch| epoch + 1);
            self.read(cluster, at, from);
        }
    }

    /// Asks a node for all that anybody has shown, from the first epoch on: nothing may be gone or changed.
    pub(crate) fn audit(&mut self, cluster: &Cluster, at: usize) {
        let before = self.shown.get(&at).copied().unwrap_or(0);
        let after = self.read(cluster, at, 1);
        if after.is_some_and(|after| after < before) {
            let name = &cluster.nodes[at].record.name;
            self.contradictions.push(format!(
                "{name} had shown epoch {before} as certified and has none after {} now",
                after.unwrap_or(0)
            ));
        }
    }

    /// Whether every node has every epoch since the first, and none proves an offence: all are honest.
    pub(crate) fn audit_all(&mut self, cluster: &Cluster) {
        for at in 0..cluster.nodes.len() {
            self.audit(cluster, at);
        }
        let Some(client) = cluster.client(0).ok() else { return };
        for epoch in self.epochs.keys() {
            let Ok(detail) = client.get::<EpochDetail>(&format!("/v1/epochs/{epoch}")) else {
                continue;
            };
            for offence in detail.evidence {
                self.contradictions.push(format!(
                    "the cut of epoch {epoch} proves that {} said two things of one slot ({}, epoch {})",
                    offence.offender, offence.kind, offence.epoch
                ));
            }
        }
    }

    /// The last epoch that the node has, if it answers.
    fn read(&mut self, cluster: &Cluster, at: usize, from: u64) -> Option<u64> {
        let client = cluster.client(at).ok()?;
        let mut next = from;
        loop {
            let page = format!("/v1/epochs?from={next}&limit={PAGE}");
            let mut epochs: Vec<EpochSummary> = client.get(&page).ok()?;
            epochs.sort_unstable_by_key(|epoch| epoch.epoch);
            let Some(last) = epochs.last().map(|epoch| epoch.epoch) else { break };
            for epoch in epochs {
                if epoch.epoch > next {
                    let name = &cluster.nodes[at].record.name;
                    self.contradictions.push(format!("{name} lacks epoch {next}"));
                }
                next = epoch.epoch + 1;
                self.take(cluster, at, epoch);
            }
            debug_assert!(next == last + 1);
        }
        let last = next - 1;
        self.shown.insert(at, last.max(self.shown.get(&at).copied().unwrap_or(0)));
        Some(last)
    }

    fn take(&mut self, cluster: &Cluster, at: usize, epoch: EpochSummary) {
        let number = epoch.epoch;
        let fixed =
            Fixed { cut: epoch.cut, result_root: epoch.result_root, state_root: epoch.state_root };
        let known = self.epochs.entry(number).or_insert_with(|| fixed.clone());
        if *known != fixed {
            let name = &cluster.nodes[at].record.name;
            let line = format!("{name} shows epoch {number} as {fixed:?}, and it was {known:?}");
            self.contradictions.push(line);
        }
        if let Some(latency) = epoch.latency_ms {
            self.latencies.insert((at, number), latency);
        }
        self.rounds.insert(number, epoch.round);
    }
}
