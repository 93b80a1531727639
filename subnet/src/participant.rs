//! One participant of one subnet: `step(now, input) -> effects`, and nothing else.
//!
//! ```text
//!            genesis            deadline, or lists of > 1/3      lists of > 2/3
//! Waiting ───────────► Window ───────────────────────────► Lists ─────────────► Agreement
//!                        ▲                                                          │
//!                        └────────────── commit (decided, or fetched) ◄─────────────┘
//! ```
//! Validators, miners and observers run the same code: what they hold (a seat, a uid, nothing)
//! decides what they say. The parts live in modules of their own: [`crate::tasks`] and the work of a
//! window in `work`, lists and agreement in `close`, catch-up in `sync`, the right to sign in `voting`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use ganglion_consensus::agreement::{Step, Watermark};
use ganglion_consensus::certificate::{Committee, Member};
use ganglion_consensus::ledger::{Executed, Participant as Seat, State};
use ganglion_types::planted::{self, Bug};
use ganglion_types::{
    Body, Canonical as _, Certificate, Cut, CutId, Digest, Epoch, EpochBundle, Fork, Hotkey, Item,
    Manifest, Role, SubnetId, Uid, proto, sign,
};

use crate::arrival::EarlyMessage;
use crate::behaviour::{Behaviour, Overheard};
use crate::close::Close;
use crate::differences::Differences;
use crate::divergence::{Decided, Divergence};
use crate::effect::{Certified, Commit, Effect, Halt, Phase, Report, Timer};
use crate::evidence::Waiting;
use crate::fetch::Fetch;
use crate::hidden::SealedRows;
use crate::input::{AskId, Channel, Input, JobId};
use crate::intake::PeerRates;
use crate::pool::Pool;
use crate::schedule::{Now, Schedule};
use crate::scores::Scores;
use crate::sync::Sync;
use crate::tasks::Round;
use crate::voting::{Recovered, Voting};

/// Name of the local value that holds the moving averages.
pub const LOCAL_SCORES: &str = "scores";

/// What a participant is made from.
#[derive(Clone, Debug)]
pub struct Config {
    /// The key it signs with; `None` only watches.
    pub key: Option<SigningKey>,
    /// The subnet.
    pub manifest: Arc<Manifest>,
    /// Starts of its task-seed chains, by index; a validator uses the one whose tail it registered.
    pub seed_chains: Vec<Digest>,
    /// Oldest epoch the store can give to peers.
    pub oldest: Epoch,
    /// Honest, but in a testnet that shows what else there is.
    pub behaviour: Behaviour,
    /// The last decided epoch, none at genesis or if it cannot be told.
    pub last: Option<Decided>,
    /// Epochs known to have two certified cuts.
    pub forks: Vec<Fork>,
    /// Whether there is such an epoch; also if its proof is lost.
    pub frozen: bool,
}

/// The state machine. See the module's head.
#[derive(Debug)]
pub struct Participant {
    pub(crate) config: Config,
    pub(crate) me: Option<Hotkey>,
    pub(crate) subnet: SubnetId,
    pub(crate) schedule: Schedule,
    pub(crate) state: State,
    /// Whether the last epoch was decided here, not fetched.
    pub(crate) decided_last: bool,
    pub(crate) last_time: u64,
    pub(crate) committee: Committee,
    pub(crate) divergence: Divergence,
    pub(crate) now: Now,
    pub(crate) out: Vec<Effect>,
    pub(crate) phase: Phase,
    pub(crate) window: u64,
    pub(crate) deadline: u64,
    pub(crate) connected: BTreeSet<Hotkey>,
    pub(crate) pool: Pool,
    pub(crate) round: Round,
    pub(crate) scores: Scores,
    pub(crate) sealed: SealedRows,
    pub(crate) waiting_evidence: Waiting,
    pub(crate) close: Close,
    pub(crate) fetch: Fetch,
    pub(crate) sync: Sync,
    pub(crate) differences: Differences,
    pub(crate) voting: Voting,
    pub(crate) overheard: Overheard,
    /// The first epoch that this process closes.
    pub(crate) began: Epoch,
    /// When the process started, on the monotonic clock.
    pub(crate) started: u64,
    /// Whether it asked its peers how far they are before it signed.
    pub(crate) probed: bool,
    pub(crate) early: VecDeque<EarlyMessage>,
    pub(crate) early_bytes: usize,
    pub(crate) rates: PeerRates,
    seq: u64,
    seq_reserved: u64,
    next_ask: u64,
    next_job: u64,
    pub(crate) signatures_checked: u64,
    halted: bool,
}
/// Item numbers reserved at once.
const SEQ_BLOCK: u64 = 64;

