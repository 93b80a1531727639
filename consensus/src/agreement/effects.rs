//! Answers what the BFT core asks during one step, and collects what it wants done.
//!
//! The handler cannot fail: the core would take a failure for success. What goes wrong is kept in
//! `fault`, and the engine stops before any output of that step leaves.

use std::collections::{BTreeMap, BTreeSet};

use arc_malachitebft_core_consensus::{
    ConsensusMsg, Effect, Input, LivenessMsg, MisbehaviorEvidence, ProposedValue, Resumable,
    Resume, SignedConsensusMsg, VoteExtensionError,
};
use arc_malachitebft_core_types as bft;
use ed25519_dalek::SigningKey;
use ganglion_types::planted::{self, Bug};
use ganglion_types::{
    AgreementMessage, Cut, CutId, Epoch, Hotkey, Round, Signature, SubnetId, sign,
};

use super::context::{Ballot, Ctx, Mark, Motion, SharedCut};
use super::convert::{self, SignedProposal, SignedVote};
use super::output::{Decision, EngineError, Equivocation, Ignored, Output, Timer, TimerKind};
use super::wal;
use crate::certificate::{
    CertificateError, Committee, verify_certificate, verify_polka, verify_round_certificate,
};

/// A cut seen in this epoch.
#[derive(Debug)]
pub(super) struct KnownCut {
    pub(super) cut: SharedCut,
    /// The first proposal that brought it, none for a cut that only this node built.
    pub(super) proposal: Option<SignedProposal>,
    /// `None` until somebody judged it.
    pub(super) valid: Option<bool>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) subnet: SubnetId,
    pub(super) epoch: Epoch,
    pub(super) previous: CutId,
    pub(super) committee: Committee,
    /// Present only if this node votes in this epoch.
    pub(super) key: Option<SigningKey>,
    pub(super) timeouts: bft::LinearTimeouts,
    /// While the log is read back: what is in it is not written again.
    pub(super) replaying: bool,

    pub(super) records: Vec<Vec<u8>>,
    pub(super) outputs: Vec<Output>,
    pub(super) decision: Option<Decision>,
    pub(super) fault: Option<EngineError>,
    /// Why the message of this step was not authentic.
    pub(super) refused: Option<Ignored>,
    /// Whether a vote or proposal of this step was found authentic.
    pub(super) vouched: bool,
    /// The same of a certificate, whole.
    pub(super) vouched_whole: bool,
    /// Cuts that no check could save, to be judged invalid after the step.
    pub(super) hopeless: Vec<CutId>,
    /// A cut was asked for during replay.
    pub(super) build: Option<Round>,

    /// Signatures made in this step, which need not be verified.
    signed: Vec<Signature>,
    /// All own signatures of this epoch, those of the log included: the core forgets votes of rounds
    /// that are over, and peers tell them again.
    pub(super) own: BTreeSet<Signature>,
    pub(super) cuts: BTreeMap<CutId, KnownCut>,
    /// The newest authentic proposal, sent again on the rebroadcast timer.
    pub(super) proposal: Option<SignedProposal>,
    /// Proposals let in per round: polka round and cut.
    pub(super) proposals: BTreeMap<Round, BTreeSet<(Option<Round>, CutId)>>,
    /// Members whose votes were seen in this epoch.
    pub(super) heard: BTreeSet<Hotkey>,
    pub(super) verified: u64,
}

impl Handler {
    pub(super) fn new(
        subnet: SubnetId,
        epoch: Epoch,
        previous: CutId,
        committee: Committee,
        key: Option<SigningKey>,
        timeouts: bft::LinearTimeouts,
    ) -> Self {
        Self {
            subnet,
            epoch,
            previous,
            committee,
            key,
            timeouts,
            replaying: false,
            records: Vec::new(),
            outputs: Vec::new(),
            decision: None,
            fault: None,
            refused: None,
            vouched: false,
            vouched_whole: false,
            hopeless: Vec::new(),
            build: None,
            signed: Vec::new(),
            own: BTreeSet::new(),
            cuts: BTreeMap::new(),
            proposal: None,
            proposals: BTreeMap::new(),
            heard: BTreeSet::new(),
            verified: 0,
        }
    }

    pub(super) fn begin_step(&mut self) {
        self.signed.clear();
        self.refused = None;
        self.vouched = false;
        self.vouched_whole = false;
    }

