//! The figures that assertions are about, from what was seen of a run. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::assertions::{Against, Assertion, Comparison, Of, Subject};
use super::behaviour::Behaviour;
use super::observe::{NodeView, Observation};
use super::spec::{Model, Role};
use crate::api::types::ResultRow;

/// A unit in rao.
const UNIT: f64 = 1e9;
/// One, as rows of a result write it.
const ONE: f64 = 65_535.0;

/// What can be measured of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A miner's share of the miners' part, 0 to 1: mean over the epochs.
    Incentive,
    /// A validator's share of the validators' part, 0 to 1: mean over the epochs.
    Dividends,
    /// Its share of all dividends by its share of all validators' stake: 1 is its due.
    DividendsPerStake,
    /// Units paid to its hotkey in the epochs, all together.
    Paid,
    /// Share of right answers, 0 to 1, as measured before the run (a learner's after it).
    Accuracy,
    /// Epochs of which a validator had no certificate two epoch lengths after the deadline.
    Missed,
    /// Rounds of agreement until an epoch was decided: 1 is the first.
    Rounds,
    /// Units behind a validator's hotkey after the last of the epochs.
    Stake,
    /// Units that were slashed in an epoch, of whomever.
    Slashed,
    /// Share of a validator's weight that was kept, 0 to 1: mean over the epochs.
    ValidatorTrust,
    /// Stake-weighted median weight of a miner, 0 to 1: mean over the epochs.
    Consensus,
    /// Epochs since a validator's row of weights last changed: mean over the epochs.
    WeightAge,
    /// Epochs whose certificate a node holds.
    Certified,
    /// Units paid out in an epoch.
    Emitted,
    /// 1 for an epoch of which all nodes that hold it show one cut and equal roots, else 0.
    Agreement,
}

/// Who has a figure of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Each miner.
    Miners,
    /// Each validator.
    Validators,
    /// Each miner and validator.
    Participants,
    /// Each node.
    Nodes,
    /// Each epoch, for the subnet as a whole.
    Subnet,
}

impl Scope {
    /// Whether a node of this role has one.
    #[must_use]
    pub const fn includes(self, role: Role) -> bool {
        match self {
            Self::Miners => matches!(role, Role::Miner),
            Self::Validators => matches!(role, Role::Validator),
            Self::Participants => matches!(role, Role::Miner | Role::Validator),
            Self::Nodes => true,
            Self::Subnet => false,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Miners => "miners",
            Self::Validators => "validators",
            Self::Participants => "miners and validators",
            Self::Nodes => "nodes",
            Self::Subnet => "the whole subnet",
        }
    }
}

impl Metric {
    /// Every one.
    pub const ALL: [Self; 15] = [
        Self::Incentive,
        Self::Dividends,
        Self::DividendsPerStake,
        Self::Paid,
        Self::Accuracy,
        Self::Missed,
        Self::Rounds,
        Self::Stake,
        Self::Slashed,
        Self::ValidatorTrust,
        Self::Consensus,
        Self::WeightAge,
        Self::Certified,
        Self::Emitted,
        Self::Agreement,
    ];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Incentive => "incentive",
            Self::Dividends => "dividends",
            Self::DividendsPerStake => "dividends_per_stake",
            Self::Paid => "paid",
            Self::Accuracy => "accuracy",
            Self::Missed => "missed",
            Self::Rounds => "rounds",
            Self::Stake => "stake",
            Self::Slashed => "slashed",
            Self::ValidatorTrust => "validator_trust",
            Self::Consensus => "consensus",
            Self::WeightAge => "weight_age",
            Self::Certified => "certified",
            Self::Emitted => "emitted",
            Self::Agreement => "agreement",
        }
    }

    /// Who has a figure of it.
    #[must_use]
    pub const fn scope(self) -> Scope {
        match self {
            Self::Incentive | Self::Accuracy | Self::Consensus => Scope::Miners,
            Self::Dividends
            | Self::DividendsPerStake
            | Self::Missed
            | Self::Stake
            | Self::ValidatorTrust
            | Self::WeightAge => Scope::Validators,
            Self::Paid => Scope::Participants,
            Self::Certified => Scope::Nodes,
            Self::Rounds | Self::Slashed | Self::Emitted | Self::Agreement => Scope::Subnet,
        }
    }

    /// What is made of several figures where nothing else is said.
    #[must_use]
    pub const fn usual_of(self) -> Of {
        match self {
            Self::Slashed => Of::Sum,
            Self::Agreement => Of::Min,
            _ => Of::Mean,
        }
    }
}

/// What became of an assertion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// The metric's name.
    pub metric: String,
    /// Of whom.
    pub subject: String,
    /// First and last epoch.
    pub epochs: (u64, u64),
    /// The figure; with `each` or `any` the one that decided. None if it could not be measured.
    pub measured: Option<f64>,
    /// The figures it was made of, by node, or by epoch for the subnet's.
    pub figures: BTreeMap<String, f64>,
    /// `>=`, `<=`, `>`, `<` or `==`.
    pub comparison: String,
    /// With what it was compared. None if it could not be measured.
    pub against: Option<f64>,
    /// Whether it holds.
    pub held: bool,
}

