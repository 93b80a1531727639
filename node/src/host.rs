//! The participant's world in a real node: the store, the network, the worker, the view.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ganglion_consensus::agreement::Watermark;
use ganglion_consensus::ledger::State;
use ganglion_p2p as p2p;
use ganglion_persist::{Keeper, Removed, snapshots, stored_answer};
use ganglion_storage::{Store, StoreError};
use ganglion_subnet::runner::Host;
use ganglion_subnet::{
    AnswerToken, AskId, Certified, Channel, Commit, Following, GossipToken, Input, Job, MinerScore,
    Now, Phase, Rejection, Report, Ticket, Verdict,
};
use ganglion_types::{Epoch, Fork, Hotkey, Item, ItemId, proto};
use tokio::sync::{mpsc, oneshot};

use crate::driver::{Clock, Mail};
use crate::http::health::stranded_text;
use crate::metrics::{DriverMetrics, Tally};
use crate::view::{LATENCIES, RECENT, ScoreView, View};

/// Gossip messages that wait for a verdict: as many as the network keeps.
const TOKENS: usize = 8_192;
/// The log says how far catching up is at most this often.
const FOLLOWING_LOG: Duration = Duration::from_secs(5);
/// Receipts remembered.
const RECEIPTS: usize = 4_096;

/// See the module's head.
#[derive(Debug)]
pub struct NodeHost {
    keeper: Keeper,
    records: mpsc::Receiver<Item>,
    network: p2p::Handle,
    jobs: mpsc::Sender<Job>,
    view: View,
    metrics: DriverMetrics,
    clock: Clock,
    runtime: tokio::runtime::Handle,
    pending: VecDeque<Input>,
    gossip: BTreeMap<u64, p2p::MessageToken>,
    answers: BTreeMap<u64, p2p::ResponseToken>,
    asks: BTreeMap<p2p::RequestId, AskId>,
    tickets: BTreeMap<u64, oneshot::Sender<Result<ItemId, String>>>,
    next_token: u64,
    snapshot_every: u64,
    archive: bool,
    /// When this process began to run: an epoch whose deadline was before is not missed by it.
    running_since: u64,
    /// Deadlines that passed and are not yet followed by a certificate: epoch, moment.
    overdue: Option<(Epoch, u64)>,
    step_began: Instant,
    /// The oldest epoch with items, as the participant was told.
    oldest: u64,
    /// Whether items are being removed from the certificate log.
    compacting: Arc<AtomicBool>,
    /// When the log last said how far catching up is.
    followed: Option<Instant>,
    /// What the items of the epoch that was stored last came to.
    tally: Tally,
}

/// What a host is made from.
#[derive(Debug)]
pub struct Parts {
    /// The open store.
    pub store: Store,
    /// All else.
    pub rest: Rest,
}

/// What outlives a store that is closed and opened anew.
#[derive(Debug)]
pub struct Rest {
    /// Peer records to be kept.
    pub records: mpsc::Receiver<Item>,
    /// The network.
    pub network: p2p::Handle,
    /// Queue of the worker's jobs.
    pub jobs: mpsc::Sender<Job>,
    /// What others see.
    pub view: View,
    /// What operators see.
    pub metrics: DriverMetrics,
    /// Both clocks.
    pub clock: Clock,
    /// For reads that may take long.
    pub runtime: tokio::runtime::Handle,
    /// Epochs between snapshots; 0 for none.
    pub snapshot_every: u64,
    /// Whether the items of every epoch are kept.
    pub archive: bool,
}

