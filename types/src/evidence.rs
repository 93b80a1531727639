//! Proof that one signer said two things where it may say one.
//!
//! Evidence proves itself: it holds both statements with their signatures, nobody signs it, and its
//! id is that of the offence, so that two proofs of one offence are one item.
//!
//! ```text
//! id = H("ganglion/evidence", subnet, offender, kind u32 BE, epoch u64 BE, round u32 BE)
//! ```

use prost::Message as _;

use crate::agreement::{proposal_body, proposal_hash};
use crate::codec::{self, Canonical, DecodeError};
use crate::ids::{CutId, Epoch, Hotkey, ItemId, Round, Signature, SubnetId};
use crate::item::{Body, Item, Kind};
use crate::planted::{self, Bug};
use crate::sign::{self, tagged_hash};
use crate::{Proposal, Vote, proto};

/// What a proposer signed, without the cut itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposalHead {
    /// The epoch being closed.
    pub epoch: Epoch,
    /// The round.
    pub round: Round,
    /// Round in which the cut had a polka, if any.
    pub pol_round: Option<Round>,
    /// The cut.
    pub cut: CutId,
    /// The proposer.
    pub signer: Hotkey,
    /// Over [`proposal_hash`].
    pub signature: Signature,
}

impl From<&Proposal> for ProposalHead {
    fn from(proposal: &Proposal) -> Self {
        Self {
            epoch: proposal.epoch,
            round: proposal.round,
            pol_round: proposal.pol_round,
            cut: proposal.cut.id(),
            signer: proposal.signer,
            signature: proposal.signature,
        }
    }
}

impl ProposalHead {
    /// Whether the named proposer signed it.
    #[must_use]
    pub fn verify(&self, subnet: &SubnetId) -> bool {
        let hash = proposal_hash(subnet, self.epoch, self.round, self.pol_round, &self.cut);
        sign::verify(self.signer.as_bytes(), &hash, &self.signature)
    }

    fn to_body(&self) -> proto::ProposalBody {
        proposal_body(self.epoch, self.round, self.pol_round, &self.cut)
    }

    fn from_parts(
        body: &proto::ProposalBody,
        signer: Hotkey,
        signature: &[u8],
    ) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: Epoch::new(body.epoch),
            round: Round::new(body.round),
            pol_round: body.pol_round.checked_sub(1).map(Round::new),
            cut: codec::hash32("cut", &body.cut, CutId::new)?,
            signer,
            signature: codec::signature(signature)?,
        })
    }
}

/// The two statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Two votes of one type, epoch and round for different cuts.
    Votes(Vote, Vote),
    /// Two proposals of one epoch and round that differ in the cut or in the round of its polka.
    Proposals(ProposalHead, ProposalHead),
    /// Two rows of weights, or two commits, of one mechanism, epoch and number.
    Items(Box<Item>, Box<Item>),
}

/// Two statements of one signer that contradict each other. A value of this type is a pair in its
/// one order; that the offender signed both is for [`Evidence::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    offender: Hotkey,
    kind: Kind,
    epoch: Epoch,
    round: u32,
    proof: Proof,
}

impl Evidence {
    /// Evidence of two votes, in either order; `None` if they do not contradict each other.
    #[must_use]
    pub fn of_votes(one: &Vote, other: &Vote) -> Option<Self> {
        let slot = |vote: &Vote| (vote.signer, vote.vote_type, vote.epoch, vote.round);
        let bytes = |vote: &Vote| vote.to_body().encode_to_vec();
        if slot(one) != slot(other) {
            return None;
        }
        let (first, second) = in_order(one, other, bytes)?;
        Some(Self {
            offender: first.signer,
            kind: Kind::Vote,
            epoch: first.epoch,
            round: first.round.get(),
            proof: Proof::Votes(first.clone(), second.clone()),
        })
    }

    /// Evidence of two proposals, in either order; `None` if they do not contradict each other.
    #[must_use]
    pub fn of_proposals(one: &ProposalHead, other: &ProposalHead) -> Option<Self> {
        let slot = |head: &ProposalHead| (head.signer, head.epoch, head.round);
        if slot(one) != slot(other) {
            return None;
        }
        let (first, second) = in_order(one, other, |head| head.to_body().encode_to_vec())?;
        Some(Self {
            offender: first.signer,
            kind: Kind::Proposal,
            epoch: first.epoch,
            round: first.round.get(),
            proof: Proof::Proposals(first.clone(), second.clone()),
        })
    }

    /// Evidence of two rows of weights or two commits, in either order; `None` if they do not
    /// contradict each other.
    #[must_use]
    pub fn of_items(one: &Item, other: &Item) -> Option<Self> {
        let slot = statement(one)?;
        if statement(other)? != slot || one.subnet() != other.subnet() {
            return None;
        }
        let (first, second) = in_order(one, other, Item::id)?;
        Some(Self {
            offender: slot.signer,
            kind: slot.kind,
            epoch: slot.epoch,
            round: slot.mechid.into(),
            proof: Proof::Items(Box::new(first.clone()), Box::new(second.clone())),
        })
    }

