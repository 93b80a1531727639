//! `kill -9` at random instants: one validator, or the whole subnet.
//!
//! Half of the instants are drawn from the whole epoch, half from the time around the deadline, when
//! lists, votes and the certificate are signed and written.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ganglion::api::types::Status;
use ganglion::testnet::spec::Role;

use crate::Options;
use crate::chance::Chance;
use crate::cluster::{Cluster, LOOK, Size, note, pause};
use crate::figures::{millis, percentile, spread};
use crate::history::History;
use crate::report::Report;

/// What a restarted node gets to be ready.
const READY: Duration = Duration::from_secs(60);
/// The goal for 95 of 100 restarts.
const READY_GOAL_MS: u64 = 2_000;
/// Around the deadline: from before it until most epochs are stored.
const BUSY_MS: u64 = 600;

/// Kills one validator `--count` times, and everybody a tenth as often.
pub(crate) fn run(options: &Options) -> anyhow::Result<Report> {
    let single = options.rounds(12, 200);
    let whole = single.div_ceil(10);
    let mut report = Report::new("Kills of the real binary");
    let mut cluster = Cluster::new(options, "kills", Size::SMALL)?;
    cluster.begin()?;
    let mut trial = Trial {
        chance: Chance::new(options.seed),
        history: History::default(),
        validators: cluster.all(Role::Validator),
        single: Vec::new(),
        whole: Vec::new(),
        waited_for: BTreeSet::new(),
    };
    for at in 0..cluster.nodes.len() {
        cluster.wait_ready(at, READY)?;
    }
    for round in 0..single + whole {
        let everybody = round % 11 == 10 || round >= single + single / 10;
        trial.round(&mut cluster, everybody)?;
        if round % 10 == 9 {
            let lost = trial.history.contradictions.len();
            note(&format!("{} of {} kills, {lost} contradictions", round + 1, single + whole));
        }
    }
    let history = trial.finish(&mut cluster, &mut report)?;
    Ok(report.end(Some(history), &mut cluster))
}

/// The kills so far.
#[derive(Debug)]
struct Trial {
    chance: Chance,
    history: History,
    validators: Vec<usize>,
    /// From the start of a process to `/readyz` 200, in milliseconds.
    single: Vec<u64>,
    whole: Vec<u64>,
    /// What nodes said they were not ready for after the time of the goal.
    waited_for: BTreeSet<String>,
}

impl Trial {
    fn round(&mut self, cluster: &mut Cluster, everybody: bool) -> anyhow::Result<()> {
        let victims: Vec<usize> = if everybody {
            (0..cluster.nodes.len()).collect()
        } else {
            vec![self.validators[self.chance.index(self.validators.len())]]
        };
        pause(self.instant(cluster, victims[0])?);
        self.history.look(cluster);
        cluster.kill_all(&victims)?;
        for at in &victims {
            cluster.start(*at)?;
        }
        let mut took = vec![None; victims.len()];
        let until = Instant::now() + READY;
        // All at once: who is ready first is not to wait for the others.
        while took.contains(&None) && Instant::now() < until {
            for (at, took) in victims.iter().zip(&mut took) {
                match cluster.readiness(*at).filter(|_| took.is_none()) {
                    Some(ready) if ready.ready => *took = Some(cluster.age(*at)),
                    Some(ready) if millis(cluster.age(*at)) > READY_GOAL_MS => {
                        self.waited_for.extend(ready.reasons);
                    }
                    _ => {}
                }
            }
            pause(LOOK);
        }
        for at in &victims {
            cluster.wait_ready(*at, LOOK)?;
            self.history.audit(cluster, *at);
        }
        let times = if everybody { &mut self.whole } else { &mut self.single };
        times.extend(took.into_iter().flatten().map(millis));
        Ok(())
    }

    /// How long to wait before the next kill.
    fn instant(&mut self, cluster: &Cluster, victim: usize) -> anyhow::Result<Duration> {
        if self.chance.below(2) == 0 {
            return Ok(Duration::from_millis(self.chance.below(cluster.epoch_ms)));
        }
        let status: Status = cluster.client(victim)?.get("/v1/status")?;
        let deadline = status.deadline_in_ms.max(50) - 50;
        Ok(Duration::from_millis(deadline + self.chance.below(BUSY_MS)))
    }

    fn finish(mut self, cluster: &mut Cluster, report: &mut Report) -> anyhow::Result<History> {
        self.history.look(cluster);
        let goal = self.history.newest() + 2;
        for at in 0..cluster.nodes.len() {
            let limit = Duration::from_millis(cluster.epoch_ms * 10);
            cluster.wait(at, limit, &format!("epoch {goal}"), |client| {
                client.get::<Status>("/v1/status").is_ok_and(|status| status.epoch >= goal)
            })?;
        }
        self.history.look(cluster);
        self.history.audit_all(cluster);
        report.figure("kills of one validator", self.single.len());
        let nodes = cluster.nodes.len();
        report.figure("kills of all nodes", self.whole.len() / nodes.max(1));
        report.figure("epochs certified", self.history.newest());
        report.figure("one validator: start to /readyz 200", spread(&self.single));
        report.figure("all nodes: start to /readyz 200", spread(&self.whole));
        let p95 = percentile(&self.single, 95).unwrap_or(0);
        let verdict = if p95 < READY_GOAL_MS { "reached" } else { "missed" };
        let slower = self.single.iter().filter(|took| **took > READY_GOAL_MS).count();
        report.figure(
            "goal for 95 of 100 restarts of one",
            format!("{READY_GOAL_MS} ms, {verdict}; {slower} slower"),
        );
        for reason in &self.waited_for {
            report.figure("reason of a slower one", reason);
        }
        Ok(self.history)
    }
}
