//! What was said at the height being closed, as far as it may still matter.
//!
//! ```text
//! round   0 … polka … round-6 │ round-5 … round … round+10 │ …
//! kept        its votes       │ everything                  │ certificates
//! ```
//! A height may take any number of rounds, and a committee has up to 256 members, so what is kept is
//! bounded by rounds and signers, never by a count that those who came first can use up: then nothing
//! new would be taken, and the height would stay open for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ganglion_consensus::agreement::ROUNDS_AHEAD;
use ganglion_consensus::certificate::Committee;
use ganglion_types::{AgreementMessage, CutId, Digest, Hotkey, Proposal, Round, VoteType};

use crate::intake::Rejection;

/// Rounds behind the current one of which everything is kept: votes may be late, and decide.
const ROUNDS_BEHIND: u32 = 5;

/// What a message is one of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    List(Hotkey),
    Vote(Round, VoteType, Hotkey),
    Proposal(Round),
    Polka(Round, CutId),
    /// Of votes of any kind, or of precommits.
    RoundCertificate(Round, bool),
}

impl Slot {
    fn of(message: &AgreementMessage) -> Self {
        match message {
            AgreementMessage::List(item) => {
                Self::List(Hotkey::from_slice(item.body().signer()).unwrap_or_default())
            }
            AgreementMessage::Vote(vote) => Self::Vote(vote.round, vote.vote_type, vote.signer),
            AgreementMessage::Proposal(proposal) => Self::Proposal(proposal.round),
            AgreementMessage::Polka(polka) => Self::Polka(polka.round, polka.cut),
            AgreementMessage::RoundCertificate(certificate) => {
                Self::RoundCertificate(certificate.round, certificate.skip)
            }
        }
    }

    /// Messages kept of it: two of a signer show that it signed two.
    const fn room(&self) -> u8 {
        match self {
            Self::List(_) | Self::Vote(..) => 2,
            Self::Proposal(_) => 4,
            Self::Polka(..) | Self::RoundCertificate(..) => 1,
        }
    }
}

/// See the module. Everything in it is authentic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Voices {
    held: BTreeMap<Digest, Arc<AgreementMessage>>,
    /// How many are held of each.
    slots: BTreeMap<Slot, u8>,
    /// Own messages that are not to be told.
    echoes: BTreeSet<Digest>,
    round: Round,
    /// The newest polka known when the round began.
    polka: Option<(Round, CutId)>,
}

