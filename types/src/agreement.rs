//! Votes and proposals as they travel and are signed.

use ed25519_dalek::SigningKey;

use crate::codec::{self, Canonical, DecodeError};
use crate::cut::{Cut, signatures_from_proto, signatures_to_proto};
use crate::ids::{CutId, Epoch, Hotkey, Round, Signature, SubnetId};
use crate::item::{Item, Kind};
use crate::planted::{self, Bug};
use crate::{limits, proto, sign};

/// The two votes of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VoteType {
    /// "This cut is valid and I may vote for it."
    Prevote,
    /// "More than 2/3 prevoted it."
    Precommit,
}

impl VoteType {
    const fn number(self) -> u32 {
        match self {
            Self::Prevote => 1,
            Self::Precommit => 2,
        }
    }

    fn from_number(number: u32) -> Result<Self, DecodeError> {
        match number {
            1 => Ok(Self::Prevote),
            2 => Ok(Self::Precommit),
            _ => Err(DecodeError::field("type", "must be 1 (prevote) or 2 (precommit)")),
        }
    }
}

/// A signed vote of one committee member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Prevote or precommit.
    pub vote_type: VoteType,
    /// The epoch being closed.
    pub epoch: Epoch,
    /// The round.
    pub round: Round,
    /// The cut, or `None` for nil.
    pub cut: Option<CutId>,
    /// The voter. Not in what is signed: all precommits of a certificate sign the same bytes.
    pub signer: Hotkey,
    /// Over [`vote_hash`].
    pub signature: Signature,
}

/// What a vote's signature covers.
#[must_use]
pub fn vote_hash(
    subnet: &SubnetId,
    vote_type: VoteType,
    epoch: Epoch,
    round: Round,
    cut: Option<&CutId>,
) -> [u8; 32] {
    let body = vote_body(vote_type, epoch, round, cut);
    let anywhere = SubnetId::new([0; 32]);
    let subnet = if planted::is(Bug::SubnetUnsigned) { &anywhere } else { subnet };
    sign::preimage_hash(subnet, Kind::Vote, &prost::Message::encode_to_vec(&body))
}

fn vote_body(
    vote_type: VoteType,
    epoch: Epoch,
    round: Round,
    cut: Option<&CutId>,
) -> proto::VoteBody {
    proto::VoteBody {
        r#type: vote_type.number(),
        epoch: epoch.get(),
        round: round.get(),
        cut: cut.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
    }
}

impl Vote {
    /// Signs a vote.
    #[must_use]
    pub fn sign(
        subnet: &SubnetId,
        vote_type: VoteType,
        epoch: Epoch,
        round: Round,
        cut: Option<CutId>,
        key: &SigningKey,
    ) -> Self {
        let hash = vote_hash(subnet, vote_type, epoch, round, cut.as_ref());
        let signature = sign::sign(key, &hash);
        Self { vote_type, epoch, round, cut, signer: sign::hotkey_of(key), signature }
    }

    /// Whether the named voter signed it.
    #[must_use]
    pub fn verify(&self, subnet: &SubnetId) -> bool {
        let hash = vote_hash(subnet, self.vote_type, self.epoch, self.round, self.cut.as_ref());
        sign::verify(self.signer.as_bytes(), &hash, &self.signature)
    }
}

impl Canonical for Vote {
    type Proto = proto::Vote;

    fn to_proto(&self) -> proto::Vote {
        proto::Vote {
            body: Some(self.to_body()),
            signer: self.signer.as_bytes().to_vec(),
            signature: self.signature.as_bytes().to_vec(),
        }
    }

    fn from_proto(proto: proto::Vote) -> Result<Self, DecodeError> {
        let body = proto.body.ok_or(DecodeError::field("body", "is missing"))?;
        let signer = codec::hash32("signer", &proto.signer, Hotkey::new)?;
        Self::from_parts(&body, signer, &proto.signature)
    }
}

