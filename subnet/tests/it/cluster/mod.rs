//! A seeded world: clock, network, disks and workers for a few participants.

mod exchanged;
mod host;

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use ganglion_consensus::ledger::State;
use ganglion_subnet::divergence::last_decided;
use ganglion_subnet::hidden::LOCAL_SEALED;
use ganglion_subnet::participant::LOCAL_SCORES;
use ganglion_subnet::runner::{Runner, Stopped};
use ganglion_subnet::{
    AnswerToken, AskId, Behaviour, Channel, Config, GossipToken, Input, Job, JobId, Now,
    Participant, Recovered, Ticket,
};
use ganglion_types::{
    Canonical as _, Coldkey, CutId, Digest, Epoch, EpochBundle, GenesisParticipant, Hotkey,
    Hyperparameters, Manifest, Payload, Phases, Rao, Role, TaskSpec, proto, seed, sign,
};

use exchanged::Exchanged;
use host::{Out, TestHost, lose_proposals};

pub(crate) const EPOCH_MS: u64 = 10_000;
const GENESIS: u64 = 1_800_000_000_000;

/// Splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

#[derive(Debug)]
enum Event {
    Input(usize, u64, Input),
    Ask { from: usize, to: usize, id: AskId, request: proto::Request },
    Answer { from: usize, to: usize, id: AskId, response: Option<proto::Response> },
}

#[derive(Debug)]
struct Queued {
    at: u64,
    order: u64,
    event: Event,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) hotkey: Hotkey,
    key: SigningKey,
    runner: Option<Runner<TestHost>>,
    kept: Option<TestHost>,
    /// Counts restarts, so that what was meant for a former process is lost.
    life: u64,
    /// Percent of tasks a miner answers rightly.
    skill: u64,
    asked: BTreeMap<AnswerToken, (usize, AskId, &'static str)>,
    next_token: u64,
    /// Tasks made by job, with their right answers.
    made: BTreeMap<JobId, Vec<u8>>,
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) now: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) manifest: Arc<Manifest>,
    queue: BinaryHeap<Queued>,
    order: u64,
    random: Random,
    cut: BTreeSet<(usize, usize)>,
    /// Of a thousand gossip deliveries, how many are lost.
    pub(crate) loss: u64,
    /// Nodes that no gossip reaches and whose own reaches nobody.
    pub(crate) deaf: BTreeSet<usize>,
    /// Bytes of differences and of trades, requests and responses, of all nodes.
    pub(crate) exchanged: Exchanged,
    pub(crate) stopped: Vec<(usize, String)>,
    /// A node whose statuses claim an epoch far ahead, and that never shows one.
    pub(crate) liar: Option<usize>,
    /// What is not honest, by node, from its next start on.
    pub(crate) behaviours: BTreeMap<usize, Behaviour>,
    /// What the next process to start finds instead of its state, as if a disk or a bug had changed it.
    pub(crate) plant: Option<fn(State) -> State>,
    /// The process with a plant does not know its last cut either.
    pub(crate) forgetful: bool,
    /// Nobody tells stages.
    pub(crate) deaf_to_stages: bool,
    /// No proposal arrives anywhere.
    pub(crate) unproposed: bool,
    /// A node that answers its next request for epochs with these.
    feign: Option<(usize, proto::Epochs)>,
}

pub(crate) fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

pub(crate) fn coldkey(byte: u8) -> Coldkey {
    Coldkey::new(*sign::hotkey_of(&key(byte)).as_bytes())
}

pub(crate) fn chain_start(index: usize) -> Digest {
    Digest::new([index as u8 + 100; 32])
}

/// Of the chain that a validator may begin later.
pub(crate) fn next_chain_start(index: usize) -> Digest {
    Digest::new([index as u8 + 200; 32])
}

