//! Wall clocks that jump and drift, by libfaketime; the monotonic clock stays true, as on real machines.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::bail;
use ganglion::api::types::Status;
use ganglion::testnet::spec::Role;

use crate::Options;
use crate::cluster::{Cluster, LOOK, Size, note, pause};
use crate::figures::{millis, spread};
use crate::history::History;
use crate::report::Report;

/// Where Debian and others put the library.
const LIBRARY: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
];

/// What happens to clocks: the words of libfaketime, and whether to all nodes or to one validator. The first
/// [`QUICK`] are the quick set.
const CASES: [(&str, &str, bool); 11] = [
    ("one, 10 s ahead", "+10", false),
    ("one, 1 h behind", "-3600", false),
    ("one, 5 % too fast", "+0 x1.05", false),
    ("all, 10 s ahead", "+10", true),
    ("all, 10 s behind", "-10", true),
    ("all, 1 h ahead", "+3600", true),
    ("one, 1 s ahead", "+1", false),
    ("one, 1 s behind", "-1", false),
    ("one, 10 s behind", "-10", false),
    ("one, 1 h ahead", "+3600", false),
    ("one, 5 % too slow", "+0 x0.95", false),
];

const QUICK: usize = 6;

/// What a case showed, over its rounds.
#[derive(Debug, Default)]
struct Seen {
    epochs: u64,
    /// What `/readyz` of a node with a wrong clock said.
    reasons: Vec<String>,
    /// From mending to the next new epoch on the node that was last, in milliseconds.
    healed: Vec<u64>,
}

/// Makes `--count` clocks wrong, case by case, for four epochs each.
pub(crate) fn run(options: &Options) -> anyhow::Result<Report> {
    let Some(library) = LIBRARY.iter().find(|path| PathBuf::from(path).exists()) else {
        bail!("there is no libfaketime: on Debian, apt-get install libfaketime");
    };
    let rounds = options.rounds(QUICK, 4 * CASES.len());
    let mut report = Report::new("Wrong clocks under real nodes");
    let mut cluster = Cluster::new(options, "clocks", Size::SMALL)?;
    for at in 0..cluster.nodes.len() {
        set(&cluster, at, "+0")?;
        let file = file(&cluster, at);
        cluster.start_with(at, |command| {
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME_TIMESTAMP_FILE", file)
                .env("FAKETIME_NO_CACHE", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        })?;
    }
    cluster.first_epoch()?;
    let mut history = History::default();
    let mut seen: [Seen; CASES.len()] = Default::default();
    for round in 0..rounds {
        let case = round % CASES.len();
        one(&mut cluster, &mut history, &mut report, round, &mut seen[case])?;
        note(&format!("clock {} of {rounds}: {}", round + 1, CASES[case].0));
    }
    history.look(&cluster);
    history.audit_all(&cluster);
    for ((name, _, _), seen) in
        CASES.iter().zip(&mut seen).filter(|(_, seen)| !seen.healed.is_empty())
    {
        seen.reasons.sort_unstable();
        seen.reasons.dedup();
        let said = if seen.reasons.is_empty() {
            "ready all the time".into()
        } else {
            seen.reasons.join("; ")
        };
        report.figure(
            name,
            format!(
                "{} epochs meanwhile; set right to the next epoch everywhere: {}; {said}",
                seen.epochs,
                spread(&seen.healed)
            ),
        );
    }
    report.figure("epochs certified", history.newest());
    Ok(report.end(Some(history), &mut cluster))
}

fn one(
    cluster: &mut Cluster,
    history: &mut History,
    report: &mut Report,
    round: usize,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let (name, clock, all) = CASES[round % CASES.len()];
    let validators = cluster.all(Role::Validator);
    let victims: Vec<usize> = if all {
        (0..cluster.nodes.len()).collect()
    } else {
        vec![validators[round % validators.len()]]
    };
    history.look(cluster);
    let base = history.newest();
    victims.iter().try_for_each(|at| set(cluster, *at, clock))?;
    let until = Instant::now() + Duration::from_millis(4 * cluster.epoch_ms);
    while Instant::now() < until {
        let ready = cluster.readiness(victims[0]);
        seen.reasons.extend(ready.into_iter().flat_map(|ready| ready.reasons));
        pause(LOOK * 10);
    }
    history.look(cluster);
    let many = history.newest();
    report.demand(all || many > base, || {
        format!("round {round}, {name}: three of four certified nothing after epoch {base}")
    });
    seen.epochs += many - base;
    let mended = Instant::now();
    victims.iter().try_for_each(|at| set(cluster, *at, "+0"))?;
    let goal = many + 1;
    for at in 0..cluster.nodes.len() {
        let limit = Duration::from_millis(cluster.epoch_ms * 20);
        cluster.wait(at, limit, &format!("epoch {goal} after {name:?}"), |client| {
            client.get::<Status>("/v1/status").is_ok_and(|status| status.epoch >= goal)
        })?;
    }
    seen.healed.push(millis(mended.elapsed()));
    Ok(())
}

fn file(cluster: &Cluster, at: usize) -> PathBuf {
    cluster.layout.dir().join(format!("{}.clock", cluster.nodes[at].record.name))
}

/// Written beside and moved: it is read at every look at the clock.
fn set(cluster: &Cluster, at: usize, clock: &str) -> anyhow::Result<()> {
    let file = file(cluster, at);
    let beside = file.with_extension("new");
    std::fs::write(&beside, format!("{clock}\n"))?;
    Ok(std::fs::rename(&beside, &file)?)
}
