//! Shows that the simulator finds bugs: known mistakes are made in the production code, one at a time, and worlds are
//! simulated until a checker objects. `docs/PLANTED.md` has what came of it.

mod catalogue;
mod table;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ganglion_types::planted;

pub use catalogue::{Origin, origin};
pub use ganglion_types::planted::{Bug, choose};
pub use table::{json, show};

use crate::checkers::Violation;
use crate::plan::{EPOCHS, Mode, Plan};
use crate::{remember, run};

/// What came of one bug.
#[derive(Clone, Debug)]
pub struct Hunt {
    /// The bug.
    pub bug: Bug,
    /// Seeds simulated in order, the one that found it included.
    pub seeds: u64,
    /// The seed that found it, and what the checker said.
    pub found: Option<(u64, Violation)>,
}

/// Which seeds are tried.
#[derive(Clone, Debug)]
pub struct Seeds {
    /// These, in order.
    pub range: Range<u64>,
    /// Before them the one that is known to find the bug.
    pub known_first: bool,
}

/// The bug of a name.
#[must_use]
pub fn named(name: &str) -> Option<Bug> {
    Bug::ALL.iter().copied().find(|bug| bug.name() == name)
}

/// Simulates worlds with a bug until one shows it, in as many threads as `jobs`. The first seed counts, whichever
/// thread is done first.
#[must_use]
pub fn hunt(bug: Bug, seeds: &Seeds, jobs: usize) -> Hunt {
    if seeds.known_first {
        let seed = origin(bug).seed;
        if let Some(violation) = on_a_thread(bug, seed) {
            return Hunt { bug, seeds: 1, found: Some((seed, violation)) };
        }
    }
    let next = AtomicU64::new(seeds.range.start);
    let first = AtomicU64::new(u64::MAX);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.range.end || seed > first.load(Ordering::Relaxed) {
                        return;
                    }
                    if let Some(violation) = simulate(bug, seed) {
                        first.fetch_min(seed, Ordering::Relaxed);
                        if let Ok(mut found) = found.lock() {
                            found.push((seed, violation));
                        }
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_default();
    found.sort_by_key(|(seed, _)| *seed);
    let found = found.into_iter().next();
    let end = found.as_ref().map_or(seeds.range.end, |(seed, _)| seed + 1);
    let tried = end - seeds.range.start + u64::from(seeds.known_first);
    Hunt { bug, seeds: tried, found }
}

fn on_a_thread(bug: Bug, seed: u64) -> Option<Violation> {
    let thread = std::thread::spawn(move || simulate(bug, seed));
    thread.join().ok().flatten()
}

/// One world with a bug. A process that panics has found it too.
fn simulate(bug: Bug, seed: u64) -> Option<Violation> {
    remember();
    ganglion_types::memo::forget();
    planted::choose(Some(bug));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        run(Plan::draw(seed, Mode::Bounded, EPOCHS), false).violations.into_iter().next()
    }));
    planted::choose(None);
    outcome
        .unwrap_or_else(|_| Some(Violation { checker: "panic", facts: "a node panicked".into() }))
}