impl Vote {
    /// Joins a body, its signer and its signature.
    pub(crate) fn from_parts(
        body: &proto::VoteBody,
        signer: Hotkey,
        signature: &[u8],
    ) -> Result<Self, DecodeError> {
        let cut = if body.cut.is_empty() {
            None
        } else {
            Some(codec::hash32("cut", &body.cut, CutId::new)?)
        };
        Ok(Self {
            vote_type: VoteType::from_number(body.r#type)?,
            epoch: Epoch::new(body.epoch),
            round: Round::new(body.round),
            cut,
            signer,
            signature: codec::signature(signature)?,
        })
    }

    /// The part that is signed.
    pub(crate) fn to_body(&self) -> proto::VoteBody {
        vote_body(self.vote_type, self.epoch, self.round, self.cut.as_ref())
    }
}

/// A signed proposal with its whole cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The epoch being closed.
    pub epoch: Epoch,
    /// The round.
    pub round: Round,
    /// Round in which the cut had a polka, if any.
    pub pol_round: Option<Round>,
    /// The cut.
    pub cut: Cut,
    /// The proposer.
    pub signer: Hotkey,
    /// Over [`proposal_hash`].
    pub signature: Signature,
}

/// What a proposal's signature covers: the cut by its id.
#[must_use]
pub fn proposal_hash(
    subnet: &SubnetId,
    epoch: Epoch,
    round: Round,
    pol_round: Option<Round>,
    cut: &CutId,
) -> [u8; 32] {
    let body = proposal_body(epoch, round, pol_round, cut);
    sign::preimage_hash(subnet, Kind::Proposal, &prost::Message::encode_to_vec(&body))
}

pub(crate) fn proposal_body(
    epoch: Epoch,
    round: Round,
    pol_round: Option<Round>,
    cut: &CutId,
) -> proto::ProposalBody {
    proto::ProposalBody {
        epoch: epoch.get(),
        round: round.get(),
        pol_round: pol_round.map_or(0, |round| round.next().get()),
        cut: cut.as_bytes().to_vec(),
    }
}

impl Proposal {
    /// Whether the named proposer signed it.
    #[must_use]
    pub fn verify(&self, subnet: &SubnetId) -> bool {
        let hash = proposal_hash(subnet, self.epoch, self.round, self.pol_round, &self.cut.id());
        sign::verify(self.signer.as_bytes(), &hash, &self.signature)
    }
}

impl Canonical for Proposal {
    type Proto = proto::Proposal;

    fn to_proto(&self) -> proto::Proposal {
        proto::Proposal {
            body: Some(proposal_body(self.epoch, self.round, self.pol_round, &self.cut.id())),
            cut: Some(self.cut.to_proto()),
            signer: self.signer.as_bytes().to_vec(),
            signature: self.signature.as_bytes().to_vec(),
        }
    }

    fn from_proto(proto: proto::Proposal) -> Result<Self, DecodeError> {
        let body = proto.body.ok_or(DecodeError::field("body", "is missing"))?;
        let cut = Cut::from_proto(proto.cut.ok_or(DecodeError::field("cut", "is missing"))?)?;
        if codec::hash32("cut", &body.cut, CutId::new)? != cut.id() {
            return Err(DecodeError::field("cut", "must be the id of the cut that follows"));
        }
        Ok(Self {
            epoch: Epoch::new(body.epoch),
            round: Round::new(body.round),
            pol_round: body.pol_round.checked_sub(1).map(Round::new),
            cut,
            signer: codec::hash32("signer", &proto.signer, Hotkey::new)?,
            signature: codec::signature(&proto.signature)?,
        })
    }
}

/// More than 2/3 of stake prevoted one cut in one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolkaCertificate {
    /// The epoch.
    pub epoch: Epoch,
    /// The round.
    pub round: Round,
    /// The cut.
    pub cut: CutId,
    /// Prevote signatures, strictly rising by signer.
    pub signatures: Vec<(Hotkey, Signature)>,
}

