//! What is known of a running testnet, from its nodes' HTTP interfaces.
//!
//! [`ask`] talks to one node and never fails: a node that is down is simply unreachable.
//! [`Observation`] is plain data, fed with the answers, and the source of the table, the sentences
//! and the verdict alike.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::setup::NodeRecord;
use super::usage::{self, Usage};
use crate::api::Client;
use crate::api::types::{
    Amount, EpochDetail, EpochSummary, Metagraph, MetagraphRow, Score, Status,
};

/// Epochs asked for at once, the most that a node gives.
const PAGE: u64 = 100;

/// How a node of the testnet is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Life {
    /// Its process runs.
    Running,
    /// Somebody asked for that.
    Stopped,
    /// It ended by itself.
    Ended {
        /// How, such as `exit code 3`.
        how: String,
    },
}

impl Life {
    /// One word for a table.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Ended { .. } => "ENDED",
        }
    }
}

/// What one node said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeView {
    /// How it was set up.
    pub record: NodeRecord,
    /// Whether its process runs.
    pub life: Life,
    /// How often it was started; answers of an earlier life do not count.
    pub starts: u32,
    /// Whether it was ever away after genesis.
    pub was_away: bool,
    /// Its last status, `None` while it does not answer.
    pub status: Option<Status>,
    /// The epochs it holds, as its present life shows them; genesis is not one.
    pub held: BTreeMap<u64, EpochSummary>,
    /// Epochs it said it missed, in any life.
    pub missed: BTreeSet<u64>,
    /// Epochs that it was seen to be at as they were new.
    pub present: BTreeSet<u64>,
    /// For each hotkey the tasks this validator scored: in former lives, and in this one.
    pub scored: BTreeMap<String, (u64, u64)>,
    /// For each hotkey the moving average of its scores.
    pub averages: BTreeMap<String, f64>,
    /// What it used, as its present life shows it after the epochs that were looked at.
    #[serde(default)]
    pub usage: BTreeMap<u64, Usage>,
    /// Epochs after which what it holds did not add up, in any life.
    #[serde(default)]
    pub unbalanced: BTreeMap<u64, Usage>,
    /// Measured share of right answers, for a miner that could be measured.
    pub accuracy: Option<f64>,
}

impl NodeView {
    /// A node that was not heard of yet.
    #[must_use]
    pub fn new(record: NodeRecord) -> Self {
        Self {
            record,
            life: Life::Stopped,
            starts: 0,
            was_away: false,
            status: None,
            held: BTreeMap::new(),
            missed: BTreeSet::new(),
            present: BTreeSet::new(),
            scored: BTreeMap::new(),
            averages: BTreeMap::new(),
            usage: BTreeMap::new(),
            unbalanced: BTreeMap::new(),
            accuracy: None,
        }
    }

    /// A new life begins: what it holds has to be shown anew.
    pub fn begin_life(&mut self, pid: Option<u32>) {
        self.life = Life::Running;
        self.was_away |= self.starts > 0;
        self.starts += 1;
        self.record.pid = pid;
        self.status = None;
        self.held.clear();
        self.usage.clear();
        for (former, present) in self.scored.values_mut() {
            *former += std::mem::take(present);
        }
    }

    /// This life is over.
    pub fn end_life(&mut self, life: Life) {
        self.life = life;
        self.was_away = true;
        self.status = None;
        self.record.pid = None;
    }

    /// The last epoch it holds without a gap before it.
    #[must_use]
    pub fn certified(&self) -> u64 {
        (1..).zip(self.held.keys()).take_while(|(expected, epoch)| expected == *epoch).count()
            as u64
    }
}

/// Everything known.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Observation {
    /// Subnet id, hex.
    pub subnet: String,
    /// First window, unix milliseconds.
    pub genesis_ms: u64,
    /// Epoch length in milliseconds.
    pub epoch_ms: u64,
    /// Budget of an epoch.
    pub budget_rao: u64,
    /// The nodes in the order in which they were set up.
    pub nodes: Vec<NodeView>,
    /// Certified epochs in full, from the first node that showed them.
    pub epochs: BTreeMap<u64, EpochDetail>,
    /// The latest metagraph.
    pub metagraph: Option<Metagraph>,
    /// Validators as they stood after the epochs that were looked at, by hotkey.
    #[serde(default)]
    pub standings: BTreeMap<u64, BTreeMap<String, Standing>>,
}

/// A validator after an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Its stake.
    pub stake_rao: Amount,
    /// Epoch of its last weights.
    pub last_update: u64,
}

impl Standing {
    fn of(metagraph: &Metagraph) -> BTreeMap<String, Self> {
        let validators = metagraph.rows.iter().filter(|row| row.role == "validator");
        let standing =
            |row: &MetagraphRow| Self { stake_rao: row.stake_rao, last_update: row.last_update };
        validators.map(|row| (row.hotkey.clone(), standing(row))).collect()
    }
}

/// What to ask a node.
#[derive(Clone, Debug)]
pub struct Question {
    /// The node's name.
    pub name: String,
    /// Of which life the answer has to be.
    pub starts: u32,
    /// Where.
    pub api: String,
    /// The first epoch it has not shown.
    pub from: u64,
    /// The first epoch that nobody has shown in full.
    pub detail_from: u64,
    /// Whether it has scores.
    pub validator: bool,
}

/// What it answered.
#[derive(Clone, Debug)]
pub struct Reply {
    name: String,
    starts: u32,
    status: Option<Status>,
    held: Vec<EpochSummary>,
    details: Vec<EpochDetail>,
    metagraph: Option<Metagraph>,
    scores: Option<Vec<Score>>,
    usage: Option<(u64, Usage)>,
}

