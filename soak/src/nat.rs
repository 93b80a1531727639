//! Miners and a validator behind routers: found out by themselves, reached through relays, connected directly where
//! their routers allow it.

use std::time::Duration;

use anyhow::Context as _;
use ganglion::api::Client;
use ganglion::api::types::{Peer, TaskAnswers};
use ganglion::testnet::spec::Role;
use serde_json::json;

use crate::Options;
use crate::cluster::{Cluster, Size, note};
use crate::figures::{millis, spread};
use crate::history::History;
use crate::namespaces::{self, Own};
use crate::report::Report;
use crate::routers::Place;

/// A bootnode, two validators and two miners.
const SIZE: Size = Size { validators: 2, miners: 2, epoch_ms: 3_000 };
/// What each step may take. A dial back that a router drops takes ten seconds to fail.
const LIMIT: Duration = Duration::from_secs(60);
/// A black image of the digits task.
const PIXELS: [u8; 64] = [0; 64];

/// Looks at one subnet, of which a validator and both miners are behind routers; one miner's router is strict.
/// `--count` is how many tasks the validator gives to both.
pub(crate) fn run(options: &Options) -> anyhow::Result<Report> {
    namespaces::enter(Own::Network)?;
    let tasks = options.rounds(10, 200);
    let mut report = Report::new("Nodes behind routers that let nobody in");
    let mut cluster = Cluster::behind_routers(options, "nat", SIZE, places)?;
    let validator = *cluster.all(Role::Validator).last().context("a validator")?;
    let miners = cluster.all(Role::Miner);
    let (easy, strict) = (miners[0], miners[1]);
    cluster.begin()?;
    found_out(&mut cluster, &mut report, &[validator, easy, strict])?;
    met(&mut cluster, &mut report, validator, easy, false)?;
    met(&mut cluster, &mut report, validator, strict, true)?;
    answered(&cluster, &mut report, validator, tasks)?;
    if options.long {
        given_up(&mut cluster, strict)?;
        met(&mut cluster, &mut report, validator, strict, true)?;
        answered(&cluster, &mut report, validator, tasks)?;
    }
    carried(&cluster, &mut report)?;
    let mut history = History::default();
    history.look(&cluster);
    history.audit_all(&cluster);
    report.figure("epochs certified", history.newest());
    Ok(report.end(Some(history), &mut cluster))
}

/// The last validator and the miners are behind routers, the last miner behind a strict one.
fn places(roles: &[Role]) -> Vec<Place> {
    let last = |role: Role| roles.iter().rposition(|other| *other == role);
    let place = |(at, role): (usize, &Role)| match role {
        Role::Miner if Some(at) == last(Role::Miner) => Place::Strict,
        Role::Miner => Place::Behind,
        Role::Validator if Some(at) == last(Role::Validator) => Place::Behind,
        _ => Place::Public,
    };
    roles.iter().enumerate().map(place).collect()
}

/// Waits until each knows whether others can connect to it, and is reached through a relay if not.
fn found_out(cluster: &mut Cluster, report: &mut Report, hidden: &[usize]) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for at in 0..cluster.nodes.len() {
        let state = if hidden.contains(&at) { "behind_nat" } else { "public" };
        cluster.wait(at, LIMIT, &format!("the insight that it is {state}"), |client| {
            figure(client, &format!("ganglion_p2p_reach{{state=\"{state}\"}}")) == Some(1.0)
        })?;
    }
    for at in hidden {
        cluster.wait(*at, LIMIT, "a slot at a relay", |client| {
            figure(client, "ganglion_p2p_relay_slots").is_some_and(|slots| slots >= 1.0)
        })?;
        times.push(millis(cluster.age(*at)));
    }
    note("those behind routers know it, and have slots at relays");
    report.figure("public nodes, nodes behind routers", {
        format!("{}, {}", cluster.nodes.len() - hidden.len(), hidden.len())
    });
    report.figure("from the start to a slot at a relay", spread(&times));
    Ok(())
}

