//! The engine: one call in, an ordered list of outputs out.

use std::convert::Infallible;
use std::fmt;

use arc_malachitebft_core_consensus::{
    Error as CoreError, Input, LocallyProposedValue, MisbehaviorEvidence, Params, ProposedValue,
    RecordKind, State, process,
};
use arc_malachitebft_core_types as bft;
use ed25519_dalek::SigningKey;
use ganglion_types::{
    AgreementMessage, Certificate, Cut, CutId, Epoch, Hotkey, PolkaCertificate, Proposal, Round,
    RoundCertificate, SubnetId, Vote, VoteType, sign,
};

use super::context::{Address, Ctx, Height, Seats, SharedCut};
use super::convert::{self, SignedProposal};
use super::effects::{Handler, equivocations};
use super::output::{
    Decision, EngineError, Ignored, Output, Received, Step, Timeouts, Timer, TimerKind, Watermark,
};
use super::wal;
use crate::certificate::{CertificateError, Committee, tally, verify_certificate};

/// Votes and proposals this many rounds ahead of the engine's are still looked at.
pub const ROUNDS_AHEAD: u32 = 10;
/// Different proposals of one round whose signatures are verified. Two prove an equivocation.
const PROPOSALS_PER_ROUND: usize = 4;
/// Messages of later epochs are never given to the core, so its queue for them stays empty.
const QUEUED_HEIGHTS: usize = 1;

/// What does not change from epoch to epoch.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The subnet, part of every signature.
    pub subnet: SubnetId,
    /// The hotkey's signing key; `None` for an observer, who follows and never signs.
    pub key: Option<SigningKey>,
    /// How long rounds wait.
    pub timeouts: Timeouts,
}

/// An epoch to be closed.
#[derive(Clone, Debug)]
pub struct EpochStart {
    /// The epoch.
    pub epoch: Epoch,
    /// Id of the cut before.
    pub previous: CutId,
    /// Its committee, from the state after the previous cut.
    pub committee: Committee,
    /// Follow without signing, although the key has a seat: the agreement log is not whole, or the
    /// node still listens for its own key.
    pub mute: bool,
}

/// Agreement on the cut of one epoch after the other.
///
/// Sans-IO: no clock, no entropy, no disk, no network. Each call answers with what has to be done,
/// in order. Answers to outputs of an earlier round or epoch are harmless, so a caller may be late.
///
/// Invariants:
/// - nothing signed leaves before an [`Output::Sync`] that covers its record;
/// - across restarts with a whole log, one vote per (epoch, round, type) and one proposal per
///   (epoch, round) is signed;
/// - after an [`EngineError`] (other than [`EngineError::ForeignCut`]) nothing is signed at all;
/// - a node that is no member, has no key or is mute signs, logs and sends nothing.
pub struct Engine {
    config: EngineConfig,
    hotkey: Option<Hotkey>,
    running: Option<Running>,
    failed: bool,
    verified: u64,
}

struct Running {
    state: State<Ctx>,
    seats: Seats,
    handler: Handler,
    decided: bool,
    /// Records were appended since the last sync.
    dirty: bool,
    synced: Option<Watermark>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("hotkey", &self.hotkey)
            .field("watermark", &self.running.as_ref().map(Running::watermark))
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine that waits for its first epoch.
    #[must_use]
    pub fn new(config: EngineConfig) -> Self {
        let hotkey = config.key.as_ref().map(sign::hotkey_of);
        Self { config, hotkey, running: None, failed: false, verified: 0 }
    }

    /// Starts an epoch, dropping the one before. `log` holds the agreement-log records of this
    /// epoch in order, none on a fresh start.
    ///
    /// With a log, recorded signatures are published again, proposals without a verdict are to be
    /// judged again, and a cut is to be built only if this node's turn is still on.
    ///
    /// # Errors
    /// A log that cannot be read or leads to another signature than the recorded one.
    pub fn start(
        &mut self,
        start: EpochStart,
        log: &[Vec<u8>],
    ) -> Result<Vec<Output>, EngineError> {
        if self.failed {
            return Err(EngineError::Stopped);
        }
        if let Some(before) = &self.running {
            self.verified = self.verified.saturating_add(before.handler.verified);
        }
        let mut running = Running::new(&self.config, self.hotkey, start);
        let outputs = running.begin(log);
        self.running = Some(running);
        self.stop_on_error(outputs)
    }

