//! A committee over a simulated network and disk, driven by one seeded generator and a queue of
//! virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use ganglion_consensus::agreement::{
    Decision, Engine, EngineConfig, EngineError, EpochStart, Ignored, Output, Received, Timeouts,
    Timer,
};
use ganglion_types::agreement::proposal_hash;
use ganglion_types::codec::Canonical;
use ganglion_types::{
    AgreementMessage, Cut, CutId, Epoch, Hotkey, Proposal, Round, Vote, VoteType, limits, sign,
};

use super::chain::{Chain, SUBNET, SplitMix, key};
use super::checker::Checker;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Honest,
    /// Says nothing before this time.
    SilentUntil(u64),
    /// Other proposals to half of the nodes, votes for everything, no respect for locks.
    Equivocator,
    /// No key, no stake; hears everything.
    Observer,
    /// No key, no stake; hears certificates only.
    Deaf,
}

pub(super) const FOR_EVER: u64 = u64::MAX;

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) stakes: Vec<u64>,
    pub(super) roles: Vec<Role>,
    pub(super) epochs: u64,
    pub(super) delay_ms: (u64, u64),
    pub(super) loss_per_mille: u64,
    /// Before each output that is carried out.
    pub(super) crash_per_mille: u64,
    /// A crash loses the whole log.
    pub(super) forget_log: bool,
    /// These nodes find every cut of others invalid, and valid so many milliseconds later.
    pub(super) doubters: Vec<usize>,
    pub(super) doubt_ms: u64,
    pub(super) until_ms: u64,
    /// From, until, and the number of nodes on the one side.
    pub(super) partitions: Vec<(u64, u64, usize)>,
    /// The stake of honest members changes with every cut.
    pub(super) stakes_move: bool,
}

impl Plan {
    pub(super) fn new(stakes: &[u64], seed: u64) -> Self {
        Self {
            seed,
            stakes: stakes.to_vec(),
            roles: vec![Role::Honest; stakes.len()],
            epochs: 50,
            delay_ms: (20, 120),
            loss_per_mille: 0,
            crash_per_mille: 0,
            forget_log: false,
            doubters: vec![],
            doubt_ms: 0,
            until_ms: 3_600_000,
            partitions: vec![],
            stakes_move: true,
        }
    }

    pub(super) fn role(mut self, node: usize, role: Role) -> Self {
        self.roles[node] = role;
        self
    }

    pub(super) fn observer(mut self, role: Role) -> Self {
        self.stakes.push(0);
        self.roles.push(role);
        self
    }
}

pub(super) fn timeouts() -> Timeouts {
    Timeouts {
        propose: Duration::from_millis(1_000),
        vote: Duration::from_millis(500),
        delta: Duration::from_millis(200),
        rebroadcast: Duration::from_millis(1_500),
        max: Duration::from_secs(20),
    }
}

enum Event {
    Deliver { to: usize, from: usize, bytes: Rc<[u8]> },
    Fetched { to: usize, decision: Rc<Decision> },
    Status { to: usize, from: usize, epoch: u64 },
    StatusTick { node: usize },
    Timer { node: usize, timer: Timer, generation: u64 },
    Built { node: usize, life: u64, epoch: u64, round: Round },
    Checked { node: usize, life: u64, cut: Box<Cut>, again: bool },
    Start { node: usize, life: u64 },
    Restart { node: usize },
}

struct Node {
    key: SigningKey,
    hotkey: Hotkey,
    role: Role,
    engine: Option<Engine>,
    life: u64,
    log: Vec<Vec<u8>>,
    durable: usize,
    timers: BTreeMap<Timer, u64>,
    decisions: Vec<Rc<Decision>>,
    kept: Vec<AgreementMessage>,
    /// When the epoch now open was started.
    started: u64,
}

