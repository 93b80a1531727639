//! What must hold, said again without the code that is meant to make it hold.
//!
//! Checkers see bytes: what left a process, what it wrote, what it stored. They read the published
//! messages and restate every rule from `docs/spec`; no predicate of the code under test is called.
//!
//! | checker | it must hold that |
//! |---|---|
//! | [`chain`] | one cut per epoch, on every honest node, with the same rows; a certificate of a quorum of real precommits; nothing certified is lost |
//! | [`ledger`] | the rows lead to the cut's state root; amounts are conserved; what is emitted is the budget or nothing; stake moves within its bound; nothing outlives the holder of a uid |
//! | [`signatures`] | no honest key contradicts itself or its lock, whatever restarts there were |
//! | [`inclusion`] | cited lists are of a quorum and of the epoch, what more than 1/3 of stake listed is in, the time is their median |
//! | `secrecy` | no honest node shows a hidden row before its commit is certified |
//! | [`evidence`] | only the guilty are named, in evidence and in blame |
//! | `medium` | nothing is sent that is not on the medium |
//!
//! Liveness is demanded by the world itself ([`crate::world`]).

#[cfg(test)]
mod awake;
pub mod chain;
pub mod evidence;
pub mod inclusion;
pub mod ledger;
pub(crate) mod medium;
pub mod signatures;
pub(crate) mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ganglion_types::proto;
use prost::Message as _;

use crate::host::{Committed, Note};

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Who found it.
    pub checker: &'static str,
    /// What it saw.
    pub facts: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.checker, self.facts)
    }
}

/// A public key.
pub(crate) type Key = [u8; 32];
/// Who closes an epoch, with stake.
pub(crate) type Stakes = BTreeMap<Key, u64>;

/// More than 2/3 of a whole.
pub(crate) fn is_quorum(held: u64, total: u64) -> bool {
    u128::from(held) * 3 > u128::from(total) * 2
}

/// More than 1/3 of a whole.
pub(crate) fn is_third(held: u64, total: u64) -> bool {
    u128::from(held) * 3 > u128::from(total)
}

/// Stake of some of a committee.
pub(crate) fn stake_of<'a>(stakes: &Stakes, some: impl IntoIterator<Item = &'a Key>) -> u64 {
    some.into_iter().filter_map(|key| stakes.get(key)).sum()
}

/// All checkers of a world.
#[derive(Debug)]
pub struct Checkers {
    honest: BTreeSet<Key>,
    chain: chain::Chain,
    ledger: ledger::Ledger,
    signatures: signatures::Signatures,
    inclusion: inclusion::Inclusion,
    evidence: evidence::Evidence,
    /// By node, the epoch that its last process failed to store, or stored and did not live to say so.
    attempted: BTreeMap<usize, Committed>,
    found: Vec<Violation>,
    /// In a world above the fault bound, safety is not claimed.
    pub(crate) safety: bool,
}

/// Violations kept: the first one is what matters.
const KEPT: usize = 32;

impl Checkers {
    /// Checkers of a world with these honest keys, whose state begins with these rows.
    pub(crate) fn new(
        subnet: Key,
        honest: BTreeSet<Key>,
        genesis: BTreeMap<(u8, Vec<u8>), Vec<u8>>,
        safety: bool,
    ) -> Self {
        let ledger = ledger::Ledger::new(genesis);
        Self {
            chain: chain::Chain::new(subnet),
            signatures: signatures::Signatures::default(),
            inclusion: inclusion::Inclusion::default(),
            evidence: evidence::Evidence::default(),
            attempted: BTreeMap::new(),
            honest,
            ledger,
            found: Vec::new(),
            safety,
        }
    }

    /// What was found so far.
    #[must_use]
    pub fn found(&self) -> &[Violation] {
        &self.found
    }

    pub(crate) fn report(&mut self, checker: &'static str, facts: impl Into<String>) {
        if self.found.len() < KEPT {
            self.found.push(Violation { checker, facts: facts.into() });
        }
    }

    /// A key that takes part from now on, and keeps to the rules.
    pub(crate) fn honest_key(&mut self, key: Key) {
        self.honest.insert(key);
    }

    /// Stake of the dishonest and of all, of the committee that closes an epoch.
    pub(crate) fn dishonest_stake(&self, epoch: u64) -> Option<(u64, u64)> {
        let stakes = self.ledger.committee(epoch)?;
        let honest = stake_of(stakes, &self.honest);
        let total: u64 = stakes.values().sum();
        Some((total - honest, total))
    }

    /// The last epoch that any node has stored.
    pub(crate) fn last(&self) -> u64 {
        self.chain.last()
    }

    /// Items that had to be in a cut.
    pub(crate) const fn mandatory(&self) -> u64 {
        self.inclusion.mandatory
    }

    /// The first epoch with two cuts.
    pub(crate) const fn forked(&self) -> Option<u64> {
        self.chain.forked
    }

    /// Signers that contradicted themselves, with their votes on the wire as proof.
    pub(crate) fn contradictors(&self, epoch: u64) -> BTreeSet<Key> {
        self.signatures.contradictors(epoch)
    }