/// Waits until the validator has a miner, over a relay or not, and that lasts.
fn met(
    cluster: &mut Cluster,
    report: &mut Report,
    validator: usize,
    miner: usize,
    relayed: bool,
) -> anyhow::Result<()> {
    let hotkey = cluster.nodes[miner].record.hotkey.clone();
    let how = if relayed { "through a relay" } else { "directly" };
    cluster.wait(validator, LIMIT, &format!("the miner {how}"), |client| {
        client.get::<Vec<Peer>>("/v1/peers").is_ok_and(|peers| {
            let miner = peers.iter().find(|peer| peer.hotkey == hotkey);
            miner.is_some_and(|miner| miner.connected && miner.relayed == relayed)
        })
    })?;
    let name = if relayed { "behind a strict router" } else { "behind a router" };
    report.figure(&format!("validator behind a router to the miner {name}"), {
        format!("{how} {} ms after its start", millis(cluster.age(validator)))
    });
    Ok(())
}

/// Gives tasks to both miners: each has to answer every one.
fn answered(
    cluster: &Cluster,
    report: &mut Report,
    validator: usize,
    tasks: usize,
) -> anyhow::Result<()> {
    let client = cluster.client(validator)?;
    let (mut latencies, mut missing) = (Vec::new(), Vec::new());
    for _ in 0..tasks {
        let call = json!({ "input": { "pixels": PIXELS.to_vec() }, "miners": 2 });
        let answers: TaskAnswers = client.post("/v1/tasks", &call, None)?;
        missing.extend(answers.failures.into_iter().map(|one| one.reason));
        for answer in answers.answers {
            latencies.push(millis(Duration::try_from_secs_f64(answer.latency_ms / 1_000.0)?));
        }
    }
    report.figure("tasks given to both miners, answers", format!("{tasks}, {}", latencies.len()));
    report.figure("from a task to its answer", spread(&latencies));
    report.demand(latencies.len() == 2 * tasks && missing.is_empty(), || {
        format!("{} answers of {} came: {missing:?}", latencies.len(), 2 * tasks)
    });
    Ok(())
}

/// Waits until the hole punches of the miner behind the strict router have failed, three times over.
fn given_up(cluster: &mut Cluster, strict: usize) -> anyhow::Result<()> {
    cluster.wait(strict, LIMIT, "the end of its hole punches", |client| {
        let failed = "ganglion_p2p_hole_punches_total{result=\"failed\"}";
        figure(client, failed).is_some_and(|failed| failed >= 1.0)
    })
}

/// What relays carried, and what hole punches gave.
fn carried(cluster: &Cluster, report: &mut Report) -> anyhow::Result<()> {
    let mut totals = [0.0; 3];
    let names = [
        "ganglion_p2p_relay_requests_total{kind=\"circuit\",result=\"accepted\"}",
        "ganglion_p2p_hole_punches_total{result=\"direct\"}",
        "ganglion_p2p_hole_punches_total{result=\"failed\"}",
    ];
    for at in 0..cluster.nodes.len() {
        let client = cluster.client(at)?;
        for (total, name) in totals.iter_mut().zip(names) {
            *total += figure(&client, name).unwrap_or(0.0);
        }
    }
    let [circuits, direct, failed] = totals;
    report.figure("circuits that relays carried", circuits);
    report.figure("hole punches, counted at both ends: direct, failed", {
        format!("{direct}, {failed}")
    });
    report.demand(circuits >= 1.0, || "no relay carried anything".into());
    report.demand(direct >= 1.0, || "no hole punch gave a direct connection".into());
    Ok(())
}

fn figure(client: &Client, series: &str) -> Option<f64> {
    let page = client.get_text("/metrics").ok()?;
    let values = page.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    values.filter_map(|value| value.trim().parse().ok()).next()
}