    pub(super) fn on(&mut self, effect: Effect<Ctx>) -> Resume<Ctx> {
        match effect {
            Effect::SignVote(ballot, r) => r.resume_with(self.sign_vote(ballot)),
            Effect::SignProposal(motion, r) => r.resume_with(self.sign_proposal(motion)),
            Effect::VerifySignature(message, _, r) => r.resume_with(self.verify(&message)),
            Effect::VerifyPolkaCertificate(polka, _, _, r) => {
                r.resume_with(self.verify_polka(&polka).ok_or(REFUSED))
            }
            Effect::VerifyRoundCertificate(certificate, _, _, r) => {
                r.resume_with(self.verify_round(&certificate).ok_or(REFUSED))
            }
            // Checked by `decide` below: the core would panic on a refusal.
            Effect::VerifyCommitCertificate(_, _, _, r) => r.resume_with(Ok(())),
            // Fetched certificates never go through the core, and vote extensions are off.
            Effect::VerifyExtendedCommitCertificate(.., r) => {
                self.broken("extended certificate");
                r.resume_with(Err(REFUSED))
            }
            Effect::ExtendVote(.., r) => {
                self.broken("vote extension");
                r.resume_with(None)
            }
            Effect::VerifyVoteExtension(.., r) => {
                self.broken("vote extension");
                r.resume_with(Err(VoteExtensionError::InvalidVoteExtension))
            }
            told => {
                self.told(told);
                Resume::Continue
            }
        }
    }

    /// Effects that want no answer.
    fn told(&mut self, effect: Effect<Ctx>) {
        match effect {
            Effect::CancelAllTimeouts(_) => self.push(Output::CancelAll),
            Effect::CancelTimeout(timeout, _) => self.cancel(timeout),
            Effect::ScheduleTimeout(timeout, _) => self.schedule(timeout),
            Effect::StartRound(_, round, proposer, _, _) => {
                self.round_started(convert::round_out(round), proposer.0);
            }
            Effect::GetValue(_, round, _, _) => self.wants_cut(round),
            // The proposal message carries the whole cut: there is nothing to stream.
            Effect::RestreamProposal(..) => {}
            Effect::PublishConsensusMsg(message, _) => {
                self.push(Output::Send(consensus_message(&message)));
            }
            Effect::PublishLivenessMsg(message, _) => {
                self.push(Output::Send(liveness_message(&message)));
            }
            Effect::RepublishVote(vote, _) => {
                let vote = AgreementMessage::Vote(convert::vote_out(&vote));
                self.push(Output::Resend(vote));
            }
            Effect::RepublishRoundCertificate(certificate, _) => {
                let certificate = convert::round_certificate_out(&certificate);
                self.push(Output::Resend(AgreementMessage::RoundCertificate(certificate)));
            }
            Effect::WalAppend(_, input, _) => self.log(&input),
            Effect::Decide(certificate, _, _) => self.decide(&certificate),
            Effect::Finalize(_, _, evidence, _) => self.finalize(evidence),
            _ => self.broken("sync"),
        }
    }

    fn push(&mut self, output: Output) {
        self.outputs.push(output);
    }

    fn broken(&mut self, what: &str) {
        let detail = format!("unexpected {what} effect");
        self.fault.get_or_insert(EngineError::Broken { detail });
    }

    fn timer(&self, timeout: bft::Timeout) -> Option<Timer> {
        let kind = match timeout.kind {
            bft::TimeoutKind::Propose => TimerKind::Propose,
            bft::TimeoutKind::Prevote => TimerKind::Prevote,
            bft::TimeoutKind::Precommit => TimerKind::Precommit,
            bft::TimeoutKind::Rebroadcast => TimerKind::Rebroadcast,
            bft::TimeoutKind::FinalizeHeight(_) => return None,
        };
        Some(Timer { epoch: self.epoch, round: convert::round_out(timeout.round), kind })
    }

    fn cancel(&mut self, timeout: bft::Timeout) {
        if let Some(timer) = self.timer(timeout) {
            self.push(Output::Cancel(timer));
        }
    }

    fn schedule(&mut self, timeout: bft::Timeout) {
        if planted::is(Bug::RoundTimerLost) && timeout.round.as_u32() > Some(0) {
            return;
        }
        if let Some(timer) = self.timer(timeout) {
            self.push(Output::Schedule(timer, self.timeouts.duration_for(timeout)));
        }
    }

    fn round_started(&mut self, round: Round, proposer: Hotkey) {
        let mine = self.key.as_ref().is_some_and(|key| sign::hotkey_of(key) == proposer);
        self.push(Output::RoundStarted { round, proposer, mine });
    }