    /// Answers [`Output::Build`]. Too late for its round or epoch, it changes nothing.
    ///
    /// # Errors
    /// [`EngineError::ForeignCut`] if the cut does not extend this epoch; else the engine stopped.
    pub fn propose(&mut self, round: Round, cut: Cut) -> Result<Vec<Output>, EngineError> {
        let Some(running) = self.current()? else { return Ok(Vec::new()) };
        if cut.epoch < running.handler.epoch {
            return Ok(Vec::new());
        }
        if !running.handler.extends(&cut) {
            return Err(EngineError::ForeignCut { epoch: running.handler.epoch, found: cut.id() });
        }
        let outputs = running.propose(round, cut);
        self.stop_on_error(outputs)
    }

    /// Answers [`Output::Judge`] by cut id, at any time in the epoch. Invalid may become valid
    /// later, valid never invalid. A verdict on a cut that is unknown here changes nothing.
    ///
    /// # Errors
    /// The engine stopped.
    pub fn judged(&mut self, cut: CutId, valid: bool) -> Result<Vec<Output>, EngineError> {
        let Some(running) = self.current()? else { return Ok(Vec::new()) };
        let outputs = running.judged(cut, valid);
        self.stop_on_error(outputs)
    }

    /// A timer ran out. Timers of an earlier round or epoch change nothing.
    ///
    /// # Errors
    /// The engine stopped.
    pub fn timeout(&mut self, timer: Timer) -> Result<Vec<Output>, EngineError> {
        let Some(running) = self.current()? else { return Ok(Vec::new()) };
        let outputs = running.timeout(timer);
        self.stop_on_error(outputs)
    }

    /// A message from the network. What is not of this epoch is refused before anything is
    /// verified; everything that needs no curve arithmetic is checked before a signature.
    ///
    /// # Errors
    /// The engine stopped. A bad message is never an error.
    pub fn receive(&mut self, message: AgreementMessage) -> Result<Received, EngineError> {
        if self.failed {
            return Err(EngineError::Stopped);
        }
        let Some(running) = &mut self.running else {
            return Ok(Received::Ignored(Ignored::NotStarted));
        };
        let received = running.receive(message, self.hotkey);
        self.stop_on_error(received)
    }

    /// Decides the epoch with a cut and certificate fetched from a peer.
    ///
    /// # Errors
    /// The engine stopped. A bad certificate is never an error.
    pub fn certified(
        &mut self,
        cut: Cut,
        certificate: Certificate,
    ) -> Result<Received, EngineError> {
        if self.failed {
            return Err(EngineError::Stopped);
        }
        let Some(running) = &mut self.running else {
            return Ok(Received::Ignored(Ignored::NotStarted));
        };
        Ok(running.certified(cut, certificate))
    }

    /// The epoch being closed, or closed last. Genesis before the first start.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.running.as_ref().map_or(Epoch::GENESIS, |running| running.handler.epoch)
    }

    /// The round.
    #[must_use]
    pub fn round(&self) -> Round {
        self.running.as_ref().map_or(Round::default(), Running::round)
    }

    /// The step; [`Step::Decided`] before the first start too.
    #[must_use]
    pub fn step(&self) -> Step {
        self.running.as_ref().map_or(Step::Decided, Running::step_name)
    }

    /// Whether this node votes in this epoch.
    #[must_use]
    pub fn is_voting(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.handler.key.is_some())
    }

    /// Stake in rao of the members whose votes were seen in this epoch, own included.
    #[must_use]
    pub fn stake_heard(&self) -> u64 {
        self.running
            .as_ref()
            .map_or(0, |running| running.handler.committee.stake_of_all(&running.handler.heard))
    }

    /// Who may propose in a round of this epoch.
    #[must_use]
    pub fn proposer(&self, round: Round) -> Option<Hotkey> {
        self.running.as_ref().map(|running| running.seats.proposer(round.get()))
    }

    /// Signatures handed to verification since the engine was made.
    #[must_use]
    pub fn signatures_verified(&self) -> u64 {
        let now = self.running.as_ref().map_or(0, |running| running.handler.verified);
        self.verified.saturating_add(now)
    }

    /// The undecided epoch, if there is one.
    fn current(&mut self) -> Result<Option<&mut Running>, EngineError> {
        if self.failed {
            return Err(EngineError::Stopped);
        }
        Ok(self.running.as_mut().filter(|running| !running.decided))
    }

    fn stop_on_error<T>(&mut self, result: Result<T, EngineError>) -> Result<T, EngineError> {
        self.failed = self.failed || result.is_err();
        result
    }
}