/// Validators by stake in units, miners by skill in percent. Hotkeys are `key(1..)`, coldkeys
/// `key(101..)`.
pub(crate) fn manifest(stakes: &[u64], miners: usize) -> Manifest {
    let validators = stakes.iter().enumerate().map(|(at, stake)| GenesisParticipant {
        hotkey: sign::hotkey_of(&key(at as u8 + 1)),
        coldkey: coldkey(at as u8 + 101),
        role: Role::Validator,
        stake: Rao::new(stake * Rao::PER_UNIT),
        seed_tail: seed::element(&chain_start(at), 0),
    });
    let miners = (stakes.len()..stakes.len() + miners).map(|at| GenesisParticipant {
        hotkey: sign::hotkey_of(&key(at as u8 + 1)),
        coldkey: coldkey(at as u8 + 101),
        role: Role::Miner,
        stake: Rao::ZERO,
        seed_tail: None,
    });
    Manifest {
        name: "cluster".into(),
        salt: [1; 16],
        genesis_time: GENESIS,
        epoch_ms: EPOCH_MS,
        phases: Phases::default(),
        task: TaskSpec {
            task_type: "numbers".into(),
            scorer: "numbers".into(),
            batch_size: 20,
            score_power: 1,
            ..TaskSpec::default()
        },
        // Hidden weights have tests of their own.
        hyperparameters: Hyperparameters {
            min_difficulty: 10,
            commit_reveal_weights_enabled: false,
            ..Hyperparameters::default()
        },
        participants: validators.chain(miners).collect(),
        accounts: vec![(coldkey(101), Rao::new(50 * Rao::PER_UNIT))],
        owner: None,
        parent: None,
        registry: None,
    }
}

impl Cluster {
    /// A cluster of the manifest's participants, miners with these skills, and observers.
    pub(crate) fn new(seed: u64, manifest: Manifest, skills: &[u64], observers: usize) -> Self {
        Self::with_behaviours(seed, manifest, skills, observers, &[])
    }

    /// The same with some nodes, by position, that are not honest.
    pub(crate) fn with_behaviours(
        seed: u64,
        manifest: Manifest,
        skills: &[u64],
        observers: usize,
        behaviours: &[(usize, Behaviour)],
    ) -> Self {
        let manifest = Arc::new(manifest);
        let many = manifest.participants.len() + observers;
        let validators = manifest.participants.len() - skills.len();
        let nodes = (0..many)
            .map(|at| {
                let key = key(at as u8 + 1);
                Node {
                    hotkey: sign::hotkey_of(&key),
                    key,
                    runner: None,
                    kept: Some(TestHost { signed: Some(Epoch::GENESIS), ..TestHost::default() }),
                    life: 0,
                    skill: at
                        .checked_sub(validators)
                        .and_then(|n| skills.get(n))
                        .copied()
                        .unwrap_or(0),
                    asked: BTreeMap::new(),
                    next_token: 0,
                    made: BTreeMap::new(),
                }
            })
            .collect();
        let mut cluster = Self {
            now: GENESIS - 2_000,
            nodes,
            manifest,
            queue: BinaryHeap::new(),
            order: 0,
            random: Random(seed),
            cut: BTreeSet::new(),
            loss: 0,
            deaf: BTreeSet::new(),
            exchanged: Exchanged::default(),
            stopped: Vec::new(),
            liar: None,
            behaviours: behaviours.iter().copied().collect(),
            plant: None,
            forgetful: false,
            deaf_to_stages: false,
            unproposed: false,
            feign: None,
        };
        for at in 0..many {
            cluster.start(at);
        }
        cluster
    }

    /// Adds a node that is not in the genesis, with this key.
    pub(crate) fn join(&mut self, key: SigningKey, skill: u64) -> usize {
        self.nodes.push(Node {
            hotkey: sign::hotkey_of(&key),
            key,
            runner: None,
            kept: Some(TestHost { signed: Some(Epoch::GENESIS), ..TestHost::default() }),
            life: 0,
            skill,
            asked: BTreeMap::new(),
            next_token: 0,
            made: BTreeMap::new(),
        });
        let at = self.nodes.len() - 1;
        self.start(at);
        at
    }

    fn clock(&self, at: usize) -> Now {
        // Monotonic clocks begin anywhere.
        Now { mono: self.now + 10_000 - GENESIS + 1_000_000 * (at as u64 + 1), wall: self.now }
    }

