//! `docs/METRICS.md`, from the table.

use std::fmt::Write as _;

use super::table::{Label, Metric, SECTIONS, Values};

const HEAD: &str = "\
# Metrics

`GET /metrics` of every node, in the Prometheus text format. All names begin with `ganglion_`; units are base units
(seconds, bytes, rao); counters end in `_total` and begin at 0 with the process, except where said. No hotkey and no
peer id is a label, and every label has a bound. Histograms come as `_bucket`, `_sum` and `_count`.

The column *since* says when a metric shows for the first time. Troubles that alerts ask for are there as 0 from the start, so
that the first one is an increase; other values of a label come with their first event.

Made from the table in `node/src/metrics/table` by `GANGLION_REFERENCE=1 cargo test -p ganglion --lib metrics::page`; the same test compares both.

[OPERATING.md](OPERATING.md#watching) says how to watch them: scrape configurations, alerts with runbooks and dashboards are in `deploy/`.
";

/// The whole page.
#[must_use]
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for section in SECTIONS.into_iter().filter(|section| !section.metrics.is_empty()) {
        let _ = write!(page, "\n## {}\n\n", section.title);
        if !section.text.is_empty() {
            let _ = write!(page, "{}\n\n", section.text);
        }
        page.push_str(
            "| name and labels | kind | unit | since | meaning |\n|---|---|---|---|---|\n",
        );
        for metric in section.metrics {
            row(&mut page, metric);
        }
    }
    page
}

fn row(page: &mut String, metric: &Metric) {
    let Metric { name, kind, unit, labels, since, meaning, note } = metric;
    let names: Vec<&str> = labels.iter().map(|label| label.name).collect();
    let labelled =
        if names.is_empty() { String::new() } else { format!("{{{}}}", names.join(",")) };
    let _ = write!(
        page,
        "| `{name}{labelled}` | {} | {} | {} | {meaning}.",
        kind.name(),
        unit.name(),
        since.name()
    );
    for Label { name, values } in *labels {
        match values {
            Values::Of(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                let _ = write!(page, " `{name}`: {}.", words.join(", "));
            }
            Values::AtMost(_, what) => {
                let _ = write!(page, " `{name}`: {what}.");
            }
        }
    }
    if !note.is_empty() {
        let _ = write!(page, " {note}");
    }
    page.push_str(" |\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/METRICS.md");
        let wanted = page();
        if std::env::var_os("GANGLION_REFERENCE").is_some() {
            std::fs::write(path, &wanted).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap();
        let differs = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
        assert!(
            found == wanted,
            "docs/METRICS.md is not what the table says, first at {differs:?}; write it anew with\n\
             GANGLION_REFERENCE=1 cargo test -p ganglion --lib metrics::page"
        );
    }

    #[test]
    fn every_metric_has_a_row_and_no_row_is_cut_short() {
        let page = page();
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(rows.len(), crate::metrics::table::all().count());
        for row in rows {
            assert_eq!(row.matches(" | ").count(), 4, "{row}");
        }
    }
}
