//! Carries out effects, in order, over one host.
//!
//! ```text
//! input ──► Participant::step ──► effect, effect, … ──► Host
//!   ▲                                  │
//!   └────────── timers ◄───────────────┘
//! ```
//! The host is the world: the node's real one, or a simulator's. If a durable effect fails, nothing
//! that follows it is carried out, and the runner takes no further input: what was not recorded must
//! not be said.

use std::collections::BTreeMap;

use ganglion_consensus::agreement::Watermark;
use ganglion_types::{Epoch, Fork, Hotkey, ItemId, proto};

use crate::effect::{Commit, Effect, Halt, Report, Timer, Verdict};
use crate::input::{AnswerToken, AskId, Channel, GossipToken, Input, Job, Ticket};
use crate::intake::Rejection;
use crate::participant::Participant;
use crate::schedule::Now;

/// The world around one participant. Durable calls return once the bytes are on disk; the others
/// must not block and may lose what they are given.
pub trait Host {
    /// Why a durable call failed.
    type Error;

    /// A step begins; its effects follow.
    fn step_begins(&mut self) {}

    /// Appends to the agreement log of this height.
    ///
    /// # Errors
    /// The disk failed.
    fn log(&mut self, record: &[u8]) -> Result<(), Self::Error>;
    /// Makes the log, then the watermark, durable.
    ///
    /// # Errors
    /// The disk failed.
    fn sync(&mut self, watermark: &Watermark) -> Result<(), Self::Error>;
    /// Begins the agreement log of a height; earlier ones may go.
    ///
    /// # Errors
    /// The disk failed.
    fn reset_log(&mut self, epoch: Epoch) -> Result<(), Self::Error>;
    /// Makes durable that item numbers below `end` may have been used.
    ///
    /// # Errors
    /// The disk failed.
    fn reserve_seq(&mut self, end: u64) -> Result<(), Self::Error>;
    /// Stores a decided epoch.
    ///
    /// # Errors
    /// The disk failed.
    fn commit(&mut self, commit: &Commit) -> Result<(), Self::Error>;
    /// Keeps a value of this node's own.
    ///
    /// # Errors
    /// The disk failed.
    fn save_local(&mut self, key: &'static str, value: &[u8]) -> Result<(), Self::Error>;

    /// Keeps the proof of two certified cuts of one epoch.
    ///
    /// # Errors
    /// The disk failed.
    fn keep_fork(&mut self, fork: &Fork) -> Result<(), Self::Error>;

    /// Gossips.
    fn publish(&mut self, channel: Channel, bytes: Vec<u8>);
    /// Gossips on what another signed.
    fn forward(&mut self, channel: Channel, bytes: Vec<u8>);
    /// Judges a gossip message.
    fn verdict(&mut self, token: GossipToken, verdict: Verdict);
    /// Sends a request; its answer or failure comes back as [`Input::Response`].
    fn ask(&mut self, id: AskId, peer: Hotkey, request: proto::Request);
    /// Answers a request.
    fn answer(&mut self, token: AnswerToken, response: proto::Response);
    /// Answers a request for items or epochs from the store.
    fn answer_from_store(&mut self, token: AnswerToken, request: proto::Request);
    /// A peer is to blame for junk.
    fn penalize(&mut self, peer: Hotkey, rejection: Rejection);
    /// Gives the worker something to do.
    fn work(&mut self, job: Job);
    /// What became of a submitted operation.
    fn submitted(&mut self, ticket: Ticket, result: Result<ItemId, String>);
    /// Shows something to people and metrics.
    fn report(&mut self, now: Now, report: Report);
}

/// Why a runner stopped.
#[derive(Debug, thiserror::Error)]
pub enum Stopped<E> {
    /// A durable effect failed: this process signs nothing any more.
    #[error("the store failed, and nothing more is signed")]
    Store(#[source] E),
    /// The participant must not go on.
    #[error(transparent)]
    Halted(#[from] Halt),
}

/// A participant with its timers and its world.
#[derive(Debug)]
pub struct Runner<H> {
    participant: Participant,
    timers: BTreeMap<Timer, u64>,
    host: H,
    stopped: bool,
}

impl<H: Host> Runner<H> {
    /// Puts a participant into a world.
    pub const fn new(participant: Participant, host: H) -> Self {
        Self { participant, timers: BTreeMap::new(), host, stopped: false }
    }

    /// Takes one input and carries out all that follows from it.
    ///
    /// # Errors
    /// The first durable effect that failed, or the reason to halt; later inputs do nothing.
    pub fn handle(&mut self, now: Now, input: Input) -> Result<(), Stopped<H::Error>> {
        if self.stopped {
            return Ok(());
        }
        self.host.step_begins();
        for effect in self.participant.step(now, input) {
            if let Err(stopped) = self.carry_out(now, effect) {
                self.stopped = true;
                return Err(stopped);
            }
        }
        Ok(())
    }

    /// Fires the timers that are due.
    ///
    /// # Errors
    /// As [`Runner::handle`].
    pub fn fire(&mut self, now: Now) -> Result<(), Stopped<H::Error>> {
        // Those set while firing wait for the next call, so that this one ends.
        let due: Vec<Timer> =
            self.timers.iter().filter(|(_, at)| **at <= now.mono).map(|(t, _)| *t).collect();
        for timer in due {
            if self.timers.get(&timer).is_some_and(|at| *at <= now.mono) {
                self.timers.remove(&timer);
                self.handle(now, Input::Timer(timer))?;
            }
        }
        Ok(())
    }

    /// When the next timer is due, on the monotonic clock.
    #[must_use]
    pub fn next_timer(&self) -> Option<u64> {
        self.timers.values().min().copied()
    }

    /// The participant.
    pub const fn participant(&self) -> &Participant {
        &self.participant
    }

    /// The world.
    pub const fn host(&self) -> &H {
        &self.host
    }

    /// The world, once nothing more happens in it.
    pub fn into_host(self) -> H {
        self.host
    }

    /// The world, to change it.
    pub const fn host_mut(&mut self) -> &mut H {
        &mut self.host
    }

    fn carry_out(&mut self, now: Now, effect: Effect) -> Result<(), Stopped<H::Error>> {
        let host = &mut self.host;
        match effect {
            Effect::Log(record) => host.log(&record).map_err(Stopped::Store)?,
            Effect::Sync(watermark) => host.sync(&watermark).map_err(Stopped::Store)?,
            Effect::ResetLog(epoch) => host.reset_log(epoch).map_err(Stopped::Store)?,
            Effect::ReserveSeq(end) => host.reserve_seq(end).map_err(Stopped::Store)?,
            Effect::Commit(commit) => host.commit(&commit).map_err(Stopped::Store)?,
            Effect::SaveLocal { key, value } => {
                host.save_local(key, &value).map_err(Stopped::Store)?;
            }
            Effect::Publish(channel, bytes) => host.publish(channel, bytes),
            Effect::Forward(channel, bytes) => host.forward(channel, bytes),
            Effect::Verdict(token, verdict) => host.verdict(token, verdict),
            Effect::Ask(id, peer, request) => host.ask(id, peer, request),
            Effect::Answer(token, response) => host.answer(token, response),
            Effect::AnswerFromStore(token, request) => host.answer_from_store(token, request),
            Effect::Penalize(peer, rejection) => host.penalize(peer, rejection),
            Effect::Work(job) => host.work(job),
            Effect::Submitted(ticket, result) => host.submitted(ticket, result),
            Effect::Report(report) => host.report(now, report),
            Effect::SetTimer(timer, at) => {
                self.timers.insert(timer, at);
            }
            Effect::CancelTimer(timer) => {
                self.timers.remove(&timer);
            }
            Effect::CancelEngineTimers => {
                self.timers.retain(|timer, _| !matches!(timer, Timer::Engine(_)));
            }
            Effect::CancelAllTimers => self.timers.clear(),
            Effect::KeepFork(fork) => host.keep_fork(&fork).map_err(Stopped::Store)?,
            Effect::Halt(halt) => return Err(Stopped::Halted(halt)),
        }
        Ok(())
    }
}