impl Canonical for PolkaCertificate {
    type Proto = proto::PolkaCertificate;

    fn to_proto(&self) -> proto::PolkaCertificate {
        proto::PolkaCertificate {
            epoch: self.epoch.get(),
            round: self.round.get(),
            cut: self.cut.as_bytes().to_vec(),
            signatures: signatures_to_proto(&self.signatures),
        }
    }

    fn from_proto(proto: proto::PolkaCertificate) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: Epoch::new(proto.epoch),
            round: Round::new(proto.round),
            cut: codec::hash32("cut", &proto.cut, CutId::new)?,
            signatures: signatures_from_proto(&proto.signatures)?,
        })
    }
}

/// Enough votes to leave a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundCertificate {
    /// The epoch.
    pub epoch: Epoch,
    /// The round.
    pub round: Round,
    /// Whether more than 1/3 of any votes of a later round (true) or more than 2/3 of precommits.
    pub skip: bool,
    /// The votes, strictly rising by signer.
    pub votes: Vec<Vote>,
}

impl RoundCertificate {
    /// Whether its votes are of its epoch and round, and precommits unless it is one to skip by.
    #[must_use]
    pub fn is_of_one_round(&self) -> bool {
        self.votes.iter().all(|vote| {
            let kind = self.skip || vote.vote_type == VoteType::Precommit;
            kind && vote.epoch == self.epoch && vote.round == self.round
        })
    }
}

impl Canonical for RoundCertificate {
    type Proto = proto::RoundCertificate;

    fn to_proto(&self) -> proto::RoundCertificate {
        proto::RoundCertificate {
            epoch: self.epoch.get(),
            round: self.round.get(),
            skip: self.skip,
            votes: self.votes.iter().map(Canonical::to_proto).collect(),
        }
    }

    fn from_proto(proto: proto::RoundCertificate) -> Result<Self, DecodeError> {
        if proto.votes.len() > limits::COMMITTEE {
            return Err(DecodeError::field("votes", "has too many entries"));
        }
        let votes: Vec<Vote> =
            proto.votes.into_iter().map(Vote::from_proto).collect::<Result<_, _>>()?;
        if !votes.is_sorted_by(|a, b| a.signer < b.signer) {
            return Err(DecodeError::field("votes", "must be strictly rising by signer"));
        }
        Ok(Self {
            epoch: Epoch::new(proto.epoch),
            round: Round::new(proto.round),
            skip: proto.skip,
            votes,
        })
    }
}

/// What travels on the agreement topic and in pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is named like the type it holds")]
pub enum AgreementMessage {
    Vote(Vote),
    Proposal(Box<Proposal>),
    Polka(PolkaCertificate),
    RoundCertificate(RoundCertificate),
    /// An item of kind [`Kind::InclusionList`].
    List(Item),
}

impl AgreementMessage {
    /// The epoch it is about.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        match self {
            Self::Vote(vote) => vote.epoch,
            Self::Proposal(proposal) => proposal.epoch,
            Self::Polka(certificate) => certificate.epoch,
            Self::RoundCertificate(certificate) => certificate.epoch,
            Self::List(item) => item.body().epoch().unwrap_or_default(),
        }
    }

    /// The round it is about; none for a list.
    #[must_use]
    pub const fn round(&self) -> Option<Round> {
        match self {
            Self::Vote(vote) => Some(vote.round),
            Self::Proposal(proposal) => Some(proposal.round),
            Self::Polka(certificate) => Some(certificate.round),
            Self::RoundCertificate(certificate) => Some(certificate.round),
            Self::List(_) => None,
        }
    }
}

impl Canonical for AgreementMessage {
    type Proto = proto::AgreementMessage;

