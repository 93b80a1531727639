//! The one object of `testnet up --epochs N --json`.

use ganglion_types::Rao;
use serde::{Deserialize, Serialize};

use super::measure::{self, Group, Outcome};
use super::observe::{Life, NodeView, Observation};
use super::spec::Role;
use super::usage::RoleUsage;
use super::{load, table};
use crate::api::types::{Amount, EpochDetail, Offence};

/// `ganglion/testnet/1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `ganglion/testnet/1`.
    pub schema: String,
    /// Subnet id, hex.
    pub subnet: String,
    /// Budget of an epoch.
    pub budget_rao: Amount,
    /// Whether every rule held.
    pub held: bool,
    /// The rules that did not, as sentences.
    pub failures: Vec<String>,
    /// What the testnet's file asserts, with the figures that were measured.
    pub assertions: Vec<Outcome>,
    /// What each behaviour brought.
    pub behaviours: Vec<Group>,
    /// Certified epochs, rising.
    pub epochs: Vec<EpochReport>,
    /// Every node.
    pub nodes: Vec<NodeReport>,
    /// Every participant, by uid.
    pub metagraph: Vec<RowReport>,
    /// Longest time between two cuts, in milliseconds.
    pub longest_gap_ms: u64,
    /// Offences that cuts prove.
    pub offences: Vec<OffenceReport>,
    /// The state after the last epoch.
    pub state: Option<StateReport>,
    /// What nodes used, by role.
    pub usage: Vec<RoleUsage>,
    /// What the load did, if the file asks for one.
    pub load: Option<load::Report>,
}

/// Two statements where one may be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffenceReport {
    /// The node that made them, or its hotkey if it is none of the testnet's.
    pub offender: String,
    /// What was said twice: `vote`, `proposal`, `weights` or `weight_commit`.
    pub kind: String,
    /// In which epoch.
    pub epoch: u64,
    /// The epoch whose cut proves it.
    pub proven_in: u64,
}

/// Size of the state, and what all that is owned adds up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateReport {
    /// Rows.
    pub rows: u64,
    /// Bytes of the rows, keys included.
    pub bytes: u64,
    /// All that is owned.
    pub supply_rao: Amount,
    /// Looks at nodes in which it was what it should be, of so many.
    pub balanced: (u64, u64),
}

/// One certified epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// The epoch.
    pub epoch: u64,
    /// Cut id.
    pub cut: String,
    /// Root of the result.
    pub result_root: String,
    /// Root of the state after it.
    pub state_root: String,
    /// Names of the nodes that signed its certificate.
    pub signed_by: Vec<String>,
    /// Round of agreement that decided it.
    pub round: u32,
    /// From the deadline to the decision, the slowest validator's; none if nobody measured it.
    pub seconds: Option<f64>,
    /// Whether a validator lacked it two epoch lengths after the deadline.
    pub missed: bool,
    /// Paid out.
    pub emitted_rao: Amount,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Its name.
    pub name: String,
    /// `bootnode`, `validator`, `miner` or `observer`.
    pub role: Role,
    /// `honest`, or what else it does.
    pub behaviour: String,
    /// SS58.
    pub hotkey: String,
    /// Stake at genesis.
    pub stake_rao: Amount,
    /// Its HTTP interface.
    pub api: String,
    /// Its process at the end of the run, none if it was stopped.
    pub pid: Option<u32>,
    /// `running`, `stopped` or `ENDED`.
    pub state: String,
    /// What it holds, rising by epoch.
    pub epochs: Vec<NodeEpoch>,
}

/// One epoch as a node holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEpoch {
    /// The epoch.
    pub epoch: u64,
    /// Cut id.
    pub cut: String,
    /// Root of the result.
    pub result_root: String,
}

/// One participant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowReport {
    /// Uid.
    pub uid: u16,
    /// Its node's name, none if it is none of the testnet's.
    pub name: Option<String>,
    /// `honest`, or what else its node does.
    pub behaviour: String,
    /// SS58.
    pub hotkey: String,
    /// What a miner runs.
    pub model: Option<String>,
    /// Measured share of right answers, 0 to 1.
    pub accuracy: Option<f64>,
    /// Share of the miners' part, of 65535.
    pub incentive: u16,
    /// Share of the validators' part, of 65535.
    pub dividends: u16,
    /// Paid over the run.
    pub paid_rao: Amount,
    /// Tasks that validators scored.
    pub scored: u64,
}

