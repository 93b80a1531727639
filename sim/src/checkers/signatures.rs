//! Checker: no honest key contradicts itself or its lock, however often its process began again.

use std::collections::{BTreeMap, BTreeSet};

use ganglion_types::proto::{self, agreement_message::Message};
use prost::Message as _;

use super::ledger::Ledger;
use super::medium::numbered;
use super::{Key, is_quorum, stake_of, wire};

const PREVOTE: u32 = 1;
const PRECOMMIT: u32 = 2;

/// Epoch, round, type.
type Slot = (u64, u32, u32);
/// Cut, and the round of its polka plus one.
type Proposed = (Vec<u8>, u32);

/// Everything that was signed on the wire.
#[derive(Debug, Default)]
pub struct Signatures {
    /// What each signer voted for in each slot; empty is nil.
    votes: BTreeMap<Key, BTreeMap<Slot, BTreeSet<Vec<u8>>>>,
    /// Voters by slot and cut.
    voters: BTreeMap<(Slot, Vec<u8>), BTreeSet<Key>>,
    proposals: BTreeMap<(Key, u64, u32), BTreeSet<Proposed>>,
    lists: BTreeMap<(Key, u64), Key>,
    items: BTreeMap<(Key, u32, u64), Key>,
    /// Votes for cuts that are not judged yet.
    waiting: Vec<(Key, Slot, Vec<u8>)>,
}

impl Signatures {
    /// Whether this precommit was sent.
    pub(crate) fn precommitted(&self, signer: &Key, epoch: u64, round: u32, cut: &Key) -> bool {
        let votes = self.votes.get(signer);
        let slot = votes.and_then(|votes| votes.get(&(epoch, round, PRECOMMIT)));
        slot.is_some_and(|cuts| cuts.contains(cut.as_slice()))
    }

    /// Who signed two votes for one slot of this epoch, or two proposals of one round.
    pub(crate) fn contradictors(&self, epoch: u64) -> BTreeSet<Key> {
        let voters = self.votes.iter().filter(|(_, slots)| {
            slots.range((epoch, 0, 0)..(epoch + 1, 0, 0)).any(|(_, cuts)| cuts.len() > 1)
        });
        let proposals = self.proposals.iter();
        let proposers = proposals.filter(|((_, at, _), cuts)| *at == epoch && cuts.len() > 1);
        voters.map(|(key, _)| *key).chain(proposers.map(|((key, _, _), _)| *key)).collect()
    }

    pub(crate) fn said(&mut self, message: &Message, honest: &BTreeSet<Key>) -> Vec<String> {
        match message {
            Message::Vote(vote) => self.vote(vote, honest),
            Message::Proposal(proposal) => self.proposal(proposal, honest).into_iter().collect(),
            Message::List(item) => self.list(item, honest).into_iter().collect(),
            Message::Polka(polka) => {
                let slot = (polka.epoch, polka.round, PREVOTE);
                let signers = polka.signatures.iter().map(|one| &one.signer);
                self.carried(slot, &polka.cut, signers, honest);
                Vec::new()
            }
            Message::RoundCertificate(certificate) => {
                for vote in &certificate.votes {
                    let Some(body) = &vote.body else { continue };
                    let slot = (body.epoch, body.round, body.r#type);
                    self.carried(slot, &body.cut, [&vote.signer], honest);
                }
                Vec::new()
            }
        }
    }

    /// Votes of the dishonest that travel in a certificate, maybe nowhere else: whoever withholds votes gives them to
    /// the node that makes the certificate alone. Honest nodes have said their votes before anybody certifies them.
    fn carried<'a>(
        &mut self,
        slot: Slot,
        cut: &[u8],
        signers: impl IntoIterator<Item = &'a Vec<u8>>,
        honest: &BTreeSet<Key>,
    ) {
        let signers = signers.into_iter().map(|signer| wire::key(signer));
        let dishonest = signers.filter(|signer| !honest.contains(signer));
        self.voters.entry((slot, cut.to_vec())).or_default().extend(dishonest);
    }

    /// Judges votes for cuts by the rules of locks. Within one event a node may send a precommit before
    /// the prevote that it rests on, so this waits for the end of it.
    pub(crate) fn settle(&mut self, ledger: &Ledger) -> Vec<String> {
        let waiting = std::mem::take(&mut self.waiting);
        let judged = waiting.iter().filter_map(|(signer, slot, cut)| {
            let why = self.lock(signer, *slot, cut, ledger)?;
            Some(format!("{} {why}", wire::short(signer)))
        });
        judged.collect()
    }

