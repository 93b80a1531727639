//! What proves that somebody said two things where it may say one.
//!
//! The engine finds votes and proposals, the pool rows of weights and commits. A proof is held for the next list and gossiped;
//! whoever holds it can show it, and nobody is rewarded for it.

use ganglion_consensus::agreement::Equivocation;
use ganglion_consensus::ledger::admissible;
use ganglion_types::evidence::ProposalHead;
use ganglion_types::{Canonical as _, Evidence, Item, Kind};

use crate::effect::{Effect, Report};
use crate::input::Channel;
use crate::participant::Participant;

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
        if !matches!(item.kind(), Kind::Weights | Kind::WeightCommit) {
            return;
        }
        let evidence = self.pool.iter().find_map(|held| Evidence::of_items(held, item));
        self.hold_evidence(evidence);
    }

    /// Holds and gossips evidence that would change something.
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
        if admissible(&self.state, &item).is_ok() && self.pool.room(&item).is_ok() {
            self.send(Effect::Publish(Channel::Ops, item.to_bytes()));
            self.pool.insert(item);
        }
    }
}
