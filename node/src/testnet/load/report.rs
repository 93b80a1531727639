//! What a load did, and what became of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::testnet::table;

/// Longest reason in the report.
const REASON_CHARS: usize = 72;

/// Every operation there is, by name.
pub(super) const OPERATIONS: [&str; 13] = [
    "approve",
    "burn_register",
    "delegate",
    "deregister",
    "register",
    "revise",
    "rotate_hotkey",
    "serve",
    "set_take",
    "stake",
    "transfer",
    "undelegate",
    "unstake",
];

/// What was done: `ganglion/testnet-load/1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// `ganglion/testnet-load/1`.
    pub schema: String,
    /// Of the draw.
    pub seed: u64,
    /// First and last epoch in which operations were sent.
    pub epochs: (u64, u64),
    /// By kind of operation.
    pub kinds: BTreeMap<String, Counts>,
    /// Why nodes refused some, by kind.
    pub refusals: BTreeMap<String, BTreeMap<String, u64>>,
    /// Why some failed in a cut, by kind.
    pub failures: BTreeMap<String, BTreeMap<String, u64>>,
}

/// Operations of one kind. `sent` is the sum of the four others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Signed and given to a node.
    pub sent: u64,
    /// Not taken by the node.
    pub refused: u64,
    /// Done.
    pub done: u64,
    /// In a cut, and without effect.
    pub failed: u64,
    /// Taken by a node, and in no cut until the end.
    pub undecided: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.refused += other.refused;
        self.done += other.done;
        self.failed += other.failed;
        self.undecided += other.undecided;
    }
}

impl Report {
    /// A load of which nothing was sent yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { schema: "ganglion/testnet-load/1".into(), seed, ..Self::default() }
    }

    pub(super) fn sent(&mut self, kind: &str) {
        self.kind(kind).sent += 1;
    }

    pub(super) fn refused(&mut self, kind: &str, reason: &str) {
        self.kind(kind).refused += 1;
        count(&mut self.refusals, kind, reason);
    }

    /// `outcome` is `done`, or the reason why not.
    pub(super) fn decided(&mut self, kind: &str, outcome: &str) {
        if outcome == "done" {
            self.kind(kind).done += 1;
        } else {
            self.kind(kind).failed += 1;
            count(&mut self.failures, kind, outcome);
        }
    }

    pub(super) fn undecided(&mut self, kind: &str) {
        self.kind(kind).undecided += 1;
    }

    fn kind(&mut self, kind: &str) -> &mut Counts {
        self.kinds.entry(kind.to_owned()).or_default()
    }

    /// All kinds together.
    #[must_use]
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.kinds.values().for_each(|counts| total.add(*counts));
        total
    }

    /// Kinds of which none was done.
    #[must_use]
    pub fn never_done(&self) -> Vec<&'static str> {
        let done = |kind: &str| self.kinds.get(kind).is_some_and(|counts| counts.done > 0);
        OPERATIONS.into_iter().filter(|kind| !done(kind)).collect()
    }

    /// For people: a table of kinds, then reasons.
    #[must_use]
    pub fn text(&self) -> String {
        let row = |kind: &str, one: Counts| {
            let numbers = [one.sent, one.done, one.failed, one.refused, one.undecided];
            let shown = numbers.map(|number| match number {
                0 => String::new(),
                number => number.to_string(),
            });
            [vec![kind.to_owned()], shown.to_vec()].concat()
        };
        let rows = self.kinds.iter().map(|(kind, counts)| row(kind, *counts));
        let header = ["operation", "sent", "done", "failed", "refused", "undecided"];
        let total = std::iter::once(row("all", self.total()));
        let mut text = table::plain(&header, rows.chain(total));
        for (title, reasons) in [("failed", &self.failures), ("refused", &self.refusals)] {
            let each = reasons.iter().flat_map(|(kind, reasons)| {
                reasons.iter().map(move |(reason, count)| {
                    vec![title.to_owned(), count.to_string(), kind.clone(), reason.clone()]
                })
            });
            if !reasons.is_empty() {
                text.push('\n');
                text.push_str(&table::plain(&["", "", "operation", "why"], each));
            }
        }
        text
    }
}

fn count(reasons: &mut BTreeMap<String, BTreeMap<String, u64>>, kind: &str, reason: &str) {
    let reasons = reasons.entry(kind.to_owned()).or_default();
    *reasons.entry(short(reason)).or_default() += 1;
}

/// A reason without what differs from case to case, so that equal ones are counted together.
fn short(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let special = word.chars().any(|c| c.is_ascii_digit()) || word.len() > 24;
        if special { "…" } else { word }
    });
    words.collect::<Vec<_>>().join(" ").chars().take(REASON_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_together() {
        let mut report = Report::new(1);
        for (kind, outcome) in [
            ("transfer", "done"),
            ("transfer", "it takes 5.2, but the balance is 3.1"),
            ("transfer", "it takes 7, but the balance is 0.25"),
            ("stake", "done"),
        ] {
            report.sent(kind);
            report.decided(kind, outcome);
        }
        report.sent("stake");
        report.undecided("stake");
        assert_eq!(report.failures["transfer"].len(), 1, "{report:?}");
        assert_eq!(
            report.total(),
            Counts { sent: 5, refused: 0, done: 2, failed: 2, undecided: 1 }
        );
        let text = report.text();
        assert!(text.contains(" transfer      3     1       2"), "{text}");
        assert!(text.contains("it takes … but the balance is …"), "{text}");
    }
}
