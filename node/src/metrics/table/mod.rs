//! Every metric of a node, in one table: what the exporter tells about each, and what `docs/METRICS.md` is made from.
//!
//! A metric that is not here may not be counted, and one that is here is counted somewhere: tests compare the table
//! with the sources and with a running node.

mod libp2p;
mod machine;
mod network;
mod subnet;

/// What a metric is to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rises from 0, its name ends in `_total`.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Comes as `_bucket`, `_sum` and `_count`.
    Histogram,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Time.
    Seconds,
    /// Memory, disk, traffic.
    Bytes,
    /// Stake and payments.
    Rao,
    /// A part of a whole, 0 to 1.
    Ratio,
    /// 1 for yes, 0 for no.
    Flag,
    /// Seconds since 1970.
    Time,
    /// Things, which the word names.
    Of(&'static str),
}

impl Unit {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Rao => "rao",
            Self::Ratio => "0 to 1",
            Self::Flag => "0 or 1",
            Self::Time => "Unix seconds",
            Self::Of(what) => what,
        }
    }
}

/// What a label may say. Never a key, never a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// One of these words.
    Of(&'static [&'static str]),
    /// What is said here, and so many at most.
    AtMost(usize, &'static str),
}

/// A label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What it may say.
    pub values: Values,
}

/// From when on a metric shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// From the first scrape on.
    Start,
    /// From the first certified epoch on.
    Epoch,
    /// From the first event on that it counts.
    Event,
    /// From the first event on, where what is said here holds.
    Where(&'static str),
}

impl Since {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Epoch => "first epoch",
            Self::Event => "first event",
            Self::Where(what) => what,
        }
    }
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is to Prometheus.
    pub kind: Kind,
    /// What it counts.
    pub unit: Unit,
    /// Its labels.
    pub labels: &'static [Label],
    /// From when on it shows.
    pub since: Since,
    /// What it means: its help text.
    pub meaning: &'static str,
    /// What the page adds, with links.
    pub note: &'static str,
}

/// A part of the page.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// What stands under it; may be empty.
    pub text: &'static str,
    /// In the order of the page.
    pub metrics: &'static [Metric],
}

/// All of them, in the order of the page.
pub const SECTIONS: [&Section; 12] = [
    &subnet::EPOCHS,
    &subnet::AGREEMENT,
    &subnet::REWARDS,
    &subnet::REGISTRY,
    &subnet::ANCHORS,
    &machine::NODE,
    &machine::STORE,
    &machine::WORKER,
    &machine::HTTP,
    &machine::PROCESS,
    &network::NETWORK,
    &libp2p::LIBP2P,
];

/// Every metric.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    SECTIONS.into_iter().flat_map(|section| section.metrics)
}

/// Metrics that libp2p counts itself: what is not here is not shown.
pub(super) const fn of_libp2p() -> &'static [Metric] {
    libp2p::LIBP2P.metrics
}

const fn counter(name: &'static str, unit: Unit, meaning: &'static str) -> Metric {
    Metric::new(name, Kind::Counter, unit, meaning)
}

const fn gauge(name: &'static str, unit: Unit, meaning: &'static str) -> Metric {
    Metric::new(name, Kind::Gauge, unit, meaning)
}

/// Shows once something was measured.
const fn histogram(name: &'static str, unit: Unit, meaning: &'static str) -> Metric {
    Metric::new(name, Kind::Histogram, unit, meaning).since(Since::Event)
}

impl Metric {
    const fn new(name: &'static str, kind: Kind, unit: Unit, meaning: &'static str) -> Self {
        Self { name, kind, unit, labels: &[], since: Since::Start, meaning, note: "" }
    }

    const fn by(mut self, labels: &'static [Label]) -> Self {
        self.labels = labels;
        self
    }

    const fn since(mut self, since: Since) -> Self {
        self.since = since;
        self
    }

    const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }
}

const fn words(name: &'static str, values: &'static [&'static str]) -> Label {
    Label { name, values: Values::Of(values) }
}

const fn at_most(name: &'static str, most: usize, what: &'static str) -> Label {
    Label { name, values: Values::AtMost(most, what) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ganglion_subnet::Rejection;
    use ganglion_types::Kind as ItemKind;

    use super::*;

    #[test]
    fn names_are_ours_unlike_and_tell_kind_and_unit() {
        let mut names = BTreeSet::new();
        for metric in all() {
            let name = metric.name;
            assert!(name.starts_with("ganglion_") && names.insert(name), "{name}");
            let (bare, total) =
                name.strip_suffix("_total").map_or((name, false), |bare| (bare, true));
            assert_eq!(total, metric.kind == Kind::Counter, "{name}");
            for (suffix, unit) in [
                ("_timestamp_seconds", Unit::Time),
                ("_seconds", Unit::Seconds),
                ("_bytes", Unit::Bytes),
                ("_rao", Unit::Rao),
                ("_ratio", Unit::Ratio),
            ] {
                if bare.ends_with(suffix) {
                    assert_eq!(metric.unit, unit, "{name}");
                    break;
                }
                assert!(metric.unit != unit || unit == Unit::Ratio, "{name} lacks {suffix}");
            }
            assert!(metric.meaning.len() > 10 && !metric.meaning.ends_with('.'), "{name}");
            assert!(metric.meaning.starts_with(|c: char| !c.is_lowercase()), "{name}");
            for label in metric.labels {
                let forbidden = ["hotkey", "coldkey", "peer_id", "le", "quantile"];
                assert!(!forbidden.contains(&label.name), "{name}");
            }
        }
    }

    /// The words of a label.
    fn words_of(metric: &str, label: &str) -> Vec<&'static str> {
        let metric = all().find(|one| one.name == metric).unwrap();
        let label = metric.labels.iter().find(|one| one.name == label).unwrap();
        match label.values {
            Values::Of(words) => words.to_vec(),
            Values::AtMost(..) => panic!("{label:?}"),
        }
    }

    #[test]
    fn words_of_labels_are_those_of_the_code() {
        let mut kinds = ItemKind::ALL.map(ItemKind::name).to_vec();
        kinds.push("unknown");
        assert_eq!(words_of("ganglion_items_total", "kind"), kinds);
        let mut results = vec!["accepted"];
        results.extend(Rejection::ALL.map(Rejection::name));
        assert_eq!(words_of("ganglion_items_total", "result"), results);
        let topics = ganglion_p2p::Topic::ALL.map(ganglion_p2p::Topic::name);
        assert_eq!(words_of("ganglion_p2p_gossip_messages_total", "topic"), topics);
    }
}