/// What a run came to.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Ids of the decided cuts, by node and epoch.
    pub(super) cuts: Vec<Vec<CutId>>,
    /// Rounds of the certificates of node 0's decisions.
    pub(super) rounds: Vec<u32>,
    /// First proposer of each of those epochs.
    pub(super) first_proposers: Vec<Hotkey>,
    pub(super) latencies_ms: Vec<u64>,
    pub(super) contradictions: Vec<String>,
    pub(super) forks: Vec<String>,
    pub(super) invalid: Vec<String>,
    /// Failures of honest engines.
    pub(super) errors: Vec<String>,
    /// Nodes that evidence names.
    pub(super) offenders: BTreeSet<usize>,
    /// Messages sent before their record was durable.
    pub(super) unsynced: Vec<String>,
    pub(super) fetched: u64,
    pub(super) crashes: u64,
    pub(super) replayed: usize,
    pub(super) syncs: u64,
    pub(super) verified: u64,
    pub(super) finished_at: Option<u64>,
    /// Hash over everything sent, in order.
    pub(super) trace: u64,
}

impl Report {
    /// Nothing that must never happen.
    pub(super) fn assert_safe(&self, what: &str) {
        for (kind, found) in [
            ("contradictions", &self.contradictions),
            ("forks", &self.forks),
            ("invalid", &self.invalid),
            ("errors", &self.errors),
            ("unsynced", &self.unsynced),
        ] {
            assert!(found.is_empty(), "{what}: {kind}: {found:#?}");
        }
    }

    /// All honest nodes decided every epoch.
    pub(super) fn assert_live(&self, what: &str) {
        let decided: Vec<usize> = self.cuts.iter().map(Vec::len).collect();
        assert!(self.finished_at.is_some(), "{what}: decided {decided:?}");
    }
}

pub(super) struct Cluster {
    plan: Plan,
    chain: Chain,
    rng: SplitMix,
    now: u64,
    sequence: u64,
    queue: BTreeMap<(u64, u64), Event>,
    nodes: Vec<Node>,
    generation: u64,
    checker: Checker,
    report: Report,
    /// Cuts that equivocators vote for, by epoch and round.
    bait: BTreeMap<(u64, u32), Vec<CutId>>,
}

/// Runs a plan to its end.
pub(super) fn run(plan: Plan) -> Report {
    let mut cluster = Cluster::new(plan);
    cluster.run();
    cluster.finish()
}

impl Cluster {
    fn new(plan: Plan) -> Self {
        let moving =
            plan.roles.iter().map(|role| plan.stakes_move && *role == Role::Honest).collect();
        let nodes = plan.roles.iter().enumerate().map(|(node, role)| Node {
            key: key(node),
            hotkey: sign::hotkey_of(&key(node)),
            role: *role,
            engine: None,
            life: 0,
            log: vec![],
            durable: 0,
            timers: BTreeMap::new(),
            decisions: vec![],
            kept: vec![],
            started: 0,
        });
        let nodes: Vec<Node> = nodes.collect();
        Self {
            chain: Chain::new(plan.stakes.clone(), moving),
            rng: SplitMix(plan.seed),
            now: 0,
            sequence: 0,
            queue: BTreeMap::new(),
            nodes,
            generation: 0,
            checker: Checker::default(),
            report: Report::default(),
            bait: BTreeMap::new(),
            plan,
        }
    }

    fn run(&mut self) {
        for node in 0..self.nodes.len() {
            let jitter = self.rng.between(0, 100);
            self.at(jitter, Event::Restart { node });
            self.at(jitter + 2_000, Event::StatusTick { node });
        }
        while let Some(((time, _), event)) = self.queue.pop_first() {
            if time > self.plan.until_ms {
                break;
            }
            self.now = time;
            self.handle(event);
            if self.is_done() {
                self.report.finished_at = Some(self.now);
                break;
            }
        }
    }

    fn finish(mut self) -> Report {
        let engines = self.nodes.iter().filter_map(|node| node.engine.as_ref());
        for engine in engines {
            self.report.verified += engine.signatures_verified();
        }
        let cuts = |node: &Node| node.decisions.iter().map(|made| made.cut.id()).collect();
        self.report.cuts = self.nodes.iter().map(cuts).collect();
        let made = &self.nodes[0].decisions;
        self.report.rounds = made.iter().map(|made| made.certificate.round.get()).collect();
        self.report.contradictions = self.checker.contradictions;
        self.report.forks = self.checker.forks;
        self.report.invalid = self.checker.invalid;
        self.report
    }