impl Running {
    fn new(config: &EngineConfig, hotkey: Option<Hotkey>, start: EpochStart) -> Self {
        let EpochStart { epoch, previous, committee, mute } = start;
        let seats = Seats::new(&config.subnet, epoch, &previous, &committee);
        let seated = hotkey.is_some_and(|hotkey| committee.stake_of(&hotkey).is_some());
        let key = config.key.clone().filter(|_| seated && !mute);
        let params = Params {
            address: Address(hotkey.unwrap_or_default()),
            threshold_params: bft::ThresholdParams::default(),
            // The whole cut is in the proposal, but the other mode would take each signed proposal
            // for valid without asking.
            value_payload: bft::ValuePayload::ProposalAndParts,
            enabled: key.is_some(),
        };
        let state =
            State::new(Ctx, Height(epoch), seats.clone(), params, QUEUED_HEIGHTS, QUEUED_HEIGHTS);
        let timeouts = linear(&config.timeouts);
        let handler = Handler::new(config.subnet, epoch, previous, committee, key, timeouts);
        Self { state, seats, handler, decided: false, dirty: false, synced: None }
    }

    fn begin(&mut self, log: &[Vec<u8>]) -> Result<Vec<Output>, EngineError> {
        let height = Height(self.handler.epoch);
        let policy = bft::VoteExtensionPolicy::Disabled;
        let start = Input::StartHeight(height, self.seats.clone(), false, None, policy);
        if log.is_empty() {
            self.step(start)?;
            return self.finish();
        }
        let inputs = self.read(log)?;
        self.state.index_wal_entries(inputs.iter());
        self.handler.replaying = true;
        self.step(start)?;
        for (index, input) in inputs.into_iter().enumerate() {
            self.step(input)?;
            if let Some(reason) = self.handler.refused.take() {
                let epoch = self.handler.epoch;
                return Err(EngineError::Unverified { epoch, index, reason });
            }
            if self.handler.decision.is_some() {
                break;
            }
        }
        self.state.reset_entries_index();
        self.handler.replaying = false;
        // What was read back may not be on the platter yet.
        self.dirty = self.handler.key.is_some();
        self.resume()?;
        self.finish()
    }

    fn read(&self, log: &[Vec<u8>]) -> Result<Vec<Input<Ctx>>, EngineError> {
        let epoch = self.handler.epoch;
        let mut reader = wal::Reader::new(epoch);
        let records = log.iter().enumerate();
        records
            .map(|(index, bytes)| {
                let input = reader.next(bytes);
                input.map_err(|source| EngineError::Record { epoch, index, source })
            })
            .collect()
    }

