//! Between our messages and the BFT core's.

use arc_malachitebft_core_types as bft;
use ganglion_types::agreement::{proposal_hash, vote_hash};
use ganglion_types::{
    Certificate, CutId, Epoch, PolkaCertificate, Proposal, Round, RoundCertificate, SubnetId, Vote,
    VoteType,
};

use super::context::{Address, Ballot, Ctx, Height, Mark, Motion, SharedCut};

pub(super) type SignedVote = bft::SignedVote<Ctx>;
pub(super) type SignedProposal = bft::SignedProposal<Ctx>;

pub(super) fn round_in(round: Round) -> bft::Round {
    bft::Round::new(round.get())
}

/// Rounds of votes, proposals and certificates are always defined; the core's nil stands for
/// "before the first".
pub(super) fn round_out(round: bft::Round) -> Round {
    Round::new(round.as_u32().unwrap_or(0))
}

pub(super) const fn vote_type_in(kind: VoteType) -> bft::VoteType {
    match kind {
        VoteType::Prevote => bft::VoteType::Prevote,
        VoteType::Precommit => bft::VoteType::Precommit,
    }
}

const fn vote_type_out(kind: bft::VoteType) -> VoteType {
    match kind {
        bft::VoteType::Prevote => VoteType::Prevote,
        bft::VoteType::Precommit => VoteType::Precommit,
    }
}

fn cut_in(cut: Option<CutId>) -> bft::NilOrVal<CutId> {
    cut.map_or(bft::NilOrVal::Nil, bft::NilOrVal::Val)
}

const fn cut_out(cut: bft::NilOrVal<CutId>) -> Option<CutId> {
    match cut {
        bft::NilOrVal::Nil => None,
        bft::NilOrVal::Val(cut) => Some(cut),
    }
}

pub(super) fn vote_in(vote: &Vote) -> SignedVote {
    let ballot = Ballot {
        kind: vote_type_in(vote.vote_type),
        height: Height(vote.epoch),
        round: round_in(vote.round),
        cut: cut_in(vote.cut),
        voter: Address(vote.signer),
    };
    SignedVote::new(ballot, Mark(vote.signature))
}

pub(super) fn vote_out(vote: &SignedVote) -> Vote {
    Vote {
        vote_type: vote_type_out(vote.message.kind),
        epoch: vote.message.height.0,
        round: round_out(vote.message.round),
        cut: cut_out(vote.message.cut),
        signer: vote.message.voter.0,
        signature: vote.signature.0,
    }
}

pub(super) fn proposal_in(proposal: &Proposal, cut: SharedCut) -> SignedProposal {
    let motion = Motion {
        height: Height(proposal.epoch),
        round: round_in(proposal.round),
        cut,
        pol_round: proposal.pol_round.map_or(bft::Round::Nil, round_in),
        proposer: Address(proposal.signer),
    };
    SignedProposal::new(motion, Mark(proposal.signature))
}

pub(super) fn pol_round_out(round: bft::Round) -> Option<Round> {
    round.as_u32().map(Round::new)
}

pub(super) fn proposal_out(proposal: &SignedProposal) -> Proposal {
    let motion = &proposal.message;
    Proposal {
        epoch: motion.height.0,
        round: round_out(motion.round),
        pol_round: pol_round_out(motion.pol_round),
        cut: motion.cut.cut().clone(),
        signer: motion.proposer.0,
        signature: proposal.signature.0,
    }
}

/// What a vote's signature covers: exactly `types::agreement`.
pub(super) fn ballot_hash(subnet: &SubnetId, ballot: &Ballot) -> [u8; 32] {
    let cut = cut_out(ballot.cut);
    let kind = vote_type_out(ballot.kind);
    vote_hash(subnet, kind, ballot.height.0, round_out(ballot.round), cut.as_ref())
}

/// What a proposal's signature covers: exactly `types::agreement`.
pub(super) fn motion_hash(subnet: &SubnetId, motion: &Motion) -> [u8; 32] {
    let pol_round = pol_round_out(motion.pol_round);
    let (round, cut) = (round_out(motion.round), motion.cut.cut_id());
    proposal_hash(subnet, motion.height.0, round, pol_round, &cut)
}

pub(super) fn polka_in(polka: &PolkaCertificate) -> bft::PolkaCertificate<Ctx> {
    let signatures = polka.signatures.iter();
    bft::PolkaCertificate {
        height: Height(polka.epoch),
        round: round_in(polka.round),
        value_id: polka.cut,
        polka_signatures: signatures
            .map(|(signer, mark)| bft::PolkaSignature::new(Address(*signer), Mark(*mark)))
            .collect(),
    }
}

pub(super) fn polka_out(polka: &bft::PolkaCertificate<Ctx>) -> PolkaCertificate {
    let mut signatures: Vec<_> =
        polka.polka_signatures.iter().map(|entry| (entry.address.0, entry.signature.0)).collect();
    signatures.sort_unstable_by_key(|(signer, _)| *signer);
    PolkaCertificate {
        epoch: polka.height.0,
        round: round_out(polka.round),
        cut: polka.value_id,
        signatures,
    }
}

/// The votes must be of the certificate's own epoch and round: the core takes those from the
/// certificate.
pub(super) fn round_certificate_in(certificate: &RoundCertificate) -> bft::RoundCertificate<Ctx> {
    let votes = certificate.votes.iter();
    bft::RoundCertificate {
        height: Height(certificate.epoch),
        round: round_in(certificate.round),
        cert_type: if certificate.skip {
            bft::RoundCertificateType::Skip
        } else {
            bft::RoundCertificateType::Precommit
        },
        round_signatures: votes
            .map(|vote| {
                let (kind, cut) = (vote_type_in(vote.vote_type), cut_in(vote.cut));
                bft::RoundSignature::new(kind, cut, Address(vote.signer), Mark(vote.signature))
            })
            .collect(),
    }
}

pub(super) fn round_certificate_out(certificate: &bft::RoundCertificate<Ctx>) -> RoundCertificate {
    let mut votes: Vec<Vote> = certificate.votes(&Ctx).map(|vote| vote_out(&vote)).collect();
    votes.sort_unstable_by_key(|vote| vote.signer);
    RoundCertificate {
        epoch: certificate.height.0,
        round: round_out(certificate.round),
        skip: certificate.cert_type == bft::RoundCertificateType::Skip,
        votes,
    }
}

pub(super) fn certificate_out(
    epoch: Epoch,
    certificate: &bft::CommitCertificate<Ctx>,
) -> Certificate {
    let mut signatures: Vec<_> = certificate
        .commit_signatures
        .iter()
        .map(|entry| (entry.address.0, entry.signature.0))
        .collect();
    signatures.sort_unstable_by_key(|(signer, _)| *signer);
    Certificate {
        epoch,
        round: round_out(certificate.round),
        cut: certificate.value_id,
        signatures,
    }
}