impl Participant {
    /// A participant as it was when its process ended, or at genesis. `None` if the state has no
    /// committee, which no ledger leaves behind.
    #[must_use]
    pub fn new(config: Config, state: State, recovered: Recovered) -> Option<Self> {
        let me = config.key.as_ref().map(sign::hotkey_of);
        let scores = recovered.scores.as_deref().and_then(Scores::from_bytes).unwrap_or_default();
        let sealed = recovered.sealed.as_deref().and_then(SealedRows::from_bytes);
        let committee = committee_of(&state)?;
        let closing = state.next_epoch();
        Some(Self {
            last_time: state.chain().time,
            decided_last: false,
            subnet: *state.subnet(),
            schedule: schedule_of(&state),
            me,
            committee,
            divergence: Divergence::new(config.last.clone(), config.forks.clone(), config.frozen),
            now: Now::default(),
            out: Vec::new(),
            phase: Phase::Waiting,
            window: 0,
            deadline: 0,
            connected: BTreeSet::new(),
            pool: Pool::default(),
            round: Round::new(),
            scores,
            sealed: sealed.unwrap_or_default(),
            waiting_evidence: Waiting::new(),
            close: Close::new(closing, &recovered),
            fetch: Fetch::default(),
            sync: Sync::default(),
            differences: Differences::default(),
            seq: recovered.seq_reserved,
            seq_reserved: recovered.seq_reserved,
            voting: Voting::new(recovered, closing),
            overheard: Overheard::default(),
            began: closing,
            started: 0,
            probed: false,
            early: VecDeque::new(),
            early_bytes: 0,
            rates: PeerRates::new(),
            next_ask: 0,
            next_job: 0,
            signatures_checked: 0,
            halted: false,
            state,
            config,
        })
    }

    /// Takes one event and says what to do about it, in order.
    pub fn step(&mut self, now: Now, input: Input) -> Vec<Effect> {
        if self.halted {
            return Vec::new();
        }
        self.now = now;
        if self.is_stopping() {
            self.step_stopping(input);
            return self.take_effects();
        }
        match input {
            Input::Started => self.on_started(),
            Input::Timer(timer) => self.on_timer(timer),
            Input::Gossip { from, token, channel, bytes } => {
                self.on_gossip(from, token, channel, bytes);
            }
            Input::Request { from, token, request } => self.on_request(from, token, request),
            Input::Response { id, from, response } => self.on_response(id, from, response),
            Input::Connected(peer) => {
                self.connected.insert(peer);
                self.ask_status(peer);
            }
            Input::Disconnected(peer) => {
                self.connected.remove(&peer);
                self.rates.forget(&peer);
                self.sync.forget(&peer);
            }
            Input::TasksMade { job, inputs } => self.on_tasks_made(job, inputs),
            Input::Forwarded { job, outputs } => self.on_forwarded(job, outputs),
            Input::Scored { job, scores } => self.on_scored(job, &scores),
            Input::Submit { ticket, bytes } => self.on_submit(ticket, &bytes),
            Input::Oldest(epoch) => self.config.oldest = epoch,
            Input::Forked(fork) => self.on_forked(*fork),
        }
        self.take_effects()
    }

    /// The state after the last cut.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Moment of the monotonic clock at which the window closes.
    #[must_use]
    pub const fn deadline(&self) -> u64 {
        self.deadline
    }

    /// Signatures checked so far: the arrival checks must pass before one is.
    #[must_use]
    pub const fn signatures_checked(&self) -> u64 {
        self.signatures_checked
    }

    /// The epoch being closed.
    pub(crate) const fn closing(&self) -> Epoch {
        self.state.next_epoch()
    }

    /// Own uid and seat, if registered.
    pub(crate) fn seat(&self) -> Option<(Uid, &Seat)> {
        let uid = self.state.uid_of(self.me.as_ref()?)?;
        Some((uid, self.state.participant(uid)?))
    }

    /// Registered miners, by uid.
    pub(crate) fn miners(&self) -> Vec<(u16, Hotkey)> {
        let all = self.state.participants();
        all.filter(|(_, seat)| seat.role == Role::Miner)
            .map(|(uid, seat)| (uid.get(), seat.hotkey))
            .collect()
    }

