//! Whole subnets from one seed: the production code of consensus, subnet, persistence and storage over a
//! clock, a network and disks that exist in memory only and fail as they are told to.
//!
//! ```text
//! seed ─► Plan ─► World ─► Outcome: trace hash, violations, figures
//! ```
//! One generator decides everything, so one seed is one run, on every machine and in every build. What
//! must hold is checked by [`checkers`], which share no code with what they check. `docs/SIMULATION.md`
//! has the fault model and how to replay a seed.

mod amnesia;
mod byzantine;
mod chaos;
pub mod checkers;
mod client;
mod clock;
mod genesis;
mod host;
mod joining;
mod net;
mod node;
pub mod plan;
#[cfg(feature = "planted-bugs")]
pub mod planted;
mod random;
pub mod report;
mod show;
mod spoil;
mod trace;
mod workers;
pub mod world;

use crate::checkers::Violation;
use crate::plan::{EPOCH_MS, Mode, Plan};
use crate::report::Counts;
use crate::world::World;

/// What came of a world.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Hash of everything that happened.
    pub hash: [u8; 32],
    /// What must not be, first one first.
    pub violations: Vec<Violation>,
    /// Epochs certified.
    pub epochs: u64,
    /// Whether progress was demanded once the faults had stopped.
    pub demanded: bool,
    /// Whether it came in time.
    pub progressed: bool,
    /// Whether dishonest and mute stake reached a third: then nothing is claimed.
    pub beyond: bool,
    /// The first fork.
    pub fork: Option<Fork>,
    /// Items that had to be in a cut.
    pub mandatory: u64,
    /// Faults and figures.
    pub counts: Counts,
    /// Milliseconds of virtual time.
    pub time: u64,
    /// What happened, for people, if it was asked for.
    pub lines: Vec<String>,
}

/// Two certified cuts of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The epoch.
    pub epoch: u64,
    /// Whether a node keeps both certificates.
    pub proved: bool,
    /// Stake of those who signed two things of one slot of that epoch.
    pub named: u64,
    /// Stake of all.
    pub total: u64,
}

/// Longest time with faults, in epoch lengths.
const TROUBLED: u64 = 45;
/// The same above the fault bound: an attack that has not forked the subnet by then will not.
const ATTACKED: u64 = 15;
/// Epochs that are left for the time without faults.
const CALM: u64 = 5;
/// Epoch lengths within which progress is demanded once all is well.
const WITHIN: u64 = 2;
/// The same for joining by a snapshot: each dishonest peer may be silent for a while before the next is asked.
const JOIN_WITHIN: u64 = 10;

/// Runs a plan to its end.
#[must_use]
pub fn run(plan: Plan, with_lines: bool) -> Outcome {
    let mut world = World::new(plan, with_lines);
    let goal = world.plan.epochs;
    let began = world.now;
    let troubled = if world.plan.mode == Mode::Bounded { TROUBLED } else { ATTACKED };
    let limit = world.now + troubled * EPOCH_MS;
    let enough = |world: &World| {
        let forked = world.checkers.forked().is_some();
        world.checkers.last() + CALM >= goal || forked || world.is_beyond()
    };
    world.run_until(limit, enough);
    let claimed =
        world.plan.mode == Mode::Bounded && !world.is_beyond() && world.violations().is_empty();
    let progressed = if claimed { progress(&mut world, goal) } else { None };
    let fork = world.checkers.forked().map(|epoch| account(&mut world, epoch));
    Outcome { fork, ..finish(world, began, progressed) }
}

/// A fork: once the halves hear of each other, somebody must keep both certificates, and the wire must
/// name signers of more than 1/3 of stake.
fn account(world: &mut World, epoch: u64) -> Fork {
    world.calm();
    let until = world.now + 3 * EPOCH_MS;
    // Of that epoch, or of a later one if each side went on.
    let proved = world.run_until(until, |world| world.proved.range(epoch..).next().is_some());
    let (named, total) = world.checkers.named(epoch);
    let accounted = match world.plan.mode {
        Mode::Bounded => true,
        Mode::Equivocators => proved && checkers::is_third(named, total),
        // Whoever forgets a lock signs nothing twice: there is a proof of the fork, and none of who made it.
        Mode::Amnesia => proved && named == 0,
    };
    if !accounted {
        let facts = format!("fork of epoch {epoch}: proved {proved}, named {named} of {total}");
        world.checkers.report("accountability", facts);
    }
    Fork { epoch, proved, named, total }
}

/// Ends the faults and demands progress, again and again until there are epochs enough; whether it came. `None` if
/// operations that were on their way made a third of stake dishonest meanwhile: then nothing is claimed.
fn progress(world: &mut World, goal: u64) -> Option<bool> {
    world.calm();
    // The slowest clock runs a twentieth too slow.
    let within = WITHIN * EPOCH_MS * 21 / 20;
    let to_join = world.now + JOIN_WITHIN * EPOCH_MS;
    let mut base = world.checkers.last();
    loop {
        let since = world.now;
        let settled = |world: &World| world.all_beyond(base, since) || world.is_beyond();
        let came = world.run_until(since + within, settled);
        if !world.violations().is_empty() {
            return Some(false);
        }
        if world.is_beyond() {
            return None;
        }
        if !came {
            let facts = world.stand();
            world.checkers.report("liveness", format!("no epoch after {base} in time: {facts}"));
            return Some(false);
        }
        base = world.checkers.last();
        if base < goal {
            continue;
        }
        if world.all_joined() {
            return Some(true);
        }
        if world.now > to_join {
            let facts = world.stand();
            world.checkers.report("liveness", format!("a node did not join in time: {facts}"));
            return Some(false);
        }
    }
}

fn finish(world: World, began: u64, progressed: Option<bool>) -> Outcome {
    Outcome {
        hash: world.trace.hash(),
        violations: world.violations().to_vec(),
        epochs: world.checkers.last(),
        demanded: progressed.is_some(),
        progressed: progressed == Some(true),
        beyond: world.is_beyond(),
        fork: None,
        mandatory: world.checkers.mandatory(),
        time: world.now - began,
        counts: world.counts,
        lines: world.trace.into_lines(),
    }
}

/// Remembers signatures on this thread from now on; see [`ganglion_types::memo`].
pub fn remember() {
    ganglion_types::memo::begin();
}

/// Runs a seed twice; the first outcome, and whether both left one trace.
#[must_use]
pub fn run_twice(seed: u64, mode: Mode, epochs: u64) -> (Plan, Outcome, bool) {
    ganglion_types::memo::forget();
    let plan = Plan::draw(seed, mode, epochs);
    let first = run(plan.clone(), false);
    let second = run(plan.clone(), false);
    let same = first.hash == second.hash;
    (plan, first, same)
}
