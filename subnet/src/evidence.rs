//! What proves that somebody said two things where it may say one.
//!
//! The engine finds votes and proposals, the pool rows of weights and commits. A proof is held for the next list and gossiped;
//! whoever holds it can show it, and nobody is rewarded for it.

use std::collections::BTreeMap;

use ganglion_consensus::agreement::Equivocation;
use ganglion_consensus::ledger::admissible;
use ganglion_types::evidence::ProposalHead;
use ganglion_types::{Body, Canonical as _, Evidence, Item, ItemId, Kind};

use crate::effect::{Effect, Report};
use crate::input::Channel;
use crate::participant::Participant;

/// Evidence that waits until it changes something: two commits are an offence before a cut holds either.
pub(crate) type Waiting = BTreeMap<ItemId, Item>;

/// Pieces that wait at most.
const WAITING: usize = ganglion_types::limits::LIST_EVIDENCE;
/// Epochs that they wait.
const WAIT_EPOCHS: u64 = 8;

impl Participant {
    /// Two votes or proposals that the engine found.
    pub(crate) fn prove_equivocation(&mut self, pair: &Equivocation) {
        let evidence = match pair {
            Equivocation::Votes { first, second } => Evidence::of_votes(first, second),
            Equivocation::Proposals { first, second } => {
                let heads = (ProposalHead::from(&**first), ProposalHead::from(&**second));
                Evidence::of_proposals(&heads.0, &heads.1)
            }
        };
        self.hold_evidence(evidence);
    }

    /// An authentic row or commit that is about to be held: one that contradicts another is proof of it.
    pub(crate) fn note_contradiction(&mut self, item: &Item) {
        // Nobody shows what it did itself.
        let own = self.me.is_some_and(|me| me.as_bytes() == item.body().signer());
        if own || !matches!(item.kind(), Kind::Weights | Kind::WeightCommit) {
            return;
        }
        let evidence = self.pool.iter().find_map(|held| Evidence::of_items(held, item));
        self.hold_evidence(evidence);
    }

    /// Tries what waited, on the state after another cut.
    pub(crate) fn retry_evidence(&mut self) {
        let closing = self.closing().get();
        for (id, item) in std::mem::take(&mut self.waiting_evidence) {
            let Body::Evidence(evidence) = item.body() else { continue };
            if evidence.epoch().get().saturating_add(WAIT_EPOCHS) >= closing
                && !self.say_evidence(&item)
            {
                self.waiting_evidence.insert(id, item);
            }
        }
    }

    /// Holds and gossips evidence that would change something now; keeps it for later if not.
    fn hold_evidence(&mut self, evidence: Option<Evidence>) {
        let Some(evidence) = evidence else { return };
        let note = format!(
            "{} said two things as {} in epoch {}",
            evidence.offender(),
            evidence.kind().name(),
            evidence.epoch()
        );
        self.report(Report::Odd(note));
        let item = Item::evidence(self.subnet, evidence);
        if !self.say_evidence(&item) && self.waiting_evidence.len() < WAITING {
            self.waiting_evidence.insert(item.id(), item);
        }
    }

    /// Holds and gossips evidence, unless it would change nothing now.
    fn say_evidence(&mut self, item: &Item) -> bool {
        let counts = admissible(&self.state, item).is_ok();
        if counts && self.pool.room(item).is_ok() {
            self.send(Effect::Publish(Channel::Ops, item.to_bytes()));
            self.pool.insert(item.clone());
        }
        counts
    }
}
