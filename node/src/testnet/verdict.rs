//! Whether a run held, from what was seen of it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::behaviour::Behaviour;
use super::observe::{Life, Observation};
use super::spec::{LEARNER, Model, Role};

/// Miners whose accuracies differ by less may stand in either order.
const SWAP: f64 = 0.03;
/// The best miner earns at least so many times what the majority-class miner does.
const BEST_TO_MAJORITY: u64 = 3;
/// From this many epochs on, the order of miners is no longer one of luck.
const RANKED_FROM: u64 = 8;
/// Tasks that have to be scored, of 256 that were drawn.
const SCORED_OF_256: u64 = 200;

/// How a node ends that cannot reproduce what was certified.
const DIVERGED: &str = "exit code 4";

/// One epoch as one node holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The epoch.
    pub epoch: u64,
    /// Cut id.
    pub cut: String,
    /// Root of the result.
    pub result_root: String,
    /// Root of the state after it.
    pub state_root: String,
    /// Paid out.
    pub emitted_rao: u64,
}

/// What is known of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEvidence {
    /// Its name.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// How it is at the end.
    pub life: Life,
    /// Where its state was changed in this run, the epoch, and whether it was started again since.
    pub damaged: Option<(u64, bool)>,
    /// Rising by epoch.
    pub held: Vec<Held>,
    /// Epochs it missed while it was there.
    pub missed: BTreeSet<u64>,
    /// Epochs after which what it holds did not add up: the supply, and what it should be.
    pub unbalanced: BTreeMap<u64, (u64, u64)>,
}

/// What is known of one miner.
#[derive(Clone, Debug, PartialEq)]
pub struct MinerEvidence {
    /// Its node's name.
    pub name: String,
    /// What it runs.
    pub model: Option<Model>,
    /// Whether it was there and answered as it should all the time.
    pub throughout: bool,
    /// Measured share of right answers.
    pub accuracy: Option<f64>,
    /// Its incentive at the end.
    pub incentive: u16,
    /// Paid over the run.
    pub paid_rao: u64,
    /// Tasks scored by all validators.
    pub scored: u64,
}

/// All that the verdict rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Epochs that were to be certified.
    pub wanted: u64,
    /// Budget of an epoch.
    pub budget_rao: u64,
    /// Tasks that all validators drew, as long as they were there.
    pub drawn: u64,
    /// Every node.
    pub nodes: Vec<NodeEvidence>,
    /// Every miner.
    pub miners: Vec<MinerEvidence>,
    /// Whether scores and accuracies are of one kind, that is, of the digits task.
    pub digits: bool,
}

impl Evidence {
    /// What an observation shows of a run of `wanted` epochs with `batch_size` tasks per round.
    #[must_use]
    pub fn of(seen: &Observation, wanted: u64, batch_size: u32, digits: bool) -> Self {
        let rows = seen.metagraph.as_ref().map_or(&[][..], |metagraph| &metagraph.rows);
        let incentive = |hotkey: &str| {
            rows.iter().find(|row| row.hotkey == hotkey).map_or(0, |row| row.incentive)
        };
        let mut evidence = Self {
            wanted,
            budget_rao: seen.budget_rao,
            drawn: 0,
            nodes: Vec::new(),
            miners: Vec::new(),
            digits,
        };
        for node in &seen.nodes {
            let record = &node.record;
            // One that breaks rules may lose the right to draw tasks.
            if record.role == Role::Validator && record.behaviour == Behaviour::Honest {
                let rounds = node.present.range(1..=wanted).map(|_| u64::from(batch_size));
                evidence.drawn += rounds.sum::<u64>();
            }
            if record.role == Role::Miner {
                evidence.miners.push(MinerEvidence {
                    name: record.name.clone(),
                    model: record.model.clone(),
                    // A lazy one has nothing to repeat in its first round, and is silent.
                    throughout: record.from_genesis
                        && !node.was_away
                        && node.starts > 0
                        && matches!(record.behaviour, Behaviour::Honest | Behaviour::Clone),
                    accuracy: node.accuracy,
                    incentive: incentive(&record.hotkey),
                    paid_rao: seen.paid(&record.hotkey, wanted),
                    scored: seen.scored(&record.hotkey),
                });
            }
            let held = node.held.range(..=wanted).map(|(_, one)| Held {
                epoch: one.epoch,
                cut: one.cut.clone(),
                result_root: one.result_root.clone(),
                state_root: one.state_root.clone(),
                emitted_rao: one.emitted_rao.0,
            });
            evidence.nodes.push(NodeEvidence {
                name: record.name.clone(),
                role: record.role,
                life: node.life.clone(),
                damaged: match record.behaviour {
                    Behaviour::Damaged { from_epoch } if from_epoch <= wanted => {
                        Some((from_epoch, node.starts > 1))
                    }
                    _ => None,
                },
                held: held.collect(),
                missed: node.missed.range(..=wanted).copied().collect(),
                unbalanced: node
                    .unbalanced
                    .range(..=wanted)
                    .map(|(epoch, one)| (*epoch, (one.supply_rao.0, one.expected_rao.0)))
                    .collect(),
            });
        }
        evidence
    }

