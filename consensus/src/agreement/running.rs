//! One epoch in the engine.

use std::convert::Infallible;

use arc_malachitebft_core_consensus::{
    Error as CoreError, Input, LocallyProposedValue, MisbehaviorEvidence, Params, ProposedValue,
    RecordKind, State, process,
};
use arc_malachitebft_core_types as bft;
use ganglion_types::planted::{self, Bug};
use ganglion_types::{AgreementMessage, Certificate, Cut, CutId, Epoch, Hotkey, Proposal, Round};

use super::context::{Address, Ctx, Height, Seats, SharedCut};
use super::convert::{self, SignedProposal};
use super::effects::{Handler, equivocations};
use super::engine::{EngineConfig, EpochStart};
use super::output::{
    Decision, EngineError, Ignored, Output, Received, Step, Timeouts, Timer, TimerKind, Watermark,
};
use super::wal;
use crate::certificate::verify_certificate;

/// Messages of later epochs are never given to the core, so its queue for them stays empty.
const QUEUED_HEIGHTS: usize = 1;

/// The core's state beside what answers it.
pub(super) struct Running {
    pub(super) state: State<Ctx>,
    pub(super) seats: Seats,
    pub(super) handler: Handler,
    pub(super) decided: bool,
    /// Records were appended since the last sync.
    dirty: bool,
    synced: Option<Watermark>,
}

impl Running {
    pub(super) fn new(config: &EngineConfig, hotkey: Option<Hotkey>, start: EpochStart) -> Self {
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

    pub(super) fn begin(&mut self, log: &[Vec<u8>]) -> Result<Vec<Output>, EngineError> {
        let height = Height(self.handler.epoch);
        let policy = bft::VoteExtensionPolicy::Disabled;
        let start = Input::StartHeight(height, self.seats.clone(), false, None, policy);
        if log.is_empty() || planted::is(Bug::LogNotReplayed) {
            self.step(start)?;
            return self.finish();
        }
        let mut inputs = self.read(log)?;
        if planted::is(Bug::LogEndNotReplayed) {
            inputs.pop();
        }
        if planted::is(Bug::LockNotRestored) {
            let me = self.state.address().0;
            inputs.retain(|input| match input {
                Input::Vote(vote) => vote.message.voter.0 == me,
                Input::PolkaCertificate(_) => false,
                _ => true,
            });
        }
        self.remember_own(&inputs);
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

    /// What the log holds of our own is nobody else's when it comes back.
    fn remember_own(&mut self, inputs: &[Input<Ctx>]) {
        let me = self.state.address().0;
        let signatures = inputs.iter().filter_map(|input| match input {
            Input::Vote(vote) if vote.message.voter.0 == me => Some(vote.signature.0),
            Input::Proposal(one) if one.message.proposer.0 == me => Some(one.signature.0),
            _ => None,
        });
        self.handler.own.extend(signatures);
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
            Output::Send(message) => message.round().is_some_and(|at| at.next() >= round),
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

    pub(super) fn propose(&mut self, round: Round, cut: Cut) -> Result<Vec<Output>, EngineError> {
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

    pub(super) fn judged(&mut self, cut: CutId, valid: bool) -> Result<Vec<Output>, EngineError> {
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

    pub(super) fn timeout(&mut self, timer: Timer) -> Result<Vec<Output>, EngineError> {
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

    pub(super) fn receive(
        &mut self,
        message: AgreementMessage,
        own: Option<Hotkey>,
    ) -> Result<Received, EngineError> {
        let input = match self.check(message, own) {
            Ok(input) => input,
            Err(reason) => return Ok(Received::Ignored(reason)),
        };
        let motion = match &input {
            Input::Proposal(proposal) => Some(proposal.message.clone()),
            _ => None,
        };
        let whole = matches!(input, Input::PolkaCertificate(_) | Input::RoundCertificate(_));
        self.step(input)?;
        if let Some(reason) = self.handler.refused.take() {
            return Ok(Received::Ignored(reason));
        }
        // The core passes over what tells it nothing new without a look at the signatures, or with one at
        // some of them: such a message may be forged, so it must neither be kept nor handed on.
        if !(if whole { self.handler.vouched_whole } else { self.handler.vouched }) {
            return Ok(Received::Ignored(Ignored::Repeated));
        }
        if let Some(motion) = motion {
            self.handler.let_in(&motion);
        }
        self.judge_hopeless()?;
        self.finish().map(Received::Accepted)
    }

    /// A certificate proves the decision by itself, so the core is not asked.
    pub(super) fn certified(&mut self, cut: Cut, certificate: Certificate) -> Received {
        if let Err(reason) = self.check_open(certificate.epoch) {
            return Received::Ignored(reason);
        }
        let epoch = self.handler.epoch;
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
        self.leave_lost_rounds()?;
        self.handler.fault.take().map_or_else(|| Ok(self.collect()), Err)
    }

    /// Waits for no more precommits of a round in which nothing can be decided.
    fn leave_lost_rounds(&mut self) -> Result<(), EngineError> {
        while self.handler.decision.is_none() && !self.decided && self.round_is_lost() {
            let round = self.state.round();
            self.advance(Input::TimeoutElapsed(bft::Timeout::precommit(round)))?;
            if self.state.round() == round {
                break;
            }
        }
        Ok(())
    }

    /// Whether more than 2/3 have precommitted nil: a quorum for a cut would share honest members with
    /// them.
    fn round_is_lost(&self) -> bool {
        let votes = self.state.driver.votes();
        let nil = bft::Threshold::Nil;
        votes.is_threshold_met(&self.state.round(), bft::VoteType::Precommit, nil)
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
        if planted::is(Bug::SentBeforeSync) && self.handler.key.is_some() && promises && news {
            self.dirty = false;
            self.synced = Some(watermark);
            rest.push(Output::Sync(watermark));
        } else if self.handler.key.is_some() && promises && news {
            outputs.push(Output::Sync(watermark));
            self.dirty = false;
            self.synced = Some(watermark);
        }
        outputs.append(&mut rest);
        outputs
    }

    pub(super) fn round(&self) -> Round {
        convert::round_out(self.state.round())
    }

    pub(super) fn step_name(&self) -> Step {
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

    pub(super) fn watermark(&self) -> Watermark {
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
