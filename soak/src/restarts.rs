//! A rolling restart: every validator is asked to end and started again, one after the other, as in an upgrade.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ganglion::api::Client;
use ganglion::api::types::Status;
use ganglion::testnet::spec::Role;

use crate::Options;
use crate::cluster::{Cluster, LOOK, Size, note, pause};
use crate::figures::{millis, percentile, spread};
use crate::history::History;
use crate::report::Report;

/// What a restarted node gets to be ready, at the epoch that the others are at.
const READY: Duration = Duration::from_secs(60);
/// What a process may take to end.
const EXIT_GOAL_MS: u64 = 3_000;

/// Goes through all validators `--count` times.
pub(crate) fn run(options: &Options) -> anyhow::Result<Report> {
    let rounds = options.rounds(1, 20);
    let mut report = Report::new("Rolling restarts of every validator");
    let mut cluster = Cluster::new(options, "restarts", Size::SMALL)?;
    cluster.begin()?;
    let (outside, validators) = (cluster.all(Role::Bootnode)[0], cluster.all(Role::Validator));
    for at in 0..cluster.nodes.len() {
        cluster.wait_ready(at, READY)?;
    }
    let mut history = History::default();
    let (mut exits, mut starts) = (Vec::new(), Vec::new());
    let watch = Watch::start(cluster.client(outside)?);
    let before: Status = cluster.client(outside)?.get("/v1/status")?;
    for round in 0..rounds {
        for at in &validators {
            let (took, status) = cluster.stop(*at)?;
            exits.push(millis(took));
            let name = &cluster.nodes[*at].record.name;
            report.demand(status.success(), || format!("{name} ended with {status}"));
            cluster.start(*at)?;
            cluster.wait_ready(*at, READY)?;
            starts.push(millis(cluster.age(*at)));
            let top = cluster.client(outside)?.get::<Status>("/v1/status")?.epoch;
            cluster.wait(*at, READY, &format!("epoch {top}"), |client| {
                client.get::<Status>("/v1/status").is_ok_and(|status| status.epoch >= top)
            })?;
        }
        history.look(&cluster);
        note(&format!("{} of {rounds} rounds, epoch {}", round + 1, history.newest()));
    }
    let after: Status = cluster.client(outside)?.get("/v1/status")?;
    let (passed, missed) = (after.epoch - before.epoch, after.missed - before.missed);
    let gaps = watch.stop();
    history.audit_all(&cluster);
    report.figure("rounds, restarts", format!("{rounds}, {}", exits.len()));
    report.figure("epochs certified, missed", format!("{passed}, {missed}"));
    report.figure(
        "from one certified epoch to the next, seen by a node that stayed",
        format!("{}; epochs are {} ms", spread(&gaps), cluster.epoch_ms),
    );
    report.figure("SIGTERM to the end of the process", spread(&exits));
    report.figure("start to /readyz 200", spread(&starts));
    report.demand(missed == 0, || format!("{missed} epochs were missed"));
    let slow = percentile(&exits, 95).unwrap_or(u64::MAX);
    report.demand(slow < EXIT_GOAL_MS, || {
        format!("five of 100 take over {slow} ms to end, and {EXIT_GOAL_MS} are the goal")
    });
    Ok(report.end(Some(history), &mut cluster))
}

/// Looks at a node all the time: how long each new epoch was waited for.
#[derive(Debug)]
struct Watch {
    end: Arc<AtomicBool>,
    gaps: JoinHandle<Vec<u64>>,
}

impl Watch {
    fn start(client: Client) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&end);
        let gaps = std::thread::spawn(move || {
            let (mut gaps, mut last) = (Vec::new(), None);
            while !over.load(Ordering::Relaxed) {
                let seen = client.get::<Status>("/v1/status").map(|status| status.epoch);
                match (seen, last) {
                    (Ok(epoch), Some((before, since))) if epoch > before => {
                        gaps.push(millis(Instant::now() - since));
                        last = Some((epoch, Instant::now()));
                    }
                    (Ok(epoch), None) => last = Some((epoch, Instant::now())),
                    _ => {}
                }
                pause(LOOK);
            }
            gaps
        });
        Self { end, gaps }
    }

    fn stop(self) -> Vec<u64> {
        self.end.store(true, Ordering::Relaxed);
        self.gaps.join().expect("it only reads and waits")
    }
}
