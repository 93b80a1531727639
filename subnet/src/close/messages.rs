//! Messages of agreement: what comes in, what goes out, what goes out again.

use std::sync::Arc;

use ganglion_consensus::agreement::Ignored;
use ganglion_consensus::agreement::proposer::proposer_order;
use ganglion_consensus::certificate::{verify_polka, verify_round_certificate};
use ganglion_types::planted::{self, Bug};
use ganglion_types::sign::tagged_hash;
use ganglion_types::{
    AgreementMessage, Canonical as _, Digest, Hotkey, Item, Kind, Proposal, limits, proto,
};

use super::SAID;
use crate::effect::{Effect, Report, Spoken, Timer, Verdict};
use crate::input::{Channel, GossipToken};
use crate::intake::Rejection;
use crate::participant::Participant;

impl Participant {
    pub(crate) fn on_agreement_gossip(&mut self, from: Hotkey, token: GossipToken, bytes: Vec<u8>) {
        let decoded = AgreementMessage::from_bytes(&bytes, limits::AGREEMENT_BYTES);
        let kind = decoded.as_ref().ok().map(kind_of);
        let digest = decoded.as_ref().ok().map(message_digest);
        let result = match decoded {
            Ok(message) => self.on_agreement_message(from, message),
            Err(error) => Err(Rejection::from(&error)),
        };
        self.report(Report::Item { kind, rejected: result.err() });
        let verdict = match result {
            Ok(()) => {
                if let Some(digest) = digest {
                    self.differences.came_by_gossip(*digest.as_bytes(), self.now.mono);
                }
                Verdict::Accept
            }
            Err(Rejection::Early) if self.keep_early(from, token, Channel::Agreement, bytes) => {
                return;
            }
            Err(Rejection::Stale) if planted::is(Bug::LateBlamed) => Verdict::Reject,
            Err(rejection) => rejection.verdict(),
        };
        self.send(Effect::Verdict(token, verdict));
    }

    pub(crate) fn on_push(&mut self, from: Hotkey, pushed: proto::PushRequest) {
        for message in pushed.messages.into_iter().take(limits::PUSH_MESSAGES) {
            let Ok(message) = AgreementMessage::from_proto(message) else {
                self.send(Effect::Penalize(from, Rejection::Malformed));
                return;
            };
            let kind = Some(kind_of(&message));
            let result = self.on_agreement_message(from, message);
            self.report(Report::Item { kind, rejected: result.err() });
            if let Err(rejection) = result
                && rejection.blames_sender()
            {
                self.send(Effect::Penalize(from, rejection));
                return;
            }
        }
    }

    /// The arrival checks for one message of agreement, then what it means.
    pub(crate) fn on_agreement_message(
        &mut self,
        from: Hotkey,
        message: AgreementMessage,
    ) -> Result<(), Rejection> {
        let step = Spoken::of(&message);
        let result = self.take_agreement_message(from, message);
        self.report(Report::Heard { step, rejected: result.err() });
        result
    }

    fn take_agreement_message(
        &mut self,
        from: Hotkey,
        message: AgreementMessage,
    ) -> Result<(), Rejection> {
        let closing = self.close.epoch;
        let list = matches!(message, AgreementMessage::List(_));
        match message.epoch() {
            epoch if list && epoch.next() == closing && planted::is(Bug::StaleListCounted) => {}
            epoch if epoch < closing => return Err(Rejection::Stale),
            epoch if epoch == closing.next() => return Err(Rejection::Early),
            epoch if epoch > closing => return Err(Rejection::Future),
            _ => {}
        }
        self.check_message_form(&message)?;
        let digest = message_digest(&message);
        if self.close.voices.has_seen(&digest) {
            return Err(Rejection::Duplicate);
        }
        self.close.voices.has_room(&message)?;
        if !self.peer_rate(from) {
            return Err(Rejection::PeerRate);
        }
        let message = Arc::new(message);
        match message.as_ref() {
            AgreementMessage::List(item) => {
                if !self.verify(item) {
                    return Err(Rejection::BadSignature);
                }
                self.close.voices.note(digest, &message);
                self.check_twin(item, &digest);
                self.take_list(item);
                self.pursue_agreement();
                Ok(())
            }
            _ => self.feed_engine(digest, &message),
        }
    }

    /// Subnet and membership: cheap, before any signature.
    pub(super) fn check_message_form(&self, message: &AgreementMessage) -> Result<(), Rejection> {
        let member = |hotkey: &Hotkey| self.committee.stake_of(hotkey).is_some();
        let permitted = match message {
            AgreementMessage::Vote(vote) => member(&vote.signer),
            AgreementMessage::Proposal(proposal) => {
                if proposal.cut.subnet != self.subnet || proposal.cut.epoch != proposal.epoch {
                    return Err(Rejection::WrongSubnet);
                }
                member(&proposal.signer)
            }
            AgreementMessage::Polka(certificate) => {
                certificate.signatures.iter().all(|(signer, _)| member(signer))
            }
            AgreementMessage::RoundCertificate(certificate) => certificate
                .votes
                .iter()
                .all(|vote| member(&vote.signer) && vote.epoch == certificate.epoch),
            AgreementMessage::List(item) => {
                if *item.subnet() != self.subnet {
                    return Err(Rejection::WrongSubnet);
                }
                Hotkey::from_slice(item.body().signer()).is_some_and(|signer| member(&signer))
            }
        };
        if permitted { Ok(()) } else { Err(Rejection::NotPermitted) }
    }