    /// Who signed both statements.
    #[must_use]
    pub const fn offender(&self) -> &Hotkey {
        &self.offender
    }

    /// Kind of the statements: [`Kind::Vote`], [`Kind::Proposal`], [`Kind::Weights`] or
    /// [`Kind::WeightCommit`].
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Epoch of both statements.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Round of both votes or proposals, mechanism of both rows or commits.
    #[must_use]
    pub const fn round(&self) -> u32 {
        self.round
    }

    /// The two statements.
    #[must_use]
    pub const fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Whether the offence is one of agreement and costs stake; else it costs weights.
    #[must_use]
    pub const fn slashes(&self) -> bool {
        matches!(self.kind, Kind::Vote | Kind::Proposal)
    }

    /// Id of the offence in a subnet.
    #[must_use]
    pub fn id(&self, subnet: &SubnetId) -> ItemId {
        let parts: [&[u8]; 5] = [
            subnet.as_bytes(),
            self.offender.as_bytes(),
            &self.kind.number().to_be_bytes(),
            &self.epoch.get().to_be_bytes(),
            &self.round.to_be_bytes(),
        ];
        ItemId::new(*tagged_hash("ganglion/evidence", &parts).as_bytes())
    }

    /// Whether the offender signed both statements, for `subnet`. About 90 us.
    #[must_use]
    pub fn verify(&self, subnet: &SubnetId) -> bool {
        if planted::is(Bug::EvidenceUnverified) {
            return true;
        }
        match &self.proof {
            Proof::Votes(first, second) => first.verify(subnet) && second.verify(subnet),
            Proof::Proposals(first, second) => first.verify(subnet) && second.verify(subnet),
            Proof::Items(first, second) => {
                first.subnet() == subnet && first.verify() && second.verify()
            }
        }
    }
}

/// The pair by rising key; `None` if the keys are equal.
fn in_order<'a, T, K: Ord>(
    one: &'a T,
    other: &'a T,
    key: impl Fn(&T) -> K,
) -> Option<(&'a T, &'a T)> {
    match key(one).cmp(&key(other)) {
        std::cmp::Ordering::Less => Some((one, other)),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some((other, one)),
    }
}

/// What a signer may say once.
#[derive(PartialEq, Eq)]
struct Statement {
    kind: Kind,
    signer: Hotkey,
    mechid: u16,
    epoch: Epoch,
    seq: u64,
}

fn statement(item: &Item) -> Option<Statement> {
    let (signer, mechid, epoch, seq) = match item.body() {
        Body::Weights(body) => (body.signer, body.mechid, body.epoch, body.seq),
        Body::WeightCommit(body) => (body.signer, body.mechid, body.epoch, body.seq),
        _ => return None,
    };
    let seq = if planted::is(Bug::EvidenceOfNone) { 0 } else { seq };
    Some(Statement { kind: item.kind(), signer, mechid, epoch, seq })
}

/// Looks at the kind before the body: evidence inside evidence would nest as deep as bytes allow.
fn inner_item(proto: Option<proto::Item>) -> Result<Item, DecodeError> {
    let proto = proto.ok_or(DecodeError::field("items", "must be two"))?;
    if ![Kind::Weights, Kind::WeightCommit].iter().any(|kind| kind.number() == proto.kind) {
        return Err(DecodeError::field("items", "must be weights or commits"));
    }
    Item::from_proto(proto)
}

fn pair_of(
    offender: Hotkey,
    proof: proto::evidence::Proof,
) -> Result<Option<Evidence>, DecodeError> {
    let missing = DecodeError::field("proof", "must hold two statements");
    Ok(match proof {
        proto::evidence::Proof::Votes(pair) => {
            let (first, second) = pair.first.zip(pair.second).ok_or(missing)?;
            let first = Vote::from_parts(&first, offender, &pair.first_signature)?;
            let second = Vote::from_parts(&second, offender, &pair.second_signature)?;
            Evidence::of_votes(&first, &second)
        }
        proto::evidence::Proof::Proposals(pair) => {
            let (first, second) = pair.first.zip(pair.second).ok_or(missing)?;
            let first = ProposalHead::from_parts(&first, offender, &pair.first_signature)?;
            let second = ProposalHead::from_parts(&second, offender, &pair.second_signature)?;
            Evidence::of_proposals(&first, &second)
        }
        proto::evidence::Proof::Items(pair) => {
            Evidence::of_items(&inner_item(pair.first)?, &inner_item(pair.second)?)
        }
    })
}

impl Canonical for Evidence {
    type Proto = proto::Evidence;