impl Outcome {
    /// Why it does not hold, in a sentence.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        if self.held {
            return None;
        }
        let (first, last) = self.epochs;
        let figure = |figure: Option<f64>| figure.map_or("unknown".into(), show);
        Some(format!(
            "{}: {} of {} in epochs {first} to {last} is {}, and not {} {}",
            self.name,
            self.metric,
            self.subject,
            figure(self.measured),
            self.comparison,
            figure(self.against)
        ))
    }
}

/// A figure for people: up to four decimals.
#[must_use]
pub fn show(figure: f64) -> String {
    let text = format!("{figure:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.to_owned() }
}

/// Judges every assertion about a run of `wanted` epochs.
#[must_use]
pub fn judge(seen: &Observation, assertions: &[Assertion], wanted: u64) -> Vec<Outcome> {
    assertions.iter().map(|one| judge_one(seen, one, wanted)).collect()
}

fn judge_one(seen: &Observation, one: &Assertion, wanted: u64) -> Outcome {
    let span = one.epochs.of(wanted);
    let measured = figures(seen, one.metric, &one.subject, span);
    let against = match &one.against {
        Against::Number(number) => Some(*number),
        Against::Other { subject, factor } => {
            let other = figures(seen, one.metric, subject, span);
            other.and_then(|figures| reduce(&figures, subject.of)).map(|figure| figure * factor)
        }
    };
    let figures = measured.unwrap_or_default();
    let figure = match one.subject.of {
        of @ (Of::Each | Of::Any) => {
            against.and_then(|against| decisive(&figures, of, one.comparison, against))
        }
        of => reduce(&figures, of),
    };
    let holds = |(figure, against)| one.comparison.holds(figure, against);
    Outcome {
        name: one.name.clone(),
        metric: one.metric.name().into(),
        subject: one.subject.to_string(),
        epochs: span,
        measured: figure,
        held: figure.zip(against).is_some_and(holds),
        figures,
        comparison: one.comparison.sign().into(),
        against,
    }
}

/// The figure on which it hangs: of each the worst, of any the best.
fn decisive(
    figures: &BTreeMap<String, f64>,
    of: Of,
    comparison: Comparison,
    against: f64,
) -> Option<f64> {
    let far = |figure: &f64| comparison.distance(*figure, against);
    let order = |a: &f64, b: &f64| far(a).total_cmp(&far(b));
    let all = figures.values().copied();
    if of == Of::Each { all.max_by(order) } else { all.min_by(order) }
}

/// One figure of several, none of none.
fn reduce(figures: &BTreeMap<String, f64>, of: Of) -> Option<f64> {
    let all = || figures.values().copied();
    let sum = all().sum::<f64>();
    let count = u32::try_from(figures.len()).ok().filter(|count| *count > 0)?;
    match of {
        Of::Sum => Some(sum),
        Of::Min => all().min_by(f64::total_cmp),
        Of::Max => all().max_by(f64::total_cmp),
        Of::Mean | Of::Each | Of::Any => Some(sum / f64::from(count)),
    }
}

/// The figures of those who are meant, by node or epoch. `None` if one of them cannot be known.
#[must_use]
pub fn figures(
    seen: &Observation,
    metric: Metric,
    subject: &Subject,
    span: (u64, u64),
) -> Option<BTreeMap<String, f64>> {
    let view = Span::new(seen, span)?;
    if metric.scope() == Scope::Subnet {
        let epochs = view.epochs();
        return epochs
            .map(|epoch| Some((epoch.to_string(), view.of_epoch(metric, epoch)?)))
            .collect();
    }
    let meant = seen.nodes.iter().filter(|node| {
        let record = &node.record;
        let model = record.model.as_ref().map(Model::name).unwrap_or_default();
        metric.scope().includes(record.role)
            && subject.selects(&record.name, record.role, record.behaviour, &model)
    });
    meant.map(|node| Some((node.record.name.clone(), view.of_node(metric, node)?))).collect()
}

/// Epochs of a run, all of which were seen.
struct Span<'s> {
    seen: &'s Observation,
    first: u64,
    last: u64,
}

impl<'s> Span<'s> {
    fn new(seen: &'s Observation, (first, last): (u64, u64)) -> Option<Self> {
        let whole = first <= last && (first..=last).all(|epoch| seen.epochs.contains_key(&epoch));
        whole.then_some(Self { seen, first, last })
    }

    fn epochs(&self) -> std::ops::RangeInclusive<u64> {
        self.first..=self.last
    }

    fn count(&self) -> f64 {
        u32::try_from(self.epochs().count()).map_or(f64::NAN, f64::from)
    }