    fn push(&mut self, after: u64, event: Event) {
        self.order += 1;
        self.queue.push(Queued { at: self.now + after, order: self.order, event });
    }

    fn delay(&mut self) -> u64 {
        5 + self.random.below(60)
    }

    pub(crate) fn is_running(&self, at: usize) -> bool {
        self.nodes[at].runner.is_some()
    }

    /// What a stopped node's disk holds, to damage it.
    pub(crate) fn disk(&mut self, at: usize) -> &mut TestHost {
        self.nodes[at].kept.as_mut().unwrap()
    }

    pub(crate) fn host(&self, at: usize) -> &TestHost {
        let node = &self.nodes[at];
        node.runner.as_ref().map_or_else(|| node.kept.as_ref().unwrap(), Runner::host)
    }

    pub(crate) fn state(&self, at: usize) -> &State {
        self.nodes[at].runner.as_ref().unwrap().participant().state()
    }

    pub(crate) fn participant(&self, at: usize) -> &Participant {
        self.nodes[at].runner.as_ref().unwrap().participant()
    }

    /// Starts a process on what its disk holds.
    pub(crate) fn start(&mut self, at: usize) {
        let host = self.nodes[at].kept.take().unwrap();
        let mut state = State::genesis(Arc::clone(&self.manifest)).unwrap();
        let mut last = None;
        for bundle in host.bundles.values() {
            let (cut, certificate) = (bundle.cut.clone(), bundle.certificate.clone());
            last = last_decided(cut, certificate, &state);
            let executed =
                ganglion_consensus::ledger::execute(&state, bundle.cut.time, &bundle.items)
                    .unwrap();
            state = executed.into_state(bundle.cut.id());
        }
        let recovered = Recovered {
            signed: host.signed,
            log: host.signed.filter(|_| !host.log_lost).map(|_| host.log.clone()),
            seq_reserved: host.seq,
            scores: host.local.get(LOCAL_SCORES).cloned(),
            sealed: host.local.get(LOCAL_SEALED).cloned(),
        };
        if let Some(plant) = self.plant.take() {
            state = plant(state);
            last = last.filter(|_| !self.forgetful);
        }
        let node = &mut self.nodes[at];
        node.life += 1;
        let config = Config {
            key: Some(node.key.clone()),
            manifest: Arc::clone(&self.manifest),
            seed_chains: vec![chain_start(at), next_chain_start(at)],
            oldest: Epoch::new(1),
            behaviour: self.behaviours.get(&at).copied().unwrap_or_default(),
            last,
            forks: host.forks.clone(),
            frozen: false,
        };
        let participant = Participant::new(config, state, recovered).unwrap();
        node.runner = Some(Runner::new(participant, host));
        let life = node.life;
        self.push(0, Event::Input(at, life, Input::Started));
        for other in 0..self.nodes.len() {
            if other != at && self.is_running(other) {
                self.connect(at, other);
            }
        }
    }

    fn connect(&mut self, a: usize, b: usize) {
        let (ka, kb) = (self.nodes[a].hotkey, self.nodes[b].hotkey);
        let (la, lb) = (self.nodes[a].life, self.nodes[b].life);
        self.push(50, Event::Input(a, la, Input::Connected(kb)));
        self.push(50, Event::Input(b, lb, Input::Connected(ka)));
    }

    /// Ends a process at once; its disk stays.
    pub(crate) fn kill(&mut self, at: usize) {
        let runner = self.nodes[at].runner.take().unwrap();
        let hotkey = self.nodes[at].hotkey;
        let mut host = take_host(runner);
        // What was not synced is gone.
        let whole = host.log.len() - host.unsynced;
        host.log.truncate(whole);
        host.unsynced = 0;
        host.out.clear();
        host.said.clear();
        host.weights_said.clear();
        host.signing = false;
        self.nodes[at].kept = Some(host);
        self.nodes[at].made.clear();
        for other in 0..self.nodes.len() {
            if other != at && self.is_running(other) {
                let life = self.nodes[other].life;
                self.push(1, Event::Input(other, life, Input::Disconnected(hotkey)));
            }
        }
    }

