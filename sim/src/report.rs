//! Figures of a world, and of many.

use std::collections::BTreeMap;
use std::fmt;

use crate::plan::{Fault, Plan};

/// What happened in one world.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Faults injected, by kind; of the weather of the network, worlds that had it.
    pub faults: BTreeMap<&'static str, u64>,
    /// Messages lost.
    pub lost: u64,
    /// Messages that arrived twice.
    pub replayed: u64,
    /// Epochs stored, by all nodes together.
    pub commits: u64,
    /// Nodes that joined by a snapshot.
    pub joined: u64,
    /// Proofs of forks that nodes kept.
    pub forks: u64,
}

impl Counts {
    pub(crate) fn fault(&mut self, fault: Fault) {
        *self.faults.entry(fault.name()).or_default() += 1;
    }
}

/// Figures of many worlds.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Worlds.
    pub seeds: u64,
    /// Epochs certified.
    pub epochs: u64,
    /// Epochs stored by nodes.
    pub commits: u64,
    /// Nodes that joined by a snapshot.
    pub joined: u64,
    /// Worlds in which progress was demanded, and given.
    pub live: (u64, u64),
    /// Messages lost and replayed.
    pub messages: (u64, u64),
    /// Items that had to be in a cut, and were.
    pub mandatory: u64,
    /// Worlds in which dishonest stake reached a third by operations: nothing is claimed there.
    pub beyond: u64,
    /// Worlds with a fork, and those in which a third of stake was named for it.
    pub forks: (u64, u64),
    /// Injected, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Worlds by way in which somebody broke the rules.
    pub tricks: BTreeMap<&'static str, u64>,
    /// Worlds by number of kinds of trouble.
    pub troubles: BTreeMap<usize, u64>,
    /// Worlds by validators.
    pub validators: BTreeMap<usize, u64>,
    /// Milliseconds of virtual time.
    pub time: u64,
}

impl Summary {
    /// Takes a world in.
    pub fn add(&mut self, plan: &Plan, outcome: &crate::Outcome) {
        self.seeds += 1;
        self.epochs += outcome.epochs;
        self.commits += outcome.counts.commits;
        self.joined += outcome.counts.joined;
        self.live.0 += u64::from(outcome.demanded);
        self.live.1 += u64::from(outcome.demanded && outcome.progressed);
        self.messages.0 += outcome.counts.lost;
        self.messages.1 += outcome.counts.replayed;
        self.mandatory += outcome.mandatory;
        self.beyond += u64::from(outcome.beyond);
        self.time += outcome.time;
        if let Some(fork) = outcome.fork {
            self.forks.0 += 1;
            self.forks.1 += u64::from(fork.proved && fork.named * 3 > fork.total);
        }
        for (fault, many) in &outcome.counts.faults {
            *self.faults.entry(fault).or_default() += many;
        }
        for trick in plan.tricks() {
            *self.tricks.entry(trick.name()).or_default() += 1;
        }
        *self.troubles.entry(plan.troubles()).or_default() += 1;
        *self.validators.entry(plan.validators.len()).or_default() += 1;
    }

    /// Joins two summaries.
    pub fn merge(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.epochs += other.epochs;
        self.commits += other.commits;
        self.joined += other.joined;
        self.live = (self.live.0 + other.live.0, self.live.1 + other.live.1);
        self.messages = (self.messages.0 + other.messages.0, self.messages.1 + other.messages.1);
        self.mandatory += other.mandatory;
        self.beyond += other.beyond;
        self.time += other.time;
        self.forks = (self.forks.0 + other.forks.0, self.forks.1 + other.forks.1);
        merge(&mut self.faults, &other.faults);
        merge(&mut self.tricks, &other.tricks);
        merge(&mut self.troubles, &other.troubles);
        merge(&mut self.validators, &other.validators);
    }
}

fn merge<K: Ord + Copy>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, many) in from {
        *into.entry(*key).or_default() += many;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.time / 3_600_000;
        let (seeds, epochs) = (self.seeds, self.epochs);
        writeln!(f, "{seeds} worlds, {epochs} epochs, {hours} hours of virtual time")?;
        writeln!(f, "epochs stored by nodes       {:>10}", self.commits)?;
        writeln!(f, "nodes joined by a snapshot   {:>10}", self.joined)?;
        writeln!(f, "items that had to be in      {:>10}", self.mandatory)?;
        writeln!(
            f,
            "messages lost, replayed      {:>10} {:>10}",
            self.messages.0, self.messages.1
        )?;
        writeln!(f, "progress demanded, given     {:>10} {:>10}", self.live.0, self.live.1)?;
        writeln!(f, "a third was reached in       {:>10}", self.beyond)?;
        writeln!(f, "forks, more than 1/3 named   {:>10} {:>10}", self.forks.0, self.forks.1)?;
        histogram(f, "faults injected, by kind", &self.faults)?;
        histogram(f, "worlds by dishonest behaviour", &self.tricks)?;
        histogram(f, "worlds by kinds of trouble", &self.troubles)?;
        histogram(f, "worlds by validators", &self.validators)
    }
}

fn histogram<K: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    bars: &BTreeMap<K, u64>,
) -> fmt::Result {
    writeln!(f, "{title}")?;
    let most = bars.values().max().copied().unwrap_or(1).max(1);
    for (name, many) in bars {
        let length = usize::try_from(many * 40 / most).unwrap_or(0);
        writeln!(f, "  {:<16} {many:>9} {}", name.to_string(), "#".repeat(length))?;
    }
    Ok(())
}
