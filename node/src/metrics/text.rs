//! The text format, for what does not go through the facade.

use std::fmt::Write as _;

use super::table::{self, Kind, Label, Metric, Values};

/// Lines of one metric that are taken over at most: the most that one has is a histogram of six topics.
const SERIES_MAX: usize = 128;

/// A scrape that is being written.
#[derive(Debug)]
pub(super) struct Text {
    text: String,
    /// The family that was written last.
    family: &'static str,
}

impl Text {
    /// Goes on after what the exporter wrote.
    pub(super) const fn new(text: String) -> Self {
        Self { text, family: "" }
    }

    /// One sample of a metric of the table, after the head of its family; `labels` is what stands in the
    /// braces. Samples of one family come one after the other. What the table lacks is left out.
    pub(super) fn sample(&mut self, name: &str, labels: &str, value: f64) {
        let Some(metric) = table::all().find(|one| one.name == name) else { return };
        if self.family != metric.name {
            self.family = metric.name;
            self.head(metric);
        }
        // A string takes whatever is written to it.
        let _ = match labels {
            "" => writeln!(self.text, "{name} {value}"),
            labels => writeln!(self.text, "{name}{{{labels}}} {value}"),
        };
    }

    /// Takes over what another library wrote in the format of `OpenMetrics`, as far as the table has it: other metrics,
    /// other labels and series past a bound stay out.
    pub(super) fn foreign(&mut self, other: &str, wanted: &[Metric]) {
        for metric in wanted {
            let mut taken = 0;
            for line in other.lines().filter(|line| line.starts_with(metric.name)) {
                let Some((series, value)) = line.rsplit_once(' ') else { continue };
                let (name, labels) = series.split_once('{').unwrap_or((series, ""));
                if !is_of(metric, name) {
                    continue;
                }
                let Some(labels) = relabelled(metric, labels.trim_end_matches('}')) else {
                    continue;
                };
                taken += 1;
                if taken > SERIES_MAX {
                    break;
                }
                if taken == 1 {
                    self.head(metric);
                }
                // A string takes whatever is written to it.
                let _ = match labels.as_str() {
                    "" => writeln!(self.text, "{name} {value}"),
                    labels => writeln!(self.text, "{name}{{{labels}}} {value}"),
                };
            }
        }
    }

    fn head(&mut self, metric: &Metric) {
        let (name, kind) = (metric.name, metric.kind.name());
        let _ = writeln!(self.text, "# HELP {name} {}\n# TYPE {name} {kind}", metric.meaning);
    }

    pub(super) fn into_string(self) -> String {
        self.text
    }
}

/// Whether a series of that name is a part of the metric.
fn is_of(metric: &Metric, name: &str) -> bool {
    let ends: &[&str] = match metric.kind {
        Kind::Histogram => &["_bucket", "_sum", "_count"],
        _ => &[""],
    };
    name.strip_prefix(metric.name).is_some_and(|end| ends.contains(&end))
}

/// The labels as the table has them; none if they say what it does not allow. A topic is named by its last part, as
/// everywhere else, where libp2p gives its full name.
fn relabelled(metric: &Metric, labels: &str) -> Option<String> {
    let mut kept: Vec<String> = Vec::new();
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once('=')?;
        let value = value.trim_matches('"');
        let (name, value) = match name {
            "hash" | "topic_hash" | "topic" => ("topic", value.rsplit('/').next()?),
            "le" => {
                kept.push(label.to_owned());
                continue;
            }
            other => (other, value),
        };
        let Label { values, .. } = metric.labels.iter().find(|known| known.name == name)?;
        match values {
            Values::Of(words) if !words.contains(&value) => return None,
            _ => kept.push(format!("{name}=\"{value}\"")),
        }
    }
    let complete = metric.labels.iter().all(|label| {
        kept.iter().any(|held| held.split_once('=').is_some_and(|(name, _)| name == label.name))
    });
    complete.then(|| kept.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::table::Since;

    const WORDS: Label = Label { name: "topic", values: Values::Of(&["tasks", "ops"]) };
    const METRIC: Metric = Metric {
        name: "ganglion_libp2p_test_total",
        kind: Kind::Counter,
        unit: table::Unit::Of("tests"),
        labels: &[WORDS],
        since: Since::Event,
        meaning: "What is tested",
        note: "",
    };

    fn taken(other: &str) -> String {
        let mut text = Text::new(String::new());
        text.foreign(other, &[METRIC]);
        text.into_string()
    }

    #[test]
    fn what_the_table_has_is_taken_over_under_its_own_head() {
        let other = "# HELP ganglion_libp2p_test What.\n# TYPE ganglion_libp2p_test counter\n\
                     ganglion_libp2p_test_total{hash=\"/ganglion/1/ab/ops\"} 3\n";
        assert_eq!(
            taken(other),
            "# HELP ganglion_libp2p_test_total What is tested\n\
             # TYPE ganglion_libp2p_test_total counter\n\
             ganglion_libp2p_test_total{topic=\"ops\"} 3\n"
        );
    }

    #[test]
    fn other_names_labels_and_words_stay_out() {
        for line in [
            "ganglion_libp2p_test_totals{topic=\"ops\"} 1",
            "ganglion_libp2p_test_total{topic=\"12D3KooW\"} 1",
            "ganglion_libp2p_test_total{topic=\"ops\",peer=\"12D3KooW\"} 1",
            "ganglion_libp2p_test_total 1",
            "ganglion_libp2p_other_total{topic=\"ops\"} 1",
        ] {
            assert_eq!(taken(line), "", "{line}");
        }
    }

    #[test]
    fn series_past_the_bound_stay_out() {
        let many: String = (0..500)
            .map(|at| format!("ganglion_libp2p_test_total{{topic=\"ops\"}} {at}\n"))
            .collect();
        assert_eq!(taken(&many).lines().count(), 2 + SERIES_MAX);
    }
}
