//! Watches the wire and the decisions. Knows nothing of the engine, counts stake by itself.

use std::collections::BTreeMap;

use ganglion_consensus::agreement::Decision;
use ganglion_consensus::certificate::Committee;
use ganglion_types::{AgreementMessage, CutId, Hotkey, Vote, VoteType};

use super::chain::SUBNET;

/// What may be said once: by whom, what (0 for a proposal), epoch, round.
type Slot = (Hotkey, u8, u64, u32);

#[derive(Default)]
pub(super) struct Checker {
    said: BTreeMap<Slot, Option<CutId>>,
    decided: BTreeMap<u64, CutId>,
    /// Two statements of one honest key for one slot.
    pub(super) contradictions: Vec<String>,
    /// Two cuts decided for one epoch.
    pub(super) forks: Vec<String>,
    /// Certificates that an outsider would refuse, messages that do not verify.
    pub(super) invalid: Vec<String>,
}

impl Checker {
    /// A message that an honest node put on the wire.
    pub(super) fn sent(&mut self, sender: &Hotkey, message: &AgreementMessage) {
        let (slot, cut) = match message {
            AgreementMessage::Vote(vote) => {
                if !vote.verify(&SUBNET) {
                    self.invalid.push(format!("{vote:?}"));
                }
                let kind = if vote.vote_type == VoteType::Prevote { 1 } else { 2 };
                ((vote.signer, kind, vote.epoch.get(), vote.round.get()), vote.cut)
            }
            AgreementMessage::Proposal(proposal) => {
                if !proposal.verify(&SUBNET) {
                    self.invalid.push(format!("{proposal:?}"));
                }
                let slot = (proposal.signer, 0, proposal.epoch.get(), proposal.round.get());
                (slot, Some(proposal.cut.id()))
            }
            _ => return,
        };
        // Forwarded proposals of others are theirs.
        if slot.0 != *sender {
            return;
        }
        let first = *self.said.entry(slot).or_insert(cut);
        if first != cut {
            self.contradictions.push(format!("{slot:?}: {first:?} and {cut:?}"));
        }
    }

    /// A decision of an honest node.
    pub(super) fn decided(&mut self, committee: &Committee, decision: &Decision) {
        let Decision { cut, certificate } = decision;
        let first = *self.decided.entry(cut.epoch.get()).or_insert(cut.id());
        if first != cut.id() {
            self.forks.push(format!("epoch {}: {first} and {}", cut.epoch, cut.id()));
        }
        let mut signed: u128 = 0;
        for (signer, signature) in &certificate.signatures {
            let vote = Vote {
                vote_type: VoteType::Precommit,
                epoch: cut.epoch,
                round: certificate.round,
                cut: Some(cut.id()),
                signer: *signer,
                signature: *signature,
            };
            let member = committee.members().iter().find(|member| member.hotkey == *signer);
            match member {
                Some(member) if vote.verify(&SUBNET) => signed += u128::from(member.stake),
                _ => self.invalid.push(format!("{signer} in the certificate of {}", cut.epoch)),
            }
        }
        let total: u128 =
            committee.members().iter().fold(0, |sum, member| sum + u128::from(member.stake));
        let rising = certificate.signatures.is_sorted_by(|a, b| a.0 < b.0);
        if signed * 3 <= total * 2 || !rising || certificate.epoch != cut.epoch {
            self.invalid.push(format!("certificate of epoch {}: {signed} of {total}", cut.epoch));
        }
    }
}