impl NodeHost {
    /// Puts a host together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { store, rest } = parts;
        let Rest { records, network, jobs, view, metrics, clock, runtime, snapshot_every, archive } =
            rest;
        let mut keeper = Keeper::new(store, archive);
        keeper.keep_committee(&view.now().state);
        let oldest = snapshots::serve::oldest(keeper.reader());
        Self {
            keeper,
            records,
            network,
            jobs,
            view,
            metrics,
            clock,
            runtime,
            pending: VecDeque::new(),
            gossip: BTreeMap::new(),
            answers: BTreeMap::new(),
            asks: BTreeMap::new(),
            tickets: BTreeMap::new(),
            next_token: 0,
            snapshot_every,
            running_since: clock.now().mono,
            overdue: None,
            step_began: Instant::now(),
            oldest,
            archive,
            compacting: Arc::default(),
            followed: None,
            tally: Tally::default(),
        }
    }

    /// Both clocks.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// What others see.
    #[must_use]
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// Adds an input that is taken first.
    pub fn push(&mut self, input: Input) {
        self.pending.push_back(input);
    }

    /// Closes the store and gives all else back.
    #[must_use]
    pub fn into_rest(self) -> Rest {
        for (_, reply) in self.tickets {
            // Whoever asked may be gone.
            let _ = reply.send(Err("the disk takes no writes for now".into()));
        }
        Rest {
            records: self.records,
            network: self.network,
            jobs: self.jobs,
            view: self.view,
            metrics: self.metrics,
            clock: self.clock,
            runtime: self.runtime,
            snapshot_every: self.snapshot_every,
            archive: self.archive,
        }
    }

    /// Inputs that arose while effects were carried out.
    pub fn take_pending(&mut self) -> Option<Input> {
        self.pending.pop_front()
    }

    /// Gives the network's names for things our own.
    pub fn translate(&mut self, mail: Mail) -> Option<Input> {
        self.next_token += 1;
        let number = self.next_token;
        Some(match mail {
            Mail::Input(input) => input,
            Mail::Gossip { from, token, channel, bytes } => {
                bounded_insert(&mut self.gossip, number, token, TOKENS);
                Input::Gossip { from, token: GossipToken(number), channel, bytes }
            }
            Mail::Request { from, token, request } => {
                bounded_insert(&mut self.answers, number, token, TOKENS);
                Input::Request { from, token: AnswerToken(number), request }
            }
            Mail::Response { id, from, response } => {
                let id = self.asks.remove(&id)?;
                Input::Response { id, from, response }
            }
            Mail::Submit { bytes, reply } => {
                bounded_insert(&mut self.tickets, number, reply, TOKENS);
                Input::Submit { ticket: Ticket(number), bytes }
            }
            Mail::Stop => return None,
        })
    }

    /// Keeps new peer records, and notes an epoch that should have its certificate by now.
    pub fn look_around(&mut self, now: Now, deadline: u64) {
        while let Ok(record) = self.records.try_recv() {
            self.keeper.keep_record(&record);
        }
        let state = self.view.now().state;
        let closing = state.next_epoch();
        if now.mono >= deadline && deadline >= self.running_since {
            match self.overdue {
                Some((epoch, _)) if epoch == closing => {}
                _ => self.overdue = Some((closing, deadline)),
            }
        }
        if let Some((epoch, since)) = self.overdue
            && epoch == closing
            && now.mono > since.saturating_add(state.timing().epoch_ms.saturating_mul(2))
        {
            self.note_missed(epoch);
        }
    }

    /// Removes items from the certificate log on a thread of its own, and tells the participant what is left.
    fn compact(&mut self, state: &State) {
        let oldest = snapshots::serve::oldest(self.keeper.reader());
        if oldest != self.oldest {
            self.oldest = oldest;
            self.pending.push_back(Input::Oldest(Epoch::new(oldest)));
        }
        let Some(compaction) = self.keeper.compaction(state) else { return };
        if self.compacting.swap(true, Ordering::SeqCst) {
            return;
        }
        let compacting = Arc::clone(&self.compacting);
        self.runtime.spawn_blocking(move || {
            match compaction.run() {
                Ok(Removed { epochs: 0, .. }) => {}
                Ok(Removed { epochs, before, after }) => {
                    tracing::info!(epochs, before, after, "items left the certificate log");
                }
                Err(error) => tracing::warn!(%error, "the items of old epochs stay"),
            }
            compacting.store(false, Ordering::SeqCst);
        });
    }

    fn note_missed(&self, epoch: Epoch) {
        let mut new = false;
        self.view.update(|view| {
            if view.missed.last() != Some(&epoch) {
                view.missed.push(epoch);
                new = true;
            }
        });
        if new {
            self.metrics.missed();
            tracing::warn!(%epoch, "missed: no certificate two epoch lengths after the deadline");
        }
    }

    fn certified(&mut self, now: Now, commit: &Commit) {
        let epoch = commit.bundle.cut.epoch;
        if let Some((overdue, since)) = self.overdue
            && overdue == epoch
        {
            let length = self.view.now().state.timing().epoch_ms;
            if now.mono > since.saturating_add(length.saturating_mul(2)) {
                self.note_missed(epoch);
            }
            self.overdue = None;
        }
    }
}