    /// Cuts or mends the line between two nodes, both ways.
    pub(crate) fn partition(&mut self, a: usize, b: usize, on: bool) {
        for pair in [(a, b), (b, a)] {
            if on {
                self.cut.insert(pair);
            } else {
                self.cut.remove(&pair);
            }
        }
    }

    pub(crate) fn submit(&mut self, at: usize, bytes: Vec<u8>) {
        let life = self.nodes[at].life;
        self.push(0, Event::Input(at, life, Input::Submit { ticket: Ticket(1), bytes }));
    }

    /// Gives one node gossip as if a peer had sent it.
    pub(crate) fn inject(&mut self, to: usize, from: Hotkey, channel: Channel, bytes: Vec<u8>) {
        let (life, token) = (self.nodes[to].life, GossipToken(u64::MAX));
        self.push(1, Event::Input(to, life, Input::Gossip { from, token, channel, bytes }));
    }

    /// One node claims another cut, is asked for it, and gives this one.
    pub(crate) fn answer_epochs(&mut self, to: usize, from: usize, bundle: &EpochBundle) {
        self.feign = Some((from, proto::Epochs { epochs: vec![bundle.to_proto()] }));
        let (epoch, cut) = (bundle.cut.epoch.get(), bundle.cut.id().as_bytes().to_vec());
        let mine = Some(proto::Status { epoch, cut, oldest: 1, forked: 0 });
        let request = proto::request::Request::Status(proto::StatusRequest { mine });
        let request = proto::Request { request: Some(request) };
        let node = &mut self.nodes[to];
        node.next_token += 1;
        let token = AnswerToken(node.next_token);
        node.asked.insert(token, (from, AskId(u64::MAX), "status"));
        let from = self.nodes[from].hotkey;
        self.give(to, Input::Request { from, token, request });
    }

    /// Asks one node something in another's name.
    pub(crate) fn inject_request(&mut self, to: usize, from: usize, request: proto::Request) {
        let id = AskId(u64::MAX);
        self.push(1, Event::Ask { from, to, id, request });
    }

    /// Runs until a condition holds, at most for so many milliseconds of virtual time.
    pub(crate) fn run_until(&mut self, limit: u64, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + limit;
        while self.now < end {
            if done(self) {
                return true;
            }
            if !self.advance(end) {
                break;
            }
        }
        done(self)
    }

    /// Runs until these nodes hold an epoch.
    pub(crate) fn run_to_epoch(&mut self, nodes: &[usize], epoch: u64, limit: u64) -> bool {
        let nodes = nodes.to_vec();
        self.run_until(limit, |cluster| {
            nodes.iter().all(|at| cluster.host(*at).bundles.contains_key(&epoch))
        })
    }

    /// The next event or timer, whichever is first.
    fn advance(&mut self, end: u64) -> bool {
        let event = self.queue.peek().map(|queued| queued.at);
        let timer = (0..self.nodes.len())
            .filter_map(|at| {
                let due = self.nodes[at].runner.as_ref()?.next_timer()?;
                let wait = due.saturating_sub(self.clock(at).mono);
                Some((self.now + wait, at))
            })
            .min();
        let next = match (event, timer) {
            (None, None) => return false,
            (Some(event), Some((timer, _))) => event.min(timer),
            (Some(event), None) => event,
            (None, Some((timer, _))) => timer,
        };
        if next > end {
            self.now = end;
            return false;
        }
        self.now = next;
        if event == Some(next) {
            let queued = self.queue.pop().unwrap();
            self.deliver(queued.event);
        } else if let Some((_, at)) = timer {
            let now = self.clock(at);
            let result = self.nodes[at].runner.as_mut().unwrap().fire(now);
            self.after(at, result);
        }
        true
    }