impl Voices {
    /// Digests of what others can have from here.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &Digest> {
        self.held.keys()
    }

    /// A message by digest.
    #[must_use]
    pub(crate) fn get(&self, digest: &Digest) -> Option<&AgreementMessage> {
        self.held.get(digest).map(Arc::as_ref)
    }

    /// Every message, own ones too.
    pub(super) fn messages(&self) -> impl Iterator<Item = &AgreementMessage> {
        self.held.values().map(Arc::as_ref)
    }

    /// All but lists, by round: what an engine that starts now is given.
    pub(super) fn by_round(&self) -> Vec<(Digest, Arc<AgreementMessage>)> {
        let all = self.held.iter().filter(|(_, message)| message.round().is_some());
        let mut all: Vec<_> = all.map(|(id, message)| (*id, Arc::clone(message))).collect();
        all.sort_by_key(|(_, message)| message.round());
        all
    }

    /// Whether a message was taken or made here.
    #[must_use]
    pub(crate) fn has_seen(&self, digest: &Digest) -> bool {
        self.held.contains_key(digest) || self.echoes.contains(digest)
    }

    /// From now on a repetition of this message is dropped before it is looked at.
    pub(crate) fn note_echo(&mut self, digest: Digest) {
        self.echoes.insert(digest);
    }

    /// Whether there is a place for a message that is not held. Cheap: it comes before the signature.
    ///
    /// # Errors
    /// Its round is too far behind or ahead, or the place is taken.
    pub(super) fn has_room(&self, message: &AgreementMessage) -> Result<(), Rejection> {
        let round = message.round().unwrap_or(self.round);
        if is_behind(round, self.round) && !self.supports_newer_polka(message) {
            return Err(Rejection::Stale);
        }
        let single = matches!(message, AgreementMessage::Vote(_) | AgreementMessage::Proposal(_));
        if single && round.get() > self.round.get().saturating_add(ROUNDS_AHEAD) {
            return Err(Rejection::Future);
        }
        let slot = Slot::of(message);
        if self.slots.get(&slot).is_some_and(|held| *held >= slot.room()) {
            let single = single || matches!(slot, Slot::List(_));
            return Err(if single { Rejection::SignerRate } else { Rejection::Duplicate });
        }
        Ok(())
    }

    /// Whether a message of a round long over can show a polka newer than the newest known one, or is
    /// the cut of that one: somebody may be locked on it.
    fn supports_newer_polka(&self, message: &AgreementMessage) -> bool {
        let newer = |round: Round| self.polka.is_none_or(|(newest, _)| round > newest);
        match message {
            AgreementMessage::Vote(vote) => {
                vote.vote_type == VoteType::Prevote && vote.cut.is_some() && newer(vote.round)
            }
            AgreementMessage::Polka(polka) => newer(polka.round),
            AgreementMessage::Proposal(proposal) => self.polka.is_some_and(|(_, cut)| {
                proposal.cut.id() == cut
                    && !self.messages().any(|held| proposes(held, &cut).is_some())
            }),
            AgreementMessage::RoundCertificate(_) | AgreementMessage::List(_) => false,
        }
    }

    /// Holds a message that was taken or is our own.
    pub(super) fn note(&mut self, digest: Digest, message: &Arc<AgreementMessage>) {
        if self.held.insert(digest, Arc::clone(message)).is_none() {
            let held = self.slots.entry(Slot::of(message)).or_insert(0);
            *held = held.saturating_add(1);
        }
    }

    /// A round begins: forgets what no longer matters, and tells it.
    pub(super) fn round_begins(&mut self, round: Round, committee: &Committee) -> BTreeSet<Digest> {
        self.round = round;
        self.polka = self.newest_polka(committee);
        let polka = self.polka;
        let mut proposed = false;
        let mut forgotten = BTreeSet::new();
        let mut matters = |message: &AgreementMessage| {
            let Some(at) = message.round().filter(|at| is_behind(*at, round)) else { return true };
            let Some((newest, cut)) = polka else { return false };
            match message {
                AgreementMessage::Vote(vote) => {
                    vote.vote_type == VoteType::Prevote && at == newest && vote.cut == Some(cut)
                }
                AgreementMessage::Polka(polka) => at == newest && polka.cut == cut,
                // One of them is enough.
                message => {
                    proposes(message, &cut).is_some() && !std::mem::replace(&mut proposed, true)
                }
            }
        };
        self.held.retain(|digest, message| {
            let stays = matters(message);
            if !stays {
                forgotten.insert(*digest);
            }
            stays
        });
        self.slots.clear();
        for message in self.held.values() {
            let held = self.slots.entry(Slot::of(message)).or_insert(0);
            *held = held.saturating_add(1);
        }
        forgotten
    }

    /// The newest polka known when the round began.
    pub(super) const fn polka(&self) -> Option<(Round, CutId)> {
        self.polka
    }

    /// The newest round in which a quorum prevoted for one cut, by votes and by polkas together, and
    /// that cut.
    pub(super) fn newest_polka(&self, committee: &Committee) -> Option<(Round, CutId)> {
        newest_polka(self.messages(), committee)
    }
}

/// Whether a round is over for so long that little of it matters.
const fn is_behind(round: Round, current: Round) -> bool {
    round.get().saturating_add(ROUNDS_BEHIND) < current.get()
}

/// The proposal that a message is, if it is one of this cut.
pub(super) fn proposes<'a>(message: &'a AgreementMessage, cut: &CutId) -> Option<&'a Proposal> {
    match message {
        AgreementMessage::Proposal(proposal) if proposal.cut.id() == *cut => Some(proposal),
        _ => None,
    }
}

fn newest_polka<'a>(
    messages: impl Iterator<Item = &'a AgreementMessage>,
    committee: &Committee,
) -> Option<(Round, CutId)> {
    let mut prevoted: BTreeMap<(Round, CutId), BTreeSet<Hotkey>> = BTreeMap::new();
    for message in messages {
        match message {
            AgreementMessage::Vote(vote) if vote.vote_type == VoteType::Prevote => {
                if let Some(cut) = vote.cut {
                    prevoted.entry((vote.round, cut)).or_default().insert(vote.signer);
                }
            }
            AgreementMessage::Polka(polka) => {
                let signers = polka.signatures.iter().map(|(signer, _)| *signer);
                prevoted.entry((polka.round, polka.cut)).or_default().extend(signers);
            }
            _ => {}
        }
    }
    let is_polka =
        |signers: &BTreeSet<Hotkey>| committee.is_quorum(committee.stake_of_all(signers));
    let newest = prevoted.into_iter().rev().find(|(_, signers)| is_polka(signers));
    newest.map(|(polka, _)| polka)
}

#[cfg(test)]
mod tests {
    use ganglion_consensus::certificate::Member;
    use ganglion_types::{
        Cut, Epoch, PolkaCertificate, RoundCertificate, Signature, SubnetId, Vote,
    };

    use super::*;