    /// Of the stake that closed an epoch, what is named by contradictions, and all of it.
    pub(crate) fn named(&self, epoch: u64) -> (u64, u64) {
        let Some(stakes) = self.ledger.committee(epoch) else { return (0, 0) };
        (stake_of(stakes, &self.contradictors(epoch)), stakes.values().sum())
    }

    /// A message of agreement leaves a node. Checkers check no signatures: what a dishonest node says in
    /// the name of an honest one is either a repetition or a forgery, so it counts for nothing.
    pub(crate) fn said(&mut self, bytes: &[u8], honest: bool) {
        let Some(message) = wire::message(bytes) else { return };
        self.message(&message, honest);
    }

    pub(crate) fn message(&mut self, message: &proto::agreement_message::Message, honest: bool) {
        if !honest && wire::signer(message).is_some_and(|signer| self.honest.contains(&signer)) {
            return;
        }
        let facts = self.signatures.said(message, &self.honest);
        if let proto::agreement_message::Message::List(item) = message {
            self.inclusion.list(item);
        }
        self.extend("signatures", facts);
    }

    /// A process has done all that follows from one event: what it said may be judged together.
    pub(crate) fn settle(&mut self) {
        let facts = self.signatures.settle(&self.ledger);
        self.extend("signatures", facts);
    }

    /// An item is on the wire.
    pub(crate) fn item(&mut self, bytes: &[u8]) {
        let facts = self.signatures.item(bytes, &self.honest);
        self.extend("signatures", facts);
        if let Some(facts) = self.evidence.item(bytes, &self.honest) {
            self.report("evidence", facts);
        }
        if let Some(facts) = secrecy(bytes, self.chain.last()) {
            self.report("secrecy", facts);
        }
    }

    /// An item is given to whoever asked for it; a list may travel so.
    pub(crate) fn held_item(&mut self, item: &proto::Item) {
        if item.kind == inclusion::LIST {
            self.inclusion.list(item);
        }
    }

    /// A list body is on the wire.
    pub(crate) fn body(&mut self, body: &proto::ListBody) {
        self.inclusion.body(body);
    }

    fn extend(&mut self, checker: &'static str, facts: Vec<String>) {
        for fact in facts {
            self.report(checker, fact);
        }
    }

    /// What an honest process did.
    pub(crate) fn note(&mut self, node: usize, note: &Note) {
        match note {
            Note::Logged(record) => self.inclusion.record(record),
            Note::Committed(committed) => self.committed(node, committed),
            Note::Attempted(attempted) => {
                self.attempted.insert(node, attempted.as_ref().clone());
            }
            Note::Early(facts) => self.report("medium", format!("node {node}: {facts}")),
            // Once the subnet is forked, each half rightly refuses what the other one certified.
            Note::Blamed(key, why) if self.honest.contains(key) && self.forked().is_none() => {
                let who = wire::short(key);
                self.report("blame", format!("node {node} blames honest {who} for {why}"));
            }
            _ => {}
        }
    }

    fn committed(&mut self, node: usize, committed: &Committed) {
        let epoch = committed.epoch;
        let facts =
            self.chain.committed(node, committed, &self.ledger, &self.signatures, &self.honest);
        if self.safety {
            self.extend("chain", facts);
        }
        let facts = self.ledger.committed(committed);
        if self.safety {
            self.extend("ledger", facts);
        }
        if let Some(stakes) = self.ledger.committee(epoch)
            && self.safety
        {
            let facts = self.inclusion.committed(committed, stakes, &self.honest);
            self.extend("inclusion", facts);
        }
        for item in &committed.items {
            if let Some(facts) = self.evidence.item(item, &self.honest) {
                self.report("evidence", facts);
            }
        }
    }

    /// A process begins with this epoch as its last: an epoch was stored once its record was durable,
    /// even if the process before failed on what follows that. Returns whether it was.
    pub(crate) fn restarted(&mut self, node: usize, epoch: u64, head: Key) -> bool {
        let attempted = self.attempted.remove(&node);
        let stored = attempted.filter(|one| one.epoch == epoch && wire::cut_id(&one.cut) == head);
        if let Some(committed) = &stored {
            self.committed(node, committed);
        }
        if let Some(facts) = self.chain.restarted(node, epoch, head) {
            self.report("chain", facts);
        }
        stored.is_some()
    }
}

/// Kind of the item that shows a hidden row.
const REVEAL: u32 = 3;

/// An honest node shows a hidden row once the commit to it is certified, not before: else it could be
/// copied in time.
fn secrecy(bytes: &[u8], certified: u64) -> Option<String> {
    let item = proto::Item::decode(bytes).ok().filter(|item| item.kind == REVEAL)?;
    let reveal = proto::WeightReveal::decode(item.body.as_slice()).ok()?;
    let epoch = reveal.epoch;
    (epoch > certified).then(|| format!("a row of epoch {epoch} is shown after epoch {certified}"))
}
