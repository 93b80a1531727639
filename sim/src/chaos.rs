//! Trouble: faults of processes, disks, clocks and the network while a world has any, and restarts.

use ganglion_persist::RestartError;
use ganglion_storage::StoreError;
use ganglion_storage::faulty::{Crash, FaultyDisk};
use ganglion_subnet::Input;
use ganglion_types::Hotkey;

use crate::clock::Clock;
use crate::genesis::{self, hotkey};
use crate::node::{NoStart, Node};
use crate::plan::{EPOCH_MS, Fault, Mode, Trick};
use crate::world::{Event, World};

/// Trouble may come this often.
const TICK: u64 = EPOCH_MS / 4;

/// Kinds that come one at a time, when their moment is drawn.
const SUDDEN: [Fault; 9] = [
    Fault::Partition,
    Fault::OneWay,
    Fault::Kill,
    Fault::PowerLoss,
    Fault::TornWrite,
    Fault::DiskError,
    Fault::AllDown,
    Fault::Pause,
    Fault::Jump,
];

impl World {
    pub(crate) fn begin_trouble(&mut self) {
        self.push(TICK, Event::Chaos);
        for fault in [Fault::Loss, Fault::Replay, Fault::Delay, Fault::Reorder, Fault::Skew] {
            if self.plan.faults.contains(&fault) {
                self.counts.fault(fault);
            }
        }
    }

    pub(crate) fn chaos(&mut self) {
        if !self.troubled {
            return;
        }
        self.push(TICK, Event::Chaos);
        if self.plan.mode != Mode::Bounded {
            return self.split();
        }
        let sudden: Vec<Fault> =
            SUDDEN.into_iter().filter(|fault| self.plan.faults.contains(fault)).collect();
        if self.random.permille(self.plan.unrest)
            && let Some(fault) = self.random.pick(&sudden).copied()
        {
            self.counts.fault(fault);
            self.strike(fault);
        }
        if self.plan.faults.contains(&Fault::Operations) && self.random.permille(350) {
            self.operate();
        }
        if self.random.permille(100) {
            self.newcomer();
        }
    }

    /// Above the bound: the halves hear nothing of each other, so that each may be told something else.
    fn split(&mut self) {
        let honest = self.nodes.iter().enumerate().filter(|(_, node)| node.is_honest());
        let honest = honest.fold(0, |mask, (at, _)| mask | 1u64 << (at % 64));
        let (one, other) = (honest & self.brain.half, honest & !self.brain.half);
        self.net.between(one, other, self.now + TICK + 1);
    }

    fn victim(&mut self) -> usize {
        let many = self.nodes.len();
        self.random.index(many)
    }

    fn strike(&mut self, fault: Fault) {
        let at = self.victim();
        let operations = self.nodes[at].disk.operations();
        let soon = self.random.below(24);
        let until = self.now + self.random.between(EPOCH_MS / 10, 3 * EPOCH_MS);
        self.line(at, || format!("FAULT {}", fault.name()));
        match fault {
            Fault::Partition | Fault::OneWay => {
                let side = self.random.next() | 1 << at;
                self.net.part(side, fault == Fault::Partition, until);
            }
            Fault::Kill => self.kill(at, Crash::KeepAll),
            Fault::PowerLoss => {
                let crash = self.crash();
                self.kill(at, crash);
            }
            Fault::TornWrite => self.nodes[at].disk.cut_power_at(operations + soon),
            Fault::DiskError if soon.is_multiple_of(2) => self.nodes[at].disk.fail_write(soon / 4),
            Fault::DiskError => self.nodes[at].disk.fail_sync(soon / 4),
            Fault::AllDown => {
                for at in 0..self.nodes.len() {
                    let crash = self.crash();
                    self.kill(at, crash);
                }
            }
            Fault::Pause => {
                let node = &mut self.nodes[at];
                node.paused = until;
                node.set_due(self.now);
            }
            Fault::Jump => {
                let by = i64::try_from(self.random.between(1, 4 * EPOCH_MS)).unwrap_or(0);
                let by = if soon.is_multiple_of(2) { by } else { -by };
                self.nodes[at].clock.jump(by);
            }
            _ => {}
        }
    }

    pub(crate) fn crash(&mut self) -> Crash {
        match self.random.below(4) {
            0 => Crash::LoseAll,
            1 => Crash::TornAt(self.random.index(64)),
            _ => Crash::Seeded(self.random.next()),
        }
    }

    /// Ends a process, settles its disk, and has it start again.
    pub(crate) fn kill(&mut self, at: usize, crash: Crash) {
        if self.is_running(at) {
            self.end(at, crash);
        }
    }

    pub(crate) fn end(&mut self, at: usize, crash: Crash) {
        self.break_off(at);
        let hotkey = self.nodes[at].hotkey;
        let node = &mut self.nodes[at];
        node.end();
        node.disk.crash(crash);
        if node.does(Trick::Amnesia) {
            // It forgets, and says that it is new.
            node.disk = FaultyDisk::new();
            let _ = node.init(&self.subnet);
        }
        self.line(at, || format!("DOWN, {crash:?}"));
        self.tell_all(at, |_| Input::Disconnected(hotkey));
        let most = if self.troubled { 3 * EPOCH_MS } else { EPOCH_MS / 10 };
        let after = self.random.between(100, most);
        self.push(after, Event::Start(at));
    }