    fn wants_cut(&mut self, round: bft::Round) {
        let round = convert::round_out(round);
        if self.replaying {
            // The record of the cut may be further down the log.
            self.build = Some(round);
        } else {
            self.push(Output::Build { round });
        }
    }

    fn sign(&mut self, hash: &[u8; 32]) -> Mark {
        let Some(key) = &self.key else {
            // The core signs only for a member that votes.
            self.broken("signing");
            return Mark(Signature::new([0; 64]));
        };
        let signature = sign::sign(key, hash);
        self.signed.push(signature);
        self.own.insert(signature);
        Mark(signature)
    }

    fn sign_vote(&mut self, mut ballot: Ballot) -> SignedVote {
        if planted::is(Bug::LockIgnored)
            && ballot.kind == bft::VoteType::Prevote
            && let Some(newest) = &self.proposal
            && newest.message.round == ballot.round
        {
            let id = newest.message.cut.cut_id();
            if self.cuts.get(&id).is_some_and(|known| known.valid == Some(true)) {
                ballot.cut = bft::NilOrVal::Val(id);
            }
        }
        let mark = self.sign(&convert::ballot_hash(&self.subnet, &ballot));
        SignedVote::new(ballot, mark)
    }

    fn sign_proposal(&mut self, motion: Motion) -> SignedProposal {
        let mark = self.sign(&convert::motion_hash(&self.subnet, &motion));
        SignedProposal::new(motion, mark)
    }

    fn verify(&mut self, message: &bft::SignedMessage<Ctx, ConsensusMsg<Ctx>>) -> bool {
        if self.signed.contains(&message.signature.0) {
            return true;
        }
        let (signer, hash) = match &message.message {
            ConsensusMsg::Vote(ballot) => {
                (ballot.voter.0, convert::ballot_hash(&self.subnet, ballot))
            }
            ConsensusMsg::Proposal(motion) => {
                (motion.proposer.0, convert::motion_hash(&self.subnet, motion))
            }
        };
        self.count_verified(1);
        let is_vote = matches!(message.message, ConsensusMsg::Vote(_));
        let holds = (is_vote && planted::is(Bug::VoteUnverified))
            || sign::verify(signer.as_bytes(), &hash, &message.signature.0);
        if !holds {
            self.refused = Some(Ignored::BadSignature(signer));
        }
        self.vouched |= holds;
        holds
    }

    fn count_verified(&mut self, signatures: usize) {
        let signatures = u64::try_from(signatures).unwrap_or(u64::MAX);
        self.verified = self.verified.saturating_add(signatures);
    }

    fn verify_polka(&mut self, polka: &bft::PolkaCertificate<Ctx>) -> Option<()> {
        let ours = convert::polka_out(polka);
        self.count_verified(ours.signatures.len());
        self.keep_reason(verify_polka(&ours, &self.subnet, &self.committee))
    }

    fn verify_round(&mut self, certificate: &bft::RoundCertificate<Ctx>) -> Option<()> {
        let ours = convert::round_certificate_out(certificate);
        self.count_verified(ours.votes.len());
        self.keep_reason(verify_round_certificate(&ours, &self.subnet, &self.committee))
    }

    fn keep_reason(&mut self, checked: Result<(), CertificateError>) -> Option<()> {
        self.vouched_whole |= checked.is_ok();
        checked.map_err(|reason| self.refused = Some(Ignored::BadCertificate(reason))).ok()
    }

    /// What the core logs is authentic, new, and about to change its state.
    fn log(&mut self, input: &Input<Ctx>) {
        let own = match input {
            Input::Vote(vote) => {
                self.heard.insert(vote.message.voter.0);
                self.signed.contains(&vote.signature.0)
            }
            Input::Proposal(proposal) => self.signed.contains(&proposal.signature.0),
            _ => false,
        };
        // Only a node that votes has promises to keep. During replay a signature without a record
        // is the one that the crash cut off, so it was never sent: it is recorded now.
        let forgets = own && planted::is(Bug::OwnVoteNotLogged);
        if self.key.is_some() && (own || !self.replaying) && !forgets {
            let has_proposal =
                |id: &CutId| self.cuts.get(id).is_some_and(|known| known.proposal.is_some());
            match wal::encode(input, has_proposal) {
                Some(record) => self.records.push(record),
                None => self.broken("log"),
            }
        }
        match input {
            Input::Proposal(proposal) => self.note_proposal(proposal),
            Input::ProposedValue(value, _) => self.note_verdict(value),
            _ => {}
        }
    }

