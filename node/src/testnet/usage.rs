//! What nodes use: memory, disk, network; and whether what they hold adds up. Pure, but for [`ask`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::observe::{NodeView, Observation};
use super::spec::Role;
use crate::api::types::Amount;
use crate::api::{Client, Ledger};

/// A node after an epoch, as it shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Rows of its state.
    pub rows: u64,
    /// Bytes of its state.
    pub state_bytes: u64,
    /// All that is owned.
    pub supply_rao: Amount,
    /// What was there at genesis and was emitted since, without what was burned and slashed.
    pub expected_rao: Amount,
    /// Resident memory.
    pub resident_bytes: u64,
    /// Received since its process started.
    pub bytes_in: u64,
    /// Sent since then.
    pub bytes_out: u64,
}

/// Asks a node; the epoch it speaks of, and what it uses. `None` if it does not answer.
#[must_use]
pub fn ask(client: &Client) -> Option<(u64, Usage)> {
    let ledger: Ledger = client.get("/v1/ledger").ok()?;
    let metrics = client.get_text("/metrics").ok()?;
    Some((ledger.epoch, Usage::of(&ledger, &metrics)))
}

impl Usage {
    fn of(ledger: &Ledger, metrics: &str) -> Self {
        let owned = ledger.genesis_rao.0.saturating_add(ledger.emitted_rao.0);
        let gone = ledger.burned_rao.0.saturating_add(ledger.slashed_rao.0);
        Self {
            rows: ledger.rows,
            state_bytes: ledger.bytes,
            supply_rao: ledger.supply_rao,
            expected_rao: Amount(owned.saturating_sub(gone)),
            resident_bytes: sample(metrics, "ganglion_process_resident_memory_bytes"),
            bytes_in: sample(metrics, "ganglion_p2p_bytes_total{direction=\"in\"}"),
            bytes_out: sample(metrics, "ganglion_p2p_bytes_total{direction=\"out\"}"),
        }
    }

    /// Whether nothing was made or lost.
    #[must_use]
    pub fn is_conserved(&self) -> bool {
        self.supply_rao == self.expected_rao
    }
}

/// The value of a metric that is a whole number, 0 if there is none.
fn sample(metrics: &str, name: &str) -> u64 {
    let values = metrics.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    values.filter_map(|value| value.trim().parse().ok()).next().unwrap_or(0)
}

/// What the nodes of one role used over a run, each figure the median of its nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleUsage {
    /// The role.
    pub role: Role,
    /// How many nodes.
    pub nodes: usize,
    /// Resident memory at the end.
    pub resident_bytes: u64,
    /// Received per epoch.
    pub bytes_in: u64,
    /// Sent per epoch.
    pub bytes_out: u64,
    /// Certificate log per epoch: all that is kept for ever.
    pub log_bytes: u64,
}

/// What each role used; `log_bytes` are the sizes of the nodes' certificate logs by name.
#[must_use]
pub fn by_role(seen: &Observation, log_bytes: &BTreeMap<String, u64>) -> Vec<RoleUsage> {
    let of_role = |role: Role| {
        let nodes: Vec<&NodeView> =
            seen.nodes.iter().filter(|node| node.record.role == role).collect();
        let figure = |of: &dyn Fn(&NodeView) -> Option<u64>| {
            let mut figures: Vec<u64> = nodes.iter().filter_map(|node| of(node)).collect();
            figures.sort_unstable();
            figures.get(figures.len() / 2).copied().unwrap_or(0)
        };
        let last = |node: &NodeView| node.usage.last_key_value().map(|(_, usage)| *usage);
        let per_epoch = |of: fn(&Usage) -> u64| {
            figure(&move |node| {
                let (first, before) = node.usage.first_key_value()?;
                let (last, after) = node.usage.last_key_value()?;
                of(after).checked_sub(of(before))?.checked_div(last - first)
            })
        };
        (!nodes.is_empty()).then(|| RoleUsage {
            role,
            nodes: nodes.len(),
            resident_bytes: figure(&|node| Some(last(node)?.resident_bytes)),
            bytes_in: per_epoch(|usage| usage.bytes_in),
            bytes_out: per_epoch(|usage| usage.bytes_out),
            log_bytes: figure(&|node| {
                let bytes = log_bytes.get(&node.record.name)?;
                bytes.checked_div(node.held.last_key_value().map_or(0, |(epoch, _)| *epoch))
            }),
        })
    };
    Role::ALL.into_iter().filter_map(of_role).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testnet::table::tests::observation;

    #[test]
    fn metrics_are_read_by_name_and_label() {
        let text = "# HELP a b\nganglion_p2p_bytes_total{direction=\"in\"} 12\n\
                    ganglion_p2p_bytes_total{direction=\"out\"} 34\n\
                    ganglion_process_resident_memory_bytes 56\n";
        assert_eq!(sample(text, "ganglion_p2p_bytes_total{direction=\"out\"}"), 34);
        assert_eq!(sample(text, "ganglion_process_resident_memory_bytes"), 56);
        assert_eq!(sample(text, "ganglion_p2p_bytes"), 0);
    }

    #[test]
    fn use_per_epoch_is_the_median_of_what_was_added_between_two_looks() {
        let mut seen = observation();
        let usage = |bytes: u64| Usage {
            rows: 1,
            state_bytes: 2,
            supply_rao: Amount(3),
            expected_rao: Amount(3),
            resident_bytes: bytes,
            bytes_in: bytes,
            bytes_out: 2 * bytes,
        };
        seen.nodes[0].usage = [(2, usage(1_000)), (12, usage(3_000))].into();
        let log_bytes = [(seen.nodes[0].record.name.clone(), 500)].into();
        let roles = by_role(&seen, &log_bytes);
        let one = roles.iter().find(|one| one.role == Role::Validator).unwrap();
        assert_eq!((one.bytes_in, one.bytes_out, one.resident_bytes), (200, 400, 3_000));
        assert_eq!(one.log_bytes, 500);
    }
}