    const OLD: CutId = CutId::new([1; 32]);
    const NEW: CutId = CutId::new([2; 32]);
    const UNSIGNED: Signature = Signature::new([0; 64]);

    fn member(number: u8) -> Hotkey {
        Hotkey::new([number; 32])
    }

    fn vote(vote_type: VoteType, round: u32, cut: Option<CutId>, signer: u8) -> AgreementMessage {
        let (epoch, round) = (Epoch::new(1), Round::new(round));
        let signer = member(signer);
        AgreementMessage::Vote(Vote { vote_type, epoch, round, cut, signer, signature: UNSIGNED })
    }

    fn prevotes(round: u32, cut: CutId, signers: &[u8]) -> Vec<AgreementMessage> {
        signers.iter().map(|one| vote(VoteType::Prevote, round, Some(cut), *one)).collect()
    }

    fn polka(round: u32, cut: CutId, signers: &[u8]) -> AgreementMessage {
        AgreementMessage::Polka(PolkaCertificate {
            epoch: Epoch::new(1),
            round: Round::new(round),
            cut,
            signatures: signers.iter().map(|one| (member(*one), UNSIGNED)).collect(),
        })
    }

    /// Three members with a stake of 10 each, and one with 20.
    fn committee() -> Committee {
        let members = [(1, 10), (2, 10), (3, 10), (4, 20)];
        let members = members.map(|(number, stake)| Member { hotkey: member(number), stake });
        Committee::new(members).unwrap()
    }

    fn digest(message: &AgreementMessage) -> Digest {
        crate::close::message_digest(message)
    }

    impl Voices {
        /// As on arrival.
        fn take(&mut self, message: &AgreementMessage) -> Result<(), Rejection> {
            self.has_room(message)?;
            self.note(digest(message), &Arc::new(message.clone()));
            Ok(())
        }
    }

    fn proposal(round: u32, time: u64) -> (CutId, AgreementMessage) {
        let cut = Cut {
            subnet: SubnetId::new([1; 32]),
            epoch: Epoch::new(1),
            prev: OLD,
            lists: Vec::new(),
            items: Vec::new(),
            time,
            registry: Digest::ZERO,
            result_root: Digest::ZERO,
            state_root: Digest::ZERO,
            next_committee_root: Digest::ZERO,
        };
        let (epoch, round) = (Epoch::new(1), Round::new(round));
        let id = cut.id();
        let (signer, signature) = (member(1), UNSIGNED);
        let proposal = Proposal { epoch, round, pol_round: None, cut, signer, signature };
        (id, AgreementMessage::Proposal(Box::new(proposal)))
    }

    /// All four members vote nil twice.
    fn lost(round: u32) -> Vec<AgreementMessage> {
        let kinds = [VoteType::Prevote, VoteType::Precommit];
        kinds.iter().flat_map(|kind| (1..=4).map(|one| vote(*kind, round, None, one))).collect()
    }

    fn newest(messages: &[Vec<AgreementMessage>]) -> Option<CutId> {
        newest_polka(messages.iter().flatten(), &committee()).map(|(_, cut)| cut)
    }

    #[test]
    fn a_polka_takes_more_than_two_thirds_of_stake() {
        assert_eq!(newest(&[]), None);
        assert_eq!(newest(&[prevotes(0, OLD, &[1, 2, 3])]), None);
        assert_eq!(newest(&[prevotes(0, OLD, &[1, 4])]), None);
        assert_eq!(newest(&[prevotes(0, OLD, &[1, 2, 4])]), Some(OLD));
    }

    #[test]
    fn the_newest_round_counts_whatever_comes_first() {
        let (old, new) = (prevotes(3, OLD, &[1, 2, 4]), prevotes(5, NEW, &[1, 3, 4]));
        assert_eq!(newest(&[old.clone(), new.clone()]), Some(NEW));
        assert_eq!(newest(&[new, old.clone()]), Some(NEW));
        // A later round without a polka takes nothing away.
        assert_eq!(newest(&[old, prevotes(6, NEW, &[1, 4])]), Some(OLD));
    }

    #[test]
    fn votes_and_polkas_of_one_round_count_together_and_each_signer_once() {
        let votes = prevotes(2, OLD, &[1, 2]);
        assert_eq!(newest(&[votes.clone(), vec![polka(2, OLD, &[1, 4])]]), Some(OLD));
        assert_eq!(newest(&[votes.clone(), vec![polka(1, OLD, &[1, 4])]]), None);
        assert_eq!(newest(&[votes.clone(), vec![polka(2, NEW, &[1, 4])]]), None);
        assert_eq!(newest(&[votes.clone(), votes, vec![polka(2, OLD, &[1, 2, 3])]]), None);
    }