    /// Turns what replay said into what is still of use, and asks again what was left open.
    fn resume(&mut self) -> Result<(), EngineError> {
        let round = self.round();
        let said = std::mem::take(&mut self.handler.outputs);
        let last = said.iter().rposition(|output| matches!(output, Output::RoundStarted { .. }));
        let (before, since) = said.split_at(last.unwrap_or(0));
        let outputs = &mut self.handler.outputs;
        outputs.push(Output::CancelAll);
        // The round before may still lack this node's votes; older ones are of no use.
        let recent = |output: &&Output| match output {
            Output::Send(message) => round_of(message).is_some_and(|at| at.next() >= round),
            _ => false,
        };
        outputs.extend(before.iter().filter(recent).cloned());
        outputs.extend(since.iter().cloned());
        if self.handler.decision.is_some() {
            return Ok(());
        }
        let open: Vec<SignedProposal> = self
            .handler
            .cuts
            .values()
            .filter(|known| known.valid.is_none())
            .filter_map(|known| known.proposal.clone())
            .collect();
        for proposal in open {
            if self.handler.extends(proposal.message.cut.cut()) {
                let proposal = Box::new(convert::proposal_out(&proposal));
                self.handler.outputs.push(Output::Judge(proposal));
            } else {
                self.handler.hopeless.push(proposal.message.cut.cut_id());
            }
        }
        let build = self.handler.build.take().filter(|at| *at == self.round());
        if let Some(round) = build.filter(|_| self.state.driver.step_is_propose()) {
            self.handler.outputs.push(Output::Build { round });
        }
        // The core publishes recorded votes by itself, but not a recorded proposal.
        if self.handler.key.is_some()
            && let Some(proposal) = self.proposal_of_round()
            && proposal.signer == self.state.address().0
        {
            let message = AgreementMessage::Proposal(Box::new(proposal));
            self.handler.outputs.push(Output::Send(message));
        }
        self.judge_hopeless()
    }

    /// The newest proposal, if it is of this round.
    fn proposal_of_round(&self) -> Option<Proposal> {
        let proposal = self.handler.proposal.as_ref()?;
        let current = convert::round_out(proposal.message.round) == self.round();
        current.then(|| convert::proposal_out(proposal))
    }

    fn propose(&mut self, round: Round, cut: Cut) -> Result<Vec<Output>, EngineError> {
        let mine = self.seats.proposer(round.get()) == self.state.address().0;
        let on = round == self.round() && self.state.driver.step_is_propose();
        if !(on && mine && self.handler.key.is_some()) {
            return Ok(Vec::new());
        }
        let height = Height(self.handler.epoch);
        let value =
            LocallyProposedValue::new(height, convert::round_in(round), SharedCut::new(cut));
        self.advance(Input::Propose(value))?;
        self.finish()
    }

    fn judged(&mut self, cut: CutId, valid: bool) -> Result<Vec<Output>, EngineError> {
        if let Some(value) = self.verdict(cut, valid) {
            self.advance(value)?;
        }
        self.finish()
    }

    /// The core's input for a verdict; `None` if it is no news.
    fn verdict(&self, cut: CutId, valid: bool) -> Option<Input<Ctx>> {
        let known = self.handler.cuts.get(&cut)?;
        if known.valid == Some(true) || known.valid == Some(valid) {
            return None;
        }
        let motion = &known.proposal.as_ref()?.message;
        let value = ProposedValue {
            height: motion.height,
            round: motion.round,
            valid_round: motion.pol_round,
            proposer: motion.proposer,
            value: known.cut.clone(),
            validity: bft::Validity::from_bool(valid),
        };
        Some(Input::ProposedValue(value, bft::ValueOrigin::Consensus))
    }

    fn timeout(&mut self, timer: Timer) -> Result<Vec<Output>, EngineError> {
        if timer.epoch != self.handler.epoch || timer.round != self.round() {
            return Ok(Vec::new());
        }
        let round = convert::round_in(timer.round);
        let timeout = match timer.kind {
            TimerKind::Propose => bft::Timeout::propose(round),
            TimerKind::Prevote => bft::Timeout::prevote(round),
            TimerKind::Precommit => bft::Timeout::precommit(round),
            TimerKind::Rebroadcast => bft::Timeout::rebroadcast(round),
        };
        self.advance(Input::TimeoutElapsed(timeout))?;
        // The core sends its votes again, never the proposal.
        if timer.kind == TimerKind::Rebroadcast
            && self.handler.key.is_some()
            && let Some(proposal) = self.proposal_of_round()
        {
            let message = AgreementMessage::Proposal(Box::new(proposal));
            self.handler.outputs.push(Output::Resend(message));
        }
        self.finish()
    }