/// Asks one node. Blocks; what does not come is left out.
#[must_use]
pub fn ask(question: &Question) -> Reply {
    let mut reply = Reply {
        name: question.name.clone(),
        starts: question.starts,
        status: None,
        held: Vec::new(),
        details: Vec::new(),
        metagraph: None,
        scores: None,
        usage: None,
    };
    let Ok(client) = Client::new(&question.api) else { return reply };
    let Ok(status) = client.get::<Status>("/v1/status") else { return reply };
    if status.epoch >= question.from {
        let page = format!("/v1/epochs?from={}&limit={PAGE}", question.from);
        reply.held = client.get(&page).unwrap_or_default();
    }
    // A few at a time: a node that just came back has many, and the others wait.
    for epoch in (question.detail_from..=status.epoch).take(4) {
        let Ok(detail) = client.get(&format!("/v1/epochs/{epoch}")) else { break };
        reply.details.push(detail);
    }
    if !reply.held.is_empty() {
        reply.metagraph = client.get("/v1/metagraph").ok();
        reply.usage = usage::ask(&client);
    }
    if question.validator {
        reply.scores = client.get("/v1/scores").ok();
    }
    reply.status = Some(status);
    reply
}

impl Observation {
    /// A node by its name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&NodeView> {
        self.nodes.iter().find(|node| node.record.name == name)
    }

    /// The same, to change it.
    pub fn node_mut(&mut self, name: &str) -> Option<&mut NodeView> {
        self.nodes.iter_mut().find(|node| node.record.name == name)
    }

    /// A node by its hotkey.
    #[must_use]
    pub fn by_hotkey(&self, hotkey: &str) -> Option<&NodeView> {
        self.nodes.iter().find(|node| node.record.hotkey == hotkey)
    }

    /// What to ask the nodes that run.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        let detail_from = self.epochs.last_key_value().map_or(1, |(epoch, _)| epoch + 1);
        let running = self.nodes.iter().filter(|node| node.life == Life::Running);
        let question = |node: &NodeView| Question {
            name: node.record.name.clone(),
            starts: node.starts,
            api: node.record.api(),
            from: node.held.last_key_value().map_or(1, |(epoch, _)| epoch + 1),
            detail_from,
            validator: node.record.role == super::spec::Role::Validator,
        };
        running.map(question).collect()
    }

    /// Takes an answer in.
    pub fn take(&mut self, reply: Reply) {
        let known = self.metagraph.as_ref().map_or(0, |metagraph| metagraph.epoch);
        let Some(node) = self.node_mut(&reply.name) else { return };
        if node.starts != reply.starts || node.life != Life::Running {
            return;
        }
        let budget = reply.status.as_ref().map(|status| status.budget_rao.0);
        node.present.extend(reply.status.as_ref().map(|status| status.epoch));
        node.status = reply.status;
        for summary in reply.held {
            if summary.missed {
                node.missed.insert(summary.epoch);
            }
            node.held.insert(summary.epoch, summary);
        }
        for score in reply.scores.into_iter().flatten() {
            node.scored.entry(score.hotkey.clone()).or_default().1 = score.tasks;
            node.averages.insert(score.hotkey, score.average);
        }
        if let Some((epoch, usage)) = reply.usage {
            if !usage.is_conserved() {
                node.unbalanced.insert(epoch, usage);
            }
            node.usage.insert(epoch, usage);
        }
        if let Some(budget) = budget {
            self.budget_rao = budget;
        }
        for detail in reply.details {
            self.epochs.entry(detail.summary.epoch).or_insert(detail);
        }
        if let Some(metagraph) = &reply.metagraph {
            self.standings.entry(metagraph.epoch).or_insert_with(|| Standing::of(metagraph));
        }
        if let Some(metagraph) = reply.metagraph.filter(|one| one.epoch >= known) {
            self.metagraph = Some(metagraph);
        }
    }

    /// The last epoch that any node shows.
    #[must_use]
    pub fn newest(&self) -> u64 {
        let held = self.nodes.iter().filter_map(|node| node.held.last_key_value());
        held.map(|(epoch, _)| *epoch).max().unwrap_or(0)
    }

    /// Validators as they stood after an epoch, or at the look nearest to it.
    #[must_use]
    pub fn standings_at(&self, epoch: u64) -> Option<&BTreeMap<String, Standing>> {
        let before = self.standings.range(..=epoch).next_back();
        let nearest = before.or_else(|| self.standings.range(epoch..).next());
        nearest.map(|(_, standings)| standings)
    }

    /// Paid to a hotkey up to an epoch.
    #[must_use]
    pub fn paid(&self, hotkey: &str, up_to: u64) -> u64 {
        let rows = self.epochs.range(..=up_to).flat_map(|(_, detail)| &detail.rows);
        rows.filter(|row| row.hotkey == hotkey)
            .fold(0, |sum: u64, row| sum.saturating_add(row.paid_rao.0))
    }

    /// Tasks of a miner that validators scored, all together.
    #[must_use]
    pub fn scored(&self, hotkey: &str) -> u64 {
        let counts = self.nodes.iter().filter_map(|node| node.scored.get(hotkey));
        counts.fold(0, |sum: u64, (former, present)| sum.saturating_add(former + present))
    }

    /// Mean over validators of their moving average of a miner's scores.
    #[must_use]
    pub fn score(&self, hotkey: &str) -> Option<f64> {
        let known: Vec<f64> =
            self.nodes.iter().filter_map(|node| node.averages.get(hotkey).copied()).collect();
        let count = u32::try_from(known.len()).ok().filter(|count| *count > 0)?;
        Some(known.iter().sum::<f64>() / f64::from(count))
    }
}