    #[test]
    fn precommits_nil_and_strangers_do_not_count() {
        let two = prevotes(2, OLD, &[1, 2]);
        for other in [
            vote(VoteType::Precommit, 2, Some(OLD), 4),
            vote(VoteType::Prevote, 2, None, 4),
            vote(VoteType::Prevote, 2, Some(OLD), 9),
        ] {
            assert_eq!(newest(&[two.clone(), vec![other]]), None);
        }
        assert_eq!(newest(&[two, prevotes(2, OLD, &[4])]), Some(OLD));
    }

    #[test]
    fn a_height_of_any_number_of_rounds_takes_what_is_new_and_forgets_what_is_old() {
        let mut voices = Voices::default();
        for round in 0..2_000 {
            voices.round_begins(Round::new(round), &committee());
            for message in lost(round) {
                assert_eq!(voices.take(&message), Ok(()), "round {round}");
            }
            assert!(voices.held.len() <= 6 * 8, "{}", voices.held.len());
            let places: Vec<u8> =
                voices.held.values().map(|held| voices.slots[&Slot::of(held)]).collect();
            assert!(places.iter().all(|held| *held == 1), "{places:?}");
            assert_eq!(voices.slots.len(), voices.held.len());
        }
        let late = |round| vote(VoteType::Precommit, round, None, 1);
        assert!(voices.has_seen(&digest(&late(1_994))));
        assert_eq!(voices.take(&late(1_993)), Err(Rejection::Stale));
        assert_eq!(voices.take(&late(1_999 + ROUNDS_AHEAD)), Ok(()));
        assert_eq!(voices.take(&late(2_000 + ROUNDS_AHEAD)), Err(Rejection::Future));
    }

    #[test]
    fn the_newest_polka_stays_with_its_cut_however_many_rounds_pass() {
        let mut voices = Voices::default();
        let (cut, first) = proposal(2, 7);
        let (other, second) = proposal(3, 8);
        for message in [vec![first], prevotes(2, cut, &[1, 2, 4]), vec![second], lost(2)].concat() {
            voices.take(&message).unwrap();
        }
        voices.take(&vote(VoteType::Prevote, 3, Some(other), 2)).unwrap();
        voices.round_begins(Round::new(90), &committee());
        assert_eq!(voices.newest_polka(&committee()), Some((Round::new(2), cut)));
        // Three prevotes and one proposal.
        assert_eq!(voices.held.len(), 4);
        assert!(voices.messages().any(|held| proposes(held, &cut).is_some()));
        // What might show a newer one is taken, however old; nothing else is.
        assert_eq!(voices.take(&polka(2, cut, &[1, 2, 4])), Err(Rejection::Stale));
        assert_eq!(voices.take(&prevotes(1, other, &[1])[0]), Err(Rejection::Stale));
        assert_eq!(
            voices.take(&vote(VoteType::Precommit, 4, Some(other), 1)),
            Err(Rejection::Stale)
        );
        for message in prevotes(4, other, &[1, 3, 4]) {
            assert_eq!(voices.take(&message), Ok(()));
        }
        voices.round_begins(Round::new(91), &committee());
        assert_eq!(voices.newest_polka(&committee()), Some((Round::new(4), other)));
        assert_eq!(voices.held.len(), 3);
        assert_eq!(voices.take(&proposal(3, 8).1), Ok(()), "the cut of it");
        assert_eq!(voices.take(&proposal(4, 8).1), Err(Rejection::Stale), "once");
    }

    #[test]
    fn nobody_fills_the_place_of_others() {
        let mut voices = Voices::default();
        let cuts = [1, 2, 3].map(|byte| CutId::new([byte; 32]));
        let votes = cuts.map(|cut| vote(VoteType::Prevote, 0, Some(cut), 1));
        let taken = votes.each_ref().map(|vote| voices.take(vote));
        assert_eq!(taken, [Ok(()), Ok(()), Err(Rejection::SignerRate)]);
        assert_eq!(voices.take(&vote(VoteType::Prevote, 0, Some(cuts[2]), 2)), Ok(()));
        let proposals = [1, 2, 3, 4, 5].map(|time| voices.take(&proposal(0, time).1));
        assert_eq!(proposals[3..], [Ok(()), Err(Rejection::SignerRate)]);
        let certificate = |signer| {
            let AgreementMessage::Vote(vote) = vote(VoteType::Precommit, 3, None, signer) else {
                unreachable!()
            };
            let (epoch, round) = (Epoch::new(1), Round::new(3));
            let votes = vec![vote];
            let one = RoundCertificate { epoch, round, skip: false, votes };
            AgreementMessage::RoundCertificate(one)
        };
        assert_eq!(voices.take(&certificate(1)), Ok(()));
        assert_eq!(voices.take(&certificate(2)), Err(Rejection::Duplicate));
    }
}
