//! How long an epoch needs from its deadline to its certificate, on four nodes and nothing else.

use std::time::Duration;

use crate::Options;
use crate::cluster::{Cluster, Size, note};
use crate::figures::{percentile, spread};
use crate::history::History;
use crate::report::Report;
use ganglion::testnet::spec::Role;

/// Measures `--count` epochs.
pub(crate) fn run(options: &Options) -> anyhow::Result<Report> {
    let epochs = u64::try_from(options.rounds(5, 200))?;
    let mut report = Report::new("Certificate latency on four local nodes");
    let mut cluster = Cluster::new(options, "latency", Size::SMALL)?;
    cluster.begin()?;
    let mut history = History::default();
    history.look(&cluster);
    let (first, end) = (history.newest(), history.newest() + epochs);
    while history.newest() < end {
        let next = history.newest() + 1;
        let limit = Duration::from_millis(cluster.epoch_ms * 10);
        cluster.wait(0, limit, &format!("epoch {next}"), |client| {
            client.get_value(&format!("/v1/epochs/{next}")).is_ok()
        })?;
        history.look(&cluster);
        if history.newest().is_multiple_of(20) {
            note(&format!("epoch {} of {end}", history.newest()));
        }
    }
    history.audit_all(&cluster);
    let validators = cluster.all(Role::Validator);
    let measured = |one: &(&(usize, u64), &u64)| validators.contains(&one.0.0) && one.0.1 > first;
    let latencies: Vec<u64> =
        history.latencies.iter().filter(measured).map(|(_, latency)| *latency).collect();
    let late = history.rounds.values().filter(|round| **round > 0).count();
    report.figure(
        "validators, epochs, epoch length",
        format!("{}, {epochs}, {} ms", validators.len(), cluster.epoch_ms),
    );
    report.figure("from a node's deadline to its decision", spread(&latencies));
    report.figure("epochs that needed more than one round", late);
    let half = percentile(&latencies, 50).unwrap_or(u64::MAX);
    report.demand(half < cluster.epoch_ms / 2, || {
        format!("the median node decides {half} ms after the deadline, over half of an epoch")
    });
    Ok(report.end(Some(history), &mut cluster))
}
