//! One subnet in virtual time: what is on its way, who runs, and what may happen next.
//!
//! ```text
//! Plan ─► World ─► advance: the next event or timer ─► Runner (production) ─► notes ─► checkers
//!           ▲                                             └─► out ─► liar? ─► Net ─► events
//!           └ chaos: faults, operations, newcomers
//! ```
//! A run has two halves. While there are faults, only safety is demanded. Then every process is up, the
//! network mends, and each honest node must certify a new epoch within two epoch lengths.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use ganglion_consensus::ledger::State;
use ganglion_storage::StoreError;
use ganglion_subnet::runner::Stopped;
use ganglion_subnet::{AskId, Channel, GossipToken, Input};
use ganglion_types::{Epoch, Hotkey, Manifest, SubnetId, proto};

use crate::byzantine::Brain;
use crate::checkers::{Checkers, Violation};
use crate::client::Client;
use crate::genesis;
use crate::host::{Note, Out};
use crate::net::Net;
use crate::node::Node;
use crate::plan::{EPOCH_MS, Mode, Plan, Weather};
use crate::random::Random;
use crate::report::Counts;
use crate::trace::Trace;

/// When simulated subnets begin, in unix milliseconds.
pub(crate) const GENESIS: u64 = 1_800_000_000_000;
/// A lost request is told as failed after this long, as by a connection that breaks.
const BROKEN_MS: u64 = 2_000;
/// A request without an answer fails after this long, as in the binary.
const EXPIRES_MS: u64 = 10_000;

/// Something on its way.
#[derive(Debug)]
pub(crate) enum Event {
    /// For one process.
    Input {
        to: usize,
        life: u64,
        input: Box<Input>,
    },
    /// For whatever runs there then.
    Gossip {
        to: usize,
        from: usize,
        channel: Channel,
        bytes: Arc<[u8]>,
    },
    Ask {
        from: usize,
        life: u64,
        to: usize,
        id: AskId,
        request: Box<proto::Request>,
    },
    Answer {
        from: usize,
        to: usize,
        life: u64,
        id: AskId,
        response: Option<Box<proto::Response>>,
    },
    /// A node is started, if it does not run.
    Start(usize),
    /// The time for trouble.
    Chaos,
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

/// See the module's head.
#[derive(Debug)]
pub struct World {
    pub(crate) plan: Plan,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) subnet: SubnetId,
    pub(crate) now: u64,
    pub(crate) random: Random,
    pub(crate) nodes: Vec<Node>,
    pub(crate) net: Net,
    pub(crate) brain: Brain,
    pub(crate) client: Client,
    pub(crate) checkers: Checkers,
    pub(crate) trace: Trace,
    pub(crate) counts: Counts,
    /// Whether there are faults.
    pub(crate) troubled: bool,
    /// Whether dishonest stake has reached a third: see [`World::is_beyond`].
    beyond: bool,
    /// Epochs of which a node has kept two certificates.
    pub(crate) proved: BTreeSet<u64>,
    queue: BinaryHeap<Queued>,
    order: u64,
    by_hotkey: BTreeMap<Hotkey, usize>,
}

impl World {
    /// The world of a plan, before its genesis.
    #[must_use]
    pub fn new(plan: Plan, with_lines: bool) -> Self {
        let mut random = Random::new(plan.seed ^ 0x5eed);
        let manifest = Arc::new(genesis::manifest(&plan, &mut random));
        let subnet = manifest.subnet_id();
        let nodes = genesis::nodes(&plan, &subnet, &mut random);
        let honest = nodes.iter().filter(|node| node.is_honest());
        let honest = honest.map(|node| *node.hotkey.as_bytes()).collect();
        let rows = State::genesis(Arc::clone(&manifest)).map(|state| state.rows());
        let safety = plan.mode == Mode::Bounded;
        let checkers = Checkers::new(*subnet.as_bytes(), honest, rows.unwrap_or_default(), safety);
        let now = GENESIS - 2_000;
        let mut world = Self {
            net: Net::new(plan.weather),
            brain: Brain::default(),
            client: Client::new(plan.validators.len()),
            trace: Trace::new(now, with_lines),
            counts: Counts::default(),
            troubled: true,
            beyond: false,
            proved: BTreeSet::new(),
            queue: BinaryHeap::new(),
            order: 0,
            by_hotkey: BTreeMap::new(),
            plan,
            manifest,
            subnet,
            now,
            random,
            nodes: Vec::new(),
            checkers,
        };
        world.brain.half = genesis::half(&world.plan, &nodes);
        for node in nodes {
            world.add(node);
        }
        world.begin_trouble();
        world
    }