    fn deliver(&mut self, event: Event) {
        match event {
            Event::Input(at, life, input) => {
                if self.nodes[at].life == life {
                    self.give(at, input);
                }
            }
            Event::Ask { from, to, id, request } => {
                let epochs = matches!(request.request, Some(proto::request::Request::Epochs(_)));
                if self.liar == Some(to) && epochs {
                    let answer = Event::Answer { from: to, to: from, id, response: None };
                    return self.push(9_000, answer);
                }
                if epochs && self.feign.as_ref().is_some_and(|(node, _)| *node == to) {
                    let (_, epochs) = self.feign.take().unwrap();
                    let response = proto::response::Response::Epochs(epochs);
                    let response = Some(proto::Response { response: Some(response) });
                    return self.push(20, Event::Answer { from: to, to: from, id, response });
                }
                let stages = matches!(request.request, Some(proto::request::Request::Stages(_)));
                if self.deaf_to_stages && stages {
                    return self.push(20, Event::Answer { from: to, to: from, id, response: None });
                }
                if !self.is_running(to) || self.cut.contains(&(from, to)) {
                    return self
                        .push(1_000, Event::Answer { from: to, to: from, id, response: None });
                }
                let node = &mut self.nodes[to];
                node.next_token += 1;
                let token = AnswerToken(node.next_token);
                node.asked.insert(token, (from, id, asked_kind(&request)));
                let from = self.nodes[from].hotkey;
                self.give(to, Input::Request { from, token, request });
            }
            Event::Answer { from, to, id, response } => {
                let from = self.nodes[from].hotkey;
                if self.is_running(to) {
                    self.give(to, Input::Response { id, from, response });
                }
            }
        }
    }

    fn give(&mut self, at: usize, input: Input) {
        let now = self.clock(at);
        if let Some(runner) = self.nodes[at].runner.as_mut() {
            let result = runner.handle(now, input);
            self.after(at, result);
        }
    }

    fn after(&mut self, at: usize, result: Result<(), Stopped<Infallible>>) {
        if let Err(stopped) = result {
            self.stopped.push((at, stopped.to_string()));
        }
        let Some(runner) = self.nodes[at].runner.as_mut() else { return };
        for out in std::mem::take(&mut runner.host_mut().out) {
            self.carry(at, out);
        }
    }

    fn carry(&mut self, at: usize, mut out: Out) {
        if self.unproposed && !lose_proposals(&mut out) {
            return;
        }
        match out {
            Out::Publish(channel, bytes) => {
                let from = self.nodes[at].hotkey;
                for to in 0..self.nodes.len() {
                    let lost = self.loss > 0 && self.random.below(1_000) < self.loss;
                    let lost = lost || self.deaf.contains(&at) || self.deaf.contains(&to);
                    if to == at || lost || self.cut.contains(&(at, to)) || !self.is_running(to) {
                        continue;
                    }
                    let (after, token, bytes) =
                        (self.delay(), GossipToken(self.order), bytes.clone());
                    let life = self.nodes[to].life;
                    let input = Input::Gossip { from, token, channel, bytes };
                    self.push(after, Event::Input(to, life, input));
                }
            }
            Out::Ask(id, peer, request) => {
                self.exchanged.request(&request);
                let after = self.delay();
                let to = self.nodes.iter().position(|node| node.hotkey == peer).unwrap();
                self.push(after, Event::Ask { from: at, to, id, request });
            }
            Out::Answer(token, mut response) => {
                let claimed = match &mut response.response {
                    Some(proto::response::Response::Status(status)) => Some(status),
                    Some(proto::response::Response::Pushed(pushed)) => pushed.status.as_mut(),
                    Some(proto::response::Response::Differences(told)) => told.status.as_mut(),
                    Some(proto::response::Response::Trade(trade)) => trade.status.as_mut(),
                    _ => None,
                };
                if let Some(status) = claimed.filter(|_| self.liar == Some(at)) {
                    status.epoch += 1_000;
                }
                let Some((to, id, kind)) = self.nodes[at].asked.remove(&token) else { return };
                // The network takes an answer of another kind for malformed, and bans its sender.
                if !matches!(response.response, Some(proto::response::Response::Refused(_))) {
                    assert_eq!(answered_kind(&response), kind);
                }
                self.exchanged.response(&response);
                let after = self.delay();
                self.push(after, Event::Answer { from: at, to, id, response: Some(response) });
            }
            Out::Work(job) => self.work(at, job),
        }
    }