fn bounded_insert<T>(map: &mut BTreeMap<u64, T>, number: u64, value: T, most: usize) {
    map.insert(number, value);
    while map.len() > most {
        map.pop_first();
    }
}

impl Host for NodeHost {
    type Error = StoreError;

    fn step_begins(&mut self) {
        self.step_began = Instant::now();
    }

    fn log(&mut self, record: &[u8]) -> Result<(), StoreError> {
        self.keeper.log(record)
    }

    fn sync(&mut self, watermark: &Watermark) -> Result<(), StoreError> {
        let start = Instant::now();
        self.keeper.sync(watermark)?;
        self.metrics.store_sync(start.elapsed());
        Ok(())
    }

    fn reset_log(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        self.keeper.reset_log(epoch)
    }

    fn reserve_seq(&mut self, end: u64) -> Result<(), StoreError> {
        self.keeper.reserve_seq(end)
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), StoreError> {
        let start = Instant::now();
        self.tally = Tally::of(commit, &self.view.now().state);
        self.keeper.commit(commit)?;
        self.metrics.store_commit(start.elapsed());
        self.keeper.prune(&commit.state)?;
        self.compact(&commit.state);
        let now = self.clock.now();
        self.certified(now, commit);
        Ok(())
    }

    fn save_local(&mut self, key: &'static str, value: &[u8]) -> Result<(), StoreError> {
        self.keeper.save_local(key, value)
    }

    fn keep_fork(&mut self, fork: &Fork) -> Result<(), StoreError> {
        self.keeper.keep_fork(fork)
    }

    fn publish(&mut self, channel: Channel, bytes: Vec<u8>) {
        if let Err(error) = self.network.publish(topic_of(channel), bytes) {
            tracing::warn!(%error, ?channel, "a message of ours was not published");
        }
    }

    fn forward(&mut self, channel: Channel, bytes: Vec<u8>) {
        // It is one path of several: the peer that gave it to us has given it to others too.
        if let Err(error) = self.network.publish(topic_of(channel), bytes) {
            tracing::debug!(%error, ?channel, "a message of another was not forwarded");
        }
    }

    fn verdict(&mut self, token: GossipToken, verdict: Verdict) {
        if let Some(token) = self.gossip.remove(&token.0) {
            let verdict = match verdict {
                Verdict::Accept => p2p::Verdict::Accept,
                Verdict::Ignore => p2p::Verdict::Ignore,
                Verdict::Reject => p2p::Verdict::Reject,
            };
            self.network.verdict(token, verdict);
        }
    }

    fn ask(&mut self, id: AskId, peer: Hotkey, request: proto::Request) {
        match self.network.request(peer, request) {
            Ok(request) => {
                self.asks.insert(request, id);
            }
            Err(error) => {
                tracing::debug!(%error, %peer, "a request was not sent");
                self.pending.push_back(Input::Response { id, from: peer, response: None });
            }
        }
    }

