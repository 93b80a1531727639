//! Strangers that flood one validator, from a process of their own, while the subnet goes on.

pub(crate) mod attack;

use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use ganglion::api::types::Status;
use ganglion::testnet::spec::Role;

use self::attack::{Attack, Flood};
use crate::Options;
use crate::cluster::{Cluster, Size, note};
use crate::figures::{percentile, spread};
use crate::history::History;
use crate::process::{forget_peak, peak_mib, processor_ms};
use crate::report::Report;

/// Resident memory that a flooded node stays below (architecture, invariant I8).
const MEMORY_MIB: u64 = 256;

/// What a time with or without a flood showed.
#[derive(Debug, Default)]
struct Seen {
    /// From deadline to decision on honest nodes other than the victim.
    latencies: Vec<u64>,
    missed: u64,
    /// Milliseconds of processor time of the victim, and of the attacker.
    own_cpu: u64,
    their_cpu: u64,
    peak_mib: u64,
    /// Connected to the victim at the end.
    peers: usize,
    epochs: u64,
}

/// Floods for `--count` epochs, each kind after a time without.
pub(crate) fn run(options: &Options) -> anyhow::Result<Report> {
    let epochs = u64::try_from(options.rounds(3, 30))?;
    let size = if options.long {
        // Four validators, fourteen miners, a bootnode and an observer: twenty honest nodes.
        Size { validators: 4, miners: 14, epoch_ms: 6_000 }
    } else {
        Size::SMALL
    };
    let mut report = Report::new("Floods against one validator");
    let mut cluster = Cluster::new(options, "floods", size)?;
    cluster.begin()?;
    let mut history = History::default();
    let victim = cluster.all(Role::Validator)[0];
    report.figure(
        "honest nodes, epoch length",
        format!("{}, {} ms", cluster.nodes.len(), cluster.epoch_ms),
    );
    let calm = watch(&mut cluster, &mut history, victim, epochs, None)?;
    tell(&mut report, "nothing", &calm);
    for flood in Flood::EACH {
        let mut child = begin(&cluster, victim, flood, options)?;
        let seen = watch(&mut cluster, &mut history, victim, epochs, Some(child.id()));
        // It can only fail if the process has ended already, and that is looked at.
        let ended = child.try_wait()?;
        let _ = child.kill();
        let _ = child.wait();
        let seen = seen?;
        report.demand(ended.is_none(), || {
            format!("{}: the attacker gave up: {ended:?}", flood.name())
        });
        tell(&mut report, flood.name(), &seen);
        judge(&mut report, flood, &seen);
        note(&format!("{} is over", flood.name()));
    }
    history.audit_all(&cluster);
    Ok(report.end(Some(history), &mut cluster))
}

fn judge(report: &mut Report, flood: Flood, seen: &Seen) {
    let name = flood.name();
    report.demand(seen.missed == 0, || format!("{name}: {} epochs were missed", seen.missed));
    report.demand(seen.peak_mib < MEMORY_MIB, || {
        format!("{name}: the victim held {} MiB, {MEMORY_MIB} are the bound", seen.peak_mib)
    });
}

fn tell(report: &mut Report, name: &str, seen: &Seen) {
    let Seen { missed, own_cpu, their_cpu, peak_mib, peers, epochs, .. } = seen;
    let p99 = percentile(&seen.latencies, 99).unwrap_or(0);
    report.figure(
        name,
        format!(
            "{epochs} epochs, {missed} missed; victim at most {peak_mib} MiB, {peers} peers; its processor time \
             {own_cpu} ms, the attacker's {their_cpu} ms; certificates elsewhere p99 {p99} ms ({})",
            spread(&seen.latencies)
        ),
    );
}

fn begin(
    cluster: &Cluster,
    victim: usize,
    flood: Flood,
    options: &Options,
) -> anyhow::Result<Child> {
    let status: Status = cluster.client(victim)?.get("/v1/status")?;
    let address = status.listen.first().context("the victim listens nowhere")?;
    let attack = Attack {
        flood,
        subnet: status.subnet,
        address: address.clone(),
        api: cluster.client(victim)?.base().trim_start_matches("http://").to_owned(),
        many: if options.long { 400 } else { 60 },
        seed: options.seed,
    };
    let child = Command::new(std::env::current_exe()?)
        .arg("attack")
        .arg(serde_json::to_string(&attack)?)
        // It ends with this pipe, if nobody ends it before.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    Ok(child)
}

/// So many epochs of the subnet; `attacker` is the process that floods it.
fn watch(
    cluster: &mut Cluster,
    history: &mut History,
    victim: usize,
    epochs: u64,
    attacker: Option<u32>,
) -> anyhow::Result<Seen> {
    history.look(cluster);
    let base = history.newest();
    let own = cluster.pid(victim).context("the victim does not run")?;
    forget_peak(own);
    let before = (processor_ms(own), attacker.map_or(0, processor_ms), missed(cluster)?);
    let limit = std::time::Duration::from_millis(cluster.epoch_ms * (epochs + 10));
    cluster.wait(victim, limit, "the epochs of a flood", |client| {
        client.get::<Status>("/v1/status").is_ok_and(|status| status.epoch >= base + epochs)
    })?;
    let own_cpu = processor_ms(own).saturating_sub(before.0);
    let their_cpu = attacker.map_or(0, processor_ms).saturating_sub(before.1);
    history.look(cluster);
    let others = |one: &(&(usize, u64), &u64)| one.0.0 != victim && one.0.1 > base;
    let latencies = history.latencies.iter().filter(others).map(|(_, latency)| *latency).collect();
    Ok(Seen {
        latencies,
        missed: missed(cluster)?.saturating_sub(before.2),
        own_cpu,
        their_cpu,
        peak_mib: peak_mib(own),
        peers: cluster.client(victim)?.get::<Status>("/v1/status")?.peers,
        epochs: history.newest() - base,
    })
}

/// Epochs that nodes say they missed, all together.
fn missed(cluster: &Cluster) -> anyhow::Result<u64> {
    (0..cluster.nodes.len())
        .map(|at| Ok(cluster.client(at)?.get::<Status>("/v1/status")?.missed))
        .sum::<anyhow::Result<u64>>()
}