    /// Only what does what it is told counts.
    fn is_done(&self) -> bool {
        let epochs = usize::try_from(self.plan.epochs).unwrap();
        self.nodes
            .iter()
            .filter(|node| !matches!(node.role, Role::Equivocator | Role::SilentUntil(FOR_EVER)))
            .all(|node| node.decisions.len() >= epochs)
    }

    fn at(&mut self, delay: u64, event: Event) {
        self.sequence += 1;
        self.queue.insert((self.now.saturating_add(delay), self.sequence), event);
    }

    fn previous(&self, node: usize) -> Cut {
        self.nodes[node].decisions.last().map_or_else(Chain::genesis, |last| last.cut.clone())
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Deliver { to, from, bytes } => self.deliver(to, from, &bytes),
            Event::Fetched { to, decision } => self.fetched(to, &decision),
            Event::Status { to, from, epoch } => self.help(to, from, epoch),
            Event::StatusTick { node } => self.status_tick(node),
            Event::Timer { node, timer, generation } => {
                if self.nodes[node].timers.get(&timer) == Some(&generation) {
                    self.nodes[node].timers.remove(&timer);
                    self.call(node, |engine| engine.timeout(timer));
                }
            }
            Event::Built { node, life, epoch, round } => {
                let previous = self.previous(node);
                if self.nodes[node].life == life && previous.epoch.next().get() == epoch {
                    let adds = self.rng.per_mille(500);
                    let cut = self.chain.build(node, &previous, adds, &mut self.rng);
                    self.call(node, |engine| engine.propose(round, cut));
                }
            }
            Event::Checked { node, life, cut, again } => {
                if self.nodes[node].life == life {
                    self.checked(node, life, *cut, again);
                }
            }
            Event::Start { node, life } => {
                if self.nodes[node].life == life {
                    self.start(node);
                }
            }
            Event::Restart { node } => {
                let observes = matches!(self.nodes[node].role, Role::Observer | Role::Deaf);
                let key = (!observes).then(|| self.nodes[node].key.clone());
                let config = EngineConfig { subnet: SUBNET, key, timeouts: timeouts() };
                self.nodes[node].engine = Some(Engine::new(config));
                self.report.replayed += self.nodes[node].log.len();
                self.start(node);
            }
        }
    }

    fn start(&mut self, node: usize) {
        let previous = self.previous(node);
        if previous.epoch.get() >= self.plan.epochs {
            return;
        }
        let committee = self.chain.committee(&previous.result_root);
        let epoch = previous.epoch.next();
        let start = EpochStart { epoch, previous: previous.id(), committee, mute: false };
        self.nodes[node].started = self.now;
        let log = self.nodes[node].log.clone();
        self.call(node, |engine| engine.start(start, &log));
        if node == 0
            && let Some(engine) = &self.nodes[0].engine
            && self.report.first_proposers.len() < usize::try_from(epoch.get()).unwrap()
        {
            let first = engine.proposer(Round::new(0)).unwrap();
            self.report.first_proposers.push(first);
        }
        for message in std::mem::take(&mut self.nodes[node].kept) {
            self.receive(node, message);
        }
    }

    fn deliver(&mut self, to: usize, from: usize, bytes: &[u8]) {
        let message = AgreementMessage::from_bytes(bytes, limits::AGREEMENT_BYTES).unwrap();
        // A sender that lags is handed the certificate.
        let epoch = message.epoch().get();
        if epoch <= self.previous(to).epoch.get() {
            self.help(to, from, epoch);
        } else {
            self.receive(to, message);
        }
    }

    fn receive(&mut self, node: usize, message: AgreementMessage) {
        let Some(engine) = &mut self.nodes[node].engine else { return };
        match engine.receive(message.clone()) {
            Ok(Received::Accepted(outputs)) => self.carry_out(node, outputs),
            Ok(Received::Ignored(Ignored::NextEpoch(_))) => self.nodes[node].kept.push(message),
            Ok(Received::Ignored(_)) => {}
            Err(error) => self.failed(node, &error),
        }
    }

    fn fetched(&mut self, to: usize, decision: &Decision) {
        let Some(engine) = &mut self.nodes[to].engine else { return };
        let Decision { cut, certificate } = decision.clone();
        match engine.certified(cut, certificate) {
            Ok(Received::Accepted(outputs)) => {
                self.report.fetched += 1;
                self.carry_out(to, outputs);
            }
            Ok(Received::Ignored(_)) => {}
            Err(error) => self.failed(to, &error),
        }
    }

    fn call(
        &mut self,
        node: usize,
        call: impl FnOnce(&mut Engine) -> Result<Vec<Output>, EngineError>,
    ) {
        let Some(engine) = &mut self.nodes[node].engine else { return };
        match call(engine) {
            Ok(outputs) => self.carry_out(node, outputs),
            Err(error) => self.failed(node, &error),
        }
    }

    fn failed(&mut self, node: usize, error: &EngineError) {
        // An equivocator's own second votes may come back to it in a certificate.
        if self.nodes[node].role != Role::Equivocator {
            self.report.errors.push(format!("node {node} at {}: {error}", self.now));
        }
        self.nodes[node].engine = None;
        self.nodes[node].life += 1;
    }

    fn carry_out(&mut self, node: usize, outputs: Vec<Output>) {
        let life = self.nodes[node].life;
        for output in outputs {
            if self.plan.crash_per_mille > 0 && self.rng.per_mille(self.plan.crash_per_mille) {
                self.crash(node);
            }
            if self.nodes[node].life != life {
                return;
            }
            self.carry_out_one(node, life, output);
        }
    }

    fn carry_out_one(&mut self, node: usize, life: u64, output: Output) {
        match output {
            Output::Log(record) => self.nodes[node].log.push(record),
            Output::Sync(_) => {
                self.nodes[node].durable = self.nodes[node].log.len();
                self.report.syncs += 1;
            }
            Output::Send(message) | Output::Resend(message) => self.say(node, message),
            Output::Schedule(timer, wait) => {
                self.generation += 1;
                let generation = self.generation;
                self.nodes[node].timers.insert(timer, generation);
                let wait = u64::try_from(wait.as_millis()).unwrap();
                self.at(wait, Event::Timer { node, timer, generation });
            }
            Output::Cancel(timer) => {
                self.nodes[node].timers.remove(&timer);
            }
            Output::CancelAll => self.nodes[node].timers.clear(),
            Output::RoundStarted { .. } => {}
            Output::Build { round } => {
                let epoch = self.previous(node).epoch.next().get();
                let wait = self.rng.between(5, 60);
                self.at(wait, Event::Built { node, life, epoch, round });
            }
            Output::Judge(proposal) => {
                let wait = self.rng.between(5, 60);
                let cut = Box::new(proposal.cut);
                self.at(wait, Event::Checked { node, life, cut, again: false });
            }
            Output::Misbehaviour(pairs) => {
                for pair in pairs {
                    let named = |it: &Node| it.hotkey == *pair.offender();
                    let offender = self.nodes.iter().position(named).unwrap();
                    self.report.offenders.insert(offender);
                }
            }
            Output::Decided(decision) => self.decided(node, life, *decision),
        }
    }

    fn decided(&mut self, node: usize, life: u64, decision: Decision) {
        let committee = self.chain.committee(&self.previous(node).result_root);
        if self.nodes[node].role != Role::Equivocator {
            self.checker.decided(&committee, &decision);
        }
        let it = &mut self.nodes[node];
        it.decisions.push(Rc::new(decision));
        it.log.clear();
        it.durable = 0;
        self.report.latencies_ms.push(self.now - it.started);
        self.at(1_000, Event::Start { node, life });
    }

    fn crash(&mut self, node: usize) {
        let it = &mut self.nodes[node];
        self.report.crashes += 1;
        self.report.verified += it.engine.take().map_or(0, |it| it.signatures_verified());
        it.life += 1;
        it.timers.clear();
        it.kept.clear();
        let (durable, written) = (it.durable, it.log.len());
        // What was not synced may or may not have reached the disk.
        let low = u64::try_from(durable).unwrap();
        let high = u64::try_from(written).unwrap();
        let kept = usize::try_from(self.rng.between(low, high)).unwrap();
        it.log.truncate(if self.plan.forget_log { 0 } else { kept });
        it.durable = it.log.len();
        let wait = self.rng.between(1, 1_500);
        self.at(wait, Event::Restart { node });
    }

    fn checked(&mut self, node: usize, life: u64, cut: Cut, again: bool) {
        let previous = self.previous(node);
        let mut valid = self.chain.is_valid(&previous, &cut);
        if valid && !again && self.plan.doubters.contains(&node) {
            valid = false;
            if self.plan.doubt_ms > 0 {
                let cut = Box::new(cut.clone());
                let event = Event::Checked { node, life, cut, again: true };
                self.at(self.plan.doubt_ms, event);
            }
        }
        let id = cut.id();
        self.call(node, |engine| engine.judged(id, valid));
    }

    /// A peer lacks the certificate of `epoch`.
    fn help(&mut self, me: usize, other: usize, epoch: u64) {
        if !self.may_speak(me) || !self.linked(me, other) {
            return;
        }
        let at = usize::try_from(epoch).unwrap().checked_sub(1);
        let Some(decision) = at.and_then(|at| self.nodes[me].decisions.get(at)) else { return };
        let decision = Rc::clone(decision);
        if !self.rng.per_mille(self.plan.loss_per_mille) {
            let wait = self.delay();
            self.at(wait, Event::Fetched { to: other, decision });
        }
    }

    fn status_tick(&mut self, node: usize) {
        self.at(2_000, Event::StatusTick { node });
        if self.nodes[node].engine.is_none() || !self.may_speak(node) {
            return;
        }
        let epoch = self.previous(node).epoch.next().get();
        for to in 0..self.nodes.len() {
            if to != node && self.linked(node, to) && !self.rng.per_mille(self.plan.loss_per_mille)
            {
                let wait = self.delay();
                self.at(wait, Event::Status { to, from: node, epoch });
            }
        }
    }

    fn linked(&self, a: usize, b: usize) -> bool {
        let parted = |&(from, until, side): &(u64, u64, usize)| {
            (from..until).contains(&self.now) && (a < side) != (b < side)
        };
        !self.plan.partitions.iter().any(parted)
    }

    fn may_speak(&self, node: usize) -> bool {
        !matches!(self.nodes[node].role, Role::SilentUntil(until) if self.now < until)
    }

    fn delay(&mut self) -> u64 {
        let (low, high) = self.plan.delay_ms;
        self.rng.between(low, high)
    }

    fn say(&mut self, node: usize, message: AgreementMessage) {
        match self.nodes[node].role {
            Role::Equivocator => self.say_twice(node, &message),
            Role::Observer | Role::Deaf => {
                self.report.errors.push(format!("observer {node} sent {message:?}"));
            }
            Role::SilentUntil(until) if self.now < until => {}
            Role::Honest | Role::SilentUntil(_) => {
                self.checker.sent(&self.nodes[node].hotkey, &message);
                self.check_durable(node, &message);
                self.send_to_all(node, &message);
            }
        }
    }

    /// The record of what an honest node signs is on disk before it leaves.
    fn check_durable(&mut self, node: usize, message: &AgreementMessage) {
        let it = &self.nodes[node];
        let (signer, signature) = match message {
            AgreementMessage::Vote(vote) => (vote.signer, vote.signature),
            AgreementMessage::Proposal(proposal) => (proposal.signer, proposal.signature),
            _ => return,
        };
        let holds = |record: &Vec<u8>| {
            record.windows(64).any(|bytes| bytes == signature.as_bytes().as_slice())
        };
        if signer == it.hotkey && !it.log[..it.durable].iter().any(holds) {
            self.report.unsynced.push(format!("node {node}: {message:?}"));
        }
    }

    fn send_to_all(&mut self, from: usize, message: &AgreementMessage) {
        let bytes: Rc<[u8]> = message.to_bytes().into();
        for to in 0..self.nodes.len() {
            self.send(from, to, &bytes);
        }
    }

    fn send(&mut self, from: usize, to: usize, bytes: &Rc<[u8]>) {
        for byte in bytes.iter() {
            self.report.trace =
                (self.report.trace ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
        let lost = self.rng.per_mille(self.plan.loss_per_mille);
        if from == to || lost || self.nodes[to].role == Role::Deaf || !self.linked(from, to) {
            return;
        }
        let wait = self.delay();
        self.at(wait, Event::Deliver { to, from, bytes: Rc::clone(bytes) });
    }

    /// Proposals: one to even nodes, another to odd ones. Votes: for every cut around.
    fn say_twice(&mut self, node: usize, message: &AgreementMessage) {
        match message {
            AgreementMessage::Proposal(proposal) if proposal.signer == self.nodes[node].hotkey => {
                let other = self.other_proposal(node, proposal);
                let slot = (proposal.epoch.get(), proposal.round.get());
                // In the order of the halves, so that each half finds votes for what it saw.
                self.bait.insert(slot, vec![proposal.cut.id(), other.cut.id()]);
                let messages = [(**proposal).clone(), other]
                    .map(|it| Rc::from(AgreementMessage::Proposal(Box::new(it)).to_bytes()));
                for to in 0..self.nodes.len() {
                    self.send(node, to, &messages[to % 2]);
                }
                self.vote_for_all(node, proposal.epoch, proposal.round);
            }
            AgreementMessage::Vote(vote) => {
                let slot = (vote.epoch.get(), vote.round.get());
                if let Some(cut) = vote.cut {
                    self.bait.entry(slot).or_insert_with(|| vec![cut]);
                }
                self.vote_for_all(node, vote.epoch, vote.round);
            }
            _ => {}
        }
    }

    fn other_proposal(&mut self, node: usize, proposal: &Proposal) -> Proposal {
        let cut = self.chain.variant(&proposal.cut);
        let Proposal { epoch, round, pol_round, .. } = *proposal;
        let hash = proposal_hash(&SUBNET, epoch, round, pol_round, &cut.id());
        let signature = sign::sign(&self.nodes[node].key, &hash);
        Proposal { epoch, round, pol_round, cut, signer: proposal.signer, signature }
    }

    fn vote_for_all(&mut self, node: usize, epoch: Epoch, round: Round) {
        let bait = self.bait.get(&(epoch.get(), round.get()));
        let mut cuts: Vec<Option<CutId>> =
            bait.map(|bait| bait.iter().copied().map(Some).collect()).unwrap_or_default();
        if cuts.len() < 2 {
            cuts.push(None);
        }
        for vote_type in [VoteType::Prevote, VoteType::Precommit] {
            let votes: Vec<Rc<[u8]>> = cuts
                .iter()
                .map(|cut| {
                    let key = &self.nodes[node].key;
                    let vote = Vote::sign(&SUBNET, vote_type, epoch, round, *cut, key);
                    AgreementMessage::Vote(vote).to_bytes().into()
                })
                .collect();
            for to in 0..self.nodes.len() {
                self.send(node, to, &votes[to % votes.len()]);
                // The other half hears of it too, later or never.
                if self.rng.per_mille(300) {
                    self.send(node, to, &votes[(to + 1) % votes.len()]);
                }
            }
        }
    }
}

/// Runs a plan whose network must end with nothing forked and nobody left behind.
pub(super) fn safe_and_live(plan: Plan) -> Report {
    let what = format!("{plan:?}");
    let report = run(plan);
    report.assert_safe(&what);
    report.assert_live(&what);
    report
}