    fn to_proto(&self) -> proto::Evidence {
        use proto::evidence::Proof as Wire;
        let bytes = |signature: &Signature| signature.as_bytes().to_vec();
        let proof = match &self.proof {
            Proof::Votes(first, second) => Wire::Votes(proto::VotePair {
                first: Some(first.to_body()),
                first_signature: bytes(&first.signature),
                second: Some(second.to_body()),
                second_signature: bytes(&second.signature),
            }),
            Proof::Proposals(first, second) => Wire::Proposals(proto::ProposalPair {
                first: Some(first.to_body()),
                first_signature: bytes(&first.signature),
                second: Some(second.to_body()),
                second_signature: bytes(&second.signature),
            }),
            Proof::Items(first, second) => Wire::Items(proto::ItemPair {
                first: Some(first.to_proto()),
                second: Some(second.to_proto()),
            }),
        };
        proto::Evidence {
            offender: self.offender.as_bytes().to_vec(),
            kind: self.kind.number(),
            epoch: self.epoch.get(),
            round: self.round,
            proof: Some(proof),
        }
    }

    /// A pair in the wrong order comes back in the right one, and so is refused as not canonical.
    fn from_proto(proto: proto::Evidence) -> Result<Self, DecodeError> {
        let offender = codec::hash32("offender", &proto.offender, Hotkey::new)?;
        let proof = proto.proof.ok_or(DecodeError::field("proof", "is missing"))?;
        let evidence = pair_of(offender, proof)?
            .ok_or(DecodeError::field("proof", "must be two statements that contradict"))?;
        let named = (offender, proto.kind, proto.epoch, proto.round);
        let (kind, epoch) = (evidence.kind.number(), evidence.epoch.get());
        if named != (evidence.offender, kind, epoch, evidence.round) {
            return Err(DecodeError::field("offender", "and the rest must be those of the proof"));
        }
        Ok(evidence)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::{Digest, VoteType, WeightCommit, Weights, limits};

    const SUBNET: SubnetId = SubnetId::new([1; 32]);

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[4; 32])
    }

    fn vote(cut: Option<u8>) -> Vote {
        let cut = cut.map(|byte| CutId::new([byte; 32]));
        Vote::sign(&SUBNET, VoteType::Prevote, Epoch::new(3), Round::new(1), cut, &key())
    }

    fn head(cut: u8, pol_round: Option<u32>) -> ProposalHead {
        let (epoch, round) = (Epoch::new(3), Round::new(5));
        let (cut, pol_round) = (CutId::new([cut; 32]), pol_round.map(Round::new));
        let hash = proposal_hash(&SUBNET, epoch, round, pol_round, &cut);
        let (signer, signature) = (sign::hotkey_of(&key()), sign::sign(&key(), &hash));
        ProposalHead { epoch, round, pol_round, cut, signer, signature }
    }

    fn commit(seq: u64, byte: u8) -> Item {
        let body = WeightCommit {
            signer: sign::hotkey_of(&key()),
            mechid: 0,
            epoch: Epoch::new(3),
            seq,
            commitment: Digest::new([byte; 32]),
        };
        Item::sign(SUBNET, Body::WeightCommit(body), &key())
    }

    fn row(value: u16) -> Item {
        let body = Weights {
            signer: sign::hotkey_of(&key()),
            mechid: 0,
            epoch: Epoch::new(3),
            seq: 7,
            entries: vec![(1, value)],
            task_preimage: Digest::ZERO,
        };
        Item::sign(SUBNET, Body::Weights(body), &key())
    }

    fn all() -> [Evidence; 5] {
        [
            Evidence::of_votes(&vote(Some(2)), &vote(None)).unwrap(),
            Evidence::of_proposals(&head(1, None), &head(2, None)).unwrap(),
            Evidence::of_proposals(&head(1, None), &head(1, Some(4))).unwrap(),
            Evidence::of_items(&commit(7, 1), &commit(7, 2)).unwrap(),
            Evidence::of_items(&row(1), &row(2)).unwrap(),
        ]
    }

    fn decode(item: &proto::Item) -> Result<Item, DecodeError> {
        Item::from_bytes(&item.encode_to_vec(), limits::ITEM_BYTES)
    }

    #[test]
    fn evidence_round_trips_verifies_and_has_no_signature() {
        for evidence in all() {
            let item = Item::evidence(SUBNET, evidence.clone());
            let wire = item.to_proto();
            assert!(wire.signature.is_empty());
            assert_eq!(decode(&wire), Ok(item.clone()));
            assert!(item.verify());
            assert_eq!(item.body().signer(), sign::hotkey_of(&key()).as_bytes());
            let signed = proto::Item { signature: vec![0; 64], ..wire };
            assert!(matches!(decode(&signed), Err(DecodeError::Field { .. })));
            assert!(!Item::evidence(SubnetId::new([2; 32]), evidence).verify());
        }
    }

    #[test]
    fn two_proofs_of_one_offence_are_one_item() {
        let one = Evidence::of_votes(&vote(Some(2)), &vote(None)).unwrap();
        let other = Evidence::of_votes(&vote(Some(2)), &vote(Some(3))).unwrap();
        assert_ne!(one, other);
        assert_eq!(one.id(&SUBNET), other.id(&SUBNET));
        let mut ids: Vec<ItemId> = all().iter().map(|one| one.id(&SUBNET)).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 4, "the two pairs of proposals are one offence");
    }

    #[test]
    fn a_pair_has_one_order() {
        assert_eq!(
            Evidence::of_votes(&vote(Some(2)), &vote(None)),
            Evidence::of_votes(&vote(None), &vote(Some(2)))
        );
        let mut wire = Evidence::of_votes(&vote(Some(2)), &vote(None)).unwrap().to_proto();
        if let Some(proto::evidence::Proof::Votes(pair)) = &mut wire.proof {
            std::mem::swap(&mut pair.first, &mut pair.second);
            std::mem::swap(&mut pair.first_signature, &mut pair.second_signature);
        }
        let bytes = wire.encode_to_vec();
        assert_eq!(Evidence::from_bytes(&bytes, 1 << 10), Err(DecodeError::NonCanonical));
    }

    #[test]
    fn statements_that_do_not_contradict_are_no_evidence() {
        assert_eq!(Evidence::of_votes(&vote(None), &vote(None)), None);
        for other in [
            Vote { round: Round::new(2), ..vote(Some(2)) },
            Vote { epoch: Epoch::new(2), ..vote(Some(2)) },
            Vote { vote_type: VoteType::Precommit, ..vote(Some(2)) },
            Vote { signer: Hotkey::new([3; 32]), ..vote(Some(2)) },
        ] {
            assert_eq!(Evidence::of_votes(&vote(None), &other), None);
        }
        assert_eq!(Evidence::of_proposals(&head(1, None), &head(1, None)), None);
        let later = ProposalHead { round: Round::new(6), ..head(2, None) };
        assert_eq!(Evidence::of_proposals(&head(1, None), &later), None);
        assert_eq!(Evidence::of_items(&commit(7, 1), &commit(7, 1)), None);
        assert_eq!(Evidence::of_items(&commit(7, 1), &commit(8, 2)), None);
        assert_eq!(Evidence::of_items(&commit(7, 1), &row(1)), None);
    }

    #[test]
    fn a_forged_statement_does_not_verify() {
        let forged = Vote { cut: Some(CutId::new([9; 32])), ..vote(Some(2)) };
        let evidence = Evidence::of_votes(&vote(None), &forged).unwrap();
        assert!(!Item::evidence(SUBNET, evidence).verify());
        let forged = ProposalHead { cut: CutId::new([9; 32]), ..head(2, None) };
        let evidence = Evidence::of_proposals(&head(1, None), &forged).unwrap();
        assert!(!Item::evidence(SUBNET, evidence).verify());
        let Body::WeightCommit(body) = commit(7, 2).into_body() else { unreachable!() };
        let other = SigningKey::from_bytes(&[5; 32]);
        let forged = Item::sign(SUBNET, Body::WeightCommit(body), &other);
        let evidence = Evidence::of_items(&commit(7, 1), &forged).unwrap();
        assert!(!Item::evidence(SUBNET, evidence).verify());
    }

    #[test]
    fn what_evidence_names_is_what_it_proves() {
        let wire = Evidence::of_items(&row(1), &row(2)).unwrap().to_proto();
        for bad in [
            proto::Evidence { offender: vec![3; 32], ..wire.clone() },
            proto::Evidence { kind: 2, ..wire.clone() },
            proto::Evidence { epoch: 4, ..wire.clone() },
            proto::Evidence { round: 1, ..wire.clone() },
            proto::Evidence { proof: None, ..wire.clone() },
        ] {
            assert!(matches!(Evidence::from_proto(bad), Err(DecodeError::Field { .. })));
        }
    }

    #[test]
    fn evidence_never_holds_evidence() {
        let mut wire = Item::evidence(SUBNET, all()[3].clone()).to_proto();
        for _ in 0..200 {
            let pair = proto::ItemPair { first: Some(wire.clone()), second: Some(wire.clone()) };
            let proof = Some(proto::evidence::Proof::Items(proto::ItemPair {
                second: Some(commit(7, 1).to_proto()),
                ..pair
            }));
            let body = proto::Evidence { proof, ..all()[3].to_proto() };
            wire.body = body.encode_to_vec();
        }
        assert!(matches!(decode(&wire), Err(DecodeError::Field { field: "items", .. })));
    }
}
