//! What a message must pass before its signature is looked at, cheapest first.

use arc_malachitebft_core_consensus::Input;
use ganglion_types::planted::{self, Bug};
use ganglion_types::{
    AgreementMessage, Epoch, Hotkey, PolkaCertificate, Proposal, Round, RoundCertificate, Vote,
};

use super::context::{Ctx, Height, SharedCut};
use super::convert;
use super::output::Ignored;
use super::running::Running;
use crate::certificate::{CertificateError, tally};

/// Votes and proposals this many rounds ahead of the engine's are still looked at.
pub const ROUNDS_AHEAD: u32 = 10;
/// Different proposals of one round whose signatures are verified. Two prove an equivocation.
const PROPOSALS_PER_ROUND: usize = 4;

impl Running {
    /// The core's input for a message, if it may be news. `own` is this node's hotkey.
    pub(super) fn check(
        &mut self,
        message: AgreementMessage,
        own: Option<Hotkey>,
    ) -> Result<Input<Ctx>, Ignored> {
        self.check_epoch(&message)?;
        match message {
            AgreementMessage::Vote(vote) => self.check_vote(&vote, own),
            AgreementMessage::Proposal(proposal) => self.check_proposal(*proposal, own),
            AgreementMessage::Polka(polka) => self.check_polka(&polka),
            AgreementMessage::RoundCertificate(certificate) => {
                self.check_round_certificate(&certificate)
            }
            AgreementMessage::List(_) => Err(Ignored::List),
        }
    }

    fn check_epoch(&self, message: &AgreementMessage) -> Result<(), Ignored> {
        if matches!(message, AgreementMessage::List(_)) {
            return Err(Ignored::List);
        }
        self.check_open(message.epoch())
    }

    /// Whether something about `epoch` may still matter.
    pub(super) fn check_open(&self, epoch: Epoch) -> Result<(), Ignored> {
        let mine = self.handler.epoch;
        if epoch < mine {
            Err(Ignored::PastEpoch(epoch))
        } else if epoch == mine && self.decided {
            Err(Ignored::Decided)
        } else if epoch == mine {
            Ok(())
        } else if epoch == mine.next() {
            Err(Ignored::NextEpoch(epoch))
        } else {
            Err(Ignored::FarEpoch(epoch))
        }
    }

    fn check_signer(&self, signer: &Hotkey, round: Round) -> Result<(), Ignored> {
        if self.handler.committee.stake_of(signer).is_none() {
            return Err(Ignored::NotMember(*signer));
        }
        if round.get() > self.round().get().saturating_add(ROUNDS_AHEAD) {
            return Err(Ignored::FarRound(round));
        }
        Ok(())
    }

    fn check_vote(&mut self, vote: &Vote, own: Option<Hotkey>) -> Result<Input<Ctx>, Ignored> {
        self.check_signer(&vote.signer, vote.round)?;
        let signed = convert::vote_in(vote);
        let votes = self.state.driver.votes();
        if votes.has_vote(&signed) {
            return Err(Ignored::Repeated);
        }
        if votes.is_saturated_conflict(&signed) {
            return Err(Ignored::Saturated);
        }
        if self.handler.own.contains(&vote.signature) && !planted::is(Bug::OwnVotesForeign) {
            return Err(Ignored::Repeated);
        }
        if own == Some(vote.signer) {
            return Err(self.own_key(vote.signer, vote.verify(&self.handler.subnet)));
        }
        Ok(Input::Vote(signed))
    }

    fn check_proposal(
        &mut self,
        proposal: Proposal,
        own: Option<Hotkey>,
    ) -> Result<Input<Ctx>, Ignored> {
        let (signer, round) = (proposal.signer, proposal.round);
        self.check_signer(&signer, round)?;
        if self.seats.proposer(round.get()) != signer {
            return Err(Ignored::NotProposer(signer));
        }
        if proposal.pol_round.is_some_and(|polka| polka >= round) {
            return Err(Ignored::PolRound);
        }
        let cut = SharedCut::new(proposal.cut.clone());
        let id = cut.cut_id();
        let known = self.handler.proposals.get(&round);
        if known.is_some_and(|known| known.contains(&(proposal.pol_round, id))) {
            return Err(Ignored::Repeated);
        }
        let height = Height(self.handler.epoch);
        if known.is_some_and(|known| known.len() >= PROPOSALS_PER_ROUND)
            || self.state.exceeds_per_round_cap(height, convert::round_in(round), &id)
        {
            return Err(Ignored::Saturated);
        }
        if self.handler.own.contains(&proposal.signature) {
            return Err(Ignored::Repeated);
        }
        if own == Some(signer) {
            return Err(self.own_key(signer, proposal.verify(&self.handler.subnet)));
        }
        Ok(Input::Proposal(convert::proposal_in(&proposal, cut)))
    }

    /// A message in this node's own name that this engine did not make.
    fn own_key(&mut self, signer: Hotkey, holds: bool) -> Ignored {
        self.handler.verified = self.handler.verified.saturating_add(1);
        if holds { Ignored::OwnKey } else { Ignored::BadSignature(signer) }
    }

    fn check_polka(&self, polka: &PolkaCertificate) -> Result<Input<Ctx>, Ignored> {
        let round = convert::round_in(polka.round);
        if self.state.polka_certificate(round, &polka.cut).is_some() {
            return Err(Ignored::Repeated);
        }
        let held =
            tally(&self.handler.committee, polka.signatures.iter().map(|(signer, _)| signer))
                .map_err(Ignored::BadCertificate)?;
        self.check_stake(held, self.handler.committee.is_quorum(held))?;
        Ok(Input::PolkaCertificate(convert::polka_in(polka)))
    }

    fn check_round_certificate(
        &self,
        certificate: &RoundCertificate,
    ) -> Result<Input<Ctx>, Ignored> {
        let RoundCertificate { round, skip, votes, .. } = certificate;
        let passed = if *skip { *round <= self.round() } else { *round < self.round() };
        if passed {
            return Err(Ignored::Repeated);
        }
        if !certificate.is_of_one_round() {
            return Err(Ignored::MixedVotes);
        }
        let committee = &self.handler.committee;
        let held = tally(committee, votes.iter().map(|vote| &vote.signer))
            .map_err(Ignored::BadCertificate)?;
        let enough = if *skip { committee.exceeds_third(held) } else { committee.is_quorum(held) };
        self.check_stake(held, enough)?;
        Ok(Input::RoundCertificate(convert::round_certificate_in(certificate)))
    }

    fn check_stake(&self, held: u64, enough: bool) -> Result<(), Ignored> {
        let total = self.handler.committee.total_stake();
        let error = CertificateError::TooLittleStake { held, total };
        if enough { Ok(()) } else { Err(Ignored::BadCertificate(error)) }
    }
}
