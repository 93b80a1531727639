//! When a run is over, and whether it held.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{End, Run, UpError};
use crate::testnet::load;
use crate::testnet::measure::{self, Outcome};
use crate::testnet::observe::{Life, NodeView, Observation};
use crate::testnet::report::Report;
use crate::testnet::screen::Screen;
use crate::testnet::spec::{LEARNER, Model};
use crate::testnet::verdict::Evidence;
use crate::testnet::{accuracy, usage};
use crate::units;

/// With fewer operations than this, some kind may never have come up.
const OPERATIONS_OF_ALL_KINDS: u64 = 400;

/// Every operation there is has to have been done at least once, if there were enough.
fn load_failure(report: &load::Report) -> Option<String> {
    let never = report.never_done();
    let enough = report.total().sent >= OPERATIONS_OF_ALL_KINDS;
    (enough && !never.is_empty()).then(|| {
        let sent = report.total().sent;
        format!("every operation is done now and then: of {sent}, no {} was", never.join(", no "))
    })
}

impl Run {
    /// Whether it is over.
    pub(super) fn end(&mut self) -> Option<End> {
        let was_started = |node: &NodeView| node.starts > 0 || node.record.behaviour.never_starts();
        if !self.fleet.is_alive() && self.fleet.seen().nodes.iter().all(was_started) {
            return Some(End::Alone);
        }
        let wanted = self.epochs?;
        let seen = self.fleet.seen();
        let running = || seen.nodes.iter().filter(|node| node.life == Life::Running);
        let everywhere = running().all(|node| node.certified() >= wanted);
        let known = seen.epochs.range(1..=wanted).count() as u64 == wanted
            && seen.metagraph.as_ref().is_some_and(|metagraph| metagraph.epoch >= wanted);
        if everywhere && known && self.loading.is_over() {
            return Some(End::Epochs);
        }
        let epoch = Duration::from_millis(seen.epoch_ms);
        if seen.newest() >= wanted {
            let first = *self.first_done.get_or_insert_with(Instant::now);
            if first.elapsed() > (epoch * 3).max(Duration::from_secs(30)) {
                let late: Vec<&str> = running()
                    .filter(|node| node.certified() < wanted)
                    .map(|node| node.record.name.as_str())
                    .collect();
                return Some(End::Late(format!(
                    "every node follows: {} did not within {} s",
                    late.join(", "),
                    first.elapsed().as_secs()
                )));
            }
        }
        let since_genesis = units::now_ms().saturating_sub(seen.genesis_ms);
        let limit = (wanted + 2).saturating_mul(2).saturating_mul(seen.epoch_ms) + 60_000;
        if since_genesis > limit {
            return Some(End::Late(format!(
                "{wanted} epochs certify in time: {} did in {}",
                seen.newest(),
                units::show_ms(since_genesis / 1_000 * 1_000)
            )));
        }
        None
    }

    /// The verdict on what was seen, before the nodes were stopped.
    pub(super) async fn report(
        &self,
        mut seen: Observation,
        end: &End,
        screen: &mut Screen,
    ) -> Result<Option<Report>, UpError> {
        self.measure_learners(&mut seen, screen).await;
        let Some(wanted) = self.epochs else { return Ok(None) };
        let evidence = Evidence::of(&seen, wanted, self.batch_size, self.fleet.digits);
        let mut failures = evidence.failures();
        match end {
            End::Epochs => {}
            End::Late(sentence) => failures.insert(0, sentence.clone()),
            End::Asked(how) => failures.insert(
                0,
                format!("a run is not interrupted: {how}, with {} epochs certified", seen.newest()),
            ),
            End::Alone => failures.insert(0, "some node runs to the end: none did".into()),
        }
        let outcomes = measure::judge(&seen, &self.assertions, wanted);
        failures.extend(outcomes.iter().filter_map(Outcome::failure));
        let load = self.loading.report();
        failures.extend(load.as_ref().err().map(|why| format!("the load runs to its end: {why}")));
        let load = load.ok().flatten();
        failures.extend(load.and_then(load_failure));
        let mut report = Report::of(&seen, wanted, failures, outcomes);
        report.load = load.cloned();
        report.usage = usage::by_role(&seen, &self.log_bytes(&seen));
        Ok(Some(report))
    }

    /// Sizes of the nodes' certificate logs.
    fn log_bytes(&self, seen: &Observation) -> BTreeMap<String, u64> {
        let size = |name: &str| -> Option<u64> {
            let files = std::fs::read_dir(self.fleet.layout.node(name)).ok()?.flatten();
            let is_log = |file: &std::fs::DirEntry| {
                file.file_name()
                    .to_str()
                    .is_some_and(|name| name.starts_with("certificates-") && name.ends_with(".log"))
            };
            let sizes = files.filter(is_log).filter_map(|file| Some(file.metadata().ok()?.len()));
            Some(sizes.fold(0, u64::saturating_add))
        };
        let names = seen.nodes.iter().map(|node| &node.record.name);
        names.filter_map(|name| Some((name.clone(), size(name)?))).collect()
    }

    /// What learners can do now, with what they learned: their nodes are stopped.
    async fn measure_learners(&self, seen: &mut Observation, screen: &mut Screen) {
        let fleet = &self.fleet;
        if !fleet.digits {
            return;
        }
        let subnet = seen.subnet.clone();
        let learns = Model::Builtin(LEARNER.into());
        let learners =
            seen.nodes.iter_mut().filter(|node| node.record.model.as_ref() == Some(&learns));
        for node in learners {
            let state = fleet.layout.worker_dir(&node.record.name);
            let measured = accuracy::measure(&fleet.ganglion, &learns, &subnet, Some(state)).await;
            match measured {
                Ok(now) => {
                    let first = node.accuracy.replace(now.accuracy.ratio()).unwrap_or(0.0);
                    screen.note(&format!(
                        "{} learned: right in {:.1} % at first, in {} now",
                        node.record.name,
                        first * 100.0,
                        now.accuracy
                    ));
                }
                Err(error) => screen.note(&format!("{}: {error}", node.record.name)),
            }
        }
    }
}