    fn work(&mut self, at: usize, job: Job) {
        let life = self.nodes[at].life;
        match job {
            Job::MakeTasks { job, seed, count, .. } => {
                let rights: Vec<u8> =
                    (0..count).map(|n| seed.as_bytes()[n as usize % 32] % 10).collect();
                let inputs = rights.iter().map(|right| Payload::Inline(vec![*right])).collect();
                self.nodes[at].made.insert(job, rights);
                self.push(30, Event::Input(at, life, Input::TasksMade { job, inputs }));
            }
            Job::Forward { job, inputs, .. } => {
                let skill = self.nodes[at].skill;
                let outputs = inputs
                    .iter()
                    .map(|input| {
                        let Payload::Inline(bytes) = input else { unreachable!() };
                        let right = self.random.below(100) < skill;
                        Payload::Inline(vec![if right { bytes[0] } else { 99 }])
                    })
                    .collect();
                self.push(100, Event::Input(at, life, Input::Forwarded { job, outputs }));
            }
            Job::Score { job, made, responses, .. } => {
                let rights = self.nodes[at].made.get(&made).cloned().unwrap_or_default();
                let scores = responses
                    .iter()
                    .map(|response| {
                        let each = response.outputs.iter().zip(&rights).map(|(output, right)| {
                            Some(if *output == Payload::Inline(vec![*right]) {
                                1_000_000
                            } else {
                                0
                            })
                        });
                        (response.hotkey, each.collect())
                    })
                    .collect();
                self.push(50, Event::Input(at, life, Input::Scored { job, scores }));
            }
            Job::Feedback(_) => {}
        }
    }

    /// Cut ids by epoch of one node.
    pub(crate) fn cuts(&self, at: usize) -> VecDeque<(u64, CutId)> {
        self.host(at).bundles.iter().map(|(epoch, bundle)| (*epoch, bundle.cut.id())).collect()
    }

    /// Every node that holds an epoch holds the same cut; whatever stopped is named.
    pub(crate) fn assert_one_cut_per_epoch(&self) {
        assert_eq!(self.stopped, [], "nodes stopped");
        let mut cuts: BTreeMap<u64, CutId> = BTreeMap::new();
        for at in 0..self.nodes.len() {
            for (epoch, cut) in self.cuts(at) {
                assert_eq!(*cuts.entry(epoch).or_insert(cut), cut, "node {at} epoch {epoch}");
            }
        }
    }
}

fn asked_kind(request: &proto::Request) -> &'static str {
    use proto::request::Request;
    match request.request.as_ref().unwrap() {
        Request::Status(_) => "status",
        Request::Items(_) => "items",
        Request::ListBodies(_) => "list bodies",
        Request::Epochs(_) => "epochs",
        Request::Push(_) => "push",
        Request::Differences(_) => "differences",
        Request::Trade(_) => "trade",
        Request::Stages(_) => "stages",
        Request::StageRows(_) => "stage rows",
        Request::Forks(_) => "forks",
        _ => unreachable!("not of participants"),
    }
}

fn answered_kind(response: &proto::Response) -> &'static str {
    use proto::response::Response;
    match response.response.as_ref().unwrap() {
        Response::Status(_) => "status",
        Response::Items(_) => "items",
        Response::ListBodies(_) => "list bodies",
        Response::Epochs(_) => "epochs",
        Response::Pushed(_) => "push",
        Response::Differences(_) => "differences",
        Response::Trade(_) => "trade",
        Response::Stages(_) => "stages",
        Response::StageRows(_) => "stage rows",
        Response::Forks(_) => "forks",
        other => unreachable!("{other:?}"),
    }
}

fn take_host(mut runner: Runner<TestHost>) -> TestHost {
    std::mem::take(runner.host_mut())
}