    /// Every rule that does not hold, as a sentence that names the rule, the epoch and the node.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        self.check_certified(&mut failures);
        self.check_missed(&mut failures);
        self.check_equal(&mut failures);
        self.check_emission(&mut failures);
        self.check_balance(&mut failures);
        if self.digits {
            self.check_scored(&mut failures);
            self.check_merit(&mut failures);
        }
        failures
    }

    fn check_certified(&self, failures: &mut Vec<String>) {
        if self.wanted == 0 || !self.nodes.iter().any(|node| node.role == Role::Validator) {
            failures.push("every run certifies: there was nothing to certify".into());
        }
        for node in &self.nodes {
            match &node.life {
                Life::Stopped => continue,
                Life::Ended { how } if node.damaged.is_some() && how == DIVERGED => continue,
                Life::Ended { how } => {
                    failures.push(format!(
                        "every node runs until it is stopped: {} ended by itself, {how}",
                        node.name
                    ));
                    continue;
                }
                Life::Running => {}
            }
            if let Some((epoch, false)) = node.damaged {
                failures.push(format!(
                    "a node that was damaged stops: the state of {} was changed in epoch {epoch}, and \
                     it runs on",
                    node.name
                ));
            }
            let held: BTreeSet<u64> = node.held.iter().map(|one| one.epoch).collect();
            let lacking: Vec<String> = (1..=self.wanted)
                .filter(|epoch| !held.contains(epoch))
                .map(|epoch| epoch.to_string())
                .collect();
            if !lacking.is_empty() {
                failures.push(format!(
                    "every running node holds every epoch: {} lacks {}",
                    node.name,
                    lacking.join(", ")
                ));
            }
        }
    }

    fn check_missed(&self, failures: &mut Vec<String>) {
        for node in self.nodes.iter().filter(|node| node.role == Role::Validator) {
            for epoch in &node.missed {
                failures.push(format!(
                    "no epoch is missed: {} had no certificate of epoch {epoch} two epoch lengths \
                     after its deadline",
                    node.name
                ));
            }
        }
    }

    fn check_equal(&self, failures: &mut Vec<String>) {
        for epoch in 1..=self.wanted {
            let mut first: Option<(&str, &Held)> = None;
            for node in &self.nodes {
                let Some(held) = node.held.iter().find(|one| one.epoch == epoch) else { continue };
                let Some((other, expected)) = first else {
                    first = Some((&node.name, held));
                    continue;
                };
                for (what, here, there) in [
                    ("cut", &held.cut, &expected.cut),
                    ("result root", &held.result_root, &expected.result_root),
                    ("state root", &held.state_root, &expected.state_root),
                ] {
                    if here != there {
                        failures.push(format!(
                            "every node has the same {what}: of epoch {epoch}, {} has {here} and \
                             {other} has {there}",
                            node.name
                        ));
                    }
                }
            }
        }
    }

    fn check_emission(&self, failures: &mut Vec<String>) {
        for epoch in 1..=self.wanted {
            let mut held = self.nodes.iter().flat_map(|node| &node.held);
            let Some(one) = held.find(|one| one.epoch == epoch) else { continue };
            if one.emitted_rao != self.budget_rao {
                failures.push(format!(
                    "each epoch pays out its budget: epoch {epoch} paid {} of {} rao",
                    one.emitted_rao, self.budget_rao
                ));
            }
        }
    }

    fn check_balance(&self, failures: &mut Vec<String>) {
        for node in &self.nodes {
            for (epoch, (supply, expected)) in &node.unbalanced {
                failures.push(format!(
                    "nothing is made or lost: after epoch {epoch} {} holds {supply} rao in all, and \
                     {expected} were there, emitted, and neither burned nor slashed",
                    node.name
                ));
            }
        }
    }

    fn check_scored(&self, failures: &mut Vec<String>) {
        let least = self.drawn * SCORED_OF_256 / 256;
        for miner in self.miners.iter().filter(|miner| miner.throughout) {
            if miner.scored < least {
                failures.push(format!(
                    "validators score what they draw: {} was scored on {} tasks in {} epochs, and \
                     at least {least} of {} were due",
                    miner.name, miner.scored, self.wanted, self.drawn
                ));
            }
        }
    }

    fn check_merit(&self, failures: &mut Vec<String>) {
        // A learner's accuracy is of one moment, its rewards are of all before.
        let is_learner =
            |miner: &&MinerEvidence| miner.model == Some(Model::Builtin(LEARNER.into()));
        let rated: Vec<(&MinerEvidence, f64)> = self
            .miners
            .iter()
            .filter(|miner| miner.throughout && !is_learner(miner))
            .filter_map(|miner| miner.accuracy.map(|accuracy| (miner, accuracy)))
            .collect();
        if self.wanted >= RANKED_FROM {
            for (better, high) in &rated {
                for (worse, low) in &rated {
                    if high - low > SWAP && better.incentive <= worse.incentive {
                        failures.push(format!(
                            "miners rank as they answer: {} is right in {:.1} % and has incentive \
                             {}, {} is right in {:.1} % and has {}",
                            better.name,
                            high * 100.0,
                            better.incentive,
                            worse.name,
                            low * 100.0,
                            worse.incentive
                        ));
                    }
                }
            }
        }
        let majority = Some(Model::Builtin("digits-majority".into()));
        let floor = rated.iter().find(|(miner, _)| miner.model == majority);
        let best = rated.iter().max_by_key(|(miner, _)| miner.paid_rao);
        if let Some(((floor, _), (best, _))) = floor.zip(best) {
            let others = rated.iter().any(|(miner, _)| miner.model != majority);
            if others && best.paid_rao < floor.paid_rao.saturating_mul(BEST_TO_MAJORITY).max(1) {
                failures.push(format!(
                    "the best miner earns at least {BEST_TO_MAJORITY} times what the majority-class \
                     miner does: {} was paid {} rao, {} {} rao",
                    best.name, best.paid_rao, floor.name, floor.paid_rao
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(epoch: u64) -> Held {
        let id = |what: &str| format!("{what}{epoch}");
        Held { epoch, cut: id("c"), result_root: id("r"), state_root: id("s"), emitted_rao: 100 }
    }

    fn node(name: &str, role: Role) -> NodeEvidence {
        let held = (1..=8).map(held).collect();
        let life = Life::Running;
        let (missed, unbalanced) = ([].into(), [].into());
        NodeEvidence { name: name.into(), role, life, damaged: None, held, missed, unbalanced }
    }

    fn miner(name: &str, model: &str, accuracy: f64, incentive: u16) -> MinerEvidence {
        MinerEvidence {
            name: name.into(),
            model: Some(Model::Builtin(model.into())),
            throughout: true,
            accuracy: Some(accuracy),
            incentive,
            paid_rao: u64::from(incentive) * 8,
            scored: 1_600,
        }
    }

    fn good() -> Evidence {
        Evidence {
            wanted: 8,
            budget_rao: 100,
            drawn: 2_048,
            nodes: vec![
                node("bootnode", Role::Bootnode),
                node("v1", Role::Validator),
                node("v2", Role::Validator),
            ],
            miners: vec![
                miner("m1", "digits-majority", 0.1, 100),
                miner("m2", "digits-knn", 0.95, 20_000),
                miner("m3", "digits-mlp", 0.93, 20_500),
            ],
            digits: true,
        }
    }

    #[test]
    fn a_good_run_holds() {
        assert_eq!(good().failures(), [""; 0]);
    }

    #[test]
    fn a_node_stopped_by_request_may_lack_epochs() {
        let mut run = good();
        run.nodes[0].life = Life::Stopped;
        run.nodes[0].held.truncate(2);
        assert_eq!(run.failures(), [""; 0]);
        run.nodes[0].life = Life::Running;
        assert_eq!(run.failures().len(), 1);
    }

    #[test]
    fn a_damaged_node_has_to_stop_by_itself_with_its_own_exit_code() {
        let mut run = good();
        run.nodes[1].damaged = Some((4, false));
        let [failure] = &run.failures()[..] else { panic!("{:?}", run.failures()) };
        assert!(failure.starts_with("a node that was damaged stops: the state of v1"), "{failure}");
        run.nodes[1].life = Life::Ended { how: DIVERGED.into() };
        run.nodes[1].held.truncate(3);
        assert_eq!(run.failures(), [""; 0]);
        run.nodes[1].life = Life::Ended { how: "exit code 3".into() };
        assert_eq!(run.failures().len(), 1);
        // Cured and started again it has to hold everything.
        run.nodes[1].life = Life::Running;
        run.nodes[1].damaged = Some((4, true));
        assert!(run.failures()[0].contains("v1 lacks 4"), "{:?}", run.failures());
    }

    #[test]
    fn every_broken_rule_is_named_with_epoch_and_node() {
        type Break = fn(&mut Evidence);
        let cases: [(&str, Break); 15] = [
            ("v2 lacks 8", |run| drop(run.nodes[2].held.pop())),
            ("v2 lacks 3", |run| drop(run.nodes[2].held.remove(2))),
            ("v1 ended by itself, exit code 3", |run| {
                run.nodes[1].life = Life::Ended { how: "exit code 3".into() };
            }),
            ("no epoch is missed: v1 had no certificate of epoch 5", |run| {
                run.nodes[1].missed.insert(5);
            }),
            ("the same cut: of epoch 4, v2 has x", |run| run.nodes[2].held[3].cut = "x".into()),
            ("the same result root: of epoch 4", |run| {
                run.nodes[2].held[3].result_root = "x".into();
            }),
            ("the same state root: of epoch 1", |run| {
                run.nodes[1].held[0].state_root = "x".into();
            }),
            ("epoch 2 paid 99 of 100 rao", |run| {
                run.nodes.iter_mut().for_each(|node| node.held[1].emitted_rao = 99);
            }),
            ("after epoch 6 v1 holds 99 rao in all, and 98 were", |run| {
                run.nodes[1].unbalanced.insert(6, (99, 98));
            }),
            ("m2 was scored on 1599 tasks", |run| run.miners[1].scored = 1_599),
            ("m2 is right in 95.0 % and has incentive 99, m1 is right in 10.0 %", |run| {
                run.miners[1].incentive = 99;
            }),
            ("m3 is right in 93.0 % and has incentive 100", |run| run.miners[2].incentive = 100),
            ("m3 was paid 2399 rao, m1 800 rao", |run| {
                run.miners[1].paid_rao = 0;
                run.miners[2].paid_rao = 2_399;
            }),
            ("nothing to certify", |run| run.wanted = 0),
            ("nothing to certify", |run| run.nodes.truncate(1)),
        ];
        for (part, spoil) in cases {
            let mut run = good();
            spoil(&mut run);
            let failures = run.failures();
            assert!(failures.iter().any(|one| one.contains(part)), "{failures:?} lack {part:?}");
        }
    }

    #[test]
    fn close_pairs_late_comers_and_learners_are_not_ranked() {
        let mut run = good();
        run.miners[1].accuracy = Some(0.955);
        assert_eq!(run.failures(), [""; 0], "within three points");
        run.miners[1].accuracy = Some(0.97);
        assert_eq!(run.failures().len(), 1, "beyond them");
        run.miners[1].throughout = false;
        assert_eq!(run.failures(), [""; 0]);
        run.miners[1].throughout = true;
        run.miners[1].model = Some(Model::Builtin(LEARNER.into()));
        assert_eq!(run.failures(), [""; 0]);
    }
}
