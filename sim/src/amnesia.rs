//! The fork that leaves no trace: validators that sign one vote per slot and forget their locks.
//!
//! ```text
//! round 0   half + forgetful prevote and precommit a cut ─► the half decides it
//!           other half: no proposal, no polka in sight, only votes of the forgetful ─► nil, round 1
//! round r   the other half proposes another cut; the forgetful prevote and precommit it ─► decided as well
//! ```
//! No key signs two things of one slot, so there is nothing to show but the two certificates. Who was
//! honest could show the polka that freed it from its lock, and nobody asks for that here.

use ganglion_subnet::Channel;
use ganglion_types::{
    AgreementMessage, Canonical as _, CutId, Epoch, Round, Vote, VoteType, limits,
};

use crate::byzantine::{ALL, Brain, Liar, Send};
use crate::plan::Trick;

impl Liar {
    /// What its process says, as far as it contradicts nothing that was said: proposals to one half only,
    /// certificates to nobody, for they would show the other half why it is wrong.
    pub(crate) fn once(&mut self, brain: &Brain, bytes: Vec<u8>) -> Vec<Send> {
        let message = AgreementMessage::from_bytes(&bytes, limits::AGREEMENT_BYTES);
        let to = match message {
            Ok(AgreementMessage::Vote(vote)) if vote.signer == self.me => {
                let slot = (vote.epoch, vote.round, vote.vote_type);
                let first = *self.voted.entry(slot).or_insert(vote.cut);
                if first == vote.cut { ALL } else { 0 }
            }
            Ok(AgreementMessage::Proposal(proposal)) if proposal.round == Round::new(0) => {
                brain.half
            }
            Ok(AgreementMessage::List(_)) => ALL,
            _ => 0,
        };
        if to == 0 { Vec::new() } else { vec![(to, Channel::Agreement, bytes)] }
    }

    /// What it says to a message that it hears: after round 0 it votes for whatever is proposed, and nil
    /// with whoever votes nil, whatever it precommitted before.
    pub(crate) fn unlocked(&mut self, channel: Channel, bytes: &[u8]) -> Vec<Send> {
        if channel != Channel::Agreement || !self.does(Trick::Unlock) {
            return Vec::new();
        }
        let both = [VoteType::Prevote, VoteType::Precommit];
        match AgreementMessage::from_bytes(bytes, limits::AGREEMENT_BYTES) {
            Ok(AgreementMessage::Proposal(one)) if one.round > Round::new(0) => {
                let cut = Some(one.cut.id());
                both.into_iter()
                    .filter_map(|kind| self.votes(one.epoch, one.round, kind, cut))
                    .collect()
            }
            Ok(AgreementMessage::Vote(vote))
                if vote.round > Round::new(0) && vote.cut.is_none() && vote.signer != self.me =>
            {
                self.votes(vote.epoch, vote.round, vote.vote_type, None).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn votes(
        &mut self,
        epoch: Epoch,
        round: Round,
        kind: VoteType,
        cut: Option<CutId>,
    ) -> Option<Send> {
        let slot = (epoch, round, kind);
        if self.voted.contains_key(&slot) {
            return None;
        }
        self.voted.insert(slot, cut);
        let vote = Vote::sign(&self.subnet, kind, epoch, round, cut, &self.key);
        Some((ALL, Channel::Agreement, AgreementMessage::Vote(vote).to_bytes()))
    }
}