    pub(crate) fn send(&mut self, effect: Effect) {
        self.out.push(effect);
    }

    pub(crate) fn report(&mut self, report: Report) {
        self.out.push(Effect::Report(report));
    }

    pub(crate) fn set_timer(&mut self, timer: Timer, at: u64) {
        self.out.push(Effect::SetTimer(timer, at));
    }

    pub(crate) fn halt(&mut self, halt: Halt) {
        self.halted = true;
        self.out.push(Effect::Halt(halt));
    }

    pub(crate) fn ask(&mut self, peer: Hotkey, request: proto::request::Request) -> AskId {
        self.next_ask = self.next_ask.saturating_add(1);
        let id = AskId(self.next_ask);
        let request = proto::Request { request: Some(request) };
        self.out.push(Effect::Ask(id, peer, request));
        id
    }

    pub(crate) fn new_job(&mut self) -> JobId {
        self.next_job = self.next_job.saturating_add(1);
        JobId(self.next_job)
    }

    /// The next item number, durably reserved before it is used, so that a restart never makes this
    /// key sign two bodies for one number.
    pub(crate) fn next_seq(&mut self) -> u64 {
        if self.seq >= self.seq_reserved {
            self.seq_reserved = self.seq.saturating_add(SEQ_BLOCK);
            self.out.push(Effect::ReserveSeq(self.seq_reserved));
        }
        let seq = self.seq;
        self.seq = self.seq.saturating_add(1);
        seq
    }

    /// Signs and gossips an item of our own.
    pub(crate) fn publish(&mut self, channel: Channel, body: Body) -> Option<Item> {
        let item = self.signed(body)?;
        self.out.push(Effect::Publish(channel, item.to_bytes()));
        if !item.kind().is_cut_kind()
            && let Some(me) = self.me
        {
            self.round.note(me, &item);
        }
        self.said_something();
        Some(item)
    }

    /// An item of our own, not yet said; `None` for a node that only watches.
    pub(crate) fn signed(&self, body: Body) -> Option<Item> {
        Some(Item::sign(self.subnet, body, self.config.key.as_ref()?))
    }

