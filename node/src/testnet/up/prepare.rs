//! Everything up to the first process: models are measured, keys made, directories written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::loading::Loading;
use super::{Options, Run, UpError};
use crate::testnet::accuracy::{self, Measured};
use crate::testnet::fleet::Fleet;
use crate::testnet::layout::Layout;
use crate::testnet::observe::{NodeView, Observation};
use crate::testnet::ports::Ports;
use crate::testnet::screen::Screen;
use crate::testnet::setup::{self, Made, NodeRecord};
use crate::testnet::spec::{Model, NodeSpec, Role, Settings};
use crate::{manifest, units};

/// Least time from the start of the nodes to genesis.
const GENESIS_LEAST: Duration = Duration::from_secs(15);

impl Run {
    /// Everything up to the first process.
    pub(super) async fn prepare(
        options: Options,
        ganglion: PathBuf,
        mut base: ganglion_types::Manifest,
        screen: &mut Screen,
    ) -> Result<Self, UpError> {
        let Options { layout, spec, genesis_in, epochs, .. } = options;
        let digits = spec.is_digits();
        let measured = match digits {
            true => measure(&ganglion, &spec.nodes, screen).await?,
            false => BTreeMap::new(),
        };
        let models = spec.nodes.iter().filter_map(|node| measured.get(node.model.as_ref()?));
        let training = models.map(|found| found.ready).sum();
        let dir = layout.dir().display().to_string();
        screen.note(&format!("making keys and directories of {} nodes in {dir}", spec.nodes.len()));
        let mut ports = Ports::default();
        if epochs.is_none() && !spec.assertions.is_empty() {
            screen.note(
                "assertions are judged after --epochs N; this testnet runs until it is stopped",
            );
        }
        let made = spec.nodes.iter().map(|node| setup::make_node(&layout, node, &mut ports));
        let made: Vec<Made> = made.collect::<Result<_, _>>()?;
        base.participants = made.iter().filter_map(|one| one.participant.clone()).collect();
        let wait = genesis_in.unwrap_or_else(|| time_to_genesis(training, made.len()));
        base.genesis_time = units::now_ms() + u64::try_from(wait.as_millis()).unwrap_or(0);
        let text = manifest::render(&base);
        write(&layout, &made, &text, &spec.settings)?;
        // Free for the nodes only now: until here nobody else could take them.
        drop(ports);
        let nodes = made.into_iter().map(|one| {
            let accuracy = one.record.model.as_ref().and_then(|model| measured.get(model));
            let accuracy = accuracy.map(|found| found.accuracy.ratio());
            NodeView { accuracy, ..NodeView::new(one.record) }
        });
        let seen = Observation {
            subnet: base.subnet_id().to_hex(),
            genesis_ms: base.genesis_time,
            epoch_ms: base.epoch_ms,
            budget_rao: base.hyperparameters.emission.get(),
            nodes: nodes.collect(),
            ..Observation::default()
        };
        let fleet = Arc::new(Fleet::new(layout, ganglion, text, digits, seen));
        fleet.save();
        Ok(Self {
            fleet,
            epochs,
            batch_size: base.task.batch_size,
            replies: JoinSet::new(),
            asked: BTreeMap::new(),
            orders: JoinSet::new(),
            told: 0,
            first_done: None,
            workers_noted: false,
            loading: Loading::new(spec.load_of(epochs)),
            assertions: spec.assertions,
            may_leave: spec.nodes.iter().any(|node| node.behaviour.stops_after(u64::MAX)),
            leaving: None,
        })
    }
}

/// How good each model is, and how long it takes to be ready.
async fn measure(
    ganglion: &Path,
    nodes: &[NodeSpec],
    screen: &mut Screen,
) -> Result<BTreeMap<Model, Measured>, UpError> {
    let subnet = "0".repeat(64);
    let mut measured = BTreeMap::new();
    for model in nodes.iter().filter_map(|node| node.model.as_ref()) {
        if measured.contains_key(model) {
            continue;
        }
        let found = accuracy::measure(ganglion, model, &subnet, None).await;
        let found = found.map_err(|reason| UpError::Model { name: model.name(), reason })?;
        screen.note(&format!(
            "{} is right in {} images, ready after {:.1} s",
            model.name(),
            found.accuracy,
            found.ready.as_secs_f64()
        ));
        measured.insert(model.clone(), found);
    }
    Ok(measured)
}

fn write(layout: &Layout, made: &[Made], text: &str, settings: &Settings) -> Result<(), UpError> {
    let is_boot = |node: &&NodeRecord| node.role == Role::Bootnode;
    let bootnodes: Vec<&NodeRecord> = made.iter().map(|one| &one.record).filter(is_boot).collect();
    crate::files::write_whole(
        &layout.manifest(),
        text.as_bytes(),
        crate::files::Access::Shared,
        true,
    )?;
    for one in made {
        setup::write_node(layout, &one.record, &bootnodes, text, settings)?;
    }
    Ok(())
}

/// All workers train at once on the cores there are; nodes start beside them.
fn time_to_genesis(training: Duration, nodes: usize) -> Duration {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cores = u32::try_from(cores).unwrap_or(1);
    let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
    let starting = Duration::from_millis(1_000).saturating_mul(nodes) / cores;
    let needed = Duration::from_secs(5) + training.saturating_mul(2) / cores + starting;
    needed.max(GENESIS_LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genesis_waits_for_slow_workers() {
        assert_eq!(time_to_genesis(Duration::ZERO, 2), GENESIS_LEAST);
        let slow = time_to_genesis(Duration::from_secs(4_000), 11);
        assert!(slow > GENESIS_LEAST, "{slow:?}");
    }
}