    /// Adds a machine, whose process starts now.
    pub(crate) fn add(&mut self, mut node: Node) -> usize {
        let at = self.nodes.len();
        if let Err(error) = node.init(&self.subnet) {
            self.checkers.report("start", format!("node {at} was not initialised: {error}"));
        }
        self.by_hotkey.entry(node.hotkey).or_insert(at);
        self.nodes.push(node);
        self.push(0, Event::Start(at));
        at
    }

    /// Violations found so far.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.checkers.found()
    }

    pub(crate) fn push(&mut self, after: u64, event: Event) {
        self.order += 1;
        self.queue.push(Queued { at: self.now + after, order: self.order, event });
    }

    pub(crate) fn line(&mut self, node: usize, text: impl FnOnce() -> String) {
        self.trace.line(self.now, node, text);
    }

    pub(crate) fn is_running(&self, at: usize) -> bool {
        self.nodes.get(at).is_some_and(|node| node.runner.is_some() || node.joining.is_some())
    }

    /// Runs until the next event lies behind `end`, or a violation is found.
    pub(crate) fn run_until(&mut self, end: u64, mut done: impl FnMut(&Self) -> bool) -> bool {
        while self.checkers.found().is_empty() {
            if done(self) {
                return true;
            }
            if !self.advance(end) {
                self.now = end;
                return done(self);
            }
        }
        false
    }

    /// The next event or timer, whichever is first.
    fn advance(&mut self, end: u64) -> bool {
        let event = self.queue.peek().map_or(u64::MAX, |queued| queued.at);
        let timers = self.nodes.iter().enumerate();
        let timers = timers.filter_map(|(at, node)| Some((node.due?, at)));
        let (timer, at) = timers.min().unwrap_or((u64::MAX, 0));
        let next = event.min(timer);
        if next > end {
            return false;
        }
        self.now = self.now.max(next);
        if event <= timer {
            if let Some(queued) = self.queue.pop() {
                self.deliver(queued.event);
            }
        } else {
            self.fire(at);
        }
        true
    }

    fn fire(&mut self, at: usize) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(at) else { return };
        let clock = node.now(now);
        if let Some(joining) = node.joining.as_mut() {
            let result = joining.go_on(clock);
            self.trace.note(now, at, "timer", &[]);
            return self.after_joining(at, result);
        }
        let Some(runner) = node.runner.as_mut() else {
            node.due = None;
            return;
        };
        let result = runner.fire(clock);
        self.trace.note(now, at, "timer", &[]);
        self.after(at, result);
    }

    fn deliver(&mut self, event: Event) {
        let to = match &event {
            Event::Input { to, .. }
            | Event::Gossip { to, .. }
            | Event::Ask { to, .. }
            | Event::Answer { to, .. } => *to,
            Event::Start(at) => return self.start(*at),
            Event::Chaos => return self.chaos(),
        };
        let paused = self.nodes.get(to).map_or(0, |node| node.paused);
        if paused > self.now {
            return self.push(paused - self.now, event);
        }
        match event {
            Event::Input { to, life, input } => {
                if self.nodes.get(to).is_some_and(|node| node.life == life) {
                    self.give(to, *input);
                }
            }
            Event::Gossip { to, from, channel, bytes } => self.gossip(to, from, channel, &bytes),
            Event::Ask { from, life, to, id, request } => {
                if !self.is_running(to) {
                    let response = None;
                    let answer = Event::Answer { from: to, to: from, life, id, response };
                    return self.push(BROKEN_MS, answer);
                }
                let hotkey = self.hotkey(from);
                let Some(node) = self.nodes.get_mut(to) else { return };
                node.next_token += 1;
                let token = ganglion_subnet::AnswerToken(node.next_token);
                node.asked.insert(token, (from, life, id));
                self.give(to, Input::Request { from: hotkey, token, request: *request });
            }
            Event::Answer { from, to, life, id, response } => {
                let hotkey = self.hotkey(from);
                let Some(node) = self.nodes.get_mut(to) else { return };
                if node.life == life && node.pending.remove(&id) {
                    let response = response.map(|response| *response);
                    self.give(to, Input::Response { id, from: hotkey, response });
                }
            }
            Event::Start(_) | Event::Chaos => {}
        }
    }

    fn hotkey(&self, at: usize) -> Hotkey {
        self.nodes.get(at).map_or(Hotkey::new([0; 32]), |node| node.hotkey)
    }

    fn gossip(&mut self, to: usize, from: usize, channel: Channel, bytes: &[u8]) {
        let hotkey = self.hotkey(from);
        self.order += 1;
        let token = GossipToken(((from as u64) << 48) | self.order);
        let Some(node) = self.nodes.get_mut(to) else { return };
        if let Some(liar) = &mut node.liar {
            liar.hears(channel, bytes, &mut self.random);
            for (mask, channel, bytes) in liar.unlocked(channel, bytes) {
                self.trace.note(self.now, to, "publish", &bytes);
                self.checkers.said(&bytes, false);
                self.line(to, || crate::show::message(&bytes));
                self.spread(to, mask, channel, bytes.into());
            }
        }
        let Some(node) = self.nodes.get_mut(to) else { return };
        let Some(runner) = node.runner.as_mut() else { return };
        runner.host_mut().arrives(token, bytes);
        self.give(to, Input::Gossip { from: hotkey, token, channel, bytes: bytes.to_vec() });
    }

    /// Gives a running process an input, and does what follows from it.
    pub(crate) fn give(&mut self, at: usize, input: Input) {
        self.trace.note(self.now, at, "input", &[]);
        let Some(node) = self.nodes.get_mut(at) else { return };
        let now = node.now(self.now);
        if let Some(joining) = node.joining.as_mut() {
            let result = joining.give(now, input);
            return self.after_joining(at, result);
        }
        let Some(runner) = node.runner.as_mut() else { return };
        let result = runner.handle(now, input);
        self.after(at, result);
    }

    fn after(&mut self, at: usize, result: Result<(), Stopped<StoreError>>) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(at) else { return };
        let honest = node.is_honest();
        let Some(runner) = node.runner.as_mut() else { return };
        let notes = std::mem::take(&mut runner.host_mut().notes);
        node.set_due(now);
        self.tell(at, honest, notes);
        self.checkers.settle();
        match result {
            Ok(()) => {}
            Err(Stopped::Store(error)) => self.store_failed(at, &error),
            Err(Stopped::Halted(halt)) => self.halted(at, &halt.to_string()),
        }
    }

    pub(crate) fn tell(&mut self, at: usize, honest: bool, notes: Vec<Note>) {
        for note in notes {
            match note {
                Note::Out(out) => self.carry(at, out),
                note => self.noted(at, honest, &note),
            }
        }
    }

    fn noted(&mut self, at: usize, honest: bool, note: &Note) {
        match note {
            Note::Committed(committed) => {
                self.trace.note(self.now, at, "commit", &committed.cut);
                self.counts.commits += 1;
            }
            Note::Forked(epoch) => {
                self.counts.forks += 1;
                self.proved.insert(*epoch);
                self.line(at, || format!("PROVED a fork of epoch {epoch}"));
            }
            Note::Refused(token, bytes) => {
                let from = usize::try_from(token >> 48).unwrap_or(0);
                let innocent = self.nodes.get(from).is_some_and(Node::is_honest);
                if honest && innocent {
                    let what = crate::checkers::wire::short(bytes);
                    let facts = format!("node {at} refuses {what}… of honest node {from}");
                    self.checkers.report("blame", facts);
                }
            }
            Note::Signing(active, reason) => {
                if let Some(node) = self.nodes.get_mut(at) {
                    node.signing = *active;
                }
                self.line(at, || format!("signing: {active}, {reason}"));
            }
            Note::Line(text) => self.line(at, || text.clone()),
            Note::Logged(_)
            | Note::Attempted(_)
            | Note::Early(_)
            | Note::Blamed(..)
            | Note::Out(_) => {}
        }
        if honest {
            self.checkers.note(at, note);
            if matches!(note, Note::Committed(_)) {
                self.look_at_stake();
            }
        }
    }

    /// Sends what a process gave out, or what a liar makes of it.
    fn carry(&mut self, at: usize, out: Out) {
        match out {
            Out::Publish(channel, bytes) => self.publish(at, channel, bytes),
            Out::Ask(id, peer, request) => self.ask(at, id, peer, request),
            Out::Answer(token, response) => {
                let Some(node) = self.nodes.get_mut(at) else { return };
                let Some((to, life, id)) = node.asked.remove(&token) else { return };
                let honest = node.is_honest();
                let response = match &node.liar {
                    Some(liar) => liar.answer(response, &mut self.random),
                    None => Some(response),
                };
                let Some(response) = response else {
                    let expired = Event::Answer { from: at, to, life, id, response: None };
                    return self.push(EXPIRES_MS, expired);
                };
                self.watch_response(&response, honest);
                let Some(after) = self.net.fate(at, to, self.now, &mut self.random)[0] else {
                    self.counts.lost += 1;
                    let broken = Event::Answer { from: at, to, life, id, response: None };
                    return self.push(BROKEN_MS, broken);
                };
                let response = Some(Box::new(response));
                self.push(after, Event::Answer { from: at, to, life, id, response });
            }
            Out::Work(job) => self.work(at, job),
        }
    }

    fn publish(&mut self, at: usize, channel: Channel, bytes: Vec<u8>) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let sends = match (&mut node.liar, &node.runner) {
            (Some(liar), Some(runner)) => {
                let state = runner.participant().state();
                liar.publish(&mut self.brain, state, (channel, bytes), &mut self.random)
            }
            _ => vec![(u64::MAX, channel, bytes)],
        };
        let honest = node.is_honest();
        for (mask, channel, bytes) in sends {
            self.trace.note(self.now, at, "publish", &bytes);
            if channel == Channel::Agreement {
                self.checkers.said(&bytes, honest);
                self.line(at, || crate::show::message(&bytes));
            } else if honest {
                self.checkers.item(&bytes);
            }
            self.spread(at, mask, channel, bytes.into());
        }
    }

    fn spread(&mut self, at: usize, mask: u64, channel: Channel, bytes: Arc<[u8]>) {
        for to in (0..self.nodes.len()).filter(|to| *to != at && mask >> (to % 64) & 1 == 1) {
            if !self.is_running(to) {
                continue;
            }
            let fate = self.net.fate(at, to, self.now, &mut self.random);
            match fate {
                [None, _] => self.counts.lost += 1,
                [_, Some(_)] => self.counts.replayed += 1,
                _ => {}
            }
            for after in fate.into_iter().flatten() {
                let bytes = Arc::clone(&bytes);
                self.push(after, Event::Gossip { to, from: at, channel, bytes });
            }
        }
    }

    /// Whom a process that ends owes an answer, sees its connection break.
    pub(crate) fn break_off(&mut self, at: usize) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        for (to, life, id) in std::mem::take(&mut node.asked).into_values() {
            let broken = Event::Answer { from: at, to, life, id, response: None };
            self.push(BROKEN_MS, broken);
        }
    }

    fn ask(&mut self, at: usize, id: AskId, peer: Hotkey, request: proto::Request) {
        let Some(to) = self.by_hotkey.get(&peer).copied() else { return };
        let Some(node) = self.nodes.get_mut(at) else { return };
        let life = node.life;
        node.pending.insert(id);
        let honest = node.is_honest();
        let request = match &node.liar {
            Some(liar) => liar.ask(request, &mut self.random),
            None => Some(request),
        };
        let failed = Event::Answer { from: to, to: at, life, id, response: None };
        let Some(request) = request else { return self.push(EXPIRES_MS, failed) };
        self.watch_request(&request, honest);
        match self.net.fate(at, to, self.now, &mut self.random)[0] {
            None => {
                self.counts.lost += 1;
                self.push(BROKEN_MS, failed);
            }
            Some(after) => {
                let request = Box::new(request);
                self.push(after, Event::Ask { from: at, life, to, id, request });
                self.push(EXPIRES_MS, failed);
            }
        }
    }

    /// Shows checkers what travels in a request.
    fn watch_request(&mut self, request: &proto::Request, honest: bool) {
        use proto::request::Request;
        match &request.request {
            Some(Request::Push(push)) => self.watch(&push.messages, honest),
            Some(Request::Trade(trade)) => self.watch(&trade.messages, honest),
            _ => {}
        }
    }

    fn watch_response(&mut self, response: &proto::Response, honest: bool) {
        use proto::response::Response;
        match &response.response {
            Some(Response::Trade(trade)) => self.watch(&trade.messages, honest),
            Some(Response::Items(items)) => {
                items.items.iter().for_each(|item| self.checkers.held_item(item));
            }
            Some(Response::ListBodies(bodies)) => {
                bodies.bodies.iter().for_each(|body| self.checkers.body(body));
            }
            _ => {}
        }
    }

    fn watch(&mut self, messages: &[proto::AgreementMessage], honest: bool) {
        for message in messages.iter().filter_map(|message| message.message.as_ref()) {
            self.checkers.message(message, honest);
        }
    }

    /// Honest nodes that may be asked for progress.
    pub(crate) fn honest(&self) -> impl Iterator<Item = (usize, &Node)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(_, node)| node.is_honest() && !node.retired)
    }

    /// The epoch after the last one that anybody stored.
    pub(crate) fn closing(&self) -> Epoch {
        Epoch::new(self.checkers.last() + 1)
    }

    /// Ends all trouble but liars: every machine is up, and an epoch length later the network is fair.
    pub(crate) fn calm(&mut self) {
        self.troubled = false;
        for at in 0..self.nodes.len() {
            let node = &mut self.nodes[at];
            node.paused = 0;
            node.clock.mend();
            node.set_due(self.now);
            self.push(0, Event::Start(at));
        }
        let until = self.now + EPOCH_MS;
        self.run_until(until, |_| false);
        self.net.mend();
        debug_assert_eq!(Weather::FAIR.loss, 0);
        self.line(99, || "the network is mended".into());
    }

    /// Whether dishonest and mute stake has reached a third of the committee that closes now: then
    /// nothing is claimed. Operations may do that, or a disk that lost what was signed.
    pub(crate) const fn is_beyond(&self) -> bool {
        self.beyond
    }

    pub(crate) fn look_at_stake(&mut self) {
        let shares = self.checkers.dishonest_stake(self.closing().get());
        let third = shares.is_some_and(|(dishonest, total)| dishonest * 3 >= total);
        self.beyond |= third && self.plan.mode == Mode::Bounded;
    }

    /// Whether every honest node has an epoch later than this one; of nodes that join by a snapshot, those that had
    /// joined before `since`.
    pub(crate) fn all_beyond(&self, base: u64, since: u64) -> bool {
        let mut asked =
            self.honest().filter(|(_, node)| node.joining.is_none() && node.joined <= since);
        asked.all(|(_, node)| node.epoch().is_some_and(|epoch| epoch > base))
    }

    /// Where every node stands, for people.
    pub(crate) fn stand(&self) -> String {
        let each = self.nodes.iter().enumerate().map(|(at, node)| {
            let signs = if node.signing { "" } else { " silent" };
            let honest = if node.is_honest() { "" } else { " dishonest" };
            let down = if node.joining.is_some() { "joining" } else { "down" };
            let epoch = node.epoch().map_or(down.into(), |epoch| epoch.to_string());
            format!("n{at} {epoch}{signs}{honest}")
        });
        each.collect::<Vec<_>>().join(", ")
    }
}