    fn answer(&mut self, token: AnswerToken, response: proto::Response) {
        if let Some(token) = self.answers.remove(&token.0) {
            self.network.respond(token, response);
        }
    }

    fn answer_from_store(&mut self, token: AnswerToken, request: proto::Request) {
        let Some(token) = self.answers.remove(&token.0) else { return };
        let reader = self.keeper.reader().clone();
        let network = self.network.clone();
        // Each connection has few requests under way, and the network bounds them all.
        self.runtime.spawn_blocking(move || {
            let response = stored_answer(&reader, request);
            network.respond(token, proto::Response { response: Some(response) });
        });
    }

    fn penalize(&mut self, peer: Hotkey, rejection: Rejection) {
        let fault = match rejection {
            Rejection::Oversize => p2p::Fault::Oversize,
            // The frame itself was sound, so the peer may only be of another version.
            _ => p2p::Fault::Invalid,
        };
        self.network.penalize(peer, fault);
    }

    fn work(&mut self, job: Job) {
        if self.jobs.try_send(job).is_err() {
            tracing::warn!("the worker's queue is full: a job was dropped");
        }
    }

    fn submitted(&mut self, ticket: Ticket, result: Result<ItemId, String>) {
        if let Some(reply) = self.tickets.remove(&ticket.0) {
            // Whoever asked may be gone.
            let _ = reply.send(result);
        }
    }

    fn report(&mut self, now: Now, report: Report) {
        if let Report::Certified(certified) = &report {
            self.keeper.keep_committee(&certified.state);
            let tally = std::mem::take(&mut self.tally);
            let me = self.view.now().hotkey;
            self.metrics.certified(certified, &tally, &me, now.wall);
        }
        self.show(report);
    }
}

impl NodeHost {
    fn show(&mut self, report: Report) {
        match report {
            Report::Item { kind, rejected } => {
                let kind = kind.map(ganglion_types::Kind::name);
                self.metrics.item(kind, rejected.map(Rejection::name));
            }
            Report::Heard { step, rejected } => self.metrics.heard(step, rejected),
            Report::Said(step) => self.metrics.said(step),
            Report::TimedOut(timer) => self.metrics.timed_out(timer),
            Report::Disagreed(by) => self.metrics.disagreed(by),
            Report::Phase { epoch, phase, deadline } => {
                self.metrics.phase(epoch, phase.name());
                let deadline = self.clock.instant(deadline);
                self.view.update(|view| {
                    view.phase = phase.name();
                    view.deadline = Some(deadline);
                    view.round = view.round.filter(|_| phase != Phase::Window);
                });
            }
            Report::Round { epoch, round, proposer } => {
                tracing::debug!(%epoch, round, %proposer, "round");
                self.metrics.round(round);
                self.view.update(|view| view.round = Some(round));
            }
            Report::Executed => self.metrics.executed(self.step_began.elapsed()),
            Report::Certified(certified) => self.show_certified(*certified),
            Report::Scored { miners, void } => self.show_scored(miners, void),
            Report::Voting { active, reason } => {
                tracing::info!(active, reason, "signing");
                self.view.update(|view| {
                    view.signing = active;
                    view.signing_reason = reason;
                });
            }
            Report::Following(following) => self.show_following(following),
            Report::Frozen(forks) => self.show_frozen(forks),
            Report::Stranded(stranded) => {
                if let Some(stranded) = &stranded {
                    tracing::warn!("{}", stranded_text(stranded));
                }
                self.view.update(|view| view.stranded = stranded);
            }
            Report::Odd(what) => tracing::warn!("{what}"),
        }
    }