    fn on_started(&mut self) {
        let genesis = self.config.manifest.genesis_time;
        let since = self.now.wall.saturating_sub(genesis);
        self.restore_kept();
        self.begin_voting();
        if self.state.epoch() == Epoch::GENESIS {
            if self.now.wall < genesis {
                let wait = genesis.saturating_sub(self.now.wall);
                self.deadline =
                    self.now.mono.saturating_add(wait).saturating_add(self.schedule.epoch);
                self.set_timer(Timer::Genesis, self.now.mono.saturating_add(wait));
                self.report_phase(Phase::Waiting);
            } else if since < self.schedule.epoch {
                let opened = self.now.mono.saturating_sub(since);
                self.open_window(opened, opened.saturating_add(self.schedule.epoch));
            } else {
                self.open_window(self.now.mono, self.schedule.next_deadline(None, self.now.mono));
            }
        } else {
            self.open_window(self.now.mono, self.schedule.next_deadline(None, self.now.mono));
        }
        // Also at the first height: nobody listens there, but a log may be there to be kept to.
        let first = self.state.epoch() == Epoch::GENESIS;
        if !(first && planted::is(Bug::FirstHeightNotResumed)) {
            self.resume_agreement();
        }
        self.schedule_status();
        self.schedule_exchange();
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Genesis => {
                let deadline = self.now.mono.saturating_add(self.schedule.epoch);
                self.open_window(self.now.mono, deadline);
            }
            Timer::Commit => self.commit_answers(),
            Timer::Batches => self.send_answers(),
            Timer::Score => self.score_round(),
            Timer::Weights => self.publish_weights(),
            Timer::Deadline => self.on_deadline(),
            Timer::Grace => self.on_grace(),
            Timer::Resend => self.on_resend(),
            Timer::Fetch => self.on_fetch(),
            Timer::Status => self.on_status_timer(),
            Timer::Follow => self.on_follow_timer(),
            Timer::Inquiry => {}
            Timer::Exchange => self.on_exchange_timer(),
            Timer::Listen => self.on_listen_over(),
            Timer::Engine(timer) => self.on_engine_timer(timer),
        }
    }

    pub(crate) fn report_phase(&mut self, phase: Phase) {
        self.phase = phase;
        let (epoch, deadline) = (self.closing(), self.deadline);
        self.report(Report::Phase { epoch, phase, deadline });
    }

    /// Opens the window of the closing epoch: tasks can be asked.
    pub(crate) fn open_window(&mut self, opened: u64, deadline: u64) {
        self.take_damage();
        self.window = opened;
        self.deadline = deadline;
        self.round = Round::new();
        self.report_phase(Phase::Window);
        self.set_timer(Timer::Deadline, deadline);
        self.reveal_weights();
        self.start_round();
        self.replay_early();
    }

    /// Stores a decided epoch and opens the next one. `executed` is our own execution of the cut.
    pub(crate) fn commit_epoch(
        &mut self,
        cut: Cut,
        certificate: Certificate,
        items: Vec<Item>,
        executed: Executed,
        fetched: bool,
    ) {
        let id = cut.id();
        let (result, receipts) = (executed.result.clone(), executed.receipts.clone());
        let state = executed.into_state(id);
        let rows = state.changed_rows(&self.state);
        let latency_ms = (!fetched).then(|| self.now.mono.saturating_sub(self.deadline));
        let stake_seen = (self.close.stake_seen(&self.committee), self.committee.total_stake());
        let settled = cut.items.clone();
        let lists_held = self.close.third_held_at();
        self.last_time = cut.time;
        self.decided_last = !fetched;
        let feedback = self.feedback(&result);
        let (shared, meaning) = (Arc::new(state.clone()), Arc::new(result.clone()));
        let report = Report::Certified(Box::new(Certified {
            cut: cut.clone(),
            id,
            certificate: certificate.clone(),
            latency_ms,
            stake_seen,
            state: Arc::clone(&shared),
            result: Arc::clone(&meaning),
            receipts: receipts.clone(),
        }));
        let decided = Decided {
            cut: cut.clone(),
            certificate: certificate.clone(),
            committee: self.committee.clone(),
        };
        self.divergence.decided(decided, Arc::clone(&shared), meaning);
        let bundle = EpochBundle { cut, certificate, items };
        self.send(Effect::Commit(Box::new(Commit {
            bundle,
            id,
            rows,
            result,
            receipts,
            state: shared,
        })));
        self.report(report);
        self.state = state;
        self.schedule = schedule_of(&self.state);
        if let Some(committee) = committee_of(&self.state)
            && !planted::is(Bug::CommitteeKept)
        {
            self.committee = committee;
        }
        let closing = self.closing();
        self.send(Effect::CancelEngineTimers);
        for timer in [Timer::Grace, Timer::Resend, Timer::Fetch] {
            self.send(Effect::CancelTimer(timer));
        }
        self.send(Effect::ResetLog(closing));
        self.close = Close::new(closing, &Recovered::default());
        self.fetch.clear();
        self.differences.epoch_passed();
        self.pool.settle(&settled, &self.state);
        self.retry_evidence();
        self.settle_scores();
        self.epoch_passed(closing);
        // What a peer claims never keeps an epoch that was decided here from going on.
        if !fetched || !self.sync.is_behind(self.state.epoch()) {
            if let Some(feedback) = feedback {
                self.send(Effect::Work(crate::input::Job::Feedback(Box::new(feedback))));
            }
            let deadline = self.schedule.next_deadline(lists_held, self.now.mono);
            self.open_window(self.now.mono, deadline);
        }
    }

    fn settle_scores(&mut self) {
        let state = &self.state;
        self.scores.retain(|hotkey| state.uid_of(hotkey).is_some());
    }

    /// The watermark of a list: this height has begun to be signed.
    pub(crate) fn list_watermark(&self) -> Watermark {
        Watermark {
            epoch: self.closing(),
            round: ganglion_types::Round::new(0),
            step: Step::Propose,
            locked: None,
            valid: None,
        }
    }

    /// Own head, for status messages.
    pub(crate) fn head(&self) -> (Epoch, CutId) {
        (self.state.epoch(), self.state.head())
    }
}

/// The committee that closes the next epoch. The ledger never leaves it empty or over its bounds.
pub(crate) fn committee_of(state: &State) -> Option<Committee> {
    let members = state.committee().into_iter();
    Committee::new(members.map(|one| Member { hotkey: one.hotkey, stake: one.stake.get() })).ok()
}

/// Length and phases of the epoch that is closed next: a revision may have changed them.
fn schedule_of(state: &State) -> Schedule {
    let timing = state.timing();
    Schedule::new(timing.epoch_ms, &timing.phases)
}

/// Lookup table of cached executions.
pub(crate) type ExecutedCuts = BTreeMap<Digest, Executed>;