    /// What the engine will ask too: who may propose, the signatures, the stake behind a certificate.
    pub(super) fn verify_message(&mut self, message: &AgreementMessage) -> bool {
        self.count_signature();
        let subnet = self.subnet;
        match message {
            AgreementMessage::Vote(vote) => vote.verify(&subnet),
            AgreementMessage::Proposal(proposal) => {
                self.may_propose(proposal) && proposal.verify(&subnet)
            }
            AgreementMessage::Polka(polka) => verify_polka(polka, &subnet, &self.committee).is_ok(),
            AgreementMessage::RoundCertificate(certificate) => {
                certificate.is_of_one_round()
                    && verify_round_certificate(certificate, &subnet, &self.committee).is_ok()
            }
            AgreementMessage::List(item) => item.verify(),
        }
    }

    fn may_propose(&self, proposal: &Proposal) -> bool {
        let (epoch, head) = (self.close.epoch, self.state.head());
        let order = proposer_order(&self.subnet, epoch, &head, &self.committee);
        let turn = usize::try_from(proposal.round.get()).unwrap_or(usize::MAX);
        let turn = turn.checked_rem(order.len()).and_then(|turn| order.get(turn));
        turn == Some(&proposal.signer)
    }

    /// A list in our name must be one of this process, or of the one before it.
    pub(super) fn check_twin(&mut self, list: &Item, digest: &Digest) {
        let own = self.me.as_ref().is_some_and(|me| me.as_bytes() == list.body().signer());
        if own && !self.close.gossiped.contains(digest) {
            self.own_key_seen(self.close.epoch);
        }
    }

    /// Gossips a message of ours the first time; afterwards it only goes out in pushes, because
    /// gossip drops what it has seen.
    pub(super) fn say(&mut self, message: AgreementMessage) {
        let digest = message_digest(&message);
        self.close.voices.note(digest, &Arc::new(message.clone()));
        if self.close.gossiped.insert(digest) {
            self.send(Effect::Publish(Channel::Agreement, message.to_bytes()));
            self.report(Report::Said(Spoken::of(&message)));
            self.contradict(&message);
            self.say_again(message);
            self.said_something();
        }
    }

    /// Keeps a message for the next push.
    pub(super) fn say_again(&mut self, message: AgreementMessage) {
        if self.close.said.contains(&message) {
            return;
        }
        if self.close.said.len() >= SAID {
            // The list comes first and stays; the oldest vote goes.
            self.close.said.remove(1);
        }
        self.close.said.push(message);
    }

    /// Pushes what we said at this height to every peer, while it is undecided.
    pub(crate) fn on_resend(&mut self) {
        let again = self.now.mono.saturating_add(self.schedule.resend.saturating_mul(2));
        if !planted::is(Bug::SaidOnce) {
            self.set_timer(Timer::Resend, again);
        }
        let messages: Vec<proto::AgreementMessage> =
            self.close.said.iter().map(ganglion_types::Canonical::to_proto).collect();
        let peers: Vec<Hotkey> = self.connected.iter().copied().collect();
        for peer in peers {
            if messages.is_empty() {
                self.ask_status(peer);
            } else {
                self.push(peer, messages.clone());
            }
        }
    }
}

pub(super) const fn rejection_of(reason: &Ignored) -> Rejection {
    match reason {
        Ignored::NotStarted | Ignored::Decided | Ignored::PastEpoch(_) => Rejection::Stale,
        Ignored::NextEpoch(_) => Rejection::Early,
        Ignored::FarEpoch(_) | Ignored::FarRound(_) => Rejection::Future,
        Ignored::List => Rejection::WrongKind,
        Ignored::Repeated | Ignored::OwnKey => Rejection::Duplicate,
        Ignored::Saturated => Rejection::SignerRate,
        Ignored::NotMember(_) | Ignored::NotProposer(_) => Rejection::NotPermitted,
        Ignored::PolRound | Ignored::MixedVotes => Rejection::Malformed,
        Ignored::BadSignature(_) | Ignored::BadCertificate(_) => Rejection::BadSignature,
        Ignored::OtherCut => Rejection::WrongSubnet,
    }
}

pub(crate) const fn kind_of(message: &AgreementMessage) -> Kind {
    match message {
        AgreementMessage::Proposal(_) => Kind::Proposal,
        AgreementMessage::List(_) => Kind::InclusionList,
        AgreementMessage::Vote(_)
        | AgreementMessage::Polka(_)
        | AgreementMessage::RoundCertificate(_) => Kind::Vote,
    }
}

/// What a message of agreement is named by between nodes.
pub(crate) fn message_digest(message: &AgreementMessage) -> Digest {
    tagged_hash("ganglion/agreement-message", &[&message.to_bytes()])
}
