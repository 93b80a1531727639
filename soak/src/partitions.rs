//! Networks that are cut between real nodes, and mended.

use std::time::{Duration, Instant};

use ganglion::api::types::Status;
use ganglion::testnet::spec::Role;

use crate::Options;
use crate::cluster::{Cluster, LOOK, Size, note, pause};
use crate::figures::{millis, spread};
use crate::history::History;
use crate::namespaces::{self, Own};
use crate::report::Report;

/// How the validators are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// Two against two: nobody has more than 2/3.
    Halves,
    /// One against three.
    One,
    /// What one says reaches nobody; it hears everything that needs no answer.
    Unheard,
    /// One is cut off and back every half second.
    Flapping,
}

impl Cut {
    const EACH: [Self; 4] = [Self::Halves, Self::One, Self::Unheard, Self::Flapping];

    const fn name(self) -> &'static str {
        match self {
            Self::Halves => "2-2",
            Self::One => "3-1",
            Self::Unheard => "one-way",
            Self::Flapping => "flapping",
        }
    }

    /// Validators on the smaller side, by their place among the validators.
    fn minority(self, validators: &[usize], round: usize) -> Vec<usize> {
        let at = |offset: usize| validators[(round + offset) % validators.len()];
        match self {
            Self::Halves => vec![at(0), at(1)],
            Self::One | Self::Unheard | Self::Flapping => vec![at(0)],
        }
    }

    /// Whether the others are enough to certify.
    const fn leaves_a_quorum(self) -> bool {
        !matches!(self, Self::Halves)
    }
}

/// What each kind of cut showed.
#[derive(Debug, Default)]
struct Seen {
    rounds: usize,
    /// Epochs that the majority certified while it was cut.
    epochs: u64,
    /// From mending to the next new epoch on the node that was last, in milliseconds.
    healed: Vec<u64>,
}

/// Cuts `--count` times, each kind in turn, for three epochs each.
pub(crate) fn run(options: &Options) -> anyhow::Result<Report> {
    namespaces::enter(Own::Network)?;
    let rounds = options.rounds(4, 48);
    let mut report = Report::new("Partitions between real nodes");
    let mut cluster = Cluster::in_namespaces(options, "partitions", Size::SMALL)?;
    cluster.begin()?;
    let mut history = History::default();
    let mut seen: [Seen; 4] = Default::default();
    for round in 0..rounds {
        let cut = Cut::EACH[round % Cut::EACH.len()];
        one(
            &mut cluster,
            &mut history,
            &mut report,
            cut,
            round,
            &mut seen[round % Cut::EACH.len()],
        )?;
        note(&format!("cut {} of {rounds}: {}", round + 1, cut.name()));
    }
    history.look(&cluster);
    history.audit_all(&cluster);
    for (cut, seen) in Cut::EACH.iter().zip(&seen).filter(|(_, seen)| seen.rounds > 0) {
        let Seen { rounds, epochs, healed } = seen;
        let name = cut.name();
        report.figure(
            &format!("{name}: cuts, epochs certified meanwhile"),
            format!("{rounds}, {epochs}"),
        );
        report.figure(&format!("{name}: healed to the next epoch on every node"), spread(healed));
    }
    report.figure("epochs certified", history.newest());
    Ok(report.end(Some(history), &mut cluster))
}

fn one(
    cluster: &mut Cluster,
    history: &mut History,
    report: &mut Report,
    cut: Cut,
    round: usize,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let validators = cluster.all(Role::Validator);
    let minority = cut.minority(&validators, round);
    let majority: Vec<usize> =
        (0..cluster.nodes.len()).filter(|at| !minority.contains(at)).collect();
    history.look(cluster);
    let base = history.newest();
    let until = Instant::now() + Duration::from_millis(3 * cluster.epoch_ms);
    divide(cut, &minority, &majority)?;
    while Instant::now() < until {
        if cut == Cut::Flapping {
            pause(Duration::from_millis(500));
            mend_all(cluster)?;
            pause(Duration::from_millis(500));
            divide(cut, &minority, &majority)?;
        } else {
            pause(LOOK * 10);
        }
    }
    // What was decided just before the cut may still be on its way into the store.
    let last =
        |nodes: &[usize]| nodes.iter().filter_map(|at| epoch(cluster, *at)).max().unwrap_or(0);
    let (few, many) = (last(&minority), last(&majority));
    let halved = cut == Cut::Halves && many.max(few) > base + 1;
    report.demand(!halved, || {
        format!("round {round}: with 2-2 epoch {} was certified, {base} before", many.max(few))
    });
    if cut == Cut::One {
        report.demand(few <= base + 1, || {
            format!("round {round}: one of four certified epoch {few}, {base} before")
        });
    }
    report.demand(!cut.leaves_a_quorum() || many > base, || {
        format!("round {round}, {}: three of four certified nothing after epoch {base}", cut.name())
    });
    seen.rounds += 1;
    seen.epochs += many.saturating_sub(base);
    let healed = Instant::now();
    mend_all(cluster)?;
    let goal = many.max(few) + 1;
    for at in 0..cluster.nodes.len() {
        let limit = Duration::from_millis(cluster.epoch_ms * 20);
        cluster.wait(at, limit, &format!("epoch {goal} after the cut"), |client| {
            client.get::<Status>("/v1/status").is_ok_and(|status| status.epoch >= goal)
        })?;
    }
    seen.healed.push(millis(healed.elapsed()));
    Ok(())
}

fn epoch(cluster: &Cluster, at: usize) -> Option<u64> {
    Some(cluster.client(at).ok()?.get::<Status>("/v1/status").ok()?.epoch)
}

fn divide(cut: Cut, minority: &[usize], majority: &[usize]) -> anyhow::Result<()> {
    for few in minority {
        for many in majority {
            namespaces::cut(*few, *many)?;
            if cut != Cut::Unheard {
                namespaces::cut(*many, *few)?;
            }
        }
    }
    Ok(())
}

fn mend_all(cluster: &Cluster) -> anyhow::Result<()> {
    (0..cluster.nodes.len()).try_for_each(namespaces::mend)
}