    fn vote(&mut self, vote: &proto::Vote, honest: &BTreeSet<Key>) -> Vec<String> {
        let Some(body) = &vote.body else { return Vec::new() };
        let (signer, slot) = (wire::key(&vote.signer), (body.epoch, body.round, body.r#type));
        let slots = self.votes.entry(signer).or_default();
        let cuts = slots.entry(slot).or_default();
        if !cuts.insert(body.cut.clone()) {
            return Vec::new();
        }
        let twice = cuts.len() > 1;
        self.voters.entry((slot, body.cut.clone())).or_default().insert(signer);
        if !honest.contains(&signer) {
            return Vec::new();
        }
        let who = wire::short(&signer);
        let mut facts = Vec::new();
        if twice {
            let (epoch, round, kind) = slot;
            facts.push(format!(
                "{who} signed two votes of type {kind}, epoch {epoch}, round {round}"
            ));
        }
        if !body.cut.is_empty() {
            self.waiting.push((signer, slot, body.cut.clone()));
        }
        facts
    }

    /// What is wrong with a vote for a cut, by the rules of locks.
    fn lock(&self, signer: &Key, slot: Slot, cut: &[u8], ledger: &Ledger) -> Option<String> {
        let (epoch, round, kind) = slot;
        if kind == PRECOMMIT {
            let polka = self.polka(epoch, round, cut, ledger)?;
            let what = format!("precommitted in epoch {epoch}, round {round} without a polka");
            return (!polka).then_some(what);
        }
        // The last round before in which it precommitted a cut.
        let slots = self.votes.get(signer)?.range((epoch, 0, 0)..(epoch, round, 0)).rev();
        let mut locks = slots.filter(|((_, _, kind), _)| *kind == PRECOMMIT);
        let ((_, locked, _), value) =
            locks.find(|(_, cuts)| cuts.iter().any(|cut| !cut.is_empty()))?;
        if value.contains(cut) {
            return None;
        }
        let freed = (*locked..round)
            .map(|earlier| self.polka(epoch, earlier, cut, ledger))
            .collect::<Option<Vec<bool>>>()?;
        let what = format!(
            "locked in round {locked} of epoch {epoch} and prevoted another cut in round {round}"
        );
        (!freed.contains(&true)).then_some(what)
    }

    /// Whether more than 2/3 have prevoted a cut; `None` for a committee that is not known.
    fn polka(&self, epoch: u64, round: u32, cut: &[u8], ledger: &Ledger) -> Option<bool> {
        let stakes = ledger.committee(epoch)?;
        let voters = self.voters.get(&((epoch, round, PREVOTE), cut.to_vec()));
        let held = voters.map_or(0, |voters| stake_of(stakes, voters));
        Some(is_quorum(held, stakes.values().sum()))
    }

    fn proposal(&mut self, proposal: &proto::Proposal, honest: &BTreeSet<Key>) -> Option<String> {
        let body = proposal.body.as_ref()?;
        let signer = wire::key(&proposal.signer);
        let slot = self.proposals.entry((signer, body.epoch, body.round)).or_default();
        slot.insert((body.cut.clone(), body.pol_round));
        let twice = slot.len() > 1 && honest.contains(&signer);
        let (who, epoch, round) = (wire::short(&signer), body.epoch, body.round);
        twice.then(|| format!("{who} signed two proposals, epoch {epoch}, round {round}"))
    }

    fn list(&mut self, item: &proto::Item, honest: &BTreeSet<Key>) -> Option<String> {
        let list = proto::InclusionList::decode(item.body.as_slice()).ok()?;
        let (signer, id) = (wire::key(&list.signer), wire::item_id(item));
        let first = *self.lists.entry((signer, list.epoch)).or_insert(id);
        let twice = first != id && honest.contains(&signer);
        twice.then(|| format!("{} signed two lists of epoch {}", wire::short(&signer), list.epoch))
    }

    /// Two bodies of one honest signer with one number.
    pub(crate) fn item(&mut self, bytes: &[u8], honest: &BTreeSet<Key>) -> Vec<String> {
        let item = proto::Item::decode(bytes).ok();
        let Some(item) = item else { return Vec::new() };
        let Some((signer, seq)) = numbered(&item) else { return Vec::new() };
        let (signer, id) = (wire::key(&signer), wire::item_id(&item));
        if !honest.contains(&signer) {
            return Vec::new();
        }
        let first = *self.items.entry((signer, item.kind, seq)).or_insert(id);
        let who = wire::short(&signer);
        let kind = item.kind;
        if first == id {
            Vec::new()
        } else {
            vec![format!("{who} signed two items of kind {kind} with number {seq}")]
        }
    }
}