impl Report {
    /// What an observation shows of a run of `wanted` epochs.
    #[must_use]
    pub fn of(
        seen: &Observation,
        wanted: u64,
        failures: Vec<String>,
        assertions: Vec<Outcome>,
    ) -> Self {
        let epochs = seen.epochs.range(1..=wanted).map(|(epoch, detail)| EpochReport {
            epoch: *epoch,
            cut: detail.summary.cut.clone(),
            result_root: detail.summary.result_root.clone(),
            state_root: detail.summary.state_root.clone(),
            signed_by: detail.signed_by.iter().map(|hotkey| table::name_of(seen, hotkey)).collect(),
            round: detail.summary.round,
            seconds: seconds(seen, *epoch),
            missed: seen
                .nodes
                .iter()
                .any(|node| node.record.role == Role::Validator && node.missed.contains(epoch)),
            emitted_rao: detail.summary.emitted_rao,
        });
        let rows = seen.metagraph.as_ref().map_or(&[][..], |metagraph| &metagraph.rows);
        let metagraph = rows.iter().map(|row| {
            let node = seen.by_hotkey(&row.hotkey);
            let model = node.and_then(|node| node.record.model.as_ref());
            RowReport {
                uid: row.uid,
                name: node.map(|node| node.record.name.clone()),
                behaviour: node.map(|node| node.record.behaviour).unwrap_or_default().name().into(),
                hotkey: row.hotkey.clone(),
                model: model.map(super::spec::Model::name),
                accuracy: node.and_then(|node| node.accuracy),
                incentive: row.incentive,
                dividends: row.dividends,
                paid_rao: Amount(seen.paid(&row.hotkey, wanted)),
                scored: seen.scored(&row.hotkey),
            }
        });
        Self {
            schema: "ganglion/testnet/1".into(),
            subnet: seen.subnet.clone(),
            budget_rao: Amount(seen.budget_rao),
            held: failures.is_empty(),
            failures,
            assertions,
            behaviours: measure::groups(seen, wanted),
            epochs: epochs.collect(),
            nodes: seen.nodes.iter().map(|node| node_report(node, wanted)).collect(),
            metagraph: metagraph.collect(),
            longest_gap_ms: longest_gap(seen, wanted),
            offences: offences(seen, wanted),
            state: state(seen),
            usage: Vec::new(),
            load: None,
        }
    }

    /// The same for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        text.push_str(&table::plain(
            &["uid", "name", "model", "accuracy", "incentive", "dividends", "paid, units"],
            self.metagraph.iter().filter(|row| row.name.is_some()).map(row_words),
        ));
        let others = self.metagraph.iter().filter(|row| row.name.is_none()).count();
        if others > 0 {
            text.push_str(&format!(" and {others} uids that no node of the testnet holds\n"));
        }
        if self.behaviours.iter().any(|group| group.behaviour != "honest") {
            text.push('\n');
            text.push_str(&table::plain(
                &["behaviour", "role", "nodes", "incentive", "dividends per stake", "paid, units"],
                self.behaviours.iter().map(group_words),
            ));
        }
        if !self.assertions.is_empty() {
            text.push('\n');
            text.push_str(&table::plain(
                &["assertion", "metric", "of", "epochs", "measured", "", "against", ""],
                self.assertions.iter().map(outcome_words),
            ));
        }
        if let Some(load) = &self.load {
            text.push('\n');
            text.push_str(&load.text());
        }
        text.push('\n');
        text.push_str(&table::plain(
            &["role", "nodes", "memory, MiB", "in, KiB/epoch", "out, KiB/epoch", "log, KiB/epoch"],
            self.usage.iter().map(usage_words),
        ));
        text.push('\n');
        text.push_str(&self.sentences());
        text
    }

    /// What does not fit into tables.
    fn sentences(&self) -> String {
        let mut text = String::new();
        for offence in &self.offences {
            let OffenceReport { offender, kind, epoch, proven_in } = offence;
            let kind = kind.replace('_', " ");
            text.push_str(&format!(
                "{offender} said two things as {kind} in epoch {epoch}: proven in epoch {proven_in}.\n"
            ));
        }
        if let Some(state) = &self.state {
            let (balanced, looks) = state.balanced;
            text.push_str(&format!(
                "The state has {} rows, {:.1} KiB. The supply is {} units: in {balanced} of {looks} \
                 looks at nodes it was to the rao what there was at genesis and was emitted, burned \
                 and slashed since.\n",
                state.rows,
                kib(state.bytes),
                Rao::new(state.supply_rao.0)
            ));
        }
        let certified = self.epochs.len();
        let budget = Rao::new(self.budget_rao.0);
        let slowest = self.epochs.iter().filter_map(|epoch| epoch.seconds).fold(0.0, f64::max);
        text.push_str(&format!(
            "{certified} epochs certified, {budget} units paid in each; the slowest was decided \
             {slowest:.1} s after its deadline, and the longest time between two was {:.1} s.\n",
            seconds_of(self.longest_gap_ms)
        ));
        for failure in &self.failures {
            text.push_str(&format!("DOES NOT HOLD: {failure}\n"));
        }
        if self.held {
            text.push_str("Every node holds the same cuts and the same results: the run held.\n");
        }
        text
    }
}