    pub(crate) fn tell_all(&mut self, about: usize, input: impl Fn(Hotkey) -> Input) {
        let hotkey = self.nodes[about].hotkey;
        for to in (0..self.nodes.len()).filter(|to| *to != about) {
            if self.is_running(to) {
                let (life, input) = (self.nodes[to].life, Box::new(input(hotkey)));
                self.push(1, Event::Input { to, life, input });
            }
        }
    }

    /// A write or sync failed: the process ends by itself.
    pub(crate) fn store_failed(&mut self, at: usize, error: &StoreError) {
        self.line(at, || format!("store failed: {error}"));
        let crash = self.crash();
        self.kill(at, crash);
    }

    /// A participant said that going on would be wrong.
    pub(crate) fn halted(&mut self, at: usize, why: &str) {
        self.break_off(at);
        let node = &mut self.nodes[at];
        let honest = node.is_honest();
        node.end();
        node.retired = true;
        self.line(at, || format!("HALTED: {why}"));
        if honest && self.checkers.safety {
            self.checkers.report("halt", format!("honest node {at} halted: {why}"));
        }
        let hotkey = self.nodes[at].hotkey;
        self.tell_all(at, |_| Input::Disconnected(hotkey));
    }

    /// Starts a process, unless it runs.
    pub(crate) fn start(&mut self, at: usize) {
        if self.is_running(at) || self.nodes[at].retired {
            return;
        }
        let clock = self.draw_clock();
        let every = self.plan.snapshot_every;
        let node = &mut self.nodes[at];
        node.clock = clock;
        node.paused = 0;
        match node.start(&self.manifest, every) {
            Ok(()) => {}
            Err(error) => return self.not_started(at, &error),
        }
        let life = node.life;
        if node.joining.is_some() {
            self.line(at, || format!("UP, process {life}, joins by a snapshot"));
            self.give(at, Input::Started);
        } else {
            self.goes_on(at);
        }
        let hotkey = self.nodes[at].hotkey;
        self.tell_all(at, |_| Input::Connected(hotkey));
        for other in (0..self.nodes.len()).filter(|other| *other != at) {
            if self.is_running(other) && self.is_running(at) {
                let input = Box::new(Input::Connected(self.nodes[other].hotkey));
                self.push(50, Event::Input { to: at, life, input });
            }
        }
    }

    /// A participant begins where its node stands.
    pub(crate) fn goes_on(&mut self, at: usize) {
        let node = &self.nodes[at];
        let (epoch, head) = node.head().unwrap_or_default();
        let (honest, life) = (node.is_honest(), node.life);
        if honest && self.checkers.restarted(at, epoch.get(), *head.as_bytes()) {
            self.look_at_stake();
        }
        self.line(at, || format!("UP, process {life}, at epoch {epoch}"));
        self.trace.note(self.now, at, "start", head.as_bytes());
        self.give(at, Input::Started);
    }

    /// The disk failed while it was read, or what it holds cannot be gone on from.
    pub(crate) fn not_started(&mut self, at: usize, error: &NoStart) {
        self.line(at, || format!("did not start: {error:?}"));
        let node = &mut self.nodes[at];
        let honest = node.is_honest();
        let dead = match error {
            NoStart::Open(ganglion_storage::OpenError::Io { .. }) => false,
            NoStart::Restart(RestartError::Store(error)) => {
                matches!(error, StoreError::Damaged { .. })
            }
            _ => true,
        };
        let crash = self.crash();
        self.nodes[at].disk.crash(crash);
        if dead {
            self.nodes[at].retired = true;
            if honest {
                let facts = format!("honest node {at} cannot start: {error:?}");
                self.checkers.report("start", facts);
            }
            return;
        }
        let after = self.random.between(100, EPOCH_MS);
        self.push(after, Event::Start(at));
    }

    fn draw_clock(&mut self) -> Clock {
        let origin = self.random.below(1 << 40);
        let (mut rate, mut ahead) = (1_000, 0);
        if self.plan.faults.contains(&Fault::Skew) {
            rate = self.random.between(950, 1_050);
            ahead = i64::try_from(self.random.below(10_000)).unwrap_or(0) - 5_000;
        }
        Clock::new(self.now, origin, rate, ahead)
    }

    /// A machine that was not there at genesis.
    fn newcomer(&mut self) {
        let wanted = [Fault::LateJoiner, Fault::Snapshot];
        let wanted: Vec<Fault> =
            wanted.into_iter().filter(|fault| self.plan.faults.contains(fault)).collect();
        let Some(fault) = self.random.pick(&wanted).copied() else { return };
        if self.client.newcomers.len() >= genesis::NEWCOMERS {
            return;
        }
        let first = self.plan.validators.len() + self.plan.miners;
        let position = first + self.client.newcomers.len();
        let mut node = Node::new(hotkey(position), Vec::new());
        if fault == Fault::Snapshot {
            node.joins_from = Some(self.trusted_cut());
        }
        let key = *node.hotkey.as_bytes();
        let at = self.add(node);
        self.checkers.honest_key(key);
        self.client.newcomers.push(position);
        self.counts.fault(fault);
        self.line(at, || format!("NEW, {}", fault.name()));
    }
}