    fn receive(
        &mut self,
        message: AgreementMessage,
        own: Option<Hotkey>,
    ) -> Result<Received, EngineError> {
        let checked = self.check_epoch(&message).and_then(|()| match message {
            AgreementMessage::Vote(vote) => self.check_vote(&vote, own),
            AgreementMessage::Proposal(proposal) => self.check_proposal(*proposal, own),
            AgreementMessage::Polka(polka) => self.check_polka(&polka),
            AgreementMessage::RoundCertificate(certificate) => {
                self.check_round_certificate(&certificate)
            }
            AgreementMessage::List(_) => Err(Ignored::List),
        });
        let input = match checked {
            Ok(input) => input,
            Err(reason) => return Ok(Received::Ignored(reason)),
        };
        let motion = match &input {
            Input::Proposal(proposal) => Some(proposal.message.clone()),
            _ => None,
        };
        self.step(input)?;
        if let Some(reason) = self.handler.refused.take() {
            return Ok(Received::Ignored(reason));
        }
        if let Some(motion) = motion {
            self.handler.let_in(&motion);
        }
        self.judge_hopeless()?;
        self.finish().map(Received::Accepted)
    }

    fn check_epoch(&self, message: &AgreementMessage) -> Result<(), Ignored> {
        let (epoch, mine) = (message.epoch(), self.handler.epoch);
        if matches!(message, AgreementMessage::List(_)) {
            Err(Ignored::List)
        } else if epoch < mine {
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
        let RoundCertificate { epoch, round, skip, votes } = certificate;
        let passed = if *skip { *round <= self.round() } else { *round < self.round() };
        if passed {
            return Err(Ignored::Repeated);
        }
        let mixed = votes.iter().any(|vote| {
            let kind = *skip || vote.vote_type == VoteType::Precommit;
            !kind || vote.epoch != *epoch || vote.round != *round
        });
        if mixed {
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

    /// A certificate proves the decision by itself, so the core is not asked.
    fn certified(&mut self, cut: Cut, certificate: Certificate) -> Received {
        let epoch = self.handler.epoch;
        if certificate.epoch < epoch {
            return Received::Ignored(Ignored::PastEpoch(certificate.epoch));
        }
        if self.decided {
            return Received::Ignored(Ignored::Decided);
        }
        let subnet = &self.handler.subnet;
        if !self.handler.extends(&cut) || certificate.cut != cut.id() {
            return Received::Ignored(Ignored::OtherCut);
        }
        let verified = u64::try_from(certificate.signatures.len()).unwrap_or(u64::MAX);
        let checked = verify_certificate(&certificate, subnet, epoch, &self.handler.committee);
        self.handler.verified = self.handler.verified.saturating_add(verified);
        if let Err(error) = checked {
            return Received::Ignored(Ignored::BadCertificate(error));
        }
        let evidence = MisbehaviorEvidence {
            proposals: self.state.driver.take_proposal_evidence(),
            votes: self.state.driver.take_vote_evidence(),
        };
        let pairs = equivocations(evidence);
        if !pairs.is_empty() {
            self.handler.outputs.push(Output::Misbehaviour(pairs));
        }
        self.handler.decision = Some(Decision { cut, certificate });
        Received::Accepted(self.collect())
    }

    /// One input, and the verdicts that follow from it without asking anybody.
    fn advance(&mut self, input: Input<Ctx>) -> Result<(), EngineError> {
        self.step(input)?;
        self.judge_hopeless()
    }

    fn judge_hopeless(&mut self) -> Result<(), EngineError> {
        while let Some(cut) = self.handler.hopeless.pop() {
            if let Some(input) = self.verdict(cut, false) {
                self.step(input)?;
            }
        }
        Ok(())
    }

    fn step(&mut self, input: Input<Ctx>) -> Result<(), EngineError> {
        let Self { state, handler, .. } = self;
        handler.begin_step();
        let result: Result<(), CoreError<Ctx>> = process!(
            input: input,
            state: state,
            metrics: &(),
            with: effect => Ok::<_, Infallible>(handler.on(effect))
        );
        result.map_err(|error| broken(self.handler.epoch, &error))?;
        self.handler.fault.take().map_or(Ok(()), Err)
    }

    fn finish(&mut self) -> Result<Vec<Output>, EngineError> {
        self.handler.fault.take().map_or_else(|| Ok(self.collect()), Err)
    }

    /// Orders one answer: records, sync, everything else, decision.
    ///
    /// All records of a call go first. Writing one earlier than needed is always safe, and one sync
    /// then covers the call.
    fn collect(&mut self) -> Vec<Output> {
        let records = std::mem::take(&mut self.handler.records);
        let mut rest = std::mem::take(&mut self.handler.outputs);
        if let Some(decision) = self.handler.decision.take() {
            self.decided = true;
            rest.push(Output::CancelAll);
            rest.push(Output::Decided(Box::new(decision)));
        }
        self.dirty = self.dirty || !records.is_empty();
        let mut outputs: Vec<Output> = records.into_iter().map(Output::Log).collect();
        let promises = rest.iter().any(|output| {
            matches!(
                output,
                Output::Send(_)
                    | Output::Resend(_)
                    | Output::RoundStarted { .. }
                    | Output::Decided(_)
            )
        });
        let watermark = self.watermark();
        let news = self.dirty || self.synced != Some(watermark);
        if self.handler.key.is_some() && promises && news {
            outputs.push(Output::Sync(watermark));
            self.dirty = false;
            self.synced = Some(watermark);
        }
        outputs.append(&mut rest);
        outputs
    }

    fn round(&self) -> Round {
        convert::round_out(self.state.round())
    }

    fn step_name(&self) -> Step {
        let driver = &self.state.driver;
        if self.decided || driver.step_is_commit() {
            Step::Decided
        } else if driver.step_is_precommit() {
            Step::Precommit
        } else if driver.step_is_prevote() {
            Step::Prevote
        } else {
            Step::Propose
        }
    }

    fn watermark(&self) -> Watermark {
        let state = self.state.driver.round_state();
        let locked = state.locked.as_ref().map(|lock| (lock.round, &lock.value));
        let valid = state.valid.as_ref().map(|polka| (polka.round, &polka.value));
        let named =
            |(round, cut): (bft::Round, &SharedCut)| (convert::round_out(round), cut.cut_id());
        Watermark {
            epoch: self.handler.epoch,
            round: self.round(),
            step: self.step_name(),
            locked: locked.map(named),
            valid: valid.map(named),
        }
    }
}

fn broken(epoch: Epoch, error: &CoreError<Ctx>) -> EngineError {
    match error {
        CoreError::ReplayDivergence(kind, _, round) => EngineError::ReplayDivergence {
            epoch,
            round: convert::round_out(*round),
            what: match kind {
                RecordKind::Prevote => "prevote",
                RecordKind::Precommit => "precommit",
                RecordKind::Proposal => "proposal",
            },
        },
        other => EngineError::Broken { detail: other.to_string() },
    }
}

fn round_of(message: &AgreementMessage) -> Option<Round> {
    match message {
        AgreementMessage::Vote(vote) => Some(vote.round),
        AgreementMessage::Proposal(proposal) => Some(proposal.round),
        AgreementMessage::Polka(polka) => Some(polka.round),
        AgreementMessage::RoundCertificate(certificate) => Some(certificate.round),
        AgreementMessage::List(_) => None,
    }
}

const fn linear(timeouts: &Timeouts) -> bft::LinearTimeouts {
    bft::LinearTimeouts {
        propose: timeouts.propose,
        propose_delta: timeouts.delta,
        prevote: timeouts.vote,
        prevote_delta: timeouts.delta,
        precommit: timeouts.vote,
        precommit_delta: timeouts.delta,
        rebroadcast: timeouts.rebroadcast,
        max_timeout: timeouts.max,
    }
}