    fn of_epoch(&self, metric: Metric, epoch: u64) -> Option<f64> {
        let summary = &self.seen.epochs.get(&epoch)?.summary;
        Some(match metric {
            Metric::Rounds => f64::from(summary.round) + 1.0,
            Metric::Emitted => units(summary.emitted_rao.0),
            Metric::Slashed => units(summary.slashed_rao.0),
            Metric::Agreement => {
                let held = || self.seen.nodes.iter().filter_map(|node| node.held.get(&epoch));
                let id = |one: &'s crate::api::types::EpochSummary| {
                    (&one.cut, &one.result_root, &one.state_root)
                };
                let first = held().next().map(id)?;
                if held().all(|one| id(one) == first) { 1.0 } else { 0.0 }
            }
            _ => return None,
        })
    }

    fn of_node(&self, metric: Metric, node: &NodeView) -> Option<f64> {
        let hotkey = node.record.hotkey.as_str();
        let share = |of: fn(&ResultRow) -> u16| {
            self.sum_of_rows(hotkey, |row| f64::from(of(row)) / ONE) / self.count()
        };
        Some(match metric {
            Metric::Incentive => share(|row| row.incentive),
            Metric::Dividends => share(|row| row.dividends),
            Metric::Consensus => share(|row| row.consensus),
            Metric::ValidatorTrust => share(|row| row.validator_trust),
            Metric::Paid => self.sum_of_rows(hotkey, |row| units(row.paid_rao.0)),
            Metric::DividendsPerStake => self.dividends_per_stake(hotkey)?,
            Metric::Accuracy => node.accuracy?,
            Metric::Missed => count(node.missed.range(self.epochs()).count()),
            Metric::Certified => count(node.held.range(self.epochs()).count()),
            Metric::Stake => {
                let standings = self.seen.standings_at(self.last)?;
                standings.get(hotkey).map_or(0.0, |one| units(one.stake_rao.0))
            }
            Metric::WeightAge => self.weight_age(hotkey)?,
            Metric::Rounds | Metric::Slashed | Metric::Emitted | Metric::Agreement => return None,
        })
    }

    fn sum_of_rows(&self, hotkey: &str, of: impl Fn(&ResultRow) -> f64) -> f64 {
        let rows = self.seen.epochs.range(self.epochs()).flat_map(|(_, detail)| &detail.rows);
        rows.filter(|row| row.hotkey == hotkey).map(of).sum()
    }

    fn dividends_per_stake(&self, hotkey: &str) -> Option<f64> {
        let mut stake = 0.0;
        for epoch in self.epochs() {
            let standings = self.seen.standings_at(epoch)?;
            let all: f64 = standings.values().map(|one| units(one.stake_rao.0)).sum();
            let own = standings.get(hotkey).map_or(0.0, |one| units(one.stake_rao.0));
            stake += if all > 0.0 { own / all } else { 0.0 };
        }
        let dividends = self.sum_of_rows(hotkey, |row| f64::from(row.dividends) / ONE);
        Some(if stake > 0.0 { dividends / stake } else { 0.0 })
    }

    fn weight_age(&self, hotkey: &str) -> Option<f64> {
        let mut ages = 0.0;
        for epoch in self.epochs() {
            let updated = self.seen.standings_at(epoch)?.get(hotkey).map(|one| one.last_update);
            let age = epoch.saturating_sub(updated.unwrap_or(0));
            ages += f64::from(u32::try_from(age).unwrap_or(u32::MAX));
        }
        Some(ages / self.count())
    }
}

fn units(rao: u64) -> f64 {
    // For comparing, to some fifteen digits; amounts are counted elsewhere.
    let (high, low) = (rao / 1_000_000_000, rao % 1_000_000_000);
    let whole = u32::try_from(high).map_or(f64::MAX, f64::from);
    whole + u32::try_from(low).map_or(0.0, f64::from) / UNIT
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

/// One behaviour of one role, over a whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The behaviour.
    pub behaviour: String,
    /// The role.
    pub role: Role,
    /// How many nodes.
    pub nodes: usize,
    /// Mean incentive, for miners.
    pub incentive: Option<f64>,
    /// Mean dividends by stake, for validators.
    pub dividends_per_stake: Option<f64>,
    /// Units paid to all of them.
    pub paid: Option<f64>,
}

/// What each behaviour brought in `wanted` epochs.
#[must_use]
pub fn groups(seen: &Observation, wanted: u64) -> Vec<Group> {
    let mut groups = Vec::new();
    for role in [Role::Validator, Role::Miner] {
        for behaviour in Behaviour::ALL.map(Behaviour::name) {
            let is_one = |node: &&NodeView| {
                node.record.role == role && node.record.behaviour.name() == behaviour
            };
            let nodes = seen.nodes.iter().filter(is_one).count();
            if nodes == 0 {
                continue;
            }
            let subject = Subject {
                role: Some(role),
                behaviour: Some(behaviour.into()),
                ..Subject::default()
            };
            let figure = |metric: Metric, of: Of| {
                let figures = figures(seen, metric, &subject, (1, wanted))?;
                reduce(&figures, of)
            };
            groups.push(Group {
                behaviour: behaviour.into(),
                role,
                nodes,
                incentive: figure(Metric::Incentive, Of::Mean),
                dividends_per_stake: figure(Metric::DividendsPerStake, Of::Mean),
                paid: figure(Metric::Paid, Of::Sum),
            });
        }
    }
    groups
}

#[cfg(test)]
mod tests;