fn longest_gap(seen: &Observation, wanted: u64) -> u64 {
    let epochs: Vec<&EpochDetail> =
        seen.epochs.range(1..=wanted).map(|(_, detail)| detail).collect();
    let gaps = epochs.windows(2).map(|pair| {
        let [before, after] = pair else { return 0 };
        after.summary.time.saturating_sub(before.summary.time)
    });
    gaps.max().unwrap_or(0)
}

fn offences(seen: &Observation, wanted: u64) -> Vec<OffenceReport> {
    let cuts = seen.epochs.range(1..=wanted);
    let all = cuts.flat_map(|(cut, detail)| detail.evidence.iter().map(move |one| (*cut, one)));
    let report = |(cut, one): (u64, &Offence)| OffenceReport {
        offender: seen
            .by_hotkey(&one.offender)
            .map_or_else(|| one.offender.clone(), |node| node.record.name.clone()),
        kind: one.kind.clone(),
        epoch: one.epoch,
        proven_in: cut,
    };
    all.map(report).collect()
}

/// As the node that was seen last shows it.
fn state(seen: &Observation) -> Option<StateReport> {
    let last = seen.nodes.iter().filter_map(|node| node.usage.last_key_value());
    let (_, usage) = last.max_by_key(|(epoch, _)| **epoch)?;
    let looks: usize = seen.nodes.iter().map(|node| node.usage.len()).sum();
    let unbalanced: usize = seen.nodes.iter().map(|node| node.unbalanced.len()).sum();
    let count = |looks: usize| u64::try_from(looks).unwrap_or(u64::MAX);
    Some(StateReport {
        rows: usage.rows,
        bytes: usage.state_bytes,
        supply_rao: usage.supply_rao,
        balanced: (count(looks.saturating_sub(unbalanced)), count(looks)),
    })
}

fn usage_words(usage: &RoleUsage) -> Vec<String> {
    let [incoming, outgoing, log] = [usage.bytes_in, usage.bytes_out, usage.log_bytes]
        .map(|bytes| format!("{:.1}", kib(bytes)));
    let memory = format!("{:.1}", kib(usage.resident_bytes) / 1_024.0);
    vec![usage.role.name().into(), usage.nodes.to_string(), memory, incoming, outgoing, log]
}

/// Bytes as KiB, for people.
fn kib(bytes: u64) -> f64 {
    u32::try_from(bytes / 64).map_or(f64::MAX, |parts| f64::from(parts) / 16.0)
}

fn seconds_of(ms: u64) -> f64 {
    u32::try_from(ms).map_or(f64::MAX, |ms| f64::from(ms) / 1_000.0)
}

