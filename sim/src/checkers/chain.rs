//! Checker: one cut per epoch, certified by a quorum that really signed it, and never lost.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_types::proto;
use prost::Message as _;

use super::ledger::Ledger;
use super::signatures::Signatures;
use super::{Key, is_quorum, stake_of, wire};
use crate::host::Committed;

/// What has been certified.
#[derive(Debug)]
pub struct Chain {
    subnet: Key,
    /// Cut by epoch, and who stored it first.
    cuts: BTreeMap<u64, (Vec<u8>, usize)>,
    /// Last epoch that each node has stored durably.
    stored: BTreeMap<usize, u64>,
    /// The first epoch with two cuts.
    pub(crate) forked: Option<u64>,
}

impl Chain {
    pub(crate) const fn new(subnet: Key) -> Self {
        Self { subnet, cuts: BTreeMap::new(), stored: BTreeMap::new(), forked: None }
    }

    pub(crate) fn last(&self) -> u64 {
        self.cuts.last_key_value().map_or(0, |(epoch, _)| *epoch)
    }

    pub(crate) fn committed(
        &mut self,
        node: usize,
        committed: &Committed,
        ledger: &Ledger,
        signatures: &Signatures,
        honest: &BTreeSet<Key>,
    ) -> Vec<String> {
        let mut facts = Vec::new();
        let epoch = committed.epoch;
        let (first, by) = self.cuts.entry(epoch).or_insert_with(|| (committed.cut.clone(), node));
        if *first != committed.cut {
            self.forked.get_or_insert(epoch);
            let (one, other) = (wire::cut_id(first), wire::cut_id(&committed.cut));
            facts.push(format!(
                "two cuts of epoch {epoch}: {} on node {by}, {} on node {node}",
                wire::short(&one),
                wire::short(&other)
            ));
        }
        if let Some(wrong) = self.link(committed) {
            facts.push(format!("node {node}: {wrong}"));
        }
        if let Some(wrong) = certificate(committed, ledger, signatures, honest) {
            facts.push(format!("node {node}: certificate of epoch {epoch} {wrong}"));
        }
        let before = self.stored.insert(node, epoch);
        if before.is_some_and(|before| before + 1 != epoch) {
            let before = before.unwrap_or_default();
            facts.push(format!("node {node} stored epoch {epoch} after {before}"));
        }
        facts
    }

    /// What is wrong with the cut's place in the chain.
    fn link(&self, committed: &Committed) -> Option<String> {
        let cut = proto::Cut::decode(committed.cut.as_slice()).ok()?;
        if cut.epoch != committed.epoch || cut.subnet != self.subnet {
            return Some(format!("epoch {} holds a cut of epoch {}", committed.epoch, cut.epoch));
        }
        let (before, _) = self.cuts.get(&committed.epoch.checked_sub(1)?)?;
        let held = cut.prev == wire::cut_id(before);
        (!held).then(|| format!("the cut of epoch {} follows another one", committed.epoch))
    }

    pub(crate) fn restarted(&mut self, node: usize, epoch: u64, head: Key) -> Option<String> {
        let stored = self.stored.get(&node).copied().unwrap_or(0);
        if epoch < stored {
            return Some(format!("node {node} had stored epoch {stored} and begins at {epoch}"));
        }
        let known = self.cuts.get(&epoch).map(|(cut, _)| wire::cut_id(cut));
        if epoch > 0 && known.is_some_and(|known| known != head) {
            return Some(format!("node {node} begins with another cut of epoch {epoch}"));
        }
        self.stored.insert(node, epoch);
        None
    }
}

/// What is wrong with a certificate: too little stake, or a precommit that its signer never made.
fn certificate(
    committed: &Committed,
    ledger: &Ledger,
    signatures: &Signatures,
    honest: &BTreeSet<Key>,
) -> Option<String> {
    let certificate = proto::Certificate::decode(committed.certificate.as_slice()).ok()?;
    let cut = wire::cut_id(&committed.cut);
    if certificate.cut != cut || certificate.epoch != committed.epoch {
        return Some("is of another cut".into());
    }
    let signers: BTreeSet<Key> =
        certificate.signatures.iter().map(|one| wire::key(&one.signer)).collect();
    if signers.len() != certificate.signatures.len() {
        return Some("names a signer twice".into());
    }
    let stakes = ledger.committee(committed.epoch)?;
    let (held, total) = (stake_of(stakes, &signers), stakes.values().sum());
    if !is_quorum(held, total) {
        return Some(format!("has {held} of {total}: no quorum"));
    }
    let never = signers
        .iter()
        .filter(|signer| honest.contains(*signer))
        .find(|signer| !signatures.precommitted(signer, committed.epoch, certificate.round, &cut));
    never.map(|signer| format!("holds a precommit that {} never sent", wire::short(signer)))
}
