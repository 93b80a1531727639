//! What a validator takes of its machine while nobody asks anything of it: memory, processor, and what a scrape costs.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use ganglion::api::types::Status;
use ganglion::testnet::spec::Role;

use crate::Options;
use crate::cluster::{Cluster, Size, note, pause};
use crate::figures::{millis, spread};
use crate::history::History;
use crate::process::{processor_ms, resident_mib};
use crate::report::Report;

/// The one that is watched, and three others. Its further peers are a bootnode and miners.
const VALIDATORS: usize = 4;
/// Long enough for what 50 nodes on one machine do in each to be over before the next.
const EPOCH_MS: u64 = 30_000;
/// How often `/metrics` is asked for.
const SCRAPES: usize = 20;
/// What an idle node may hold, the bound that floods have too.
const MEMORY_MIB: u64 = 256;

/// Looks at a validator with 6 peers, then at one with `--count`.
pub(crate) fn run(options: &Options) -> anyhow::Result<Report> {
    let many = options.rounds(12, 50).max(VALIDATORS);
    let watched = Duration::from_secs(if options.long { 60 } else { 10 });
    let mut report = Report::new("What a validator takes while nobody asks anything of it");
    let few = look(options, &mut report, 6, watched)?;
    drop(few);
    let mut cluster = look(options, &mut report, many, watched)?;
    let mut history = History::default();
    history.look(&cluster);
    history.audit_all(&cluster);
    Ok(report.end(Some(history), &mut cluster))
}

fn look(
    options: &Options,
    report: &mut Report,
    peers: usize,
    watched: Duration,
) -> anyhow::Result<Cluster> {
    let (validators, miners) = (u64::try_from(VALIDATORS)?, u64::try_from(peers - VALIDATORS)?);
    let size = Size { validators, miners, epoch_ms: EPOCH_MS };
    let mut cluster = Cluster::new(options, &format!("footprint-{peers}"), size)?;
    cluster.begin()?;
    let at = cluster.all(Role::Validator)[0];
    let limit = Duration::from_secs(120);
    cluster.wait(at, limit, &format!("{peers} peers"), |client| {
        client.get::<Status>("/v1/status").is_ok_and(|status| status.peers >= peers)
    })?;
    // What comes with the start of many processes is over then.
    let settled = cluster.client(at)?.get::<Status>("/v1/status")?.epoch + 1;
    cluster.wait(at, limit, &format!("epoch {settled}"), |client| {
        client.get::<Status>("/v1/status").is_ok_and(|status| status.epoch >= settled)
    })?;
    let pid = cluster.pid(at).context("it does not run")?;
    note(&format!("{peers} peers, now watched for {} s", watched.as_secs()));
    let (before, began) = (processor_ms(pid), Instant::now());
    pause(watched);
    let used = processor_ms(pid) - before;
    let percent = (used * 1_000).checked_div(millis(began.elapsed())).unwrap_or(0);
    let memory = resident_mib(pid);
    let client = cluster.client(at)?;
    let (mut bytes, mut times) = (0, Vec::new());
    for _ in 0..SCRAPES {
        let asked = Instant::now();
        bytes = client.get_text("/metrics")?.len();
        times.push(millis(asked.elapsed()));
    }
    report.figure(
        &format!("with {peers} peers"),
        format!(
            "{memory} MiB resident, {}.{} % of one processor, epochs of {EPOCH_MS} ms; a scrape: {bytes} bytes, {}",
            percent / 10,
            percent % 10,
            spread(&times)
        ),
    );
    report.demand(memory < MEMORY_MIB, || format!("{memory} MiB with {peers} peers"));
    Ok(cluster)
}