fn row_words(row: &RowReport) -> Vec<String> {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    vec![
        row.uid.to_string(),
        row.name.clone().unwrap_or_default(),
        match (row.behaviour.as_str(), &row.model) {
            ("honest", model) => model.clone().unwrap_or_default(),
            (behaviour, None) => behaviour.to_owned(),
            (behaviour, Some(model)) => format!("{behaviour}, {model}"),
        },
        row.accuracy.map(percent).unwrap_or_default(),
        super::table::share(row.incentive),
        super::table::share(row.dividends),
        super::table::units(row.paid_rao.0),
    ]
}

fn group_words(group: &Group) -> Vec<String> {
    let figure = |figure: Option<f64>| figure.map(measure::show).unwrap_or_default();
    vec![
        group.behaviour.clone(),
        group.role.name().into(),
        group.nodes.to_string(),
        figure(group.incentive),
        figure(group.dividends_per_stake),
        figure(group.paid),
    ]
}

fn outcome_words(outcome: &Outcome) -> Vec<String> {
    let figure = |figure: Option<f64>| figure.map_or_else(|| "unknown".into(), measure::show);
    let (first, last) = outcome.epochs;
    vec![
        outcome.name.clone(),
        outcome.metric.clone(),
        outcome.subject.clone(),
        format!("{first}..{last}"),
        figure(outcome.measured),
        outcome.comparison.clone(),
        figure(outcome.against),
        if outcome.held { "holds" } else { "DOES NOT HOLD" }.into(),
    ]
}

/// The slowest validator's seconds from deadline to decision.
#[must_use]
pub fn seconds(seen: &Observation, epoch: u64) -> Option<f64> {
    let validators = seen.nodes.iter().filter(|node| node.record.role == Role::Validator);
    let latencies = validators.filter_map(|node| node.held.get(&epoch)?.latency_ms);
    let slowest = latencies.max().and_then(|ms| u32::try_from(ms).ok())?;
    Some(f64::from(slowest) / 1_000.0)
}

fn node_report(node: &NodeView, wanted: u64) -> NodeReport {
    let epochs = node.held.range(1..=wanted).map(|(epoch, one)| NodeEpoch {
        epoch: *epoch,
        cut: one.cut.clone(),
        result_root: one.result_root.clone(),
    });
    NodeReport {
        name: node.record.name.clone(),
        role: node.record.role,
        behaviour: node.record.behaviour.name().into(),
        hotkey: node.record.hotkey.clone(),
        stake_rao: node.record.stake_rao,
        api: node.record.api(),
        pid: node.record.pid.filter(|_| node.life == Life::Running),
        state: node.life.word().into(),
        epochs: epochs.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testnet::spec::{Flags, Spec};
    use crate::testnet::table::tests::observation;

    const FILE: &str = "\
[[assert]]
name = \"all agree\"
metric = \"agreement\"
comparison = \"==\"
against = 1

[[assert]]
name = \"the miner earns little\"
metric = \"incentive\"
role = \"miner\"
comparison = \"<\"
against = 0.5
epochs = \"last\"
";

    #[test]
    fn every_assertion_is_shown_with_its_figure() {
        let spec = Spec::parse("t.toml", FILE, &Flags::default()).unwrap();
        let seen = observation();
        let outcomes = measure::judge(&seen, &spec.assertions, 1);
        let failures: Vec<String> = outcomes.iter().filter_map(Outcome::failure).collect();
        assert_eq!(
            failures,
            ["the miner earns little: incentive of miner in epochs 1 to 1 is 1, and not < 0.5"]
        );
        let report = Report::of(&seen, 1, failures, outcomes);
        let text = report.text();
        for line in [
            " assertion               metric     of     epochs  measured      against",
            " all agree               agreement  min    1..1           1  ==        1  holds",
            " the miner earns little  incentive  miner  1..1           1  <       0.5  DOES NOT HOLD",
            "DOES NOT HOLD: the miner earns little: incentive of miner",
        ] {
            assert!(text.contains(line), "{text}\nlacks\n{line}");
        }
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["held"], &json["assertions"][1]["held"]), (&false.into(), &false.into()));
        assert_eq!(json["assertions"][1]["measured"], 1.0);
        assert_eq!(json["assertions"][1]["figures"]["m1"], 1.0);
        assert_eq!(json["behaviours"][0]["behaviour"], "honest");
    }
}