    fn note_proposal(&mut self, proposal: &SignedProposal) {
        let motion = &proposal.message;
        self.let_in(motion);
        // A late one of an earlier round is not worth sending again.
        if self.proposal.as_ref().is_none_or(|newest| newest.message.round <= motion.round) {
            self.proposal = Some(proposal.clone());
        }
        let id = motion.cut.cut_id();
        let known = self.cuts.entry(id).or_insert_with(|| KnownCut {
            cut: motion.cut.clone(),
            proposal: None,
            valid: None,
        });
        known.proposal.get_or_insert_with(|| proposal.clone());
        if known.valid == Some(true) || self.replaying {
            return;
        }
        if self.extends(motion.cut.cut()) {
            self.push(Output::Judge(Box::new(convert::proposal_out(proposal))));
        } else {
            self.hopeless.push(id);
        }
    }

    /// Counts a proposal whose signature holds.
    pub(super) fn let_in(&mut self, motion: &Motion) {
        let slot = (convert::pol_round_out(motion.pol_round), motion.cut.cut_id());
        self.proposals.entry(convert::round_out(motion.round)).or_default().insert(slot);
    }

    /// Whether a cut is of this subnet and epoch and follows the previous cut.
    pub(super) fn extends(&self, cut: &Cut) -> bool {
        cut.subnet == self.subnet && cut.epoch == self.epoch && cut.prev == self.previous
    }

    fn note_verdict(&mut self, value: &ProposedValue<Ctx>) {
        let known = self.cuts.entry(value.value.cut_id()).or_insert_with(|| KnownCut {
            cut: value.value.clone(),
            proposal: None,
            valid: None,
        });
        // Invalid may become valid, never the other way round.
        if known.valid != Some(true) {
            known.valid = Some(value.validity.is_valid());
        }
    }

    fn decide(&mut self, certificate: &bft::CommitCertificate<Ctx>) {
        let certificate = convert::certificate_out(self.epoch, certificate);
        // Every vote in it was verified on arrival, so this holds; it is what the node hands on.
        self.count_verified(certificate.signatures.len());
        let checked = verify_certificate(&certificate, &self.subnet, self.epoch, &self.committee);
        if let Err(error) = checked {
            let detail = format!("the certificate made here is not valid: {error}");
            self.fault.get_or_insert(EngineError::Broken { detail });
            return;
        }
        let Some(known) = self.cuts.get(&certificate.cut) else {
            let detail = format!("decided cut {} was never seen", certificate.cut);
            self.fault.get_or_insert(EngineError::Broken { detail });
            return;
        };
        self.decision = Some(Decision { cut: known.cut.cut().clone(), certificate });
    }

    fn finalize(&mut self, evidence: MisbehaviorEvidence<Ctx>) {
        let pairs = equivocations(evidence);
        if !pairs.is_empty() {
            self.push(Output::Misbehaviour(pairs));
        }
    }
}

/// Why is in `refused`.
const REFUSED: bft::CertificateError<Ctx> = bft::CertificateError::VerificationError(None);

/// Pairs by offender, votes before proposals.
pub(super) fn equivocations(evidence: MisbehaviorEvidence<Ctx>) -> Vec<Equivocation> {
    let votes = evidence.votes.iter().flat_map(|(_, pairs)| pairs).map(|(first, second)| {
        Equivocation::Votes {
            first: Box::new(convert::vote_out(first)),
            second: Box::new(convert::vote_out(second)),
        }
    });
    let proposals = evidence.proposals.iter().flat_map(|(_, pairs)| pairs);
    let proposals = proposals.map(|(first, second)| Equivocation::Proposals {
        first: Box::new(convert::proposal_out(first)),
        second: Box::new(convert::proposal_out(second)),
    });
    votes.chain(proposals).collect()
}

fn consensus_message(message: &SignedConsensusMsg<Ctx>) -> AgreementMessage {
    match message {
        SignedConsensusMsg::Vote(vote) => AgreementMessage::Vote(convert::vote_out(vote)),
        SignedConsensusMsg::Proposal(proposal) => {
            AgreementMessage::Proposal(Box::new(convert::proposal_out(proposal)))
        }
    }
}

fn liveness_message(message: &LivenessMsg<Ctx>) -> AgreementMessage {
    match message {
        LivenessMsg::Vote(vote) => AgreementMessage::Vote(convert::vote_out(vote)),
        LivenessMsg::PolkaCertificate(polka) => AgreementMessage::Polka(convert::polka_out(polka)),
        LivenessMsg::SkipRoundCertificate(certificate) => {
            AgreementMessage::RoundCertificate(convert::round_certificate_out(certificate))
        }
    }
}