    fn show_frozen(&self, forks: Vec<Fork>) {
        let reason = "an epoch has two certified cuts: this node is frozen and only answers; its \
                      committee has to decide how the subnet goes on under a new id";
        for fork in &forks {
            let (epoch, first, second) =
                (fork.first.0.epoch, fork.first.0.id(), fork.second.0.id());
            tracing::error!(%epoch, %first, %second, "two certified cuts");
        }
        tracing::error!("{reason}");
        self.view.update(|view| {
            for fork in forks {
                view.forks.insert(fork.first.0.epoch, Some(Arc::new(fork)));
            }
            view.signing = false;
            view.signing_reason = "frozen: two certified cuts of one epoch";
            view.halted = Some(reason.into());
        });
    }

    fn show_following(&mut self, following: Following) {
        let Following { epoch, best, verified, .. } = following;
        let left = following.left();
        self.metrics.following(&following);
        self.view.update(|view| {
            view.behind = (left > 0).then_some(best);
            view.following = (left > 0).then_some(following);
        });
        let now = Instant::now();
        let due = self.followed.is_none_or(|last| now.duration_since(last) >= FOLLOWING_LOG);
        if left > 0 && due {
            self.followed = Some(now);
            let rate = following.per_kilosecond.unwrap_or(0) / 1_000;
            let eta_s = following.eta_ms().map(|ms| ms / 1_000);
            tracing::info!(%epoch, %best, left, per_second = rate, eta_s, "catching up");
        } else if left == 0 {
            self.followed = None;
            tracing::info!(%epoch, verified, "caught up");
        }
    }

    fn show_certified(&self, certified: Certified) {
        let Certified { cut, id, certificate, latency_ms, stake_seen, state, result, receipts } =
            certified;
        let epoch = cut.epoch;
        let round = certificate.round.get();
        tracing::info!(%epoch, cut = %id, round, items = cut.items.len(), "certified");
        if self.snapshot_every > 0 && epoch.get().is_multiple_of(self.snapshot_every) {
            let (files, state) = (self.keeper.reader().snapshots().clone(), Arc::clone(&state));
            self.runtime.spawn_blocking(move || {
                snapshots::keep(&files, &state, &cut, &certificate);
            });
        }
        self.view.update(|view| {
            view.recent.insert(epoch, (Arc::clone(&state), Arc::clone(&result)));
            while view.recent.len() > RECENT {
                view.recent.pop_first();
            }
            view.state = state;
            view.result = Some(result);
            view.stake_seen = stake_seen;
            view.behind = view.behind.filter(|best| *best > epoch);
            if let Some(latency) = latency_ms {
                view.latencies.insert(epoch, latency);
                while view.latencies.len() > LATENCIES {
                    view.latencies.pop_first();
                }
            }
            for receipt in receipts {
                view.receipts.insert(receipt.item, (epoch, receipt.outcome.to_string()));
            }
            while view.receipts.len() > RECEIPTS {
                let oldest = view.receipts.values().map(|(epoch, _)| *epoch).min();
                view.receipts.retain(|_, (epoch, _)| Some(*epoch) != oldest);
            }
        });
    }

    fn show_scored(&self, miners: Vec<MinerScore>, void: bool) {
        if void {
            tracing::info!(
                "round void: the miners that answered hold less than half of all averages"
            );
        }
        self.metrics.scored(miners.iter().map(|miner| u64::from(miner.tasks)).sum(), void);
        self.view.update(|view| {
            for miner in miners {
                let score: &mut ScoreView = view.scores.entry(miner.hotkey).or_default();
                score.tasks += u64::from(miner.tasks);
                score.last = miner.score;
                score.average = miner.average;
            }
        });
    }
}

fn topic_of(channel: Channel) -> p2p::Topic {
    match channel {
        Channel::Tasks => p2p::Topic::Tasks,
        Channel::Outputs => p2p::Topic::Outputs,
        Channel::Weights => p2p::Topic::Weights,
        Channel::Ops => p2p::Topic::Ops,
        Channel::Agreement => p2p::Topic::Agreement,
    }
}