    fn to_proto(&self) -> proto::AgreementMessage {
        use proto::agreement_message::Message;
        let message = match self {
            Self::Vote(vote) => Message::Vote(vote.to_proto()),
            Self::Proposal(proposal) => Message::Proposal(proposal.to_proto()),
            Self::Polka(certificate) => Message::Polka(certificate.to_proto()),
            Self::RoundCertificate(certificate) => {
                Message::RoundCertificate(certificate.to_proto())
            }
            Self::List(item) => Message::List(item.to_proto()),
        };
        proto::AgreementMessage { message: Some(message) }
    }

    fn from_proto(proto: proto::AgreementMessage) -> Result<Self, DecodeError> {
        use proto::agreement_message::Message;
        Ok(match proto.message.ok_or(DecodeError::field("message", "is missing"))? {
            Message::Vote(vote) => Self::Vote(Vote::from_proto(vote)?),
            Message::Proposal(proposal) => {
                Self::Proposal(Box::new(Proposal::from_proto(proposal)?))
            }
            Message::Polka(certificate) => Self::Polka(PolkaCertificate::from_proto(certificate)?),
            Message::RoundCertificate(certificate) => {
                Self::RoundCertificate(RoundCertificate::from_proto(certificate)?)
            }
            Message::List(item) => {
                let item = Item::from_proto(item)?;
                if item.kind() != Kind::InclusionList {
                    return Err(DecodeError::field("list", "must be an inclusion list"));
                }
                Self::List(item)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Digest, ItemId};

    /// Rising ids, as many as asked.
    fn ids(count: usize) -> Vec<ItemId> {
        let id = |number: u32| {
            let mut bytes = [0xff; 32];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            ItemId::new(bytes)
        };
        (0..u32::try_from(count).unwrap()).map(id).collect()
    }

    #[test]
    fn a_proposal_with_the_largest_cut_fits_its_limit() {
        let key = SigningKey::from_bytes(&[4; 32]);
        let cut = Cut {
            subnet: SubnetId::new([1; 32]),
            epoch: Epoch::new(u64::MAX),
            prev: CutId::new([2; 32]),
            lists: ids(limits::COMMITTEE),
            items: ids(limits::CUT_ITEMS),
            time: u64::MAX,
            registry: Digest::new([9; 32]),
            result_root: Digest::new([9; 32]),
            state_root: Digest::new([9; 32]),
            next_committee_root: Digest::new([9; 32]),
        };
        let proposal = Proposal {
            epoch: Epoch::new(u64::MAX),
            round: Round::new(u32::MAX),
            pol_round: Some(Round::new(7)),
            cut,
            signer: sign::hotkey_of(&key),
            signature: Signature::new([9; 64]),
        };
        let message = AgreementMessage::Proposal(Box::new(proposal));
        let bytes = message.to_bytes();
        assert!(bytes.len() > limits::AGREEMENT_BYTES / 2, "{}", bytes.len());
        assert_eq!(AgreementMessage::from_bytes(&bytes, limits::AGREEMENT_BYTES), Ok(message));
    }

    #[test]
    fn votes_bind_type_epoch_round_and_cut() {
        let key = SigningKey::from_bytes(&[4; 32]);
        let subnet = SubnetId::new([1; 32]);
        let cut = Some(CutId::new([2; 32]));
        let vote =
            Vote::sign(&subnet, VoteType::Precommit, Epoch::new(3), Round::new(0), cut, &key);
        assert!(vote.verify(&subnet));
        for forged in [
            Vote { vote_type: VoteType::Prevote, ..vote.clone() },
            Vote { epoch: Epoch::new(4), ..vote.clone() },
            Vote { round: Round::new(1), ..vote.clone() },
            Vote { cut: None, ..vote.clone() },
        ] {
            assert!(!forged.verify(&subnet));
        }
        assert!(!vote.verify(&SubnetId::new([9; 32])));
        let message = AgreementMessage::Vote(vote);
        let bytes = message.to_bytes();
        assert_eq!(AgreementMessage::from_bytes(&bytes, limits::AGREEMENT_BYTES), Ok(message));
    }
}
